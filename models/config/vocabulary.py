from odoo import api, fields, models
from odoo.exceptions import ValidationError

from .binding import DENIED_PREFIXES


class HubVocabulary(models.Model):
    _name = "hub.vocabulary"
    _description = "Vocabulary"
    _order = "name"

    name = fields.Char(required=True, translate=True)
    code = fields.Char(required=True)
    model_id = fields.Many2one(
        "ir.model",
        ondelete="cascade",
        help="Set when a term stands for an Odoo record, for example a service item.",
    )
    model_name = fields.Char(related="model_id.model", store=True, string="Odoo Model")
    term_ids = fields.One2many("hub.vocabulary.term", "vocabulary_id", string="Terms")
    description = fields.Char(translate=True)

    _code_unique = models.Constraint("UNIQUE(code)", "Each vocabulary has its own code.")

    @api.constrains("model_id")
    def _check_bound_model(self):
        for vocabulary in self:
            if (vocabulary.model_name or "").startswith(DENIED_PREFIXES):
                raise ValidationError(
                    self.env._(
                        "Terms may not stand for records of %(model)s: it governs access or the system itself.",
                        model=vocabulary.model_name,
                    )
                )


class HubVocabularyTerm(models.Model):
    _name = "hub.vocabulary.term"
    _description = "Canonical Term"
    _order = "vocabulary_id, sequence, code"

    vocabulary_id = fields.Many2one("hub.vocabulary", required=True, ondelete="cascade", index=True)
    sequence = fields.Integer(default=10)
    code = fields.Char(required=True)
    name = fields.Char(required=True, translate=True)
    model_name = fields.Char(related="vocabulary_id.model_name")
    res_id = fields.Many2oneReference(
        model_field="res_model", string="Odoo Record", help="The record this term stands for."
    )
    res_model = fields.Char(compute="_compute_res_model", store=True, precompute=True)
    word_ids = fields.One2many("hub.vocabulary.word", "term_id", string="Words")

    _code_unique = models.Constraint(
        "UNIQUE(vocabulary_id, code)", "Each term of a vocabulary has its own code."
    )

    @api.depends("vocabulary_id.model_name")
    def _compute_res_model(self):
        for term in self:
            term.res_model = term.vocabulary_id.model_name or False

    @api.depends("name", "code")
    def _compute_display_name(self):
        for term in self:
            term.display_name = (
                f"{term.name} [{term.code}]" if term.name != term.code else term.name
            )


class HubVocabularyWord(models.Model):
    _name = "hub.vocabulary.word"
    _description = "Word of a System"
    _order = "vocabulary_id, system_id, word"

    term_id = fields.Many2one("hub.vocabulary.term", required=True, ondelete="cascade", index=True)
    vocabulary_id = fields.Many2one(related="term_id.vocabulary_id", store=True, index=True)
    system_id = fields.Many2one("hub.system", ondelete="cascade", index=True)
    product = fields.Char(
        help="Preset of a product: used by each of its systems that has no own word."
    )
    word = fields.Char(required=True)
    # Sources change case and blanks freely; a word is one word all the same.
    word_key = fields.Char(compute="_compute_word_key", store=True, precompute=True, index=True)

    _word_unique = models.UniqueIndex(
        "(vocabulary_id, COALESCE(system_id, 0), COALESCE(product, ''), word_key)",
        "This word of the system already has a term.",
    )

    @api.model
    def _key(self, word):
        return " ".join(str(word).casefold().split())

    @api.depends("word")
    def _compute_word_key(self):
        for word in self:
            word.word_key = self._key(word.word or "")

    @api.constrains("system_id", "product")
    def _check_scope(self):
        for word in self:
            if bool(word.system_id) == bool(word.product):
                raise ValidationError(
                    self.env._("A word belongs to one system, or to a product as a preset.")
                )

    @api.model
    def _words_of(self, system):
        """Every word of a system with its term, in one query.

        :return: ``{(vocabulary code, word key): (term id, term code, res_model, res_id)}``; a word
            of the system itself wins over the product's preset, a term's own code is a word too.
        """
        self.env["hub.vocabulary.term"].flush_model()
        self.flush_model()
        self.env.cr.execute(
            """
            SELECT v.code, w.key, t.id, t.code, t.res_model, t.res_id
              FROM hub_vocabulary_term t
              JOIN hub_vocabulary v ON v.id = t.vocabulary_id
              JOIN LATERAL (
                    SELECT lower(t.code) AS key, 0 AS rank
                    UNION ALL
                    SELECT word_key, CASE WHEN system_id IS NULL THEN 1 ELSE 2 END
                      FROM hub_vocabulary_word
                     WHERE term_id = t.id AND (system_id = %s OR product = %s)
                   ) w ON TRUE
             ORDER BY w.rank
            """,
            [system.id, system.product],
        )
        return {(vocabulary, key): rest for vocabulary, key, *rest in self.env.cr.fetchall()}

    @api.model
    def _outward(self, system, vocabulary, ids):
        """What records that terms stand for are called in a system: ``{record id: word}``; its own word,
        else the product's, else the term's code."""
        terms = self.env["hub.vocabulary.term"].search_fetch(
            [("vocabulary_id.code", "=", vocabulary), ("res_id", "in", list(ids))],
            ["res_id", "code"],
        )
        words = self.search_fetch(
            [
                ("term_id", "in", terms.ids),
                "|",
                ("system_id", "=", system.id),
                ("product", "=", system.product),
            ],
            ["term_id", "word", "system_id"],
        ).sorted(lambda word: (bool(word.system_id), -word.id))
        by_term = {word.term_id.id: word.word for word in words}
        return {term.res_id: by_term.get(term.id, term.code) for term in terms}
