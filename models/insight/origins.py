"""Where each field of a record comes from: owner, rule, source, message, time and person."""

from collections import defaultdict

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError

from ...core.merge import blank, same
from ...core.ownership import OWNED_BY_SYSTEM
from ..flow.apply_merge import _comparable

VIEWER = "lead_to_cash_hub.group_hub_viewer"


class HubOrigins(models.AbstractModel):
    """Reads provenance for a screen; nothing is stored here. Under the reader's own rights: who may
    not read a record or a field of it sees nothing of it."""

    _name = "hub.origins"
    _description = "Where Fields Come From"

    @api.model
    def get_origins(self, model, res_id):
        """The fields of a record, and of the records of its journey, with where each comes from.

        :return: dict with ``name`` and ``sections``: one for each record that is exchanged.
        :raise AccessError: the reader has no role of the hub, or may not read the record.
        """
        if not self.env.user.has_group(VIEWER):
            raise AccessError(self.env._("Ask a user with a role of the Lead-to-Cash Hub."))
        if model not in self.env or not hasattr(self.env[model], "_hub_journey"):
            raise UserError(self.env._("The hub does not exchange such records."))
        record = self.env[model].browse(res_id).exists()
        if not record:
            raise UserError(self.env._("The record does not exist any more."))
        record.check_access("read")
        journey = record._hub_journey()[record.id] - {(model, record.id)}
        sections = self._sections(model, record.ids)
        by_model = defaultdict(list)
        for name, other in sorted(journey):
            by_model[name].append(other)
        for name, ids in by_model.items():
            sections += self._sections(name, ids)
        return {
            "name": record.display_name,
            "sections": sections,
            "can_release": self.env.user.has_group("lead_to_cash_hub.group_hub_resolver"),
        }

    @api.model
    def _links(self, model, ids):
        """Links of records with the values both agreed on: ``{id: hub.link}``, as superuser.

        The agreed values are those of the record, so whoever reads the record may see them; the
        links themselves are looked for under the reader's own rules.
        """
        links = self.env["hub.link"].search([("res_model", "=", model), ("res_id", "in", ids)])
        result = defaultdict(lambda: self.env["hub.link"].sudo())
        for link in links.sudo():
            result[link.res_id] |= link
        return result

    @api.model
    def _sections(self, model, ids):
        if model not in self.env:
            return []
        records = self.env[model].browse(ids).exists()._filtered_access("read")
        links = self._links(model, records.ids)
        stamps = self.env["hub.record"]._stamps(self.env.cr, model, records.ids)
        edits = self.env["hub.edit"]._of(model, records.ids)
        return [
            {
                "model": model,
                "id": record.id,
                "name": record.display_name,
                "entity": entity.name,
                "rows": rows,
            }
            for record in records
            for entity in links[record.id].entity_id
            if (
                rows := self._rows(
                    record,
                    links[record.id].filtered(lambda link, entity=entity: link.entity_id == entity),
                    entity,
                    stamps.get(record.id) or {},
                    edits,
                )
            )
        ]

    @api.model
    def _rows(self, record, links, entity, stamps, edits):
        """One row for each field that is exchanged or has a history."""
        handler = self.env[entity.handler] if entity.handler else self.env["hub.handler"]
        bound = handler._hub_readable(entity)
        today = handler._hub_current(record, bound).get(record.id, {})
        book = self.env["hub.ownership"]._book(entity)
        company = record.company_id.id if "company_id" in record else False
        names = dict(self.env["hub.ownership"]._fields["rule"]._description_selection(self.env))
        known = set(stamps).union(*(link.base or {} for link in links))
        hidden = set(handler._hub_compared(entity)) - set(bound)  # fields the reader may not see
        rows = []
        for field in entity.field_ids.filtered(lambda f: f.name in known - hidden):
            stamp = stamps.get(field.name) or {}
            rule = book.of(field.name, company)
            state, link = self._state_of(field.name, rule, links, today)
            at, person = edits.get((record.id, bound.get(field.name, (None,))[0]), (None, None))
            rows.append(
                {
                    "name": field.name,
                    "label": field.label,
                    "value": handler._hub_odoo_text(
                        record, field, _comparable(today.get(field.name))
                    )
                    if field.name in bound
                    else None,
                    "rule": names[rule.name],
                    "owner": self._owner(field.name, rule, links),
                    "state": state,
                    "link": link.id if link else False,
                    "agreed": handler._hub_base_text(link.system_id, link.base or {}, field)
                    if state
                    else "",
                    "edited_at": fields.Datetime.to_string(at) if at and state else False,
                    "edited_by": self._name_of(person) if state else "",
                    **self._source(stamp),
                }
            )
        return rows

    @api.model
    def _state_of(self, name, rule, links, today):
        """What is open about a field: ``disputed``, ``edited`` over an owner's value, ``owed`` to a
        system; with the link that says so."""
        for link in links:
            unsettled = link.unsettled or {}
            if name in (unsettled.get("disputed") or {}):
                return "disputed", link
        for link in links:
            held = (link.held or {}).get(name)
            owned = rule.name in OWNED_BY_SYSTEM and rule.listens_to(link.system_id.id)
            owned = owned and name in (link.base or {})
            both = name in today and name in (link.held or {})
            if owned and both and not same(_comparable(today[name]), held):
                return "edited", link
        for link in links:
            if name in ((link.unsettled or {}).get("owed") or ()):
                return "owed", link
        return "", None

    @api.model
    def _owner(self, name, rule, links):
        if rule.name == "odoo":
            return self.env._("Odoo")
        if rule.name not in OWNED_BY_SYSTEM:
            return ""
        brought = links.filtered(lambda link: name in (link.base or {}))
        systems = brought.system_id.filtered(lambda system: rule.listens_to(system.id))
        return ", ".join(systems.mapped("name"))

    @api.model
    def _source(self, stamp):
        """Who said the value that was last agreed."""
        message = self.env["hub.message"].search([("id", "=", stamp.get("message") or 0)])
        system = self.env["hub.system"].search([("id", "=", stamp.get("system") or 0)])
        reasons = self.env["hub.sentence"]._merge_reasons()
        return {
            "source": system.name
            or (self.env._("Odoo") if stamp and not stamp.get("system") else ""),
            "message": message.id or False,
            "at": stamp.get("at") or False,
            "why": reasons.get(stamp.get("why"), ""),
            "by": self._name_of(stamp.get("by") or stamp.get("user")),
        }

    @api.model
    def _name_of(self, user_id):
        # A colleague's name, whichever company; nothing else of the user is read.
        return self.env["res.users"].sudo().browse(user_id or ()).name or ""

    @api.model
    def release(self, link_id, name):
        """Give a field back to its owner: the last message of the record is applied again, and the
        owner's value takes the place of what was typed.

        :raise UserError: nothing of the source is stored that could be applied.
        """
        self.env["hub.message"]._require_resolver()
        link = self.env["hub.link"].search([("id", "=", link_id)])
        if not link:
            raise UserError(self.env._("The link does not exist any more."))
        self.env[link.res_model].browse(link.res_id).check_access("write")
        field = link.entity_id.field_ids.filtered(lambda f: f.name == name)
        message = self._last_message(link)
        if not field or not message:
            raise UserError(
                self.env._(
                    "Nothing of %(system)s is stored that it could be taken from.",
                    system=link.system_id.name,
                )
            )
        released = set((message.decision or {}).get("release") or ()) | {name}
        message._decide({"release": sorted(released)})
        self.env["hub.audit"]._append(
            [
                {
                    "action": "release",
                    "system_id": link.system_id.id,
                    "message_id": message.id,
                    "res_model": link.res_model,
                    "res_id": link.res_id,
                    "values": {"field": name},
                }
            ]
        )
        message._replay(self.env._("%(field)s was given back to its owner", field=field.label))
        return True

    @api.model
    def _last_message(self, link):
        """What the source said last of a record: by its version, and where one has none by arrival."""
        domain = [
            ("system_id", "=", link.system_id.id),
            ("entity_id", "=", link.entity_id.id),
            ("external_id", "=", link.external_id),
            ("direction", "=", "in"),
            ("kind", "!=", "event"),
        ]
        messages = self.env["hub.message"]
        known = [*domain, ("version", "!=", False)]
        newest = messages.search(known, order="version desc, id desc", limit=1)
        unknown = [*domain, ("version", "=", False), ("id", ">", newest.id or 0)]
        return messages.search(unknown, order="id desc", limit=1) or newest


