import base64
import hashlib

from odoo import api, fields, models
from odoo.exceptions import UserError

from ..connectors import bank, bank_csv
from ..core.bank_known import KNOWN, LIKELY, NEW
from ..core.problem import Problem

SHOWN = 40  # movements of each statement in the preview


class HubBankImport(models.TransientModel):
    """A bank's file: looked at first, then imported once, then matched."""

    _name = "hub.bank.import"
    _description = "Import Bank File"

    file = fields.Binary(required=True, attachment=False)
    file_name = fields.Char()
    layout_id = fields.Many2one(
        "hub.bank.layout",
        string="Layout of CSV",
        help="Only for CSV files; others say what they are.",
    )
    journal_id = fields.Many2one(
        "account.journal",
        domain="[('type', 'in', ('bank', 'credit'))]",
        help="Empty: found by the account number and currency that the file says.",
    )
    take_likely = fields.Boolean(
        string="Take In What Only Looks Known",
        help="Movements that are equal to known ones in all but the bank's id: the bank made the file anew, or the "
        "same was paid twice on one day.",
    )
    state = fields.Selection([("choose", "Choose"), ("preview", "Preview")], default="choose")
    looked_at = fields.Char(readonly=True, help="Which file, layout and journal were shown.")
    fault_text = fields.Char(readonly=True)
    new_count = fields.Integer(string="New", readonly=True)
    likely_count = fields.Integer(string="Look Known", readonly=True)
    remarks_text = fields.Text(compute="_compute_remarks_text", string="Look at This")
    statement_ids = fields.One2many("hub.bank.import.statement", "import_id", readonly=True)
    entry_ids = fields.One2many("hub.bank.import.entry", "import_id", readonly=True)

    @api.depends("statement_ids.remarks")
    def _compute_remarks_text(self):
        for wizard in self:
            wizard.remarks_text = "\n".join(
                f"{statement.journal_id.display_name}: {remark}"
                for statement in wizard.statement_ids
                for remark in (statement.remarks or "").splitlines()
            )

    def _looks(self):
        """
        :raise Problem: the file is not taken.
        """
        self.ensure_one()
        self.env["account.bank.statement.line"]._hub_check_may()
        data = base64.b64decode(self.with_context(bin_size=False).file or b"")
        layout = self.layout_id
        statements = bank_csv.read(data, layout._layout()) if layout else bank.read(data)
        journal = self.journal_id
        if not journal and layout.journal_id and not any(one.account for one in statements):
            journal = layout.journal_id
        looks = self.env["hub.bank"]._look(statements, journal)
        return looks, hashlib.sha256(data).hexdigest()

    def _words(self, problem):
        sentences = self.env["hub.sentence"]
        words = (
            sentences._sentence(problem.code, problem.params),
            sentences._advice(problem.code, problem.params),
        )
        return " ".join(word for word in words if word)

    def action_check(self):
        """Read the file and show what it would bring."""
        self.ensure_one()
        self.action_choose()
        try:
            looks, digest = self._looks()
        except Problem as problem:
            self.write({"state": "choose", "fault_text": self._words(problem)})
            return self._again()
        self.write(
            {
                "state": "preview",
                "looked_at": self._stamp(digest),
                "new_count": sum(look.count(NEW) for look in looks),
                "likely_count": sum(look.count(LIKELY) for look in looks),
                "statement_ids": [fields.Command.create(self._statement(look)) for look in looks],
                "entry_ids": [
                    fields.Command.create(values)
                    for look in looks
                    for values in self._entries(look)
                ],
            }
        )
        return self._again()

    def action_choose(self):
        """Begin again: choose another file, layout or journal."""
        self.statement_ids.unlink()
        self.entry_ids.unlink()
        self.write({"state": "choose", "fault_text": False, "looked_at": False})
        return self._again()

    def _stamp(self, digest):
        """What makes a preview true: the file, and how it is read into which journal."""
        layout = self.layout_id
        return f"{digest} {layout.id} {layout.write_date} {self.journal_id.id}"

    def _statement(self, look):
        amounts = [entry.amount for entry in look.entries]
        return {
            "journal_id": look.journal.id,
            "account": look.statement.account,
            "currency_id": (look.journal.currency_id or look.journal.company_id.currency_id).id,
            "date_from": look.entries[0].day if look.entries else False,
            "date_to": look.entries[-1].day if look.entries else False,
            "has_balances": look.statement.difference is not None,
            "opening": float(look.statement.opening or 0),
            "closing": float(look.statement.closing or 0),
            "count": len(look.entries),
            "known_count": look.count(KNOWN),
            "new_count": look.count(NEW),
            "came_in": float(sum(one for one in amounts if one > 0)),
            "went_out": float(sum(one for one in amounts if one < 0)),
            "remarks": "\n".join(look.remarks),
        }

    def _entries(self, look):
        """The first movements, those that are not known before those that are."""
        order = sorted(range(len(look.entries)), key=lambda place: look.states[place][0] == KNOWN)
        return [
            {
                "currency_id": (look.journal.currency_id or look.journal.company_id.currency_id).id,
                "day": look.entries[place].day,
                "amount": float(look.entries[place].amount),
                "name": look.entries[place].name,
                "text": " ".join([*look.entries[place].texts, *look.entries[place].references])[
                    :300
                ],
                "state": look.states[place][0],
            }
            for place in order[:SHOWN]
        ]

    def action_import(self):
        """Import what is new, and show the lines with what they were matched with."""
        self.ensure_one()
        try:
            looks, digest = self._looks()
            if self.looked_at != self._stamp(digest):
                raise UserError(
                    self.env._("Look into the file first: it is not the one that you have seen.")
                )
            lines = self.env["hub.bank"]._book(
                looks, self.take_likely, self.file_name or "", digest
            )
        except Problem as problem:
            raise UserError(self._words(problem)) from problem
        if not lines and self.likely_count:
            raise UserError(
                self.env._(
                    "Nothing in this file is surely new. To import what only looks known, tick “Take In What Only "
                    "Looks Known”."
                )
            )
        if not lines:
            raise UserError(self.env._("Everything in this file is known already."))
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "lead_to_cash_hub.account_bank_statement_line_action_hub"
        )
        states = lines.mapped("hub_match")
        matched, proposed = states.count("matched"), states.count("proposed")
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "success",
                "message": self.env._(
                    "%(count)s lines: %(matched)s matched, %(proposed)s proposed, %(open)s to decide.",
                    count=len(lines),
                    matched=matched,
                    proposed=proposed,
                    open=len(lines) - matched - proposed,
                ),
                "next": {
                    **action,
                    "domain": [("id", "in", lines.ids)],
                    "context": {"search_default_group_match": 1},
                    "target": "main",
                },
            },
        }

    def _again(self):
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Import Bank File"),
            "res_model": self._name,
            "res_id": self.id,
            "views": [[False, "form"]],
            "target": "new",
        }


