from odoo import api, fields, models

from ...connectors.hr import HrFiles

# what reads a day of a file as a moment
ZONED = ("local_time", "day_end")


class HubSystem(models.Model):
    """A system whose records come in files, and the HR data among them."""

    _inherit = "hub.system"

    by_file = fields.Boolean(compute="_compute_by_file")

    @api.depends("product")
    def _compute_by_file(self):
        for system in self:
            system.by_file = bool(system.product) and system._connector_class().by_file

    def _load_presets(self):
        """A day of leave is that day where people work: the mapping's time zone is the company's calendar's."""
        result = super()._load_presets()
        for system in self.filtered(lambda system: system.product == HrFiles.product):
            zone = system.time_zone or system.company_ids[:1].resource_calendar_id.tz
            if zone:
                lines = system.mapping_ids.line_ids
                lines.filtered(lambda line: line.transform in ZONED).argument = zone
        return result
