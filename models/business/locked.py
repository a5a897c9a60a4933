"""Rows about which somebody decides: locked before they are looked at."""

from odoo.tools import SQL


def locked(records, *states):
    """Those of ``records`` in one of these states, locked until the transaction ends.

    A second click or another worker waits, then finds them changed. Odoo's own locks do not wait.
    """
    records.env.flush_all()
    rows = records.env.execute_query(
        SQL(
            "SELECT id FROM %s WHERE id = ANY(%s) AND state = ANY(%s) ORDER BY id FOR NO KEY UPDATE",
            SQL.identifier(records._table),
            records.ids,
            list(states),
        )
    )
    records.invalidate_recordset(["state"])
    ids = {row[0] for row in rows}
    return records.filtered(lambda record: record.id in ids)
