"""The identity of money: approved work is billed, waiting, written off, covered, over a cap or not billable, each once.

A made-up firm books, approves, withdraws, bills, credits and writes off in any order, by the same arithmetic as Odoo's
side; after each step nothing may be lost or stand twice, in seconds and in cents.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lead_to_cash_hub.core.billing import UNIT_STEP, allocate, line_amount, rounded
from lead_to_cash_hub.core.retainer import Terms, statement
from lead_to_cash_hub.core.terms import Rounding, Work, plan

CENT = Decimal("0.01")
FIRST = date(2025, 6, 2)
PERIOD = 10  # days of a retainer's period
PRICES = {"con": Decimal("150.00"), "arc": Decimal("187.35"), "day": Decimal("1234.56")}
UNITS = {"con": 3600, "arc": 3600, "day": 8 * 3600}
PLACES = ("billed", "waiting", "written off", "covered", "fixed fee", "over", "not billable")


@dataclass
class Entry:
    key: int
    person: str
    line: str  # of the order; "fix" is a line of fixed fee, "" none: not billable
    day: int
    seconds: int
    approved: bool = False


@dataclass
class Row:
    """A live row of the ledger: what an invoice or a write-off holds of an entry, and what a retainer covers of it."""

    state: str
    worked: int
    consumed: int = 0
    quantity: Decimal = Decimal(0)
    amount: Decimal = Decimal(0)
    invoice: int = 0


@dataclass
class Firm:
    rounding: Rounding
    cap: Decimal | None = None
    retainer: Terms | None = None
    allowance: int = 0
    entries: dict = field(default_factory=dict)
    ledger: dict = field(default_factory=dict)  # entry -> its only live row
    lines: dict = field(default_factory=dict)  # (invoice, line) -> [quantity, amount]

    # --- what waits, and what the terms make of it --------------------------------------------------

    def time(self):
        return [e for e in self.entries.values() if e.approved and e.line in PRICES]

    def open(self, until=None):
        return [
            e for e in self.time() if e.key not in self.ledger and (until is None or e.day <= until)
        ]

    def shares(self):
        """``({entry: seconds the retainer covers}, entries that wait)`` of all that is not written off whole."""
        settled = {key: row.consumed for key, row in self.ledger.items()}
        works = [
            (e.day // PERIOD, e.day, e.key, e.seconds)
            for e in self.time()
            if e.key not in self.ledger or self.ledger[e.key].consumed or self.retainer.overage
        ]
        rows, covered, waiting = statement([self.allowance] * 3, works, self.retainer, settled)
        for row in rows:
            assert min(vars(row).values()) >= 0, "the balance is never negative"
            assert row.closing == row.opening + row.added - row.used - row.expired
        return covered, set(waiting)

    def plan(self, entries):
        """``({entry: billed quantity}, entries over the cap, {entry: seconds covered}, entries that wait)``."""
        if self.retainer:
            covered, late = self.shares()
            beyond = {
                e.key: Decimal(e.seconds - covered[e.key]) / UNITS[e.line]
                for e in entries
                if e.key not in late and covered[e.key] < e.seconds
            }
            own = {e.key for e in entries}
            return beyond, set(), {k: v for k, v in covered.items() if k in own}, late & own
        used = sum((row.amount for row in self.ledger.values()), Decimal(0))
        before = defaultdict(lambda: (0, 0))
        for key, row in self.ledger.items():
            e = self.entries[key]
            if row.state == "billed":
                place = ((e.person, e.line), self.on(e))
                worked, billed = before[place]
                seconds = int(rounded(row.quantity * UNITS[e.line], 1))
                before[place] = worked + row.worked, billed + seconds
        result = plan(
            [Work(e.key, e.seconds, self.on(e), (e.person, e.line), e.line) for e in entries],
            self.rounding,
            {line: (PRICES[line], UNITS[line]) for line in PRICES},
            None if self.cap is None else max(self.cap - used, Decimal(0)),
            before,
        )
        return result.billed, set(result.over), {}, set()

    @staticmethod
    def on(entry):
        return FIRST + timedelta(days=entry.day)

    # --- what people do -----------------------------------------------------------------------------

    def bill(self, until):
        quantities, _over, covered, _late = self.plan(self.open(until))
        number = 1 + max((invoice for invoice, _line in self.lines), default=0)
        by_line = defaultdict(dict)
        for key, quantity in quantities.items():
            by_line[self.entries[key].line][key] = quantity
        for line, parts in by_line.items():
            quantity = rounded(sum(parts.values()), UNIT_STEP)
            amount = line_amount(quantity, PRICES[line])
            self.lines[number, line] = (quantity, amount)
            weights = list(parts.values())
            for key, each, worth in zip(
                parts,
                allocate(quantity, weights, UNIT_STEP),
                allocate(amount, weights, CENT),
                strict=True,
            ):
                assert key not in self.ledger, "no entry is billed twice"
                worked, consumed = self.entries[key].seconds, covered.get(key, 0)
                self.ledger[key] = Row("billed", worked, consumed, each, worth, number)

    def write_off(self, key):
        entry = self.entries.get(key)
        if entry in self.open():
            covered = self.shares()[0].get(key, 0) if self.retainer else 0
            if covered < entry.seconds:
                self.ledger[key] = Row("written off", entry.seconds, covered)

    def credit(self, invoice):
        """All of an invoice is credited, and its hours are billable again."""
        for key in [k for k, row in self.ledger.items() if row.invoice == invoice]:
            del self.ledger[key]
        for place in [place for place in self.lines if place[0] == invoice]:
            del self.lines[place]

    # --- the identity -------------------------------------------------------------------------------

    def account(self):
        """Seconds of approved work by place; what a retainer covers of an entry is apart from the rest of it."""
        sums = Counter(dict.fromkeys(PLACES, 0))
        waiting = self.open()
        _billed, over, covered, late = self.plan(waiting)
        for e in self.entries.values():
            row = self.ledger.get(e.key)
            if not e.approved:
                assert not row, "nothing is billed that is not approved"
            elif row:
                sums["covered"] += row.consumed
                sums[row.state] += row.worked - row.consumed
            elif e.line not in PRICES:
                sums["fixed fee" if e.line == "fix" else "not billable"] += e.seconds
            elif e.key in over:
                sums["over"] += e.seconds
            elif e.key in late:
                sums["waiting"] += e.seconds
            else:
                sums["covered"] += covered.get(e.key, 0)
                sums["waiting"] += e.seconds - covered.get(e.key, 0)
        return sums

    def check(self):
        approved = sum(e.seconds for e in self.entries.values() if e.approved)
        assert sum(self.account().values()) == approved
        for (invoice, line), (quantity, amount) in self.lines.items():
            rows = [
                row
                for key, row in self.ledger.items()
                if row.invoice == invoice and self.entries[key].line == line
            ]
            assert sum(row.quantity for row in rows) == quantity
            assert sum(row.amount for row in rows) == amount
            if self.rounding.level == "none":
                exact = sum(
                    Fraction(row.worked - row.consumed, UNITS[line]) for row in rows
                ) * Fraction(PRICES[line])
                # One rounding of the quantity and one of the amount, whatever stands on the line.
                most = Fraction(CENT) / 2 + Fraction(UNIT_STEP) * Fraction(PRICES[line])
                assert abs(Fraction(amount) - exact) <= most
        billed = sum((row.amount for row in self.ledger.values()), Decimal(0))
        assert billed == sum((amount for _q, amount in self.lines.values()), Decimal(0))
        if self.cap is not None:
            assert billed <= self.cap


entries = st.lists(
    st.builds(
        Entry,
        key=st.just(0),
        person=st.sampled_from(["Cora", "Arno"]),
        line=st.sampled_from(["con", "con", "arc", "day", "fix", ""]),
        day=st.integers(0, 3 * PERIOD - 1),
        seconds=st.integers(1, 12 * 3600) | st.sampled_from([1200, 3600, 2700, 8 * 3600]),
    ),
    min_size=2,
    max_size=12,
)
steps = st.lists(
    st.tuples(
        st.sampled_from(["approve", "approve", "withdraw", "bill", "write_off", "credit"]),
        st.integers(0, 30),
    ),
    max_size=20,
)
retainers = st.builds(
    Terms, st.none() | st.integers(0, 30 * 3600), st.none() | st.integers(0, 2), st.booleans()
)
firms = st.one_of(
    st.builds(
        Firm,
        st.builds(
            Rounding,
            st.sampled_from(["none", "entry", "day", "invoice"]),
            st.sampled_from([6, 15, 60]),
            st.sampled_from(["up", "nearest"]),
        ),
        st.none() | st.integers(0, 5000).map(Decimal),
    ),
    st.builds(
        Firm,
        st.just(Rounding()),
        st.none(),
        retainers,
        st.integers(0, 40).map(lambda hours: hours * 1800),
    ),
)


def book(firm, drawn):
    for key, entry in enumerate(drawn):
        entry.key = key
        firm.entries[key] = entry


@given(firms, entries, steps)
def test_approved_work_is_in_one_place_after_every_step(firm, drawn, steps):
    book(firm, drawn)
    for what, number in steps:
        entry = firm.entries.get(number % len(drawn))
        if what == "bill":
            firm.bill(number)
        elif what == "write_off":
            firm.write_off(entry.key)
        elif what == "credit":
            firm.credit(number % 4)
        elif entry.key not in firm.ledger:  # what is billed is frozen
            entry.approved = what == "approve"
        firm.check()


@given(
    firms,
    entries,
    st.lists(st.sampled_from([-1, 9, 19, 29]), min_size=12, max_size=12),
    st.randoms(),
)
def test_the_order_of_arrival_does_not_change_the_total(firm, drawn, cut_offs, chance):
    """Where nothing caps it: time that arrives in any order, billed in between, comes to what it would have at once.

    Under a cap whole entries are billed in the order in which they come, so up to one entry less than it.
    """
    firm = Firm(firm.rounding, None, firm.retainer, firm.allowance)
    if firm.rounding.level == "invoice":
        firm.rounding = Rounding()  # each invoice is rounded by itself: that is what was agreed
    if firm.retainer:
        firm.retainer = Terms(firm.retainer.limit, firm.retainer.periods, True)

    def total(of):
        last = of.account()
        assert not last["waiting"], "all of it is billed"
        return last, sum(
            (row.quantity * UNITS[of.entries[k].line] for k, row in of.ledger.items()), Decimal(0)
        )

    once = Firm(firm.rounding, None, firm.retainer, firm.allowance)
    for of in (once, firm):
        book(of, [Entry(**vars(entry)) for entry in drawn])
    for entry in once.entries.values():
        entry.approved = True
    once.bill(3 * PERIOD)
    arriving = list(firm.entries.values())
    chance.shuffle(arriving)
    for entry, until in zip(arriving, cut_offs, strict=False):
        entry.approved = True
        firm.bill(until)
        firm.check()
    firm.bill(3 * PERIOD)
    firm.check()
    if firm.rounding.level == "day" and firm.rounding.direction == "nearest":
        return  # rounded up and billed once, it is not taken back when more of the day arrives
    (places, billed), (expected, at_once) = total(firm), total(once)
    assert places == expected
    assert abs(billed - at_once) <= len(drawn) * UNIT_STEP * 8 * 3600


@pytest.mark.parametrize(("late", "billed"), [(20, 60), (29, 60), (31, 120)])
def test_a_late_entry_of_a_day_is_rounded_together_with_what_was_billed(late, billed):
    firm = Firm(Rounding("day", 60, "up"))
    book(firm, [Entry(0, "Cora", "con", 1, 31 * 60, True), Entry(0, "Cora", "con", 1, late * 60)])
    firm.bill(5)
    firm.entries[1].approved = True
    firm.bill(5)
    firm.check()
    assert sum(row.quantity for row in firm.ledger.values()) * 60 == billed
