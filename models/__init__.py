# The outbox marks models of every other folder, so it comes last.
from . import kept  # isort: skip  (models of every folder inherit it)
from . import config, flow, business, insight  # isort: skip
from .flow import outbox  # isort: skip
