"""A PostgreSQL of the project's own: one server in a folder, shared by all runs, gone with the last of them.

Each run holds a shared lock on `users`. A keeper process waits for the exclusive lock, which it gets when no
run is left (the kernel frees the lock of a killed run), and stops the server. The data is for tests, demo and
trial only: it is written without waiting for the disk. What is committed outlives a crash of PostgreSQL all the
same (the kernel has it), only not one of the machine.
"""

import fcntl
import hashlib
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from .steps import Stop, run_logged

SUPERUSER = "odoo"  # Odoo refuses the role "postgres"
SOCKET_LIMIT = 107 - len("/.s.PGSQL.5432")
SETTINGS = """\
listen_addresses = ''
unix_socket_directories = '{socket}'
unix_socket_permissions = 0777
max_connections = 300
shared_buffers = 256MB
work_mem = 16MB
maintenance_work_mem = 128MB
max_wal_size = 2GB
jit = off
fsync = {durable}
full_page_writes = {durable}
synchronous_commit = on
"""


class Cluster:
    """One embedded server.

    :param Path folder: holds data, socket and locks of the server
    :param Path binaries: folder with `initdb`, `pg_ctl` and `postgres`
    :param durable: False writes without waiting for the disk: quick, and lost with the machine's power
    """

    def __init__(self, folder, binaries, *, durable=False):
        self.folder = Path(folder)
        self.binaries = Path(binaries)
        self.durable = durable
        self.data = self.folder / "data"
        self.log = self.folder / "server.log"
        self.socket = self._socket_folder()
        self._users = None

    def hold(self):
        """Start the server unless it runs, and keep it running until :meth:`release` or this process's end."""
        if self._users:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "start.lock").open("w") as starting:
            fcntl.flock(starting, fcntl.LOCK_EX)
            users = (self.folder / "users.lock").open("w")
            fcntl.flock(users, fcntl.LOCK_SH)
            if not self.is_running():
                self._init()
                self._start()
            self._ensure_keeper()
        self._users = users

    def release(self):
        """Give up this run's hold; the keeper stops the server when no other run holds it."""
        if self._users:
            self._users.close()
            self._users = None

    def is_running(self):
        """Say whether the server answers to its control program."""
        return self.data.exists() and self._ctl("status", quiet=True) == 0

    def restart(self, mode="fast"):
        """Stop (`fast` or `immediate`, which is a crash) and start the server, for tests of an outage."""
        self.stop(mode)
        self._start()

    def stop(self, mode="fast"):
        """Stop the server at once, whoever uses it; :meth:`start` brings it back."""
        self._ctl("stop", "-m", mode, "-w")

    def start(self):
        """Start the server after :meth:`stop`."""
        self._start()

    def control_command(self, *arguments):
        """Return the command line of `pg_ctl` for this server, run as the server's OS user."""
        return [*self._as_user(), str(self.binaries / "pg_ctl"), "-D", str(self.data), *arguments]

    def _ctl(self, *arguments, quiet=False):
        output = subprocess.DEVNULL if quiet else None
        return subprocess.run(
            self.control_command(*arguments),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=output,
            cwd="/",
        ).returncode

    def _init(self):
        if (self.data / "PG_VERSION").exists():
            return
        for folder in (self.data, self.socket):
            folder.mkdir(mode=0o700, exist_ok=True)
            self._give(folder)
        run_logged(
            [
                *self._as_user(),
                self.binaries / "initdb",
                "-D",
                self.data,
                "-U",
                SUPERUSER,
                "--auth=trust",
                "--encoding=UTF8",
                "--locale=C.UTF-8",
                "--no-sync",
            ],
            self.folder / "initdb.log",
            self._advice(),
            cwd="/",
        )
        with (self.data / "postgresql.conf").open("a") as conf:
            conf.write("include 'hub.conf'\n")

    def _start(self):
        if not self.socket.exists():
            self.socket.mkdir(mode=0o700)
            self._give(self.socket)
        conf = self.data / "hub.conf"
        conf.write_text(
            SETTINGS.format(
                socket=str(self.socket).replace("'", "''"), durable="on" if self.durable else "off"
            )
        )
        self._give(conf)
        self.log.touch()
        self._give(self.log)
        run_logged(
            self.control_command("-w", "-t", "60", "-l", str(self.log), "start"),
            self.folder / "start.log",
            f"Look into {self.log}; {self._advice()}",
            cwd="/",
        )

    def _ensure_keeper(self):
        """Start the process that stops the server after its last user, unless one waits already."""
        with (self.folder / "keeper.lock").open("w") as keeper:
            try:
                fcntl.flock(keeper, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return
            os.set_inheritable(keeper.fileno(), True)
            subprocess.Popen(
                [
                    sys.executable,
                    "-S",
                    str(Path(__file__).with_name("keeper.py")),
                    str(keeper.fileno()),
                    str(self.folder / "users.lock"),
                    *self.control_command("stop", "-m", "fast", "-w"),
                ],
                pass_fds=[keeper.fileno()],
                start_new_session=True,
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )

    def _socket_folder(self):
        """The socket lies beside the data; where that path is too long for a socket, in the temporary folder."""
        here = self.folder / "socket"
        if len(os.fsencode(here)) <= SOCKET_LIMIT:
            return here
        mark = hashlib.sha256(os.fsencode(here)).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"hub-pg-{os.geteuid()}-{mark}"

    def _give(self, path):
        """Let the server's OS user own `path` (only root's runs have another user than themselves)."""
        if os.geteuid() == 0:
            owner = pwd.getpwnam("nobody")
            os.chown(path, owner.pw_uid, owner.pw_gid)

    def _as_user(self):
        """PostgreSQL refuses to run as root: there, run as `nobody`, with leave to pass root's own folders."""
        if os.geteuid() != 0:
            return []
        if not shutil.which("setpriv"):
            raise Stop(
                "PostgreSQL does not run as root.",
                "Start hub as an ordinary user, or install util-linux.",
            )
        drop = [
            "setpriv",
            "--reuid=nobody",
            f"--regid={pwd.getpwnam('nobody').pw_gid}",
            "--clear-groups",
        ]
        reach = subprocess.run(
            [
                *drop,
                "sh",
                "-c",
                'test -x "$1" && test -x "$2"',
                "sh",
                self.binaries / "postgres",
                self.folder,
            ],
            cwd="/",
        )
        if reach.returncode == 0:
            return drop
        # A checkout in a closed folder, such as root's home: lend the one right that passes it.
        passing = (
            "--securebits=+no_setuid_fixup --inh-caps=+dac_override --ambient-caps=+dac_override"
        )
        return [*drop, *passing.split()]

    def _advice(self):
        return f"Start hub again, and if that does not help, delete {self.folder} (tests and demo data only)."
