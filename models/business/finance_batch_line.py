from odoo import api, fields, models

from ..guard import own_code

KINDS = [
    ("invoice", "Invoice"),
    ("credit_note", "Credit Note"),
    ("void", "Cancelled"),
    ("payment", "Payment"),
    ("taken_back", "Payment Taken Back"),
]
ANSWERS = [
    ("waiting", "To Approve"),
    ("left_out", "Left Out"),
    ("changed", "Changed Since"),
    ("on_way", "On Its Way"),
    ("sent", "Sent"),
    ("refused", "Refused"),
]
# state of the message → what became of the document
_ANSWER_OF = {
    "held": "waiting",
    "pending": "on_way",
    "sending": "on_way",
    "waiting": "on_way",
    "done": "sent",
    "failed": "refused",
    "dead": "refused",
}


class HubFinanceBatchLine(models.Model):
    """One document of a batch, as it was gathered, and what the ledger answered. Rows are written by code only."""

    _name = "hub.finance.batch.line"
    _description = "Document of a Batch"
    _order = "batch_id desc, rank, kind, number, id"
    _rec_name = "number"

    batch_id = fields.Many2one(
        "hub.finance.batch", required=True, readonly=True, ondelete="cascade", index=True
    )
    company_id = fields.Many2one("res.company", required=True, readonly=True, index=True)
    message_id = fields.Many2one("hub.message", readonly=True, ondelete="set null", index=True)
    move_id = fields.Many2one(
        "account.move", string="Document", readonly=True, ondelete="set null", index=True
    )
    kind = fields.Selection(KINDS, required=True, readonly=True)
    number = fields.Char(readonly=True)
    date = fields.Date(readonly=True)
    partner_id = fields.Many2one("res.partner", string="Customer", readonly=True)
    currency_id = fields.Many2one("res.currency", required=True, readonly=True)
    amount = fields.Monetary(
        string="To Be Sent", readonly=True, help="Taxes included; credit notes are negative."
    )
    amount_books = fields.Monetary(
        string="In Odoo's Books", readonly=True, help="What the books said when it was gathered."
    )
    warnings = fields.Json(readonly=True)
    warning = fields.Char(string="To Look At", compute="_compute_warning")
    rank = fields.Integer(readonly=True, help="Those with warnings first.")
    left_by_id = fields.Many2one("res.users", string="Left Out By", readonly=True)
    answer = fields.Selection(ANSWERS, string="Status", compute="_compute_answer")
    answer_text = fields.Char(string="Answer", compute="_compute_answer")
    kept = fields.Json(
        readonly=True, help="State, reason and facts of the message, kept when it came to its end."
    )

    @api.depends("warnings")
    @api.depends_context("lang")
    def _compute_warning(self):
        said = {
            "new_customer": self.env._("The ledger does not know this customer yet."),
            "late": self.env._("Its day lies before the cut-off of a batch that was sent."),
            "differs": self.env._("Odoo's books say another amount."),
            "future": self.env._("Its day is not over yet."),
        }
        for line in self:
            line.warning = " ".join(said[code] for code in line.warnings or ()) or False

    @api.depends("message_id.state", "message_id.reason", "left_by_id", "kept")
    @api.depends_context("lang")
    def _compute_answer(self):
        sentences = self.env["hub.sentence"]
        # With sudo: the state of each message and its reason, for who sees the batch.
        messages = self.sudo().message_id
        messages.fetch(["state", "reason", "params"])
        for line in self:
            message = line.sudo().message_id
            state, reason, params = (
                (message.state, message.reason, message.params)
                if message
                else ((line.kept or {}).get(name) for name in ("state", "reason", "params"))
            )
            if line.left_by_id and state == "held":
                line.answer = "left_out"
            else:
                line.answer = _ANSWER_OF.get(state, "changed")
            said = state in ("failed", "dead", "skipped") and reason
            facts = {"system": line.batch_id.system_id.name} | (params or {})
            line.answer_text = sentences._sentence(reason, facts) if said else False

    def _approvals(self):
        """What is asked about these documents by checkpoints that decide in batches; those of others are decided one by
        one, as they were asked."""
        return self.env["hub.approval"].search(
            [
                ("message_id", "in", self.message_id.ids),
                ("state", "=", "waiting"),
                ("checkpoint_id.batch", "!=", False),
            ]
        )

    def _keep(self, vals):
        # With sudo: what allows it was looked at by who calls; nobody writes this by hand.
        own_code(self.sudo()).write(vals)

    def action_leave_out(self):
        """Do not send these with this batch; they wait for the next one."""
        self.batch_id._check_may_prepare()
        for batch in self.batch_id:
            batch._require_open()
        lines = self.filtered(lambda line: line.answer == "waiting")
        lines._keep({"left_by_id": self.env.uid})
        return True

    def action_take_in(self):
        """Send what somebody left out with this batch after all."""
        self.batch_id._check_may_prepare()
        for batch in self.batch_id:
            batch._require_open()
        self.filtered(lambda line: line.answer == "left_out")._keep({"left_by_id": False})
        return True

    def action_open(self):
        """The document, or the message where Odoo has it no more."""
        self.ensure_one()
        target = self.move_id or self.message_id
        return {
            "type": "ir.actions.act_window",
            "res_model": target._name,
            "res_id": target.id,
            "views": [[False, "form"]],
        }
