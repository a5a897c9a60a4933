from collections import defaultdict

from odoo import api, models

from ...core import identity, likeness
from ...core.problem import Problem

COMPANY_KEY = 0  # customers are shared by all companies

# what a company is recognised by, beside its country
SEEN = ("name", "vat", "domain", "website", "email", "phone", "street", "zip", "city")

# canonical field → field of res.partner, where the value goes over as it is
PLAIN = {
    "name": "name",
    "email": "email",
    "website": "website",
    "street": "street",
    "street2": "street2",
    "city": "city",
    "zip": "zip",
}
# What a blank of the source may empty, where the rule of the field lets it.
EMPTIED = {**PLAIN, "phone": "phone", "vat": "vat", "job_title": "function"}
EMPTIED |= {"country": "country_id", "state": "state_id"}
del EMPTIED["name"]


def _text(value):
    return value if isinstance(value, str) else None


class HubHandlerPartner(models.AbstractModel):
    """What customers and contacts share: address fields, countries, languages."""

    _name = "hub.handler.partner"
    _inherit = "hub.handler"
    _description = "Partner Handler"

    _hub_plain = PLAIN
    _hub_together = (("country", "state"),)

    @api.model
    def _hub_countries(self, items):
        """Countries and states named by these items, with one query each."""
        texts = {str(i.values[n]).strip() for i in items for n in ("country",) if i.values.get(n)}
        found = self._hub_countries_by_code(texts)
        if len(found) < len(texts):
            by_name = {c.name.lower(): c for c in self.env["res.country"].search([])}
            found |= {t: by_name.get(t.lower()) for t in texts if t not in found}
        states = defaultdict(dict)
        wanted = [c.id for c in found.values() if c]
        if wanted and any(i.values.get("state") for i in items):
            for state in self.env["res.country.state"].search([("country_id", "in", wanted)]):
                states[state.country_id.id][state.code.lower()] = state
                states[state.country_id.id][state.name.lower()] = state
        return found, states

    @api.model
    def _hub_countries_by_code(self, texts):
        countries = self.env["res.country"].search_fetch(
            [("code", "in", [text.upper() for text in texts if len(text) == 2])], ["code"]
        )
        by_code = {country.code: country for country in countries}
        return {text: by_code[text.upper()] for text in texts if text.upper() in by_code}

    @api.model
    def _hub_languages(self):
        result = {}
        for lang in self.env["res.lang"].search([]):
            result.setdefault(lang.iso_code[:2].lower(), lang.code)
            result[lang.code.lower()] = lang.code
            result[lang.iso_code.lower()] = lang.code
        return result

    @api.model
    def _hub_prepare(self, items):
        """Values of ``res.partner`` for each item: ``{message_id: vals}``.

        Only fields that may be written; a blank one empties a value that the source gave before.
        """
        countries, states = self._hub_countries(items)
        languages = self._hub_languages()
        result = {}
        for item in items:
            vals = {}
            for name in item.changed:
                value = item.values.get(name)
                if value in (None, ""):
                    if item.link and name in EMPTIED:
                        vals[EMPTIED[name]] = False
                    continue
                if name in self._hub_plain:
                    vals[self._hub_plain[name]] = value
                elif name == "phone":
                    vals["phone"] = value
                elif name == "vat":
                    vals["vat"] = value
                elif name == "country":
                    country = countries.get(str(value).strip())
                    if country is None:
                        item.problem = Problem(
                            "unknown_country", cause=str(value).lower(), value=str(value)[:60]
                        )
                        continue
                    vals["country_id"] = country.id
                elif name == "language" and languages.get(str(value).replace("-", "_").lower()):
                    vals["lang"] = languages[str(value).replace("-", "_").lower()]
            country = countries.get(str(item.values.get("country") or "").strip())
            if "state" in item.changed and country and item.values.get("state"):
                state = states[country.id].get(str(item.values["state"]).lower())
                if state:
                    vals["state_id"] = state.id
            result[item.message_id] = vals
        return result

    @api.model
    def _hub_save(self, items, prepared):
        """Create and write in batches; values that would change nothing are left out."""
        fresh = [item for item in items if item.res_id is None]
        known = [item for item in items if item.res_id is not None]
        if fresh:
            created = self._hub_create([prepared[item.message_id] for item in fresh])
            for item, partner in zip(fresh, created, strict=True):
                item.res_id = partner.id
                item.audit = {
                    name: [None, value] for name, value in prepared[item.message_id].items()
                }
        partners = {
            p.id: p
            for p in self.env["res.partner"].browse([item.res_id for item in known]).exists()
        }
        staff = (
            self._hub_staff(list(partners))
            if any("email" in prepared[item.message_id] for item in known)
            else ()
        )
        for item in known:
            partner = partners.get(item.res_id)
            if partner is None:
                # A person chose a record that was deleted since.
                item.problem = Problem(
                    "record_gone",
                    kind="reference",
                    cause=f"{item.entity}:{item.external_id}",
                    id=item.external_id,
                    entity=self.env["hub.entity"].search([("code", "=", item.entity)]).name,
                    entity_code=item.entity,
                    itself=True,
                )
                continue
            vals = {
                name: value
                for name, value in prepared[item.message_id].items()
                if self._hub_differs(partner, name, value)
            }
            if item.link is None:
                # A partner that people already keep is filled up, not overwritten.
                vals = {name: value for name, value in vals.items() if not partner[name]}
            if "email" in vals and partner.id in staff:
                item.problem = Problem("employee_login", kind="conflict", name=partner.name)
                continue
            if vals:
                item.audit = {
                    name: [self._hub_shown(partner, name), value] for name, value in vals.items()
                }
                partner.write(vals)

    @api.model
    def _hub_staff(self, partner_ids):
        """Which of these sign in to Odoo as internal users, archived ones too: a new password is sent to their address,
        so it is changed in Odoo alone."""
        # With sudo: whether there is a user, whom who writes partners need not see.
        users = self.env["res.users"].sudo().with_context(active_test=False)
        return set(
            users.search([("partner_id", "in", partner_ids), ("share", "=", False)]).partner_id.ids
        )

    @api.model
    def _hub_create(self, vals_list):
        """Create partners. Those without a parent as Odoo's own import does, which does not ask for all
        defaults once more to see what a parent would give."""
        partners = self.env["res.partner"]
        if any(vals.get("parent_id") for vals in vals_list):
            # The import's way would also move a first contact's address to its company.
            return partners.create(vals_list)
        return partners._load_records_create(vals_list)

    def _hub_differs(self, partner, name, value):
        now = partner[name]
        return (now.id if isinstance(now, models.BaseModel) else now) != value

    def _hub_shown(self, partner, name):
        now = partner[name]
        return now.id if isinstance(now, models.BaseModel) else now or None


