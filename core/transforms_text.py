"""Transforms of quantities that a source writes as text: numbers, days, spans.

Each maker takes the argument of a mapping line and gives ``(inward, outward)``; it raises
``ValueError`` for an argument that means nothing.
"""

import re
from datetime import date, datetime, timezone
from decimal import Decimal

from .unfit import Unfit

_SPACES = " \u00a0\u202f\u2009"


def _text(value, expected):
    if not isinstance(value, str):
        raise Unfit(expected)
    return value.strip()


def short(number):
    """A decimal without zeros at its end, and without an exponent: ``100``, not ``1E+2``."""
    if number == number.to_integral_value():
        return number.quantize(Decimal(1))
    return number.normalize()


def _exact(value):
    if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
        raise Unfit("number")
    number = Decimal(value)
    if not number.is_finite() or (number and abs(number.adjusted()) > 30):
        raise Unfit("number")
    return number


# -- numbers --------------------------------------------------------------------------------------


def number(sample):
    """Numbers in the notation of a sample, ``1.234,56`` or ``1 234.56`` ⇄ decimal."""
    separators = [char for char in sample.strip() if not char.isdigit() and char not in "+-"]
    decimal = separators.pop() if separators else "."
    grouping = separators[0] if separators else ""
    if (
        not any(char.isdigit() for char in sample)
        or any(char not in ".,'’_" + _SPACES for char in (decimal, *separators))
        or len(set(separators)) > 1
        or grouping == decimal
        or decimal in _SPACES
    ):
        raise ValueError(sample)
    groups = f"[{_SPACES}]" if grouping and grouping in _SPACES else re.escape(grouping)
    whole = rf"\d{{1,3}}(?:{groups}\d{{3}})+|\d+" if grouping else r"\d+"
    pattern = re.compile(rf"([+-]?)({whole})(?:{re.escape(decimal)}(\d+))?", re.ASCII)

    def inward(value, _payload):
        if not isinstance(value, str):
            return _exact(value)
        match = pattern.fullmatch(value.strip()) if len(value) <= 40 else None
        if not match:
            raise Unfit("number")
        sign, digits, fraction = match.groups()
        digits = re.sub(r"\D", "", digits)
        return Decimal(f"{sign}{digits}" + (f".{fraction}" if fraction else ""))

    def outward(value, _record):
        digits, _point, fraction = format(abs(_exact(value)), "f").partition(".")
        if grouping:
            digits = f"{int(digits):,}".replace(",", grouping)
        sign = "-" if _exact(value) < 0 else ""
        return sign + digits + (decimal + fraction if fraction else "")

    return inward, outward


# -- days and spans ---------------------------------------------------------------------------------

_PARTS = {
    "YYYY": r"(?P<year>\d{4})",
    "MM": r"(?P<month>\d{1,2})",
    "DD": r"(?P<day>\d{1,2})",
    "HH": r"(?P<hour>\d{1,2})",
    "mm": r"(?P<minute>\d{2})",
    "ss": r"(?P<second>\d{2})",
}
_PART = re.compile("|".join(_PARTS))


def date_format(pattern):
    """Days (and clocks in UTC) written as ``DD.MM.YYYY`` or ``MM/DD/YYYY HH:mm``."""
    found = _PART.findall(pattern)
    if not {"YYYY", "MM", "DD"} <= set(found) or len(found) != len(set(found)) or len(pattern) > 40:
        raise ValueError(pattern)
    pieces, last = [], 0
    for match in _PART.finditer(pattern):
        pieces += [re.escape(pattern[last : match.start()]), _PARTS[match.group()]]
        last = match.end()
    pieces.append(re.escape(pattern[last:]))
    shape = re.compile("".join(pieces), re.ASCII)
    has_clock = "HH" in found

    def inward(value, _payload):
        match = shape.fullmatch(_text(value, "date"))
        if not match:
            raise Unfit("date")
        parts = {name: int(digits) for name, digits in match.groupdict().items()}
        try:
            return datetime(**parts, tzinfo=timezone.utc) if has_clock else date(**parts)
        except ValueError as error:
            raise Unfit("date") from error

    def outward(value, _record):
        if isinstance(value, str):
            try:
                value = datetime.fromisoformat(value.replace("Z", "+00:00"))
            except ValueError as error:
                raise Unfit("date") from error
        if not isinstance(value, date):
            raise Unfit("date")
        moment = value if isinstance(value, datetime) else datetime(*value.timetuple()[:3])
        written = {
            "YYYY": f"{moment.year:04}", "MM": f"{moment.month:02}", "DD": f"{moment.day:02}",
            "HH": f"{moment.hour:02}", "mm": f"{moment.minute:02}", "ss": f"{moment.second:02}",
        }  # fmt: skip
        return _PART.sub(lambda match: written[match.group()], pattern)

    return inward, outward


