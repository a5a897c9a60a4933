from odoo import fields, models
from odoo.exceptions import UserError


class HubRetainer(models.Model):
    """The statement as the customer gets it: printed and mailed by Odoo's own means."""

    _inherit = "hub.retainer"

    def _statement_periods(self):
        """What a customer is shown: periods that have begun; what is billed in advance is left out."""
        self.ensure_one()
        today = fields.Date.context_today(self)
        return self.period_ids.filtered(lambda period: period.date_from <= today).sorted(
            "date_from"
        )

    def action_send_statement(self):
        """Work the statement out, and open Odoo's own composer with it."""
        self.ensure_one()
        self.check_access("write")
        self._refresh(fields.Date.context_today(self))
        if not self._statement_periods():
            raise UserError(self.env._("No period has begun: there is nothing to state yet."))
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Send Statement"),
            "res_model": "mail.compose.message",
            "views": [[False, "form"]],
            "target": "new",
            "context": {
                "default_model": self._name,
                "default_res_ids": self.ids,
                "default_composition_mode": "comment",
                "default_template_id": self.env.ref("lead_to_cash_hub.retainer_statement_mail").id,
                "default_email_layout_xmlid": "mail.mail_notification_layout_with_responsible_signature",
                "force_email": True,
            },
        }
