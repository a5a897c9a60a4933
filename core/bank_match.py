"""Which open documents a movement on the bank account settles, and what speaks for it. Pure.

Certain is only what names each document by a reference that no other open one has, and comes to exactly what is open of
them. All else is at most a proposal: amounts agree by chance, and so do names.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import lru_cache

from .billing import exact_combinations
from .company_names import company_name

INVOICE, PAYMENT = "invoice", "payment"
MOST_NAMED = 50  # documents that one movement settles
_SHORTEST = 5  # letters and digits of a reference that is looked for in a text
_MOST_PIECES = 8  # into which a reference in a text may be taken apart
_EARLY = 60  # days that a payment may come before its document without being odd


@dataclass(frozen=True)
class Item:
    """Something that is open: an invoice or credit note, or a payment that the bank has not confirmed.

    :param amount: open, in the currency of the movement; what comes in is positive.
    :param own: references that should be the document's alone (number, payment reference).
    :param shared: references that several may have (a purchase order).
    """

    key: int
    kind: str
    amount: Decimal
    own: tuple[str, ...] = ()
    shared: tuple[str, ...] = ()
    partner: int | None = None
    name: str = ""
    day: date | None = None


@dataclass(frozen=True)
class Movement:
    """:param payers: who is known to have the account that the money came from."""

    amount: Decimal
    day: date
    texts: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    name: str = ""
    payers: frozenset[int] = frozenset()
    reversal: bool = False


@dataclass
class Match:
    """:param evidence: ``(code, value)``: what speaks for it and against it."""

    keys: tuple[int, ...] = ()
    certain: bool = False
    evidence: list[tuple[str, str]] = field(default_factory=list)


class Open:
    """What is open, so that many movements can be held against it."""

    def __init__(self, items: Iterable[Item]):
        self.items = {item.key: item for item in items}
        self._own, self._shared = defaultdict(set), defaultdict(set)
        self._amounts, self._partners, self._names = (
            defaultdict(list),
            defaultdict(list),
            defaultdict(set),
        )
        for item in self.items.values():
            for names, index in ((item.own, self._own), (item.shared, self._shared)):
                for name in names:
                    if word := compact(name):
                        index[word].add(item.key)
            self._amounts[item.amount].append(item)
            if item.partner:
                self._partners[item.partner].append(item)
                if name := _party(item.name):
                    self._names[name].add(item.partner)

    def match(self, movements: Sequence[Movement]) -> list[Match]:
        """One match a movement. What two of them would settle is certain for neither of them, and what is certain
        for one is proposed to no other."""
        found = [self._match(movement, frozenset()) for movement in movements]
        wanted = defaultdict(list)
        for place, match in enumerate(found):
            if match.certain:
                for key in match.keys:
                    wanted[key].append(place)
        for places in wanted.values():
            if len(places) > 1:
                for place in places:
                    if found[place].certain:
                        found[place].certain = False
                        found[place].evidence.append(("wanted_twice", ""))
        taken = frozenset(key for match in found if match.certain for key in match.keys)
        return [
            match
            if match.certain or not taken.intersection(match.keys)
            else self._match(movement, taken)
            for match, movement in zip(found, movements, strict=True)
        ]

    def _match(self, movement, taken):
        named, unsure = self._named(movement, taken)
        payers = movement.payers or self._payers_by_name(movement)
        match = (
            self._of_payment(movement, named, unsure, payers, taken)
            or self._of_named(movement, named, unsure)
            or self._of_other_amount(movement, named)
            or self._of_amount(movement, payers, taken)
            or Match()
        )
        if match.keys:
            self._judge(match, movement, payers)
        return match

    def _named(self, movement, taken):
        """Items whose own references are said, and those that are only hinted at; each with the reference."""
        own, unsure = {}, {}
        for word, said in _words_of((*movement.references, *movement.texts)).items():
            keys = self._own.get(word, set()) - taken
            if len(keys) == 1:
                own.setdefault(next(iter(keys)), said)
            else:
                for key in keys | (self._shared.get(word, set()) - taken):
                    unsure.setdefault(key, said)
        return own, {key: said for key, said in unsure.items() if key not in own}

    def _payers_by_name(self, movement):
        name = _party(movement.name)
        return frozenset(self._names.get(name, ())) if name else frozenset()

    def _of_payment(self, movement, named, unsure, payers, taken):
        """A payment that is in Odoo already: before any invoice, or it would be booked twice."""
        payments = [
            item
            for item in self._amounts.get(movement.amount, ())
            if item.kind == PAYMENT and item.key not in taken
        ]
        said = [item for item in payments if item.key in named or item.key in unsure]
        if len(said) == 1:
            key = said[0].key
            certain = key in named
            reference = named.get(key) or unsure.get(key)
            return Match((key,), certain, [("payment", reference), ("amount_exact", "")])
        payments = said or payments
        by_payer = [item for item in payments if item.partner in payers]
        if len(by_payer or payments) == 1 and not named:
            item = (by_payer or payments)[0]
            return Match((item.key,), False, [("payment_amount", "")])
        return None

    def _of_named(self, movement, named, unsure):
        invoices = {key: said for key, said in named.items() if self.items[key].kind == INVOICE}
        if not invoices:
            return self._of_unsure(movement, unsure)
        if len(invoices) > MOST_NAMED:
            return None
        total = sum(self.items[key].amount for key in invoices)
        evidence = [("reference", said) for said in invoices.values()]
        keys = tuple(sorted(invoices))
        if total == movement.amount:
            return Match(keys, True, [*evidence, ("amount_exact", "")])
        if (total > 0) != (movement.amount > 0):
            return None
        rest = movement.amount - total
        code = "paid_more" if abs(movement.amount) > abs(total) else "paid_less"
        return Match(keys, False, [*evidence, (code, str(abs(rest)))])

    def _of_other_amount(self, movement, named):
        """A payment that is named, where the bank has another amount: what the bank kept of it is seen."""
        payments = [self.items[key] for key in named if self.items[key].kind == PAYMENT]
        if len(payments) != 1 or (payments[0].amount > 0) != (movement.amount > 0):
            return None
        (item,) = payments
        rest = abs(movement.amount) - abs(item.amount)
        evidence = [
            ("payment", named[item.key]),
            ("paid_more" if rest > 0 else "paid_less", str(abs(rest))),
        ]
        return Match((item.key,), False, evidence)

    def _of_unsure(self, movement, unsure):
        """References that several have: the one or the combination that the amount picks out."""
        open_ = {key: self.items[key].amount for key in unsure if self.items[key].kind == INVOICE}
        found = exact_combinations(movement.amount, open_) if open_ else []
        if len(found) != 1:
            return None
        return Match(
            found[0],
            False,
            [*(("reference_shared", unsure[key]) for key in found[0]), ("amount_exact", "")],
        )

    def _of_amount(self, movement, payers, taken):
        """The only exact amount or combination of the payer; of anybody only a single document."""
        theirs = [
            item
            for payer in sorted(payers)
            for item in self._partners.get(payer, ())
            if item.kind == INVOICE and item.key not in taken
        ]
        found = exact_combinations(movement.amount, {item.key: item.amount for item in theirs})
        if len(found) == 1:
            code = "amount_exact" if len(found[0]) == 1 else "amount_together"
            return Match(found[0], False, [(code, "")])
        if theirs:
            return None
        same = [
            item
            for item in self._amounts.get(movement.amount, ())
            if item.kind == INVOICE and item.key not in taken
        ]
        return Match((same[0].key,), False, [("amount_only", "")]) if len(same) == 1 else None

    def _judge(self, match, movement, payers):
        """What else speaks for it, and what forbids to settle it unasked."""
        items = [self.items[key] for key in match.keys]
        partners = {item.partner for item in items if item.partner}
        if movement.payers and partners:
            if partners <= movement.payers:
                match.evidence.append(("account_known", movement.name))
            else:
                match.evidence.append(("account_of_other", movement.name))
                match.certain = False
        elif partners and partners <= payers:
            match.evidence.append(("name_same", movement.name))
        if len(partners) > 1:
            match.evidence.append(("several_customers", ""))
            match.certain = False
        if movement.reversal:
            match.evidence.append(("reversal", ""))
            match.certain = False
        days = [item.day for item in items if item.day]
        if days and (max(days) - movement.day).days > _EARLY:
            match.evidence.append(("early", max(days).isoformat()))
            match.certain = False


def compact(text: str) -> str:
    """A reference as it is compared, or nothing where it is too short to mean something."""
    word = re.sub(r"[\W_]", "", text or "").upper()
    return word if len(word) >= _SHORTEST and any(sign.isdigit() for sign in word) else ""


def _words_of(texts: Iterable[str]) -> dict[str, str]:
    """Whatever could be a reference in texts: pieces between separators, and neighbouring ones joined, because banks
    and people set them anew (``INV/2026/00012``, ``INV 2026-00012``). A number is never found inside a longer one.

    :return: as it is compared → as it was written.
    """
    words: dict[str, str] = {}
    for text in texts:
        spans = [match.span() for match in re.finditer(r"[^\W_]+", text)]
        for first in range(len(spans)):
            for last in range(first, min(first + _MOST_PIECES, len(spans))):
                said = text[spans[first][0] : spans[last][1]]
                if word := compact(said):
                    words.setdefault(word, said)
    return words


@lru_cache(20_000)
def _party(text: str) -> str:
    name = company_name(text)
    return "" if not name.words or name.generic else name.ordered
