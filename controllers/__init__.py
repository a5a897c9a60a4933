import logging

from ..core.access_log import Discreet
from . import canonical, export, health, oauth, openapi, schema, webhook

# Odoo's web servers write every address into their log; those of these doors hold secrets.
for _name in ("werkzeug", "longpolling"):
    logging.getLogger(_name).addFilter(Discreet())
