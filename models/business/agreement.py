from odoo import api, fields, models
from odoo.exceptions import ValidationError


class HubAgreement(models.Model):
    """A frame agreement: the parties and terms that several contracts are signed under."""

    _name = "hub.agreement"
    _description = "Agreement"
    _inherit = ["mail.thread"]
    _order = "date_start desc, id desc"
    _rec_names_search = ["name", "code"]
    _check_company_auto = True

    name = fields.Char(required=True, tracking=True)
    code = fields.Char(string="Number", index=True, copy=False)
    company_id = fields.Many2one(
        "res.company", required=True, index=True, default=lambda self: self.env.company
    )
    partner_id = fields.Many2one(
        "res.partner",
        string="Sold To",
        required=True,
        index=True,
        check_company=True,
        tracking=True,
    )
    bill_partner_id = fields.Many2one(
        "res.partner", string="Bill To", check_company=True, tracking=True
    )
    end_client_id = fields.Many2one(
        "res.partner",
        check_company=True,
        tracking=True,
        help="For whom the work is done, where that is not who buys it.",
    )
    date_start = fields.Date(string="Start", tracking=True)
    date_end = fields.Date(string="End", tracking=True)
    payment_term_id = fields.Many2one(
        "account.payment.term", string="Payment Terms", check_company=True, tracking=True
    )
    contract_ids = fields.One2many("hub.contract", "agreement_id", string="Contracts")
    document_ids = fields.One2many("hub.document", "agreement_id", string="Documents")
    active = fields.Boolean(default=True)

    _code_unique = models.UniqueIndex(
        "(company_id, code) WHERE code IS NOT NULL",
        "An agreement of this company has that number already.",
    )

    @api.constrains("date_start", "date_end")
    def _check_dates(self):
        for agreement in self:
            if (
                agreement.date_start
                and agreement.date_end
                and agreement.date_end < agreement.date_start
            ):
                raise ValidationError(self.env._("An agreement ends after it starts."))


class HubContract(models.Model):
    _inherit = "hub.contract"

    agreement_id = fields.Many2one(
        "hub.agreement", check_company=True, index="btree_not_null", tracking=True
    )
    end_client_id = fields.Many2one(
        "res.partner",
        check_company=True,
        tracking=True,
        compute="_compute_end_client_id",
        store=True,
        readonly=False,
        help="For whom the work is done, where that is not who buys it.",
    )
    document_ids = fields.One2many("hub.document", "contract_id", string="Documents")

    @api.depends("agreement_id")
    def _compute_end_client_id(self):
        for contract in self:
            contract.end_client_id = contract.end_client_id or contract.agreement_id.end_client_id


class HubDocument(models.Model):
    """A document that another system keeps: its name and its address, beside the record it is about."""

    _name = "hub.document"
    _description = "Document"
    _order = "id desc"
    _check_company_auto = True

    name = fields.Char(required=True)
    url = fields.Char(string="Address", required=True)
    company_id = fields.Many2one(
        "res.company", required=True, index=True, default=lambda self: self.env.company
    )
    partner_id = fields.Many2one(
        "res.partner", string="Customer", check_company=True, index="btree_not_null"
    )
    lead_id = fields.Many2one(
        "crm.lead", string="Deal", check_company=True, index="btree_not_null", ondelete="cascade"
    )
    agreement_id = fields.Many2one(
        "hub.agreement", check_company=True, index="btree_not_null", ondelete="cascade"
    )
    contract_id = fields.Many2one(
        "hub.contract", check_company=True, index="btree_not_null", ondelete="cascade"
    )
    project_id = fields.Many2one(
        "project.project", check_company=True, index="btree_not_null", ondelete="cascade"
    )

    @api.constrains("name", "partner_id", "lead_id", "agreement_id", "contract_id", "project_id")
    def _check_about(self):
        for document in self:
            if not (
                document.partner_id
                or document.lead_id
                or document.agreement_id
                or document.contract_id
                or document.project_id
            ):
                raise ValidationError(
                    self.env._(
                        "%s is about nothing: name its customer, deal, agreement, contract or project.",
                        document.name,
                    )
                )
