from collections import defaultdict

from odoo import api, models

from ...core import identity
from ...core.company_names import OTHER, company_name, name_relation, search_queries
from ...core.likeness import CREATE, LINK, compare, decide, leads, party
from ...core.problem import Problem

COMPANY_KEY = 0  # customers are shared by all companies
ASKED = 5  # candidates that a question shows
MOST = 80  # partners with one word of a name that are looked at
CROWD = (
    10  # partners at one house or telephone, beyond which it is a business centre and says nothing
)

# SQL of what the indexes hold and the searches ask for: a web address's host, a name's words, ZIP and house number
HOST = r"substring(lower({}) FROM '^(?:[a-z]+://)?(?:www\.)?([^/:]+)')"
WORDS = (
    r"to_tsvector('simple', regexp_replace(regexp_replace("
    r"lower(normalize({}, NFKD)), '[\u0300-\u036f]', '', 'g'), '[^[:alnum:]]+', ' ', 'g'))"
)
PLACE = (
    r"upper(regexp_replace({0}.zip, '[^0-9A-Za-z]', '', 'g'))"
    r" || '/' || ltrim(substring({0}.street FROM '[0-9]+'), '0')"
)
# A company that is no part of another, in words that no other index knows: where PostgreSQL may walk another index
# from end to end instead, it does so once for each name or key; it cannot tell how many rows a search for words
# finds, and takes an index that was empty when it looked at the table last for free. So each index also holds only
# what no other search asks for.
TOP = "{0}is_company AND coalesce({0}parent_id, 0) = 0"
WITH_PHONE = f"{TOP} AND {{0}}phone_sanitized IS NOT NULL"
WITH_PLACE = f"{TOP} AND {{0}}zip IS NOT NULL AND {{0}}street IS NOT NULL"
# what a party is made of
COLUMNS = (
    "name",
    "vat",
    "website",
    "email_normalized",
    "phone_sanitized",
    "phone",
    "street",
    "zip",
)
COLUMNS += ("city", "country_id", "is_company", "parent_id", "active")


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
        f"USING gin (({WORDS.format('name')})) WITH (fastupdate = off) WHERE {TOP.format('')}"
    )
    _hub_phone_index = models.Index(f"(phone_sanitized) WHERE {WITH_PHONE.format('')}")
    _hub_place_index = models.Index(
        f"(({PLACE.format('res_partner')})) WHERE {WITH_PLACE.format('')}"
    )


