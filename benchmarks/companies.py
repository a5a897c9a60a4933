"""A labelled set of companies: what Odoo knows, what systems send, and who is who. Made from a seed.

The noise is that of real address books: typing errors, legal forms left out or written otherwise, words in
another order or left out, telephone numbers in any notation, addresses of before a move, names of cities in
another language, mail providers in place of an own domain. The traps are those of real groups of companies:
subsidiaries that share the web address, the house and the telephone of their parent, two legal forms of one
name, branches of a franchise, companies of one name in two towns, names that differ by a letter, tenants of
one business centre.
"""

import random
from dataclasses import dataclass, replace

from stdnum.iso7064 import mod_11_10
from stdnum.pl import nip

_SYLLABLES = [
    word
    for line in (
        "al ba be bra can cor da del dor el fa fen gar gen hal har in jo ka kel lan lor lu ma mer mon",
        "na nel nor o pa per qui ra ren ro sa sel sol ta ter tri u val van ver vi wes xen ya zen zo",
    )
    for word in line.split()
]
_ENDINGS = [
    word
    for line in (
        "a ia is ex ix on or um us ent ero ino ard berg dale field ford mont stein worth ov ski sen",
        "son",
    )
    for word in line.split()
]
_SURNAMES = [
    word
    for line in (
        "Müller Schröder Böhm Krüger Jäger Dupont Lefèvre Gauthier Rossi Bianchi Esposito García",
        "Fernández Núñez Kowalski Wójcik Lindström Åkesson Jansen Visser Smith Walker Hughes Campbell",
        "Murphy Nowak Sørensen Weiß Groß Brontë",
    )
    for word in line.split()
]
_TRADES = [
    word
    for line in (
        "Consulting Software Engineering Logistics Bau Design Systems Solutions Technologies Media",
        "Partners Marketing Foods Robotics Textiles Optics Pharma Energy Advisory Analytics Studio",
        "Labs Industries Trading",
    )
    for word in line.split()
]
_BRANCHES = [
    word
    for line in (
        "Logistics Services Holding International Capital Immobilien Digital Verwaltung Ventures",
        "Leasing Deutschland France UK Iberia Nordics Research Beteiligungen Academy",
    )
    for word in line.split()
]
_STREETS = {
    "DE": [
        "Hauptstraße",
        "Bahnhofstraße",
        "Gartenweg",
        "Lindenallee",
        "Schillerstraße",
        "Industriestraße",
        "Am Markt",
        "Ringstraße",
    ],
    "FR": [
        "rue de la Paix",
        "avenue Victor Hugo",
        "boulevard Voltaire",
        "rue du Moulin",
        "quai de Seine",
        "rue des Lilas",
    ],
    "GB": ["High Street", "Station Road", "Church Lane", "Victoria Road", "Mill Lane", "Queensway"],
    "US": [
        "Main Street",
        "Oak Avenue",
        "Market Street",
        "Elm Drive",
        "Sunset Boulevard",
        "Lake Road",
    ],
    "IT": ["Via Roma", "Via Garibaldi", "Corso Italia", "Via Dante", "Viale Europa"],
    "PL": ["ul. Długa", "ul. Polna", "ul. Leśna", "al. Niepodległości", "ul. Ogrodowa"],
    "SE": ["Storgatan", "Kungsgatan", "Drottninggatan", "Skolgatan"],
}
_CITIES = {
    "DE": [
        ("München", "Munich"),
        ("Köln", "Cologne"),
        ("Nürnberg", "Nuremberg"),
        ("Hannover", "Hanover"),
        ("Bonn", "Bonn"),
    ],
    "FR": [("Lyon", "Lyons"), ("Marseille", "Marseilles"), ("Paris", "Parigi"), ("Nice", "Nizza")],
    "GB": [("London", "Londres"), ("Leeds", "Leeds"), ("Edinburgh", "Edimbourg")],
    "US": [
        ("New York", "Nueva York"),
        ("Austin", "Austin"),
        ("Boston", "Boston"),
        ("Denver", "Denver"),
    ],
    "IT": [
        ("Milano", "Milan"),
        ("Torino", "Turin"),
        ("Venezia", "Venice"),
        ("Firenze", "Florence"),
    ],
    "PL": [("Warszawa", "Warsaw"), ("Kraków", "Cracow"), ("Gdańsk", "Danzig")],
    "SE": [("Göteborg", "Gothenburg"), ("Stockholm", "Stockholm")],
}
# Each form with other spellings of the same.
_FORMS = {
    "DE": [
        ("GmbH", "Gesellschaft mit beschränkter Haftung", "gmbh"),
        ("AG", "Aktiengesellschaft"),
        ("GmbH & Co. KG", "GmbH & Co KG"),
    ],
    "FR": [("SARL", "S.A.R.L."), ("SAS", "S.A.S."), ("SA", "S.A.")],
    "GB": [("Ltd", "Limited", "Ltd."), ("PLC", "plc"), ("LLP",)],
    "US": [("Inc.", "Incorporated", "Inc"), ("LLC", "L.L.C."), ("Corp.", "Corporation")],
    "IT": [("S.r.l.", "SRL"), ("S.p.A.", "SpA")],
    "PL": [("Sp. z o.o.", "Spółka z o.o."), ("S.A.", "SA")],
    "SE": [("AB", "Aktiebolag")],
}
_PREFIX = {"DE": "49", "FR": "33", "GB": "44", "US": "1", "IT": "39", "PL": "48", "SE": "46"}
_TLD = {"DE": "de", "FR": "fr", "GB": "co.uk", "US": "com", "IT": "it", "PL": "pl", "SE": "se"}
_PROVIDERS = ("gmail.com", "outlook.com", "web.de", "orange.fr")
_KEYS = "abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True)
class Known:
    """A company as it is: its legal form apart, so that noise can write it otherwise."""

    base: str
    forms: tuple[str, ...]
    country: str
    city: tuple[str, str]
    zip: str
    street: str
    number: str
    phone: str
    domain: str
    vat: str | None
    trap: str = ""

    def values(self) -> dict:
        """As Odoo holds it."""
        before = self.country in ("FR", "US", "GB")
        return {
            "name": f"{self.base} {self.forms[0]}",
            "vat": self.vat,
            "website": f"https://www.{self.domain}",
            "email": f"info@{self.domain}",
            "phone": f"+{self.phone}",
            "street": f"{self.number} {self.street}" if before else f"{self.street} {self.number}",
            "zip": self.zip,
            "city": self.city[0],
            "country": self.country,
        }


