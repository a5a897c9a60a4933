"""What may be kept or shown of a call: shapes and codes, never a secret or a person's data."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

HIDDEN = "•••"

_SECRET_HEADER = re.compile(
    r"authorization|cookie|token|secret|signature|api-?key|password|session", re.I
)
_SECRET_TEXT = re.compile(
    r"(?:Bearer|Basic)\s+[\w.~+/=-]+"
    r"|\b(?:sk|rk|pk|whsec|pat)[_-][\w-]{6,}"
    r"|\beyJ[\w-]+\.[\w-]+\.[\w-]*",
    re.I,
)
# A text that is a key and nothing else: well-known beginnings, or one long run of letters and digits.
_KEY_TEXT = re.compile(
    r"(?:Bearer|Basic)\s+[\w.~+/=-]{8,}"
    r"|(?:sk|rk|pk|whsec|pat|ghp|xox[abp])[_-](?=[\w-]*\d)[\w-]{12,}"
    r"|eyJ[\w-]+\.[\w-]+\.[\w-]*"
    r"|(?=[^\d]*\d)(?=[^A-Za-z]*[A-Za-z])[A-Za-z0-9_+=-]{24,}",
    re.I,
)
_EMAIL = re.compile(r"[\w.+'-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+")
_PHONE = re.compile(r"(?<![\w-])\+\d[\d ()./-]{6,}\d")
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}[A-Z0-9]{10,30}\b")
_CARD = re.compile(r"(?<!\d)(?:\d[ -]?){13,19}(?!\d)")


def looks_secret(text: str) -> bool:
    """Whether a text has the form of a key or token: such a thing belongs among the secrets."""
    return bool(_KEY_TEXT.fullmatch(text.strip()))


def mask_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers, with the values of those that prove something hidden."""
    return {
        name: HIDDEN if _SECRET_HEADER.search(name) else str(value)
        for name, value in headers.items()
    }


def mask_text(text: str, secrets: Iterable[str] = (), limit: int = 300) -> str:
    """A product's own words, short and without secrets and personal data.

    :param secrets: values known to be secret, hidden wherever they stand.
    :param limit: characters that are kept.
    """
    # cut first with some room, so that the patterns never run over a long text
    text = str(text)[: 4 * limit]
    for secret in secrets:
        if secret and len(secret) >= 6:
            text = text.replace(secret, HIDDEN)
    for pattern in (_SECRET_TEXT, _EMAIL, _IBAN, _CARD, _PHONE):
        text = pattern.sub(HIDDEN, text)
    text = "".join(char if char.isprintable() else " " for char in text)
    return text if len(text) <= limit else text[: limit - 1] + "…"
