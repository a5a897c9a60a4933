"""Who is who: keys that are sure, and likeness that a person has to confirm."""

import re
import unicodedata
from collections.abc import Sequence
from difflib import SequenceMatcher
from functools import lru_cache

from stdnum import get_cc_module

# Words that say what kind of company it is, not which one.
_LEGAL_FORMS = frozenset(
    word
    for line in (
        "ab ag and as asa bv bvba co company corp corporation gmbh group holding inc incorporated",
        "kft kg limited llc llp lp ltd nv oy oyj plc pte pty sa sarl sas se sl spa sprl srl sro",
        "the ug und",
    )
    for word in line.split()
)
# Mail providers: an address there says nothing about the company.
_PUBLIC_DOMAINS = frozenset(
    word
    for line in (
        "163.com aol.com free.fr gmail.com gmx.com gmx.de gmx.net googlemail.com hotmail.com",
        "icloud.com libero.it live.com mail.ru orange.fr outlook.com proton.me protonmail.com qq.com",
        "t-online.de wanadoo.fr web.de yahoo.com yandex.ru",
    )
    for word in line.split()
)
LIKELY = 0.86


@lru_cache(10_000)
def vat_key(vat: str | None, country: str | None = None) -> str | None:
    """A tax number in its compact form, with its country in front, if it is a valid one.

    Numbers that their country's own check refuses are no keys: a typing error must not join two
    companies. Countries without a check in ``stdnum`` count by letters and digits.
    """
    compact = re.sub(r"[^0-9A-Za-z]", "", vat or "").upper()
    if len(compact) < 6 or not _says_something(compact):
        return None
    prefix = compact[:2] if compact[:2].isalpha() else (country or "").upper()
    if not prefix:
        return compact
    module = get_cc_module(prefix.lower(), "vat")
    if module is None:
        return compact if compact.startswith(prefix) else prefix + compact
    number = compact[2:] if compact.startswith(prefix) else compact
    for candidate in (number, compact):
        if module.is_valid(candidate):
            return prefix + number
    return None


def _says_something(compact: str) -> bool:
    """Whether a number can be one: "unknown", "n/a" and "000000000" stand in many records."""
    digits = re.sub(r"\D", "", compact)
    return len(digits) >= 3 and len(set(digits)) > 1


@lru_cache(10_000)
def domain_key(domain: str | None, *, email: str | None = None) -> str | None:
    """The company's own internet domain, from a web address or an e-mail address."""
    text = (domain or "").strip().lower()
    if not text and email and "@" in email:
        text = email.rsplit("@", 1)[1].strip().lower()
    text = re.sub(r"^[a-z]+://", "", text).split("/")[0].split(":")[0]
    text = text.removeprefix("www.")
    if "." not in text or text in _PUBLIC_DOMAINS:
        return None
    return text


def email_key(email: str | None) -> str | None:
    """An e-mail address as a key: lower case, without blanks."""
    text = (email or "").strip().lower()
    return text if text.count("@") == 1 and "." in text.rsplit("@", 1)[1] else None


@lru_cache(10_000)
def name_key(name: str | None) -> str:
    """A company's name without accents, punctuation and legal form, in lower case."""
    text = unicodedata.normalize("NFKD", name or "")
    text = "".join(c for c in text if not unicodedata.combining(c)).casefold()
    words = re.findall(r"\w+", text)
    kept = [word for word in words if word not in _LEGAL_FORMS]
    return " ".join(kept or words)


def search_word(name: str | None) -> str | None:
    """What a name that looks alike contains: how one of its words begins, as a ``tsquery`` of PostgreSQL.

    The longest word without its end, where most differences stand; short words count whole.
    """
    word = max(name_key(name).split() or [""], key=len)
    if not word:
        return None
    return f"'{word[: max(4, len(word) - 3)]}':*" if len(word) > 2 else f"'{word}'"


def likeness(left: str, right: str) -> float:
    """How alike two names are, from 0 to 1, on their ``name_key``."""
    return next(iter(alike(left, [right], least=0.0)), (0.0, 0))[0]


def alike(
    name: str | None, others: Sequence[str], least: float = LIKELY
) -> list[tuple[float, int]]:
    """Which of some names look like this one.

    :return: ``(likeness, place in others)`` of those that reach ``least``, the likest first.
    """
    key = name_key(name)
    words, matcher, found = sorted(key.split()), None, []
    for place, other in enumerate(others):
        against = name_key(other)
        if not key or not against:
            continue
        if words == sorted(against.split()):
            found.append((1.0, place))
            continue
        # What two texts have in common is at most the shorter one: most pairs are ruled out here.
        if 2 * min(len(key), len(against)) < least * (len(key) + len(against)):
            continue
        if matcher is None:
            matcher = SequenceMatcher(None, b=key, autojunk=False)
        matcher.set_seq1(against)
        if matcher.quick_ratio() >= least and (score := matcher.ratio()) >= least:
            found.append((score, place))
    return sorted(found, key=lambda pair: -pair[0])
