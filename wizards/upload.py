import base64

from odoo import api, fields, models
from odoo.exceptions import UserError

from ..core.problem import Problem

SHOWN = 20  # good rows in the preview
FAULTS = 100  # rows with a fault in the preview


class HubUploadWizard(models.TransientModel):
    """Feed a stream with a file: the fallback when a product cannot be reached, or never could."""

    _name = "hub.upload.wizard"
    _description = "Upload CSV"

    stream_id = fields.Many2one(
        "hub.stream",
        required=True,
        domain="[('system_id', '!=', False), ('direction', '=', 'in')]",
    )
    file = fields.Binary(required=True, attachment=False)
    file_name = fields.Char()
    form = fields.Selection(
        [("canonical", "Canonical field names"), ("external", "Paths of the product")],
        string="Columns Are",
        help="Empty: what explains more columns.",
    )
    delimiter = fields.Selection(
        [(",", "Comma"), (";", "Semicolon"), ("\t", "Tab"), ("|", "Bar")], help="Empty: guessed."
    )
    encoding = fields.Selection(
        [("utf-8-sig", "UTF-8"), ("cp1252", "Windows-1252"), ("utf-16", "UTF-16")],
        help="Empty: guessed.",
    )
    decimal = fields.Selection(
        [(".", "Point: 1234.50"), (",", "Comma: 1234,50")],
        string="Decimal Mark",
        help="Empty: guessed, and asked for where a number can mean two things.",
    )
    days = fields.Selection(
        [("dmy", "Day first: 31/12/2026"), ("mdy", "Month first: 12/31/2026")],
        string="Days Are Written",
        help="Empty: 2026-12-31 and what can mean one day only; asked for where a day can mean two.",
    )
    columns_text = fields.Char(compute="_compute_columns_text", string="Possible Columns")
    state = fields.Selection([("choose", "Choose"), ("preview", "Preview")], default="choose")
    fault_text = fields.Char(readonly=True)
    found_text = fields.Char(readonly=True, string="Read As")
    good_count = fields.Integer(readonly=True, string="Good Rows")
    bad_count = fields.Integer(readonly=True, string="Rows with a Fault")
    line_ids = fields.One2many("hub.upload.wizard.line", "wizard_id", readonly=True)

    @api.depends("stream_id")
    def _compute_columns_text(self):
        for wizard in self:
            upload = wizard.env["hub.upload"]
            names = upload._column_names(wizard.stream_id) if wizard.stream_id else []
            wizard.columns_text = ", ".join(names) or False

    def _read(self):
        self.ensure_one()
        self.env["hub.upload"]._require(self.stream_id)
        return self.env["hub.upload"]._read(
            self.stream_id,
            base64.b64decode(self.with_context(bin_size=False).file or b""),
            self.delimiter or "",
            self.encoding or "",
            self.decimal or "",
            self.form or "",
            self.days or "",
        )

    def action_check(self):
        """Read the file and show what would be uploaded, and what is wrong with the rest."""
        self.ensure_one()
        self.line_ids.unlink()
        try:
            table, columns, entries = self._read()
        except Problem as problem:
            sentence, advice = self._words(problem)
            self.write({"state": "choose", "fault_text": f"{sentence} {advice}".strip()})
            return self._again()
        bad = [entry for entry in entries if entry.problem]
        good = [entry for entry in entries if not entry.problem]
        delimiters = dict(self._fields["delimiter"]._description_selection(self.env))
        encodings = dict(self._fields["encoding"]._description_selection(self.env))
        forms = dict(self._fields["form"]._description_selection(self.env))
        found = self.env._(
            "%(encoding)s, %(delimiter)s; %(form)s: %(used)s",
            encoding=encodings[table.encoding],
            delimiter=delimiters[table.delimiter],
            form=forms[columns.form],
            used=", ".join(columns.used),
        )
        if columns.unused:
            found += " · " + self.env._("Not used: %s", ", ".join(columns.unused))
        self.write(
            {
                "state": "preview",
                "fault_text": False,
                "found_text": found,
                "good_count": len(good),
                "bad_count": len(bad),
                "line_ids": [
                    fields.Command.create(self._line(entry))
                    for entry in [*bad[:FAULTS], *good[:SHOWN]]
                ],
            }
        )
        return self._again()

    def _words(self, problem):
        sentences = self.env["hub.sentence"]
        return (
            sentences._sentence(problem.code, problem.params),
            sentences._advice(problem.code, problem.params),
        )

    def _line(self, entry):
        values = ", ".join(f"{name}: {value}" for name, value in entry.values.items())
        return {
            "number": entry.line,
            "external_id": entry.key,
            "content": values[:300],
            "fault": self._words(entry.problem)[0] if entry.problem else False,
        }

    def action_upload(self):
        """Store the good rows; they are applied like everything that this stream brings."""
        self.ensure_one()
        try:
            _table, columns, entries = self._read()
        except Problem as problem:
            raise UserError(self._words(problem)[0]) from problem
        good = [entry for entry in entries if not entry.problem]
        if not good:
            raise UserError(self.env._("No row can be uploaded."))
        self.env.cr.execute("SELECT coalesce(max(id), 0) FROM hub_message")
        before = self.env.cr.fetchone()[0]
        stored = self.env["hub.upload"]._store(
            self.stream_id, columns, good, self.file_name, self.id
        )
        action = {
            "type": "ir.actions.act_window",
            "name": self.env._("Uploaded"),
            "res_model": "hub.message",
            "views": [[False, "list"], [False, "form"]],
            "domain": [("stream_id", "=", self.stream_id.id), ("id", ">", before)],
        }
        if stored == len(good):
            return action
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "warning",
                "message": self.env._(
                    "%(known)s of %(all)s rows were uploaded with this form before and were not taken again.",
                    known=len(good) - stored,
                    all=len(good),
                ),
                "next": action,
            },
        }

    def _again(self):
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Upload CSV"),
            "res_model": self._name,
            "res_id": self.id,
            "views": [[False, "form"]],
            "target": "new",
        }


class HubUploadWizardLine(models.TransientModel):
    _name = "hub.upload.wizard.line"
    _description = "Row of an Upload"

    wizard_id = fields.Many2one("hub.upload.wizard", required=True, ondelete="cascade")
    number = fields.Integer(string="Line")
    external_id = fields.Char(string="Id There")
    content = fields.Char(string="Values")
    fault = fields.Char()


class HubStream(models.Model):
    _inherit = "hub.stream"

    by_file = fields.Boolean(related="system_id.by_file")

    def action_upload(self):
        """Open the form that feeds this stream with a file."""
        self.ensure_one()
        self.check_access("read")
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "lead_to_cash_hub.hub_upload_wizard_action"
        )
        return {**action, "context": {"default_stream_id": self.id}}
