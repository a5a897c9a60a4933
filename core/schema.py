"""Canonical types: from what a source writes to what the hub means."""

import re
from dataclasses import dataclass
from datetime import date, datetime, timezone
from decimal import Context, Decimal
from functools import lru_cache

import phonenumbers

from .brief import brief
from .problem import Problem

MAX_TEXT = 4000
_EPOCH_MS = re.compile(r"^-?\d{12,14}$")
_NUMBER = re.compile(r"[+-]?\d{1,18}(\.\d{1,12})?")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_CURRENCY = re.compile(r"[A-Z]{3}")
_EMAIL = re.compile(r"[^@\s<>\"]+@[^@\s<>\"]+\.[^@\s<>\"]+")
# What a browser opens as a page, or a text that it takes for no scheme; never `javascript:`, `data:` or
# `file:`, nor one hidden by control characters, which browsers leave out. `host.name:8080/path` is an address.
WEB = (
    r"(?:[Hh][Tt][Tt][Pp][Ss]?:[^\x00-\x1f]*|[^:/?#\x00-\x1f]*(?:[/?#][^\x00-\x1f]*)?"
    r"|[^:/?#\x00-\x1f]*\.[^:/?#\x00-\x1f]*:[^\x00-\x1f]*)"
)
_WEB = re.compile(WEB)
_WIDE = Context(prec=100)
_INTEGERS = 2**31 - 1  # what an Odoo integer holds


@dataclass(frozen=True)
class Ref:
    """A record of the same system that a field points to, by its external id; with ``key``, the
    record whose identity field of that name has this value."""

    entity: str
    external_id: str
    key: str = ""


@dataclass(frozen=True)
class Word:
    """A word of the source that a vocabulary has to translate."""

    vocabulary: str
    text: str


def bad_value(name, value, expected):
    return Problem("bad_value", cause=name, field=name, value=brief(value, 80), expected=expected)


def to_text(name, value, limit=MAX_TEXT):
    if isinstance(value, (bool, dict, list)):
        raise bad_value(name, value, "text")
    text = str(value).strip()
    if len(text) > limit:
        raise Problem("too_long", cause=name, field=name, length=len(text), limit=limit)
    return text or None


def to_decimal(name, value):
    """Numbers, and text in plain notation; ``1e5``, ``NaN`` and ``1,5`` are refused, not guessed."""
    if isinstance(value, bool):
        raise bad_value(name, value, "number")
    if isinstance(value, (int, Decimal)):
        number = Decimal(value)
        # Written out, as all that compares texts expects: 100, not 1E+2.
        return (
            number
            if number.as_tuple().exponent <= 0
            else number.quantize(Decimal(1), context=_WIDE)
        )
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        return Decimal(value.strip())
    raise bad_value(name, value, "number")


def to_integer(name, value):
    number = to_decimal(name, value)
    if number != number.to_integral_value() or abs(number) > _INTEGERS:
        raise bad_value(name, value, "whole number")
    return int(number)


def to_datetime(name, value):
    """ISO 8601 with an offset, or epoch milliseconds; the result is aware and in UTC."""
    if isinstance(value, bool):
        raise bad_value(name, value, "date and time")
    if isinstance(value, datetime):
        parsed = value
    elif isinstance(value, int) or (isinstance(value, str) and _EPOCH_MS.match(value)):
        try:
            parsed = datetime.fromtimestamp(int(value) / 1000, timezone.utc)
        except (OverflowError, ValueError, OSError) as error:
            raise bad_value(name, value, "date and time") from error
    else:
        try:
            parsed = datetime.fromisoformat(str(value).replace("Z", "+00:00"))
        except ValueError as error:
            raise bad_value(name, value, "date and time") from error
    if parsed.tzinfo is None:
        parsed = parsed.replace(tzinfo=timezone.utc)
    try:
        return parsed.astimezone(timezone.utc)
    except OverflowError as error:  # the first hours of year 1, the last of 9999
        raise bad_value(name, value, "date and time") from error


