from odoo import SUPERUSER_ID, api, fields, models
from odoo.exceptions import AccessError, UserError

from ..guard import own_code
from .governed import CHANGE, Applying

APPROVER = "lead_to_cash_hub.group_hub_configuration_approver"


class HubGrant(models.Model):
    """Write-back: the permission to send one field to one system, given by a named person.

    Ownership says whose value counts; a grant says that Odoo may write into the product at all. There
    is none until somebody gives it, and the engine sends nothing without it. To a production system it
    takes two persons: it waits, and counts for nothing, until somebody else than who asked confirms it.
    """

    _name = "hub.grant"
    _description = "Write-back Grant"
    _inherit = ["hub.governed"]
    _order = "system_id, entity_id, field_id"
    _rec_name = "field_id"
    _hub_only = frozenset(["system_id", "field_id", "active"])
    _hub_key = ("system_id", "field_id")

    system_id = fields.Many2one("hub.system", required=True, ondelete="cascade", index=True)
    field_id = fields.Many2one("hub.entity.field", required=True, ondelete="cascade", index=True)
    entity_id = fields.Many2one(related="field_id.entity_id", store=True, index=True)
    data_class = fields.Selection(related="field_id.data_class")
    asked_by_id = fields.Many2one("res.users", readonly=True, copy=False, ondelete="restrict")
    approver_id = fields.Many2one(
        "res.users", string="Approved By", readonly=True, copy=False, ondelete="restrict"
    )
    approved_at = fields.Datetime(string="Approved", readonly=True, copy=False)
    waiting = fields.Boolean(compute="_compute_waiting")
    may_confirm = fields.Boolean(compute="_compute_waiting")
    revoked_by_id = fields.Many2one("res.users", readonly=True, copy=False, ondelete="restrict")
    revoked_at = fields.Datetime(string="Revoked", readonly=True, copy=False)
    active = fields.Boolean(default=True, readonly=True)

    _live_unique = models.UniqueIndex(
        "(system_id, field_id) WHERE revoked_at IS NULL", "This write-back is granted already."
    )

    @api.depends("approved_at", "revoked_at", "asked_by_id")
    @api.depends_context("uid")
    def _compute_waiting(self):
        approves = self.env.user.has_group(APPROVER)
        for grant in self:
            grant.waiting = not grant.approved_at and not grant.revoked_at
            grant.may_confirm = grant.waiting and approves and grant.asked_by_id != self.env.user

    @api.model_create_multi
    def create(self, vals_list):
        """Whoever creates a grant asks for it, in that person's own name. It counts at once on a system
        that is no production, and in a Change, which another person has approved."""
        now, work = fields.Datetime.now(), self._hub_at_work()
        for vals in vals_list:
            self._hub_refuse_kept(vals)
            given = self._given_at_once(vals.get("system_id"), work)
            approver_id = work.approver_id if isinstance(work, Applying) else self.env.uid
            vals.update(
                asked_by_id=self.env.uid,
                approver_id=approver_id if given else False,
                approved_at=now if given else False,
                active=given,
                revoked_at=False,
                revoked_by_id=False,
            )
        grants = super(HubGrant, own_code(self)).create(vals_list).with_env(self.env)
        for grant in grants:
            grant._check_sense()
        self.env["hub.ownership"]._refuse_clashes(grants.entity_id)
        for given in (True, False):
            grants.filtered(lambda g, given=given: g.active == given)._note(
                "grant" if given else "ask_grant"
            )
        return grants

    @api.model
    def _given_at_once(self, system_id, work):
        """Whether no second person is needed: a Change has one; the superuser is the update of the addon."""
        system = self.env["hub.system"].browse(system_id)
        return (
            work is not None
            or self.env.uid == SUPERUSER_ID
            or system.sudo().environment != "production"  # whatever companies it serves
        )

    def write(self, vals):
        raise UserError(
            self.env._("A grant is not edited: revoke it, and give another one if it is needed.")
        )

    def unlink(self):
        raise UserError(self.env._("Grants are revoked, not deleted: who gave them is kept."))

    def _hub_named(self):
        return f"{self.system_id.name} ← {self.entity_id.name} › {self.field_id.label}"

    def _hub_write(self, vals):
        """Grants are revoked; given again they are new ones."""
        if not vals.get("active"):
            return self.action_revoke()
        waiting, work = self.filtered("waiting"), self._hub_at_work()
        waiting._give(work.approver_id if isinstance(work, Applying) else self.env.uid)
        return self.create(
            [{"system_id": g.system_id.id, "field_id": g.field_id.id} for g in self - waiting]
        )

    def _hub_unlink(self):
        self.action_revoke()

    def action_confirm(self):
        """Give what somebody else asked for."""
        self.check_access("read")
        user = self.env.user
        for grant in self:
            if not grant.waiting:
                raise UserError(
                    self.env._("%s does not wait for a confirmation any more.", grant._hub_named())
                )
            if grant.asked_by_id == user:
                raise UserError(
                    self.env._(
                        "You asked for this write-back yourself. Another person has to confirm it."
                    )
                )
        if not user.has_group(APPROVER) or self.env.su:
            raise AccessError(self.env._("Ask a configuration approver."))
        self.sudo()._give(user.id)  # a configuration approver has no other right to write grants
        return True

    def _give(self, approver_id):
        """Let these count, in the name of ``approver_id``."""
        result = super(HubGrant, own_code(self)).write(
            {"approver_id": approver_id, "approved_at": fields.Datetime.now(), "active": True}
        )
        for grant in self:
            grant._check_sense()
        self.env["hub.ownership"]._refuse_clashes(self.entity_id)
        self._note("grant")
        return result

    def _ask_again(self):
        """These systems are production now: what one person alone has granted waits for a second one.

        :return: those that wait.
        """
        alone = self.filtered(
            lambda grant: not grant.asked_by_id or grant.asked_by_id == grant.approver_id
        )
        # It follows from what the system is; in a Change it is no difference of its own.
        alone = own_code(alone.with_context(**{CHANGE: Applying(self.env.uid)}))
        for grant in alone:
            super(HubGrant, grant).write(
                {
                    "asked_by_id": (grant.asked_by_id or grant.approver_id).id,
                    "approver_id": False,
                    "approved_at": False,
                    "active": False,
                }
            )
        alone.flush_recordset()
        if alone:
            alone._note("ask_grant")
            alone._take_back()
        return alone

    def _check_sense(self):
        field, system = self.field_id, self.system_id
        if field not in system._outbound_fields():
            raise UserError(
                self.env._(
                    "%(field)s is in no outbound mapping of %(system)s: there is nothing to grant.",
                    field=field.label,
                    system=system.name,
                )
            )
        if field.direction == "in":
            raise UserError(
                self.env._(
                    "%(field)s only comes in. Change the direction of the canonical field first.",
                    field=field.label,
                )
            )

    def action_revoke(self):
        """Nothing of these is sent from now on, nor what was composed before; what was sent stays."""
        self.check_access("write")
        live = self.filtered(lambda grant: not grant.revoked_at)
        super(HubGrant, own_code(live)).write(
            {"revoked_by_id": self.env.uid, "revoked_at": fields.Datetime.now(), "active": False}
        )
        live.flush_recordset()  # a new grant of the same field may follow at once
        live._note("revoke")
        live._take_back()
        return True

    def _take_back(self):
        """What waits to be sent with these fields gives way to what may be sent today.

        That is stronger than certainty: one whose answer was lost is not repeated either, and the next
        message of its record looks in the product first. A call that is under way goes on.
        """
        if not self:
            return
        self.env.flush_all()
        self.env.cr.execute(
            """
            WITH old AS (
                UPDATE hub_message m
                   SET state = 'skipped', reason = 'superseded', params = NULL, wait_key = NULL,
                       done_at = clock_timestamp() AT TIME ZONE 'UTC'
                  FROM (SELECT DISTINCT * FROM unnest(%s::int[], %s::int[])) g(system_id, entity_id)
                 WHERE m.system_id = g.system_id AND m.entity_id = g.entity_id
                   AND m.direction = 'out'
                   AND m.state IN ('pending', 'waiting', 'held', 'failed', 'dead')
                RETURNING m.id, m.res_model, m.res_id
            ), marks AS (
                INSERT INTO hub_outbox (model, res_id)
                SELECT DISTINCT res_model, res_id FROM old WHERE res_id IS NOT NULL)
            SELECT id FROM old
            """,
            [[grant.system_id.id for grant in self], [grant.entity_id.id for grant in self]],
        )
        self.env["hub.exception"]._close(
            self.env.cr, [row[0] for row in self.env.cr.fetchall()], "superseded"
        )
        self.env["hub.message"].invalidate_model()
        self.env["hub.exception"].invalidate_model()
        self.env["hub.engine"]._wake_after_commit()

    def _note(self, action):
        self.env["hub.audit"]._append(
            [
                {
                    "action": action,
                    "system_id": grant.system_id.id,
                    "res_model": "hub.entity.field",
                    "res_id": grant.field_id.id,
                    "values": {"entity": grant.entity_id.code, "field": grant.field_id.name},
                }
                for grant in self
            ]
        )
        self.env.registry.clear_cache()  # which changes in Odoo are watched depends on it

    @api.model
    def toggle_grant(self, system_id, field_id):
        """Give or revoke one write-back: the call of the matrix screen.

        :return: True; or the action of the Change that proposes it.
        """
        grant = self.with_context(active_test=False).search(
            [("system_id", "=", system_id), ("field_id", "=", field_id), ("revoked_at", "=", False)]
        )

        def toggle(env):
            if grant:
                grant.with_env(env).action_revoke()
            else:
                env["hub.grant"].create({"system_id": system_id, "field_id": field_id})

        change = self.env["hub.change"]._carry_out(toggle)
        return change._open() if change else True

    # -- what the engine reads ---------------------------------------------------------------------

    @api.model
    def _granted(self, system, entity):
        """Names of the fields of ``entity`` that may be sent to ``system``: one query."""
        # Read with sudo: whether something may be sent does not depend on who changed it.
        rows = self.sudo().search([("system_id", "=", system.id), ("entity_id", "=", entity.id)])
        return set(rows.field_id.mapped("name"))

    @api.model
    def _systems_by_field(self, entities):
        """``{field id: frozenset(system ids)}`` of the live grants."""
        groups = self._read_group(
            [("entity_id", "in", entities.ids)], ["field_id"], ["system_id:array_agg"]
        )
        return {field.id: frozenset(systems) for field, systems in groups}


