"""Customers as HubSpot gives them: invented, all different, the same in every run."""

import random

_SYLLABLES = [consonant + vowel for consonant in "bdfghklmnprstvz" for vowel in "aeiou"]
_CITIES = [
    ("Springfield", "IL", 62701, "US", "+1217"),
    ("Austin", "TX", 73301, "US", "+1512"),
    ("Denver", "CO", 80201, "US", "+1303"),
    ("Salem", "OR", 97301, "US", "+1503"),
]
_EXCHANGES = [number for number in range(220, 1000) if number // 10 % 10 > 1]


def company(number, *, edition=0):
    """One company of the CRM as JSON data.

    :param number: which one; also its id
    :param edition: another edition of the same company has another phone, street and ZIP
    """
    chance = random.Random(number)
    # Of 100,000 no two resemble each other, nor share a telephone: such pairs are asked about, not applied.
    name = " ".join(
        "".join(chance.choices(_SYLLABLES, k=length)).title()
        for length in (4, chance.randint(4, 5))
    )
    city, state, zipcode, country, area = chance.choice(_CITIES)
    street = "".join(chance.choices(_SYLLABLES, k=3)).title()
    line = number + 7 * edition
    return {
        "id": str(number),
        "properties": {
            "name": f"{name} Inc",
            "domain": f"{name.replace(' ', '').lower()}{number}.example",
            "phone": f"{area}{_EXCHANGES[line // 10_000 % len(_EXCHANGES)]}{line % 10_000:04}",
            "website": f"https://www.{name.replace(' ', '').lower()}{number}.example",
            "address": f"{number % 900 + 1 + edition} {street} St",
            "city": city,
            "state": state,
            "zip": str(zipcode + chance.randint(0, 89) + edition),
            "country": country,
            "hs_language": "en",
        },
    }
