from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError

from .binding import DENIED_PREFIXES


class HubVocabulary(models.Model):
    _name = "hub.vocabulary"
    _description = "Vocabulary"
    _inherit = ["hub.governed"]
    _order = "name"
    _hub_key = ("code",)
    _hub_portable = ("name", "description")

    name = fields.Char(required=True, translate=True)
    code = fields.Char(required=True)
    model_id = fields.Many2one(
        "ir.model",
        ondelete="cascade",
        help="Set when a term stands for an Odoo record, for example a service item.",
    )
    model_name = fields.Char(related="model_id.model", store=True, string="Odoo Model")
    term_ids = fields.One2many("hub.vocabulary.term", "vocabulary_id", string="Terms")
    overlay_ids = fields.One2many(
        "hub.vocabulary.word",
        "vocabulary_id",
        domain=[("company_id", "!=", False)],
        string="Company Overlays",
        help="Words that mean something else in one company; all others keep the common meaning.",
    )
    description = fields.Char(translate=True)

    _code_unique = models.Constraint("UNIQUE(code)", "Each vocabulary has its own code.")

    def _hub_systems(self):
        words, entities = self.term_ids.word_ids, self._hub_entities()
        named = entities.field_ids | entities._as_lines()
        return named._hub_mapping_systems() | words._hub_systems()

    def _hub_entities(self):
        """Entities with fields that take their words from here."""
        kinds = [f"term:{vocabulary.code}" for vocabulary in self]
        return self.env["hub.entity.field"].search([("kind", "in", kinds)]).entity_id

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

    @api.ondelete(at_uninstall=False)
    def _unlink_except_in_use(self):
        """The terms go with their vocabulary by the database: ask for them here."""
        for vocabulary in self:
            used = vocabulary._hub_entities()
            if used:
                raise UserError(
                    self.env._(
                        "%(vocabulary)s is in use: records of %(entity)s take their words from it.",
                        vocabulary=vocabulary.name,
                        entity=used[0].name,
                    )
                )
        self.term_ids._unlink_except_in_use()


