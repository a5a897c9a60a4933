"""What a transaction has changed in business tables, row by row. Plain class over an environment."""

from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

from odoo import models
from odoo.exceptions import UserError
from odoo.tools import SQL

# Tables of the engine and of Odoo's own machinery: no business record.
_APART = (
    "ir.",
    "bus.",
    "base.",
    "mail.",
    "res.users",
    "res.groups",
    "discuss.",
    "phone.blacklist",
    "digest.",
)
_HUB_BUSINESS = ("hub.contract", "hub.contract.line", "hub.billing")
_LOG_FIELDS = frozenset({"id", *models.MAGIC_COLUMNS, "parent_path", "access_token", "uuid"})
_NUMBERS = ("integer", "float", "monetary")
# Row versions of the current transaction.
_OURS = SQL("age(xmin) <= age(pg_current_xact_id()::xid)")
# What a record is worth, and in which currency: shown with the old and the new amount.
AMOUNTS = {
    "account.move": "amount_total",
    "account.payment": "amount",
    "crm.lead": "expected_revenue",
    "hr.expense": "total_amount",
    "hub.contract": "amount_total",
    "sale.order": "amount_total",
}


class Change(NamedTuple):
    """One record that differs: ``values`` are ``{field: [old, new]}``, plain data to show."""

    kind: str  # create, write, delete or send
    model: str
    res_id: int
    name: str
    company_id: int | None
    values: dict
    amount_before: Decimal | None
    amount_after: Decimal | None
    currency_id: int | None
    readable: bool  # whether the reader's rights allowed to read it while it was there

    def against(self, other):
        """This change beside another one of the same record, which is the one of today: ``[then, now]``
        of what differs between the two. None if nothing does."""
        values = {}
        for name in {**self.values, **other.values}:
            before = (self.values.get(name) or other.values[name])[0]
            today = other.values.get(name, [before, before])[1]
            then = self.values.get(name, [before, before])[1]
            if today != then:
                values[name] = [today, then]
        if not values:
            return None
        if self.kind == "create":
            values = {name: [None, pair[1]] for name, pair in values.items()}
        return self._replace(values=values, amount_before=other.amount_after)

    def instead(self):
        """A change that today's configuration makes and the draft does not."""
        return self._replace(
            values={name: [pair[1], pair[0]] for name, pair in self.values.items()},
            amount_before=self.amount_after,
            amount_after=self.amount_before,
        )


