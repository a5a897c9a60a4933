import uuid

from odoo import api, fields, models

from ..guard import own_code

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

    @api.model
    def _hub_kept(self):
        """A bundle comes with it, in a Change."""
        kept = super()._hub_kept()
        return kept if self._hub_at_work() else kept | {IDENTITY}

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            self._hub_refuse_kept(vals)
        rows = super(HubIdentified, own_code(self)).create(
            [{**vals, IDENTITY: vals.get(IDENTITY) or uuid.uuid4().hex} for vals in vals_list]
        )
        return rows.with_env(self.env)

    @api.model
    def _load_records(self, data_list, update=False):
        """What a module ships is the same everywhere: by the name that the module gave it."""
        for data in data_list:
            name = data.get("xml_id") or ""
            if name and not name.startswith("__"):
                data["values"].setdefault(IDENTITY, name)
        return super()._load_records(data_list, update)
