"""Named transforms: how a value of a source becomes a canonical one, and back where that is possible.

A transform is made once for its argument, then used for every record. Its two directions stand side by
side, so that one line of a mapping serves both.
"""

from collections.abc import Callable
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from . import transforms_text as text
from . import transforms_words as words
from .expression import Failed, compile_expression
from .paths import reader
from .problem import Problem
from .unfit import Unfit

Inward = Callable[[Any, Any], Any]  # (value, payload) -> value
Outward = Callable[[Any, Any], Any]  # (canonical value, external record made so far) -> value


class Transform(NamedTuple):
    """How a transform is made.

    :attr make: argument → ``(inward, outward)``; ``outward`` is None where there is no way back.
    :attr argument: what the argument is: ``""`` (none), ``path``, ``text``, ``zone`` …
    :attr always: also asked where the path finds nothing.
    """

    make: Callable[[str], tuple[Inward, Outward | None]]
    argument: str = ""
    always: bool = False


def bad_argument(name: str, argument: str) -> Problem:
    return Problem(
        "bad_argument", kind="schema", cause=f"{name}:{argument[:40]}", transform=name,
        value=argument[:80],
    )  # fmt: skip


def _plain(inward, outward=None):
    """A transform without argument."""
    return Transform(
        lambda _argument: (
            lambda value, _payload: inward(value),
            outward and (lambda value, _record: outward(value)),
        )
    )


def _same(value):
    return value


# -- money ----------------------------------------------------------------------------------------

# Currencies without, or with three, decimals as Stripe's documentation "Supported currencies" lists them.
# fmt: off
ZERO_DECIMAL = frozenset([
    "BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA",
    "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF",
])
THREE_DECIMAL = frozenset(["BHD", "JOD", "KWD", "OMR", "TND"])
# fmt: on


def _minor_units(argument):
    """Integer minor units ⇄ amount. ``argument`` is the path of the currency; without it, cents."""
    read = reader(argument) if argument else lambda _record: ""

    def digits(record):
        code = str(read(record) or "").upper()
        return 0 if code in ZERO_DECIMAL else 3 if code in THREE_DECIMAL else 2

    def inward(value, payload):
        if isinstance(value, bool) or not isinstance(value, int):
            raise Unfit("whole number of minor units")
        return Decimal(value).scaleb(-digits(payload))

    def outward(value, record):
        if argument and not read(record):
            # Cents of what? A wrong guess is a hundred times the amount.
            raise Unfit("amount with its currency")
        if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
            raise Unfit("number")
        scaled = Decimal(value).scaleb(digits(record))
        if not scaled.is_finite() or scaled != scaled.to_integral_value():
            raise Unfit("whole number of minor units")
        return int(scaled)

    return inward, outward


# -- time -----------------------------------------------------------------------------------------


def _zone(name, argument):
    try:
        return ZoneInfo(argument)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise bad_argument(name, argument) from error


def _moment(value, zone):
    """A moment; text without an offset is a clock in ``zone``."""
    if isinstance(value, datetime):
        moment = value
    elif isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value.strip().replace("Z", "+00:00"))
        except ValueError as error:
            raise Unfit("date and time") from error
    else:
        raise Unfit("date and time")
    try:
        moment = moment if moment.tzinfo else moment.replace(tzinfo=zone)
        return moment.astimezone(timezone.utc)
    except OverflowError as error:
        raise Unfit("date and time") from error


def _local_time(argument):
    """Clock of a time zone ⇄ moment. Back with its offset, so that the hour that comes twice in
    autumn stays the one it was."""
    zone = _zone("local_time", argument)
    return (
        lambda value, _payload: _moment(value, zone),
        lambda value, _record: _at(value, zone).isoformat(),
    )


def _at(value, zone):
    try:
        return _moment(value, timezone.utc).astimezone(zone)
    except OverflowError as error:
        raise Unfit("date and time") from error


def _local_date(argument):
    """Moment → the day it is in a time zone ⇄ that day's midnight there."""
    zone = _zone("local_date", argument)

    def inward(value, _payload):
        if isinstance(value, str) and len(value.strip()) == 10:
            return value.strip()  # a day is that day everywhere
        return _at(_moment(value, zone), zone).date()

    def outward(value, _record):
        return datetime.combine(_day(value), time.min, zone).isoformat()

    return inward, outward


def _day_end(argument):
    """A day → its last second in a time zone ⇄ that day; a clock or moment stays what it is."""
    zone = _zone("day_end", argument)
    last = time(23, 59, 59)

    def inward(value, _payload):
        if isinstance(value, str) and len(value.strip()) == 10:
            value = datetime.combine(_day(value.strip()), last)
        return _moment(value, zone)

    def outward(value, _record):
        local = _at(value, zone)
        return (local.date() if local.time() == last else local).isoformat()

    return inward, outward


def _day(value):
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(str(value)[:10])
    except ValueError as error:
        raise Unfit("date") from error


