"""A year of a made-up firm: generated, delivered, billed, paid, sent to its ledgers, and reconciled to the cent."""

from .command import year as year
