"""Child processes that do not outlive hub."""

import contextlib
import shutil
import subprocess


def leashed(command):
    """Return the command line that starts `command` so that it is ended when hub is killed."""
    leash = ["setpriv", "--pdeathsig=TERM"] if shutil.which("setpriv") else []
    return [*leash, *map(str, command)]


def foreground(command, env):
    """Run a command that owns the terminal and return its exit code; Ctrl-C is the command's to answer."""
    process = subprocess.Popen(leashed(command), env=env)
    while True:
        with contextlib.suppress(KeyboardInterrupt):
            return process.wait()
