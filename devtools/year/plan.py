"""What happens in the year, from a seed: contracts, work, costs, payments. Plain data, no Odoo.

Whatever the products and Odoo are told is read from here, and so is what must come of it (:mod:`.judge`).
"""

import random
from calendar import monthrange
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal

YEAR = 2025
TAX = Decimal("0.15")  # at home; what is sold abroad is free of it
ABROAD = "Ireland"
FULL = {"contracts": 60, "consultants": 40, "entries": 25_000}
SHORT = Decimal("0.25")  # below this scale a quarter is played, billed month by month
# Company by company: its currency, its country and state, what it keeps its books with, and what it bills in besides.
HOUSES = {
    "Northwind Advisory": ("USD", "us", "United States", "MA", "quickbooks", ("GBP", "EUR")),
    "Adria Consulting": ("EUR", "me", "Montenegro", None, "xero", ("GBP", "USD")),
}
# What one unit of a currency is worth in US dollars when the year begins; rates wander by the week.
DOLLARS = {"USD": Decimal("1"), "EUR": Decimal("1.08"), "GBP": Decimal("1.27")}
# Kinds of contracts, in the order in which firms of any size have them.
KINDS = (
    "time",
    "capped",
    "retainer",
    "mixed",
    "fixed",
    "rounded",
    "prepaid",  # a retainer whose overage waits
    "ordered",  # by purchase orders
    "mixed",
    "time",
)
STEADY = ("capped", "retainer", "prepaid")  # one entry a day, so that the order of work has no ties
LATE, NEVER, FREE = (
    0.05,
    0.03,
    0.04,
)  # shares of time: approved a run late, never approved, not billable


@dataclass
class Contract:
    """What was signed.

    :param lines: `(code, name, quantity, price)` as the deal has them
    :param milestones: `{name: day on which it is reached}`
    :param cap: untaxed, for time; :param rounding: minutes to which each entry is rounded up
    :param retainer: `hours`, `fee`, `overage`, `carry` (hours at most), None without one
    :param orders: `(number, first day, last day)` of purchase orders
    """

    key: str
    house: str
    kind: str
    currency: str
    customer: str
    lines: list
    won: date
    milestones: dict = field(default_factory=dict)
    cap: Decimal | None = None
    rounding: int | None = None
    retainer: dict | None = None
    orders: list = field(default_factory=list)

    @property
    def at_home(self):
        """Whether the customer is of the company's own country; then the company's own currency is used."""
        return self.currency == HOUSES[self.house][0]

    @property
    def tax(self):
        """The share that is added to what is billed."""
        return TAX if self.at_home else Decimal(0)

    def price(self, code):
        """The price of an hour of a service."""
        return next(price for one, _n, _q, price in self.lines if one == code)


@dataclass
class Entry:
    """Time of a consultant. `approved` is the number of the run by which it is, None if never."""

    key: int
    contract: str
    who: int
    code: str
    day: date
    hours: Decimal
    billable: bool
    turn: int
    approved: int | None


@dataclass
class Expense:
    """Money spent for a contract, in its currency; approved at once."""

    contract: str
    who: int
    day: date
    amount: Decimal
    turn: int


@dataclass
class Plan:
    """:param cutoffs: last days of the billing runs
    :param paying: `{(contract, run): how}` its invoice is paid: `whole`, in `parts`, `refunded` in part, `disputed`
        (and so paid only after the next run, which leaves the contract out), or `open` to the end
    """

    seed: int
    contracts: list
    people: dict
    entries: list
    expenses: list
    cutoffs: list
    paying: dict

    @property
    def first(self):
        return date(YEAR, 1, 1)

    def of(self, house):
        """Contracts of a company."""
        return [one for one in self.contracts if one.house == house]


def make(seed, scale=1):
    """The year of a seed.

    :param scale: 1 is the whole firm; below 0.25 it is a small one, and only a quarter of its year
    :return: :class:`Plan`; the same for the same arguments
    """
    rng, scale = random.Random(seed), Decimal(str(scale))
    months = 12 if scale >= SHORT else 3
    cutoffs = _cutoffs(months, twice=scale >= SHORT)
    count = max(round(FULL["contracts"] * scale), 6)
    contracts = [_contract(rng, number, months) for number in range(count)]
    heads = max(round(FULL["consultants"] * scale), 4)
    houses = list(HOUSES)
    people = {
        house: [_person(rng, house) for _n in range(place, heads, len(houses))]
        for place, house in enumerate(houses)
    }
    entries = _work(rng, contracts, people, cutoffs, round(FULL["entries"] * scale * months / 12))
    expenses = _costs(rng, contracts, people, cutoffs)
    paying = {
        (one.key, turn): _paying(rng, one, turn + 1 == len(cutoffs))
        for one in contracts
        for turn in range(len(cutoffs))
    }
    return Plan(seed, contracts, people, entries, expenses, cutoffs, paying)


def rates(currency, months=13):
    """What a company of a currency pays for one of each other one, week by week: `[(day, {code: rate})]`."""
    found, day = [], date(YEAR - 1, 12, 30)
    for week in range(months * 5):
        wander = 1 + Decimal((week * 37) % 11 - 5) / 400
        worth = {
            code: dollars * (wander if code == "EUR" else 1) for code, dollars in DOLLARS.items()
        }
        others = {code: round(value / worth[currency], 6) for code, value in worth.items()}
        others.pop(currency)
        found.append((day, others))
        day += timedelta(days=7)
    return found


