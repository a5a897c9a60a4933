"""Rows of any model, made as PostgreSQL requires them: so that no model goes untried because no test has one of it."""

from odoo import SUPERUSER_ID
from odoo.tools import SQL

# What a column of its type holds, where nothing else is known.
PLAIN = {
    "boolean": False,
    "int2": 1,
    "int4": 1,
    "int8": 1,
    "numeric": 1,
    "float8": 1,
    "varchar": "x",
    "text": "x",
    "bytea": b"eA==",
    "date": "2026-03-01",
    "timestamp": "2026-03-01 00:00:00",
    "timestamptz": "2026-03-01 00:00:00+00",
    "uuid": "00000000-0000-4000-8000-000000000001",
}
# Columns that no rule of the table requires, and without which nobody could tell whose row it is.
TELLING = ("company_id", "system_id", "message_id", "user_id", "create_uid", "res_model", "res_id")

# What a row says that only its own model can mean.
MEANT = {
    "hub.change.item": {"res_model": "hub.lane", "res_id": 1},
    "hub.reconciliation.line": {"key": "x1"},
}


class Rows:
    """Makes what is missing.

    :param home: ``{model: record}`` that rows point to, where they point to one of that model.
    """

    def __init__(self, env, home):
        self.env, self.home, self.made = env, home, {}

    def of(self, model):
        """Any row of a model that has a table; made if there is none. Empty for what has no rows at all."""
        records = self.env[model].sudo().with_context(active_test=False)
        if records._abstract:
            return records
        found = self.home.get(model) or records.search([], limit=1)
        return found.with_env(records.env) if found or not records._auto else self.make(model)

    def make(self, model, user_id=SUPERUSER_ID):
        """A new row, whoever might have been allowed to make it."""
        records = self.env[model].sudo().with_context(active_test=False)
        if not records._auto:
            return records  # a view of other tables: it has what they have
        values = {
            name: self._value(records, name, kind, user_id)
            for name, kind, needed in self._columns(records._table)
            if needed or (name in TELLING and name in records._fields)
        }
        values = {name: value for name, value in values.items() if value is not None}
        values |= MEANT.get(model, {})
        self.env.flush_all()
        names, given = SQL(", ").join(map(SQL.identifier, values)), tuple(values.values())
        query = SQL("(%s) VALUES %s", names, given) if values else SQL("DEFAULT VALUES")
        self.env.cr.execute(
            SQL("INSERT INTO %s %s RETURNING id", SQL.identifier(records._table), query)
        )
        self.env.invalidate_all()
        return records.browse(self.env.cr.fetchone()[0])

    def _columns(self, table):
        self.env.cr.execute(
            """SELECT a.attname, t.typname, a.attnotnull AND NOT a.atthasdef AND a.attidentity = ''
                 FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
                WHERE a.attrelid = to_regclass(%s) AND a.attnum > 0 AND NOT a.attisdropped""",
            [table],
        )
        return [row for row in self.env.cr.fetchall() if row[0] != "id"]

    def _value(self, records, name, kind, user_id):
        field = records._fields.get(name)
        if name in ("create_uid", "write_uid"):
            return user_id
        if field is not None and field.type == "many2one":
            if field.comodel_name == records._name:
                return None
            return self.of(field.comodel_name).id or None
        if field is not None and field.type == "selection":
            return field.get_values(self.env)[0]
        if name == "res_model":
            return "res.partner"
        if name == "res_id":
            return self.of("res.partner").id
        if kind == "jsonb":
            return '{"en_US": "x"}' if field is not None and field.translate else "{}"
        return [] if kind.startswith("_") else PLAIN.get(kind)
