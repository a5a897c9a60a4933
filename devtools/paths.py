"""Where everything lives: the addon at the repository's root, all that is made in `.odoo/`."""

import contextlib
import fcntl
from pathlib import Path

MODULE = "lead_to_cash_hub"
ROOT = Path(__file__).resolve().parent.parent
STATE = ROOT / ".odoo"

VENV = STATE / "venv"
PYTHON = VENV / "bin" / "python"
ODOO = STATE / "odoo"
ADDONS = STATE / "addons"
DATA = STATE / "data"
LOGS = STATE / "log"
RUNS = STATE / "runs"
LOCKS = STATE / "locks"
PG = STATE / "pg"
CONFIG = STATE / "odoo.conf"
READY = STATE / "READY"
LOCK_FILE = ROOT / "requirements.lock"


def make_folders():
    """Create the folders in `.odoo/` that every command may write to."""
    for folder in (ADDONS, DATA, LOGS, RUNS, LOCKS):
        folder.mkdir(parents=True, exist_ok=True)


@contextlib.contextmanager
def locked(name):
    """Hold the lock `name` in the block; a second run waits for it. The kernel frees it when a run is killed."""
    LOCKS.mkdir(parents=True, exist_ok=True)
    with (LOCKS / name).open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
