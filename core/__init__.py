"""Rules on plain data. No Odoo import, no input or output; time comes in as ``now``."""
