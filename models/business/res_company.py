from odoo import fields, models


class ResCompany(models.Model):
    _inherit = "res.company"

    hub_timesheet_approval = fields.Boolean(
        string="Approve Timesheets Typed Into Odoo",
        help="Without this, time that people type into Odoo counts as approved at once, as Odoo "
        "does without an approval. Time from a tracker always brings its own approval.",
    )
    hub_rate_max_age = fields.Integer(
        string="Exchange Rates Are Valid For (days)",
        default=7,
        help="A deal in another currency needs a rate of its day, or one at most so old (weekends "
        "have none). Without one the deal waits for a person; it never counts 1:1.",
    )
    hub_early_stage_id = fields.Many2one(
        "crm.stage",
        string="Ask Early From Stage",
        help="From this stage of a deal on, its owner is asked for the tax number, the purchase order and the "
        "billing contact, as far as they are missing. Empty: nobody is asked.",
    )
    hub_four_eyes_limit = fields.Monetary(
        string="Four Eyes From",
        help="Invoices and credit notes of contracts from this amount on are approved by somebody who neither "
        "prepared nor changed them. 0: every billing approver may.",
    )
    hub_unbilled_days = fields.Integer(
        string="Unbilled Is Late After (days)",
        default=30,
        help="Approved time that is older and not billed is revenue leakage. 0: 30.",
    )
    hub_billing_day = fields.Integer(
        string="Propose Billing On Day",
        help="From this day of a month on, a billing run of the month before is proposed by itself. 0: never.",
    )

    _billing_day = models.Constraint(
        "CHECK (hub_billing_day BETWEEN 0 AND 28)",
        "The day of the billing run is between 0 and 28.",
    )
