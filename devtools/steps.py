"""Progress lines, and failures that say what to do next."""

import contextlib
import subprocess
import sys
import time
from pathlib import Path


class Stop(Exception):
    """A step cannot go on.

    :param what: one sentence: what went wrong
    :param then: one sentence: what the reader does next
    """

    def __init__(self, what, then):
        super().__init__(f"{what}\n  {then}")


def say(text):
    """Write one line to stderr (stdout belongs to the command that was asked for)."""
    print(text, file=sys.stderr, flush=True)


@contextlib.contextmanager
def step(text):
    """Print `text` when the work in the block starts, and its seconds when it ends."""
    say(f"• {text} …")
    started = time.monotonic()
    yield
    say(f"  done in {time.monotonic() - started:.1f} s")


def run_logged(command, log, then, **options):
    """Run a command with its output in a file.

    :param command: list of arguments
    :param Path log: file that receives stdout and stderr (replaced)
    :param then: what to do next when it fails
    :param options: passed on to :func:`subprocess.run`
    :raise Stop: when the command fails; names the log and shows its last lines
    """
    log = Path(log)
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as out:
        if "input" not in options:
            options.setdefault("stdin", subprocess.DEVNULL)
        code = subprocess.run(command, stdout=out, stderr=subprocess.STDOUT, **options).returncode
    if code:
        tail = "\n  | ".join(log.read_text(errors="replace").splitlines()[-12:])
        raise Stop(
            f"`{Path(command[0]).name}` ended with code {code}:\n  | {tail}",
            f"{then} (all of it: {log})",
        )
