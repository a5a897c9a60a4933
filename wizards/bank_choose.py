from odoo import api, fields, models
from odoo.exceptions import UserError


class HubBankChoose(models.TransientModel):
    """What a bank line settles, as a person knows it: documents, or a customer whose money it is."""

    _name = "hub.bank.choose"
    _description = "Choose What a Bank Line Settles"

    line_id = fields.Many2one("account.bank.statement.line", required=True, ondelete="cascade")
    # As the user, and not with sudo: the line may be another company's.
    company_id = fields.Many2one(related="line_id.company_id", related_sudo=False)
    journal_id = fields.Many2one(related="line_id.journal_id", related_sudo=False)
    currency_id = fields.Many2one(related="line_id.currency_id", related_sudo=False)
    amount = fields.Monetary(related="line_id.amount", related_sudo=False)
    label = fields.Char(related="line_id.payment_ref", string="Text", related_sudo=False)
    payer = fields.Char(related="line_id.partner_name", string="Other Side", related_sudo=False)
    item_ids = fields.Many2many(
        "account.move.line",
        string="Documents",
        domain="""[
            ('parent_state', '=', 'posted'), ('reconciled', '=', False), ('company_id', '=', company_id),
            ('currency_id', '=', currency_id), '|', '|',
            '&', ('payment_id.hub_payout', '=', True), ('account_id.account_type', '=', 'asset_current'),
            '&', ('account_id.account_type', '=', 'asset_receivable'), '|',
                 ('move_id.move_type', 'in', ('out_invoice', 'out_refund')), ('move_id.statement_line_id', '!=', False),
            '&', ('payment_id.journal_id', '=', journal_id),
            '&', ('account_id.reconcile', '=', True),
                 ('account_id.account_type', 'not in', ('asset_receivable', 'liability_payable'))]""",
    )
    partner_id = fields.Many2one(
        "res.partner",
        string="Customer",
        help="Whose money it is, where it is for no document or for more than these.",
    )
    rest_text = fields.Char(compute="_compute_rest_text", string="Then")

    @api.model_create_multi
    def create(self, vals_list):
        wizards = super().create(vals_list)
        wizards.line_id.check_access("read")
        return wizards

    def write(self, vals):
        result = super().write(vals)
        self.line_id.check_access("read")
        return result

    @api.depends("item_ids", "partner_id", "amount")
    def _compute_rest_text(self):
        for wizard in self:
            currency = wizard.currency_id
            total = sum(wizard.item_ids.mapped("amount_residual_currency"))
            rest = currency.round(wizard.amount - total) if currency else 0
            if not (wizard.item_ids or wizard.partner_id):
                text = False
            elif not wizard.item_ids and wizard.amount < 0:
                text = self.env._("Choose what it pays back: what went out is no unapplied cash.")
            elif not rest:
                text = self.env._("These documents are settled exactly.")
            elif abs(wizard.amount) > abs(total) and wizard.amount < 0:
                text = self.env._(
                    "%s more went out than is open: the customer owes it.",
                    currency.format(abs(rest)),
                )
            elif abs(wizard.amount) > abs(total):
                text = self.env._(
                    "%s stays on the customer's account as unapplied cash.",
                    currency.format(abs(rest)),
                )
            else:
                text = self.env._("%s of the documents stays open.", currency.format(abs(rest)))
            wizard.rest_text = text

    def action_settle(self):
        """Settle the line with what is chosen."""
        self.ensure_one()
        line = self.line_id
        line._hub_check_may()
        if not (self.item_ids or self.partner_id):
            raise UserError(self.env._("Choose documents, or the customer whose money it is."))
        open_amount = line._hub_open_of(self.item_ids)
        line.with_company(line.company_id)._hub_settle(
            {line.id: self.item_ids}, {line.id: self.partner_id}
        )
        line._hub_keep(
            "accepted" if self.item_ids else "unapplied",
            self.item_ids,
            [("by_person", self.env.user.name)],
            open_amount,
        )
        line._hub_audit("bank_accept")
        return {"type": "ir.actions.act_window_close"}