class HubMatcher(models.AbstractModel):
    """Which partners a company could be. Each step is one query for all companies of a batch."""

    _name = "hub.matcher"
    _description = "Matcher of Customers"

    # -- for the engine ----------------------------------------------------------------------------

    @api.model
    def _match(self, items, parties):
        """Set ``res_id`` or ``problem`` of items that have no link yet; what is nobody's is left alone.

        :param parties: ``{message_id: core.likeness.Party}``
        """
        places = [parties[item.message_id] for item in items]
        found = self._by_keys(places)
        open_items = []
        for place, item in enumerate(items):
            ids = found[place].get("vat")
            if not ids:
                open_items.append(place)
            elif len(ids) == 1:
                item.res_id = next(iter(ids))
            else:
                item.problem = self._ambiguous(item, "vat", places[place].vat, ids)
        if not open_items:
            return
        near = {place: set().union(*found[place].values()) for place in open_items}
        names = [items[place].values.get("name") for place in open_items]
        for place, ids in zip(open_items, self._by_name(names), strict=True):
            near[place] |= ids
        known = self._parties(set().union(*near.values()))
        thresholds = self.env["hub.likeness"]._thresholds()
        shared = self._shared(found)
        decided = {}
        for place in open_items:
            others = [(key, known[key]) for key in near[place] if key in known]
            decided[place] = decide(places[place], others, thresholds, shared)
        taken = self._taken(items, decided)
        for place, (outcome, likely) in decided.items():
            second = bool(likely) and (items[place].system_id, likely[0][0]) in taken
            if outcome == LINK and not second:
                items[place].res_id = likely[0][0]
            elif outcome != CREATE:
                self._ask(items[place], likely, sure=not second and leads(likely))

    @api.model
    def _sample(self, partners, thresholds):
        """What would become of partners if they came in now: each is compared with all others but itself.

        :return: ``[(partner id, outcome, [(other id, Likeness), …])]``
        """
        parties = self._parties(partners.ids)
        ids = [key for key in partners.ids if key in parties]
        found = self._by_keys([parties[key] for key in ids])
        names = self._by_name([partner.name for partner in partners.browse(ids)])
        near = [set().union(*one.values(), more) for one, more in zip(found, names, strict=True)]
        known = self._parties(set().union(*near)) if near else {}
        distinct = self.env["hub.distinct"]._among(known.keys() | set(ids))
        shared = self._shared(found, others=2)
        result = []
        for key, others in zip(ids, near, strict=True):
            others = [
                (other, known[other])
                for other in sorted(others)
                if other in known
                and other != key
                and (min(key, other), max(key, other)) not in distinct
            ]
            result.append((key, *decide(parties[key], others, thresholds, shared)))
        return result

    @api.model
    def _taken(self, items, decided):
        """Partners that a system has a record for already: ``{(system_id, partner_id)}``.

        A second record of the same system that looks the same is its duplicate, its subsidiary or its
        branch: a person knows.
        """
        pairs = {
            (items[place].system_id, items[place].entity, likely[0][0])
            for place, (outcome, likely) in decided.items()
            if outcome == LINK
        }
        if not pairs:
            return set()
        systems, entities, ids = map(list, zip(*pairs, strict=True))
        self.env.cr.execute(
            """SELECT DISTINCT l.system_id, l.res_id
                 FROM unnest(%s::int[], %s::varchar[], %s::int[]) k(system_id, entity, res_id)
                 JOIN hub_entity e ON e.code = k.entity
                 JOIN hub_link l ON l.res_model = 'res.partner' AND l.res_id = k.res_id
                  AND l.system_id = k.system_id AND l.entity_id = e.id""",
            [systems, entities, ids],
        )
        return set(self.env.cr.fetchall())

    @api.model
    def _twins(self, items, parties):
        """Which items of a batch, all of them new, could be one that stands before them.

        :return: ``{message_id: (the earlier item, None if it is the same by its tax number, else Likeness)}``
        """
        thresholds = self.env["hub.likeness"]._thresholds()
        by_key, result = defaultdict(list), {}
        for item in items:
            who = parties[item.message_id]
            keys = [key for key in (who.vat, who.phone, who.place, *who.domains) if key]
            keys.append(who.name.joined)
            others = {id(other): other for key in keys for other in by_key[key]}.values()
            best = None
            for other in others:
                found = compare(who, parties[other.message_id])
                if who.vat and who.vat == parties[other.message_id].vat:
                    best = (other, None)
                    break
                if (
                    found.score >= thresholds.ask
                    and not found.other_vat
                    and not item.decision.get("create")
                    and (best is None or found.points > best[1].points)
                ):
                    best = (other, found)
            if best:
                result[item.message_id] = best
                continue
            for key in keys:
                by_key[key].append(item)
        return result

    @api.model
    def _ask(self, item, likely, sure=False):
        """Ask whether one of these, ``(partner id, Likeness)``, is the customer.

        :param sure: whether only its points were too few for a link
        """
        names = {
            partner.id: partner.display_name
            for partner in self.env["res.partner"].browse([key for key, _found in likely[:ASKED]])
        }
        item.problem = Problem(
            "possible_duplicate",
            kind="identity",
            cause=item.external_id,
            name=item.values.get("name") or "",
            candidates=list(names),
            candidate_names=", ".join(f"“{name}”" for name in list(names.values())[:3]),
            scores=[found.score for _key, found in likely[:ASKED]],
            evidence=[code for code, _points in likely[0][1].evidence],
            sure=sure,
        )

    @api.model
    def _ambiguous(self, item, kind, value, ids):
        return Problem(
            "ambiguous_match",
            kind="identity",
            cause=f"{kind}:{value}",
            name=item.values.get("name"),
            count=len(ids),
            key=kind,
            candidates=sorted(ids),
        )

    # -- candidates --------------------------------------------------------------------------------

    @api.model
    def _by_keys(self, parties):
        """Partners that share a tax number, domain, telephone or house with each party.

        :return: for each party ``{"vat" | "phone" | "place" | domain: {partner id}}``; partners that the
            user may not read are left out.
        """
        keys = {
            (kind, value)
            for who in parties
            for kind, value in [
                ("vat", who.vat),
                ("phone", who.phone),
                ("place", who.place),
                *(("domain", domain) for domain in who.domains),
            ]
            if value
        }
        found = self._find(sorted(keys))
        result = []
        for who in parties:
            one = {domain: found["domain", domain] for domain in who.domains}
            one |= {"phone": found["phone", who.phone], "place": found["place", who.place]}
            one["vat"] = found["vat", who.vat]
            result.append({kind: ids for kind, ids in one.items() if ids})
        return result

    @api.model
    def _find(self, keys):
        """Partners by key, in one query: ``{(kind, value): {id}}``."""
        result = defaultdict(set)
        if not keys:
            return result
        self.env["res.partner"].flush_model(COLUMNS)
        # Each key by its own index, whatever PostgreSQL thinks of the sizes of tables (hence OFFSET 0).
        self.env.cr.execute(
            f"""
            SELECT k.kind, k.value, found.id
              FROM unnest(%s::varchar[], %s::varchar[]) k(kind, value)
             CROSS JOIN LATERAL (
                   SELECT p.id FROM (
                       SELECT id, active, parent_id FROM res_partner
                        WHERE upper(regexp_replace(vat, '[^0-9A-Za-z]', '', 'g'))
                              = ANY(ARRAY[k.value, substr(k.value, 3)]) OFFSET 0) p
                    WHERE k.kind = 'vat' AND p.active AND p.parent_id IS NULL
                    UNION ALL
                   SELECT p.id FROM (
                       SELECT id, active, is_company, parent_id FROM res_partner
                        WHERE email_normalized IS NOT NULL
                          AND lower(split_part(email_normalized, '@', 2)) = k.value OFFSET 0) p
                    WHERE k.kind = 'domain' AND p.active AND p.is_company AND p.parent_id IS NULL
                    UNION ALL
                   SELECT p.id FROM (
                       SELECT id, active, is_company, parent_id FROM res_partner
                        WHERE website IS NOT NULL AND {HOST.format("website")} = k.value OFFSET 0) p
                    WHERE k.kind = 'domain' AND p.active AND p.is_company AND p.parent_id IS NULL
                    UNION ALL
                  (SELECT p.id FROM res_partner p
                    WHERE k.kind = 'phone' AND p.phone_sanitized = k.value
                      AND p.active AND {WITH_PHONE.format("p.")} LIMIT {CROWD + 1})
                    UNION ALL
                  (SELECT p.id FROM res_partner p
                    WHERE k.kind = 'place' AND {PLACE.format("p")} = k.value
                      AND p.active AND {WITH_PLACE.format("p.")} LIMIT {CROWD + 1})
                    UNION ALL
                   SELECT p.id FROM hub_identity i JOIN res_partner p ON p.id = i.res_id
                    WHERE i.company_id = %s AND i.entity = 'customer' AND i.kind = k.kind
                      AND i.value = k.value AND p.active
                   OFFSET 0) found
            """,
            [[kind for kind, _value in keys], [value for _kind, value in keys], COMPANY_KEY],
        )
        for kind, value, partner_id in self.env.cr.fetchall():
            result[kind, value].add(partner_id)
        for (kind, _value), ids in result.items():
            if kind in ("phone", "place") and len(ids) > CROWD:
                ids.clear()
        readable = self._readable(set().union(*result.values()) if result else ())
        # The same digits of another country's number are another company.
        numbers = {p.id: identity.vat_key(p.vat, p.country_id.code) for p in readable}
        for (kind, value), ids in result.items():
            ids.intersection_update(numbers)
            if kind == "vat":
                ids.difference_update([i for i in ids if numbers[i] not in (None, value)])
        return result

    @api.model
    def _readable(self, ids):
        partners = self.env["res.partner"].browse(ids)._filtered_access("read")
        partners.fetch(COLUMNS)
        return partners

    @api.model
    def _by_name(self, names):
        """Partners whose name is like each of these, in one query: a list of sets.

        Found by a word like one of the name's own; those whose whole name is another one are left out
        before more of them is read: with nothing else in common they come to no question.
        """
        result = [set() for _name in names]
        own = [company_name(name) for name in names]
        queries = [(place, q) for place, name in enumerate(names) for q in search_queries(name)]
        if queries:
            self.env["res.partner"].flush_model(COLUMNS)
            self.env.cr.execute(
                f"""
                SELECT w.place, p.id, p.name FROM unnest(%s::int[], %s::varchar[]) w(place, words)
                 CROSS JOIN LATERAL (
                       SELECT p.id, p.name FROM res_partner p
                        WHERE {WORDS.format("p.name")} @@ w.words::tsquery
                          AND {TOP.format("p.")} AND p.active LIMIT %s) p
                """,
                [[place for place, _q in queries], [query for _place, query in queries], MOST],
            )
            for place, partner_id, name in self.env.cr.fetchall():
                if name_relation(own[place], company_name(name))[0] != OTHER:
                    result[place].add(partner_id)
        return result

    @api.model
    def _parties(self, ids):
        """``{partner id: Party}`` of those that the user may read."""
        return {
            partner.id: party(
                {
                    "name": partner.name,
                    "vat": partner.vat,
                    "website": partner.website,
                    "email": partner.email_normalized,
                    "phone": partner.phone_sanitized or partner.phone,
                    "street": partner.street,
                    "zip": partner.zip,
                    "city": partner.city,
                    "country": partner.country_id.code,
                }
            )
            for partner in self._readable(ids)
        }

    @api.model
    def _shared(self, found, others=1):
        """Internet domains that more partners have than ``others``."""
        return frozenset(
            kind
            for one in found
            for kind, ids in one.items()
            if kind not in ("vat", "phone", "place") and len(ids) > others
        )
