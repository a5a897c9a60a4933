# The outbox marks models of every other folder, so it comes last.
from . import config, flow, business, insight, outbox  # isort: skip
