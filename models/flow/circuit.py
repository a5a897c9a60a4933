from typing import NamedTuple

from odoo import fields, models
from odoo.tools import SQL

from .cursors import short_cursor
from .place import taken

PROBE_LEASE = 60  # seconds that one worker has for its trial call


def callable_at(at):
    """Condition: a system may be called then, or tried (``k`` is its circuit, if it has one), and holds
    up no drainer but one.

    :param at: a time (SQL)
    """
    return SQL(
        """NOT coalesce(k.state = 'open' AND k.retry_at > %(at)s
                        OR k.state = 'probing' AND k.probe_until > %(at)s, FALSE)
           AND (coalesce(k.quick_from <= %(at)s, FALSE) OR NOT %(taken)s)""",
        at=at,
        taken=taken(at),
    )


class Pass(NamedTuple):
    """Leave to call a system. Its outcome counts only while ``generation`` is the circuit's.

    ``probing``: this is the one trial call. ``spotless``: no failure stands against the system, so
    a success has nothing to reset. ``quick``: it has answered quickly for some time (see ``hub.place``).
    """

    system_id: int
    generation: int = 0
    probing: bool = False
    spotless: bool = True
    quick: bool = False


class HubCircuit(models.Model):
    """Whether a system answers at all. While it is open, messages keep their tries.

    closed: calls go out. open: none does until ``retry_at``. probing: one worker tries, until
    ``probe_until``. Each change of state but the closing one begins a generation: what an older call
    brings back late changes nothing.
    """

    _name = "hub.circuit"
    _description = "Circuit"
    _log_access = False

    system_id = fields.Many2one("hub.system", required=True, ondelete="cascade", readonly=True)
    state = fields.Selection(
        [("closed", "Closed"), ("open", "Open"), ("probing", "On Trial")], readonly=True
    )
    failures = fields.Integer(readonly=True)
    retry_at = fields.Datetime(readonly=True)
    generation = fields.Integer(readonly=True, default=0)
    probe_until = fields.Datetime(readonly=True)
    quick_from = fields.Datetime(
        readonly=True, help="From then on it is taken for quick; empty as long as nothing is known."
    )

    _system_unique = models.UniqueIndex("(system_id)")

    OPEN_AFTER = 5
    OPEN_SECONDS = 20
    # A trial is one call, so it may come often: what was down for an hour is noticed as soon as what was for a
    # minute, and no more than this waits behind it.
    OPEN_MOST = 40

    def _admit(self, cr, system_id):
        """Ask for leave to call a system, in the short transaction that leases the work.

        :param cr: a READ COMMITTED cursor; rolling it back gives a trial back.
        :return: a :class:`Pass`, or None if the circuit is open or another worker is trying.
        """
        cr.execute(
            """SELECT state, generation, failures,
                      coalesce(quick_from <= statement_timestamp() AT TIME ZONE 'UTC', FALSE)
                 FROM hub_circuit WHERE system_id = %s""",
            [system_id],
        )
        row = cr.fetchone()
        if not row:
            return Pass(system_id)
        state, generation, failures, quick = row
        if state == "closed":
            return Pass(system_id, generation or 0, spotless=not failures, quick=quick)
        cr.execute(
            """
            UPDATE hub_circuit
               SET state = 'probing', generation = coalesce(generation, 0) + 1,
                   probe_until = clock_timestamp() AT TIME ZONE 'UTC' + %s * interval '1 second'
             WHERE system_id = %s
               AND (state = 'open' AND retry_at <= clock_timestamp() AT TIME ZONE 'UTC'
                    OR state = 'probing' AND probe_until <= clock_timestamp() AT TIME ZONE 'UTC')
            RETURNING generation
            """,
            [PROBE_LEASE, system_id],
        )
        trial = cr.fetchone()
        return Pass(system_id, trial[0], True, False, quick) if trial else None

    def _failed(self, leave):
        """A call did not reach the system, or it is down: open after some of them, or at once after a trial."""
        with short_cursor(self.env) as cr:
            cr.execute(
                """
                INSERT INTO hub_circuit AS c (system_id, state, failures, generation)
                VALUES (%(system)s, 'closed', 1, 0)
                ON CONFLICT (system_id) DO UPDATE
                   SET failures = c.failures + 1,
                       state = CASE WHEN c.state = 'probing' OR c.failures + 1 >= %(limit)s
                                    THEN 'open' ELSE 'closed' END,
                       generation = coalesce(c.generation, 0)
                           + (c.state = 'probing' OR c.failures + 1 >= %(limit)s)::int,
                       probe_until = NULL,
                       retry_at = clock_timestamp() AT TIME ZONE 'UTC' + interval '1 second' * least(
                           %(seconds)s * power(2, least(greatest(c.failures - %(limit)s + 1, 0), 5)),
                           %(most)s)
                 WHERE coalesce(c.generation, 0) = %(generation)s
                """,
                {
                    "system": leave.system_id,
                    "generation": leave.generation,
                    "limit": self.OPEN_AFTER,
                    "seconds": self.OPEN_SECONDS,
                    "most": self.OPEN_MOST,
                },
            )

    def _answered(self, leave):
        """The system answered a call: what stood against it is forgotten."""
        if leave.spotless:
            return
        with short_cursor(self.env) as cr:
            cr.execute(
                """UPDATE hub_circuit SET state = 'closed', failures = 0, probe_until = NULL
                    WHERE system_id = %s AND coalesce(generation, 0) = %s AND state <> 'open'""",
                [leave.system_id, leave.generation],
            )

    def _not_tried(self, leave, seconds):
        """The trial call was not made (our own pace, a token that is being renewed): try again soon."""
        if not leave.probing:
            return
        with short_cursor(self.env) as cr:
            cr.execute(
                """UPDATE hub_circuit
                      SET state = 'open', probe_until = NULL,
                          retry_at = clock_timestamp() AT TIME ZONE 'UTC' + %s * interval '1 second'
                    WHERE system_id = %s AND generation = %s AND state = 'probing'""",
                [seconds, leave.system_id, leave.generation],
            )

    def _close(self, system_id):
        """A person tested the connection, and it works."""
        with short_cursor(self.env) as cr:
            cr.execute(
                """UPDATE hub_circuit
                      SET state = 'closed', failures = 0, probe_until = NULL,
                          generation = coalesce(generation, 0) + 1
                    WHERE system_id = %s""",
                [system_id],
            )
