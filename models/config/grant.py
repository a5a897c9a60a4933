from odoo import api, fields, models
from odoo.exceptions import UserError


class HubGrant(models.Model):
    """Write-back: the permission to send one field to one system, given by a named person.

    Ownership says whose value counts; a grant says that Odoo may write into the product at all. There
    is none until somebody gives it, and the engine sends nothing without it.
    """

    _name = "hub.grant"
    _description = "Write-back Grant"
    _order = "system_id, entity_id, field_id"
    _rec_name = "field_id"

    system_id = fields.Many2one("hub.system", required=True, ondelete="cascade", index=True)
    field_id = fields.Many2one("hub.entity.field", required=True, ondelete="cascade", index=True)
    entity_id = fields.Many2one(related="field_id.entity_id", store=True, index=True)
    data_class = fields.Selection(related="field_id.data_class")
    approver_id = fields.Many2one(
        "res.users", string="Approved By", readonly=True, required=True, ondelete="restrict"
    )
    approved_at = fields.Datetime(string="Approved", readonly=True, required=True)
    revoked_by_id = fields.Many2one("res.users", readonly=True, ondelete="restrict")
    revoked_at = fields.Datetime(string="Revoked", readonly=True)
    active = fields.Boolean(default=True, readonly=True)

    _live_unique = models.UniqueIndex(
        "(system_id, field_id) WHERE revoked_at IS NULL", "This write-back is granted already."
    )

    @api.model_create_multi
    def create(self, vals_list):
        """Whoever creates a grant is its approver, now; nobody approves in another's name."""
        now = fields.Datetime.now()
        for vals in vals_list:
            vals.update(
                approver_id=self.env.uid,
                approved_at=now,
                active=True,
                revoked_at=False,
                revoked_by_id=False,
            )
        grants = super().create(vals_list)
        for grant in grants:
            grant._check_sense()
        self.env["hub.ownership"]._refuse_clashes(grants.entity_id)
        grants._note("grant")
        return grants

    def write(self, vals):
        raise UserError(
            self.env._("A grant is not edited: revoke it, and give another one if it is needed.")
        )

    def unlink(self):
        raise UserError(self.env._("Grants are revoked, not deleted: who gave them is kept."))

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
        super(HubGrant, live).write(
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
        """Give or revoke one write-back: the call of the matrix screen."""
        grant = self.search([("system_id", "=", system_id), ("field_id", "=", field_id)])
        if grant:
            return grant.action_revoke()
        self.create({"system_id": system_id, "field_id": field_id})
        return True

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
    ungranted = fields.Char(compute="_compute_ungranted", string="Mapped, but Not Granted")

    @api.depends(
        "grant_ids.active", "mapping_ids.line_ids.field_id", "mapping_ids.line_ids.both_ways"
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
        granted = self.grant_ids.filtered("active").field_id
        return (self._outbound_fields() - granted).filtered(lambda field: field.direction != "in")

    def action_grant_write_back(self):
        """Let Odoo send what the outbound mappings of these systems name, in the caller's name."""
        self.check_access("write")
        self.env["hub.grant"].create(
            [
                {"system_id": system.id, "field_id": field.id}
                for system in self
                for field in system._proposed_grants()
            ]
        )
        return True
