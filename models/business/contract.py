from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError

from ..guard import is_own_code, refuse_guarded

# What billing of a started contract rests on.
LINKS = {
    "code",
    "company_id",
    "currency_id",
    "lead_id",
    "sale_order_id",
    "project_id",
    "won_at",
    "ready_at",
    "amount_total",
}
# What happened when is noted by the hub itself.
MOMENTS = ("won_at", "ready_at")

# Who sees what a contract is worth; project members need its code, name and state.
SEE_LINES = (
    "lead_to_cash_hub.group_hub_viewer,account.group_account_invoice,"
    "account.group_account_readonly,sales_team.group_sale_salesman"
)
SEE_MONEY = f"{SEE_LINES}_all_leads"
SEE_LEDGER = (
    "lead_to_cash_hub.group_hub_viewer,account.group_account_invoice,account.group_account_readonly"
)


class HubContract(models.Model):
    """Commercial terms as signed: what was sold, to whom, in which currency.

    One won deal makes one contract, one confirmed order and one project. The order stays the place
    where Odoo prices and bills; the contract keeps what was agreed, so that a later difference
    can be seen.
    """

    _name = "hub.contract"
    _description = "Contract"
    _inherit = ["mail.thread", "mail.activity.mixin"]
    _order = "won_at desc, id desc"
    _rec_names_search = ["code", "name", "po_number"]
    _check_company_auto = True

    code = fields.Char(
        string="Project Code",
        required=True,
        readonly=True,
        copy=False,
        index=True,
        default=lambda self: self.env._("New"),
        help="The one code of contract, project and order, owned by Odoo and given to every tool.",
    )
    name = fields.Char(required=True, tracking=True)
    state = fields.Selection(
        [("draft", "Draft"), ("active", "Active"), ("closed", "Closed")],
        default="draft",
        required=True,
        copy=False,
        index=True,
        tracking=True,
    )
    company_id = fields.Many2one(
        "res.company", required=True, index=True, default=lambda self: self.env.company
    )
    currency_id = fields.Many2one(
        "res.currency",
        required=True,
        default=lambda self: self.env.company.currency_id,
        help="The currency that was signed. It rules every invoice.",
    )
    partner_id = fields.Many2one(
        "res.partner",
        string="Customer",
        required=True,
        check_company=True,
        index=True,
        tracking=True,
    )
    bill_partner_id = fields.Many2one(
        "res.partner",
        string="Bill To",
        check_company=True,
        tracking=True,
        compute="_compute_bill_partner_id",
        store=True,
        readonly=False,
    )
    contact_ids = fields.Many2many("res.partner", string="Contacts", check_company=True)
    lead_id = fields.Many2one(
        "crm.lead", string="Deal", check_company=True, copy=False, ondelete="restrict"
    )
    sale_order_id = fields.Many2one(
        "sale.order", string="Order", check_company=True, copy=False, ondelete="restrict"
    )
    project_id = fields.Many2one(
        "project.project",
        check_company=True,
        copy=False,
        index=True,
        ondelete="restrict",
    )
    po_number = fields.Char(string="Purchase Order Number", tracking=True, copy=False)
    po_required = fields.Boolean(
        string="Purchase Order Required",
        compute="_compute_po_required",
        store=True,
        readonly=False,
        tracking=True,
        help="An invoice without the customer's purchase order number is not approved.",
    )
    date_start = fields.Date(string="Start", tracking=True)
    date_end = fields.Date(
        string="End", tracking=True, help="Time after this day is not billed by itself."
    )
    payment_term_id = fields.Many2one(
        "account.payment.term",
        string="Payment Terms",
        check_company=True,
        compute="_compute_payment_term_id",
        store=True,
        readonly=False,
    )
    line_ids = fields.One2many(
        "hub.contract.line", "contract_id", string="Lines", copy=True, groups=SEE_LINES
    )
    amount_total = fields.Monetary(
        string="Contracted Amount",
        compute="_compute_amount_total",
        store=True,
        groups=SEE_MONEY,
        help="The untaxed value that was signed.",
    )
    won_at = fields.Datetime(string="Won On", copy=False, readonly=True)
    ready_at = fields.Datetime(
        string="Team Complete On",
        copy=False,
        readonly=True,
        help="When contract, project and the whole team existed for the first time.",
    )
    move_ids = fields.One2many("account.move", "hub_contract_id", string="Invoices")
    billing_ids = fields.One2many(
        "hub.billing", "contract_id", string="Billing Ledger", groups=SEE_LEDGER
    )

    _code_unique = models.UniqueIndex(
        "(company_id, code)", "This project code is already used in this company."
    )
    _lead_unique = models.UniqueIndex(
        "(lead_id) WHERE lead_id IS NOT NULL", "A deal has one contract."
    )
    _order_unique = models.UniqueIndex(
        "(sale_order_id) WHERE sale_order_id IS NOT NULL", "An order has one contract."
    )

    @api.depends("partner_id")
    def _compute_bill_partner_id(self):
        for contract in self:
            partner = contract.partner_id
            contract.bill_partner_id = partner and partner.address_get(["invoice"])["invoice"]

    @api.depends("partner_id", "company_id")
    def _compute_payment_term_id(self):
        for contract in self:
            partner = contract.partner_id.with_company(contract.company_id)
            contract.payment_term_id = partner.property_payment_term_id

    @api.depends("partner_id")
    def _compute_po_required(self):
        for contract in self:
            contract.po_required = contract.partner_id.commercial_partner_id.hub_po_required

    @api.depends("line_ids.amount")
    def _compute_amount_total(self):
        for contract in self:
            contract.amount_total = sum(contract.line_ids.mapped("amount"))

    @api.depends("code", "name")
    def _compute_display_name(self):
        for contract in self:
            contract.display_name = f"{contract.code} {contract.name or ''}".strip()

    @api.constrains("sale_order_id", "currency_id")
    def _check_order_currency(self):
        for contract in self.filtered("sale_order_id"):
            if contract.sale_order_id.currency_id != contract.currency_id:
                raise ValidationError(
                    self.env._(
                        "Contract %(code)s was signed in %(currency)s, but its order %(order)s is "
                        "in %(other)s. Choose a price list in %(currency)s on the order.",
                        code=contract.code,
                        currency=contract.currency_id.name,
                        order=contract.sale_order_id.name,
                        other=contract.sale_order_id.currency_id.name,
                    )
                )

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            refuse_guarded(self, vals, MOMENTS)
            if not vals.get("code") or vals["code"] == self.env._("New"):
                company = vals.get("company_id") or self.env.company.id
                # The sequence is read with sudo: whoever may create a contract may number it.
                sequence = self.env["ir.sequence"].sudo().with_company(company)
                vals["code"] = sequence.next_by_code("hub.contract")
        contracts = super().create(vals_list)
        contracts.filtered("sale_order_id")._adopt_billed_entries()
        return contracts

    def write(self, vals):
        refuse_guarded(self, vals, MOMENTS)
        if LINKS & vals.keys() or vals.get("state") == "draft":
            self._hub_refuse_started()
        result = super().write(vals)
        if vals.get("sale_order_id"):
            self._adopt_billed_entries()
        return result

    @api.ondelete(at_uninstall=False)
    def _unlink_except_started(self):
        self._hub_refuse_started()

    def _hub_refuse_started(self):
        """Orders and projects would leave the ledger with their contract."""
        started = self.filtered(lambda contract: contract.state != "draft")
        if started and not self.env.su and not is_own_code(self.env):
            raise UserError(
                self.env._(
                    "%(contracts)s: a started contract keeps its code, currency, deal, order and "
                    "project. Close it if nothing more shall be billed.",
                    contracts=", ".join(started.mapped("display_name")),
                )
            )

    def _adopt_billed_entries(self):
        """Take what an order that was invoiced before had a contract into the ledger."""
        self.env["hub.billing"]._adopt(self.sale_order_id)

    def action_activate(self):
        """Start a contract that was written by hand."""
        self.write({"state": "active"})

    def action_close(self):
        """No more billing; nothing is undone."""
        self.write({"state": "closed"})

    def action_view_order(self):
        """Open the order of this contract."""
        return self._hub_open(self.sale_order_id)

    def action_view_project(self):
        """Open the project of this contract."""
        return self._hub_open(self.project_id)

    def action_view_invoices(self):
        """Open the invoices and credit notes of this contract."""
        self.ensure_one()
        action = self.env["ir.actions.actions"]._for_xml_id("account.action_move_out_invoice_type")
        action["domain"] = [("hub_contract_id", "=", self.id)]
        action["context"] = {}
        return action

    def action_view_billing(self):
        """Open what was billed under this contract, entry by entry."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Billing Ledger"),
            "res_model": "hub.billing",
            "view_mode": "list,form",
            "domain": [("contract_id", "=", self.id)],
        }

    def _hub_open(self, record):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": record._name,
            "res_id": record.id,
            "view_mode": "form",
        }
