"""An Odoo process of the benchmark's own, that runs functions of this package on request."""

import json
import os
import subprocess
import threading

import psutil

from devtools import config, paths
from devtools.processes import leashed


class Worker:
    """Odoo on one database, in a process that serves no HTTP and no cron.

    :param session: the :class:`devtools.session.Session`
    :param database: its name
    :param options: values for Odoo's configuration file
    """

    def __init__(self, session, database, **options):
        self.database = database
        self._lock = threading.Lock()
        options = {"workers": 0, "max_cron_threads": 0, "http_enable": False, **options}
        conf = config.write(
            paths.RUNS / f"{database}.worker{os.getpid()}.conf", session, database, **options
        )
        self._config = conf
        self._log = (paths.LOGS / f"{database}.worker.log").open("ab")
        environment = session.environment(conf)
        environment["PYTHONPATH"] = os.pathsep.join([environment["PYTHONPATH"], str(paths.ROOT)])
        self._process = subprocess.Popen(
            leashed([paths.PYTHON, "-m", "benchmarks.inside", database]),
            env=environment,
            cwd=paths.ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )

    def call(self, function, **arguments):
        """Run a function in Odoo and return its result.

        :param function: its place, ``"module:name"`` of ``benchmarks.inside``; it is given ``env`` and the arguments
        :param arguments: JSON data
        :raise RuntimeError: the function failed; the text is its traceback
        """
        with self._lock:
            self._process.stdin.write(json.dumps([function, arguments]) + "\n")
            self._process.stdin.flush()
            answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(f"The worker ended while it ran {function}: read {self._log.name}")
        failure, result = json.loads(answer)
        if failure:
            raise RuntimeError(f"{function} failed:\n{failure}")
        return result

    @property
    def memory(self):
        """Its resident memory in MB."""
        return psutil.Process(self._process.pid).memory_info().rss / 1e6

    def stop(self):
        """End the process."""
        with self._lock:
            self._process.stdin.close()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process.stdout.close()
        self._log.close()
        self._config.unlink(missing_ok=True)
