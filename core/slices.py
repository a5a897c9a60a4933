"""How many records a worker takes at once: as many as fit into its time, by what the last ones cost."""

FIRST = 50  # while nothing is known
LEAST = 10
MOST = 1000
CLAIM = 200  # messages of a lane, while nothing is known of it
FEW = 3  # fewer than these say more about the start of a batch than about a record


class Costs:
    """What writing one record of each kind cost lately: seconds, as seen by this process."""

    def __init__(self):
        self._seconds = {}
        self._decided = {}

    def size(self, kind, seconds: float) -> int:
        """How many records of a kind to take for so many seconds."""
        cost = self._seconds.get(kind)
        if not cost:
            return FIRST
        return max(LEAST, min(MOST, int(seconds / cost)))

    def took(self, kind, count: int, seconds: float) -> None:
        """So many records were written in so many seconds. A dear batch counts at once, a cheap one by
        and by: too small a batch costs less than one that holds up urgent messages."""
        if count:
            cost = seconds / max(count, FEW)
            self._seconds[kind] = max(cost, (self._seconds.get(kind, cost) + cost) / 2)

    def claim(self, lane) -> int:
        """How many messages of a lane to claim: twice what the last slice came to, because each that is
        claimed is a row locked, and read, in vain if the time is over before its turn."""
        return max(CLAIM, 2 * self._decided.get(lane, 0))

    def decided(self, lane, count: int) -> None:
        """A slice of the lane came to so many messages."""
        self._decided[lane] = count