class HubJourneyMixin(models.AbstractModel):
    _inherit = "hub.journey.mixin"

    hub_owned_note = fields.Char(
        compute="_compute_hub_owned_note", groups=VIEWER, string="Owned Elsewhere"
    )

    @api.depends_context("uid", "lang", "allowed_company_ids")
    def _compute_hub_owned_note(self):
        """Which fields of the record another system owns, and which somebody typed over."""
        links = self.env["hub.origins"]._links(self._name, self.ids)
        entities = self.env["hub.entity"].union(*(found.entity_id for found in links.values()))
        books = {entity: self.env["hub.ownership"]._book(entity) for entity in entities}
        for record in self:
            record.hub_owned_note = self._hub_note(record, links.get(record.id), books)

    @api.model
    def _hub_note(self, record, links, books):
        company = record.company_id.id if "company_id" in record else False
        parts = []
        for link in links or ():
            owned = [
                field.label
                for field in link.entity_id.field_ids
                if field.odoo_field in self._fields
                and not blank((link.base or {}).get(field.name))
                and (rule := books[link.entity_id].of(field.name, company)).name in OWNED_BY_SYSTEM
                and rule.listens_to(link.system_id.id)
            ]
            if owned:
                parts.append(
                    self.env._(
                        "Owned by %(system)s: %(fields)s.",
                        system=link.system_id.name,
                        fields=", ".join(owned),
                    )
                )
        if not parts:
            return False
        return " ".join(
            [
                *parts,
                self.env._(
                    "Edit there, or take over: what you type here is kept until it is released."
                ),
            ]
        )

    def action_hub_origins(self):
        """Open where each field of this record comes from."""
        self.ensure_one()
        self.check_access("read")
        return {
            "type": "ir.actions.client",
            "tag": "lead_to_cash_hub.origins",
            "name": self.env._("Where Fields Come From"),
            "params": {"model": self._name, "id": self.id},
        }


class ProjectTask(models.Model):
    _name = "project.task"
    _inherit = ["project.task", "hub.journey.mixin"]


class AccountAnalyticLine(models.Model):
    _name = "account.analytic.line"
    _inherit = ["account.analytic.line", "hub.journey.mixin"]


class HrEmployee(models.Model):
    _name = "hr.employee"
    _inherit = ["hr.employee", "hub.journey.mixin"]
