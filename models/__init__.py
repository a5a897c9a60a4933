# The outbox marks models of every other folder, so it comes last.
from . import kept  # isort: skip  (models of every folder inherit it)
from . import config, flow, business, insight, outbox  # isort: skip
