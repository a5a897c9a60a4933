"""Names of companies as they are compared: without accents, punctuation, legal form and small words."""

import re
import unicodedata
from dataclasses import dataclass
from functools import cached_property, lru_cache

from anyascii import anyascii
from rapidfuzz import fuzz
from rapidfuzz.distance import OSA

from .legal_forms import GLUED, without_form

_SMALL = frozenset(["and", "und", "et", "en", "og", "och", "the"])
_SMALL_LETTERS = frozenset(
    "eyiu"
)  # "and" of Italy, Spain, Poland; beside another letter they are initials
# One word written in several ways; also words in the plural.
_SPELLINGS = {
    spelling: word
    for word, spellings in {
        "associate": "assoc assocs associates",
        "brother": "bros brothers",
        "center": "centre centers centres ctr",
        "consulting": "consult consultants consultancy consultant",
        "development": "dev dvlpt developments",
        "engineering": "engrg eng engineers",
        "group": "grp groupe gruppe gruppo grupo",
        "holding": "holdings hldg hldgs",
        "industry": "industries ind inds",
        "international": "intl int internat",
        "management": "mgmt mgt",
        "manufacturing": "mfg manuf",
        "partner": "partners ptnrs",
        "saint": "st",
        "service": "services svc svcs",
        "solution": "solutions soln solns",
        "system": "systems sys",
        "technology": "technologies tech technol",
    }.items()
    for spelling in spellings.split()
}
# Words that many companies share: two names that have nothing else in common are not alike for them.
_GENERIC = frozenset(
    word
    for line in (
        "advisory agency and associate brother building business capital center company construction",
        "consulting data design development digital energy engineering enterprise enterprises europe",
        "finance financial global group handel holding immobilien industry insurance international",
        "investment invest it labs law legal logistics management manufacturing marketing media",
        "network partner product production project property research retail saint service software",
        "solution studio supply system team technology trade trading transport venture ventures",
        "verwaltung world bau beratung conseil",
    )
    for word in line.split()
)
SAME, TYPED, PART, NEAR, OTHER = "same", "typed", "part", "near", "other"
_NEAR = 0.86
_GLANCE = 70  # of 100: two letters wrong in a word of six or more leave that much alike


@dataclass(frozen=True)
class CompanyName:
    """A name, taken apart once.

    :ivar words: what it is called, in the order written
    :ivar form: its legal form (``core.legal_forms``), None if it says none
    """

    words: tuple[str, ...]
    form: str | None

    @cached_property
    def joined(self) -> str:
        return "".join(self.words)

    @cached_property
    def ordered(self) -> str:
        """Its letters with the words in the order of the alphabet."""
        return "".join(sorted(self.words))

    @property
    def generic(self) -> bool:
        """Whether it has no word of its own: "Consulting Group"."""
        return all(word in _GENERIC for word in self.words)


def plain_words(text: str | None) -> list[str]:
    """The words of a text in its own script, without accents, in lower case; as PostgreSQL's index has them."""
    text = unicodedata.normalize("NFKD", text or "")
    text = "".join(char for char in text if not unicodedata.combining(char)).casefold()
    return re.findall(r"[^\W_]+", text)


def alike(left: str | None, right: str | None) -> float:
    """How alike two texts are, from 0 to 1: their words in any order, without accents and punctuation."""
    one, other = (" ".join(sorted(plain_words(text))) for text in (left, right))
    return fuzz.ratio(one, other) / 100 if one and other else 0.0


@lru_cache(20_000)
def company_name(text: str | None) -> CompanyName:
    """Take a company's name apart. Scripts are written in Latin letters, umlauts as one vowel."""
    text = unicodedata.normalize("NFKC", text or "")
    for form in GLUED:
        text = text.replace(form, f" {form} ")
    text = re.sub(r"['’`´]", "", anyascii(text)).casefold()
    words = [word for word in re.findall(r"[a-z0-9]+", text) if word not in _SMALL]
    words, form = without_form(_initials_joined(words) or [text.strip()] * bool(text.strip()))
    return CompanyName(tuple(_one_spelling(word) for word in words), form)


def _initials_joined(words):
    """One word of letters that stand alone: "I.B.M." as "IBM", "s.r.o.", "z o.o." of Poland."""
    result, letters = [], ""
    for word in [*words, ""]:
        if len(word) == 1 and word.isalpha():
            letters += word
            continue
        if letters and not (letters in _SMALL_LETTERS and result and word):
            result.append(letters)
        letters = ""
        result.append(word)
    return result[:-1]


