from . import canonical, export, health, oauth, openapi, schema, webhook