_SECONDS = {"milliseconds": Decimal("0.001"), "seconds": 1, "minutes": 60, "hours": 3600}
_ISO_SPAN = re.compile(r"(-?)P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?", re.ASCII)
_CLOCK = re.compile(r"(-?)(\d{1,6}):([0-5]\d)(?::([0-5]\d))?", re.ASCII)
_HOUR_PLACES = Decimal("1e-12")


def duration(unit):
    """A span ⇄ hours. ``unit``: milliseconds, seconds, minutes, hours, days:8 (hours of a working
    day), iso (PT1H30M) or hh:mm. Back to whole seconds, as far as the unit can say them."""
    if unit.startswith("days:"):
        per_day = Decimal(unit[5:]) if re.fullmatch(r"\d{1,2}(\.\d{1,2})?", unit[5:]) else 0
        if not 0 < per_day <= 24:
            raise ValueError(unit)
        return _counted(per_day * 3600)
    if unit in _SECONDS:
        return _counted(Decimal(_SECONDS[unit]))
    if unit == "iso":
        return _written(_ISO_SPAN, (86400, 3600, 60, 1), _iso_span)
    if unit == "hh:mm":
        return _written(_CLOCK, (3600, 60, 1), _clock)
    raise ValueError(unit)


def _counted(seconds):
    def inward(value, _payload):
        if isinstance(value, str) and re.fullmatch(r"-?\d{1,15}(\.\d{1,9})?", value.strip()):
            value = Decimal(value.strip())
        return _hours(_exact(value) * seconds)

    def outward(value, _record):
        amount = (_whole_seconds(value) if seconds >= 1 else _bounded(value) * 3600) / seconds
        rounded = short(amount.quantize(Decimal("1e-9")))
        return int(rounded) if rounded == rounded.to_integral_value() else rounded

    return inward, outward


def _hours(seconds):
    if abs(seconds) > 10**12:
        raise Unfit("duration")
    return short((Decimal(seconds) / 3600).quantize(_HOUR_PLACES))


def _bounded(hours):
    if abs(_exact(hours)) > 10**9:
        raise Unfit("duration")
    return _exact(hours)


def _whole_seconds(hours):
    return (_bounded(hours) * 3600).quantize(Decimal(1))


def _written(pattern, scales, write):
    def inward(value, _payload):
        match = pattern.fullmatch(_text(value, "duration"))
        parts = match.groups()[1:] if match else ()
        if not any(part is not None for part in parts) or any(len(p or "") > 9 for p in parts):
            raise Unfit("duration")
        seconds = sum(int(part or 0) * scale for part, scale in zip(parts, scales, strict=True))
        return _hours(-seconds if match[1] else seconds)

    def outward(value, _record):
        seconds = int(_whole_seconds(value))
        return ("-" if seconds < 0 else "") + write(abs(seconds))

    return inward, outward


def _iso_span(seconds):
    hours, rest = divmod(seconds, 3600)
    minutes, rest = divmod(rest, 60)
    text = (f"{hours}H" if hours else "") + (f"{minutes}M" if minutes else "")
    return "PT" + (text + (f"{rest}S" if rest or not text else ""))


def _clock(seconds):
    hours, rest = divmod(seconds, 3600)
    return f"{hours}:{rest // 60:02}" + (f":{rest % 60:02}" if rest % 60 else "")
