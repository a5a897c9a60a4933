import random

from odoo.fields import Command
from odoo.tests import tagged

from ..connectors.parts import Outcome
from .test_ownership import OwnershipCase

# canonical field → property of the product, field of the partner
TWO_WAY = {
    "street": ("address", "street"),
    "street2": ("address2", "street2"),
    "city": ("city", "city"),
    "zip": ("zip", "zip"),
    "phone": ("phone", "phone"),
    "website": ("website", "website"),
}


class Portal:
    """A product in memory that keeps companies, takes writes and tells of every change."""

    def __init__(self, test, name, account, seed):
        self.test, self.random = test, random.Random(seed)
        self.system = test._make_system(name, account_ref=account)
        self.companies, self.version, self.changed, self.writes = {}, 1, set(), 0

    def deliver(self, entity, writes):
        outcomes = []
        for write in writes:
            company = self.companies[write.external_id]
            properties = write.values["properties"]
            assert any(company[key] != value for key, value in properties.items()), (
                "written back what it has already"
            )
            company.update(properties)
            self.writes += 1
            self.changed.add(write.external_id)  # it tells of our own writes as well
            outcomes.append(Outcome(write.key, True, write.external_id))
        return outcomes

    def edit(self, key, field, value):
        self.companies[key][TWO_WAY[field][0]] = value
        self.changed.add(key)

    def tell(self):
        """What changed since, as full records in any order, some of them twice."""
        changed = self.random.sample(sorted(self.changed), len(self.changed))
        self.changed.clear()
        told = []
        for key in changed:
            for _time in range(self.random.choice((1, 1, 2))):
                self.version += 1
                told.append(self.test._company(key, self.version, **self.companies[key]))
        return told


@tagged("post_install", "-at_install")
class TestOwnershipEcho(OwnershipCase):
    """Two systems and Odoo, each two-way: everything settles, and all three agree."""

    def setUp(self):
        super().setUp()
        for name in TWO_WAY:
            self.field(name).direction = "both"
            self.rule(name, "hold")
        self.portals = [Portal(self, "North", "111", 1), Portal(self, "South", "222", 2)]
        connectors = {portal.system.id: portal for portal in self.portals}
        self._patch("hub.system", "_connector", lambda system: connectors[system.id])
        for portal in self.portals:
            system = portal.system
            mapping = system.mapping_ids.filtered(
                lambda m: m.direction == "out" and m.entity_id.code == "customer"
            )
            mapping.line_ids = [
                Command.clear(),
                *(
                    Command.create(
                        {"field_id": self.field(name).id, "path": f"properties.{theirs}"}
                    )
                    for name, (theirs, _ours) in TWO_WAY.items()
                ),
            ]
            system.grant_ids.action_revoke()
            system.action_grant_write_back()
            streams = system.with_context(active_test=False).stream_ids
            streams.filtered(
                lambda s: s.direction == "out" and s.entity_id.code == "customer"
            ).active = True
        self._patch("hub.handler.customer", "_hub_compose", lambda *args: {})
        self.env.flush_all()

    def _meet(self, count):
        """Customers that all three know."""
        north, south = self.portals
        for number in range(1, count + 1):
            vat = f"DE{number:09}"
            values = {theirs: f"{name} {number}" for name, (theirs, _ours) in TWO_WAY.items()}
            values |= {"phone": f"+4930{number:07}", "website": f"http://w{number}.example"}
            for portal in self.portals:
                portal.companies[str(number)] = {
                    "name": f"Firm {number}",
                    "domain": f"firm{number}.example",
                    "vat_number": vat,
                    **values,
                }
                portal.changed.add(str(number))
        for portal in (north, south):
            self.work(*portal.tell(), system=portal.system)
        for key in north.companies:
            self.assertEqual(
                self.partner_of(key, system=north.system), self.partner_of(key, system=south.system)
            )

    def _round(self):
        """Everybody tells what changed, and the engine comes to rest; says whether anything was told."""
        told = False
        for portal in self.portals:
            messages = portal.tell()
            told = told or bool(messages)
            if messages:
                self.work(*messages, system=portal.system)
        self.drain()
        return told

    def _value(self, chance, field):
        number = chance.randrange(1_000_000)
        if field == "phone":
            return f"+4930{number:07}"
        return f"http://v{number}.example" if field == "website" else f"{field} {number}"

    def _agree(self):
        for key in self.portals[0].companies:
            partner = self.partner_of(key, system=self.portals[0].system)
            for name, (theirs, ours) in TWO_WAY.items():
                values = {portal.companies[key][theirs] for portal in self.portals}
                self.assertEqual(values, {partner[ours]}, f"{name} of {key}")

    def test_200_random_edits_settle_within_two_rounds(self):
        self._meet(10)
        chance = random.Random(20260301)
        # Each field of each customer is edited at one place at a time: what is edited at two places
        # before they have spoken is a question, see below.
        places = [(str(n), f) for n in range(1, 11) for f in TWO_WAY]
        edits = 0
        while edits < 200:
            chance.shuffle(places)
            for key, field in places[:40]:
                who = chance.randrange(3)
                value = self._value(chance, field)
                if who == 2:
                    partner = self.partner_of(key, system=self.portals[0].system)
                    self.types(partner, **{TWO_WAY[field][1]: value})
                else:
                    self.portals[who].edit(key, field, value)
                edits += 1
            self.drain()
            self._round()
            self._round()
            self._agree()
        self.assertFalse(self.issues("merge_conflict"))
        written = [portal.writes for portal in self.portals]
        while self._round():  # the last echoes
            pass
        self.assertEqual([portal.writes for portal in self.portals], written, "nothing loops")
        self._agree()

    def test_200_edits_of_the_same_fields_at_once_agree_when_the_questions_are_answered(self):
        self._meet(5)
        chance = random.Random(7)
        for _edit in range(200):
            key, field = str(chance.randrange(1, 6)), chance.choice(sorted(TWO_WAY))
            value, who = self._value(chance, field), chance.randrange(3)
            if who == 2:
                partner = self.partner_of(key, system=self.portals[0].system)
                self.types(partner, **{TWO_WAY[field][1]: value})
            else:
                self.portals[who].edit(key, field, value)
        # The portals speak before Odoo sends anything.
        for portal in self.portals:
            messages = self.receive(*portal.tell(), system=portal.system)
            with self.engine_env() as env:
                while env["hub.apply"]._slice(1, 200):
                    pass
            self.assertTrue(messages)
        for _turn in range(6):
            for exception in self.issues("merge_conflict").exception_ids.filtered(
                lambda e: e.state == "open"
            ):
                conflict = self.env["hub.conflict"].browse(exception.action_decide()["res_id"])
                for line in conflict.line_ids:
                    line.take = chance.choice(("odoo", "source"))
                conflict.reason = "a coin"
                if conflict.line_ids:
                    conflict.action_confirm()
            self.drain()
            if not self._round() and not self.issues("merge_conflict"):
                break
        self.assertFalse(self.issues("merge_conflict"))
        self._agree()
