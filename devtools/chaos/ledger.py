"""Phase 2 of a trial: each event and each record is asked for, in Odoo and in the products."""

import json
from collections import Counter, defaultdict

from .source import word

FINAL = ("done", "skipped", "failed", "dead")
NO_EFFECT = ("html", "status")  # faults that answer in place of the product
# What only a person can decide about records that the CRM deleted or merged.
OF_THE_ENDED = {
    "deleted_at_source", "merged_at_source", "not_found_at_source", "ambiguous_match", "error_reference",
    "possible_duplicate",  # it resembles the record that it was, or became
}  # fmt: skip


class Ledger:
    """Compares what was sent with what is there.

    :param stage: the :class:`~.stage.Stage`
    :param source: the :class:`~.source.Source`, with what must be true
    :param projects: names of the projects that Odoo was to send
    :attr counts: the figures of the report; :attr faults: per figure, what was found wrong
    """

    def __init__(self, stage, source, projects):
        self.stage, self.source, self.projects = stage, source, projects
        self.counts = {}
        self.faults = {"lost": [], "doubled": [], "out of order": [], "half-made": []}

    def close(self):
        """Ask for everything."""
        self.links = defaultdict(dict)
        for entity, external_id, res_id, name in self.stage.sql(
            """SELECT e.code, l.external_id, l.res_id, p.name FROM hub_link l
                 JOIN hub_entity e ON e.id = l.entity_id
                 LEFT JOIN res_partner p ON p.id = l.res_id WHERE l.res_model = 'res.partner'"""
        ):
            self.links[entity][external_id] = (res_id, name)
        self._stored()
        self._states()
        self._customers()
        self._contacts()
        self._partners()
        self._traces()
        self._order()
        self._sent()
        self._projects()

    def wrong(self, kind, text):
        self.faults[kind].append(text)

    # -- what came in ------------------------------------------------------------------------------

    def _stored(self):
        """The raw bytes of each event, once for each message that the event makes."""
        stored = Counter(
            number
            for (number,) in self.stage.sql(
                """SELECT (convert_from(body, 'UTF8')::jsonb ->> 'eventId')::bigint FROM hub_payload
                    WHERE position('"eventId"'::bytea IN body) > 0"""
            )
        )
        for event in self.source.events:
            wanted = len(event["mergedObjectIds"]) + 1 if "mergedObjectIds" in event else 1
            found = stored.pop(event["eventId"], 0)
            if found < wanted:
                self.wrong("lost", f"event {event['eventId']}: stored {found} of {wanted}")
            elif found > wanted:
                self.wrong("doubled", f"event {event['eventId']}: stored {found} times")
        for number in stored:
            self.wrong("doubled", f"event {number} was never sent")
        self.counts["stored"] = len(self.source.events) - sum(
            text.startswith("event ") for text in self.faults["lost"]
        )

    def _states(self):
        """Every message has come to its end; questions are asked only where one was to be expected."""
        states = Counter()
        self.asked, poisoned, asked = set(), set(), 0
        ended = set().union(*self.source.ended.values())
        ended |= {key for survivor, gone in self.source.merged for key in (survivor, *gone)}
        rows = self.stage.sql(
            """WITH RECURSIVE asked AS (
                   SELECT m.id, m.order_key, x.code FROM hub_message m
                     JOIN hub_exception x ON x.message_id = m.id AND x.state = 'open'
                    UNION
                   SELECT m.id, m.order_key, a.code FROM asked a
                     JOIN hub_message m ON m.wait_key = a.order_key AND (a.id < m.id OR m.reason = 'waits_for')
                    WHERE m.state = 'waiting')
               SELECT DISTINCT ON (m.id) m.id, m.direction,
                      CASE WHEN m.state = 'waiting' AND a.id IS NOT NULL THEN 'failed' ELSE m.state END,
                      m.external_id, m.reason, a.code, m.params
                 FROM hub_message m LEFT JOIN asked a ON a.id = m.id
                ORDER BY m.id, a.code"""
        )
        for number, direction, state, key, reason, code, params in rows:
            states[direction, state] += 1
            what = f"message {number} ({direction} {key}): {state} {reason}"
            if state not in FINAL:
                self.wrong("lost", what)
            elif state in ("failed", "dead"):
                asked += 1
                if code is None:
                    self.wrong("lost", f"{what}, and nobody is asked")
                elif key in self.source.poisoned:
                    if code in ("kills_worker", "bug"):
                        poisoned.add(key)
                elif key in ended and code in OF_THE_ENDED:
                    self.asked.add(key)
                else:
                    gone = "ended" if key in ended else "lives"
                    self.wrong("lost", f"{what}, without need ({gone}): {params}")
        for key in set(self.source.poisoned) - poisoned:
            self.wrong("lost", f"company {key}: its poison is before nobody")
        self.counts["applied"] = states["in", "done"]
        self.counts["asked"] = asked
        self.counts["delivered"] = states["out", "done"]

    def _customers(self):
        for key in self.source.companies:
            _partner, name = self.links["customer"].get(key, (None, None))
            if name is None:
                self.wrong("lost", f"company {key} is not in Odoo")
            elif key in self.asked:
                continue  # what it is called waits for a person's answer
            elif name != self.source.name(key):
                self.wrong(
                    "out of order",
                    f"company {key}: {name}, not {self.source.name(key)}; {self._past(key)}",
                )
        for key, revision in self.source.poisoned.items():
            _partner, name = self.links["customer"].get(key, (None, None))
            # The last good revision may have been read as poison already.
            if name not in {f"{word(key)} r{number}" for number in range(revision + 1)}:
                self.wrong("half-made", f"company {key}: {name} after what could not be written")

    def _past(self, key):
        """What became of a record's messages, for who looks for the cause."""
        family = next((f for f in self.source.families() if key in f), {key})
        return self.stage.sql(
            """SELECT external_id, id, kind, action, state, reason, version, res_id FROM hub_message
                WHERE direction = 'in' AND (external_id = ANY(%(family)s) OR order_key IN (
                      SELECT wait_key FROM hub_message WHERE external_id = ANY(%(family)s)))
                ORDER BY done_at, id""",
            {"family": sorted(family)},
        )

    def _contacts(self):
        parents = dict(self.stage.sql("SELECT id, parent_id FROM res_partner"))
        for key, revision in self.source.contacts.items():
            partner, name = self.links["contact"].get(key, (None, None))
            if name is None:
                self.wrong("lost", f"contact {key} is not in Odoo")
                continue
            if name != f"{word(key)} r{revision}":
                self.wrong("out of order", f"contact {key}: {name}, not r{revision}")
            company, _name = self.links["customer"].get(self.source.company_of[key], (None, None))
            if parents[partner] is None or parents[partner] != company:
                self.wrong("half-made", f"contact {key} is not at its company")

    def _partners(self):
        """One partner for each record; of those that were merged at most one each, all known."""
        made = Counter(
            first
            for (first,) in self.stage.sql(
                "SELECT split_part(name, ' ', 1) FROM res_partner WHERE name ~ '^W[0-9a-f]{11} r[0-9]+$'"
            )
        )
        for family in self.source.families():
            found = sum(made.pop(word(key), 0) for key in family)
            if found > len(family):
                self.wrong("doubled", f"{found} partners for {sorted(family)}")
        for first, count in made.items():
            if count > 1:
                self.wrong("doubled", f"{count} partners {first}")
        linked = {partner for links in self.links.values() for partner, _name in links.values()}
        for partner, name in self.stage.sql(
            "SELECT id, name FROM res_partner WHERE name ~ '^(W[0-9a-f]{11}|chaos-[a-z]+) r[0-9]+$'"
        ):
            if partner not in linked:
                self.wrong("half-made", f"partner {partner} ({name}) has no link")

    def _traces(self):
        """What took effect has its trace, and nothing has the trace of what did not."""
        checks = {
            "message done without an audit row": """
                SELECT m.id FROM hub_message m WHERE m.state = 'done' AND m.reason IN ('applied', 'sent')
                   AND NOT EXISTS (SELECT 1 FROM hub_audit a WHERE a.message_id = m.id
                                      AND a.action IN ('apply', 'deliver'))""",
            "message done without its record": """
                SELECT m.id FROM hub_message m WHERE m.state = 'done' AND m.direction = 'in'
                   AND NOT EXISTS (SELECT 1 FROM res_partner p WHERE p.id = m.res_id)""",
            "audit row of a message that is not done": """
                SELECT a.message_id FROM hub_audit a JOIN hub_message m ON m.id = a.message_id
                 WHERE a.action IN ('apply', 'deliver') AND m.state <> 'done'""",
            "audit row without its values": """
                SELECT a.id FROM hub_audit a WHERE a.action IN ('apply', 'deliver')
                   AND NOT EXISTS (SELECT 1 FROM hub_audit_value v WHERE v.audit_id = a.id)""",
            "link to nothing": """
                SELECT l.id FROM hub_link l WHERE l.res_model = 'res.partner'
                   AND NOT EXISTS (SELECT 1 FROM res_partner p WHERE p.id = l.res_id)""",
            "link without its record": """
                SELECT l.id FROM hub_link l LEFT JOIN hub_record r ON r.id = l.record_id
                 WHERE r.id IS NULL OR (r.res_model, r.res_id) <> (l.res_model, l.res_id)""",
            "run left behind": "SELECT id FROM hub_run",
            "mark that was never composed": "SELECT id FROM hub_outbox",
        }
        for text, query in checks.items():
            for (number,) in self.stage.sql(query):
                self.wrong("half-made", f"{text}: {number}")
        for number, times in self.stage.sql(
            """SELECT message_id, count(*) FROM hub_audit
                WHERE action IN ('apply', 'deliver') AND message_id IS NOT NULL
                GROUP BY 1 HAVING count(*) > 1"""
        ):
            self.wrong("doubled", f"message {number} took effect {times} times")

    def _order(self):
        """Names were written in the order of their revisions, as the audit tells it."""
        written = defaultdict(list)
        for partner, name in self.stage.sql(
            """SELECT a.res_id, v.body -> 'name' ->> 1 FROM hub_audit a
                 JOIN hub_audit_value v ON v.audit_id = a.id
                WHERE a.action = 'apply' AND v.body ? 'name' ORDER BY a.id"""
        ):
            first, _space, revision = name.rpartition(" r")
            written[partner, first].append(int(revision))
        for (partner, first), revisions in written.items():
            if revisions != sorted(revisions):
                self.wrong("out of order", f"partner {partner} ({first}): {revisions}")

    # -- what went out -----------------------------------------------------------------------------

    def _sent(self):
        """The CRM's own record of each write-back: one effect a revision, the last one stays."""
        effects, repeats = defaultdict(list), 0
        for call in self.stage.hubspot.journal:
            taken = call["status"] in (200, 207) and call["fault"] not in NO_EFFECT
            if not (taken and call["path"].endswith("/batch/update")):
                continue
            for one in json.loads(call["body"])["inputs"]:
                effects[one["id"]].append(
                    (one["objectWriteTraceId"], int(one["properties"]["odoo_balance"]))
                )
        for key, writes in effects.items():
            values = [value for _trace, value in writes]
            # A family's records share a partner, so one of them may get the figure of another.
            if key in self.source.companies and not self._merged(key):
                if values != sorted(values):
                    self.wrong("out of order", f"write-back of {key}: {values}")
                if len(set(writes)) != len(set(values)):
                    self.wrong("doubled", f"write-back of {key}: {values}")
            repeats += len(writes) - len(set(writes))
            for trace in {trace for trace, _value in writes}:
                if len({value for other, value in writes if other == trace}) > 1:
                    self.wrong("doubled", f"write-back {trace} with different values")
        for key, revision in self.source.companies.items():
            if self._merged(key) or self._lost_in("customer", key):
                continue
            if not effects[key] or effects[key][-1][1] != revision:
                self.wrong("lost", f"write-back of {key}: {effects[key][-1:]}, not {revision}")
        self.counts["repeated with the same key"] = repeats

    def _merged(self, key):
        return any(key in family for family in self.source.families())

    def _lost_in(self, entity, key):
        """Whether it never came in: then what did not go out is no second fault."""
        return key not in self.links[entity]

    def _projects(self):
        """The tracker has each project once, and its customer."""
        rows = self.stage.harvest.store.rows
        made = Counter(row["name"] for row in rows["projects"].values())
        for name in self.projects:
            if made[name] != 1:
                self.wrong("doubled" if made[name] else "lost", f"project {name}: {made[name]}")
        clients = Counter(row["name"] for row in rows["clients"].values())
        for name, count in clients.items():
            if count > 1:
                self.wrong("doubled", f"client {name}: {count}")
