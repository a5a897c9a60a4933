from odoo import api, fields, models

from ...connectors.hr import HrFiles

# what reads a day of a file as a moment
ZONED = ("local_time", "day_end")


class HubSystem(models.Model):
    """A system whose records come in files, and one that people come from."""

    _inherit = "hub.system"

    keeps_people = fields.Boolean(
        string="Decides Who Works Here",
        tracking=True,
        help="Whom it names and Odoo does not know becomes an employee, and who left there is archived. Without it "
        "employees are matched only.",
    )
    by_file = fields.Boolean(compute="_compute_by_file")

    @api.depends("product")
    def _compute_by_file(self):
        for system in self:
            system.by_file = bool(system.product) and system._connector_class().by_file

    @api.model_create_multi
    def create(self, vals_list):
        """People come from HR data, unless somebody says otherwise."""
        product = HrFiles.product
        return super().create(
            [
                {"keeps_people": True, **vals} if vals.get("product") == product else vals
                for vals in vals_list
            ]
        )

    def _load_presets(self):
        """A day of leave is that day where people work, by the calendar of the company."""
        result = super()._load_presets()
        for system in self.filtered(lambda system: system.product == HrFiles.product):
            zone = system.time_zone or system.company_ids[:1].resource_calendar_id.tz
            if zone:
                lines = system.mapping_ids.line_ids
                lines.filtered(lambda line: line.transform in ZONED).argument = zone
        return result
