"""Which entries of a bank's file are in the books already. Pure.

A bank's own id is good evidence and no proof: banks give an id twice, and give another one when a file is made again.
So an id only counts together with day and amount; and entries that are equal in all that is said of them are counted:
the file may bring as many as there are, and one more is new.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from .keys import digest

NEW, KNOWN, LIKELY = "new", "known", "likely"


class Kept(NamedTuple):
    """An entry in the books.

    :param content: what :func:`content` made of it, with its number among equals.
    """

    bank_id: str
    day: object
    amount: object
    content: str
    number: int


def content(entry) -> str:
    """All that is said of an entry but its id, so that spaces and punctuation do not matter."""
    said = [*entry.references, entry.name, entry.account, *entry.texts]
    return digest(
        [
            entry.day.isoformat(),
            format(entry.amount.normalize(), "f"),
            re.sub(r"\W|_", "", "".join(sorted(said))).upper(),
        ]
    )


def sort_out(entries: Sequence, kept: Iterable[Kept]) -> list[tuple[str, str, int]]:
    """What is new.

    :param entries: of one account.
    :return: for each entry ``(state, content, number)``: new, known, or likely known: equal to one in the books that
        the bank calls by another id. The number tells equal entries apart; for new ones it is free.
    """
    kept = list(kept)
    left = [True] * len(kept)
    by_id, by_content, numbers = defaultdict(list), defaultdict(list), defaultdict(set)
    for place, one in enumerate(kept):
        if one.bank_id:
            by_id[one.bank_id, one.day, one.amount].append(place)
        by_content[one.content].append(place)
        numbers[one.content].add(one.number)
    contents = [content(entry) for entry in entries]
    states: list[str | None] = [None] * len(entries)

    def take(number, places, state, fits):
        for place in places:
            if left[place] and fits(kept[place]):
                left[place], states[number] = False, state
                return

    # The surest first, for all entries: the same id and content, the same id, one without id, another id.
    rounds = (
        (
            KNOWN,
            lambda e, c: by_id.get((e.bank_id, e.day, e.amount), ()),
            lambda e, c, k: k.content == c,
        ),
        (KNOWN, lambda e, c: by_id.get((e.bank_id, e.day, e.amount), ()), lambda e, c, k: True),
        (KNOWN, lambda e, c: by_content.get(c, ()), lambda e, c, k: not (e.bank_id and k.bank_id)),
        (LIKELY, lambda e, c: by_content.get(c, ()), lambda e, c, k: True),
    )
    for state, places, fits in rounds:
        for number, entry in enumerate(entries):
            if states[number] is None:
                text = contents[number]
                take(
                    number,
                    places(entry, text),
                    state,
                    lambda one, e=entry, c=text, fits=fits: fits(e, c, one),
                )
    result = []
    for text, state in zip(contents, states, strict=True):
        number = 0
        if state in (None, LIKELY):
            number = next(n for n in range(1, len(numbers[text]) + 2) if n not in numbers[text])
            numbers[text].add(number)
        result.append((state or NEW, text, number))
    return result
