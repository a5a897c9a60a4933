"""Rules and checkpoints of a batch: what stands between a record and Odoo, just before it is written."""

from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal, DecimalException

from odoo import fields as odoo_fields

from ...core.facts import facts_of
from ...core.keys import digest
from ...core.problem import Problem
from ...core.rule import ASKING
from .whereabouts import Whereabouts


@dataclass(frozen=True)
class Stop:
    """Why a record is held: a rule or a checkpoint, and what whoever decides has to see.

    :attr kind: ``rule`` or ``checkpoint``; :attr id: its id.
    :attr digest: of what would be written; an approval holds for that alone.
    """

    kind: str
    id: int
    digest: str
    facts: dict = field(default_factory=dict)
    failed: str = ""


class Gatekeeper:
    """The part of a batch that holds, blocks and warns; uses ``env``, ``system``, ``entity``, ``plain``,
    ``process_id`` and ``money`` of :class:`~.apply_batch.ApplyBatch`."""

    def _load_gates(self):
        """What governs this entity; nothing of it costs anything where there is nothing."""
        self.gates = self.env["hub.gate"]._gates(self.system, self.entity, "in")

    def _leave_out(self):
        """What the process is not switched on for yet, with the reason; it can be replayed once it is."""
        scope = self.gates and self.gates.scopes.get(self.process_id)
        items = [item for item in self._open() if item.action == "change"]
        if not scope or not items:
            return
        where = Whereabouts(self.env, self.entity)
        rows = {item.message_id: (item.res_id, item.values) for item in items}
        places = where.of(rows) if scope.countries or scope.teams else {}
        for item in items:
            why = scope.leaves_out(
                item.entity,
                item.company_id,
                *places.get(item.message_id, (None, None)),
                record=lambda item=item: self.record_of(item),
                placed=where.placed,
            )
            if why:
                item.skip = "out_of_scope"
                item.skip_params = {"process": self.process_id, "what": why}

    def _govern(self, handler, items):
        """Let ``items`` through, or say what stops them: ``problem``, ``stops`` and ``warnings``.

        :return: the items that may be written, in one list a round: of records that a rule compares with
            others, one after the other is written, so that each sees those before it.
        """
        if self.gates is None or not items:
            return [items] if items else []
        return self._rounds(handler, items)

    def _rounds(self, handler, items):
        rests = items
        while rests:
            now, rests = self._first_of_each(rests)
            answers = self._answers(handler, now)
            for item in now:
                self._judge(item, answers)
            self._ask_approvals(now)
            yield [item for item in now if item.open]

    def _first_of_each(self, items):
        """Of the items that a rule counts among each other's records, only the first."""
        counting = [check for check in self.gates.checks if check.rule.test == "others"]
        if not counting:
            return items, []
        now, later, taken = [], [], set()
        for item in items:
            record = self.record_of(item)
            keys = {
                (check.rule.id, item.company_id, str(record.get(check.rule.field)))
                for check in counting
                if check.concerns(record)
            }
            (later if keys & taken else now).append(item)
            taken |= keys
        return now, later

    def _kinds(self):
        return self.gates.kinds if self.gates else self.env["hub.gate"]._kinds(self.entity)

    def record_of(self, item):
        """The canonical record as the source has it; of a file of few columns, with what was agreed."""
        values = self.plain[item.message_id]
        if item.partial and item.link:
            values = (item.link.base or {}) | values
        return facts_of(values, self._kinds())

    def _answers(self, handler, items):
        """What only Odoo can tell of ``items``: one query a rule that asks (and field that it looks at).

        :return: ``{(rule id, message id): answer}``, see ``core.rule.Check.judge``.
        """
        answers = {}
        for check in self.gates.checks:
            if check.rule.test not in ASKING:
                continue
            asked = [
                item
                for item in items
                if check.applies(item.company_id, self.process_id, self.system.id)
                and check.concerns(self.record_of(item))
            ]
            if asked:
                # With sudo: the rule's own row; records are read with the technical user's rights.
                rule = self.env["hub.rule"].sudo().browse(check.rule.id)
                found = rule._ask_odoo(handler.env, check.rule, asked)
                answers |= {(check.rule.id, message): answer for message, answer in found.items()}
        return answers

    def _judge(self, item, answers):
        checks, checkpoints = self.gates.of(item.company_id, self.process_id, self.system.id)
        if not checks and not checkpoints:
            return
        record = self.record_of(item)
        today = odoo_fields.Date.today()
        seen = None
        for check in checks:
            found = check.judge(record, today, answers.get((check.rule.id, item.message_id)))
            if found is None:
                continue
            if check.rule.effect == "block":
                item.problem = rule_problem(found)
                item.stops, item.warnings = [], []
                return
            if check.rule.effect == "warn":
                item.warnings.append(found)
                continue
            seen = seen or self._digest(item)
            item.stops.append(Stop("rule", check.rule.id, seen, found.facts, found.failed))
        item.warned_by = [check.rule.id for check in checks if check.rule.effect == "warn"]
        for point in checkpoints:
            if point.stops(record, item.changed, lambda p=point: self._worth_at(item, record, p)):
                seen = seen or self._digest(item)
                item.stops.append(Stop("checkpoint", point.id, seen))

    def _look_again(self):
        """Warn of records in which nothing has changed too: the rules may have."""
        if self.gates is None:
            return
        for item in self.items:
            if item.skip in ("unchanged", "kept") and item.message_id in self.plain:
                checks, _points = self.gates.of(item.company_id, self.process_id, self.system.id)
                looking = [
                    c for c in checks if c.rule.effect == "warn" and c.rule.test not in ASKING
                ]
                record = self.record_of(item)
                found = [check.judge(record, odoo_fields.Date.today()) for check in looking]
                item.warnings = [one for one in found if one is not None]
                item.warned_by = [check.rule.id for check in looking]

    def _digest(self, item):
        """Of what would be written, from what to what: a later or another change is not approved by it."""
        base = (item.link.base if item.link else None) or {}
        now = self.plain[item.message_id]
        return digest(
            [
                item.res_id,
                item.company_id,
                {name: [base.get(name), now.get(name)] for name in item.changed},
            ]
        )

    def _worth_at(self, item, record, point):
        """The amount that a checkpoint looks at, in the company's currency."""
        if not point.amount:
            return self.money(item)["amount_company"]
        company = self.env["res.company"].browse(item.company_id) or self.system.company_ids[:1]
        return in_company_currency(
            self.env, record.get(point.amount), record.get("currency"), company
        )

    def _ask_approvals(self, items):
        """Take away the stops that somebody has let pass, for exactly what would be written now."""
        held = [item for item in items if item.stops]
        if not held:
            return
        given = self.env["hub.approval"]._given(self.env.cr, [item.message_id for item in held])
        for item in held:
            item.stops = [
                stop
                for stop in item.stops
                if (stop.kind, stop.id, stop.digest) not in given[item.message_id]
            ]


