import uuid
from typing import NamedTuple

from odoo import api, fields, models, tools
from odoo.exceptions import ValidationError

from ...core.expression import compile_expression
from ...core.problem import Problem
from ...core.rule import Check, compile_rules
from ..guard import own_code

VIEWER = "lead_to_cash_hub.group_hub_viewer"


class Gates(NamedTuple):
    """What stands between the records of one entity and their effect, in one direction.

    :attr checks: compiled rules; :attr checkpoints: :class:`~.checkpoint.Checkpoint`.
    :attr scopes: ``{process id: Scope}`` of processes that are not live for everything.
    :attr kinds: canonical types as ``core.rule.facts_of`` takes them.
    :attr seal: changes with each change of these.
    """

    checks: tuple[Check, ...]
    checkpoints: tuple
    scopes: dict
    kinds: dict
    seal: str

    def of(self, company, process, system):
        """The checks and checkpoints that concern records of a company, process and system."""
        return (
            [c for c in self.checks if c.applies(company, process, system)],
            [c for c in self.checkpoints if c.applies(company, process, system)],
        )


class HubGate(models.AbstractModel):
    """What rules and checkpoints share: for which records they are, and who lets through what they hold."""

    _name = "hub.gate"
    _description = "Gate"
    _inherit = ["hub.identified"]
    _hub_free = frozenset(["stamp"])
    _hub_key = ("identity", "entity_id", "direction", "system_id", "company_id", "name")
    # Groups travel; people are others in every database.
    _gate_portable = (
        "sequence", "active", "process_id", "when", "approver_group_id", "four_eyes", "due_hours",
    )  # fmt: skip
    _order = "sequence, id"

    name = fields.Char(required=True, translate=True)
    sequence = fields.Integer(default=10)
    active = fields.Boolean(default=True)
    entity_id = fields.Many2one("hub.entity", required=True, ondelete="cascade", index=True)
    direction = fields.Selection(
        [("in", "From a system to Odoo"), ("out", "From Odoo to a system")],
        default="in",
        required=True,
    )
    process_id = fields.Many2one(
        "hub.process", ondelete="cascade", help="Empty: whatever process moves the record."
    )
    company_id = fields.Many2one("res.company", ondelete="cascade", help="Empty: every company.")
    system_id = fields.Many2one("hub.system", ondelete="cascade", help="Empty: every system.")
    when = fields.Char(
        string="Only When",
        help='An expression on the record, for example record["stage"] == "won". Empty: always.',
    )
    approver_ids = fields.Many2many(
        "res.users",
        domain=[("share", "=", False)],
        help="Any one of them decides, or of the group.",
    )
    approver_group_id = fields.Many2one("res.groups", string="Or Anybody Of", ondelete="restrict")
    four_eyes = fields.Boolean(
        default=True,
        help="Who typed, uploaded or decided about the record does not approve it, nor does anybody in "
        "that person's name.",
    )
    due_hours = fields.Float(
        string="Decide Within (h)", default=24.0, help="0: there is no due date."
    )
    escalate_id = fields.Many2one(
        "res.users",
        string="Overdue: Tell",
        domain=[("share", "=", False)],
        ondelete="restrict",
        help="May decide as well once the due date has passed.",
    )
    # Names this configuration for ever, see hub.mapping.
    stamp = fields.Char(default=lambda self: uuid.uuid4().hex, readonly=True, copy=False)

    def write(self, vals):
        result = super().write(vals)
        super(HubGate, own_code(self)).write({"stamp": uuid.uuid4().hex})
        return result

    @api.constrains("when")
    def _check_when(self):
        for gate in self.filtered("when"):
            gate._compiled(compile_expression, gate.when)

    @api.constrains("company_id", "system_id")
    def _check_served(self):
        for gate in self:
            served = gate.system_id.company_ids
            if gate.company_id and gate.system_id and gate.company_id not in served:
                raise ValidationError(
                    self.env._(
                        "%(system)s does not serve %(company)s.",
                        system=gate.system_id.name,
                        company=gate.company_id.name,
                    )
                )

    @api.constrains("due_hours")
    def _check_due(self):
        if any(not 0 <= gate.due_hours <= 8760 for gate in self):
            raise ValidationError(self.env._("A decision is due within a year at most."))

    def _compiled(self, function, *arguments):
        """``function(*arguments)``; what it refuses becomes a sentence for the person who saves."""
        try:
            return function(*arguments)
        except Problem as problem:
            reason = self.env["hub.sentence"]._sentence(problem.code, problem.params)
            raise ValidationError(
                self.env._("%(gate)s: %(reason)s", gate=self.name, reason=reason)
            ) from problem

    @api.constrains("approver_ids", "escalate_id")
    def _check_people(self):
        for gate in self:
            # With sudo: which rights somebody has is asked, not shown.
            people = (gate.approver_ids | gate.escalate_id).sudo()
            strangers = people.filtered(lambda user: not user.has_group(VIEWER))
            if strangers:
                raise ValidationError(
                    self.env._(
                        "%s cannot open the hub: give the right “Viewer” first.",
                        ", ".join(strangers.mapped("name")),
                    )
                )

    def _require_approvers(self):
        """Nobody could let through what this holds."""
        if not self.approver_ids and not self.approver_group_id:
            raise ValidationError(
                self.env._(
                    "%s holds records: say who lets them through, people or a group.", self.name
                )
            )

    # -- what the engine reads ---------------------------------------------------------------------

    @api.model
    def _gates(self, system, entity, direction):
        """What leaves out, holds, blocks or warns: one query; compiled once for each change.

        :return: :class:`Gates`, or None where there is nothing, which costs the query alone.
        """
        self.env.cr.execute(
            """
            SELECT 'rule', id, stamp FROM hub_rule WHERE active AND entity_id = %(entity)s AND direction = %(direction)s
             UNION ALL
            SELECT 'checkpoint', id, stamp FROM hub_checkpoint
             WHERE active AND entity_id = %(entity)s AND direction = %(direction)s
             UNION ALL
            SELECT 'process', p.id, p.stamp FROM hub_process p JOIN hub_stream s ON s.process_id = p.id
             WHERE (p.scoped OR p.mode = 'shadow') AND s.system_id = %(system)s AND s.entity_id = %(entity)s
               AND s.direction = %(direction)s
             ORDER BY 1, 2
            """,
            {"system": system.id, "entity": entity.id, "direction": direction},
        )
        stamps = tuple(self.env.cr.fetchall())
        return self._compile_gates(stamps, entity.id) if stamps else None

    @api.model
    @tools.ormcache("stamps", "entity_id")
    def _compile_gates(self, stamps, entity_id):
        # With sudo: the technical user works in the record's company only, and a rule holds whoever reads.
        rules, points, processes = (
            self.env[f"hub.{kind}"].sudo().browse(key for kind_, key, _s in stamps if kind_ == kind)
            for kind in ("rule", "checkpoint", "process")
        )
        return Gates(
            compile_rules((rule._plain() for rule in rules), strict=False),
            tuple(point._plain() for point in points.sorted()),
            {process.id: process._scope() for process in processes},
            self._kinds(self.env["hub.entity"].browse(entity_id)),
            # What is told to people, or who decides, does not change what becomes of a record; that it
            # is looked at once more costs little.
            uuid.uuid5(uuid.NAMESPACE_OID, repr(stamps)).hex[:12],
        )

    @api.model
    def _kinds(self, entity):
        """Canonical types of an entity's fields: ``{field: type}``, with those of lines one level below."""
        kinds = {field.name: field.kind for field in entity.field_ids}
        below = {n: k.partition(":")[2] for n, k in kinds.items() if k.startswith("lines:")}
        if below:
            parts = {e.code: e for e in entity.search([("code", "in", list(below.values()))])}
            for name, code in below.items():
                kinds[name] = {field.name: field.kind for field in parts[code].field_ids}
        return kinds

    # -- change control ----------------------------------------------------------------------------

    def _hub_systems(self):
        """One without a system rules those of its company, or all."""
        systems = self.system_id
        for gate in self - self.filtered("system_id"):
            served = [("company_ids", "in", gate.company_id.ids)] if gate.company_id else []
            systems |= self.env["hub.system"].search(served)
        return systems
