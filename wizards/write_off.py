from odoo import api, fields, models
from odoo.exceptions import AccessError


class HubWriteOffAsk(models.TransientModel):
    """Propose that approved work is not billed, with the reason."""

    _name = "hub.write.off.ask"
    _description = "Write Off"

    entry_ids = fields.Many2many("account.analytic.line", required=True, string="Work")
    entry_count = fields.Integer(compute="_compute_entry_count", string="Entries")
    hours = fields.Float(compute="_compute_entry_count")
    reason = fields.Char(required=True)

    @api.depends("entry_ids")
    def _compute_entry_count(self):
        for wizard in self:
            wizard.entry_count = len(wizard.entry_ids)
            time = wizard.entry_ids.filtered(
                lambda entry: entry.so_line.qty_delivered_method == "timesheet"
            )
            wizard.hours = sum(time.mapped("hub_billable_quantity"))

    def action_confirm(self):
        """Propose it; it stays billable until a billing approver has decided."""
        self.ensure_one()
        groups = (
            "lead_to_cash_hub.group_hub_resolver",
            "lead_to_cash_hub.group_hub_billing_approver",
        )
        if not any(self.env.user.has_group(group) for group in groups):
            raise AccessError(self.env._("Only resolvers and billing approvers write work off."))
        self.entry_ids.check_access("read")
        made = self.env["hub.write.off"]._propose(self.entry_ids, self.reason)
        action = {
            "type": "ir.actions.act_window",
            "name": self.env._("Write-Offs"),
            "res_model": "hub.write.off",
            "views": [[False, "list"], [False, "form"]],
            "domain": [("id", "in", made.ids)],
        }
        if len(made) == 1:
            action.update(res_id=made.id, views=[[False, "form"]])
        return action