@dataclass(frozen=True)
class Sent:
    """What a system sends of a company.

    :ivar truth: place of the company in :attr:`Labelled.known`, None if Odoo does not know it
    :ivar trap: which trap it is, "" for none
    """

    values: dict
    truth: int | None
    trap: str = ""


@dataclass(frozen=True)
class Labelled:
    known: list[dict]
    sent: list[Sent]


def make(seed: int, heads: int = 2000) -> Labelled:
    """A set of about 1.5 companies a head; two of three are sent, and about as many that Odoo does not know.

    :param seed: one seed, one set, on every machine
    """
    chance = random.Random(seed)
    companies, domains = [], set()
    while len(domains) < heads:
        head = _company(chance)
        if head.domain in domains:
            continue  # nobody else has a company's domain, but its group
        domains.add(head.domain)
        companies.append(head)
        companies += _traps(chance, head)
    known, sent = [], []
    for company in companies:
        # Of those that resemble another one, half are not in Odoo: these must not be linked to the other.
        if chance.random() < (0.5 if company.trap else 0.1):
            sent.append(Sent(_noisy(chance, company), None, company.trap))
            continue
        known.append(company.values())
        if chance.random() < 0.67:
            sent.append(Sent(_noisy(chance, company), len(known) - 1, company.trap))
    return Labelled(known, sent)


