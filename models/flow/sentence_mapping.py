from odoo import models

from .sentence import _Params


class HubSentence(models.AbstractModel):
    """Sentences about mappings, expressions and bindings."""

    _inherit = "hub.sentence"

    def _expected_words(self):
        """What would have fitted, by the word that ``core`` has for it (:class:`~core.unfit.Unfit`)."""
        _ = self.env._
        return {
            "text": _("a text"),
            "number": _("a number"),
            "whole number": _("a whole number"),
            "whole number of minor units": _("a whole number of cents or other minor units"),
            "true or false": _("true or false"),
            "date": _("a date"),
            "date and time": _("a date with its time"),
            "epoch seconds": _("seconds since 1970"),
            "epoch milliseconds": _("milliseconds since 1970"),
            "duration": _("a span of time"),
            "currency": _("a currency that Odoo knows"),
            "amount with its currency": _("an amount whose currency is sent as well"),
            "currency code": _("the three letters of a currency"),
            "country": _("a country"),
            "state": _("a state"),
            "language": _("a language"),
            "email": _("an e-mail address"),
            "url": _("a web address"),
            "web address": _("a web address"),
            "e-mail address": _("an e-mail address"),
            "phone": _("a phone number"),
            "vat": _("a tax number"),
            "listed choice": _("one of the listed choices"),
            "list": _("a list"),
        }

    def _known(self, params):
        _ = self.env._
        p = _Params(params)
        correct = _("Correct the line in the mapping, then replay.")
        return super()._known(params) | {
            "bad_argument": (
                _(
                    "“%(value)s” is no argument that the transform “%(transform)s” understands.",
                    value=p["value"],
                    transform=p["transform"],
                ),
                correct,
            ),
            "bad_expression": (
                _(
                    "The expression “%(text)s” is not allowed (%(why)s).",
                    text=p["text"],
                    why=p["why"],
                ),
                correct,
            ),
            "expression_failed": (
                _(
                    "The expression “%(text)s” does not fit this record (%(why)s).",
                    text=p["expression"],
                    why=p["why"],
                ),
                correct,
            ),
            "not_reversible": (
                _(
                    "“%(path)s” with the transform “%(transform)s” cannot be turned round to send a value.",
                    path=p["path"],
                    transform=p["transform"],
                ),
                _("Use a path of keys (a.b.c) and a transform that works both ways."),
            ),
            "binding_refused": (
                _("%(field)s is not written: %(message)s", field=p["field"], message=p["message"]),
                _("Ask a user with the Settings right to correct the entity's field; then replay."),
            ),
            "term_without_record": (
                _(
                    "The term %(term)s of %(field)s stands for no record of Odoo.",
                    term=p["term"],
                    field=p["field"],
                ),
                _("Choose the record in the vocabulary, then replay."),
            ),
            "key_unknown": (
                _(
                    "No %(entity)s in Odoo has “%(value)s” as its %(key)s.",
                    entity=p["entity"],
                    value=p["value"],
                    key=p["key"],
                ),
                _("Create or correct the record in Odoo, then replay."),
            ),
            "key_ambiguous": (
                _(
                    "%(count)s records of %(entity)s have “%(value)s” as their %(key)s.",
                    count=p["count"],
                    entity=p["entity"],
                    value=p["value"],
                    key=p["key"],
                ),
                _("Merge or correct them in Odoo, then replay."),
            ),
        }
