from odoo import api, fields, models


class HubAttempt(models.Model):
    """One try of one message, kept whatever is rolled back later."""

    _name = "hub.attempt"
    _description = "Attempt"
    _log_access = False
    _order = "id desc"

    message_id = fields.Many2one("hub.message", readonly=True, ondelete="cascade", index=True)
    stage = fields.Selection(
        [("fetch", "Fetch"), ("apply", "Apply"), ("deliver", "Deliver")], readonly=True
    )
    at = fields.Datetime(readonly=True)
    outcome = fields.Char(readonly=True)
    params = fields.Json(readonly=True)
    sentence = fields.Char(compute="_compute_sentence")

    @api.depends("outcome", "params")
    def _compute_sentence(self):
        for attempt in self:
            params = {"system": attempt.message_id.system_id.name} | (attempt.params or {})
            attempt.sentence = self.env["hub.sentence"]._sentence(attempt.outcome, params)
