import time
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import ValidationError

from .cursors import short_cursor

STEP = 1000  # rows of one transaction
SECONDS = 240.0  # of one run; what is left is taken up by the next
LONGER = timedelta(days=60)  # keys of events outlive the messages that carried them
GAPS = timedelta(days=400)
DECIDED = ("done", "skipped")
ASSUMED = "internal"  # class of messages that belong to no stream


class HubRetention(models.Model):
    """How long bytes and messages of a data class are kept. A stream's class is that of its fields:
    of several, the shortest time counts; a stream may say otherwise."""

    _name = "hub.retention"
    _description = "Retention"
    _order = "payload_days, id"

    data_class = fields.Selection(
        selection=lambda self: self.env["hub.entity.field"]._fields["data_class"].selection,
        required=True,
    )
    payload_days = fields.Integer(
        string="Payloads", required=True, help="Days after a message was done or skipped."
    )
    message_days = fields.Integer(
        string="Messages", required=True, help="Days after a message was done or skipped."
    )

    _class_unique = models.UniqueIndex("(data_class)", "This class has its times already.")

    @api.constrains("payload_days", "message_days")
    def _check_days(self):
        for row in self:
            if not 1 <= row.payload_days <= row.message_days:
                raise ValidationError(
                    self.env._("Payloads are kept at least a day, and messages at least as long.")
                )

    # -- what is kept how long ---------------------------------------------------------------------

    @api.model
    def _days(self, streams):
        """Days of payloads and messages of each stream, in a fixed number of queries.

        :return: ``{stream id: (payload days, message days)}``; under False those without a stream.
        """
        times = {row.data_class: (row.payload_days, row.message_days) for row in self.search([])}
        shortest = min(times.values(), default=(90, 400))
        classes = {
            entity: set(entity.field_ids.mapped("data_class")) for entity in streams.entity_id
        }
        result = {False: times.get(ASSUMED, shortest)}
        for stream in streams:
            own = [times[name] for name in classes[stream.entity_id] if name in times]
            payload = stream.payload_days or min((days[0] for days in own), default=shortest[0])
            message = stream.message_days or min((days[1] for days in own), default=shortest[1])
            result[stream.id] = (payload, max(payload, message))
        return result

    # -- removing ----------------------------------------------------------------------------------

    @api.model
    def _run(self):
        """Remove what is older than its time, in small steps. Called by a nightly cron job.

        Only what was done or skipped goes; what is open stays, however old it is.
        """
        until = time.monotonic() + SECONDS
        streams = (
            self.env["hub.stream"]
            .with_context(active_test=False)
            .search([("system_id", "!=", False)])
        )
        days = self._days(streams)
        removed = {}
        for stream_id, (payload_days, message_days) in days.items():
            removed[stream_id] = (
                self._steps(self._payloads, stream_id, payload_days, until),
                self._steps(self._messages, stream_id, message_days, until),
            )
        longest = max(message for _payload, message in days.values())
        self._steps(self._seen, None, longest + LONGER.days, until)
        self._steps(self._gaps, None, GAPS.days, until)
        self._note(streams, removed)
        return True

    def _steps(self, step, stream_id, days, until):
        """Repeat a step until nothing is left or the time is over.

        :return: number of rows that were removed.
        """
        count, last = 0, 0
        while time.monotonic() < until:
            with short_cursor(self.env) as cr:
                found, last = step(cr, stream_id, days, last)
            count += found
            if last is None:
                break
        return count

    def _old(self, cr, stream_id, days, last, condition):
        """Ids of the next decided messages past their time, in the order of arrival."""
        cr.execute(
            f"""
            SELECT m.id, m.payload_id FROM hub_message m
             WHERE m.stream_id IS NOT DISTINCT FROM %s AND m.id > %s AND m.state = ANY(%s)
               AND m.done_at < clock_timestamp() AT TIME ZONE 'UTC' - %s * interval '1 day'
               AND {condition}
             ORDER BY m.id LIMIT %s
            """
            if stream_id is None or stream_id is False
            else f"""
            SELECT m.id, m.payload_id FROM hub_message m
             WHERE m.stream_id = %s AND m.id > %s AND m.state = ANY(%s)
               AND m.done_at < clock_timestamp() AT TIME ZONE 'UTC' - %s * interval '1 day'
               AND {condition}
             ORDER BY m.id LIMIT %s
            """,
            [stream_id or None, last, list(DECIDED), days, STEP],
        )
        return cr.fetchall()

    def _payloads(self, cr, stream_id, days, last):
        rows = self._old(cr, stream_id, days, last, "m.payload_id IS NOT NULL")
        cr.execute(
            """
            DELETE FROM hub_payload q WHERE q.id = ANY(%s) AND NOT EXISTS (
                   SELECT 1 FROM hub_message o WHERE o.payload_id = q.id AND NOT o.state = ANY(%s))
            """,
            [[row[1] for row in rows], list(DECIDED)],
        )
        count = cr.rowcount
        # What was shown to who approved them goes with their bytes.
        cr.execute(
            """UPDATE hub_approval SET shown = NULL, facts = NULL
                WHERE message_id = ANY(%s) AND shown IS NOT NULL""",
            [[row[0] for row in rows]],
        )
        return count, rows[-1][0] if len(rows) == STEP else None

    def _messages(self, cr, stream_id, days, last):
        rows = self._old(
            cr,
            stream_id,
            days,
            last,
            """m.payload_id IS NULL AND NOT EXISTS (
                   SELECT 1 FROM hub_exception e WHERE e.message_id = m.id AND e.state = 'open')""",
        )
        cr.execute(
            "DELETE FROM hub_message WHERE id = ANY(%s) AND state = ANY(%s)",
            [[row[0] for row in rows], list(DECIDED)],
        )
        return cr.rowcount, rows[-1][0] if len(rows) == STEP else None

    def _seen(self, cr, _stream_id, days, _last):
        cr.execute(
            """DELETE FROM hub_seen WHERE id IN (
                   SELECT id FROM hub_seen
                    WHERE seen_at < clock_timestamp() AT TIME ZONE 'UTC' - %s * interval '1 day'
                    LIMIT %s)""",
            [days, STEP],
        )
        return cr.rowcount, 0 if cr.rowcount == STEP else None

    def _gaps(self, cr, _stream_id, days, _last):
        cr.execute(
            """DELETE FROM hub_gap WHERE id IN (
                   SELECT id FROM hub_gap
                    WHERE compared_at < clock_timestamp() AT TIME ZONE 'UTC' - %s * interval '1 day'
                      AND state <> 'different' LIMIT %s)""",
            [days, STEP],
        )
        return cr.rowcount, 0 if cr.rowcount == STEP else None

    def _note(self, streams, removed):
        """What was removed is kept as a number: who asks later where a message went finds it."""
        systems = {stream.id: stream.system_id.id for stream in streams}
        self.env["hub.audit"]._append(
            [
                {
                    "action": "retention",
                    "system_id": systems.get(stream_id),
                    "res_model": "hub.stream" if stream_id else None,
                    "res_id": stream_id or None,
                    "values": {"payloads": payloads, "messages": messages},
                }
                for stream_id, (payloads, messages) in removed.items()
                if payloads or messages
            ]
        )
