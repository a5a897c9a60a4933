from odoo import api, fields, models
from odoo.exceptions import UserError

# Causes that are decided by an invoice instead of the Odoo record that the message becomes.
ASK_INVOICE = ("payment_unmatched",)
# Causes that are decided by an account: nothing in the books is what the message speaks of.
ASK_ACCOUNT = ("payout_part_missing",)


class HubResolve(models.TransientModel):
    """What a person chooses: a record of the one model that fits, never a model first."""

    _inherit = "hub.resolve"

    record_id = fields.Many2oneReference(model_field="model_name", string="Record in Odoo")
    record_ref = fields.Reference(compute="_compute_record_ref", store=True, readonly=False)
    asks_invoice = fields.Boolean(compute="_compute_asks_invoice")
    invoice_id = fields.Many2one(
        "account.move",
        domain=[
            ("move_type", "=", "out_invoice"),
            ("state", "=", "posted"),
            ("payment_state", "in", ("not_paid", "partial")),
        ],
    )
    asks_account = fields.Boolean(compute="_compute_asks_invoice")
    account_id = fields.Many2one(
        "account.account",
        domain=[
            (
                "account_type",
                "not in",
                ("asset_receivable", "liability_payable", "asset_cash", "off_balance"),
            )
        ],
    )
    at_risk = fields.Monetary(related="issue_id.at_risk", currency_field="currency_id")
    currency_id = fields.Many2one(related="issue_id.currency_id")

    @api.depends("issue_id")
    def _compute_asks_invoice(self):
        for wizard in self:
            wizard.asks_invoice = wizard.issue_id.code in ASK_INVOICE
            wizard.asks_account = wizard.issue_id.code in ASK_ACCOUNT

    @api.depends("record_id", "model_name")
    def _compute_record_ref(self):
        for wizard in self:
            if wizard.record_id and wizard.model_name:
                wizard.record_ref = f"{wizard.model_name},{wizard.record_id}"
            elif not wizard.record_ref:
                wizard.record_ref = False

    @api.model
    def default_get(self, fields_list):
        values = super().default_get(fields_list)
        model, _comma, record = (values.get("record_ref") or "").partition(",")
        if model and record:
            values["record_id"] = int(record)
        return values

    def action_confirm(self):
        """Carry out the decision; a payment is told its invoice."""
        self.ensure_one()
        if self.mode == "link" and self.asks_invoice:
            self._settle_with_invoice()
            return {"type": "ir.actions.act_window_close"}
        if self.mode == "link" and self.asks_account:
            self._post_on_account()
            return {"type": "ir.actions.act_window_close"}
        return super().action_confirm()

    def _settle_with_invoice(self):
        """Let the payment of this issue be booked on the chosen invoice."""
        invoice = self.invoice_id
        if not invoice:
            raise UserError(self.env._("Choose the invoice that was paid."))
        invoice.check_access("read")
        self._decide_by("invoice", invoice, self.env._("Booked on %s", invoice.display_name))

    def _post_on_account(self):
        """Let what a payout consists of and nothing in the books is be posted on the chosen account."""
        account = self.account_id
        if not account:
            raise UserError(self.env._("Choose the account that takes the parts."))
        if not self.env["account.move"].has_access("create"):
            raise UserError(
                self.env._("Ask somebody who may post in accounting: this chooses an account.")
            )
        account.check_access("read")
        company = self.issue_id.company_id
        # With sudo: of a branch's user Odoo hides that the account is its parent's.
        if not account.sudo().filtered_domain(account._check_company_domain(company)):
            raise UserError(
                self.env._(
                    "%(account)s is no account of %(company)s.",
                    account=account.display_name,
                    company=company.name,
                )
            )
        self._decide_by("account", account, self.env._("Posted on %s", account.display_name))

    def _decide_by(self, name, record, why):
        """Keep the record that a person chose with the messages of this issue, and try them again."""
        messages = self.issue_id._messages()
        messages._require_resolver()
        messages._decide({name: record.id})
        self.env["hub.audit"]._append(
            [
                {
                    "action": "decide",
                    "system_id": self.issue_id.system_id.id,
                    "res_model": record._name,
                    "res_id": record.id,
                    "values": {"issue": self.issue_id.code, "decision": name},
                }
            ]
        )
        messages._replay(why, issue=self.issue_id)