def to_date(name, value):
    """A calendar day. A day in the source stays that day: it is never moved by a time zone."""
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    text = str(value)
    if _DAY.fullmatch(text[:10]) and (len(text) == 10 or text[10] in "T "):
        try:
            return date.fromisoformat(text[:10])
        except ValueError as error:
            raise bad_value(name, value, "date") from error
    if _EPOCH_MS.match(text):
        return to_datetime(name, value).date()
    raise bad_value(name, value, "date")


def to_boolean(name, value):
    if isinstance(value, bool):
        return value
    if str(value).lower() in ("true", "false"):
        return str(value).lower() == "true"
    raise bad_value(name, value, "true or false")


def to_currency(name, value):
    text = str(value).strip().upper()
    if not _CURRENCY.fullmatch(text):
        raise bad_value(name, value, "currency code")
    return text


def to_email(name, value):
    text = str(value).strip().lower()
    if len(text) > 254 or not _EMAIL.fullmatch(text):
        raise bad_value(name, value, "e-mail address")
    return text


def to_url(name, value):
    """A web address. What is only written strangely stays: a strange page is no reason to stop a deal."""
    text = to_text(name, value, 1000)
    if text and not _WEB.fullmatch(text):
        raise bad_value(name, value, "web address")
    return text


def to_phone(name, value, country=None):
    """E.164 where the number is a possible one in its country; else the text as it came.

    A strange number is no reason to stop a deal.
    """
    text = to_text(name, value, 64)
    if not text:
        return None
    # With a prefix the country says nothing: mapping, canonical value and comparison ask for the same.
    return _e164(text, None if text.startswith("+") else country)


@lru_cache(20_000)
def _e164(text, country):
    try:
        number = phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException:
        return text
    if not phonenumbers.is_possible_number(number):
        return text
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def coercer(kind):
    """How a value of the source becomes the canonical type ``kind`` (see docs/canonical.md).

    :return: a function ``(name, value, country)``, made once for a field and used for each record;
        ``None`` and blank text are no value. References and vocabulary words come back as
        :class:`Ref` and :class:`Word`; the engine resolves them for a whole batch. The function
        raises :class:`Problem` ``bad_value`` or ``too_long``, with field, value and what was expected.
    """
    base, _sep, target = kind.partition(":")
    if base in _COERCE:
        convert = _COERCE[base]

        def change(name, value, _country):
            return None if value is None or value == "" else convert(name, value)

    elif base in _LIMITED:
        limit = _LIMITED[base]

        def change(name, value, _country):
            return None if value is None or value == "" else to_text(name, value, limit)

    elif base == "phone":

        def change(name, value, country):
            return None if value is None or value == "" else to_phone(name, value, country)

    elif base in _POINTING:
        point = _POINTING[base]

        def change(name, value, _country):
            return None if value is None or value == "" else point(name, value, target)

    else:
        raise KeyError(kind)
    return change


def coerce(name, kind, value, country=None):
    """One ``value`` as the canonical type ``kind``; see :func:`coercer`."""
    return coercer(kind)(name, value, country)


def _ref(name, value, target):
    if hasattr(value, "field"):  # by an identity field instead of the source's id
        key = to_text(name, value.value, 200)
        return Ref(target, key, value.field) if key else None
    key = to_text(name, value, 200)
    return Ref(target, key) if key else None


def _refs(name, value, target):
    if not isinstance(value, list):
        raise bad_value(name, value, "list")
    keys = [to_text(name, item, 200) for item in value if item is not None]
    return [Ref(target, key) for key in keys if key]


def _term(name, value, target):
    word = to_text(name, value, 200)
    return Word(target, word) if word else None


_COERCE = {
    "text": to_text,
    "integer": to_integer,
    "decimal": to_decimal,
    "money": to_decimal,
    "date": to_date,
    "datetime": to_datetime,
    "boolean": to_boolean,
    "currency": to_currency,
    "email": to_email,
    "url": to_url,
}
_LIMITED = {"country": 60, "language": 60, "vat": 40}
_POINTING = {"ref": _ref, "refs": _refs, "term": _term}
TYPES = (*_COERCE, "phone", *_LIMITED, *_POINTING, "lines")
