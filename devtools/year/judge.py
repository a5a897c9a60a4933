"""What must come of a year, worked out from its plan alone: decimals, nothing of the hub.

The rules are those that contracts state, in the plainest form: work is taken day by day, and each hour ends in
exactly one place.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, ROUND_HALF_UP, Decimal

from .plan import TAX

CENT = Decimal("0.01")
NOTHING = Decimal(0)


@dataclass
class Invoice:
    """What one run bills of one contract. :param tax: added to each line
    :param lines: untaxed amounts; :param hours: worked hours behind them
    """

    tax: Decimal = TAX
    lines: list = field(default_factory=list)
    hours: Decimal = NOTHING

    @property
    def untaxed(self):
        return sum(self.lines, NOTHING)

    @property
    def total(self):
        return sum((amount + cents(amount * self.tax) for amount in self.lines), NOTHING)


@dataclass
class Money:
    """What is booked of a company in a currency: numbers of documents, and amounts with taxes."""

    invoices: int = 0
    untaxed: Decimal = NOTHING
    invoiced: Decimal = NOTHING
    notes: int = 0
    credited: Decimal = NOTHING
    payments: int = 0
    paid: Decimal = NOTHING
    refunds: int = 0
    refunded: Decimal = NOTHING
    open: Decimal = NOTHING


@dataclass
class Verdict:
    """:param invoices: `{(contract, run): Invoice}`; :param hours: `{(house, currency): Counter of hours by fate}`"""

    invoices: dict
    hours: dict


def cents(amount):
    """Halves go away from zero."""
    return Decimal(amount).quantize(CENT, ROUND_HALF_UP)


def refund_of(invoice):
    """What of an invoice goes back where some of it does: a quarter."""
    return cents(invoice.total / 4)


def money(plan, verdict):
    """What must be booked: `{(house, currency): Money}`."""
    found, contracts = defaultdict(Money), {one.key: one for one in plan.contracts}
    for (key, turn), invoice in verdict.invoices.items():
        one, how = contracts[key], plan.paying[key, turn]
        sums = found[one.house, one.currency]
        sums.invoices += 1
        sums.untaxed += invoice.untaxed
        sums.invoiced += invoice.total
        if how == "open":
            sums.open += invoice.total
            continue
        sums.payments += 2 if how == "parts" else 1
        sums.paid += invoice.total
        if how == "refunded":
            sums.notes += 1
            sums.refunds += 1
            sums.credited += refund_of(invoice)
            sums.refunded += refund_of(invoice)
    return found


def judge(plan):
    """What is billed by which run, and where each approved hour ends.

    :param plan: :class:`.plan.Plan`
    :return: :class:`Verdict`
    """
    work, costs = defaultdict(list), defaultdict(list)
    for entry in plan.entries:
        work[entry.contract].append(entry)
    for cost in plan.expenses:
        costs[cost.contract].append(cost)
    invoices, hours = {}, defaultdict(Counter)
    for one in plan.contracts:
        fate = hours[one.house, one.currency]
        entries = sorted(work[one.key], key=lambda entry: (entry.day, entry.key))
        for entry in entries:
            if entry.approved is None:
                fate["unapproved"] += entry.hours
            else:
                fate["approved"] += entry.hours
                if not entry.billable:
                    fate["consumed" if one.kind == "fixed" else "not billable"] += entry.hours
        entries = [entry for entry in entries if entry.billable and entry.approved is not None]
        if one.retainer:
            billed = _retainer(plan, one, entries, fate)
        else:
            billed = _billed(plan, one, entries, costs[one.key], fate)
        invoices |= {
            (one.key, turn): invoice for turn, invoice in enumerate(billed) if invoice.lines
        }
    return Verdict(invoices, hours)


def _billed(plan, one, entries, costs, fate):
    """Each run bills what is approved and reached by then; none while the invoice before is disputed."""
    billed, before = [], NOTHING
    entries, costs, reached = list(entries), list(costs), dict(one.milestones)
    prices = {name: price for _code, name, _quantity, price in one.lines}
    for turn, last in enumerate(plan.cutoffs):
        invoice = Invoice(one.tax)
        billed.append(invoice)
        if turn and billed[-2].lines and plan.paying[one.key, turn - 1] == "disputed":
            continue
        invoice.lines = _time(one, entries, turn, before, invoice)
        before += invoice.untaxed
        for name in [name for name, day in reached.items() if day <= last]:
            del reached[name]
            invoice.lines.append(cents(prices[name]))
        for cost in [cost for cost in costs if cost.turn <= turn]:
            costs.remove(cost)
            invoice.lines.append(cost.amount)
    fate["billed"] += sum((invoice.hours for invoice in billed), NOTHING)
    fate["waiting" if one.cap is None else "over"] += sum((e.hours for e in entries), NOTHING)
    return billed


def _time(one, entries, turn, before, invoice):
    """Amounts of the time that a run bills, service by service; of a capped contract up to the first that does not
    fit. What is billed is taken off the entries."""
    sums = {}
    for entry in [entry for entry in entries if entry.approved <= turn]:
        more = {**sums, entry.code: sums.get(entry.code, 0) + _rounded(entry.hours, one.rounding)}
        lines = [cents(hours * one.price(code)) for code, hours in more.items()]
        if one.cap is not None and before + sum(lines) > one.cap:
            break
        sums = more
        invoice.hours += entry.hours
        entries.remove(entry)
    return [cents(hours * one.price(code)) for code, hours in sums.items()]


def _rounded(hours, minutes):
    if not minutes:
        return hours
    return (hours * 60 / minutes).quantize(Decimal(1), ROUND_CEILING) * minutes / 60


def _retainer(plan, one, entries, fate):
    """A fee a month in advance; what is beyond the balance is billed, or waits with all behind it in its month."""
    billed = [Invoice(one.tax) for _last in plan.cutoffs]
    terms, carried = one.retainer, NOTHING
    for month in range(1, plan.cutoffs[-1].month + 1):
        balance, stopped = carried + terms["hours"], False
        over = defaultdict(lambda: NOTHING)
        first = min(t for t, last in enumerate(plan.cutoffs) if last.month == month)
        billed[first].lines.append(cents(terms["fee"]))
        for entry in (entry for entry in entries if entry.day.month == month):
            if stopped or (entry.hours > balance and not terms["overage"]):
                stopped = True
                fate["over"] += entry.hours
                continue
            taken = min(entry.hours, balance)
            balance -= taken
            fate["consumed"] += taken
            over[entry.turn] += entry.hours - taken
        for turn, hours in over.items():
            if hours:
                billed[turn].hours += hours
                fate["billed"] += hours
                billed[turn].lines.append(cents(hours * one.price("CONS")))
        carried = min(balance, Decimal(terms["carry"]))
    return billed
