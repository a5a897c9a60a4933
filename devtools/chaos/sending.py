"""The CRM's webhooks: truly signed, each event up to three times, in any order, until Odoo took it."""

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

    :attr sent: copies of events that were answered 2xx; :attr again: bodies that had to be offered again
    """

    def __init__(self, stage, rng):
        self.stage, self.rng = stage, rng
        self.sent = self.again = 0
        self._lock = threading.Lock()

    def send(self, events, messy=True):
        """Send these events and wait until each was taken.

        :param messy: each up to three times, shuffled, in bodies of any size
        """
        copies = [event for event in events for _turn in range(self._times(messy))]
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

    def _times(self, messy):
        return self.rng.choice((1, 1, 2, 3)) if messy else 1

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
