from collections import defaultdict

from odoo import api, models

from ...core import identity
from ...core.problem import Problem

COMPANY_KEY = 0  # customers are shared by all companies

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


# SQL of what the indexes below hold and the searches ask for: a web address's host, a name's words
HOST = r"substring(lower({}) FROM '^(?:[a-z]+://)?(?:www\.)?([^/:]+)')"
WORDS = (
    r"to_tsvector('simple', regexp_replace(regexp_replace("
    r"lower(normalize({}, NFKD)), '[\u0300-\u036f]', '', 'g'), '[^[:alnum:]]+', ' ', 'g'))"
)


class ResPartner(models.Model):
    _inherit = "res.partner"

    # Written E.164 or compact in the index, however people typed it.
    _hub_vat_index = models.Index(
        "(upper(regexp_replace(vat, '[^0-9A-Za-z]', '', 'g'))) WHERE vat IS NOT NULL"
    )
    _hub_domain_index = models.Index(
        "(lower(split_part(email_normalized, '@', 2))) WHERE email_normalized IS NOT NULL"
    )
    _hub_host_index = models.Index(f"(({HOST.format('website')})) WHERE website IS NOT NULL")
    # Its words without accents. No list of what is pending: it would be read from end to end by each search.
    _hub_name_index = models.Index(
        f"USING gin (({WORDS.format('name')})) WITH (fastupdate = off) WHERE is_company AND parent_id IS NULL"
    )


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
        countries = self.env["res.country"].search([])  # 250 rows, cached by the ORM
        by_text = {c.code.lower(): c for c in countries} | {c.name.lower(): c for c in countries}
        found = {text: by_text.get(text.lower()) for text in texts}
        states = defaultdict(dict)
        wanted = [c.id for c in found.values() if c]
        if wanted and any(i.values.get("state") for i in items):
            for state in self.env["res.country.state"].search([("country_id", "in", wanted)]):
                states[state.country_id.id][state.code.lower()] = state
                states[state.country_id.id][state.name.lower()] = state
        return found, states

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
            created = self.env["res.partner"].create([prepared[item.message_id] for item in fresh])
            for item, partner in zip(fresh, created, strict=True):
                item.res_id = partner.id
                item.audit = {
                    name: [None, value] for name, value in prepared[item.message_id].items()
                }
        partners = {
            p.id: p
            for p in self.env["res.partner"].browse([item.res_id for item in known]).exists()
        }
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
            if vals:
                item.audit = {
                    name: [self._hub_shown(partner, name), value] for name, value in vals.items()
                }
                partner.write(vals)

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
    def _hub_match(self, items):
        """VAT number, then internet domain: one record is a match, several are a question. What is
        only similar by name is a question too."""
        found = self._hub_find({key for item in items for key in self._hub_keys(item)})
        unsure = []
        for item in items:
            vat = dict(self._hub_keys(item)).get("vat")
            for kind, value in self._hub_keys(item):
                partners = found.get((kind, value), self.env["res.partner"])
                if vat:
                    # Another country's number of the same digits, or another number behind the same
                    # domain, is another legal customer.
                    partners = partners.filtered(
                        lambda p, vat=vat: identity.vat_key(p.vat, p.country_id.code) in (None, vat)
                    )
                if len(partners) == 1:
                    item.res_id = partners.id
                    break
                if partners:
                    item.problem = Problem(
                        "ambiguous_match",
                        kind="identity",
                        cause=f"{kind}:{value}",
                        name=item.values.get("name"),
                        count=len(partners),
                        key=kind,
                        candidates=partners.ids,
                    )
                    break
            else:
                unsure.append(item)
        self._hub_ask_similar(unsure)

    @api.model
    def _hub_find(self, keys):
        """Partners by sure key, in one query: ``{(kind, value): recordset}``."""
        if not keys:
            return {}
        self.env["res.partner"].flush_model(
            ["vat", "email", "email_normalized", "website", "is_company", "active"]
        )
        # Each key by the indexes, whatever the planner thinks of the tables' sizes (hence OFFSET 0).
        self.env.cr.execute(
            f"""
            SELECT k.kind, k.value, found.id
              FROM unnest(%s::varchar[], %s::varchar[]) k(kind, value)
             CROSS JOIN LATERAL (
                   SELECT p.id FROM res_partner p
                    WHERE k.kind = 'vat' AND p.vat IS NOT NULL AND p.active AND p.parent_id IS NULL
                      AND upper(regexp_replace(p.vat, '[^0-9A-Za-z]', '', 'g'))
                          = ANY(ARRAY[k.value, substr(k.value, 3)])
                    UNION ALL
                   SELECT p.id FROM res_partner p
                    WHERE k.kind = 'domain' AND p.email_normalized IS NOT NULL
                      AND lower(split_part(p.email_normalized, '@', 2)) = k.value
                      AND p.active AND p.is_company AND p.parent_id IS NULL
                    UNION ALL
                   SELECT p.id FROM res_partner p
                    WHERE k.kind = 'domain' AND p.website IS NOT NULL
                      AND {HOST.format("p.website")} = k.value
                      AND p.active AND p.is_company AND p.parent_id IS NULL
                    UNION ALL
                   SELECT p.id FROM hub_identity i JOIN res_partner p ON p.id = i.res_id
                    WHERE i.company_id = %s AND i.entity = 'customer' AND i.kind = k.kind
                      AND i.value = k.value AND p.active
                   OFFSET 0) found
            """,
            [[kind for kind, _value in keys], [value for _kind, value in keys], COMPANY_KEY],
        )
        ids = defaultdict(set)
        for kind, value, partner_id in self.env.cr.fetchall():
            ids[kind, value].add(partner_id)
        readable = (
            self.env["res.partner"]
            .browse(set().union(*ids.values()) if ids else ())
            ._filtered_access("read")
        )
        return {
            key: readable.filtered(lambda p, found=found: p.id in found)
            for key, found in ids.items()
        }

    @api.model
    def _hub_ask_similar(self, items):
        """Names that look alike go to a person, with both sides."""
        if not items:
            return
        self.env["res.partner"].flush_model(["name", "active", "is_company", "parent_id"])
        self.env.cr.execute(
            f"""
            SELECT w.place, p.id, p.name
              FROM unnest(%s::int[], %s::varchar[]) w(place, word)
             CROSS JOIN LATERAL (
                   SELECT p.id, p.name FROM res_partner p
                    WHERE {WORDS.format("p.name")} @@ w.word::tsquery
                      AND p.is_company AND p.parent_id IS NULL AND p.active OFFSET 0) p
             ORDER BY w.place, p.id
            """,
            [
                list(range(len(items))),
                [identity.search_word(item.values.get("name")) for item in items],
            ],
        )
        near = defaultdict(list)
        for place, partner_id, name in self.env.cr.fetchall():
            near[place].append((partner_id, name))
        scored = {}
        for place, found in near.items():
            likely = identity.alike(items[place].values.get("name"), [name for _id, name in found])
            if likely:
                scored[place] = [(score, found[index][0]) for score, index in likely]
        if not scored:
            return
        readable = (
            self.env["res.partner"]
            .browse({partner_id for likely in scored.values() for _score, partner_id in likely})
            ._filtered_access("read")
        )
        for place, likely in scored.items():
            self._hub_ask(items[place], [pair for pair in likely if pair[1] in readable._ids])

    @api.model
    def _hub_ask(self, item, likely):
        """Ask whether one of these, ``(likeness, partner id)``, is the customer."""
        vat = dict(self._hub_keys(item)).get("vat")
        partners = self.env["res.partner"]
        asked = []
        for score, partner in ((score, partners.browse(found)) for score, found in likely):
            other_vat = identity.vat_key(partner.vat, partner.country_id.code)
            if not (vat and other_vat and vat != other_vat):
                asked.append((score, partner))
        if asked:
            item.problem = Problem(
                "possible_duplicate",
                kind="identity",
                cause=item.external_id,
                name=item.values.get("name") or "",
                candidates=[partner.id for _score, partner in asked[:5]],
                candidate_names=", ".join(f"“{partner.name}”" for _score, partner in asked[:3]),
                scores=[round(score, 2) for score, _partner in asked[:5]],
            )

    @api.model
    def _hub_write(self, items):
        # Two messages of one batch can be one customer: the first creates it, the other is linked.
        first, twins = {}, []
        for item in items:
            keys = self._hub_keys(item)
            same = next((first[key] for key in keys if key in first), None)
            if item.res_id is None and same is not None:
                twins.append((item, same))
                continue
            for key in keys:
                first.setdefault(key, item)
        second = {twin.message_id for twin, _same in twins}
        alone = [item for item in items if item.message_id not in second]
        prepared = self._hub_prepare(items)
        for item in alone:
            if item.res_id is None:
                prepared[item.message_id] |= {"is_company": True}
        writable = [item for item in alone if item.open]
        self._hub_save(writable, prepared)
        for item, same in twins:
            item.res_id = same.res_id
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
    def _hub_compose(self, records, system):
        return records._hub_balance()
