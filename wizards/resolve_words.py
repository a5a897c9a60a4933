from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Command

from ..core.company_names import alike

LIKELY = 0.75


class HubResolve(models.TransientModel):
    """Several unknown words of one vocabulary, each with a term that looks like it."""

    _inherit = "hub.resolve"

    word_ids = fields.One2many("hub.resolve.word", "resolve_id", string="Unknown Words")
    has_words = fields.Boolean(compute="_compute_has_words")
    only_company = fields.Boolean(
        string="For This Company Only",
        help="Other companies keep their own meaning of these words.",
    )
    company_id = fields.Many2one(related="issue_id.company_id")

    @api.depends("word_ids")
    def _compute_has_words(self):
        for wizard in self:
            wizard.has_words = len(wizard.word_ids) > 1

    @api.model
    def default_get(self, fields_list):
        values = super().default_get(fields_list)
        issue = self.env["hub.issue"].browse(values.get("issue_id") or ())
        if issue.code != "unknown_term" or values.get("mode") != "map":
            return values
        terms = self.env["hub.vocabulary.term"].search(
            [("vocabulary_id.code", "=", (issue.params or {}).get("vocabulary_code"))]
        )
        words = issue._unknown_words()[issue.id]
        if len(words) > 1:
            values["word_ids"] = [
                Command.create(
                    {
                        "word": word,
                        "record_count": count,
                        "amount": amount,
                        "currency_id": issue.currency_id.id,
                        "term_id": self._suggested(word, terms).id,
                    }
                )
                for word, count, amount in words
            ]
        elif words:
            values["term_id"] = self._suggested(words[0][0], terms).id
        return values

    @api.model
    def _suggested(self, word, terms):
        """The term that resembles a word most, by its name, its code or another system's word."""
        best, score = terms.browse(), LIKELY
        for term in terms:
            known = [term.name, term.code, *term.word_ids.mapped("word")]
            found = max(alike(word, text) for text in known)
            if found > score:
                best, score = term, found
        return best

    def action_confirm(self):
        """Carry out the decision; words without a term stay open."""
        self.ensure_one()
        company = self.issue_id.company_id if self.only_company else None
        if self.mode == "map" and self.has_words:
            terms = {line.word: line.term_id for line in self.word_ids if line.term_id}
            if not terms:
                raise UserError(self.env._("Choose the term of at least one word."))
            return self._closed(self.issue_id._fix_words(terms, company))
        if self.mode == "map" and self.term_id and company:
            word = self.issue_id._unknown_words()[self.issue_id.id][0][0]
            return self._closed(self.issue_id._fix_words({word: self.term_id}, company))
        return super().action_confirm()


class HubResolveWord(models.TransientModel):
    _name = "hub.resolve.word"
    _description = "Unknown Word"

    resolve_id = fields.Many2one("hub.resolve", required=True, ondelete="cascade")
    vocabulary_id = fields.Many2one(related="resolve_id.vocabulary_id")
    word = fields.Char(readonly=True, required=True)
    record_count = fields.Integer(readonly=True, string="Records")
    amount = fields.Monetary(readonly=True, currency_field="currency_id", string="Money at Risk")
    currency_id = fields.Many2one("res.currency", readonly=True)
    term_id = fields.Many2one(
        "hub.vocabulary.term", domain="[('vocabulary_id', '=', vocabulary_id)]"
    )
