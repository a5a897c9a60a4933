from . import canonical, health, oauth, openapi, schema, webhook