def rule_problem(found):
    """The exception of a record that a rule blocks. All of one rule are one issue."""
    return Problem(
        "rule_block",
        kind="rule",
        cause=f"rule:{found.rule.id}",
        rule=found.rule.id,
        facts=found.facts,
        failed=found.failed,
    )


def in_company_currency(env, amount, code, company):
    """An amount of a record, whose ``currency`` field holds a code or nothing, for a limit; None where it
    cannot be told."""
    if amount is None or not company:
        return None
    try:
        amount = Decimal(str(amount))
    except DecimalException:
        return None
    own = company.currency_id
    currency = env["res.currency"].search([("name", "=", code)]) if code else own
    if not currency:
        return None
    return currency._convert(float(amount), own, company, odoo_fields.Date.today())


def warned_params(warnings):
    """Warnings as a message keeps them."""
    return [{"rule": w.rule.id, "facts": w.facts, "failed": w.failed} for w in warnings]


def by_message(rows):
    """``{message id: {(kind, id, digest), …}}``"""
    found = defaultdict(set)
    for message_id, *rest in rows:
        found[message_id].add(tuple(rest))
    return found


def shown_of(changed, base, now):
    """Rows of what would be written: ``[[field, agreed until now, would become], …]``."""
    return [[name, base.get(name), now.get(name)] for name in sorted(changed)]
