"""One place for calls that may last: a slow product holds one drainer, never all of them."""

import time
from contextlib import contextmanager

from odoo import fields, models
from odoo.tools import SQL

from .cursors import calling, short_cursor

QUICK = 2.0  # seconds; a slice that lasted longer was held up by its product
SLOW_FOR = 3600  # seconds that this is remembered
# Seconds in which a slice may begin calls. With the last call and the rest of a drainer's run it stays
# below the 120 s after which Odoo kills a cron worker.
CALLS = 70.0
LEASE = 110  # seconds; longer than such a slice


def taken(at):
    """Condition: the place is taken then, by a drainer that lives.

    :param at: a time (SQL)
    """
    return SQL(
        """EXISTS (SELECT 1 FROM hub_place p JOIN pg_stat_activity a ON a.pid = p.pid
                    WHERE p.until > %s)""",
        at,
    )


class HubPlace(models.Model):
    """The place of a drainer that calls a product not known to be quick. There is one row.

    All others go on meanwhile: with the most urgent lane, and with calls to quick products. A drainer in
    this place counts as not awake, as it hears nothing.
    """

    _name = "hub.place"
    _description = "Place for Slow Calls"
    _log_access = False

    name = fields.Char(readonly=True, help="The drainer that has it.")
    pid = fields.Integer(
        readonly=True, help="Its connection to PostgreSQL: if that is gone, it died."
    )
    until = fields.Datetime(readonly=True)

    def init(self):
        self.env.cr.execute(
            "INSERT INTO hub_place (name) SELECT '' WHERE NOT EXISTS (SELECT 1 FROM hub_place)"
        )

    def _take(self, cr, leave):
        """Take the place if the leave is for a product that is not known to be quick.

        :param cr: of the short transaction that leases the work; rolling it back gives the place back.
        :param leave: a :class:`~.circuit.Pass`, or None.
        :return: the leave, or None if another drainer has the place.
        """
        if leave is None or leave.quick:
            return leave
        cr.execute(
            SQL(
                """UPDATE hub_place SET name = %s, pid = %s,
                          until = clock_timestamp() AT TIME ZONE 'UTC' + %s * interval '1 second'
                    WHERE NOT %s RETURNING id""",
                self._drainer() or "",
                self.env.cr._cnx.get_backend_pid(),
                LEASE,
                taken(SQL("(statement_timestamp() AT TIME ZONE 'UTC')")),
            )
        )
        return leave if cr.fetchone() else None

    def _drainer(self):
        """Name of the drainer that we are; None outside of one."""
        cron = self.env.context.get("cron_id")
        return cron and str(cron)

    @contextmanager
    def _calls(self, leave):
        """All calls of one slice stand in here: see :func:`~.cursors.calling`.

        :param leave: as :meth:`_take` gave it; a place that was taken is given back.
        """
        started = time.monotonic()
        try:
            if not leave.quick:
                self._go_away()
            with calling(self.env.cr, CALLS):
                yield
        finally:
            quick = time.monotonic() - started < QUICK
            try:
                if not (quick and leave.quick):
                    self._remember(leave, quick)
            finally:
                self._give_back(leave)

    def _go_away(self):
        """Doors trust in who is awake: what comes from now on, or came a moment ago, is another's."""
        drainer = self._drainer()
        if drainer:
            engine = self.env["hub.engine"]
            engine._sign(drainer, 0)
            engine._wake_others(drainer)
            self.env.cr.commit()  # pylint: disable=invalid-commit

    def _remember(self, leave, quick):
        """Note how the product was; a quick slice makes good no slow one of the last hour."""
        with short_cursor(self.env) as cr:
            cr.execute(
                """INSERT INTO hub_circuit AS c (system_id, state, failures, generation, quick_from)
                   SELECT id, 'closed', 0, 0,
                          clock_timestamp() AT TIME ZONE 'UTC' + %(wait)s * interval '1 second'
                     FROM hub_system WHERE id = %(system)s
                   ON CONFLICT (system_id) DO UPDATE SET quick_from = EXCLUDED.quick_from
                    WHERE %(wait)s > 0 OR c.quick_from IS NULL""",
                {"system": leave.system_id, "wait": 0 if quick else SLOW_FOR},
            )

    def _free(self, drainer):
        """A drainer begins, so it is in no call: the connection may have been lost over giving back."""
        with short_cursor(self.env) as cr:
            cr.execute(
                "UPDATE hub_place SET until = NULL WHERE name = %s AND until IS NOT NULL", [drainer]
            )

    def _give_back(self, leave):
        if leave.quick:
            return
        with short_cursor(self.env) as cr:
            cr.execute(
                "UPDATE hub_place SET until = NULL WHERE pid = %s",
                [self.env.cr._cnx.get_backend_pid()],
            )
        if drainer := self._drainer():
            self.env["hub.engine"]._sign(drainer)
