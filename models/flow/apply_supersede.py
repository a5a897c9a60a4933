from odoo import models

from ...core.arrays import array
from ...core.table import uploaded_columns


class HubApplySupersede(models.AbstractModel):
    """Messages in whose place a decided one stands."""

    _inherit = "hub.apply"

    def _supersede(self, cr, env, rows, effects):
        """A full record that was decided takes the place of older versions that failed or wait. A row of a
        file says nothing about a version of the source, nor about columns that it does not have."""
        if not rows:
            return
        full = [row for row, partial in rows if not partial]
        cr.execute(
            """
            UPDATE hub_message m SET state = 'skipped', reason = 'superseded', params = NULL,
                   done_at = clock_timestamp() AT TIME ZONE 'UTC'
              FROM unnest(%s::bigint[], %s::bigint[], %s::varchar[]) n(id, order_key, version)
             WHERE m.order_key = n.order_key AND m.direction = 'in' AND m.kind <> 'event'
               AND (m.version IS NULL AND m.id < n.id OR (m.version, m.id) < (n.version, n.id))
               AND m.state IN ('failed', 'dead', 'waiting', 'held')
             RETURNING m.id
            """,
            [array(row[name] for row in full) for name in ("id", "order_key", "version")],
        )
        closed = [row[0] for row in cr.fetchall()]
        closed += self._supersede_rows(cr, [row for row, partial in rows if partial])
        if closed:
            env["hub.exception"]._close(cr, closed, "superseded")
            env["hub.approval"]._void(cr, closed)
            effects.dirty = True
            effects.touched.update(closed)

    def _supersede_rows(self, cr, rows):
        """Rows of files that came before these, of no other column, and that failed or wait.

        :return: their ids.
        """
        if not rows:
            return []
        cr.execute(
            """
            SELECT m.id, m.order_key, p.body FROM hub_message m JOIN hub_payload p ON p.id = m.payload_id
             WHERE m.id = ANY(%(ids)s)
                OR m.order_key = ANY(%(keys)s) AND m.direction = 'in' AND m.kind <> 'event'
                   AND m.version IS NULL AND m.state IN ('failed', 'dead', 'waiting')
             ORDER BY m.id
            """,
            {
                "ids": [row["id"] for row in rows],
                "keys": array(row["order_key"] for row in rows),
            },
        )
        newest = {row["order_key"]: row["id"] for row in rows}
        columns, earlier = {}, []
        for message, key, body in cr.fetchall():
            names = uploaded_columns(bytes(body or b""))
            if message == newest[key]:
                columns[key] = names
            elif message < newest[key] and names is not None:
                earlier.append((message, key, names))
        cr.execute(
            """UPDATE hub_message SET state = 'skipped', reason = 'superseded', params = NULL,
                      done_at = clock_timestamp() AT TIME ZONE 'UTC'
                WHERE id = ANY(%s) AND state IN ('failed', 'dead', 'waiting') RETURNING id""",
            [[message for message, key, names in earlier if names <= (columns.get(key) or set())]],
        )
        return [row[0] for row in cr.fetchall()]
