"""Values of an expression, and the functions it may call: each checks its types and bounds its result."""

from collections.abc import Callable
from decimal import ROUND_HALF_UP, Context, Decimal, DivisionByZero, Overflow
from decimal import InvalidOperation as InvalidNumber

MAX_TEXT = 20_000  # characters of any value on the way
MAX_ITEMS = 1_000
MAX_DIGITS = 40

NUMBERS = Context(prec=MAX_DIGITS, traps=[InvalidNumber, DivisionByZero, Overflow])


class Failed(Exception):
    """An expression does not fit a payload. ``why`` is a machine word of the reason."""

    def __init__(self, why: str):
        super().__init__(why)
        self.why = why


def plain_in(value):
    """Numbers of any spelling as one, so that 1 == 1.0."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return value
    return Decimal(str(value))


def number(value) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        raise Failed("type")
    result = plain_in(value)
    if not result.is_finite() or (result and abs(result.adjusted()) >= MAX_DIGITS):
        raise Failed("number")
    return result


def whole(value) -> int:
    result = number(value)
    if result != result.to_integral_value():
        raise Failed("type")
    return int(result)


def _text(value) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    return format(number(value).normalize(NUMBERS), "f")


def _string(value) -> str:
    if not isinstance(value, str):
        raise Failed("type")
    return value


def _bounded(text: str) -> str:
    if len(text) > MAX_TEXT:
        raise Failed("too_long")
    return text


def _replace(text, old, new):
    text, old, new = _string(text), _string(old), _string(new)
    # Before it is made: replacing a letter by a long text multiplies.
    if not old or len(text) + text.count(old) * len(new) > MAX_TEXT:
        raise Failed("too_long")
    return text.replace(old, new)


def _split(text, separator):
    if not _string(separator):
        raise Failed("type")
    return _string(text).split(separator, MAX_ITEMS)


def _join(values, separator):
    if not isinstance(values, list) or len(values) > MAX_ITEMS:
        raise Failed("type")
    texts = [_text(value) for value in values]
    if sum(map(len, texts)) + len(texts) * len(_string(separator)) > MAX_TEXT:
        raise Failed("too_long")
    return separator.join(texts)


def _to_number(value):
    if isinstance(value, str):
        text = value.strip()
        if len(text) > MAX_DIGITS:
            raise Failed("number")
        return number(Decimal(text))
    return number(value)


def _round(value, digits=Decimal(0)):
    """Half away from zero, as invoices are rounded."""
    places = whole(digits)
    if not 0 <= places <= 12:
        raise Failed("number")
    return number(value).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP, NUMBERS)


def _length(value):
    if not isinstance(value, (str, list, dict)):
        raise Failed("type")
    return Decimal(len(value))


def _least(*values):
    return min(number(value) for value in values)


def _largest(*values):
    return max(number(value) for value in values)


def _sum(values):
    if not isinstance(values, list) or len(values) > MAX_ITEMS:
        raise Failed("type")
    total = Decimal(0)
    for value in values:
        total = number(NUMBERS.add(total, _to_number(value)))
    return total


def _first_of(*values):
    """The first value that says something."""
    return next((value for value in values if value not in (None, "", [])), None)


_MANY = 10
# name: (function, least and most arguments)
FUNCTIONS: dict[str, tuple[Callable, int, int]] = {
    "abs": (lambda value: NUMBERS.abs(number(value)), 1, 1),
    "contains": (lambda text, part: _string(part) in _string(text), 2, 2),
    "ends_with": (lambda text, end: _string(text).endswith(_string(end)), 2, 2),
    "first": (_first_of, 1, _MANY),
    "join": (_join, 2, 2),
    "len": (_length, 1, 1),
    "lower": (lambda text: _bounded(_string(text).lower()), 1, 1),
    "max": (_largest, 1, _MANY),
    "min": (_least, 1, _MANY),
    "number": (_to_number, 1, 1),
    "replace": (_replace, 3, 3),
    "round": (_round, 1, 2),
    "split": (_split, 2, 2),
    "starts_with": (lambda text, start: _string(text).startswith(_string(start)), 2, 2),
    "strip": (lambda text: _string(text).strip(), 1, 1),
    "sum": (_sum, 1, 1),
    "text": (lambda value: _bounded(_text(value)), 1, 1),
    "title": (lambda text: _bounded(_string(text).title()), 1, 1),
    "upper": (lambda text: _bounded(_string(text).upper()), 1, 1),
}
