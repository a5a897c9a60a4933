"""Writes of messages taken back, as far as nobody has touched them and Odoo allows. Plain class."""

from dataclasses import dataclass, field

import psycopg2
from odoo.exceptions import AccessError, UserError
from odoo.tools import SQL

from ..guard import own_code
from .context import HUB_CONTEXT
from .trace import plain_value

# A document in one of these states is closed: what it says is no longer the hub's to change.
CLOSED = {
    "account.move": ("state", ("posted", "cancel")),
    "account.payment": ("state", ("in_process", "paid", "canceled", "rejected")),
    "sale.order": ("state", ("sale", "cancel")),
}
CHUNK = 50


@dataclass
class Result:
    """What became of one write: a verdict, the fields taken back, and those left with the reason."""

    verdict: str
    reason: str = ""
    done: dict = field(default_factory=dict)  # field -> [value now, value it got]
    left: list = field(default_factory=list)  # fields that somebody changed since


class TakeBack:
    """Take writes back with the rights of the environment's user.

    :param entries: dicts of audit rows, the newest first: audit_id, at, user_id, res_model, res_id, trace.
    """

    def __init__(self, env, entries):
        self.env = env(context={**env.context, **HUB_CONTEXT})
        self.entries = entries
        self.results = {}

    def run(self):
        """:return: ``{audit id: Result}``; what is taken back is written and flushed."""
        by_model = {}
        for entry in self.entries:
            by_model.setdefault(entry["res_model"], []).append(entry)
        for model, entries in by_model.items():
            if model in self.env:
                self._model(model, entries)
            else:
                self._leave(entries, "gone")
        return self.results

    def _leave(self, entries, reason):
        for entry in entries:
            self.results[entry["audit_id"]] = Result("left", reason)

    def _model(self, model, entries):
        records = self.env[model].browse({entry["res_id"] for entry in entries}).exists()
        readable = records._filtered_access("read")
        allowed = readable._filtered_access("write")
        by_record = {}
        for entry in entries:
            by_record.setdefault(entry["res_id"], []).append(entry)
        plans, created = [], []
        for res_id, own in by_record.items():
            record = records.browse(res_id)
            if record not in records:
                self._leave(own, "gone")
            elif record not in allowed:
                self._leave(own, "no_right")
            elif self._closed(record):
                self._leave(own, "closed")
            elif self._priced_on_order(record, own):
                self._leave(own, "order_line")
            elif any(entry["trace"] and entry["trace"]["created"] for entry in own):
                created.append((record, own))
            else:
                plans.append((record, own, self._vals(record, own)))
        self._write(plans)
        self._remove(model, created)

    def _closed(self, record):
        name, states = CLOSED.get(record._name, (None, ()))
        if name and record[name] in states:
            return True
        return bool(
            "hub_billing_id" in record and record.sudo().hub_billing_id
        )  # as a deletion asks

    def _priced_on_order(self, record, entries):
        """Whether these wrote the price of an expense: it is invoiced by its order line, which got the
        price as well."""
        if record._name != "account.analytic.line" or not record.sudo().so_line.is_expense:
            return False
        traces = [entry["trace"] for entry in entries if entry["trace"]]
        return any(t["created"] or "amount" in (t.get("fields") or {}) for t in traces)

    # -- fields ----------------------------------------------------------------------------------------

    def _vals(self, record, entries):
        """What to write on one record; each field only while it is what the entry made of it."""
        now, vals = {}, {}
        for entry in entries:
            trace = entry["trace"]
            if not trace:
                self.results[entry["audit_id"]] = Result("left", "no_trace")
                continue
            result = Result("write", left=self._changed_since(record, trace, now))
            for name, (old, _new) in trace["fields"].items():
                if name in result.left:
                    continue
                result.done[name] = [now[name], old]
                now[name] = old
                vals[name] = False if old is None else old
            if not result.done:
                result.verdict = "left"
                result.reason = "changed_since" if result.left else "nothing"
            self.results[entry["audit_id"]] = result
        return vals

    def _changed_since(self, record, trace, now):
        """Fields that are not what this write made of them; of those that say one thing together, all.

        :param now: values of the record by field, as later writes that are taken back leave them.
        """
        left = set()
        for name, (_old, new) in trace["fields"].items():
            if name in record._fields and name not in now:
                now[name] = plain_value(record, name)
            if name not in record._fields or now[name] != new:
                left.add(name)
        for group in trace.get("together") or ():
            if not left.isdisjoint(group):
                left |= trace["fields"].keys() & set(group)
        return sorted(left)

    def _write(self, plans):
        plans = [plan for plan in plans if plan[2]]
        for start in range(0, len(plans), CHUNK):
            self._write_some(plans[start : start + CHUNK])

    def _write_some(self, plans):
        """In one savepoint; if Odoo refuses one, each by itself."""
        reason = self._try(lambda: [self._put_back(record, vals) for record, _own, vals in plans])
        if reason and len(plans) == 1:
            for entry in plans[0][1]:
                if self.results[entry["audit_id"]].verdict == "write":
                    self.results[entry["audit_id"]] = Result("left", reason)
        elif reason:
            for plan in plans:
                self._write_some([plan])

    def _put_back(self, record, vals):
        """What a source says of a record is written by nobody but the hub: neither is it taken back by another."""
        said = vals.keys() & getattr(record, "_hub_said", frozenset())
        if said:
            own_code(record).write({name: vals[name] for name in said})
        rest = {name: value for name, value in vals.items() if name not in said}
        if rest:
            record.write(rest)

    # -- created records -------------------------------------------------------------------------------

    def _remove(self, model, created):
        """Records that these messages created go, if nobody has touched them or refers to them."""
        if not created:
            return
        ids = [record.id for record, _own in created]
        referenced = self._referenced(model, ids)
        for record, own in created:
            if self._touched(record, own):
                self._leave(own, "touched")
            elif record.id in referenced:
                self._leave(own, "referenced")
            else:
                self._remove_one(record, own)

    def _touched(self, record, entries):
        """Whether somebody else wrote it, or it was written after the last of these messages."""
        if not record._log_access:
            return False
        writers = {entry["user_id"] for entry in entries}
        last = max(entry["at"] for entry in entries)
        return record.write_uid.id not in writers or record.write_date > last

    def _remove_one(self, record, own):
        verdict = "delete"
        reason = self._try(record.unlink)
        if reason and record._active_name:
            verdict = "archive"
            reason = self._try(record.action_archive)
        for entry in own:
            self.results[entry["audit_id"]] = Result(
                "left" if reason else verdict,
                reason or "",
                {} if reason else {"": [record.id, None]},
            )

    def _referenced(self, model, ids):
        """Which of these another row points to, by any foreign key of the database."""
        cr = self.env.cr
        table = self.env[model]._table
        cr.execute(
            """
            SELECT c.conrelid::regclass::text, a.attname
              FROM pg_constraint c JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
             WHERE c.contype = 'f' AND c.confrelid = %s::regclass
            """,
            [table],
        )
        found = set()
        for other, column in cr.fetchall():
            own = SQL("AND t.id <> t.%s", SQL.identifier(column)) if other == table else SQL("")
            cr.execute(
                SQL(
                    "SELECT DISTINCT t.%s FROM %s t WHERE t.%s = ANY(%s) %s",
                    SQL.identifier(column),
                    SQL.identifier(other.strip('"')),
                    SQL.identifier(column),
                    ids,
                    own,
                )
            )
            found.update(row[0] for row in cr.fetchall())
        cr.execute(
            """SELECT res_id FROM hub_link WHERE res_model = %s AND res_id = ANY(%s)
                GROUP BY res_id HAVING count(*) > 1""",
            [model, ids],
        )
        return found | {row[0] for row in cr.fetchall()}

    def _try(self, act):
        """:return: why Odoo refused, None if it went."""
        try:
            with self.env.cr.savepoint():
                act()
                self.env.flush_all()
            return None
        except AccessError:
            return "no_right"
        except UserError:
            return "refused"
        except psycopg2.IntegrityError:
            return "referenced"
        finally:
            self.env.invalidate_all(flush=False)
