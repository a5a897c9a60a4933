"""What the story of the demo is given: the running system, a recorder of its steps, and its checkpoints."""

import contextlib
import dataclasses
import json
import time
from dataclasses import dataclass, field

from . import browser, paths
from .running import Running
from .steps import say


@dataclass
class Step:
    """One thing that the story shows.

    :param step: what is done, in words
    :param expected: what must be seen
    :param seen: what was seen; equal to `expected` unless `ok` is set otherwise
    :param ok: whether it is as it must be
    :param seconds: how long it took
    """

    step: str
    expected: object
    seen: object = None
    ok: bool | None = None
    seconds: float = 0.0


class Recorder:
    """Collects steps, and keeps the file with them up to date from the first on."""

    def __init__(self, path):
        self.path = path
        self.steps = []
        self._write()

    @contextlib.contextmanager
    def step(self, text, expected):
        """Record what the block does. It sets `seen` (and `ok` where equality is not the measure).

        An exception is recorded as what was seen, and goes on to the caller.

        :return: the :class:`Step`
        """
        step = Step(text, expected)
        started = time.monotonic()
        try:
            yield step
            if step.ok is None:
                step.ok = step.seen == step.expected
        except Exception as error:
            step.ok, step.seen = False, f"{type(error).__name__}: {error}"
            raise
        finally:
            step.ok = bool(step.ok)
            step.seconds = round(time.monotonic() - started, 2)
            self.add(step)

    def add(self, step):
        """Add a finished :class:`Step`."""
        self.steps.append(step)
        self._write()
        say(f"{'✓' if step.ok else '✗'} {step.step} ({step.seconds:.1f} s)")

    @property
    def ok(self):
        """Whether there were steps, and all are as they must be."""
        return bool(self.steps) and all(step.ok for step in self.steps)

    def table(self):
        """Return the steps as a table in text."""
        rows = [("", "step", "expected", "seen", "s")]
        rows += [
            ("✓" if s.ok else "✗", s.step, _short(s.expected), _short(s.seen), f"{s.seconds:.1f}")
            for s in self.steps
        ]
        widths = [max(len(row[column]) for row in rows) for column in range(5)]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            for row in rows
        ]
        return "\n".join(line.rstrip() for line in lines)

    def _write(self):
        values = [dataclasses.asdict(step) for step in self.steps]
        self.path.write_text(json.dumps(values, indent=2, ensure_ascii=False, default=str) + "\n")


@dataclass
class Context:
    """The running demo.

    :param odoo_url: address of Odoo
    :param database: its one database
    :param sandboxes: addresses of the sandboxes by product, such as `hubspot`, `harvest`, `stripe`
    :param running: :class:`devtools.running.Running`: `shell(script)`, `sql(query)`, `connect()`
    :param supervisor: :class:`devtools.supervisor.Supervisor`: `master`, `workers(kind)`, `kill_worker(kind, sig)`,
        `kill_master(sig)`, `wait_until_ready()`
    :param steps: :class:`Recorder`: `with context.steps.step("text", expected) as step: step.seen = ...`
    :param killer: kills at checkpoints, None without `--kill`
    :param screens: :class:`devtools.screens.Screens`, None without `--screens`
    :param links: what a person may look at in the end: text and address
    """

    odoo_url: str
    database: str
    sandboxes: dict
    running: Running
    steps: Recorder
    killer: object = None
    screens: object = None
    login: str = "admin"
    password: str = "admin"
    root: object = paths.ROOT
    state: object = paths.STATE
    links: list = field(default_factory=list)

    @property
    def supervisor(self):
        """The supervisor of Odoo."""
        return self.running.odoo

    def checkpoint(self):
        """Say that one action of the story ended and another begins: `--kill` strikes here."""
        if self.killer:
            self.killer.checkpoint()

    def link(self, text, path):
        """Name a page of Odoo to look at in the end; `path` begins with a slash."""
        self.links.append((text, f"{self.odoo_url}{path}"))

    def screen(self, name, path):
        """Take a picture of a page, when pictures are wanted."""
        if self.screens:
            self.screens.take(name, path)

    def eventually(self, check, timeout=60, pause=0.2):
        """Call `check` until it returns something true, and return that.

        Errors of a connection to a server that is starting again count as "not yet".

        :param timeout: seconds; then the last answer is returned, whatever it is
        """
        end = time.monotonic() + timeout
        while True:
            answer = None
            with contextlib.suppress(OSError):
                answer = check()
            if answer or time.monotonic() > end:
                return answer
            time.sleep(pause)

    def browser(self):
        """Return the path of a Chromium (for Playwright's `executable_path`), installed when needed and allowed."""
        return browser.ensure()


def _short(value, limit=60):
    text = " ".join(str(value).split())
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
