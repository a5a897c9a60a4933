from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError

from ...core.ownership import RULES, Book, Claim, clashes

LABELS = {
    "system": "The system, always",
    "system_unless_blank": "The system, unless it is blank there",
    "odoo": "Odoo",
    "newest": "Whoever changed it last",
    "first": "Whoever filled it first",
    "hold": "Both; a person decides when both changed",
    "none": "Not exchanged",
}


class HubOwnership(models.Model):
    """Who owns a canonical field, and by which rule; for all companies, or for one where it differs."""

    _name = "hub.ownership"
    _description = "Ownership"
    _inherit = ["hub.governed"]
    _order = "entity_id, field_id, company_id"
    _rec_name = "field_id"
    _hub_key = ("field_id", "company_id")
    _hub_portable = ("rule", "owner_id")

    field_id = fields.Many2one("hub.entity.field", required=True, ondelete="cascade", index=True)
    entity_id = fields.Many2one(related="field_id.entity_id", store=True, index=True)
    company_id = fields.Many2one(
        "res.company",
        ondelete="cascade",
        help="Empty: all companies that have no rule of their own.",
    )
    rule = fields.Selection([(name, LABELS[name]) for name in RULES], required=True)
    owner_id = fields.Many2one(
        "hub.system",
        ondelete="restrict",
        help="The only system that is listened to. Empty: every system that maps the field.",
    )

    _field_unique = models.UniqueIndex(
        "(field_id, COALESCE(company_id, 0))", "This field has a rule for this company already."
    )

    def _hub_systems(self):
        systems = self.field_id._hub_mapping_systems()
        companies = self.company_id
        if companies and all(self.mapped("company_id")):
            systems = systems.filtered(lambda system: system.company_ids & companies)
        return systems | self.owner_id

    def _hub_named(self):
        company = f" ({self.company_id.name})" if self.company_id else ""
        return f"{self.entity_id.name} › {self.field_id.label}{company}"

    @api.constrains("company_id", "field_id")
    def _check_company(self):
        for row in self:
            if row.company_id and row.entity_id.company_mode == "shared":
                raise ValidationError(
                    self.env._(
                        "%(entity)s records are shared by all companies, so %(field)s has one rule "
                        "for all of them.",
                        entity=row.entity_id.name,
                        field=row.field_id.label,
                    )
                )

    @api.constrains("rule", "owner_id", "field_id", "company_id")
    def _check_owner(self):
        for row in self:
            owner, field = row.owner_id, row.field_id
            if not owner:
                continue
            if row.rule in ("odoo", "none"):
                raise ValidationError(
                    self.env._(
                        "%(field)s: under this rule no system owns it. Leave the owner empty.",
                        field=field.label,
                    )
                )
            if row.company_id and row.company_id not in owner.company_ids:
                raise ValidationError(
                    self.env._(
                        "%(system)s does not serve %(company)s.",
                        system=owner.name,
                        company=row.company_id.name,
                    )
                )
            mapped = owner.mapping_ids.filtered(lambda m: m.direction == "in").line_ids.field_id
            if field not in mapped:
                raise ValidationError(
                    self.env._(
                        "%(system)s cannot own %(field)s: no inbound mapping of it brings the field.",
                        system=owner.name,
                        field=field.label,
                    )
                )

    @api.constrains("rule", "field_id")
    def _check_required(self):
        for row in self:
            if row.rule == "none" and row.field_id.required and row.field_id.direction != "out":
                raise ValidationError(
                    self.env._(
                        "%(field)s is required: a record cannot be made without it.",
                        field=row.field_id.label,
                    )
                )

    @api.constrains("rule", "owner_id", "field_id", "company_id")
    def _check_clashes(self):
        self._refuse_clashes(self.entity_id)

    @api.model
    def _refuse_clashes(self, entities):
        """Raise if an Odoo field has two owners, or if an owner is written back what it owns."""
        # Looked at with sudo: another company's rule or grant clashes all the same.
        grants = self.env["hub.grant"].sudo()._systems_by_field(entities)
        for entity in entities:
            rows = self.sudo().search([("entity_id", "=", entity.id)])
            book = self._compile(entity, rows)
            for company in {False, *rows.company_id.ids}:
                claims = [
                    Claim(
                        field.name,
                        field.odoo_field or "",
                        book.of(field.name, company),
                        grants.get(field.id, frozenset()),
                    )
                    for field in entity.field_ids
                ]
                for clash in clashes(claims):
                    self._refuse_clash(entity, clash)

    @api.model
    def _refuse_clash(self, entity, clash):
        labels = ", ".join(
            entity.field_ids.filtered(lambda f: f.name in clash.fields).mapped("label")
        )
        system = self.env["hub.system"].sudo().browse(clash.system).name  # a name, in a refusal
        if clash.code == "two_owners":
            raise ValidationError(
                self.env._(
                    "%(fields)s become the same field in Odoo, which can have one owner only.",
                    fields=labels,
                )
            )
        raise ValidationError(
            self.env._(
                "%(system)s owns %(fields)s and would be written back its own value, in a circle. "
                "Revoke the write-back, or choose another rule.",
                system=system,
                fields=labels,
            )
        )

    # -- changes -----------------------------------------------------------------------------------

    @api.model_create_multi
    def create(self, vals_list):
        rows = super().create(vals_list)
        rows._note("own")
        rows.field_id._take_back_closed()
        return rows

    def write(self, vals):
        result = super().write(vals)
        self._note("own")
        self.field_id._take_back_closed()
        return result

    def unlink(self):
        self._note("disown")
        fields_ = self.field_id
        result = super().unlink()
        fields_._take_back_closed()
        return result

    def _note(self, action):
        if self.env.context.get("install_mode"):
            return  # the shipped proposal is nobody's decision
        self.env["hub.audit"]._append(
            [
                {
                    "action": action,
                    "system_id": row.owner_id.id or None,
                    "company_id": row.company_id.id or None,
                    "res_model": "hub.entity.field",
                    "res_id": row.field_id.id,
                    "values": {
                        "field": row.field_id.name,
                        "rule": row.rule,
                        "owner": row.owner_id.name,
                    },
                }
                for row in self
            ]
        )

    @api.model
    def set_rule(self, field_id, rule, owner_id=False, company_id=False):
        """Set the rule of one field; an empty rule takes the row away (the default holds again).

        The call of the matrix screen; the caller's own rights hold.

        :return: True; or the action of the Change that proposes it.
        """
        self.check_access("write")
        change = self.env["hub.change"]._carry_out(
            lambda env: self.with_env(env)._set_rule(field_id, rule, owner_id, company_id)
        )
        return change._open() if change else True

    @api.model
    def _set_rule(self, field_id, rule, owner_id, company_id):
        field = self.env["hub.entity.field"].browse(field_id)
        row = self.search([("field_id", "=", field.id), ("company_id", "=", company_id or False)])
        if not rule:
            row.unlink()
        elif rule not in RULES:
            raise UserError(self.env._("%(rule)s is no rule of ownership.", rule=rule))
        else:
            values = {"rule": rule, "owner_id": owner_id or False}
            if row:
                row.write(values)
            else:
                row.create({"field_id": field.id, "company_id": company_id or False, **values})

    # -- what the engine reads ---------------------------------------------------------------------

    @api.model
    def _compile(self, entity, rows):
        return Book(
            {field.name: field.direction for field in entity.field_ids},
            [(row.field_id.name, row.company_id.id, row.rule, row.owner_id.id) for row in rows],
        )

    @api.model
    def _book(self, entity):
        """The rules of an entity, compiled: one query for the rows, one for the fields."""
        # Read with sudo: the technical user works in the record's company only, and the rule of
        # each company is asked for by name.
        return self._compile(entity, self.sudo().search([("entity_id", "=", entity.id)]))


class HubEntityField(models.Model):
    _inherit = "hub.entity.field"

    ownership_ids = fields.One2many("hub.ownership", "field_id")

    def _take_back_closed(self):
        """What waits to be sent with these fields gives way to today's values, where a rule of any
        company does not let them go to the system."""
        # With sudo: a rule holds for all who were granted the field.
        grants = self.env["hub.grant"].sudo().search([("field_id", "in", self.ids)])
        books = {entity: self.env["hub.ownership"]._book(entity) for entity in grants.entity_id}
        grants.filtered(
            lambda grant: (
                not all(
                    books[grant.entity_id]
                    .of(grant.field_id.name, company)
                    .sends_to(grant.system_id.id)
                    for company in (False, *grant.system_id.company_ids.ids)
                )
            )
        )._take_back()

    def write(self, vals):
        result = super().write(vals)
        if {"odoo_field", "direction"} & set(vals):
            self.env.registry.clear_cache()
            self.env["hub.ownership"]._refuse_clashes(self.entity_id)
        return result
