"""How much speaks for two records being one company, and what is done about it.

Each piece of evidence gives or takes points; their sum, from 0 to 100, is the likeness. It is explained by its
evidence. A sum that is high enough links by itself only if the name agrees in every word and something beside
the name agrees too: what a parent shares with its subsidiary (web address, telephone, house) makes a question, never
a link.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from anyascii import anyascii
from rapidfuzz import fuzz

from .company_names import NEAR, OTHER, PART, SAME, TYPED, CompanyName, company_name, name_relation
from .identity import domain_key, email_key, vat_key
from .schema import to_phone

LINK, ASK, CREATE = "link", "ask", "create"

POINTS = {
    "vat_same": 200,  # decides, whatever else is different
    "name_same": 50,
    "name_typed": 45,
    "name_part": 30,
    "name_near": 25,
    "name_common": -20,  # beside one of the above: the name has only words that many have
    "domain_same": 45,
    "domain_shared": 15,  # instead: more than one customer in Odoo has it
    "domain_other": -10,
    "phone_other": -12,
    "address_other": -12,
    "email_same": 20,
    "phone_same": 25,
    "address_same": 37,
    "house_same": 10,
    "zip_same": 6,
    "city_same": 4,
    "form_other": -10,
    "country_other": -40,
}
_NAMES = {SAME: "name_same", TYPED: "name_typed", PART: "name_part", NEAR: "name_near"}
# What a link by itself needs beside the name.
_SUPPORT = frozenset(["domain_same", "email_same", "phone_same", "address_same"])
# What no number of points outweighs.
_DOUBT = frozenset(["name_common", "form_other", "country_other"])
MARGIN = 15  # points by which the best must lead
_STREETS = {
    "strasse": "str",
    "street": "str",
    "st": "str",
    "avenue": "av",
    "ave": "av",
    "road": "rd",
}
_STREETS |= {
    "boulevard": "bd",
    "blvd": "bd",
    "drive": "dr",
    "lane": "ln",
    "rue": "",
    "via": "",
    "calle": "",
}


@dataclass(frozen=True)
class Party:
    """What is known of a company, in the form in which it is compared."""

    name: CompanyName
    vat: str | None = None
    domains: frozenset[str] = frozenset()
    email: str | None = None
    phone: str | None = None
    street: str = ""
    house: str | None = None
    zip: str | None = None
    city: str = ""
    country: str | None = None

    @property
    def place(self) -> str | None:
        """ZIP and house number: few companies share it, and no language writes it otherwise."""
        return f"{self.zip}/{self.house}" if self.zip and self.house else None


@dataclass(frozen=True)
class Likeness:
    """How alike two parties are.

    :ivar evidence: ``((code of POINTS, points), …)``, the weightiest first
    :ivar sure: whether nothing forbids a link without asking
    :ivar other_vat: both have a valid tax number, and they differ: two legal customers
    """

    evidence: tuple[tuple[str, int], ...] = ()
    sure: bool = False
    other_vat: bool = False

    @property
    def points(self) -> int:
        """The sum of its evidence."""
        return sum(points for _code, points in self.evidence)

    @property
    def score(self) -> int:
        """The same as a person sees it, from 0 to 100."""
        return max(0, min(100, self.points))

    @property
    def same_name(self) -> bool:
        return any(
            code in ("name_same", "name_typed", "vat_same") for code, _points in self.evidence
        )


@dataclass(frozen=True)
class Thresholds:
    """From how many points a company is linked, and from how many a person is asked."""

    link: int = 75
    ask: int = 45

    def __post_init__(self):
        if not 0 < self.ask <= self.link <= 100:
            raise ValueError("thresholds")


def party(values: Mapping) -> Party:
    """Make a :class:`Party` of plain values, all of them texts or None.

    :param values: name, vat, domain, website, email, phone, street, zip, city, country (two letters).
    """
    country = (values.get("country") or "").upper() or None
    website = values.get("website")
    domains = {
        domain_key(values.get("domain")),
        domain_key(website) if website else None,
        domain_key(None, email=values.get("email")),
    }
    street = _plain(values.get("street"))
    house = re.search(r"\d+", street)
    return Party(
        name=company_name(values.get("name")),
        vat=vat_key(values.get("vat"), country),
        domains=frozenset(domains - {None}),
        email=email_key(values.get("email")),
        phone=_phone(values.get("phone"), country),
        street=_street(street),
        house=house and house.group().lstrip("0"),
        zip=re.sub(r"[^0-9A-Z]", "", (values.get("zip") or "").upper()) or None,
        city=_plain(values.get("city")),
        country=country,
    )


def _phone(text, country):
    """E.164, or None for what cannot be a number."""
    try:
        number = to_phone("phone", text, country) if text else None
    except Exception:  # too long, or no text: no evidence
        return None
    return number if number and number.startswith("+") else None


def _plain(text):
    return " ".join(re.findall(r"[a-z0-9]+", anyascii(text or "").casefold()))


def _street(plain):
    """A street without its number, its kind in one spelling: "Hauptstrasse 5" and "Haupt Str. 5"."""
    words = [_STREETS.get(word, word) for word in plain.split() if not word[0].isdigit()]
    return re.sub(r"strasse$", "str", "".join(words))


def compare(left: Party, right: Party, shared: frozenset[str] = frozenset()) -> Likeness:
    """Weigh all evidence of two parties.

    :param shared: internet domains that several customers in Odoo have.
    """
    same_number = left.vat and left.vat == right.vat
    evidence = [("vat_same", POINTS["vat_same"])] if same_number else []
    evidence += _evidence(left, right, shared)
    codes = {code for code, _points in evidence}
    agrees = codes & {"name_same", "name_typed"} and codes & _SUPPORT and not codes & _DOUBT
    return Likeness(
        tuple(sorted(evidence, key=lambda pair: -abs(pair[1]))),
        sure=bool(same_number or agrees),
        other_vat=bool(left.vat and right.vat and not same_number),
    )


def _evidence(left, right, shared):
    codes = []
    relation, _ratio = name_relation(left.name, right.name)
    if relation != OTHER:
        codes.append(_NAMES[relation])
        if left.name.generic or right.name.generic:
            codes.append("name_common")
    both = left.domains & right.domains
    if both:
        codes.append("domain_same" if both - shared else "domain_shared")
    elif left.domains and right.domains:
        codes.append("domain_other")
    if left.email and left.email == right.email and not both:
        codes.append("email_same")
    if left.phone and right.phone:
        codes.append("phone_same" if left.phone == right.phone else "phone_other")
    codes += _address(left, right)
    if left.name.form and right.name.form and left.name.form != right.name.form:
        codes.append("form_other")
    if left.country and right.country and left.country != right.country:
        codes.append("country_other")
    return [(code, POINTS[code]) for code in codes]


def _address(left, right):
    if left.place and left.place == right.place:
        same = left.street and fuzz.ratio(left.street, right.street) >= 80
        return ["address_same" if same else "house_same"]
    found = []
    if left.zip and left.zip == right.zip:
        found.append("zip_same")
    if left.city and left.city == right.city:
        found.append("city_same")
    if not found and left.place and right.place:
        found.append("address_other")
    return found


def decide(
    who: Party,
    others: Sequence[tuple[object, Party]],
    thresholds: Thresholds,
    shared: frozenset[str] = frozenset(),
) -> tuple[str, list[tuple[object, Likeness]]]:
    """What becomes of a new record, given whom it could be.

    :param others: ``(key, party)`` of each candidate.
    :return: ``(LINK | ASK | CREATE, [(key, likeness), …])``, the likest first; with LINK exactly one.
        Of those with another valid tax number none is in the list: they are other legal customers.
    """
    likely = []
    for key, other in others:
        likeness = compare(who, other, shared)
        if likeness.score >= thresholds.ask and not likeness.other_vat:
            likely.append((key, likeness))
    if not likely:
        return CREATE, []
    likely.sort(key=lambda pair: -pair[1].points)
    if leads(likely) and likely[0][1].score >= thresholds.link:
        return LINK, likely[:1]
    return ASK, likely


def leads(likely: Sequence[tuple[object, Likeness]]) -> bool:
    """Whether the first of these, the likest first, may be linked: nothing forbids it, and none is nearly as alike."""
    best = likely[0][1]
    rivals = [likeness for _key, likeness in likely[1:] if likeness.same_name]
    return best.sure and (not rivals or best.points - rivals[0].points >= MARGIN)
