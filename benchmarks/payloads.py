"""Customers as HubSpot gives them: invented, all different, the same in every run."""

import random

_SYLLABLES = [consonant + vowel for consonant in "bdfghklmnprstvz" for vowel in "aeiou"]
_CITIES = [
    ("Springfield", "IL", "62701", "US", "+1217555"),
    ("Austin", "TX", "73301", "US", "+1512555"),
    ("Denver", "CO", "80201", "US", "+1303555"),
    ("Salem", "OR", "97301", "US", "+1503555"),
]


def company(number, *, edition=0):
    """One company of the CRM as JSON data.

    :param number: which one; also its id
    :param edition: another edition of the same company has another phone, street and ZIP
    """
    chance = random.Random(number)
    # Long enough that of 100,000 no two resemble each other: such pairs are asked about, not applied.
    name = " ".join(
        "".join(chance.choices(_SYLLABLES, k=length)).title()
        for length in (4, chance.randint(4, 5))
    )
    city, state, zipcode, country, prefix = chance.choice(_CITIES)
    return {
        "id": str(number),
        "properties": {
            "name": f"{name} Inc",
            "domain": f"{name.replace(' ', '').lower()}{number}.example",
            "phone": f"{prefix}{(number + 7 * edition) % 10_000:04}",
            "website": f"https://www.{name.replace(' ', '').lower()}{number}.example",
            "address": f"{number % 900 + 1 + edition} Main St",
            "city": city,
            "state": state,
            "zip": str(int(zipcode) + edition),
            "country": country,
            "hs_language": "en",
        },
    }