def _one_spelling(word):
    word = _SPELLINGS.get(word, word)
    return re.sub(r"(a|o|u)e(?=[^aeiou]|$)", r"\1", word)  # Müller, Mueller, Muller


def name_relation(left: CompanyName, right: CompanyName) -> tuple[str, float]:
    """How two names stand to each other, and how alike they are from 0 to 1.

    ``same`` (the same words, however joined or ordered), ``typed`` (the same but for typing errors),
    ``part`` (one says more than the other: a short form, a subsidiary, a branch), ``near`` (much alike,
    but a word differs), ``other``.
    """
    if not left.words or not right.words:
        return OTHER, 0.0
    if left.joined == right.joined or sorted(left.words) == sorted(right.words):
        return SAME, 1.0
    mine, theirs = list(left.words), list(right.words)
    for word in sorted(left.words, key=len, reverse=True):
        other = word if word in theirs else None
        other = other or next((o for o in theirs if _typing_error(word, o)), None)
        if other is not None:
            mine.remove(word)
            theirs.remove(other)
    ratio = fuzz.ratio(left.joined, right.joined) / 100
    if not mine and not theirs:
        return TYPED, max(ratio, _NEAR)
    if mine and theirs:  # "Data Works", "Dataworks"
        ours, others = "".join(mine), "".join(theirs)
        if ours == others:
            return SAME, 1.0
        if _typing_error(ours, others, most=1):
            return TYPED, ratio
    own = [word for word in left.words if word not in mine and word not in _GENERIC]
    if own and not (mine and theirs):
        return PART, max(ratio, _NEAR)
    return (NEAR if own and ratio >= _NEAR else OTHER), ratio


def same_but_for_typing(left: CompanyName, right: CompanyName) -> bool:
    """Whether two names are ``same`` or ``typed``. Most that are not are told apart at a glance, so that many pairs
    can be asked about."""
    glance = fuzz.ratio(left.joined, right.joined, score_cutoff=_GLANCE)
    if not glance and not fuzz.ratio(left.ordered, right.ordered, score_cutoff=_GLANCE):
        return False
    return name_relation(left, right)[0] in (SAME, TYPED)


def _typing_error(left, right, most=2):
    """Whether one word is the other with a letter wrong, missing, doubled or swapped; two in a long one.

    Numbers and short words have none: "Studio 54" is not "Studio 55", nor "ABC" "ABD".
    """
    shorter = min(len(left), len(right))
    if shorter < 5 or abs(len(left) - len(right)) > 2 or _digits(left) != _digits(right):
        return False
    most = 1 if shorter < 9 else most
    return OSA.distance(left, right, score_cutoff=most) <= most


def _digits(word):
    return [char for char in word if char.isdigit()]


def search_words(name: str | None) -> list[list[str]]:
    """The words that a name which looks alike contains one of: its two longest own ones.

    A name that has only common words is looked for by all of them together.

    :return: at most two lists of words, in the name's own script; all words of a list belong together.
    """
    kept = _kept(name)
    own = [word for word in kept if _SPELLINGS.get(word, word) not in _GENERIC and len(word) > 2]
    if own:
        return [[word] for word in sorted(own, key=len, reverse=True)[:2]]
    return [kept[:4]] if kept else []


def search_queries(name: str | None) -> list[str]:
    """What finds names that look alike, as ``tsquery`` of PostgreSQL over words without accents.

    First all words as they are: who has the same name is found however many others begin alike. Then
    :func:`search_words`, each by its beginning, without its end, where most differences stand.
    """
    kept = _kept(name)
    whole = [" & ".join(_either(word, "'{}'".format) for word in kept)] if kept else []
    return whole + [" & ".join(map(_beginning, words)) for words in search_words(name)]


def _kept(name):
    """Its words without legal form and small ones, each once."""
    words = list(dict.fromkeys(plain_words(name)))
    kept, _form = without_form(words)
    return [word for word in kept if word not in _SMALL] or words


def _beginning(word):
    return _either(word, lambda w: f"'{stem(w)}':*" if len(w) > 2 else f"'{w}'")


def _either(word, write):
    """A word or its other spelling (ü, ue). Words are letters and digits: nothing to quote."""
    spellings = dict.fromkeys([word, re.sub(r"(a|o|u)e", r"\1", word)])
    found = list(dict.fromkeys(map(write, spellings)))
    return found[0] if len(found) == 1 else f"({' | '.join(found)})"


def stem(word: str) -> str:
    """How a word begins, by which others are found."""
    return word[: max(4, len(word) - 3)]
