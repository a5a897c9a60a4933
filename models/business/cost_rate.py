from odoo import api, fields, models

MONEY = "hr.group_hr_user"


class HubCostRate(models.Model):
    """What an hour of a person costs, from a day on. Entries are booked at the rate of their own day."""

    _name = "hub.cost.rate"
    _description = "Cost Rate"
    _order = "employee_id, date_from desc"
    _rec_name = "date_from"

    employee_id = fields.Many2one("hr.employee", required=True, index=True, ondelete="cascade")
    company_id = fields.Many2one(related="employee_id.company_id", store=True, index=True)
    currency_id = fields.Many2one(related="employee_id.currency_id")
    date_from = fields.Date(string="Valid From", required=True)
    hourly_cost = fields.Monetary(required=True, currency_field="currency_id")

    _day_unique = models.UniqueIndex(
        "(employee_id, date_from)", "This person has a rate from that day on already."
    )

    @api.model_create_multi
    def create(self, vals_list):
        rates = super().create(vals_list)
        rates.employee_id._hub_take_rate_of_today()
        return rates

    def write(self, vals):
        result = super().write(vals)
        self.employee_id._hub_take_rate_of_today()
        return result


class HrEmployee(models.Model):
    _inherit = "hr.employee"

    hub_cost_rate_ids = fields.One2many(
        "hub.cost.rate", "employee_id", string="Cost Rates", groups=MONEY
    )
    hub_target_hours = fields.Float(
        string="Target Hours", groups=MONEY, help="Billable hours a week that are aimed at."
    )

    def _hub_cost_on(self, day):
        """The dated rate of one employee on a day, or None where none was said."""
        self.ensure_one()
        day = day or fields.Date.context_today(self)
        # With sudo: an entry is costed for people who may not see the rates.
        rates = self.sudo().hub_cost_rate_ids.filtered(lambda rate: rate.date_from <= day)
        return max(rates, key=lambda rate: rate.date_from).hourly_cost if rates else None

    def _hub_take_rate_of_today(self):
        """Odoo's own rate is that of today: reports and plans ask for it."""
        today = fields.Date.context_today(self)
        for employee in self:
            cost = employee._hub_cost_on(today)
            if cost is not None and cost != employee.hourly_cost:
                employee.hourly_cost = cost
