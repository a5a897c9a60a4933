"""One trial: messages both ways while faults strike, then the reckoning."""

import contextlib
import random
import statistics
import time

from ..steps import say, step
from . import copy, races, rivals
from .faults import Faults, wait_until
from .ledger import Ledger
from .report import Report
from .sending import Sending
from .source import POISONS, SLOW_POISON, Source

CHUNK = 400  # events between two strikes
PIECE = 25  # events that happen before any of them is told
UNDER_WAY = 300  # messages that may be undecided before more happens, or
PAUSE = 0.5  # seconds pass: products do not wait for us
LONG = 10_000  # from so many events on, there is time for what is slow
RACES = 2000
PROBE = 200  # customers whose change measures the throughput
PROBES = 3
HEARTBEAT = 5  # seconds between two events when nothing else happens
BACK = 0.95  # of the throughput before
PATIENCE = 300  # seconds for what must come to rest
WATCH = 240
SLOW = 30  # seconds after which a probe says what it waits for, and again

# Where the records of a slow probe stand, and whether their system is called.
HELD = """
    SELECT direction, state, coalesce(reason, ''), kind, attempts, crashes,
           round(extract(epoch FROM next_attempt_at - (now() AT TIME ZONE 'UTC'))::numeric) AS due_in, count(*)
      FROM hub_message
     WHERE external_id = ANY(%s) AND state IN ('received', 'pending', 'waiting', 'held', 'sending', 'failed', 'dead')
     GROUP BY 1, 2, 3, 4, 5, 6, 7 ORDER BY 8 DESC LIMIT 10
"""
CALLED = """
    SELECT y.name, y.state, k.state, k.failures,
           round(extract(epoch FROM k.retry_at - (now() AT TIME ZONE 'UTC'))::numeric) AS open_for,
           round(extract(epoch FROM p.blocked_until - (now() AT TIME ZONE 'UTC'))::numeric) AS blocked_for,
           round(extract(epoch FROM p.tat - (now() AT TIME ZONE 'UTC'))::numeric) AS slot_in
      FROM hub_system y LEFT JOIN hub_circuit k ON k.system_id = y.id LEFT JOIN hub_pace p ON p.system_id = y.id
"""
# What waits behind a question waits for a person, and so does what waits behind that.
OPEN = """
    WITH RECURSIVE asked AS (
        SELECT id, order_key FROM hub_message WHERE state IN ('failed', 'dead')
         UNION
        SELECT m.id, m.order_key FROM asked a
          JOIN hub_message m ON m.wait_key = a.order_key AND (a.id < m.id OR m.reason = 'waits_for')
         WHERE m.state = 'waiting')
    SELECT (SELECT count(*) FROM hub_message m
             WHERE state IN ('received', 'pending', 'waiting', 'sending') AND id NOT IN (SELECT id FROM asked))
         + (SELECT count(*) FROM hub_outbox)
"""
PROJECTS = """
names = NAMES
partner = env["res.partner"].search([("name", "like", "W% r%"), ("is_company", "=", True)], limit=1)
env["project.project"].create([{"name": name, "partner_id": partner.id} for name in names])
env.cr.commit()
"""