class Difference:
    """Rows that a transaction writes from now on, and how they differ from before.

    Use: made before the work; :meth:`look` after it; roll back to a savepoint that was set before it; :meth:`changes`.
    PostgreSQL itself tells which tables were written and which row versions are ours, so that nothing
    hooks into Odoo's writes.

    :param env: environment of the transaction's cursor.
    :param reader: environment of the same cursor, with the rights of who is going to read.
    """

    def __init__(self, env, reader):
        # With sudo: what was written is listed whole here; each reader sees what his rights allow.
        self.env = env(su=True)
        self.reader = reader
        self.readable = set()  # (model, id)
        self.rows = {}  # model -> {id: row}
        self.gone = {}  # model -> ids before a deletion
        self.usual = {}  # model -> {field: default}
        self.names = {}  # (model, id) -> name, read while the records are there
        self.columns = {}  # model -> its fields
        self.former = self._places()

    def _places(self):
        """``{model: places}`` of the row versions that this transaction wrote until now: as long as they stand
        there, the work has not touched them."""
        self.env.flush_all()
        cr = self.env.cr
        places = {}
        for model, _deleted in self._written():
            cr.execute(
                SQL(
                    "SELECT ctid::text FROM %s WHERE %s",
                    SQL.identifier(self.env[model]._table),
                    _OURS,
                )
            )
            places[model] = [row[0] for row in cr.fetchall()]
        return places

    def look(self):
        """Keep the rows that this transaction has written since."""
        self.env.flush_all()
        cr = self.env.cr
        for model, deleted in self._written():
            table = SQL.identifier(self.env[model]._table)
            cr.execute(
                SQL(
                    """SELECT * FROM %s t WHERE %s
                          AND NOT EXISTS (SELECT FROM unnest(%s::tid[]) former(place) WHERE former.place = t.ctid)""",
                    table,
                    _OURS,
                    self.former.get(model, []),
                )
            )
            self.rows[model] = {row["id"]: row for row in cr.dictfetchall()}
            if deleted:
                cr.execute(SQL("SELECT id FROM %s", table))
                self.gone[model] = {row[0] for row in cr.fetchall()}
            allowed = self.reader[model].browse(self.rows[model])._filtered_access("read")
            self.readable |= {(model, res_id) for res_id in allowed.ids}
        self._name_rows()

    def _written(self):
        """Models whose tables this transaction has written: ``[(model, whether rows were deleted)]``."""
        cr = self.env.cr
        cr.execute("SHOW track_counts")
        if cr.fetchone()[0] != "on":
            raise UserError(
                self.env._(
                    "PostgreSQL's setting “track_counts” is off: differences cannot be found."
                )
            )
        cr.execute(
            """SELECT relname, n_tup_del > 0 FROM pg_stat_xact_user_tables
                WHERE schemaname = current_schema AND n_tup_ins + n_tup_upd + n_tup_del > 0"""
        )
        written = dict(cr.fetchall())
        tables = {
            model._table: name
            for name, model in self.env.registry.items()
            if model._auto and not model._abstract and not model._transient and _is_business(name)
        }
        return [
            (tables[table], deleted)
            for table, deleted in sorted(written.items())
            if table in tables
        ]

    def _name_rows(self):
        """Names of what was written and of what it points to, with one read a model."""
        wanted = {model: set(rows) for model, rows in self.rows.items()}
        for model, rows in self.rows.items():
            for name, field in self._fields(model).items():
                if field.type == "many2one" and field.comodel_name in self.env:
                    wanted.setdefault(field.comodel_name, set()).update(
                        row[name] for row in rows.values() if row.get(name)
                    )
        for model, ids in wanted.items():
            self._name(model, ids)

    def _name(self, model, ids):
        missing = {res_id for res_id in ids if (model, res_id) not in self.names}
        if missing:
            for record in self.env[model].browse(sorted(missing)).exists():
                self.names[model, record.id] = record.display_name

    def _fields(self, model):
        """Stored columns that a person would call fields: not the log's, nor what only follows."""
        if model not in self.columns:
            self.columns[model] = {
                name: field
                for name, field in self.env[model]._fields.items()
                if field.store
                and field.column_type
                and name not in _LOG_FIELDS
                and not field.company_dependent  # one column for all companies, which no message writes
                and not (field.compute and field.readonly and name != AMOUNTS.get(model))
            }
        return self.columns[model]

    # -- after the work was rolled back ----------------------------------------------------------------

    def changes(self, base=None):
        """How the rows differ from what is there now.

        :param base: another :class:`Difference` looked at earlier in the same transaction: what it
            saw already is no difference.
        :return: list of :class:`Change`.
        """
        self.env.invalidate_all(flush=False)
        found = []
        for model, rows in self.rows.items():
            before = self._stored(model, rows)
            if base is not None:
                before |= base.rows.get(model, {})
            for res_id, row in rows.items():
                change = self._change(model, res_id, before.get(res_id), row)
                if change:
                    found.append(change)
            found += self._deleted(model)
        return found

    def _stored(self, model, ids):
        cr = self.env.cr
        cr.execute(
            SQL(
                "SELECT * FROM %s WHERE id = ANY(%s)",
                SQL.identifier(self.env[model]._table),
                list(ids),
            )
        )
        return {row["id"]: row for row in cr.dictfetchall()}

    def _deleted(self, model):
        if model not in self.gone:
            return
        cr = self.env.cr
        cr.execute(SQL("SELECT id FROM %s", SQL.identifier(self.env[model]._table)))
        lost = {row[0] for row in cr.fetchall()} - self.gone[model]
        stored = self._stored(model, lost)
        self._name(model, lost)
        for res_id, row in stored.items():
            yield self._change(model, res_id, row, None)

    def _change(self, model, res_id, before, after):
        values = {}
        usual = self._usual(model) if before is None else {}
        for name, field in self._fields(model).items():
            old = self._shown(field, (before or {}).get(name))
            new = self._shown(field, (after or {}).get(name))
            if old != new and not (name in usual and usual[name] in (new, None)):
                values[name] = [old, new]
        if not values and before is not None:
            return None
        row = after or before
        amount = AMOUNTS.get(model)
        return Change(
            "create" if before is None else "delete" if after is None else "write",
            model,
            res_id,
            self.names.get((model, res_id)) or "",
            row.get("company_id") if "company_id" in self.env[model]._fields else None,
            values,
            (before or {}).get(amount) if amount else None,
            (after or {}).get(amount) if amount else None,
            row.get("currency_id") or self._currency(row),
            (model, res_id) in self.readable,
        )

    def _usual(self, model):
        """What a new record says anyway: its defaults, zeros, and (None) whatever moment it was made."""
        if model not in self.usual:
            fields = self._fields(model)
            usual = {name: 0 for name, field in fields.items() if field.type in _NUMBERS}
            for name, value in self.env[model].default_get(list(fields)).items():
                usual[name] = None if fields[name].type == "datetime" else value or usual.get(name)
            self.usual[model] = usual
        return self.usual[model]

    def _currency(self, row):
        company = self.env["res.company"].browse(row.get("company_id") or ())
        return company.currency_id.id or None

    def _shown(self, field, value):
        """A column's value as plain data; what says nothing is None."""
        if value is None or value is False or value == "":
            return None
        if field.type == "many2one":
            return self.names.get((field.comodel_name, value)) or f"#{value}"
        if isinstance(value, dict):  # a translated text
            value = value.get(self.env.lang or "en_US") or value.get("en_US")
        if isinstance(value, memoryview | bytes):
            return "…"
        if isinstance(value, date | datetime | Decimal):
            return str(value)
        return value


def _is_business(model):
    return model in _HUB_BUSINESS or not model.startswith(("hub.", *_APART))


def changes_of(env, reader, work, base_work=None):
    """Do ``work``, take it back, and tell what it would have changed.

    :param reader: see :class:`Difference`.
    :param base_work: done before; what it changes is not told.
    :return: ``(result of work, list of Change)``.
    """
    cr = env.cr
    savepoint = cr.savepoint(flush=False)
    with savepoint:
        base = None
        if base_work:
            base = Difference(env, reader)
            base_work()
            base.look()
        difference = Difference(env, reader)
        result = work()
        difference.look()
        env.invalidate_all(flush=False)
        savepoint.rollback()
    return result, difference.changes(base)
