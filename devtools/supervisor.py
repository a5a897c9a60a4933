"""Keeps Odoo's prefork server running: starts it, starts it again when its master ends, kills it for tests."""

import contextlib
import os
import signal
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import psutil

from . import config, paths
from .processes import leashed
from .session import free_port
from .steps import Stop

GRACE = 5  # seconds between SIGTERM and SIGKILL
QUICK_END = 8  # an Odoo that ends within so many seconds did not start
QUICK_ENDS = 4  # so many of them in a row, and the supervisor gives up
LATER_QUICK_ENDS = 60  # the same for one that has run before


class Supervisor:
    """One supervised Odoo server on 127.0.0.1.

    :param session: the :class:`devtools.session.Session`
    :param database: name of the one database it serves
    :param ports: its HTTP port is the first of these that is free; 0 stands for any
    :param options: values for its configuration file, such as `workers=4` or `hub_local_hosts="127.0.0.1:9001"`
    """

    def __init__(self, session, database, ports=(0,), **options):
        self.session = session
        self.database = database
        self._socket = _listen(ports)
        self.port = self._socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = paths.LOGS / f"{database}.log"
        self.starts = 0
        options = {
            "http_port": self.port,
            "gevent_port": free_port(),
            "logfile": self.log,
            **options,
        }
        self.config_file = config.write(
            paths.RUNS / f"{database}.conf", session, database, **options
        )
        self._process = None
        self._wanted = False
        self._gave_up = False
        self._thread = None

    def start(self, timeout=120):
        """Start Odoo and wait until it answers.

        :param timeout: seconds to wait at most
        :return: itself
        """
        self._wanted, self._gave_up = True, False
        self._thread = threading.Thread(target=self._keep_running, name="supervisor", daemon=True)
        self._thread.start()
        self.wait_until_ready(timeout)
        return self

    def stop(self):
        """Stop Odoo with all its workers, and the supervising, for good."""
        self._wanted = False
        self._end_group(signal.SIGTERM)
        if self._thread:
            self._thread.join()
        self._thread = None
        self._socket.close()

    def wait_until_ready(self, timeout=120):
        """Wait until Odoo answers HTTP requests and all its workers are there.

        :raise Stop: after `timeout` seconds, or when Odoo does not start
        """
        end = time.monotonic() + timeout
        while time.monotonic() < end and not self._gave_up:
            with contextlib.suppress(OSError, urllib.error.URLError):
                urllib.request.urlopen(f"{self.url}/web/health", timeout=2).close()
                if self.workers("http") and self.workers("cron"):
                    return
            time.sleep(0.1)
        raise Stop("Odoo does not start.", f"Read {self.log}.")

    @property
    def master(self):
        """The process id of Odoo's master, None while it is down."""
        process = self._process
        return process.pid if process and process.poll() is None else None

    def workers(self, kind=None):
        """Return the process ids of the workers.

        :param kind: `http`, `cron` or `gevent`; all of them when None
        """
        return [pid for pid, found in self._workers() if kind in (None, found)]

    def kill_worker(self, kind="http", sig=signal.SIGKILL, pick=min):
        """Send a signal to one worker (the master starts another) and return its process id, None if there is none.

        :param pick: chooses one of the process ids
        """
        pids = self.workers(kind)
        with contextlib.suppress(ProcessLookupError):
            if pids:
                pid = pick(pids)
                os.kill(pid, sig)
                return pid
        return None

    def kill_master(self, sig=signal.SIGKILL):
        """Send a signal to the master; the supervisor starts Odoo again. Return the process id it had."""
        pid = self.master
        if pid:
            os.kill(pid, sig)
        return pid

    def _workers(self):
        if not self.master:
            return
        with contextlib.suppress(psutil.NoSuchProcess):
            for child in psutil.Process(self.master).children():
                with contextlib.suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
                    title = " ".join(child.cmdline())
                    if "WorkerHTTP" in title:
                        yield child.pid, "http"
                    elif "WorkerCron" in title:
                        yield child.pid, "cron"
                    elif " gevent" in title:
                        yield child.pid, "gevent"

    def _keep_running(self):
        quick, limit = 0, QUICK_ENDS
        while self._wanted:
            started = time.monotonic()
            self._start_once()
            self._process.wait()
            self._end_group(signal.SIGTERM)
            if time.monotonic() - started >= QUICK_END:
                quick, limit = 0, LATER_QUICK_ENDS
                continue
            quick += 1
            if quick >= limit:
                self._gave_up = True
                return
            if limit == LATER_QUICK_ENDS:
                time.sleep(1)  # PostgreSQL may need a while after a crash

    def _start_once(self):
        """Start the master in a process group of its own; it ends when this process is killed.

        The supervisor holds the listening socket and hands it over as systemd does (descriptor 3): the port
        cannot be lost to another program, and a request that comes while Odoo starts again waits for it.
        """
        self.starts += 1
        fileno = self._socket.fileno()
        hand_over = [paths.PYTHON, "-S", Path(__file__).with_name("hand_over.py"), fileno]
        with self.log.open("ab") as out:
            self._process = subprocess.Popen(
                leashed([*hand_over, *self.session.odoo_command()]),
                pass_fds=[fileno],
                env=self.session.environment(self.config_file),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )

    def _end_group(self, sig):
        """End every process of the group: workers that outlive a killed master would keep its port."""
        if not self._process:
            return
        group = self._process.pid
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, sig)
            for _turn in range(GRACE * 20):
                self._process.poll()
                os.killpg(group, 0)
                time.sleep(0.05)
            os.killpg(group, signal.SIGKILL)


def _listen(ports):
    """Return a socket that listens on 127.0.0.1, on the first of `ports` that is free."""
    for port in ports:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
            listener.listen(128)
        except OSError:
            listener.close()
            continue
        listener.setblocking(False)
        return listener
    raise Stop(f"Port {ports[0]} is taken.", "Name another one with --port.")
