"""Transforms of words: phones, addresses, tax numbers, countries, languages, HTML, names of people."""

import html
import re
from email.utils import parseaddr
from functools import lru_cache
from html.parser import HTMLParser

import phonenumbers
from babel.core import Locale, UnknownLocaleError, get_global

from .identity import vat_key
from .paths import reader
from .unfit import Unfit


def _text(value, expected):
    if not isinstance(value, str):
        raise Unfit(expected)
    return value.strip()


# -- numbers that name --------------------------------------------------------------------------------


def _country_of(argument):
    """A fixed country (``DE``), or the path where the payload names one."""
    if not argument:
        return lambda _payload: None
    if re.fullmatch(r"[A-Z]{2}", argument):
        return lambda _payload: argument
    read = reader(argument)
    return lambda payload: _country_code(read(payload))


def phone(argument):
    """A phone number → E.164, read as of a country where it has no prefix."""
    country = _country_of(argument)

    def inward(value, payload):
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        written = _text(value, "phone")
        try:
            found = phonenumbers.parse(written, country(payload))
        except phonenumbers.NumberParseException:
            return written  # a strange number is no reason to stop a deal
        if not phonenumbers.is_possible_number(found):
            return written
        return phonenumbers.format_number(found, phonenumbers.PhoneNumberFormat.E164)

    return inward, lambda value, _record: value


def email(value):
    """``Pat <pat@firm.example>`` → ``pat@firm.example``."""
    return parseaddr(_text(value, "email"))[1].lower() or value


def vat(argument):
    """A tax number → compact, with its country in front where its own check takes it."""
    country = _country_of(argument)

    def inward(value, payload):
        written = _text(value, "vat")
        return vat_key(written, country(payload)) or re.sub(r"[^0-9A-Za-z]", "", written).upper()

    return inward, lambda value, _record: value


# -- codes --------------------------------------------------------------------------------------------

_NAMED_IN = ("en", "de", "fr", "es", "it", "nl", "pt")
_NO_COUNTRY = frozenset(["EU", "EZ", "QO", "UN", "XA", "XB", "ZZ"])


@lru_cache(maxsize=1)
def _countries():
    """Everything that names a country → its ISO 3166 alpha-2 code; and the three-letter codes."""
    names, alpha3 = {}, {}
    codes = [
        code for code in Locale("en").territories
        if len(code) == 2 and code.isalpha() and code not in _NO_COUNTRY
    ]  # fmt: skip
    for language in reversed(_NAMED_IN):
        territories = Locale(language).territories
        names.update({territories[code].casefold(): code for code in codes if code in territories})
    for alias, (code, *more) in get_global("territory_aliases").items():
        if code in codes and not more:
            names[alias.casefold()] = code
            if len(alias) == 3 and alias.isalpha():
                alpha3.setdefault(code, alias)
    names.update({code.casefold(): code for code in codes})
    return names, alpha3


def _country_code(value):
    return _countries()[0].get(str(value or "").strip().casefold())


def country_code(form):
    """Name, three letters or number of a country ⇄ ISO 3166 alpha-2; back as ``alpha2`` (also
    without argument), ``alpha3`` or ``name`` (English)."""
    if form not in ("", "alpha2", "alpha3", "name"):
        raise ValueError(form)

    def inward(value, _payload):
        if isinstance(value, int) and not isinstance(value, bool):
            value = f"{value:03}"
        code = _country_code(_text(value, "country"))
        if not code:
            raise Unfit("country")
        return code

    def outward(value, _record):
        if form == "alpha3":
            found = _countries()[1].get(str(value).upper())
        elif form == "name":
            found = Locale("en").territories.get(str(value).upper())
        else:
            return value
        if not found:
            raise Unfit("country")
        return found

    return inward, outward


