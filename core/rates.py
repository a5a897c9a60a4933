"""Rate cards on plain data: which rate is the price of a piece of work.

A rate says for whom it is: a person, a role, a service, any of them or none. Of those that fit, the most specific
decides: one for a person goes before one for a role, and that before one for a service. Rates that are equally
specific for the same work do not overlap, so at most one decides, as long as the person has one role.
"""

from collections import defaultdict
from dataclasses import dataclass


@dataclass(frozen=True)
class Rate:
    """One row of a card.

    :param key: what it is called
    :param start: first day
    :param end: last day, None while it has no end
    :param person: for whom alone, None for everybody; so are ``role`` and ``service``
    """

    key: object
    start: object
    end: object = None
    person: object = None
    role: object = None
    service: object = None

    @property
    def whose(self):
        """What two rates have in common that must not overlap."""
        return (self.person, self.role, self.service)

    @property
    def place(self):
        """How specific it is; more goes first."""
        person, role, service = (one is not None for one in self.whose)
        return 4 * person + 2 * role + service

    def is_for(self, work):
        """Whether it is meant for this work, whatever the day."""
        return (
            self.person in (None, work.person)
            and (self.role is None or self.role in work.roles)
            and self.service in (None, work.service)
        )

    def is_valid(self, day):
        """Whether it counts on a day."""
        return self.start <= day and (self.end is None or day <= self.end)


@dataclass(frozen=True)
class Work:
    """What a rate is looked for.

    :param roles: what the person is on this project on this day; more than one where nobody said which
    """

    day: object
    person: object = None
    roles: frozenset = frozenset()
    service: object = None


def deciding(rates, work):
    """The most specific of ``rates`` that are valid for ``work``.

    :return: no rate, one, or several, if the roles of the person name several
    """
    return _first([rate for rate in rates if rate.is_for(work) and rate.is_valid(work.day)])


def ended(rates, work):
    """Of rates for this work that ended before its day, the one that ended last; None where there was none."""
    before = [
        rate for rate in rates if rate.end is not None and rate.end < work.day and rate.is_for(work)
    ]
    return max(before, key=lambda rate: (rate.end, rate.place), default=None)


def overlapping(rates):
    """Pairs of rates that are for the same work, equally specific, and valid on a common day."""
    found, groups = [], defaultdict(list)
    for rate in sorted(rates, key=lambda rate: rate.start):
        groups[rate.whose].append(rate)
    for group in groups.values():
        last = None
        for rate in group:
            if last and (last.end is None or rate.start <= last.end):
                found.append((last, rate))
            if not last or (last.end is not None and (rate.end is None or rate.end > last.end)):
                last = rate
    return found


def _first(rates):
    place = max((rate.place for rate in rates), default=0)
    return [rate for rate in rates if rate.place == place]
