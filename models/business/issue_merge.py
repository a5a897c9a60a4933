from odoo import api, fields, models
from odoo.exceptions import UserError

MERGED = ("merged_at_source", "ambiguous_match")


class HubIssue(models.Model):
    """Questions that are answered by merging customers in Odoo."""

    _inherit = "hub.issue"

    can_merge = fields.Boolean(compute="_compute_can_merge")

    @api.depends("code", "state", "entity_id")
    def _compute_can_merge(self):
        for issue in self:
            issue.can_merge = (
                issue.state == "open"
                and issue.code in MERGED
                and issue.entity_id.model_name == "res.partner"
            )

    def action_merge(self):
        """Show the customers that it is about side by side."""
        self.ensure_one()
        self.env["hub.message"]._require_resolver()
        self.check_access("read")
        ids = (self.params or {}).get("candidates") or []
        partners = self.env["res.partner"].browse(ids).exists()._filtered_access("read")
        if not self.can_merge or len(partners) < 2:
            raise UserError(
                self.env._("There are no two customers to merge here. Replay the question first.")
            )
        group = self.env["hub.duplicate"]._of_partners(partners)
        return {
            "type": "ir.actions.act_window",
            "res_model": "hub.duplicate",
            "res_id": group.id,
            "views": [[False, "form"]],
        }
