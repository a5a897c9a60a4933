import random
from collections import defaultdict

from odoo.tests import tagged

from ..core.problem import Problem
from ..models.flow.cursors import short_cursor
from .hub_common import OPEN
from .test_engine_cost import unlike
from .test_rules import RuleCase

HISTORIES, SEED = 48, 20260301
# What may be wrong with a version of a record, and how often of ten: refused, tried too often, held for an approval.
BAD = ("failed", "dead", "held")


def history(rng):
    """What happened at a source with four records, in order: ``A`` and ``B`` are made, changed, deleted, restored
    and merged into each other or into ``N``; ``C`` is of a source without versions.

    :return: list of ``(record, number, what, more)``: ``what`` is ``good``, one of ``BAD``, ``delete`` or ``merge``
        (``more`` names the survivor). The last version of each is good.
    """
    events, last, merged, targets = [], {}, set(), set()

    def tell(key, what, more=None):
        events.append((key, len(events) + 1, what, more))
        last[key] = what

    for _turn in range(rng.randint(5, 12)):
        key = rng.choice("AABBC")
        if key in merged:
            continue
        way, others = rng.random(), {"A": "BN", "B": "AN", "C": ""}[key]
        into = [
            other for other in others if other not in merged and (other == "N" or other in last)
        ]
        ends = last.get(key) == "good" and key not in targets and key != "C"
        if ends and way < 0.15:
            tell(key, "delete")
        elif ends and into and way < 0.4:
            survivor = rng.choice(into)
            merged.add(key)
            targets.add(survivor)
            tell(key, "merge", survivor)
            tell(survivor, "good")  # its values are new after a merge
        else:
            tell(key, rng.choice(BAD) if way > 0.7 else "good")
    for key in [key for key, what in last.items() if what in BAD]:
        tell(key, "good")
    return events


