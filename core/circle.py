"""What needs what, and where that leads in a circle."""

from collections.abc import Hashable, Iterable, Mapping
from typing import TypeVar

Name = TypeVar("Name", bound=Hashable)


def circle(needs: Mapping[Name, Iterable[Name]], start: Name) -> tuple[Name, ...]:
    """The shortest way from ``start`` back to it, both ends named; empty where there is none.

    :param needs: what each one needs. Needing itself is no circle: a parent company is a company.
    """
    way: dict[Name, Name] = {}
    ahead = [start]
    for at in ahead:  # grows while it is walked: the nearest ones first
        for needed in sorted(needs.get(at, ()), key=str):
            if needed == start and at != start:
                found = [start, at]
                while found[-1] != start:
                    found.append(way[found[-1]])
                return tuple(reversed(found))
            if needed not in way and needed != start:
                way[needed] = at
                ahead.append(needed)
    return ()
