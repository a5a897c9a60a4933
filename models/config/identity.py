import uuid

from odoo import api, fields, models

IDENTITY = "identity"


class HubIdentified(models.AbstractModel):
    """Governed rows that people may rename: a bundle finds them in another database by what never changes."""

    _name = "hub.identified"
    _description = "Configuration with an Identity"
    _inherit = ["hub.governed"]

    identity = fields.Char(
        copy=False,
        index=True,
        help="Names this row for ever, in every database that got it by a bundle, whatever it is called there.",
    )

    @api.model_create_multi
    def create(self, vals_list):
        return super().create(
            [{**vals, IDENTITY: vals.get(IDENTITY) or uuid.uuid4().hex} for vals in vals_list]
        )

    @api.model
    def _load_records(self, data_list, update=False):
        """What a module ships is the same everywhere: by the name that the module gave it."""
        for data in data_list:
            name = data.get("xml_id") or ""
            if name and not name.startswith("__"):
                data["values"].setdefault(IDENTITY, name)
        return super()._load_records(data_list, update)