def _epoch(scale, expected, as_text):
    """Numbers since 1970 ⇄ moment."""
    start = datetime(1970, 1, 1, tzinfo=timezone.utc)

    def inward(value, _payload):
        try:
            if isinstance(value, bool):
                raise ValueError
            if isinstance(value, str) and len(value) <= 20:
                value = int(value)
            if not isinstance(value, int):
                raise ValueError
            return start + timedelta(microseconds=value * (1_000_000 // scale))
        except (ValueError, OverflowError) as error:
            raise Unfit(expected) from error

    def outward(value, _record):
        if isinstance(value, date) and not isinstance(value, datetime):
            value = datetime.combine(value, time.min, timezone.utc)
        elif isinstance(value, str) and len(value) == 10:
            value = datetime.combine(_day(value), time.min, timezone.utc)
        since = _moment(value, timezone.utc) - start
        number = (since // timedelta(microseconds=1)) // (1_000_000 // scale)
        return str(number) if as_text else number

    return Transform(lambda _argument: (inward, outward))


# -- choosing -------------------------------------------------------------------------------------


def _constant(argument):
    return lambda _value, _payload: argument, lambda _value, _record: argument


def _default(argument):
    return (
        lambda value, _payload: argument if value in (None, "") else value,
        lambda value, _record: argument if value in (None, "") else value,
    )


def _choose(argument):
    """``open = 1; closed = 0; else = 2``: the source's value on the left, the canonical one on the
    right. The way back is there if no two share a right side."""
    table, rest, has_rest = {}, None, False
    for part in filter(None, (part.strip() for part in argument.split(";"))):
        left, equals, right = (piece.strip() for piece in part.partition("="))
        if not equals or not left or left in table:
            raise bad_argument("choose", argument)
        if left == "else":
            rest, has_rest = right, True
        else:
            table[left] = right
    if not table:
        raise bad_argument("choose", argument)

    def key(value):
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, (dict, list)):
            raise Unfit("listed choice")
        return str(value).strip()

    def inward(value, _payload):
        found = table.get(key(value), rest)
        if found is None and not has_rest:
            raise Unfit("listed choice")
        return found

    back = {right: left for left, right in table.items()}
    if has_rest or len(back) < len(table):
        return inward, None

    def outward(value, _record):
        if key(value) not in back:
            raise Unfit("listed choice")
        return back[key(value)]

    return inward, outward


def _pair(argument):
    """Two ids joined as ``<other>/<this>``: what names a task inside a project."""
    read = reader(argument) if argument else lambda _payload: None

    def inward(value, payload):
        other = read(payload)
        return f"{other}/{value}" if value is not None and other is not None else None

    return inward, lambda value, _record: str(value).rpartition("/")[2]


class ByKey(NamedTuple):
    """A reference by something else than the source's id: an identity field of the other entity."""

    field: str
    value: Any


def _by_key(argument):
    """A record is named by its e-mail address, tax number or another identity field."""
    if not argument.isidentifier():
        raise bad_argument("by_key", argument)
    return lambda value, _payload: ByKey(argument, value), None


def _expression(argument):
    run = compile_expression(argument)

    def inward(value, payload):
        try:
            return run(value, payload)
        except Failed as error:
            raise Problem(
                "expression_failed", kind="schema", cause=argument[:40],
                expression=argument[:80], why=error.why,
            ) from error  # fmt: skip

    return inward, None


def _joined(argument):
    separator = argument or " "
    return (
        lambda value, _payload: (
            separator.join(str(part) for part in value if part)
            if isinstance(value, list)
            else value
        ),
        None,
    )


def _case(change):
    def changed(value):
        return change(value) if isinstance(value, str) else value

    return _plain(changed, changed)


def _of_text(make, name, argument=""):
    """A transform of text, whose argument is checked by its maker."""

    def build(value):
        try:
            return make(value)
        except ValueError as error:
            raise bad_argument(name, value) from error

    return Transform(build, argument)


TRANSFORMS: dict[str, Transform] = {
    "none": _plain(_same, _same),
    "constant": Transform(_constant, "text", always=True),
    "default": Transform(_default, "text", always=True),
    "choose": Transform(_choose, "choices"),
    "lower": _case(str.lower),
    "upper": _case(str.upper),
    "join": Transform(_joined, "separator"),
    "pair": Transform(_pair, "path"),
    "by_key": Transform(_by_key, "field"),
    "number": _of_text(text.number, "number", "sample"),
    "minor_units": Transform(_minor_units, "path"),
    "date_format": _of_text(text.date_format, "date_format", "pattern"),
    "local_time": Transform(_local_time, "zone"),
    "local_date": Transform(_local_date, "zone"),
    "day_end": Transform(_day_end, "zone"),
    "epoch_seconds": _epoch(1, "epoch seconds", as_text=False),
    "epoch_ms": _epoch(1000, "epoch milliseconds", as_text=True),
    "duration": _of_text(text.duration, "duration", "unit"),
    "phone": _of_text(words.phone, "phone", "country"),
    "email": _plain(words.email, _same),
    "vat": _of_text(words.vat, "vat", "country"),
    "country_code": _of_text(words.country_code, "country_code", "code"),
    "state_code": _of_text(words.state_code, "state_code", "country"),
    "language_code": _of_text(words.language_code, "language_code", "separator"),
    "html_to_text": _plain(words.html_to_text, words.text_to_html),
    "first_name": _plain(words.first_name),
    "last_name": _plain(words.last_name),
    "expression": Transform(_expression, "expression", always=True),
}


def make(name: str, argument: str) -> tuple[Inward, Outward | None]:
    """Both directions of a transform.

    :raise Problem: code ``bad_argument``, ``bad_path`` or ``bad_expression``.
    """
    return TRANSFORMS[name].make(argument)