def state_code(argument):
    """``US-CA`` ⇄ ``CA``; the country goes in front on the way back, where it is known."""
    country = _country_of(argument)

    def inward(value, payload):
        written = _text(value, "state")
        front, dash, code = written.partition("-")
        if dash and len(front) == 2 and (country(payload) in (None, front.upper())):
            return code
        return written

    def outward(value, record):
        front = country(record)
        return f"{front}-{value}" if front and value else value

    return inward, outward


@lru_cache(maxsize=1)
def _languages():
    names = {}
    for language in reversed(_NAMED_IN):
        for code, name in Locale(language).languages.items():
            if "_" not in code:
                names[name.casefold()] = code
    for alias, code in get_global("language_aliases").items():
        names.setdefault(alias.casefold(), code)
    return names


def language_code(separator):
    """Name or code of a language ⇄ ``de`` or ``de_DE``; the argument separates on the way back."""
    if separator not in ("", "-", "_"):
        raise ValueError(separator)

    def inward(value, _payload):
        written = _text(value, "language").replace("-", "_")
        try:
            locale = Locale.parse(_languages().get(written.casefold(), written))
        except (UnknownLocaleError, ValueError, TypeError) as error:
            raise Unfit("language") from error
        return locale.language + (f"_{locale.territory}" if locale.territory else "")

    def outward(value, _record):
        return str(value).replace("_", separator or "_")

    return inward, outward


# -- HTML ---------------------------------------------------------------------------------------------

_BLOCKS = frozenset(
    [
        *(
            "address",
            "blockquote",
            "br",
            "div",
            "dd",
            "dl",
            "dt",
            "h1",
            "h2",
            "h3",
            "h4",
            "h5",
            "h6",
        ),
        *("hr", "li", "ol", "p", "pre", "table", "tr", "ul"),
    ]
)
_UNSEEN = frozenset(["head", "noscript", "script", "style", "template", "title"])


class _TextOf(HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.parts, self.unseen = [], 0

    def handle_starttag(self, tag, attrs):
        self.unseen += tag in _UNSEEN
        if tag in _BLOCKS:
            self.parts.append("\n")

    def handle_endtag(self, tag):
        if tag in _UNSEEN and self.unseen:
            self.unseen -= 1
        if tag in _BLOCKS:
            self.parts.append("\n")

    def handle_data(self, data):
        if not self.unseen:
            self.parts.append(re.sub(r"\s+", " ", data))


def html_to_text(value):
    """What a reader of the HTML sees, a line a block."""
    parser = _TextOf()
    parser.feed(_text(value, "text"))
    parser.close()
    lines = [line.strip() for line in "".join(parser.parts).split("\n")]
    return "\n".join(line for line in lines if line)


def text_to_html(value):
    """A paragraph a line; what looks like markup stays text."""
    lines = [line for line in str(value).split("\n") if line.strip()]
    return "".join(f"<p>{html.escape(line)}</p>" for line in lines)


# -- names --------------------------------------------------------------------------------------------

_PARTICLES = frozenset(
    [
        *(
            "af",
            "al",
            "bin",
            "da",
            "dal",
            "de",
            "del",
            "della",
            "den",
            "der",
            "des",
            "di",
            "do",
            "dos",
        ),
        *(
            "du",
            "el",
            "la",
            "las",
            "le",
            "los",
            "san",
            "ten",
            "ter",
            "van",
            "von",
            "zu",
            "zum",
            "zur",
        ),
    ]
)


def _split_name(value):
    """First and last name: ``Doe, Jane``, ``Jane Doe``, ``Ludwig van Beethoven``."""
    words = _text(value, "text").split()
    last, comma, first = " ".join(words).partition(",")
    if comma:
        return first.strip(), last.strip()
    if len(words) < 2:
        return "", " ".join(words)
    start = next(
        (i for i, word in enumerate(words[1:-1], 1) if word.casefold() in _PARTICLES),
        len(words) - 1,
    )
    return " ".join(words[:start]), " ".join(words[start:])


def first_name(value):
    return _split_name(value)[0]


def last_name(value):
    return _split_name(value)[1]
