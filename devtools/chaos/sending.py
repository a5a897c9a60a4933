"""The CRM's webhooks: truly signed, each event up to three times, in any order, until Odoo took it.

A copy goes at once, beside the first, or at any time until the end of the trial.
"""

import heapq
import itertools
import json
import queue
import threading
import time
from datetime import datetime, timezone

import requests

MOST = 100  # events a body
SENDERS = 4
ANSWER_SECONDS = 30
PATIENCE = 180  # seconds that a body is offered again
REFUSALS = (400, 401, 403, 413, 415)


class Refused(Exception):
    """Odoo said no to a signed body: nothing in a trial may do that."""


class Sending:
    """Sends events, several bodies at once.

    :param turns: how often events will be sent messily while there is a trial
    :attr sent: copies of events that were answered 2xx; :attr again: bodies that had to be offered again
    :attr late: copies that went when others had been sent in between; :attr latest: how many, at most
    """

    def __init__(self, stage, rng, turns):
        self.stage, self.rng, self.turns = stage, rng, turns
        self.sent = self.again = self.late = self.latest = 0
        self._turn = self._told = 0
        self._kept, self._numbers = [], itertools.count()
        self._lock = threading.Lock()

    def send(self, events, messy=True):
        """Send these events and wait until each was taken.

        :param messy: each up to three times, shuffled, in bodies of any size
        """
        if not messy:
            self._send(events, messy)
            return
        self._turn += 1
        now = [copy for event in events for copy in self._copies(event)]
        self._told += len(events)
        self._send(now + self._due(self._turn), messy)

    def send_rest(self):
        """Send the copies that are still kept back."""
        self._send(self._due(self.turns), True)

    def _copies(self, event):
        """The copies that go at once; the others wait for a place between here and the end."""
        yield event
        for _turn in range(self.rng.choice((0, 0, 1, 2))):
            if self.rng.random() < 0.5:
                yield event
            else:
                due = self.rng.uniform(self._turn, max(self.turns, self._turn))
                heapq.heappush(self._kept, (due, next(self._numbers), self._told, event))

    def _due(self, turn):
        """Copies whose turn has come."""
        copies = []
        while self._kept and self._kept[0][0] <= turn:
            _due, _number, told, event = heapq.heappop(self._kept)
            copies.append(event)
            self.late += 1
            self.latest = max(self.latest, self._told - told)
        return copies

    def _send(self, copies, messy):
        copies = list(copies)
        if messy:
            self.rng.shuffle(copies)
        bodies, start = queue.Queue(), 0
        while start < len(copies):
            size = self.rng.randint(1, MOST) if messy else MOST
            bodies.put(copies[start : start + size])
            start += size
        faults = []
        threads = [
            threading.Thread(target=self._work, args=[bodies, faults], daemon=True)
            for _turn in range(SENDERS)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if faults:
            raise faults[0]

    def _work(self, bodies, faults):
        try:
            while True:
                self._offer(bodies.get_nowait())
        except queue.Empty:
            return
        except Exception as error:
            faults.append(error)

    def _offer(self, events):
        """Offer one body until it is taken, as a product does; what is lost on the way comes again."""
        sandbox, url = self.stage.hubspot, self.stage.webhook_url
        body = json.dumps(events).encode()
        end = time.monotonic() + PATIENCE
        while True:
            headers = sandbox.webhook_headers(
                url, body, datetime.now(timezone.utc), sandbox.settings["webhook_secret"]
            )
            status = None
            try:
                with requests.Session() as session:
                    session.trust_env = False
                    status = session.post(
                        url,
                        data=body,
                        headers={"Content-Type": "application/json", **headers},
                        timeout=ANSWER_SECONDS,
                    ).status_code
            except requests.RequestException:
                pass
            if status == 200:
                with self._lock:
                    self.sent += len(events)
                return
            # While PostgreSQL is away Odoo itself answers 404 for every route of a database.
            if status in REFUSALS:
                raise Refused(f"Odoo answered {status}")
            if time.monotonic() > end:
                raise Refused("Odoo takes no webhooks any more")
            with self._lock:
                self.again += 1
            time.sleep(0.2)
