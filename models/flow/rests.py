"""Parts of the engine that failed rest for a while: a lasting fault neither spins nor floods the log."""

import time

FIRST, LONGEST = 5.0, 60.0  # seconds


class Busy(Exception):
    """A part cannot work now and did nothing; it is nobody's fault.

    :param seconds: how long it rests.
    """

    def __init__(self, seconds):
        super().__init__(seconds)
        self.seconds = seconds


class Rests:
    """Which parts rest, in one process and for one database."""

    def __init__(self):
        self._until: dict[str, float] = {}
        self._seconds: dict[str, float] = {}
        self.turn = 0  # whose turn it is, of those that work in turns

    def __contains__(self, part):
        return self._until.get(part, 0.0) > time.monotonic()

    def failed(self, part):
        seconds = min(LONGEST, self._seconds.get(part, FIRST / 2) * 2)
        self._seconds[part] = seconds
        self._until[part] = time.monotonic() + seconds

    def pause(self, part, seconds):
        self._until[part] = time.monotonic() + seconds

    def worked(self, part):
        self._until.pop(part, None)
        self._seconds.pop(part, None)
