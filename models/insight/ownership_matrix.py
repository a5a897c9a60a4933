"""The matrix: the fields of an entity beside the systems that exchange it, and who owns what."""

from odoo import api, models
from odoo.exceptions import AccessError

from ...core.ownership import RULES


class HubOwnership(models.Model):
    _inherit = "hub.ownership"

    @api.model
    def get_matrix(self, entity_id=False, company_id=False):
        """Everything the matrix screen shows of one entity.

        :return: dict with entities, companies, systems, rules and rows; under the reader's own rights.
        """
        if not self.env.user.has_group("lead_to_cash_hub.group_hub_viewer"):
            raise AccessError(self.env._("Ask a user with a role of the Lead-to-Cash Hub."))
        entities = self.env["hub.entity"].search([("model_id", "!=", False)])
        mapped = self._mapped()
        entities = entities.filtered(lambda e: any(key[0] == e.id for key in mapped))
        entity = entities.filtered(lambda e: e.id == entity_id) or entities[:1]
        company = self.env.companies.filtered(lambda c: c.id == company_id)
        if entity.company_mode == "shared":
            company = company.browse()
        ids = {
            system for (e, _field), ways in mapped.items() if e == entity.id for system, _d in ways
        }
        systems = self.env["hub.system"].search([("id", "in", list(ids))])
        names = dict(self._fields["rule"]._description_selection(self.env))
        return {
            "can_edit": self.has_access("write"),
            "entities": [{"id": e.id, "name": e.name} for e in entities],
            "entity": {"id": entity.id, "shared": entity.company_mode == "shared"},
            "companies": [{"id": c.id, "name": c.name} for c in self.env.companies],
            "company": company.id,
            "systems": [{"id": system.id, "name": system.name} for system in systems],
            "rules": [
                {"name": name, "label": names[name], "help": self._rule_help()[name]}
                for name in RULES
            ],
            "rows": self._matrix_rows(entity, company, systems, mapped),
            "proposals": self.env["hub.ownership.proposal"].search_count(
                [("state", "=", "proposed"), ("field_id.entity_id", "=", entity.id)]
            ),
        }

    @api.model
    def _rule_help(self):
        """What each rule means, in one line."""
        _ = self.env._
        return {
            "system": _("What it says is written, also when it is emptied there."),
            "system_unless_blank": _("What it says is written; a blank there empties nothing."),
            "odoo": _("What comes in is left out."),
            "newest": _("The later change is written; without times a person is asked."),
            "first": _("Whoever filled it goes on to own it."),
            "hold": _("One change is written. Two changes, or an emptied field, are a question."),
            "none": _("Neither read nor sent."),
        }

    @api.model
    def _mapped(self):
        """Which systems map which fields: ``{(entity id, field id): {(system id, direction)}}``."""
        result = {}
        lines = self.env["hub.mapping.line"].search([("mapping_id.system_id", "!=", False)])
        for line in lines:
            mapping = line.mapping_id
            key = mapping.entity_id.id, line.field_id.id
            ways = ("in", "out") if line.both_ways else (mapping.direction,)
            result.setdefault(key, set()).update((mapping.system_id.id, way) for way in ways)
        return result

    @api.model
    def _matrix_rows(self, entity, company, systems, mapped):
        book = self._book(entity)
        own = self.search([("entity_id", "=", entity.id), ("company_id", "=", company.id)])
        set_here = own.field_id.ids
        grants = {
            (grant.system_id.id, grant.field_id.id): grant
            for grant in self.env["hub.grant"]
            .with_context(active_test=False)
            .search([("entity_id", "=", entity.id), ("revoked_at", "=", False)])
        }
        classes = dict(entity.field_ids._fields["data_class"]._description_selection(self.env))
        rows = []
        for field in entity.field_ids:
            rule = book.of(field.name, company.id)
            ways = mapped.get((entity.id, field.id), set())
            rows.append(
                {
                    "id": field.id,
                    "label": field.label,
                    "name": field.name,
                    "data_class": classes[field.data_class],
                    "odoo_field": field.odoo_field or "",
                    "required": field.required,
                    "rule": rule.name,
                    "owner": rule.owner,
                    "set": rule.set,
                    "set_here": field.id in set_here,
                    "cells": [
                        self._matrix_cell(field, system, rule, ways, grants) for system in systems
                    ],
                }
            )
        return rows

    @api.model
    def _matrix_cell(self, field, system, rule, ways, grants):
        comes, goes = (system.id, "in") in ways, (system.id, "out") in ways
        grant = grants.get((system.id, field.id))
        return {
            "system": system.id,
            "comes": comes,
            "goes": goes and field.direction != "in",
            "listened": comes and rule.listens_to(system.id),
            "owner": comes
            and rule.name in ("system", "system_unless_blank")
            and rule.listens_to(system.id),
            "sends": goes and rule.sends_to(system.id),
            "granted": bool(grant and grant.active),
            "waiting": bool(grant and grant.waiting),
            "grant_text": self._grant_text(grant) if grant else "",
        }

    @api.model
    def _grant_text(self, grant):
        if grant.waiting:
            return self.env._(
                "Asked for by %s; another person confirms it on the system's page",
                grant.asked_by_id.name,
            )
        return self.env._(
            "Granted by %(name)s on %(day)s",
            name=grant.approver_id.name,
            day=grant.approved_at.date(),
        )
