import random
import time

import psycopg2
from odoo import models
from odoo.exceptions import UserError

from ...connectors.errors import NOT_THERE_YET, ConnectorError
from ...connectors.parts import Outcome, Write
from ...core.keys import order_key
from ...core.merge import plain
from .apply import CONCURRENCY
from .cursors import short_cursor
from .effects import Effects
from .fault import Fault, unforeseen

SECONDS = 1.0  # of calling in one slice
MOST = 500  # messages leased at once
STORE_TRIES = 6
# These lie with the product, the account or the network: the next call would meet them too.
STOPPING = ("connection", "rate", "product_down", "unknown", "sign_in", "permission", "schema")

_seconds_a_call = {}  # of this process, by database and system: how much one slice can take on


class HubDeliver(models.AbstractModel):
    """Deliver: marked as sending, with the stored bytes, and committed before the call.

    Whatever happens after that commit and before the answer is stored is one case, "unknown": the
    lease lapses and the same bytes go out again under the same key, which the product honours, or
    which the connector settles by looking first.
    """

    _name = "hub.deliver"
    _description = "Deliver Messages"

    def _slice(self):
        """Deliver what fits into one slice's time, call after call.

        :return: number of messages sent.
        """
        rows, leave = self._lease(self._most)
        if not rows:
            return 0
        system = self.env["hub.system"].browse(rows[0]["system_id"])
        entity = self.env["hub.entity"].browse(rows[0]["entity_id"])
        with self.env["hub.place"]._calls(leave):
            answered, left = self._send(system, entity, rows)
        self._answer(system, entity, answered, leave, left)
        return len(answered)

    def _send(self, system, entity, rows):
        """Make the calls.

        :return: ``(list of (row, outcome), rows that the time did not suffice for)``
        """
        size = system._connector_class().batch_write
        answered, left = [], rows
        started, calls = time.monotonic(), 0
        try:
            connector = system._connector()
        except ConnectorError as error:
            answered, left = [(row, self._fault(row, error)) for row in rows], []
        except UserError:
            error = ConnectorError("sign_in", "no_secret")
            answered, left = [(row, self._fault(row, error)) for row in rows], []
        while left and (not calls or time.monotonic() - started < SECONDS):
            part, left = left[:size], left[size:]
            outcomes = self._call(connector, entity.code, part)
            calls += 1
            answered += zip(part, outcomes, strict=True)
            if any(not one.ok and self._stops(one.error) for one in outcomes):
                break
        if calls:
            taken = (time.monotonic() - started) / calls
            _seconds_a_call[self.env.cr.dbname, system.id] = taken
        return answered, left

    def _most(self, system_id):
        """How many messages one slice can send, by what the last calls took."""
        size = self.env["hub.system"].browse(system_id)._connector_class().batch_write
        taken = _seconds_a_call.get((self.env.cr.dbname, system_id), SECONDS)
        return min(MOST, size * max(1, int(SECONDS / max(taken, 0.001))))

    @staticmethod
    def _stops(error):
        return error.kind in STOPPING and error.code != NOT_THERE_YET

    @staticmethod
    def _fault(row, error):
        return Outcome(row["idempotency_key"], False, error=error)

    def _call(self, connector, code, rows):
        """One call of the connector.

        :return: an outcome a row, in their order; one that the connector did not give is unknown.
        """
        writes = [
            Write(
                row["idempotency_key"],
                code,
                row["action"],
                row["external_id"],
                row["values"],
                # A replay counts from one again; a product has to be asked all the same.
                max(row["attempts"], 2 if row["tried"] else 1),
                row["res_id"],
                row["waited"],
            )
            for row in rows
        ]
        try:
            outcomes = {outcome.key: outcome for outcome in connector.deliver(code, writes)}
        except ConnectorError as error:
            return [self._fault(row, error) for row in rows]
        except Exception as error:
            fault = unforeseen(error)
            return [self._fault(row, fault) for row in rows]
        lost = ConnectorError("unknown", "no_outcome")
        return [outcomes.get(row["idempotency_key"]) or self._fault(row, lost) for row in rows]

    def _answer(self, system, entity, answered, leave, left=()):
        """Store what became of each write, and give back what was not sent. Hub rows only: business
        fields follow as messages.

        The answers are in memory alone: whatever hinders storing them, they are stored again, and
        no call is repeated.

        :param answered: list of ``(row, outcome)``; :param left: rows that were leased for nothing.
        """
        done = [(row, outcome) for row, outcome in answered if outcome.ok]
        faults = [(row, outcome) for row, outcome in answered if not outcome.ok]
        entities = {e.code: (e.id, e.model_name) for e in self.env["hub.entity"].search([])}
        for attempt in range(STORE_TRIES):
            effects = Effects()
            try:
                with short_cursor(self.env) as cr:
                    self._confirm(cr, system, entity, done, entities, effects)
                    self.env["hub.fault"]._settle(
                        cr,
                        system,
                        "deliver",
                        [Fault(row, outcome.error) for row, outcome in faults],
                    )
                    self._give_back(cr, left)
                break
            except (*CONCURRENCY, psycopg2.OperationalError, psycopg2.InterfaceError):
                if attempt == STORE_TRIES - 1:
                    raise
                time.sleep(random.uniform(0.05, 0.1) * 2**attempt)
        for error in {outcome.error.kind: outcome.error for _row, outcome in faults}.values():
            self.env["hub.outage"]._report(system, error, leave)
        if done:
            self.env["hub.circuit"]._answered(leave)
        effects.touched.update(row["id"] for row, _outcome in faults)
        effects.dirty = bool(faults) or effects.dirty
        self.env["hub.apply"]._after(effects)

    def _give_back(self, cr, rows):
        """The time was over, or the product is down: these were not sent, and the try does not count."""
        if rows:
            cr.execute(
                """
                WITH back AS (
                    UPDATE hub_message
                       SET state = 'pending', attempts = attempts - 1, attempt_token = NULL,
                           next_attempt_at = clock_timestamp() AT TIME ZONE 'UTC'
                     WHERE id = ANY(%s) AND state = 'sending' AND attempt_token = %s RETURNING id)
                DELETE FROM hub_attempt WHERE id IN (
                    SELECT max(a.id) FROM hub_attempt a JOIN back ON back.id = a.message_id
                     WHERE a.stage = 'deliver' AND a.outcome = 'sending' GROUP BY a.message_id)
                """,
                [[row["id"] for row in rows], rows[0]["token"]],
            )

    def _confirm(self, cr, system, entity, done, entities, effects):
        """Messages whose attempt is still ours are done; their links carry what was sent.

        :param entities: ``{code: (id, model)}``.
        :param effects: gets what waits for new links, and the messages whose exceptions closed.
        """
        if not done:
            return
        cr.execute(
            """UPDATE hub_message
                  SET state = 'done', reason = 'sent', params = NULL, maybe_sent = FALSE,
                      done_at = clock_timestamp() AT TIME ZONE 'UTC',
                      -- the version that made its values, if it was kept then
                      configuration = coalesce(configuration, (SELECT max(id) FROM hub_version))
                WHERE id = ANY(%s) AND state = 'sending' AND attempt_token = %s RETURNING id""",
            [[row["id"] for row, _outcome in done], done[0][0]["token"]],
        )
        mine = {row[0] for row in cr.fetchall()}
        links, sent, audits, late, first = [], [], [], [], []
        for row, outcome in done:
            common = {"system_id": system.id, "company_id": row["company_id"]}
            if row["id"] not in mine:
                # Another worker has taken the message over: kept for who reads its tries.
                late.append(row["id"])
                continue
            external_id = outcome.external_id or row["external_id"]
            # The record's own id last: that is the one it is known by from now on.
            ids = [*outcome.more, *([external_id] if external_id != row["known"] else [])]
            links += [
                common
                | {
                    "entity_id": entity.id,
                    "entity": entity.code,
                    "external_id": key,
                    "res_model": row["res_model"],
                    "res_id": row["res_id"],
                }
                for key in ids
                if key
            ]
            if external_id and not row["known"]:
                first.append(row["res_id"])
            own = (row["res_model"], row["res_id"], bytes(row["body"]).decode())
            known = {external_id, row["known"], *outcome.more} - {None}
            sent += [(system.id, entity.id, key, *own) for key in known]
            for name, other_id in outcome.links.items():
                code, _sep, key = name.partition(":")
                if code in entities and key.isdigit():
                    links.append(
                        common
                        | {
                            "entity_id": entities[code][0],
                            "entity": code,
                            "external_id": other_id,
                            "res_model": entities[code][1],
                            "res_id": int(key),
                        }
                    )
            audits.append(
                {
                    "action": "deliver",
                    "system_id": system.id,
                    "message_id": row["id"],
                    "company_id": row["company_id"],
                    "res_model": row["res_model"],
                    "res_id": row["res_id"],
                    "values": plain(row["values"]),
                }
            )
        self._tell_late(cr, late)
        links = self._free(cr, links)
        self.env["hub.link"]._store(cr, links)
        effects.wake.update(
            order_key(system.id, link["entity"], link["external_id"]) for link in links
        )
        if sent:
            cr.execute(
                """UPDATE hub_link l SET sent = coalesce(l.sent, '{}'::jsonb) || u.body,
                          synced_at = clock_timestamp() AT TIME ZONE 'UTC'
                     FROM unnest(%s::int[], %s::int[], %s::varchar[], %s::varchar[], %s::int[], %s::jsonb[])
                          u(system_id, entity_id, external_id, res_model, res_id, body)
                    WHERE l.system_id = u.system_id AND l.entity_id = u.entity_id AND l.external_id = u.external_id
                      AND l.res_model = u.res_model AND l.res_id = u.res_id""",
                [list(column) for column in zip(*sent, strict=True)],
            )
        self.env["hub.link"]._offered(cr, mine)
        if sent and entity.handler:
            ids = [row["res_id"] for row, _outcome in done if row["id"] in mine]
            self.env[entity.handler]._hub_delivered(cr, ids, first)
        cr.execute(
            """UPDATE hub_cursor SET last_success_at = clock_timestamp() AT TIME ZONE 'UTC'
                WHERE stream_id = ANY(%s)""",
            [sorted({row["stream_id"] for row, _outcome in done if row["stream_id"]})],
        )
        # Named like what is written into Odoo: by the user whom the system acts as.
        self.env["hub.audit"].with_user(system.user_id)._append(audits, cr)
        closed = self.env["hub.exception"]._close(cr, mine, "sent")
        effects.touched.update(closed)
        effects.dirty = bool(closed)

    def _free(self, cr, links):
        """Links but those whose id leads to another Odoo record already: the product has merged ours into
        that one, and whether Odoo does the same is a person's decision."""
        if not links:
            return links
        keys = [(link["system_id"], link["entity_id"], link["external_id"]) for link in links]
        known = self.env["hub.link"]._load(cr, keys)
        return [
            link
            for key, link in zip(keys, links, strict=True)
            if key not in known or known[key]["res_id"] == link["res_id"]
        ]

    def _tell_late(self, cr, message_ids):
        """An answer that came when its lease had lapsed changes nothing, but is kept."""
        if message_ids:
            cr.execute(
                """INSERT INTO hub_attempt (message_id, stage, at, outcome)
                   SELECT id, 'deliver', clock_timestamp() AT TIME ZONE 'UTC', 'late_answer'
                     FROM unnest(%s::int[]) id""",
                [message_ids],
            )
