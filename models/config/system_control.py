from odoo import SUPERUSER_ID, api, fields, models
from odoo.exceptions import UserError

APPROVER = "lead_to_cash_hub.group_hub_configuration_approver"


class HubSystem(models.Model):
    """Change control of a system: off until somebody switches it on, and switched off by a Change."""

    _name = "hub.system"
    _inherit = ["hub.system", "hub.governed"]

    _hub_only = frozenset(
        ["needs_approval", "environment", "company_ids", "user_id", "journal_id", "fee_account_id", "keeps_people",
         "active"]
    )  # fmt: skip

    needs_approval = fields.Boolean(
        string="Changes Need Approval",
        tracking=True,
        copy=False,
        help="The configuration of this production system changes through a Change only, which another "
        "person approves. Pausing stays possible at once.",
    )
    edited_freely = fields.Boolean(
        compute="_compute_edited_freely",
        help="A production system that is live, and nobody approves what is changed in its configuration.",
    )
    change_count = fields.Integer(compute="_compute_change_count")

    @api.depends("needs_approval", "environment")
    def _compute_controlled(self):
        return super()._compute_controlled()

    @api.depends("needs_approval", "environment", "state", "paused", "active")
    def _compute_edited_freely(self):
        for system in self:
            system.edited_freely = (
                system.environment == "production"
                and system.state == "connected"
                and system.active
                and not system.paused
                and not system.needs_approval
            )

    def action_control(self):
        """From now on its configuration changes by a Change."""
        return self.write({"needs_approval": True})

    def _compute_change_count(self):
        counts = dict(
            self.env["hub.change"]._read_group(
                [
                    ("system_ids", "in", self.ids),
                    ("state", "in", ("draft", "submitted", "approved")),
                ],
                ["system_ids"],
                ["__count"],
            )
        )
        for system in self:
            system.change_count = counts.get(system, 0)

    @api.model
    def _hub_under_control(self):
        """All systems whose configuration changes through a Change."""
        return self.with_context(active_test=False).search(
            [("needs_approval", "=", True), ("environment", "=", "production")]
        )

    def _hub_systems(self):
        return self

    def _hub_entities(self):
        return None

    @api.model_create_multi
    def create(self, vals_list):
        # A system is set up first: its presets are copied to it like any other configuration.
        return super().create([{**vals, "needs_approval": False} for vals in vals_list])

    def write(self, vals):
        if vals.get("needs_approval"):
            self._check_somebody_approves()
        return super().write(vals)

    def unlink(self):
        if self.env.uid != SUPERUSER_ID and self._hub_controlled():
            raise UserError(
                self.env._("A system under change control is not deleted. Archive it by a Change.")
            )
        return super().unlink()

    def _check_somebody_approves(self):
        """Two persons are needed at least: who proposes, and who approves."""
        people = self.env.ref(APPROVER).sudo().all_user_ids  # only to count them
        if len(people.filtered(lambda user: user.active and user != self.env.user)) < 1:
            raise UserError(
                self.env._(
                    "Nobody else may approve Changes: give another user the right “Configuration Approver” first."
                )
            )

    def action_changes(self):
        """The Changes of this system."""
        self.check_access("read")
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Changes"),
            "res_model": "hub.change",
            "views": [[False, "list"], [False, "form"]],
            "domain": [("system_ids", "in", self.ids)],
        }