def _company(chance):
    country = chance.choice(list(_CITIES))
    if chance.random() < 0.35:
        own = chance.choice(_SURNAMES)
        if chance.random() < 0.3:
            own = f"{own} & {chance.choice(_SURNAMES)}"
        base = f"{own} {chance.choice(_TRADES)}"
    else:
        own = "".join(chance.sample(_SYLLABLES, chance.choice((1, 2, 2)))).capitalize()
        own += chance.choice(_ENDINGS)
        base = own if chance.random() < 0.4 else f"{own} {chance.choice(_TRADES)}"
    return Known(
        base=base,
        forms=chance.choice(_FORMS[country]),
        country=country,
        **_site(chance, country),
        domain=f"{_slug(base)}{chance.randrange(100) if chance.random() < 0.3 else ''}.{_TLD[country]}",
        vat=_vat(chance, country),
    )


def _site(chance, country):
    digits = f"{chance.randrange(10**8):08}"
    return {
        "city": chance.choice(_CITIES[country]),
        "zip": f"{chance.choice('1234567')}{chance.randrange(10**4):04}",
        "street": chance.choice(_STREETS[country]),
        "number": str(chance.randrange(1, 200)),
        "phone": _PREFIX[country]
        + chance.choice("23456")
        + digits[: 9 if country == "US" else 8]
        + ("5" if country == "US" else ""),
    }


def _vat(chance, country):
    if country == "DE":
        number = str(chance.randrange(10**7, 10**8))
        return f"DE{number}{mod_11_10.calc_check_digit(number)}"
    if country == "PL":
        while True:
            number = f"{chance.randrange(10**8, 10**9)}{chance.randrange(10)}"
            if nip.is_valid(number):
                return f"PL{number}"
    return None


def _traps(chance, head):
    """Companies that resemble this one and are others."""
    found = []

    def other(trap, **changed):
        changed.setdefault("vat", _vat(chance, head.country))
        found.append(replace(head, trap=trap, **changed))

    roll = chance.random()
    if roll < 0.15:  # a group
        for branch in chance.sample(_BRANCHES, chance.choice((1, 1, 2, 3))):
            site = {} if chance.random() < 0.5 else _site(chance, head.country)
            if not site and chance.random() < 0.3:
                site = {"phone": _site(chance, head.country)["phone"]}
            first = head.base.split()[0] if chance.random() < 0.5 else head.base
            forms = chance.choice(_FORMS[head.country])
            other("subsidiary", base=f"{first} {branch}", forms=forms, **site)
    elif roll < 0.16:  # two legal forms of one name, in one house
        forms = [forms for forms in _FORMS[head.country] if forms != head.forms]
        if forms:
            other("legal form", forms=chance.choice(forms))
    elif roll < 0.20:
        site = _site(chance, head.country)
        other(
            "namesake",
            domain=f"{_slug(head.base)}-{_slug(site['city'][1])}.{_TLD[head.country]}",
            **site,
        )
    elif roll < 0.24:  # a letter between them, and nothing in common
        place = chance.randrange(1, len(head.base) - 1)
        base = head.base[:place] + chance.choice(_KEYS) + head.base[place + 1 :]
        other(
            "near name",
            base=base,
            domain=f"{_slug(base)}.{_TLD[head.country]}",
            **_site(chance, head.country),
        )
    elif roll < 0.27:
        cities = [city for city in _CITIES[head.country] if city != head.city]
        for city in chance.sample(cities, min(len(cities), chance.choice((1, 2, 3)))):
            site = _site(chance, head.country) | {"city": city}
            other("franchise", base=f"{head.base} {city[0]}", **site)
    elif roll < 0.30:
        tenant = _company(chance)
        other("tenant", base=tenant.base, forms=tenant.forms, domain=f"{_slug(tenant.base)}.com")
    return found


def _slug(text):
    plain = str.maketrans("äöüßèéíñóøåéłńśęąźżŁÅ", "aousseinooaelnseazzla"[:21])
    return "".join(c for c in text.lower().translate(plain) if c.isascii() and c.isalnum())


