"""`./hub demo --kill N`: kills Odoo's processes while the story runs."""

import random
import threading

from .context import Step

TARGETS = ("cron", "http", "master")


class Killer:
    """Kills at checkpoints, evenly spread, by turns a cron worker, an HTTP worker and the master.

    :param supervisor: the supervisor of the Odoo to hurt
    :param times: how many kills
    :param checkpoints: how many checkpoints the story will pass
    """

    def __init__(self, supervisor, times, checkpoints):
        self.supervisor = supervisor
        self.times = times
        self.killed = []
        self._passed = 0
        self._due = spread(times, checkpoints)
        self._threads = []
        self._delay = random.Random(times)

    def checkpoint(self):
        """Start the kills that are due at this checkpoint; each strikes while the next action is under way."""
        for turn in [turn for turn, at in enumerate(self._due) if at == self._passed]:
            delay = self._delay.uniform(0, 0.4)
            thread = threading.Timer(delay, self._kill, [TARGETS[turn % len(TARGETS)]])
            thread.start()
            self._threads.append(thread)
        self._passed += 1

    def finish(self):
        """Wait for the last kills and return a :class:`devtools.context.Step` that says how many there were."""
        for thread in self._threads:
            thread.join()
        text = f"Kill Odoo's processes {self.times} times during the story"
        return Step(text, self.times, len(self.killed), len(self.killed) == self.times)

    def _kill(self, target):
        self.supervisor.wait_until_ready()
        pid = (
            self.supervisor.kill_master()
            if target == "master"
            else self.supervisor.kill_worker(target)
        )
        if pid:
            self.killed.append((target, pid))


def spread(times, checkpoints):
    """Return the numbers of the checkpoints (from 0) at which `times` kills are due."""
    return [(2 * turn + 1) * checkpoints // (2 * times) for turn in range(times)]
