from odoo import api, fields, models
from odoo.exceptions import UserError

# What is settled by documents, moves between own accounts by itself, or is in no balance.
NOT_HERE = ("asset_receivable", "asset_cash", "liability_credit_card", "off_balance")


class HubBankPost(models.TransientModel):
    """Bank lines that concern no customer's document: fees, interest, salaries, what vendors got."""

    _name = "hub.bank.post"
    _description = "Post Bank Lines on an Account"

    line_ids = fields.Many2many(
        "account.bank.statement.line", string="Bank Lines", required=True, readonly=True
    )
    company_id = fields.Many2one("res.company", compute="_compute_company_id")
    account_id = fields.Many2one(
        "account.account",
        required=True,
        check_company=True,
        domain=f"[('account_type', 'not in', {NOT_HERE})]",
        help="What the money was for. Taxes are not computed: what has a vendor bill is posted on the vendor's payable "
        "account, and meets the bill there.",
    )
    account_type = fields.Selection(related="account_id.account_type")
    partner_id = fields.Many2one(
        "res.partner",
        string="Vendor",
        help="On a payable account: whose bill it pays. Odoo then offers it on the bill.",
    )

    @api.depends("line_ids")
    def _compute_company_id(self):
        for wizard in self:
            wizard.company_id = wizard.line_ids.company_id[:1]

    @api.model
    def default_get(self, names):
        values = super().default_get(names)
        if self.env.context.get("active_model") == "account.bank.statement.line":
            values["line_ids"] = [fields.Command.set(self.env.context.get("active_ids", []))]
        return values

    def action_post(self):
        """Post the lines on the account."""
        self.ensure_one()
        lines, account = self.line_ids, self.account_id
        lines._hub_check_may()
        if len(lines.company_id) > 1:
            raise UserError(self.env._("Choose bank lines of one company."))
        if (
            account.account_type in NOT_HERE
            or account in lines.journal_id.suspense_account_id
            # With sudo: of a branch's user Odoo hides that the account is its parent's.
            or not account.sudo().filtered_domain(account._check_company_domain(lines.company_id))
        ):
            raise UserError(
                self.env._(
                    "Choose another account than %s: this is for what concerns no document of a customer.",
                    account.display_name,
                )
            )
        if account.account_type == "liability_payable" and not self.partner_id:
            raise UserError(self.env._("Name the vendor whose payable account it is."))
        lines.with_company(lines.company_id)._hub_post_on(
            account, self.partner_id.commercial_partner_id
        )
        return {"type": "ir.actions.act_window_close"}
