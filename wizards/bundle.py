import base64
import binascii

from odoo import api, fields, models
from odoo.exceptions import UserError


class HubBundleExport(models.TransientModel):
    """The configuration of a system, signed, for another database."""

    _name = "hub.bundle.export"
    _description = "Export a Bundle"

    system_id = fields.Many2one("hub.system", required=True)
    title = fields.Char(required=True)
    target = fields.Char(
        string="Target Database",
        required=True,
        help="The identifier that the other database shows under Import a Bundle.",
    )
    environment = fields.Selection(
        [("production", "Production"), ("sandbox", "Sandbox")], default="production", required=True
    )
    file = fields.Binary(readonly=True, attachment=False)
    file_name = fields.Char(readonly=True)
    left_out = fields.Text(readonly=True)

    def action_export(self):
        self.ensure_one()
        raw, left_out = self.env["hub.bundle"]._export(
            self.system_id, self.target.strip(), self.environment, self.title
        )
        self.write(
            {
                "file": base64.b64encode(raw),
                "file_name": f"{self.system_id.product}-{fields.Date.today()}.bundle.json",
                "left_out": "\n".join(left_out),
            }
        )
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Export a Bundle"),
            "res_model": self._name,
            "res_id": self.id,
            "views": [[False, "form"]],
            "target": "new",
        }


class HubBundleImport(models.TransientModel):
    """A bundle of another database, as a Change of a system here."""

    _name = "hub.bundle.import"
    _description = "Import a Bundle"

    system_id = fields.Many2one("hub.system", required=True)
    file = fields.Binary(required=True, attachment=False)
    file_name = fields.Char()
    database = fields.Char(compute="_compute_database", string="This Database")
    missing_text = fields.Text(readonly=True)

    @api.depends_context("uid")
    def _compute_database(self):
        self.database = self.env["hub.bundle"]._database()

    def action_import(self):
        """Open the Change that the bundle makes, or say what has to be there first."""
        self.ensure_one()
        try:
            raw = base64.b64decode(self.file or b"", validate=True)
        except (binascii.Error, ValueError) as error:
            raise UserError(self.env._("This file cannot be read.")) from error
        change, missing = self.env["hub.bundle"]._import(raw, self.system_id)
        if change:
            return change._open()
        self.missing_text = "\n".join(missing)
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Import a Bundle"),
            "res_model": self._name,
            "res_id": self.id,
            "views": [[False, "form"]],
            "target": "new",
        }
