"""Chromium, for tours and screenshots: found on the machine, or installed where that is allowed."""

import os
import shutil

from . import paths
from .steps import Stop, run_logged, step

NAMES = ("google-chrome", "chromium", "chromium-browser", "google-chrome-stable")
ADVICE = "Install it with `apt-get install chromium`."


def find():
    """Return the path of a Chromium or Chrome on PATH, or None."""
    return next(filter(None, map(shutil.which, NAMES)), None)


def ensure():
    """Return the path of a browser; as root on Debian, install one when there is none.

    :raise Stop: where there is none and none can be installed
    """
    if path := find():
        return path
    if os.geteuid() == 0 and shutil.which("apt-get"):
        with step("Installing Chromium"), paths.locked("apt"):
            env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
            log = paths.LOGS / "apt-chromium.log"
            run_logged(["apt-get", "update"], log, ADVICE, env=env)
            run_logged(
                ["apt-get", "install", "-y", "--no-install-recommends", "chromium"],
                log,
                ADVICE,
                env=env,
            )
        if path := find():
            return path
    raise Stop("This needs Chromium, and there is none on PATH.", ADVICE)
