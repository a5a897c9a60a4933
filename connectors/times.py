"""Points in time as products write them. Inside the hub they are always aware and in UTC."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime

from .errors import ConnectorError

_ISO = re.compile(
    r"(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2})?)(?:\.(\d{1,9}))?)?(Z|[+-]\d{2}:?\d{2})?"
)


def parse_iso(text: str | None) -> datetime | None:
    """An ISO 8601 time or date; without a zone it is UTC; None stays None.

    Written out because ``datetime.fromisoformat`` of Python 3.10 knows neither ``Z`` nor three
    digits.

    :raise ConnectorError: kind ``schema`` if it is no such text.
    """
    if text is None or text == "":
        return None
    match = _ISO.fullmatch(str(text))
    if not match:
        raise ConnectorError("schema", "bad_time")
    day, clock, fraction, zone = match.groups()
    clock = clock or "00:00:00"
    clock = clock if clock.count(":") == 2 else clock + ":00"
    micro = int((fraction or "0").ljust(6, "0")[:6])
    try:
        moment = datetime.strptime(f"{day}T{clock}", "%Y-%m-%dT%H:%M:%S").replace(
            microsecond=micro, tzinfo=timezone.utc
        )
    except ValueError:
        raise ConnectorError("schema", "bad_time") from None
    if zone and zone != "Z":
        sign = 1 if zone[0] == "+" else -1
        moment -= sign * timedelta(hours=int(zone[1:3]), minutes=int(zone[-2:]))
    return moment


def iso(moment: datetime, digits: int = 3) -> str:
    """UTC text with a fixed number of fraction digits, so that texts sort as times do."""
    text = moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f")
    return (text[: len(text) - 6 + digits] if digits else text[:-7]) + "Z"


def from_epoch(value, unit: int = 1) -> datetime | None:
    """Seconds since 1970 (``unit=1``) or milliseconds (``unit=1000``) as a time.

    :raise ConnectorError: kind ``schema`` if it is no such number.
    """
    if value is None:
        return None
    try:
        number = int(value)
        seconds, rest = divmod(number, unit)
        return datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(
            seconds=seconds, microseconds=rest * (1_000_000 // unit)
        )
    except (ValueError, TypeError, OverflowError):
        raise ConnectorError("schema", "bad_time") from None


def to_epoch(moment: datetime, unit: int = 1) -> int:
    """A time as whole seconds (or milliseconds, ``unit=1000``) since 1970."""
    delta = moment - datetime(1970, 1, 1, tzinfo=timezone.utc)
    return (delta // timedelta(microseconds=1)) * unit // 1_000_000


def answered_at(headers: Mapping[str, str], now: datetime) -> datetime:
    """When a product answered, by its own clock (``Date``); ``now`` if it does not say.

    Where a window ends is the product's to say: our clock may be ahead, and what is changed there meanwhile
    would lie before the next window.
    """
    try:
        moment = parsedate_to_datetime(headers.get("Date", ""))
    except (TypeError, ValueError):
        return now
    return moment.astimezone(timezone.utc) if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