class HubVocabularyTerm(models.Model):
    _name = "hub.vocabulary.term"
    _description = "Canonical Term"
    _inherit = ["hub.governed"]
    _order = "vocabulary_id, sequence, code"
    _hub_key = ("vocabulary_id", "code")
    _hub_portable = ("name", "sequence")

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

    def _hub_systems(self):
        return self.vocabulary_id._hub_systems() | self.word_ids._hub_systems()

    def _hub_entities(self):
        return self.vocabulary_id._hub_entities()

    def _hub_named(self):
        return f"{self.vocabulary_id.name} › {self.display_name}"

    @api.ondelete(at_uninstall=False)
    def _unlink_except_in_use(self):
        """A term that means something to a system, to the hub's own rules or to records stays."""
        shipped = self.get_external_id()
        for term in self:
            words = term.sudo().word_ids.filtered(
                "system_id"
            )  # of other companies' systems as well
            if words:
                raise UserError(
                    self.env._(
                        "%(term)s is in use: %(count)s words stand for it, “%(word)s” for one. "
                        "Give them another term first.",
                        term=term.display_name,
                        count=len(words),
                        word=words[0].word,
                    )
                )
            if shipped.get(term.id, "").startswith("lead_to_cash_hub."):
                raise UserError(
                    self.env._(
                        "%(term)s is one of the terms that the hub's own rules know.",
                        term=term.display_name,
                    )
                )
            records = term._agreed_count()
            if records:
                raise UserError(
                    self.env._(
                        "%(term)s is in use: %(count)s linked records have it as their last agreed value.",
                        term=term.display_name,
                        count=records,
                    )
                )

    def _agreed_count(self):
        """How many links hold this term as the last agreed value of a field of its vocabulary."""
        self.ensure_one()
        # Which fields can hold it, whatever entities the user sees.
        bound = (
            self.env["hub.entity.field"]
            .sudo()
            .search([("kind", "=", f"term:{self.vocabulary_id.code}")])
        )
        if not bound:
            return 0
        self.env.cr.execute(
            """SELECT count(*) FROM hub_link l
                 JOIN unnest(%s::int[], %s::varchar[]) f(entity_id, name) ON f.entity_id = l.entity_id
                WHERE l.base->>f.name = %s""",
            [[f.entity_id.id for f in bound], [f.name for f in bound], self.code],
        )
        return self.env.cr.fetchone()[0]

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
    _inherit = ["hub.governed"]
    _order = "vocabulary_id, system_id, word"
    _hub_key = ("vocabulary_id", "system_id", "company_id", "word")
    _hub_portable = ("term_id",)

    term_id = fields.Many2one("hub.vocabulary.term", required=True, ondelete="cascade", index=True)
    vocabulary_id = fields.Many2one(related="term_id.vocabulary_id", store=True, index=True)
    system_id = fields.Many2one("hub.system", ondelete="cascade", index=True)
    product = fields.Char(
        help="Preset of a product: used by each of its systems that has no own word."
    )
    company_id = fields.Many2one(
        "res.company",
        index=True,
        help="Empty: for all companies. Else it wins for records of this company.",
    )
    word = fields.Char(required=True)
    # Sources change case and blanks freely; a word is one word all the same.
    word_key = fields.Char(compute="_compute_word_key", store=True, precompute=True, index=True)

    _word_unique = models.UniqueIndex(
        "(vocabulary_id, COALESCE(system_id, 0), COALESCE(product, ''), COALESCE(company_id, 0), word_key)",
        "This word of the system already has a term.",
    )

    def _hub_systems(self):
        products = [product for product in self.mapped("product") if product]
        if not products:
            return self.system_id
        return self.system_id | self.env["hub.system"].search([("product", "in", products)])

    def _hub_entities(self):
        return self.term_id.vocabulary_id._hub_entities()

    def _hub_named(self):
        place = self.system_id.name or self.product or ""
        return f"{self.term_id.vocabulary_id.name} › {place}: “{self.word}”"

    @api.model
    def _key(self, word):
        return " ".join(str(word).casefold().split())

    @api.depends("word")
    def _compute_word_key(self):
        for word in self:
            word.word_key = self._key(word.word or "")

    @api.constrains("company_id", "system_id")
    def _check_company(self):
        for word in self.filtered("company_id"):
            if not word.system_id or word.company_id not in word.system_id.company_ids:
                raise ValidationError(
                    self.env._("A company's own word belongs to a system that serves this company.")
                )

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

        :return: ``(words, overlays)``: ``{(vocabulary code, word key): term}`` and ``{(vocabulary
            code, word key, company id): term}``, a term as ``(term id, term code, res_model,
            res_id)``. A word of the system itself wins over the product's preset, a term's own code
            is a word too; what a company says itself wins for its records.
        """
        self.env["hub.vocabulary.term"].flush_model()
        self.flush_model()
        self.env.cr.execute(
            """
            SELECT v.code, w.key, w.company_id, t.id, t.code, t.res_model, t.res_id
              FROM hub_vocabulary_term t
              JOIN hub_vocabulary v ON v.id = t.vocabulary_id
              JOIN LATERAL (
                    SELECT lower(t.code) AS key, NULL::int AS company_id, 0 AS rank
                    UNION ALL
                    SELECT word_key, company_id, CASE WHEN system_id IS NULL THEN 1 ELSE 2 END
                      FROM hub_vocabulary_word
                     WHERE term_id = t.id AND (system_id = %s OR product = %s)
                   ) w ON TRUE
             ORDER BY w.rank
            """,
            [system.id, system.product],
        )
        words, overlays = {}, {}
        for vocabulary, key, company, *term in self.env.cr.fetchall():
            if company:
                overlays[vocabulary, key, company] = term
            else:
                words[vocabulary, key] = term
        return words, overlays

    @api.model
    def _outward(self, system, vocabulary, pairs):
        """What records that terms stand for are called in a system, as companies say it: a query a step.

        :param pairs: ``(record id, company id or False)``.
        :return: ``{(record id, company id or False): word}``; records without a term are left out.
        """
        wanted = {res_id for res_id, _company in pairs}
        terms = self.env["hub.vocabulary.term"].search_fetch(
            [("vocabulary_id.code", "=", vocabulary), ("res_id", "in", list(wanted))],
            ["res_id", "code"],
        )
        by_record = {term.res_id: term for term in terms}
        said = self._said(system, terms)
        return {
            (res_id, company): said(by_record[res_id], company)
            for res_id, company in pairs
            if res_id in by_record
        }

    @api.model
    def _said(self, system, terms):
        """How a system calls terms: a function of a term and a company (id or False). It gives the company's
        own word, else the common one of the system, else the product's, else the term's code; never what
        another company says."""
        words = self.search_fetch(
            [
                ("term_id", "in", terms.ids),
                "|",
                ("system_id", "=", system.id),
                ("product", "=", system.product),
            ],
            ["term_id", "word", "system_id", "company_id"],
        ).sorted(lambda word: (bool(word.system_id), -word.id))
        known = {(word.term_id.id, word.company_id.id): word.word for word in words}

        def said(term, company):
            own = company and known.get((term.id, company))
            return own or known.get((term.id, False)) or term.code

        return said
