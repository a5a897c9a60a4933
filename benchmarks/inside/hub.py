"""Inside Odoo: a connected system, messages for it, and the engine's own way through them."""

import json
import time

from odoo import api
from odoo.addons.lead_to_cash_hub.models.flow.context import HUB_CONTEXT
from odoo.addons.lead_to_cash_hub.models.flow.cursors import short_cursor
from odoo.addons.lead_to_cash_hub.models.flow.receive import Incoming

ACCOUNT = "49648261"
PAUSED = "lead_to_cash_hub.paused"


def connect(env, product, address, lane=1):
    """Make a system that is neither polled nor written to; its id."""
    system = env["hub.system"].create(
        {
            "name": product.title(),
            "product": product,
            "base_url": address,
            "account_ref": ACCOUNT,
            "environment": "sandbox",
        }
    )
    system.state = "connected"
    chosen = env["hub.lane"].search([("number", "=", lane)])
    system.stream_ids.write({"poll": False, "lane_id": chosen.id})
    system.stream_ids.filtered(lambda stream: stream.direction == "out").active = False
    env.cr.commit()
    return system.id


def receive(env, system, entity, records, version, lane=1):
    """Store records as a poll does, due at once.

    :param records: ``[(external id, payload)]``.
    """
    stamp = f"2026-03-01T00:00:{version:02}.000Z"
    for start in range(0, len(records), 1000):
        incoming = [
            Incoming(
                entity,
                external_id,
                f"{entity}:{external_id}:{version}".encode(),
                "snapshot",
                "change",
                None,
                stamp,
                json.dumps(payload).encode(),
            )
            for external_id, payload in records[start : start + 1000]
        ]
        with short_cursor(env) as cr:
            env["hub.receive"]._store(cr, system, ACCOUNT, incoming, lane=lane)


def drain(env):
    """Apply all that is due, slice by slice as a drainer does; the seconds it took."""
    engine = env["hub.engine"]
    started = time.perf_counter()
    while True:
        env.cr.commit()
        env.invalidate_all()
        if not engine._once(online=False):
            return time.perf_counter() - started


def drain_lane(env, lane):
    """Apply all that is due in one lane; the seconds it took."""
    size = dict(env["hub.lane"]._running())[lane]
    started = time.perf_counter()
    while True:
        env.cr.commit()
        env.invalidate_all()
        if not env["hub.apply"]._slice(lane, size):
            return time.perf_counter() - started


def proof(env, system, entity, first, count, reason, version):
    """Fail unless each of these messages has come to this end, and each record is linked once."""
    env.cr.execute(
        """SELECT coalesce(m.reason, m.state), count(DISTINCT l.res_id)
             FROM hub_message m JOIN hub_entity e ON e.id = m.entity_id
             LEFT JOIN hub_link l ON l.system_id = m.system_id AND l.entity_id = m.entity_id
                                 AND l.external_id = m.external_id
            WHERE m.system_id = %s AND e.code = %s AND m.external_id::int >= %s
              AND m.external_id::int < %s AND m.version = %s GROUP BY 1""",
        [system, entity, first, first + count, f"2026-03-01T00:00:{version:02}.000Z"],
    )
    seen = dict(env.cr.fetchall())
    if seen != {reason: count}:
        raise AssertionError(f"expected {count} × {reason}, but saw {seen}")


def plain_env(env, system):
    """The environment that the hub applies in: same user, same companies, same flags."""
    system = env["hub.system"].browse(system)
    context = {**HUB_CONTEXT, "allowed_company_ids": system.company_ids.ids}
    return api.Environment(env.cr, system.user_id.id, context)


def in_batches(env, model, vals, batch):
    """Create records with Odoo alone, each batch committed; seconds, and the ids."""
    ids, started = [], time.perf_counter()
    for start in range(0, len(vals), batch):
        ids += env[model].create(vals[start : start + batch]).ids
        env.cr.commit()
        env.invalidate_all()
    return time.perf_counter() - started, ids


def pause(env, paused):
    """Pause the engine, or let it go on with all its drainers."""
    env["ir.config_parameter"].set_param(PAUSED, "1" if paused else "0")
    if not paused:
        wake(env)


def wake(env):
    """Wake all drainers."""
    for number in (1, 2):
        env.ref(f"lead_to_cash_hub.cron_drainer_{number}")._trigger()


def backlog(env, system, done, pending):
    """Other messages of the same kind: done ones, and pending ones in the lanes beside ours."""
    env.cr.execute("SELECT id FROM hub_entity WHERE code = 'customer'")
    entity = env.cr.fetchone()[0]
    env.cr.execute(
        """
        WITH bodies AS (
            INSERT INTO hub_payload (system_id, digest, body)
            SELECT %(system)s, md5(n::text), convert_to('{"id": "b' || n || '"}', 'UTF8')
              FROM generate_series(1, %(done)s + %(pending)s) n RETURNING id
        ), numbered AS (SELECT id, row_number() OVER () AS n FROM bodies)
        INSERT INTO hub_message (system_id, entity_id, external_id, order_key, part, lane, direction, kind,
                                 action, version, payload_id, state, reason, done_at, next_attempt_at)
        SELECT %(system)s, %(entity)s, 'b' || n, hashtextextended('b' || n, 0),
               (hashtextextended('b' || n, 0) & 63)::smallint,
               CASE WHEN n <= %(done)s THEN 1 WHEN n %% 2 = 0 THEN 0 ELSE 2 END, 'in', 'snapshot', 'change',
               '1', id, CASE WHEN n <= %(done)s THEN 'done' ELSE 'pending' END,
               CASE WHEN n <= %(done)s THEN 'applied' END,
               CASE WHEN n <= %(done)s THEN now() AT TIME ZONE 'UTC' END, now() AT TIME ZONE 'UTC'
          FROM numbered
        """,
        {"system": system, "entity": entity, "done": done, "pending": pending},
    )
    env.cr.commit()
    env.cr.execute("ANALYZE hub_message; ANALYZE hub_payload")
