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
