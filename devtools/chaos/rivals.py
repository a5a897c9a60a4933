"""Those who work in the same database meanwhile: a writer of the same records, and one who looks at an old state."""

import contextlib
import random
import threading

import psycopg2

PAUSE = 0.05  # seconds between two of the writer's transactions
LONG = 4.0  # seconds that it now and then holds its rows: longer than the hub waits for a lock


class _Rival:
    """Something that goes on in a thread with a connection of its own, until it is stopped."""

    def __init__(self, stage, seed):
        self.stage, self.rng = stage, random.Random(seed)
        self.times = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_exc):
        self._stop.set()
        self._thread.join()

    def _run(self):
        while not self._stop.is_set():
            # PostgreSQL may be stopped or cut the connection: then it begins anew
            with contextlib.suppress(psycopg2.Error):
                connection = self.stage.running.connect()
                with contextlib.closing(connection), connection.cursor() as cr:
                    self._work(connection, cr)
            self._stop.wait(PAUSE)


class Writer(_Rival):
    """Writes partners that the hub knows, as Odoo's users do: serialization conflicts and held rows."""

    def _work(self, connection, cr):
        while not self._stop.is_set():
            cr.execute(
                """UPDATE res_partner SET ref = %s WHERE id IN (
                       SELECT res_id FROM hub_link WHERE res_model = 'res.partner'
                        ORDER BY random() LIMIT 10)""",
                [f"rival {self.times}"],
            )
            self._stop.wait(LONG if self.rng.random() < 0.01 else PAUSE)
            connection.commit()
            self.times += 1
            self._stop.wait(PAUSE)


class OldSnapshot(_Rival):
    """Looks at the state of the beginning and never ends, as a report or a dump does."""

    def _work(self, connection, cr):
        connection.set_session("REPEATABLE READ", readonly=True)
        cr.execute("SELECT count(*) FROM hub_message")
        self.times += 1
        while not self._stop.wait(0.5):
            cr.execute("SELECT 1")
