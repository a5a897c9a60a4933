"""How many records a worker takes at once: as many as fit into its time, by what the last ones cost."""

FIRST = 50  # while nothing is known
LEAST = 10
MOST = 1000
FEW = 3  # fewer than these say more about the start of a batch than about a record


class Costs:
    """What writing one record of each kind cost lately: seconds, as seen by this process."""

    def __init__(self):
        self._seconds = {}

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
