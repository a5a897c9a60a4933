from . import health, schema, webhook