@tagged("post_install", "-at_install")
class TestEngineHistories(RuleCase):
    """Whatever comes twice, late, mixed and in any batches leaves the state that the same things leave in order:
    random histories through the statements that park, supersede, claim and apply, against the run in order."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.ordered = cls._make_system("In order", account_ref="1")
        cls.boss = cls._make_role("history-boss", "manager", "base.group_partner_manager")

    def setUp(self):
        super().setUp()
        self._rule(field="city", name="City known", effect="hold", sentence="{name} has no city.")
        self.stub = self._use_stub()
        (self.system | self.ordered).stream_ids.retry_budget = 1
        check = type(self.env["hub.handler.customer"])._hub_check

        def refuse(handler, items):
            check(handler, items)
            for item in items:
                if item.values.get("street") == "dead":
                    item.problem = Problem("error_lock", kind="lock")

        self._patch("hub.handler.customer", "_hub_check", refuse)
        self.env.cr.execute("SELECT setseed(0.5)")  # partitions are taken in a random order

    # -- what arrives --------------------------------------------------------------------------------

    def _payload(self, name, number, what):
        word = unlike(name)
        values = {"name": word, "domain": f"{word}.example", "zip": str(number), "city": "Austin"}
        values |= {
            "failed": {"country": "Atlantis"},
            "dead": {"address": "dead"},
            "held": {"city": ""},
        }.get(what, {})
        return {"id": name, "properties": values, "version": number}

    def _arrivals(self, prefix, number, events):
        """The messages of one history; what the source says now is there to be read, too."""
        arrivals = []
        for key, at, what, more in events:
            name = f"{prefix}{number}{key}"
            if what in ("delete", "merge"):
                one = self._event(
                    "customer",
                    name,
                    what,
                    number=at,
                    merged_into=more and f"{prefix}{number}{more}",
                )
            else:
                payload = self._payload(name, at, what)
                moment = None if key == "C" else at
                one = self._incoming("customer", name, payload, moment)
                self.stub.records["customer", name] = payload
            arrivals.append((key, one))
        return arrivals

    def _store(self, system, incoming):
        with short_cursor(self.env) as cr:
            self.env["hub.receive"]._store(cr, system.id, system.account_ref, incoming, lane=1)

    def _mixed(self, rng, arrivals):
        """Each up to three times, in any order; what has no version stays in the order in which it was read."""
        copies = [pair for pair in arrivals for _copy in range(rng.choice((1, 1, 2, 3)))]
        rng.shuffle(copies)
        unversioned = iter([one for key, one in arrivals if key == "C"])
        seen = set()
        for place, (key, one) in enumerate(copies):
            if key == "C":
                copies[place] = (key, None if id(one) in seen else next(unversioned))
                seen.add(id(one))
        return [one for _key, one in copies if one is not None]

    # -- the engine ----------------------------------------------------------------------------------

    def _batches(self, rng, system, streams):
        """Receive from all streams of arrivals by turns; in between batches of any size, of what is due."""
        streams = [list(stream) for stream in streams]
        while any(streams):
            part = []
            for stream in streams:
                part += [stream.pop(0) for _turn in range(rng.randint(0, 2)) if stream]
            self._store(system, part)
            self.env.cr.execute(
                "SELECT id FROM hub_message WHERE state = 'pending' AND system_id = %s ORDER BY id",
                [system.id],
            )
            late = [row[0] for row in self.env.cr.fetchall() if rng.random() < 0.3]
            self.env.cr.execute(
                "UPDATE hub_message SET next_attempt_at = next_attempt_at + interval '1 hour' WHERE id = ANY(%s)",
                [late],
            )
            with self.engine_env() as env:
                for _turn in range(rng.randint(0, 2)):
                    env["hub.apply"]._slice(1, rng.randint(1, 120))
                    env["hub.fetch"]._slice()
            if rng.random() < 0.2:
                self.later()

    def _in_order(self, system, streams):
        """Each message by itself, as far as its own record is concerned."""
        for step in range(max(map(len, streams))):
            self._store(system, [stream[step] for stream in streams if step < len(stream)])
            self.drain()

    def _decide(self, system):
        """Come to rest, with a person who decides all that is asked: what was deleted stays, what was merged is
        merged here too, what is held is let through, what is wrong is left out."""
        domain = [("system_id", "=", system.id), ("state", "in", OPEN)]
        for _turn in range(12):
            self.later()
            self.drain()
            open_ones = self.env["hub.message"].search(domain, order="id")
            if not open_ones:
                return
            for message in open_ones:
                if message.state == "held":
                    waiting = message.approval_ids.filtered(lambda a: a.state == "waiting")
                    waiting.with_user(self.boss).action_approve()
                elif message.state in ("failed", "dead"):
                    self._answer(message)
        self.fail(f"{[(m.external_id, m.state, m.reason, m.params) for m in open_ones]}")

    def _answer(self, message):
        exception = message.exception_ids.filtered(lambda e: e.state == "open")
        self.assertEqual(
            len(exception), 1, f"{message.external_id} {message.state} {message.reason}"
        )
        if exception.code != "merged_at_source":
            message._skip("not needed")
            return
        survivor = self.partner_of(message.merged_into, system=message.system_id)
        loser = self.partner_of(message.external_id, system=message.system_id)
        group = self.env["hub.duplicate"]._of_partners(survivor | loser)
        group.with_user(self.boss).merge_partners(survivor.id, {})
        self.env.flush_all()

    def _result(self, system, prefix):
        """Of each history: which ids are one record, and what it says."""
        links = self.env["hub.link"].search([("system_id", "=", system.id)])
        partners = self.env["res.partner"].with_context(active_test=False)
        found = defaultdict(dict)
        for link in links:
            number, key = link.external_id.removeprefix(prefix)[:-1], link.external_id[-1]
            partner = partners.browse(link.res_id).exists()
            same = links.filtered(lambda one, link=link: one.res_id == link.res_id)
            found[int(number)][key] = (
                "".join(sorted(one.external_id[-1] for one in same)),
                partner.zip,
                partner.active,
            )
        return dict(found)

    def test_any_interleaving_leads_to_the_state_of_the_run_in_order(self):
        rng = random.Random(SEED)
        histories = [history(rng) for _number in range(HISTORIES)]
        mixed = [
            self._mixed(rng, self._arrivals("s", number, events))
            for number, events in enumerate(histories)
        ]
        straight = [
            [one for _key, one in self._arrivals("o", number, events)]
            for number, events in enumerate(histories)
        ]
        self._batches(rng, self.system, mixed)
        self._decide(self.system)
        self._in_order(self.ordered, straight)
        self._decide(self.ordered)
        seen, wanted = self._result(self.system, "s"), self._result(self.ordered, "o")
        states = set(self.env["hub.message"].search([]).mapped("reason"))
        self.assertLessEqual({"superseded", "merge_followed", "stale", "by_person"}, states)
        wrong = [
            (number, events, seen.get(number), wanted.get(number))
            for number, events in enumerate(histories)
            if seen.get(number) != wanted.get(number)
        ]
        self.assertFalse(wrong)
