"""What the failed and waiting messages of a batch are worth. Plain class over an environment."""

from decimal import Decimal

from odoo import fields

from ...core.problem import Money

_NOTHING = dict.fromkeys(("amount", "currency_id", "amount_company", "company_currency_id"))


class Worth:
    """Amounts in their own and in their company's currency; a query for the currencies of a batch,
    and one for each pair of currencies that is converted.

    :param company: ``res.company`` of items that have none of their own.
    """

    def __init__(self, env, company, items):
        self.env = env
        self.company = company
        self.today = fields.Date.today()
        found = [_worth_of(item) for item in items]
        codes = {worth.currency for worth in found if worth and worth.currency}
        self.currencies = {
            currency.name: currency
            for currency in env["res.currency"].search([("name", "in", list(codes))])
        }

    def of(self, item):
        """The columns ``amount``, ``currency_id``, ``amount_company`` and ``company_currency_id``, all
        None where nothing is known."""
        worth = _worth_of(item)
        company = (
            self.env["res.company"].browse(item.company_id) if item.company_id else self.company
        )
        if worth is None or not company:
            return _NOTHING
        own = company.currency_id
        currency = self.currencies.get(worth.currency) if worth.currency else own
        if not currency:
            return _NOTHING
        # Odoo keeps the rate of a pair and day in its cache.
        in_company = currency._convert(float(worth.amount), own, company, self.today)
        return {
            "amount": worth.amount,
            "currency_id": currency.id,
            "amount_company": in_company,
            "company_currency_id": own.id,
        }


def _worth_of(item):
    """Money that a record is about: what its handler says, else its own amount, or hours at a rate."""
    if item.at_risk:
        return item.at_risk
    values = item.values
    amount = values.get("amount")
    if isinstance(amount, Decimal):
        return Money(amount, values.get("currency"))
    hours, rate = values.get("hours"), values.get("billed_rate")
    if isinstance(hours, Decimal) and isinstance(rate, Decimal):
        return Money(hours * rate, values.get("currency"))
    return None
