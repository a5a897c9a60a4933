"""Asking a source for records that did not come by themselves."""

from ...core.keys import order_key


def request_records(cr, system_id, wanted):
    """Store a notice for each record, unless one is on its way, before a person, or left out by one.

    :param wanted: tuples ``(entity id, entity code, external id, lane)``.
    :return: number of notices.
    """
    if not wanted:
        return 0
    rows = [
        (entity_id, external_id, order_key(system_id, code, external_id), lane)
        for entity_id, code, external_id, lane in sorted(wanted)
    ]
    cr.execute(
        """
        INSERT INTO hub_message (system_id, stream_id, entity_id, external_id, order_key, part,
                                 lane, direction, kind, action, state)
        SELECT %s, s.id, u.entity_id, u.external_id, u.order_key, (u.order_key & 63)::smallint,
               u.lane, 'in', 'notice', 'change', 'received'
          FROM unnest(%s::int[], %s::varchar[], %s::bigint[], %s::smallint[])
               u(entity_id, external_id, order_key, lane)
          LEFT JOIN hub_stream s ON s.system_id = %s AND s.entity_id = u.entity_id
                                AND s.direction = 'in'
         WHERE NOT EXISTS (
               SELECT 1 FROM hub_message m
                -- by the index of ids: most of a record's messages are done, which no index of keys holds
                WHERE m.system_id = %s AND m.external_id = u.external_id
                  AND m.order_key = u.order_key AND m.direction = 'in'
                  AND (m.state IN ('received', 'pending', 'waiting', 'held', 'failed', 'dead')
                       OR m.reason = 'by_person'))  -- a person left it out: not asked again
        """,
        [system_id, *map(list, zip(*rows, strict=True)), system_id, system_id],
    )
    return cr.rowcount
