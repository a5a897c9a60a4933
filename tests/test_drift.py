"""Schema drift as a list of proposals: what a source sends differently."""

from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from .hub_common import HubCase


@tagged("post_install", "-at_install")
class TestDrift(HubCase):
    def look(self):
        self.env["hub.drift"]._look()
        self.env.flush_all()
        return {
            d.path: d for d in self.env["hub.drift"].search([("system_id", "=", self.system.id)])
        }

    def test_what_changes_in_a_source_is_listed_once(self):
        self.receive(*[self._company(f"a{n}", city="Ulm", zip="89073") for n in range(25)])
        self.assertFalse(self.look(), "the first look only learns")
        self.receive(
            *[self._company(f"b{n}", city="Ulm", zip=89073, tier="gold") for n in range(25)]
        )
        found = self.look()
        self.assertEqual(
            {path: (d.change, d.was or "", d.now, d.is_mapped) for path, d in found.items()},
            {
                "properties.tier": ("appeared", "", "text", False),
                "properties.zip": ("type", "text", "number", True),
            },
        )
        self.receive(*[self._company(f"c{n}", zip=89073, tier="gold") for n in range(25)])
        newer = self.look()
        self.assertEqual(newer["properties.city"].change, "vanished")
        self.assertEqual(len(newer), 3, "what is known is not said again")
        self.assertEqual(len(self.look()), 3)

    def test_what_is_new_is_said_within_the_hour_and_what_is_gone_once_it_is_sure(self):
        self.receive(*[self._company(f"a{n}", city="Ulm") for n in range(25)])
        self.look()
        for hour in range(20):
            self.receive(self._company(f"b{hour}", tier="gold"))
            found = self.look()
            self.assertEqual(found["properties.tier"].change, "appeared")
            self.assertEqual("properties.city" in found, hour == 19)
        self.assertEqual(found["properties.city"].change, "vanished")

    def test_what_a_look_costs_grows_with_streams_that_got_something_not_with_messages(self):
        def cost(*incoming):
            self.receive(*incoming)
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            self.env["hub.drift"]._look()
            self.env.flush_all()
            return self.env.cr.sql_log_count - before

        cost(self._company("0"))
        few = cost(*[self._company(f"a{n}") for n in range(5)])
        self.assertEqual(cost(*[self._company(f"b{n}") for n in range(10)]), few)
        self.assertLess(cost(), few, "nothing new, nothing read")
        self.receive(self._notice("customer", "c1"))
        self.look()
        shape = self.env["hub.shape"].search([("stream_id.entity_id.code", "=", "customer")])
        newest = self.env["hub.message"].search([], limit=1).id
        self.assertEqual(shape.last_message, newest, "what has no content is not looked at again")

    def test_only_paths_and_types_are_kept(self):
        self.receive(self._company("1", city="Secretville"))
        self.look()
        self.env.cr.execute("SELECT known::text FROM hub_shape")
        self.assertNotIn("Secretville", str(self.env.cr.fetchall()))

    def test_a_manager_looks_and_closes_and_nobody_edits(self):
        stream = self.system.stream_ids.filtered(
            lambda s: s.direction == "in" and s.entity_id.code == "customer"
        )
        drift = self.env["hub.drift"].create(
            {"stream_id": stream.id, "path": "a", "change": "appeared"}
        )
        manager, viewer = (
            self._make_role("drift-m", "manager"),
            self._make_role("drift-v", "viewer"),
        )
        with self.assertRaises(AccessError):
            drift.with_user(viewer).action_done()
        with self.assertRaises(UserError):
            drift.with_user(manager).path = "b"
        self.assertEqual(
            drift.with_user(manager).action_mapping()["tag"], "lead_to_cash_hub.mapping_editor"
        )
        drift.with_user(manager).action_done()
        self.assertEqual(drift.state, "done")
        self.env.invalidate_all()
        other = self.env["res.company"].create({"name": "Elsewhere"})
        foreign = self._make_role("drift-f", "manager", company=other)
        self.assertFalse(self.env["hub.drift"].with_user(foreign).search([]))

    def drift(self, path, change):
        stream = self.system.stream_ids.filtered(
            lambda s: s.direction == "in" and s.entity_id.code == "customer"
        )
        return (
            self.env["hub.drift"]
            .create({"stream_id": stream.id, "path": path, "change": change, "is_mapped": True})
            .with_user(self._make_role("drift-p", "manager"))
        )

    def proposed(self, drift):
        change = self.env["hub.change"].browse(drift.action_propose()["res_id"])
        self.assertEqual((change.state, drift.state), ("draft", "done"))
        self.assertIn(drift.path, change.name)
        return change.item_ids

    def test_what_vanished_is_proposed_away(self):
        item = self.proposed(self.drift("properties.city", "vanished"))
        self.assertEqual((item.kind, item.res_model), ("delete", "hub.mapping.line"))
        self.assertIn("City", item.name)
        line = self.env["hub.mapping.line"].browse(item.res_id)
        self.assertTrue(line.exists(), "it is a proposal")

    def test_what_appeared_is_proposed_where_a_field_resembles_it(self):
        line = self.env["hub.mapping.line"].search(
            [("mapping_id.system_id", "=", self.system.id), ("field_id.name", "=", "city")]
        )
        line.unlink()
        self.work(self._company("1", city="Ulm", tier="gold"))
        item = self.proposed(self.drift("properties.city", "appeared"))
        self.assertEqual((item.kind, item.values["path"]), ("create", [None, "properties.city"]))
        with self.assertRaisesRegex(UserError, "beside a payload"):
            self.drift_again("properties.tier").action_propose()

    def drift_again(self, path):
        first = self.env["hub.drift"].search([], limit=1)
        return self.env["hub.drift"].create(
            {"stream_id": first.stream_id.id, "path": path, "change": "appeared"}
        )

    def test_another_type_is_proposed_as_another_transform(self):
        line = self.env["hub.mapping.line"].search(
            [("mapping_id.system_id", "=", self.system.id), ("field_id.name", "=", "country"),
             ("mapping_id.entity_id.code", "=", "customer")]
        )  # fmt: skip
        line.write({"path": "properties.country", "transform": "none"})
        self.work(self._company("1", country="Germany"))
        item = self.proposed(self.drift("properties.country", "type"))
        self.assertEqual(item.values["transform"], ["none", "country_code"])
