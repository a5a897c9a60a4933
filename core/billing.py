"""Billing arithmetic on plain numbers: nothing here is a float until Odoo asks for one.

Worked time is counted in whole seconds. Every unit a tracker uses is then exact: one hundredth of
an hour is 36 seconds, a minute is 60, and twenty minutes stay twenty minutes however often they
are added up, which 0.33 h does not.
"""

from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal
from itertools import combinations

SECONDS_PER_HOUR = 3600
#: Digits of Odoo's "Product Unit" below which a third of an hour is billed wrongly.
UNIT_DIGITS = 6
UNIT_STEP = Decimal(1).scaleb(-UNIT_DIGITS)


def exact(value) -> Decimal:
    """A ``Decimal`` of what is written, not of the binary fraction behind a float."""
    return value if isinstance(value, Decimal) else Decimal(str(value))


def rounded(value, step=Decimal("0.01")) -> Decimal:
    """``value`` as a multiple of ``step``, halves away from zero, as Odoo's currencies round."""
    step = exact(step)
    return (exact(value) / step).quantize(Decimal(1), rounding=ROUND_HALF_UP) * step


def to_seconds(hours) -> int:
    """Hours as a source wrote them, as whole seconds."""
    return int(rounded(exact(hours) * SECONDS_PER_HOUR, Decimal(1)))


def to_hours(seconds: int) -> Decimal:
    """Whole seconds as hours, with as many digits as an invoice quantity has."""
    return rounded(Decimal(seconds) / SECONDS_PER_HOUR, UNIT_STEP)


def line_amount(quantity, unit_price, step=Decimal("0.01")) -> Decimal:
    """What one line comes to, rounded once."""
    return rounded(exact(quantity) * exact(unit_price), step)


def allocate(total, weights, step=Decimal("0.01")) -> list[Decimal]:
    """Share ``total`` out over ``weights`` so that the parts add up to it exactly.

    Largest remainder: every part is rounded down to ``step`` and what is left goes, one step each,
    to the parts that lost most. Equal remainders are served in order, so the result is stable.

    :param total: a multiple of ``step``, possibly negative.
    :param weights: non-negative numbers, not all zero unless there is only nothing to share.
    :return: one part per weight, in order.
    """
    total, step = exact(total), exact(step)
    weights = [exact(weight) for weight in weights]
    whole = sum(weights, Decimal(0))
    if not weights:
        return []
    if not whole:
        weights, whole = [Decimal(1)] * len(weights), Decimal(len(weights))
    sign = -1 if total < 0 else 1
    steps = int((abs(total) / step).to_integral_value(rounding=ROUND_HALF_UP))
    shares = [Decimal(steps) * weight / whole for weight in weights]
    parts = [int(share.to_integral_value(rounding=ROUND_DOWN)) for share in shares]
    order = sorted(range(len(parts)), key=lambda index: (parts[index] - shares[index], index))
    for index in order[: steps - sum(parts)]:
        parts[index] += 1
    return [sign * part * step for part in parts]


def net_of_gross(gross, untaxed, taxed, step=Decimal("0.01")) -> Decimal:
    """The untaxed part of ``gross``, taxed as a document of ``untaxed`` that came to ``taxed``."""
    taxed = exact(taxed)
    if not taxed:
        return exact(gross)
    return rounded(exact(gross) * exact(untaxed) / taxed, step)


def exact_combinations(amount, open_amounts: dict, most=3, enough=2) -> list[tuple]:
    """Which of ``open_amounts`` add up to ``amount`` exactly.

    The search is bounded: combinations of at most ``most`` documents out of the first 30, and it
    stops at ``enough`` results, since two answers are already a question for a person.

    :param open_amounts: ``{id: amount}``.
    :return: tuples of ids.
    """
    amount = exact(amount)
    documents = [(key, exact(value)) for key, value in open_amounts.items()][:30]
    found = []
    for size in range(1, most + 1):
        for group in combinations(documents, size):
            if sum(value for _key, value in group) == amount:
                found.append(tuple(key for key, _value in group))
                if len(found) >= enough:
                    return found
    return found
