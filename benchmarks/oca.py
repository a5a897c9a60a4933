"""The peer: OCA's connector and queue_job, fetched on demand, on a database without the hub."""

import contextlib
import os
import shutil
import time
from pathlib import Path

from devtools import config, databases, paths
from devtools.session import Session
from devtools.steps import Stop, run_logged, step
from devtools.supervisor import Supervisor

from .worker import Worker

HERE = Path(__file__).parent / "peer"
FOLDER = paths.STATE / "peer"
ADDONS = (
    "odoo-addon-queue-job==19.0.2.4.0.1",
    "odoo-addon-connector==19.0.1.0.0.5",
    "odoo-addon-component==19.0.1.0.1.6",
    "odoo-addon-component-event==19.0.1.0.0.9",
)
LIBRARIES = ("openupgradelib==3.13.7", "cachetools==8.0.1", "PyYAML==6.0.3")
JOBS = 2  # at once, as many as the hub has drainers


class PeerSession(Session):
    """The same Odoo and PostgreSQL, with the peer's libraries and its job runner's settings."""

    def environment(self, config_file=paths.CONFIG):
        found = super().environment(config_file)
        libraries = os.pathsep.join([found["PYTHONPATH"], str(FOLDER / "libraries")])
        return found | {
            "PYTHONPATH": libraries,
            "ODOO_QUEUE_JOB_CHANNELS": f"root:{JOBS}",
            "TZ": "UTC",
        }


class Peer:
    """A running Odoo with the peer's connector.

    :param worker: a :class:`~benchmarks.worker.Worker` on its database
    """

    def __init__(self, worker):
        self.worker = worker
        self.backend = worker.call("peer:connect")

    def rate(self, numbers, changed=0, edition=0):
        """Payloads a second, from the first that is queued to the last that is done."""
        started = time.perf_counter()
        self.worker.call(
            "peer:enqueue", backend=self.backend, numbers=numbers, changed=changed, edition=edition
        )
        while self.worker.call("peer:left"):
            time.sleep(0.2)
        return len(numbers) / (time.perf_counter() - started)


@contextlib.contextmanager
def running(session):
    """A :class:`Peer` on a database of its own; both end with the block."""
    _fetch()
    session = PeerSession(session.odoo, session.server)
    addons = [*session.odoo.addons_path, str(FOLDER / "addons" / "odoo" / "addons"), str(HERE)]
    options = {"addons_path": ",".join(map(str, addons))}
    with databases.lent(session, "peer", base_only=True) as name:
        conf = config.write(
            paths.RUNS / f"{name}.conf", session, name, workers=0, max_cron_threads=0, **options
        )
        with step("Installing OCA's connector and queue_job"):
            run_logged(
                session.odoo_command(
                    "-d", name, "-i", "bench_connector", "--stop-after-init", "--no-http"
                ),
                paths.LOGS / "install-peer.log",
                "Without the peer the lines peer_create and peer_resync cannot be measured.",
                env=session.environment(conf),
            )
        odoo = Supervisor(
            session,
            name,
            workers=JOBS + 2,
            max_cron_threads=1,
            server_wide_modules="base,rpc,web,queue_job",
            **options,
        )
        worker = None
        try:
            odoo.start()
            worker = Worker(session, name, **options)
            yield Peer(worker)
        finally:
            if worker:
                worker.stop()
            odoo.stop()


def _fetch():
    """Bring the peer's packages into `.odoo/peer/`, once."""
    stamp = FOLDER / "packages"
    wanted = " ".join(ADDONS + LIBRARIES)
    if stamp.exists() and stamp.read_text() == wanted:
        return
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    with step("Fetching OCA's connector and queue_job"):
        for folder, packages in (("addons", ADDONS), ("libraries", LIBRARIES)):
            run_logged(
                [
                    *[paths.PYTHON, "-m", "pip", "install", "--no-deps"],
                    *["--target", FOLDER / folder, *packages],
                ],
                paths.LOGS / "peer.log",
                "Check that pip reaches a package index.",
            )
    if not (FOLDER / "addons" / "odoo" / "addons" / "connector").is_dir():
        raise Stop("The peer's packages hold no addons.", f"Look into {FOLDER}.")
    stamp.write_text(wanted)