class HubHandlerCustomer(models.AbstractModel):
    _name = "hub.handler.customer"
    _inherit = "hub.handler.partner"
    _description = "Customer Handler"

    _hub_asked_after_merge = ("vat",)

    @api.model
    def _hub_keys(self, item):
        """Sure keys of a customer, the strongest first."""
        values = item.values
        country = values.get("country")
        country = country if isinstance(country, str) and len(country) == 2 else None
        keys = []
        vat = identity.vat_key(values.get("vat"), country)
        if vat:
            keys.append(("vat", vat))
        domain = identity.domain_key(
            values.get("domain") or values.get("website"), email=values.get("email")
        )
        if domain:
            keys.append(("domain", domain))
        return keys

    @api.model
    def _hub_parties(self, items):
        """What each item says of a company: ``{message_id: Party}``."""
        unseen = [item for item in items if item.party is None]
        if unseen:
            countries, _states = self._hub_countries(unseen)
            codes = {text: country.code for text, country in countries.items() if country}
            for item in unseen:
                country = codes.get(str(item.values.get("country") or "").strip())
                said = {name: _text(item.values.get(name)) for name in SEEN}
                item.party = likeness.party({**said, "country": country})
        return {item.message_id: item.party for item in items}

    @api.model
    def _hub_match(self, items):
        """Tax number, then likeness: one sure match is linked, several or unsure ones are a question."""
        self.env["hub.matcher"]._match(items, self._hub_parties(items))

    @api.model
    def _hub_write(self, items):
        # Two messages of one batch can be one customer: the first creates it, the other is linked, or asks.
        prepared = self._hub_prepare(items)
        fresh = [item for item in items if item.res_id is None and item.open]
        twins = self.env["hub.matcher"]._twins(fresh, self._hub_parties(fresh))
        alone = [item for item in items if item.message_id not in twins]
        for item in alone:
            if item.res_id is None:
                prepared[item.message_id] |= {"is_company": True}
        self._hub_save([item for item in alone if item.open], prepared)
        for item in fresh:
            first, found = twins.get(item.message_id, (None, None))
            if first is None:
                continue
            if found is None:
                item.res_id = first.res_id
            else:
                self.env["hub.matcher"]._ask(item, [(first.res_id, found)])
        self._hub_remember([item for item in items if item.res_id and item.open])

    @api.model
    def _hub_remember(self, items):
        """Keep the sure keys: a second worker with the same customer meets them and starts again."""
        rows = sorted(
            {(kind, value, item.res_id) for item in items for kind, value in self._hub_keys(item)}
        )
        if rows:
            self.env.cr.execute(
                """INSERT INTO hub_identity (company_id, entity, kind, value, res_id)
                   SELECT %s, 'customer', u.* FROM unnest(%s::varchar[], %s::varchar[], %s::int[]) u
                   ON CONFLICT DO NOTHING""",
                [COMPANY_KEY, *map(list, zip(*rows, strict=True))],
                log_exceptions=False,  # the other worker won; this batch starts again
            )
        self.env["hub.distinct"]._remember(
            [(item.res_id, other) for item in items for other in item.decision.get("not", ())],
            [item.decision.get("by") for item in items for _other in item.decision.get("not", ())],
        )

    @api.model
    def _hub_roots(self, model, ids):
        """Customers whose balance moved when invoices did."""
        path = {"account.move": "commercial_partner_id", "hub.contract": "partner_id"}.get(model)
        if not path:
            return []
        # Asked with sudo: marks come from all companies; those of others are left out before they
        # are read.
        records = self.env[model].sudo().browse(ids).exists()
        records = records.filtered(lambda record: record.company_id in records.env.companies)
        return records[path].commercial_partner_id.ids

    @api.model
    def _hub_new(self, records, system):
        return records.filtered("is_company")

    @api.model
    def _hub_compose(self, records, system):
        return records._hub_balance()
