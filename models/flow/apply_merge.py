"""The merge of a batch: each field that the source changed is decided by its rule."""

from datetime import datetime, timezone
from decimal import Decimal

from ...core.keys import digest
from ...core.merge import (
    CONFLICT,
    KEEP,
    UNKNOWN,
    WRITE,
    Outcome,
    View,
    couple,
    merge,
    next_base,
    plain,
    same,
)
from ...core.problem import Problem
from .edit import MARKED


class Merger:
    """The part of a batch that merges; uses ``env``, ``system``, ``entity``, ``items`` and ``plain``
    of :class:`~.apply_batch.ApplyBatch`. Handlers get in ``changed`` only what may be written."""

    def _load_rules(self):
        """Rules, bindings and requirements of the entity, once for the batch."""
        self.book = self.env["hub.ownership"]._book(self.entity)
        self._first = {}
        self.required = {f.name for f in self.entity.field_ids if f.required}
        self.handler = self.env[self.entity.handler] if self.entity.handler else None
        self.bound = self.handler._hub_compared(self.entity) if self.handler is not None else {}

    def _merge(self, handler, items):
        """Decide every changed field of ``items``; one query reads what Odoo holds of all of them."""
        items = [item for item in items if item.action == "change" and item.open]
        if not items:
            return
        known = {item.res_id for item in items if item.res_id}
        bound = {}
        if known:
            names = set().union(*(item.changed for item in items), *map(_decided, items))
            bound = {name: self.bound[name] for name in names if name in self.bound}
        current = handler._hub_current(self.env[self.model].browse(sorted(known)), bound)
        history = self._history(known, bound)
        for item in items:
            self._merge_item(handler, item, current.get(item.res_id, {}), history)

    def _history(self, ids, bound):
        """Who typed what, and what the hub wrote when, as far as the rules in use ask for it."""
        if not ids or not bound:
            return _History({}, {})
        edits = self.env["hub.edit"]._of(self.model, ids)
        needed = self.book.names & {"newest", "first"}
        stamps = self.env["hub.record"]._stamps(self.env.cr, self.model, ids) if needed else {}
        return _History(edits, stamps)

    def _merge_item(self, handler, item, current, history):
        if item.res_id is None:
            item.outcomes = {
                name: self._first_outcome(name, item.company_id)
                for name in item.changed
                if name in item.values
            }
            self._carry_out(handler, item, current)
            return
        link = item.link
        base = link.base if link else None
        outcomes = {}
        decided = item.decision.get("merge") or {}
        released = set(item.decision.get("release") or ())
        for name in sorted(item.changed | _decided(item)):
            if name not in item.values:
                continue
            rule = self.book.of(name, item.company_id)
            incoming = self.plain[item.message_id].get(name)
            meant = item.offered[name] = handler._hub_meant(item, name)
            odoo = _comparable(current[name]) if name in current else UNKNOWN
            view = View(
                incoming=incoming,
                base=(base or {}).get(name) if link and base is not None else UNKNOWN,
                odoo=odoo,
                held=(link.held or {}).get(name, UNKNOWN) if link else UNKNOWN,
                meant=meant,
                sent=((link.unsettled or {}).get("sent") or {}).get(name, UNKNOWN)
                if link
                else UNKNOWN,
                known=link is not None,
                choice=_choice(decided.get(name), meant, odoo),
                released=name in released,
                **history.of(self.model, item, name, self.bound.get(name)),
            )
            outcomes[name] = merge(rule, self.system.id, view)
        couple(outcomes, handler._hub_together)
        item.outcomes = outcomes
        self._carry_out(handler, item, current)

    def _first_outcome(self, name, company_id):
        """What becomes of a field of a record that does not exist yet: alike for all of a company."""
        key = name, company_id
        if key not in self._first:
            view = View(None, fresh=True, required=name in self.required)
            self._first[key] = merge(self.book.of(name, company_id), self.system.id, view)
        return self._first[key]

    def _carry_out(self, handler, item, current):
        """What may be written stays in ``changed``; of the rest the handler sees Odoo's own value."""
        if item.conflicts and handler._hub_all_or_nothing(item):
            for name, outcome in item.outcomes.items():
                if outcome.action == WRITE:
                    item.outcomes[name] = Outcome(KEEP, "with_other", settled=False)
        item.changed = frozenset(n for n, one in item.outcomes.items() if one.action == WRITE)
        for name, outcome in item.outcomes.items():
            if outcome.action not in (KEEP, CONFLICT):
                continue
            if item.res_id is None:
                item.values.pop(name, None)
            elif current.get(name) is not None and not isinstance(current[name], Decimal):
                # Amounts are compared in the company's currency; the handler thinks in the deal's.
                item.values[name] = current[name]
        if item.res_id is None or item.changed or item.conflicts:
            return
        if item.decision.keys() & {"link", "create", "invoice"}:
            return  # what a person said about the record itself is the handler's to carry out
        kept = any(outcome.action == KEEP for outcome in item.outcomes.values())
        item.skip = "kept" if kept else "unchanged"

    def _hold_back(self, items):
        """Odoo's value after the writing, of each field that is agreed now: the next ``held``."""
        by_id = {}
        for item in items:
            if item.res_id and item.problem is None and not item.stops and item.action == "change":
                by_id.setdefault(item.res_id, []).append(item)
        names = {
            name
            for item_list in by_id.values()
            for item in item_list
            for name, outcome in item.outcomes.items()
            if outcome.agreed
        }
        bound = {name: self.bound[name] for name in names if name in self.bound}
        if not bound:
            return
        records = self.env[self.model].browse(sorted(by_id))
        settled = {}
        for res_id, values in self.handler._hub_today(records, bound).items():
            for item in by_id[res_id]:
                item.held = {
                    name: _comparable(value)
                    for name, value in values.items()
                    if name in item.outcomes and item.outcomes[name].agreed
                }
                if item.link:
                    settled[res_id] = [bound[name][0] for name in item.held]
        self.env["hub.edit"]._settle(self.model, settled)

    # -- what is kept ------------------------------------------------------------------------------

    def merged_base(self, item):
        """The base of the next merge."""
        base = item.link.base if item.link else None
        return next_base(base, self.plain[item.message_id], item.outcomes, item.partial)

    def unsettled(self, item):
        """What is open between Odoo and the source after this: disputed, owed to it, not yet echoed."""
        before = (item.link.unsettled if item.link else None) or {}
        disputed = {name: item.offered[name] for name in item.conflicts}
        if item.partial:
            # What it does not hold is as disputed as before.
            former = before.get("disputed") or {}
            disputed |= {n: value for n, value in former.items() if n not in item.outcomes}
        # A field that the source did not change stays as open as it was.
        owed = {n for n in before.get("owed") or () if n not in item.outcomes}
        owed |= self._owed(item)
        sent = {
            name: value
            for name, value in (before.get("sent") or {}).items()
            if name not in item.outcomes or not same(value, item.offered.get(name))
        }
        result = {"disputed": disputed, "owed": sorted(owed), "sent": sent}
        return {key: value for key, value in result.items() if value} or None

    def _owed(self, item):
        """Fields of which the system should get Odoo's value instead of its own."""
        return {
            name
            for name, outcome in item.outcomes.items()
            if outcome.owed and self.book.of(name, item.company_id).sends_to(self.system.id)
        }

    def mark_owed(self):
        """Let records go out whose own value stood against the source's: nothing else changed them."""
        model = self.env[self.model]
        if hasattr(model, "_hub_mark"):
            model._hub_mark(
                [i.res_id for i in self.items if i.res_id and not i.stops and self._owed(i)]
            )

    def stamps(self, item, message_id, now):
        """Provenance of the fields that were written or found equal."""
        result = {}
        for name, outcome in item.outcomes.items():
            if outcome.action == WRITE or outcome.why in ("same", "chosen"):
                result[name] = {
                    "system": self.system.id,
                    "message": message_id,
                    "at": now,
                    "rule": self.book.of(name, item.company_id).name,
                    "why": outcome.why,
                    "changed": item.changed_at.isoformat() if item.changed_at else None,
                }
                if outcome.why == "chosen":
                    result[name]["by"] = item.decision.get("by")
                    if outcome.action == KEEP:
                        result[name]["system"] = None
        return result

    def kept(self, item):
        """Which fields were left as Odoo has them and why, for the message's explanation."""
        kept = {
            name: outcome.why
            for name, outcome in item.outcomes.items()
            if outcome.action == KEEP and outcome.why not in ("unchanged", "echo")
        }
        return {"kept": kept, "entity_code": self.entity.code} if kept else None

    def conflict_problem(self, item):
        """The exception of a message some of whose fields a person has to decide."""
        return Problem(
            "merge_conflict",
            kind="conflict",
            # One cause for all records of an entity: which fields differ, each record says itself.
            entity=self.entity.name,
            entity_code=self.entity.code,
            fields=sorted(item.conflicts),
            written=len(item.changed),
        )


