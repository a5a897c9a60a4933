"""Amounts, lists and missing parameters in sentences."""

from decimal import Decimal, InvalidOperation

from odoo.tools import formatLang


class Facts(dict):
    """Parameters of a sentence; a missing one is blank, never an error on the screen."""

    def __missing__(self, key):
        return ""


def money(env, amount, currency=""):
    try:
        text = formatLang(env, float(Decimal(str(amount))))
    except (InvalidOperation, ValueError):
        return ""
    return f"{text} {currency}".strip()


def listed(values):
    return ", ".join(str(value) for value in values or [])
