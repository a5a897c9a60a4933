"""Canonical types: from what a source writes to what the hub means."""

import re
from dataclasses import dataclass
from datetime import date, datetime, timezone
from decimal import Decimal, InvalidOperation

import phonenumbers

from .problem import Problem

MAX_TEXT = 4000
_EPOCH_MS = re.compile(r"^-?\d{12,14}$")


@dataclass(frozen=True)
class Ref:
    """A record of the same system that a field points to, by its external id."""

    entity: str
    external_id: str


@dataclass(frozen=True)
class Word:
    """A word of the source that a vocabulary has to translate."""

    vocabulary: str
    text: str


def _bad(name, value, expected):
    shown = str(value)
    return Problem(
        "bad_value",
        cause=name,
        field=name,
        value=shown[:80] + ("…" if len(shown) > 80 else ""),
        expected=expected,
    )


def to_text(name, value, limit=MAX_TEXT):
    if isinstance(value, (bool, dict, list)):
        raise _bad(name, value, "text")
    text = str(value).strip()
    if len(text) > limit:
        raise Problem("too_long", cause=name, field=name, length=len(text), limit=limit)
    return text or None


def to_decimal(name, value):
    """Numbers, and text in plain notation; ``1e5``, ``NaN`` and ``1,5`` are refused, not guessed."""
    if isinstance(value, bool):
        raise _bad(name, value, "number")
    if isinstance(value, (int, Decimal)):
        return Decimal(value)
    if isinstance(value, str) and re.fullmatch(r"[+-]?\d{1,18}(\.\d{1,12})?", value.strip()):
        try:
            return Decimal(value.strip())
        except InvalidOperation:
            pass
    raise _bad(name, value, "number")


def to_datetime(name, value):
    """ISO 8601 with an offset, or epoch milliseconds; the result is aware and in UTC."""
    if isinstance(value, bool):
        raise _bad(name, value, "date and time")
    if isinstance(value, datetime):
        parsed = value
    elif isinstance(value, int) or (isinstance(value, str) and _EPOCH_MS.match(value)):
        try:
            parsed = datetime.fromtimestamp(int(value) / 1000, timezone.utc)
        except (OverflowError, ValueError, OSError) as error:
            raise _bad(name, value, "date and time") from error
    else:
        try:
            parsed = datetime.fromisoformat(str(value).replace("Z", "+00:00"))
        except ValueError as error:
            raise _bad(name, value, "date and time") from error
    if parsed.tzinfo is None:
        parsed = parsed.replace(tzinfo=timezone.utc)
    try:
        return parsed.astimezone(timezone.utc)
    except OverflowError as error:  # the first hours of year 1, the last of 9999
        raise _bad(name, value, "date and time") from error


def to_date(name, value):
    """A calendar day. A day in the source stays that day: it is never moved by a time zone."""
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    text = str(value)
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text[:10]) and (len(text) == 10 or text[10] in "T "):
        try:
            return date.fromisoformat(text[:10])
        except ValueError as error:
            raise _bad(name, value, "date") from error
    if _EPOCH_MS.match(text):
        return to_datetime(name, value).date()
    raise _bad(name, value, "date")


def to_boolean(name, value):
    if isinstance(value, bool):
        return value
    if str(value).lower() in ("true", "false"):
        return str(value).lower() == "true"
    raise _bad(name, value, "true or false")


def to_currency(name, value):
    text = str(value).strip().upper()
    if not re.fullmatch(r"[A-Z]{3}", text):
        raise _bad(name, value, "currency code")
    return text


def to_email(name, value):
    text = str(value).strip().lower()
    if len(text) > 254 or not re.fullmatch(r"[^@\s<>\"]+@[^@\s<>\"]+\.[^@\s<>\"]+", text):
        raise _bad(name, value, "e-mail address")
    return text


def to_phone(name, value, country=None):
    """E.164 where the number is a possible one in its country; else the text as it came.

    A strange number is no reason to stop a deal.
    """
    text = to_text(name, value, 64)
    if not text:
        return None
    try:
        number = phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException:
        return text
    if not phonenumbers.is_possible_number(number):
        return text
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def coerce(name, kind, value, country=None):
    """``value`` of the source as the canonical type ``kind`` (see docs/canonical.md).

    ``None`` and blank text are no value. References and vocabulary words come back as
    :class:`Ref` and :class:`Word`; the engine resolves them for a whole batch.

    :raise Problem: code ``bad_value`` or ``too_long``, with field, value and what was expected.
    """
    if value is None or value == "":
        return None
    base, _sep, target = kind.partition(":")
    if base == "ref":
        key = to_text(name, value, 200)
        return Ref(target, key) if key else None
    if base == "refs":
        if not isinstance(value, list):
            raise _bad(name, value, "list")
        keys = [to_text(name, item, 200) for item in value if item is not None]
        return [Ref(target, key) for key in keys if key]
    if base == "term":
        word = to_text(name, value, 200)
        return Word(target, word) if word else None
    if base == "phone":
        return to_phone(name, value, country)
    if base in ("country", "language"):
        return to_text(name, value, 60)
    if base == "vat":
        return to_text(name, value, 40)
    return _COERCE[base](name, value)


_COERCE = {
    "text": to_text,
    "decimal": to_decimal,
    "money": to_decimal,
    "date": to_date,
    "datetime": to_datetime,
    "boolean": to_boolean,
    "currency": to_currency,
    "email": to_email,
}
TYPES = (*_COERCE, "phone", "country", "language", "vat", "ref", "refs", "term", "lines")