class _History:
    """What is known of the past of the fields of a batch."""

    def __init__(self, edits, stamps):
        self.edits, self.stamps = edits, stamps

    def of(self, model, item, name, binding):
        """Arguments of a :class:`View`."""
        stamp = (self.stamps.get(item.res_id) or {}).get(name) or {}
        edit = self.edits.get((item.res_id, binding[0]), (None,))[0] if binding else None
        edited = edit is not None or model not in MARKED
        result = {"edited": edited, "first": stamp.get("first") or stamp.get("system")}
        if item.changed_at:
            result["changed_at"] = _naive(item.changed_at)
        result["odoo_at"] = edit or _parsed(stamp.get("changed"))
        return result


def _parsed(text):
    return _naive(datetime.fromisoformat(text)) if text else None


def _naive(moment):
    return moment.astimezone(timezone.utc).replace(tzinfo=None) if moment.tzinfo else moment


def _decided(item):
    """Fields that a person said something about."""
    return frozenset(item.decision.get("merge") or ()) | frozenset(
        item.decision.get("release") or ()
    )


def _comparable(value):
    """A canonical value as plain data in which equal numbers are equal."""
    if isinstance(value, Decimal):
        return format(value.normalize(), "f")
    return plain(value)


def _choice(decision, meant, odoo):
    """What a person chose, if these are still the values that the person saw."""
    if not decision or decision.get("seen") != seen(meant, odoo):
        return None
    return decision.get("take")


def seen(meant, odoo):
    """Digest of the two values that a person decides between, both in Odoo's terms."""
    return digest([meant, None if odoo is UNKNOWN else odoo])
