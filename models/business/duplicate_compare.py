from collections import Counter, defaultdict

from odoo import api, models

from ...core import identity

# What a person chooses by field; an address is one thing. None of them is a company's own (pricelists,
# accounts and terms stay those of the survivor, as Odoo's merge leaves them).
CHOICES = {
    "name": ("name",),
    "vat": ("vat",),
    "company_registry": ("company_registry",),
    "address": ("street", "street2", "zip", "city", "state_id", "country_id"),
    "phone": ("phone",),
    "email": ("email",),
    "website": ("website",),
    "ref": ("ref",),
    "lang": ("lang",),
    "user_id": ("user_id",),
}
ONE_STEP = 3  # partners that Odoo merges at once
MOST = 20


class HubDuplicateComparison(models.AbstractModel):
    """A group side by side, as its reader may see it."""

    _name = "hub.duplicate.comparison"
    _description = "Customers Side by Side"

    @api.model
    def _of(self, group):
        """Everything the widget shows: ``{partners, fields, survivor, can_merge, why_not, steps, other_vat}``."""
        partners = group._partners()[group][:MOST]
        partners.fetch([name for names in CHOICES.values() for name in names])
        figures = self._figures(partners)
        survivor = self._proposed(partners, figures)
        numbers = {identity.vat_key(p.vat, p.country_id.code) for p in partners} - {None}
        why_not = self._why_not(group, partners)
        return {
            "partners": [
                {
                    "id": partner.id,
                    "name": partner.display_name,
                    "since": str(partner.create_date.date()) if partner.create_date else "",
                    "facts": figures[partner.id]["texts"],
                    "links": figures[partner.id]["links"],
                }
                for partner in partners
            ],
            "fields": [self._row(name, partners, survivor) for name in CHOICES],
            "survivor": survivor.id,
            "can_merge": not why_not and group.state == "open",
            "why_not": why_not,
            "steps": max(1, -(-(len(partners) - 1) // (ONE_STEP - 1))),
            "other_vat": len(numbers) > 1,
        }

    @api.model
    def _row(self, name, partners, survivor):
        """One field: its text for each partner, and whose is proposed: the survivor's, else the first there is."""
        texts = {partner.id: self._text(partner, name) for partner in partners}
        kept = survivor.id if texts.get(survivor.id) else None
        kept = kept or next((key for key, text in texts.items() if text), survivor.id)
        label = (
            self.env._("Address")
            if name == "address"
            else self.env["res.partner"]._fields[name]._description_string(self.env)
        )
        return {
            "name": name,
            "label": label,
            "values": [{"id": key, "text": text} for key, text in texts.items()],
            "differs": len({text.casefold() for text in texts.values() if text}) > 1,
            "kept": kept,
        }

    @api.model
    def _text(self, partner, name):
        if name == "address":
            place = " ".join(filter(None, (partner.zip, partner.city)))
            parts = (partner.street, partner.street2, place, partner.state_id.name)
            return ", ".join(filter(None, (*parts, partner.country_id.name)))
        value = partner[name]
        if name == "lang":
            value = dict(partner._fields["lang"]._description_selection(self.env)).get(value, value)
        return (value.display_name if isinstance(value, models.BaseModel) else value) or ""

    @api.model
    def _figures(self, partners):
        """What hangs on each partner, one query a kind: texts, links, and how much it is."""
        found = {partner.id: {"texts": [], "links": [], "weight": 0} for partner in partners}
        kinds = (
            ("account.move", "commercial_partner_id", [("state", "=", "posted")], 1000),
            ("sale.order", "partner_id", [], 100),
            ("res.partner", "parent_id", [], 1),
        )
        names = {
            "account.move": self.env._("posted documents"),
            "sale.order": self.env._("orders"),
            "res.partner": self.env._("contacts"),
        }
        for model, field, domain, weight in kinds:
            if not self.env[model].has_access("read"):
                continue
            domain = [*domain, (field, "in", partners.ids)]
            for partner, count in self.env[model]._read_group(domain, [field], ["__count"]):
                found[partner.id]["texts"].append(f"{count} {names[model]}")
                found[partner.id]["weight"] += weight * count
        links = self.env["hub.link"].search(
            [("res_model", "=", "res.partner"), ("res_id", "in", partners.ids)], order="id"
        )
        ids = defaultdict(list)
        for link in links:
            ids[link.res_id].append(f"{link.system_id.name} {link.external_id}")
        for key, texts in ids.items():
            found[key]["links"] = texts
        return found

    @api.model
    def _proposed(self, partners, figures):
        """Whom most hangs on; of equals the oldest."""
        weight = Counter({partner.id: figures[partner.id]["weight"] for partner in partners})
        return partners.sorted(lambda p: (-weight[p.id], p.id))[:1]

    @api.model
    def _why_not(self, group, partners):
        """Why this reader cannot merge them, as a sentence."""
        if not self.env.user.has_group("lead_to_cash_hub.group_hub_resolver"):
            return self.env._("A resolver of the hub decides.")
        if not self.env["base.partner.merge.automatic.wizard"].has_access("create"):
            return self.env._("Merging needs Odoo's right to create contacts.")
        if len(partners) < len(group.sudo().line_ids.partner_id):
            return self.env._("Some of these are in companies that you may not see.")
        if len(partners) < 2:
            return self.env._("There are no two of them left.")
        return ""
