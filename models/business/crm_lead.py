from odoo import api, fields, models
from odoo.tools.sql import column_exists, create_column

from ..guard import refuse_guarded

# What the CRM says of a deal.
SAID = ("hub_amount", "hub_currency_id", "hub_owner_email", "hub_start_date")
GUARDED = ("hub_contract_id", "hub_asked", "hub_asked_activity_id", *SAID)


class CrmLead(models.Model):
    _inherit = "crm.lead"
    _hub_said = frozenset(SAID)

    hub_amount = fields.Monetary(
        string="Deal Amount",
        currency_field="hub_currency_id",
        readonly=True,
        copy=False,
        help="The amount as the CRM has it, in the currency of the deal. The expected revenue is "
        "its value in the company's currency.",
    )
    hub_currency_id = fields.Many2one(
        "res.currency", string="Deal Currency", readonly=True, copy=False
    )
    hub_owner_email = fields.Char(string="Owner in the CRM", readonly=True, copy=False)
    hub_start_date = fields.Date(string="Planned Start", readonly=True, copy=False)
    hub_won_at = fields.Datetime(
        string="Won On",
        compute="_compute_hub_won_at",
        store=True,
        readonly=False,
        copy=False,
        help="When the deal was won for the first time, by the CRM's own clock where it says so.",
    )
    hub_contract_ids = fields.One2many("hub.contract", "lead_id")
    hub_contract_id = fields.Many2one(
        "hub.contract",
        string="Contract",
        compute="_compute_hub_contract_id",
        store=True,
        compute_sudo=True,
        index="btree_not_null",
    )

    def _auto_init(self):
        # Without this, installing would say that every deal ever won was won today.
        if not column_exists(self.env.cr, "crm_lead", "hub_won_at"):
            create_column(self.env.cr, "crm_lead", "hub_won_at", "timestamp")
        return super()._auto_init()

    @api.depends("won_status")
    def _compute_hub_won_at(self):
        for lead in self:
            if lead.won_status == "won" and not lead.hub_won_at:
                lead.hub_won_at = fields.Datetime.now()
            else:
                lead.hub_won_at = lead.hub_won_at

    @api.depends("hub_contract_ids")
    def _compute_hub_contract_id(self):
        for lead in self:
            lead.hub_contract_id = lead.hub_contract_ids[:1]

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            refuse_guarded(self, vals, GUARDED)
        return super().create(vals_list)

    def write(self, vals):
        refuse_guarded(self, vals, GUARDED)
        return super().write(vals)
