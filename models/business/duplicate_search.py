import logging
import time
from collections import defaultdict

from odoo import api, models
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY
from odoo.tools import SQL

from ...core.company_names import company_name, same_but_for_typing
from ...core.identity import PUBLIC_DOMAINS
from ...core.likeness import compare
from .matcher import HOST, PLACE, WORDS

_logger = logging.getLogger(__name__)

BLOCK = 25  # customers with one key; what more of them share says nothing
PART = 10_000  # customers whose keys are made at once
KEYS = 20_000  # keys whose customers are paired at once
CHUNK = 5_000  # pairs that are weighed at once
LARGEST = 20  # customers in one group
TRIES = 3  # to store what was found while people decide about groups


class Slices:
    """Ends transactions, and remembers how long they were.

    :attr total, longest: seconds; :attr count: of transactions.
    """

    def __init__(self, end):
        self._end = end
        self.total = self.longest = 0.0
        self.count = 0
        self._begun = time.monotonic()

    def end(self):
        self._end()
        now = time.monotonic()
        self.total += now - self._begun
        self.longest = max(self.longest, now - self._begun)
        self.count += 1
        self._begun = now


class HubDuplicate(models.Model):
    """The nightly search: only customers that share a key are compared, and the keys are joined in PostgreSQL.

    It works in slices, each a transaction of its own, so that no old snapshot is held open: PostgreSQL could
    not clean up behind the engine meanwhile. What changes between slices is looked at again at the end.
    """

    _inherit = "hub.duplicate"

    @api.model
    def _nightly(self):
        """Search in slices, on a connection of its own. Runs as OdooBot over all companies."""
        with self.env.registry.cursor() as cr:
            search = self.with_env(self.env(cr=cr))
            try:
                search._look(cr.commit)
            except Exception:
                cr.rollback()
                raise
            finally:
                search._forget_keys()  # temporary tables outlive a transaction of many
                cr.commit()  # pylint: disable=invalid-commit

    @api.model
    def _look(self, between=lambda: None):
        """Find groups of customers that may be one. Groups that are decided stay; open ones are renewed.
        A group never holds customers of two companies.

        :param between: called after each slice; ends its transaction.
        :return: number of open groups.
        """
        slices = Slices(between)
        self._make_keys(slices)
        pairs = self._make_pairs(slices)
        edges = self._weighed(slices)
        slices.end()
        for left in reversed(range(TRIES)):
            self.env.invalidate_all()
            try:
                with self.env.cr.savepoint():
                    found = self._groups(self._standing(edges))
                    self._renew(found)
                break
            except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
                if not left:
                    raise
                slices.end()  # a younger snapshot
        slices.end()
        _logger.info(
            "Duplicates: %s pairs, %s groups in %.1f s; the longest of %s transactions took %.1f s",
            pairs, len(found), slices.total, slices.count, slices.longest,
        )  # fmt: skip
        return len(found)

    @api.model
    def _forget_keys(self):
        self.env.cr.execute("DROP TABLE IF EXISTS hub_match_key, hub_match_shared, hub_match_pair")

    @api.model
    def _make_keys(self, slices):
        """A temporary table of (partner, key); names by their words, by pairs of words, and as a whole."""
        self.env["res.partner"].flush_model()
        self._forget_keys()
        self.env.cr.execute("CREATE TEMP TABLE hub_match_key (id int, key varchar)")
        last = 0
        while last is not None:
            last = self._add_keys(last)
            slices.end()
        self.env.cr.execute("CREATE INDEX ON hub_match_key (key, id)")
        slices.end()
        self.env.cr.execute("ANALYZE hub_match_key")

    @api.model
    def _add_keys(self, last):
        """The keys of the next customers after the id ``last``; the id that comes last of them, or None."""
        self.env.cr.execute(
            SQL(
                f"""
            WITH p AS MATERIALIZED (
                SELECT *, tsvector_to_array({WORDS.format("p.name")}) AS words FROM res_partner p
                 WHERE p.active AND p.is_company AND p.parent_id IS NULL AND p.id > %s
                 ORDER BY p.id LIMIT %s),
            k AS (
            SELECT id, 'v' || upper(regexp_replace(vat, '[^0-9A-Za-z]', '', 'g')) AS key FROM p
             WHERE length(vat) > 5
             UNION SELECT id, 'd' || lower(split_part(email_normalized, '@', 2)) FROM p
                    WHERE lower(split_part(email_normalized, '@', 2)) <> ALL(%s)
             UNION SELECT id, 'd' || {HOST.format("website")} FROM p
             UNION SELECT id, 't' || phone_sanitized FROM p WHERE phone_sanitized <> ''
             UNION SELECT id, 'h' || ({PLACE.format("p")}) FROM p
             UNION SELECT id, 'n' || array_to_string(words, '') FROM p
             UNION SELECT id, 'w' || left(w, 5) FROM p, unnest(words) w WHERE length(w) > 3
             UNION SELECT id, 'e' || right(w, 5) FROM p, unnest(words) w WHERE length(w) > 6
             UNION SELECT id, 'x' || left(a, 5) || ' ' || left(b, 5) FROM p, unnest(words) a, unnest(words) b
                    WHERE a < b AND cardinality(words) <= 6),
            made AS (INSERT INTO hub_match_key SELECT id, key FROM k WHERE key IS NOT NULL)
            SELECT max(id) FROM p
            """,
                last,
                PART,
                list(PUBLIC_DOMAINS),
            )
        )
        return self.env.cr.fetchone()[0]

    @api.model
    def _make_pairs(self, slices):
        """The pairs that share a key and were not said to be two, in a temporary table; how many."""
        self.env.cr.execute(
            """
            CREATE TEMP TABLE hub_match_shared AS
            SELECT row_number() OVER () AS place, key FROM (
                SELECT key FROM hub_match_key GROUP BY key HAVING count(*) BETWEEN 2 AND %s) k;
            CREATE INDEX ON hub_match_shared (place);
            CREATE TEMP TABLE hub_match_pair (low int, high int, PRIMARY KEY (low, high));
            SELECT count(*) FROM hub_match_shared
            """,
            [BLOCK],
        )
        keys, count = self.env.cr.fetchone()[0], 0
        slices.end()
        self.env.cr.execute("ANALYZE hub_match_shared")
        for start in range(1, keys + 1, KEYS):
            self.env.cr.execute(
                """
                INSERT INTO hub_match_pair (low, high)
                SELECT DISTINCT a.id, b.id
                  FROM hub_match_shared k
                  JOIN hub_match_key a ON a.key = k.key
                  JOIN hub_match_key b ON b.key = k.key AND b.id > a.id
                 WHERE k.place BETWEEN %s AND %s
                   AND NOT EXISTS (SELECT FROM hub_distinct d WHERE d.low = a.id AND d.high = b.id)
                ON CONFLICT DO NOTHING
                """,
                [start, start + KEYS - 1],
            )
            count += self.env.cr.rowcount
            slices.end()
        return count

    @api.model
    def _weighed(self, slices):
        """Pairs that look the same: ``[(low, high, Likeness)]``. One name in another is no duplicate: parents,
        subsidiaries and branches are."""
        matcher, ask_from = self.env["hub.matcher"], self.env["hub.likeness"]._thresholds().ask
        names, numbers = self._names()
        edges, last = [], (0, 0)
        while True:
            self.env.cr.execute(
                """SELECT low, high FROM hub_match_pair WHERE (low, high) > (%s, %s)
                    ORDER BY low, high LIMIT %s""",
                [*last, CHUNK],
            )
            rows = self.env.cr.fetchall()
            if not rows:
                return edges
            last = rows[-1]
            # By the name alone first: of most pairs nothing more has to be read.
            pairs = [
                (low, high)
                for low, high in rows
                if {low, high} <= names.keys()  # who is gone meanwhile has none
                and (
                    same_but_for_typing(names[low], names[high])
                    or (numbers[low] and numbers[low] == numbers[high])
                )
            ]
            parties = matcher._parties({key for pair in pairs for key in pair})
            for low, high in pairs:
                if low not in parties or high not in parties:
                    continue  # deleted meanwhile
                found = compare(parties[low], parties[high])
                if found.same_name and found.score >= ask_from and not found.other_vat:
                    edges.append((low, high, found))
            self.env["res.partner"].invalidate_model()
            slices.end()

    @api.model
    def _standing(self, edges):
        """Those of two customers who are still there and were not said to be two meanwhile."""
        self.env.cr.execute(
            """SELECT low, high FROM unnest(%s::int[], %s::int[]) e(low, high)
                WHERE NOT EXISTS (SELECT FROM hub_distinct d WHERE d.low = e.low AND d.high = e.high)
                  AND 2 = (SELECT count(*) FROM res_partner p WHERE p.id IN (e.low, e.high) AND p.active)""",
            [[edge[0] for edge in edges], [edge[1] for edge in edges]],
        )
        standing = set(self.env.cr.fetchall())
        return [edge for edge in edges if edge[:2] in standing]

    @api.model
    def _names(self):
        """Names and compact tax numbers of all customers that are in a pair: ``({id: name}, {id: number})``."""
        self.env.cr.execute(
            """SELECT id, name, upper(regexp_replace(vat, '[^0-9A-Za-z]', '', 'g')) FROM res_partner
                WHERE id IN (SELECT low FROM hub_match_pair UNION ALL SELECT high FROM hub_match_pair)"""
        )
        rows = self.env.cr.fetchall()
        return (
            {key: company_name(name) for key, name, _vat in rows},
            {key: vat for key, _name, vat in rows},
        )

    @api.model
    def _groups(self, edges):
        """What hangs together, for each company with what all companies share: ``[(company, ids, Likeness)]``."""
        ids = {key for low, high, _found in edges for key in (low, high)}
        self.env.cr.execute(
            "SELECT id, company_id FROM res_partner WHERE id = ANY(%s)", [list(ids)]
        )
        company = dict(self.env.cr.fetchall())
        result, shared = [], set()
        for scope in [*sorted({c for c in company.values() if c}), None]:
            inside = [
                edge for edge in edges if all(company[key] in (scope, None) for key in edge[:2])
            ]
            for members, best in _joined(inside):
                own = scope is None or any(company[key] == scope for key in members)
                if own and frozenset(members) not in shared:
                    shared.add(frozenset(members))
                    result.append((scope, members[:LARGEST], best))
        return result

    @api.model
    def _renew(self, found):
        """Store groups that are new, and drop open ones that are no more."""
        wanted = {(scope, tuple(members)): best for scope, members, best in found}
        kept = set()
        for group in self.search([("state", "=", "open")]):
            key = (group.company_id.id or None, tuple(sorted(group.line_ids.partner_id.ids)))
            if key in wanted and key not in kept:
                kept.add(key)
            else:
                group.unlink()
        numbers = self._numbers({key for _scope, members in wanted for key in members})
        self.create(
            [
                {
                    "company_id": scope or False,
                    "score": best.score,
                    "evidence": [code for code, _points in best.evidence],
                    "other_vat": len({numbers[key] for key in members} - {None}) > 1,
                    "line_count": len(members),
                    "found_at": self.env.cr.now(),
                    "line_ids": [(0, 0, {"partner_id": key}) for key in members],
                }
                for (scope, members), best in wanted.items()
                if (scope, members) not in kept
            ]
        )

    @api.model
    def _numbers(self, ids):
        return {key: who.vat for key, who in self.env["hub.matcher"]._parties(ids).items()}


def _joined(edges):
    """Components of a graph: ``[(sorted ids, the strongest likeness)]``."""
    leader = {}

    def lead(key):
        while leader.setdefault(key, key) != key:
            leader[key] = leader[leader[key]]
            key = leader[key]
        return key

    for low, high, _found in edges:
        leader[lead(low)] = lead(high)
    members, best = defaultdict(set), {}
    for low, high, found in edges:
        root = lead(low)
        members[root] |= {low, high}
        if root not in best or found.points > best[root].points:
            best[root] = found
    return [(sorted(ids), best[root]) for root, ids in members.items()]
