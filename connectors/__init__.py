"""How outside products speak. Plain Python over requests: no Odoo import, tested without a
database."""

from importlib import import_module

# product -> (label, module, class); modules are imported when a product is first used
_PRODUCTS = {
    "salesforce": ("Salesforce", "salesforce", "Salesforce"),
    "hubspot": ("HubSpot", "hubspot", "HubSpot"),
    "harvest": ("Harvest", "harvest", "Harvest"),
    "stripe": ("Stripe", "stripe", "Stripe"),
    "clockify": ("Clockify", "clockify", "Clockify"),
    "toggl": ("Toggl Track", "toggl", "Toggl"),
    "tempo": ("Tempo Timesheets", "tempo", "Tempo"),
    "quickbooks": ("QuickBooks Online", "quickbooks", "QuickBooks"),
    "xero": ("Xero", "xero", "Xero"),
    "odoo": ("Another Odoo", "odoo", "Odoo"),
    "hr": ("HR data (files)", "hr", "HrFiles"),
    "canonical": ("Canonical API", "canonical", "Canonical"),
}

# product -> label, in the order in which they are offered
PRODUCTS = {product: label for product, (label, _module, _name) in _PRODUCTS.items()}


def get_connector_class(product: str):
    """The connector class of a product.

    :raise KeyError: if no connector speaks for it.
    """
    _label, module, name = _PRODUCTS[product]
    return getattr(import_module(f".{module}", __name__), name)
