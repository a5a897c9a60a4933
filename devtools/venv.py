"""The project's virtual environment, installed from the lock file."""

import hashlib
import os
import shutil
import subprocess
import sys

from . import paths
from .steps import Stop, run_logged, step

STAMP = paths.VENV / "lock.sha256"


def lock_hash():
    """Return the hash that says which packages, on which Python, the environment must hold."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    if paths.PYTHON.exists():
        config = (paths.VENV / "pyvenv.cfg").read_text()
        version = next(
            (
                ".".join(line.split("=")[1].strip().split(".")[:2])
                for line in config.splitlines()
                if line.startswith("version")
            ),
            version,
        )
    return hashlib.sha256(paths.LOCK_FILE.read_bytes() + version.encode()).hexdigest()


def is_current():
    """Say whether the environment holds what the lock file names."""
    return paths.PYTHON.exists() and STAMP.exists() and STAMP.read_text() == lock_hash()


def ensure():
    """Make the environment, or bring it up to the lock file."""
    if is_current():
        return
    if not _works():
        shutil.rmtree(paths.VENV, ignore_errors=True)
        with step("Making the virtual environment"):
            _create()
    with step("Installing the pinned packages"):
        run_logged(
            [
                paths.PYTHON,
                "-m",
                "pip",
                "install",
                "--disable-pip-version-check",
                "-r",
                paths.LOCK_FILE,
            ],
            paths.LOGS / "pip.log",
            "Check that pip reaches a package index, then start again.",
        )
    STAMP.write_text(lock_hash())


def _works():
    """Say whether the environment's Python starts and has pip (its base may have been upgraded away)."""
    try:
        return (
            subprocess.run([paths.PYTHON, "-m", "pip", "--version"], capture_output=True).returncode
            == 0
        )
    except OSError:
        return False


def _create():
    if _try_venv():
        return
    if os.geteuid() == 0 and shutil.which("apt-get"):
        run_logged(
            ["apt-get", "install", "-y", "--no-install-recommends", "python3-venv"],
            paths.LOGS / "apt-venv.log",
            "Run `apt-get update`, then start again.",
        )
        if _try_venv():
            return
    raise Stop(
        "Python cannot make a virtual environment.",
        "Install it with `apt-get install python3-venv`.",
    )


def _try_venv():
    made = subprocess.run([sys.executable, "-m", "venv", paths.VENV], capture_output=True)
    if made.returncode:
        shutil.rmtree(paths.VENV, ignore_errors=True)
    return made.returncode == 0