class Trial:
    """Runs on a stage.

    :param stage: the :class:`~.stage.Stage`
    :param count: events that happen while faults strike
    :param seed: decides what happens, what breaks, and when
    :param watch: seconds that the return of the throughput is watched
    """

    def __init__(self, stage, count, seed, watch=WATCH):
        self.stage, self.count, self.watch = stage, count, watch
        rng = random.Random(seed)
        self.source = Source(stage.hubspot, rng)
        self.chunks = max(count // CHUNK, 4)
        turns = sum(len(self._pieces(chunk)) for chunk in range(self.chunks))
        self.sending = Sending(stage, rng, turns)
        self.faults = Faults(stage, self.chunks, rng.random())
        self.report = Report(count, seed)
        self.projects = [f"Project {number}" for number in range(min(count // 150, 60))]
        self.poisons = [*POISONS, *([SLOW_POISON] if count >= LONG else [])]
        self._rival_seed = rng.random()

    def run(self):
        """Play it.

        :return: the :class:`~.report.Report`
        """
        with step("Before: customers are made, and the throughput is measured"):
            self._before()
        with step(f"{self.count} things happen while all that can break does"):
            copied = self._during()
        with step("After: the throughput comes back"):
            self._after()
        with step("All comes to rest"):
            self._rest()
        with step("The copy of the database is started"):
            waiting, calls = copy.run(self.stage, copied)
            self.report.add("messages that the copy held", waiting)
            self.report.demand("calls of the copy", calls)
            self.report.demand("copy without anything to send", int(not waiting))
        if self.count >= LONG:
            missing = [name for name, times in self.report.faults.items() if not times]
            self.report.demand("kinds of fault that never struck", len(missing), missing)
            with step(f"The races are forced {RACES} times"):
                self._race(copy.running(self.stage, copied))
        with step("Each event and each record is asked for"):
            self._reckon()
        return self.report

    def _race(self, running):
        seen = races.run(running, self.stage.systems[0], RACES)
        self.report.add("races met", f"{seen['parked']}, {seen['trusted']} and {seen['composed']}")
        self.report.demand("wake-ups lost", seen["lost"] + seen["unwoken"])
        self.report.demand("older values composed last", seen["stale"])

    # -- phase 1 -----------------------------------------------------------------------------------

    def _before(self):
        self.probes = self.source.found(PROBE)
        self.victims = self.source.found(len(self.poisons))
        self.sending.send(self.source.take(), messy=False)
        self._quiet()
        self._probe()  # the first one warms up
        rates = [self._probe() for _turn in range(PROBES)]
        self.report.before = statistics.median(rates)

    def _during(self):
        copied = None
        with contextlib.ExitStack() as stack:
            writer = stack.enter_context(rivals.Writer(self.stage, self._rival_seed))
            snapshot = stack.enter_context(rivals.OldSnapshot(self.stage, self._rival_seed))
            for chunk in range(self.chunks):
                if chunk == 1:
                    self._poison()
                    self._make_projects()
                self.faults.strike(chunk)
                for piece in self._pieces(chunk):
                    self.sending.send(self.source.act(piece))
                    wait_until(lambda: self._open() < UNDER_WAY, PAUSE)
                self.faults.settle()
                if chunk == self.chunks // 2:
                    copied = copy.restore(self.stage)
            self.sending.send_rest()
            self.faults.end()
            self.report.add("transactions of the rival writer", writer.times)
            self.report.add("old snapshots held", snapshot.times)
        self.last_fault = time.monotonic()
        # All of these stand before what the probes send.
        self.report.add("undecided at the last fault", self._open())
        self.report.faults = {**self.faults.done, **self.faults.answers()}
        return copied

    def _pieces(self, chunk):
        """How many things happen at a time, in this chunk."""
        share, rest = divmod(self.count, self.chunks)
        share += chunk < rest
        return [min(PIECE, share - start) for start in range(0, share, PIECE)]

    def _poison(self):
        for key, name in zip(self.victims, self.poisons, strict=True):
            self.source.poison(key, name)

    def _make_projects(self):
        self.stage.running.shell(PROJECTS.replace("NAMES", repr(self.projects)))

    def _probe(self):
        """Change all probe customers at once; how many a second stand in Odoo."""
        self.source.revise(self.probes)
        started = time.monotonic()
        self.sending.send(self.source.take(), messy=False)
        end, told = started + PATIENCE, started
        while time.monotonic() < end:
            if wait_until(lambda: self._written(), HEARTBEAT, pause=0.05):
                break
            # A product does not fall silent because a worker died: its next event wakes the hub.
            self.sending.send(self.source.act(1))
            if time.monotonic() - told > SLOW:
                told = time.monotonic()
                for row in [*self.stage.sql(HELD, [list(self.probes)]), *self.stage.sql(CALLED)]:
                    say("  waits: " + " ".join(map(str, row)))
        return PROBE / (time.monotonic() - started)

    def _written(self):
        names = [self.source.name(key) for key in self.probes]
        query = "SELECT count(DISTINCT name) FROM res_partner WHERE name = ANY(%s)"
        return self.stage.sql(query, [names])[0][0] == PROBE

    def _after(self):
        """Probe until the throughput is back. Without messages only a poll would notice what was killed."""
        rates = []
        while time.monotonic() - self.last_fault < self.watch:
            rates.append(self._probe())
            say(f"  {rates[-1]:.0f}/s of {self.report.before:.0f}/s")
            # Judged as the throughput before was: no single lucky probe counts.
            self.report.after = statistics.median(rates[-PROBES:])
            if len(rates) >= PROBES and self.report.after >= BACK * self.report.before:
                self.report.recovery = time.monotonic() - self.last_fault
                return

    # -- phase 2 -----------------------------------------------------------------------------------

    def _open(self):
        return self.stage.sql(OPEN)[0][0]

    def _quiet(self):
        return wait_until(lambda: self._open() == 0, PATIENCE)

    def _rest(self):
        end = time.monotonic() + PATIENCE
        quiet = False
        while not quiet and time.monotonic() < end:
            quiet = wait_until(lambda: self._open() == 0, HEARTBEAT)
            if not quiet:
                self.sending.send(self.source.act(1))
        self.report.demand("not at rest", int(not quiet))
        self.report.add("seconds until all was decided", round(time.monotonic() - self.last_fault))

    def _reckon(self):
        ledger = Ledger(self.stage, self.source, self.projects)
        ledger.close()
        self.report.sent = self.sending.sent
        self.report.events = len(self.source.events)
        self.report.add("bodies offered again", self.sending.again)
        self.report.add("copies that came late", self.sending.late)
        self.report.add("the latest, in events after the first", self.sending.latest)
        for name, value in ledger.counts.items():
            self.report.add(name, value)
        self.report.add("duplicates", self.sending.sent - ledger.counts["stored"])
        for name, found in ledger.faults.items():
            self.report.demand(name, len(found), found)