class HubBankImportStatement(models.TransientModel):
    _name = "hub.bank.import.statement"
    _description = "Statement of a Bank File"

    import_id = fields.Many2one("hub.bank.import", required=True, ondelete="cascade")
    journal_id = fields.Many2one("account.journal")
    account = fields.Char()
    currency_id = fields.Many2one("res.currency")
    date_from = fields.Date(string="From")
    date_to = fields.Date(string="To")
    has_balances = fields.Boolean()
    opening = fields.Monetary(string="Opening Balance")
    closing = fields.Monetary(string="Closing Balance")
    count = fields.Integer(string="Movements")
    known_count = fields.Integer(string="Known")
    new_count = fields.Integer(string="New")
    came_in = fields.Monetary()
    went_out = fields.Monetary()
    remarks = fields.Text()


class HubBankImportEntry(models.TransientModel):
    _name = "hub.bank.import.entry"
    _description = "Movement of a Bank File"

    import_id = fields.Many2one("hub.bank.import", required=True, ondelete="cascade")
    currency_id = fields.Many2one("res.currency")
    day = fields.Date()
    amount = fields.Monetary()
    name = fields.Char(string="Other Side")
    text = fields.Char()
    state = fields.Selection(
        [("new", "New"), ("likely", "Looks known"), ("known", "Known")], string="Status"
    )
