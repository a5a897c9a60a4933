"""Where a simulation or an undo is begun, and what keeps a simulation from reaching anybody."""

from odoo import api, models
from odoo.exceptions import UserError

from .cursors import is_simulated


class HubMessage(models.Model):
    _inherit = "hub.message"

    def action_simulate(self):
        """Show what would happen if these were applied now; nothing is changed."""
        self._require_resolver()
        query = self._search([("id", "in", self.ids)])
        return self.env["hub.simulation"]._of(query)._open()

    def action_undo(self):
        """Plan to take back what these wrote; it starts there."""
        self._require_resolver()
        return self.env["hub.undo"]._of(self._search([("id", "in", self.ids)]))._open()


class HubIssue(models.Model):
    _inherit = "hub.issue"

    def action_simulate(self):
        """Show what would happen to all records that share these causes; nothing is changed."""
        return self._messages().action_simulate()


class HubReplay(models.Model):
    _inherit = "hub.replay"

    def action_simulate(self):
        """Show what a start would do to the records in Odoo; nothing is changed."""
        self.ensure_one()
        self.env["hub.message"]._require_resolver()
        self.check_access("read")
        planned = self.line_ids.filtered(lambda line: line.verdict in ("apply", "fetch"))
        query = self.env["hub.message"]._search([("id", "in", planned.message_id.ids)])
        return self.env["hub.simulation"]._of(query, replay=self)._open()

    def action_undo(self):
        """Plan to take back what this run wrote; it starts there."""
        self.ensure_one()
        self.env["hub.message"]._require_resolver()
        self.check_access("read")
        if self.state not in ("done", "cancelled"):
            raise UserError(self.env._("Wait until the replay is finished, or cancel it."))
        query = self.env["hub.message"]._search([("id", "in", self.line_ids.message_id.ids)])
        return self.env["hub.undo"]._of(query, replay=self)._open()


class IrMailServer(models.Model):
    _inherit = "ir.mail_server"

    @api.model
    def send_email(self, message, *args, **kwargs):
        """What is mailed in a simulation is taken back with all the rest: it never leaves."""
        if is_simulated(self.env.cr):
            return message["Message-Id"]
        return super().send_email(message, *args, **kwargs)
