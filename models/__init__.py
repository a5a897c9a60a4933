from . import config, flow, business, insight
