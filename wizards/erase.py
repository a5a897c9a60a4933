import base64

from odoo import api, fields, models
from odoo.exceptions import UserError


class HubErase(models.TransientModel):
    """Erase what the hub keeps of a person: what that is, why, and further words to blacken."""

    _name = "hub.erase"
    _description = "Erase a Person"

    res_model = fields.Char(required=True, readonly=True)
    res_id = fields.Many2oneReference(
        model_field="res_model", required=True, readonly=True, string="Person"
    )
    record_name = fields.Char(compute="_compute_found")
    found = fields.Text(compute="_compute_found", string="What Is Kept")
    words = fields.Text(
        string="Further Words",
        help="One a line: former names and addresses that should be blackened wherever they stand. At "
        "least six characters each.",
    )
    reason = fields.Char(required=True, default="")
    sure = fields.Boolean(string="I know that this cannot be undone")

    @api.model
    def default_get(self, names):
        values = super().default_get(names)
        context = self.env.context
        values.setdefault("res_model", context.get("active_model"))
        values.setdefault("res_id", context.get("active_id"))
        return values

    @api.depends("res_model", "res_id")
    def _compute_found(self):
        erasure = self.env["hub.erasure"]
        for wizard in self:
            erasure._require(wizard.res_model, wizard.res_id)
            keys = erasure._keys_of(wizard.res_model, wizard.res_id)
            own = erasure._own_messages(wizard.res_model, wizard.res_id, keys)
            words = sorted(erasure._words_of(wizard.res_model, wizard.res_id))
            record = self.env[wizard.res_model].browse(wizard.res_id).exists()
            wizard.record_name = record.display_name or wizard.res_model
            wizard.found = self.env._(
                "%(messages)s messages with their payloads, known to %(systems)s systems.\n"
                "Blackened wherever they stand: %(words)s",
                messages=len(own),
                systems=len({key[0] for key in keys}),
                words=", ".join(words) or "–",
            )

    def action_erase(self):
        """Erase; what was done is kept without saying who it was."""
        self.ensure_one()
        self.env["hub.erasure"]._require(self.res_model, self.res_id)
        if not self.sure or not (self.reason or "").strip():
            raise UserError(self.env._("Say why, and that you know that this cannot be undone."))
        erasure = self.env["hub.erasure"]._erase(
            self.res_model, self.res_id, self.reason.strip(), (self.words or "").splitlines()
        )
        # The form itself names the person.
        self.sudo().unlink()
        return {
            "type": "ir.actions.act_window",
            "res_model": "hub.erasure",
            "res_id": erasure.id,
            "views": [[False, "form"]],
        }


class HubEraseAgain(models.TransientModel):
    """After a restore: what was erased before is erased again, by the list that was kept apart."""

    _name = "hub.erase.again"
    _description = "Erase Again After a Restore"

    file = fields.Binary(string="List of Erasures", attachment=False)
    file_name = fields.Char()
    out = fields.Binary(readonly=True, attachment=False, string="List of This Database")
    out_name = fields.Char(readonly=True)

    @api.model_create_multi
    def create(self, vals_list):
        data = base64.b64encode(self.env["hub.erasure"]._export())
        for vals in vals_list:
            vals.update(out=data, out_name=f"erasures-{fields.Date.today()}.json")
        return super().create(vals_list)

    def action_again(self):
        """Erase here what the list names."""
        self.ensure_one()
        data = self.with_context(bin_size=False).file
        if not data:
            raise UserError(self.env._("Choose the list that was kept apart from the backup."))
        done = self.env["hub.erasure"]._again(base64.b64decode(data))
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Erased Again"),
            "res_model": "hub.erasure",
            "views": [[False, "list"], [False, "form"]],
            "domain": [("id", "in", done.ids)],
        }

    def _open(self):
        return {
            "type": "ir.actions.act_window",
            "res_model": self._name,
            "res_id": self.id,
            "views": [[False, "form"]],
            "target": "new",
        }