def _cutoffs(months, twice):
    days = []
    for month in range(1, months + 1):
        if twice:
            days.append(date(YEAR, month, 15))
        days.append(date(YEAR, month, monthrange(YEAR, month)[1]))
    return days


def _word(rng, length=3):
    """A name that no other resembles."""
    return "".join(rng.choice("bdfgklmnprstvz") + rng.choice("aeiou") for _n in range(length))


def _money(rng, least, most):
    return Decimal(rng.randrange(least * 100, most * 100)) / 100


def _person(rng, house):
    first, last = _word(rng, 2).title(), _word(rng).title()
    return first, last, f"{first}.{last}@{house.split()[0]}.example".lower()


def _contract(rng, number, months):
    house = list(HOUSES)[number % 2]
    home, _code, _country, _state, _books, others = HOUSES[house]
    abroad = number // 2 % 3 == 2
    kind = KINDS[number % len(KINDS)]
    one = Contract(
        key=f"c{number}",
        house=house,
        kind=kind,
        currency=others[number // 6 % 2] if abroad else home,
        customer=f"{_word(rng, 4)} {_word(rng, 4)}".title(),
        lines=[],
        won=date(YEAR, 1, 2),
    )
    if kind != "fixed":
        one.lines.append(("CONS", "Consulting", 400, _money(rng, 90, 160)))
    if kind in ("time", "rounded", "ordered", "mixed"):
        one.lines.append(("ARCH", "Architecture", 200, _money(rng, 140, 220)))
    if kind in ("fixed", "mixed"):
        for place in range(3 if kind == "fixed" else 1):
            name = f"Milestone {place + 1}"
            one.lines.append(("MILESTONE", name, 1, _money(rng, 4_000, 25_000)))
            month = 1 + (place + 1) * (months - 1) // 3
            one.milestones[name] = date(YEAR, month, rng.randrange(3, 13))
    if kind == "mixed" and not abroad:
        one.lines.append(("TRAVEL", "Travel allowance", 1, Decimal(2000)))
    if kind == "capped":
        one.cap = Decimal(rng.randrange(20, 60)) * 1000 * months / 12
    if kind == "rounded":
        one.rounding = 15
    if kind in ("retainer", "prepaid"):
        one.retainer = {
            "hours": rng.randrange(24, 60),
            "fee": _money(rng, 2_000, 6_000),
            "overage": kind == "retainer",
            "carry": rng.choice((0, 8)),
        }
    if kind == "ordered":
        half = date(YEAR, months // 2 + 1, 1)
        one.orders = [
            (f"PO-{number}-1", date(YEAR, 1, 1), half - timedelta(days=1)),
            (f"PO-{number}-2", half, date(YEAR, 12, 31)),
        ]
    return one


def _paying(rng, one, last):
    """Refunds leave in the company's own currency; steady contracts have no dispute, and neither has the last run."""
    shares = {"whole": 75, "parts": 7, "refunded": 8, "disputed": 5, "open": 5}
    if not one.at_home:
        del shares["refunded"]
    if last or one.kind in STEADY:
        del shares["disputed"]
    return rng.choices(list(shares), list(shares.values()))[0]


def _work(rng, contracts, people, cutoffs, count):
    days = [
        day
        for offset in range((cutoffs[-1] - date(YEAR, 1, 1)).days + 1)
        if (day := date(YEAR, 1, 1) + timedelta(days=offset)).weekday() < 5 and day.day > 2
    ]
    steady = [one for one in contracts if one.kind in STEADY]
    others = [one for one in contracts if one.kind not in STEADY]
    each = min(len(days), count // len(contracts))
    chosen = [(one, day) for one in steady for day in sorted(rng.sample(days, each))]
    left = count - len(chosen)
    chosen += [(others[place % len(others)], rng.choice(days)) for place in range(left)]
    entries = []
    for key, (one, day) in enumerate(sorted(chosen, key=lambda pair: (pair[1], pair[0].key))):
        turn = next(place for place, last in enumerate(cutoffs) if day <= last)
        codes = [code for code, *_rest in one.lines if code in ("CONS", "ARCH")]
        late = rng.random()
        approved = turn
        if one.kind not in STEADY:
            if late < NEVER:
                approved = None
            elif late < NEVER + LATE:
                approved = turn + 1 if turn + 1 < len(cutoffs) else None
        entries.append(
            Entry(
                key,
                one.key,
                rng.randrange(len(people[one.house])),
                rng.choice(codes or ["CONS"]),
                day,
                Decimal(rng.randrange(25, 900)) / 100,
                one.kind != "fixed" and (one.kind in STEADY or rng.random() > FREE),
                turn,
                approved,
            )
        )
    return entries


def _costs(rng, contracts, people, cutoffs):
    found = []
    for one in contracts:
        if not any(code == "TRAVEL" for code, *_rest in one.lines):
            continue
        for turn, last in enumerate(cutoffs):
            if rng.random() < 0.6:
                amount = _money(rng, 20, 900)
                who = rng.randrange(len(people[one.house]))
                found.append(Expense(one.key, who, last - timedelta(days=3), amount, turn))
    return found