class HubSystem(models.Model):
    _inherit = "hub.system"

    grant_ids = fields.One2many("hub.grant", "system_id", string="Write-back")
    waiting_grant_ids = fields.One2many(
        "hub.grant",
        "system_id",
        domain=[("approved_at", "=", False), ("revoked_at", "=", False)],
        context={"active_test": False},
        string="Waits for a Second Person",
    )
    ungranted = fields.Char(compute="_compute_ungranted", string="Mapped, but Not Granted")

    def write(self, vals):
        turned = self.browse()
        if vals.get("environment") == "production" and self.env.uid != SUPERUSER_ID:
            turned = self.filtered(lambda system: system.environment != "production")
        result = super().write(vals)
        # With sudo: a consequence, whatever rights who changes the system has.
        turned.sudo().grant_ids._ask_again()
        return result

    @api.depends(
        "waiting_grant_ids.approved_at",
        "grant_ids.active",
        "mapping_ids.line_ids.field_id",
        "mapping_ids.line_ids.both_ways",
    )
    def _compute_ungranted(self):
        for system in self:
            system.ungranted = ", ".join(
                f"{field.entity_id.name}: {field.label}" for field in system._proposed_grants()
            )

    def _outbound_fields(self):
        """Fields that the mappings of these systems would send."""
        lines = self.mapping_ids.line_ids
        return lines.filtered(lambda x: x.mapping_id.direction == "out" or x.both_ways).field_id

    def _proposed_grants(self):
        """Fields that the mappings of a system would send and that nobody granted."""
        granted = self.grant_ids.filtered("active").field_id | self.waiting_grant_ids.field_id
        return (self._outbound_fields() - granted).filtered(lambda field: field.direction != "in")

    def action_grant_write_back(self):
        """Let Odoo send what the outbound mappings of these systems name, in the caller's name; to a
        production system another person has to confirm it."""
        self.check_access("write")
        vals_list = [
            {"system_id": system.id, "field_id": field.id}
            for system in self
            for field in system._proposed_grants()
        ]
        change = self.env["hub.change"]._carry_out(
            lambda env: env["hub.grant"].create(vals_list), self.env._("Write-back")
        )
        return change._open() if change else True