def _noisy(chance, company):
    """How a system might hold it."""
    values = company.values()
    values["name"] = _noisy_name(chance, company)
    if chance.random() < 0.65:
        values["vat"] = None
    roll = chance.random()
    if roll < 0.55:
        values["email"] = None
    elif roll < 0.62:
        values["email"] = f"{_slug(company.base)}@{chance.choice(_PROVIDERS)}"
    roll = chance.random()
    if roll < 0.10:
        values["website"] = None
    elif roll < 0.14:
        values["website"] = f"https://{_slug(company.base)}-group.com"
        values["email"] = None
    else:
        values["website"] = chance.choice(
            (values["website"], company.domain, f"http://{company.domain}/en")
        )
    roll = chance.random()
    if roll < 0.2:
        values["phone"] = None
    elif roll < 0.32:
        values["phone"] = f"+{_site(chance, company.country)['phone']}"
    else:
        values["phone"] = _noisy_phone(chance, company)
    roll = chance.random()
    if roll < 0.12:
        values |= {"street": None, "zip": None, "city": None}
    elif roll < 0.19:  # moved
        moved = replace(company, **(_site(chance, company.country) | {"phone": company.phone}))
        values |= {name: moved.values()[name] for name in ("street", "zip", "city")}
    else:
        values["street"] = _noisy_street(chance, values["street"])
        if chance.random() < 0.3:
            values["city"] = company.city[1]
    if chance.random() < 0.1:
        values["country"] = None
    return values


def _noisy_name(chance, company):
    words = company.base.split()
    if chance.random() < 0.15:
        place = chance.randrange(len(words))
        words[place] = _mistyped(chance, words[place])
    roll = chance.random()
    if roll < 0.03 and len(words) > 1 and not company.trap:
        words = words[:-1]  # a short form; of a branch it would be another company's name
    elif roll < 0.06:
        words = words[::-1]
    elif roll < 0.09:
        words = ["".join(words)]
    base = " ".join(words)
    if chance.random() < 0.2:
        base = base.replace("ü", "ue").replace("ö", "oe").replace("ä", "ae").replace("ß", "ss")
    if chance.random() < 0.15:
        base = base.upper()
    roll = chance.random()
    if roll < 0.35:
        return base
    forms = company.forms
    return f"{base}{chance.choice((' ', ', '))}{forms[0] if roll < 0.7 else chance.choice(forms)}"


def _mistyped(chance, word):
    if len(word) < 4:
        return word
    place = chance.randrange(1, len(word) - 1)
    kind = chance.randrange(4)
    if kind == 0:
        return word[:place] + word[place + 1 :]
    if kind == 1:
        return word[:place] + word[place] + word[place:]
    if kind == 2:
        return word[:place] + word[place + 1] + word[place] + word[place + 2 :]
    return word[:place] + chance.choice(_KEYS) + word[place + 1 :]


def _noisy_phone(chance, company):
    prefix = _PREFIX[company.country]
    national = company.phone[len(prefix) :]
    trunk = "" if company.country in ("US", "IT", "PL") else "0"
    return chance.choice(
        (
            f"+{prefix} {national[:3]} {national[3:]}",
            f"00{prefix}{national}" if company.country != "US" else f"+1-{national}",
            f"({trunk}{national[:3]}) {national[3:6]}-{national[6:]}",
            f"{trunk}{national[:4]}/{national[4:]}",
        )
    )


def _noisy_street(chance, street):
    if chance.random() < 0.3:
        for long, short in (
            ("straße", "str."),
            ("Street", "St."),
            ("Road", "Rd"),
            ("avenue", "av."),
        ):
            street = street.replace(long, short)
    if chance.random() < 0.15:
        street = street.replace("ß", "ss").upper()
    if chance.random() < 0.1:
        street += chance.choice((", 2nd floor", " B", ", Hof"))
    return street
