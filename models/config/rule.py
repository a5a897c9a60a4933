from decimal import Decimal

from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ...core.facts import fill, placeholders
from ...core.rule import UNMAPPED, Check, Rule
from .gate import HubGate

SPECIAL = frozenset(["value", "other", "least", "most", "sum", "count"])


class HubRule(models.Model):
    """What a record has to be like before it moves; the sentence for who stands before one that is not."""

    _name = "hub.rule"
    _description = "Rule"
    _inherit = ["hub.gate", "mail.thread"]
    _hub_portable = (
        *HubGate._gate_portable, "effect", "test", "field_id", "least", "most", "term_ids", "words", "operator",
        "other_id", "formula", "tolerance", "model_id", "match_field", "model_domain", "own_field", "most_others",
        "needed", "sentence", "note",
    )  # fmt: skip

    effect = fields.Selection(
        [
            ("block", "Block: it needs a person until it is right"),
            ("hold", "Hold: it waits until somebody lets it through"),
            ("warn", "Warn: it goes on, and the warning stays with it"),
        ],
        default="block",
        required=True,
        tracking=True,
    )
    test = fields.Selection(
        [
            ("present", "Has a value"),
            ("range", "Lies between"),
            ("words", "Is one of"),
            ("compare", "Compares with another field"),
            ("sum", "Compares with the sum of its lines"),
            ("others", "No other record has the same"),
            ("points", "Leads to a record that is complete"),
            ("expression", "Expression is true"),
        ],
        default="present",
        required=True,
    )
    field_id = fields.Many2one(
        "hub.entity.field",
        ondelete="cascade",
        help="A field of the entity, or of each of its lines.",
    )
    field_kind = fields.Char(related="field_id.kind", string="Type")
    part_ids = fields.Many2many("hub.entity", compute="_compute_part_ids")
    least = fields.Char(
        string="At Least", help="A number; for days also today, today+30, today-365."
    )
    most = fields.Char(string="At Most", help="A number; for days also today, today+30, today-365.")
    term_ids = fields.Many2many(
        "hub.vocabulary.term",
        relation="hub_rule_term_rel",
        string="Terms",
        ondelete="restrict",
        help="Empty: every term of the field's vocabulary.",
    )
    words = fields.Text(help="One a line.")
    operator = fields.Selection(
        [
            ("=", "is equal to"),
            ("!=", "is not equal to"),
            ("<", "is less than"),
            ("<=", "is at most"),
            (">", "is more than"),
            (">=", "is at least"),
        ],
        default="=",
    )
    other_id = fields.Many2one("hub.entity.field", string="Other Field", ondelete="cascade")
    formula = fields.Char(
        string="Expression",
        help='True for a record that is right: record["amount"] <= 50000. For a sum, the worth of one line: '
        'value["quantity"] * value["unit_price"].',
    )
    tolerance = fields.Float(digits=(16, 4), help="How far the sum may be off.")
    model_id = fields.Many2one(
        "ir.model",
        string="Look Among",
        ondelete="cascade",
        help="Records of Odoo that are counted.",
    )
    model_name = fields.Char(related="model_id.model", string="Model Looked Among")
    match_field = fields.Char(
        string="Same In", help="The field of those records that holds the same, as partner_id."
    )
    model_domain = fields.Char(string="Counted Are", default="[]")
    own_field = fields.Char(
        string="Own Ones By",
        help="A field of those records that leads to this record itself, as lead_id: its own do not count.",
    )
    most_others = fields.Integer(string="Others Allowed")
    needed = fields.Char(
        string="Complete Means",
        help="Odoo fields of the record that have a value, as taxes_id, uom_id; with | one of several is enough.",
    )
    sentence = fields.Char(
        required=True,
        translate=True,
        help="What a person reads. {fields} stand for the record's values; {value}, {other}, {least}, {most}, "
        "{sum} and {count} for what was compared.",
    )
    note = fields.Text(translate=True, string="Why", help="For whoever wonders later.")
    unmapped_ids = fields.Many2many(
        "hub.mapping",
        compute="_compute_unmapped_ids",
        string="Mappings Without It",
        help="No line of these says what the rule is about: it lets nothing of these systems through.",
    )

    @api.depends("entity_id")
    def _compute_part_ids(self):
        for rule in self:
            codes = [
                kind.partition(":")[2]
                for kind in rule.entity_id.field_ids.mapped("kind")
                if kind.startswith("lines:")
            ]
            rule.part_ids = rule.entity_id | rule.env["hub.entity"].search([("code", "in", codes)])

    @api.depends("direction", "entity_id", "field_id", "other_id", "system_id", "company_id")
    def _compute_unmapped_ids(self):
        for rule in self:
            asked = (rule.field_id | rule.other_id)._origin
            domain = [
                ("direction", "=", "in"),
                ("entity_id", "in", asked.entity_id.ids),
                ("system_id", "!=", False),
            ]
            if rule.system_id:
                domain.append(("system_id", "=", rule.system_id._origin.id))
            if rule.company_id:
                domain.append(("system_id.company_ids", "in", rule.company_id._origin.ids))
            mappings = self.env["hub.mapping"]
            if rule.direction == "in":
                mappings = mappings.search(domain)
            rule.unmapped_ids = mappings.filtered(
                lambda mapping, asked=asked: (
                    asked.filtered(lambda field: field.entity_id == mapping.entity_id)
                    - mapping.line_ids.field_id
                )
            )

    def action_view_unmapped(self):
        """The mappings that lack a line for what this rule is about."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Without a Line for This Rule"),
            "res_model": "hub.mapping",
            "views": [[False, "list"], [False, "form"]],
            "domain": [("id", "in", self.unmapped_ids.ids)],
        }

    # -- what can work -----------------------------------------------------------------------------

    @api.constrains(
        *("entity_id", "direction", "test", "effect", "field_id", "least", "most", "term_ids"),
        *("words", "operator", "other_id", "formula", "tolerance", "when", "sentence"),
        *("model_id", "match_field", "model_domain", "own_field", "most_others", "needed"),
        *("approver_ids", "approver_group_id"),
    )
    def _check_rule(self):
        """What could not work for any record is refused when it is saved."""
        for rule in self:
            rule._check_fields()
            if rule.effect == "hold":
                rule._require_approvers()
            if rule.test == "others":
                rule._check_others()
            if rule.test == "points":
                rule._check_points()
            rule._compiled(Check, rule._plain())
            unknown = (
                placeholders(rule.sentence) - set(rule.entity_id.field_ids.mapped("name")) - SPECIAL
            )
            if unknown:
                raise ValidationError(
                    self.env._(
                        "%(rule)s: the sentence names %(names)s, which is no field of %(entity)s.",
                        rule=rule.name,
                        names=", ".join(sorted(unknown)),
                        entity=rule.entity_id.name,
                    )
                )

    def _check_fields(self):
        if self.field_id and self.field_id.entity_id not in self.part_ids:
            raise ValidationError(
                self.env._(
                    "%(field)s is no field of %(entity)s.",
                    field=self.field_id.label,
                    entity=self.entity_id.name,
                )
            )
        if self.other_id and self.other_id.entity_id != self.entity_id:
            raise ValidationError(
                self.env._(
                    "%(field)s is no field of %(entity)s.",
                    field=self.other_id.label,
                    entity=self.entity_id.name,
                )
            )
        kind, _sep, code = (self.field_id.kind or "").partition(":")
        if self.test == "words" and any(
            kind != "term" or term.vocabulary_id.code != code for term in self.term_ids
        ):
            raise ValidationError(
                self.env._("%s: these terms are of another vocabulary.", self.name)
            )

    # -- as plain data -----------------------------------------------------------------------------

    def _plain(self):
        """This rule for ``core.rule``."""
        self.ensure_one()
        rule = self.with_context(lang=None)
        field = rule.field_id
        part = ""
        if field and field.entity_id != rule.entity_id:
            part = next(
                (
                    f.name
                    for f in rule.entity_id.field_ids
                    if f.kind == f"lines:{field.entity_id.code}"
                ),
                "",
            )
        # Every language may name other fields in its sentence.
        texts = (
            [*rule._fields["sentence"]._get_stored_translations(rule).values()] if rule.id else []
        )
        return Rule(
            id=rule.id or 0,
            test=rule.test,
            effect=rule.effect,
            field=field.name or "",
            kind=field.kind or "text",
            part=part,
            least=rule.least or "",
            most=rule.most or "",
            words=rule._allowed(),
            operator=rule.operator or "=",
            other=rule.other_id.name or "",
            other_kind=rule.other_id.kind or "",
            formula=rule.formula or "",
            tolerance=Decimal(str(round(rule.tolerance, 4))),
            when=rule.when or "",
            mapped=rule.direction == "in",
            most_others=rule.most_others,
            sentence=" ".join([rule.sentence or "", *map(str, texts)]),
            process=rule.process_id.id or None,
            company=rule.company_id.id or None,
            system=rule.system_id.id or None,
        )

    def _allowed(self):
        """What a field may be, for the test ``words``."""
        kind, _sep, code = (self.field_id.kind or "").partition(":")
        if kind == "term":
            terms = self.term_ids or self.env["hub.vocabulary.term"].search(
                [("vocabulary_id.code", "=", code)]
            )
            return frozenset(terms.mapped("code"))
        return frozenset(filter(None, map(str.strip, (self.words or "").splitlines())))

    # -- what a person reads -----------------------------------------------------------------------

    def _read_sentence(self, facts, failed=""):
        """The sentence of a record that is not as the rule wants it, in the reader's language."""
        if failed == UNMAPPED:
            fields_ = self.part_ids.field_ids
            field = fields_.filtered(lambda one: one.name == facts.get("field"))[:1]
            return self.env._(
                "The rule “%(rule)s” cannot be judged: nothing says “%(field)s” of this record. Add a line for it "
                "to the system's mapping “%(entity)s” (Configuration > Mappings), with the path of what holds it in "
                "the product, or as a column to the file; then replay. Or name in the rule the system that it is for.",
                rule=self.name,
                field=field.label or facts.get("field"),
                entity=field.entity_id.name or self.entity_id.name,
            )
        if failed:
            return self.env._(
                "The rule “%(rule)s” cannot be judged for this record (%(why)s).",
                rule=self.name,
                why=failed,
            )
        return fill(self.sentence, facts)

    @api.onchange("test", "field_id")
    def _onchange_test(self):
        if self.test != "words":
            self.term_ids = False
        if self.test == "sum" and not self.formula:
            self.formula = 'value["quantity"] * value["unit_price"]'
