from odoo import api, fields, models
from odoo.exceptions import AccessError, ValidationError

from ..guard import own_code

VIEWER = "lead_to_cash_hub.group_hub_viewer"


class HubDelegation(models.Model):
    """Somebody decides in another's name for some days. It is given by that person alone, and is not
    handed on: a deputy has no deputies for it."""

    _name = "hub.delegation"
    _description = "Delegation"
    _inherit = ["hub.kept"]
    _order = "date_from desc, id desc"
    _rec_name = "deputy_id"

    user_id = fields.Many2one(
        "res.users",
        string="In the Name Of",
        required=True,
        readonly=True,
        copy=False,
        default=lambda self: self.env.uid,
        ondelete="cascade",
        index=True,
    )
    deputy_id = fields.Many2one(
        "res.users",
        required=True,
        ondelete="cascade",
        index=True,
        domain=[("share", "=", False)],
    )
    date_from = fields.Date(string="From", required=True, default=fields.Date.context_today)
    date_to = fields.Date(string="Until", required=True)
    checkpoint_id = fields.Many2one(
        "hub.checkpoint",
        ondelete="cascade",
        string="Only At",
        help="Empty: at every rule and checkpoint.",
    )
    changes = fields.Boolean(
        string="Approves Changes Too",
        help="The deputy also approves Changes of the configuration in this name, as long as the person may.",
    )
    reason = fields.Char()
    ended_at = fields.Datetime(readonly=True, copy=False, string="Ended")

    @api.model_create_multi
    def create(self, vals_list):
        """Whoever creates it lends their own right, nobody another's."""
        for vals in vals_list:
            self._hub_refuse_kept(vals)
        own = {"user_id": self.env.uid, "ended_at": False}
        delegations = super(HubDelegation, own_code(self)).create(
            [{**vals, **own} for vals in vals_list]
        )
        delegations = delegations.with_env(self.env)
        delegations._note("delegate")
        return delegations

    def write(self, vals):
        raise AccessError(
            self.env._("A delegation is not edited: end it, and give another one if it is needed.")
        )

    def unlink(self):
        raise AccessError(self.env._("Delegations are ended, not deleted: who gave them is kept."))

    @api.constrains("user_id", "deputy_id", "date_from", "date_to")
    def _check_delegation(self):
        for row in self:
            if row.date_to < row.date_from:
                raise ValidationError(self.env._("It ends before it begins."))
            if (row.date_to - row.date_from).days > 366:
                raise ValidationError(self.env._("A delegation is for a year at most."))
            if row.deputy_id == row.user_id:
                raise ValidationError(self.env._("Choose somebody else as your deputy."))
            if not row.deputy_id.sudo().has_group(VIEWER):
                raise ValidationError(
                    self.env._(
                        "%s cannot open the hub: ask for the right “Viewer” first.",
                        row.deputy_id.name,
                    )
                )

    def action_end(self):
        """End it now."""
        if any(row.user_id != self.env.user for row in self):
            raise AccessError(self.env._("Only the person who gave a delegation ends it."))
        running = self.filtered(lambda row: not row.ended_at)
        super(HubDelegation, running.sudo()).write({"ended_at": fields.Datetime.now()})
        running._note("end_delegation")
        return True

    def _note(self, action):
        self.env["hub.audit"]._append(
            [
                {
                    "action": action,
                    "res_model": row._name,
                    "res_id": row.id,
                    "values": {
                        "deputy": row.deputy_id.login,
                        "from": str(row.date_from),
                        "until": str(row.date_to),
                        "changes": row.changes,
                    },
                }
                for row in self
            ]
        )

    # -- what decisions ask ------------------------------------------------------------------------

    @api.model
    def _today(self):
        today = fields.Date.today()
        return [("date_from", "<=", today), ("date_to", ">=", today), ("ended_at", "=", False)]

    @api.model
    def _running(self, gate):
        domain = self._today()
        if gate._name == "hub.checkpoint":
            domain += [("checkpoint_id", "in", (False, gate.id))]
        else:
            domain += [("checkpoint_id", "=", False)]
        return domain

    @api.model
    def _of(self, deputy, gate):
        """In whose names ``deputy`` decides today at a gate."""
        return self.search([("deputy_id", "=", deputy.id), *self._running(gate)]).user_id

    @api.model
    def _deputies(self, users, gate):
        """Who decides today in the names of ``users``."""
        return self.search([("user_id", "in", users.ids), *self._running(gate)]).deputy_id

    @api.model
    def _of_changes(self, deputy):
        """In whose names ``deputy`` approves Changes today."""
        return self.search(
            [("deputy_id", "=", deputy.id), ("changes", "=", True), *self._today()], order="id"
        ).user_id

    @api.model
    def _change_deputies(self, users):
        """Who approves Changes today in the names of ``users``."""
        return self.search(
            [("user_id", "in", users.ids), ("changes", "=", True), *self._today()]
        ).deputy_id
