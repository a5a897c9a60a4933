from odoo.exceptions import AccessError
from odoo.tests import tagged

from .test_ownership import OwnershipCase


@tagged("post_install", "-at_install")
class TestOwnershipMatrix(OwnershipCase):
    """What the matrix shows, and to whom."""

    def matrix(self, entity="customer", company=False, user=None):
        found = self.env.ref(f"lead_to_cash_hub.entity_{entity}")
        return self.env["hub.ownership"].with_user(user or self.boss).get_matrix(found.id, company)

    def row(self, name, **where):
        return next(row for row in self.matrix(**where)["rows"] if row["name"] == name)

    def cell(self, name, **where):
        return next(c for c in self.row(name, **where)["cells"] if c["system"] == self.system.id)

    def test_fields_beside_systems(self):
        self.rule("phone", "system", self.system)
        phone, balance = self.row("phone"), self.row("balance")
        self.assertEqual(
            (phone["rule"], phone["owner"], phone["set"]), ("system", self.system.id, True)
        )
        self.assertEqual((balance["rule"], balance["set"]), ("odoo", False))
        cell = self.cell("phone")
        self.assertTrue(cell["comes"] and cell["owner"] and cell["listened"])
        self.assertFalse(cell["goes"] or cell["sends"])
        cell = self.cell("balance")
        self.assertTrue(cell["goes"] and cell["sends"] and cell["granted"])
        self.assertIn("Granted by", cell["grant_text"])

    def test_what_a_rule_leaves_out_is_seen(self):
        self.rule("phone", "odoo")
        cell = self.cell("phone")
        self.assertTrue(cell["comes"])
        self.assertFalse(cell["listened"])

    def test_a_company_with_a_rule_of_its_own(self):
        self.env["hub.ownership"].with_user(self.boss).set_rule(
            self.field("close_date", "opportunity").id, "odoo", False, self.company.id
        )
        everywhere = self.row("close_date", entity="opportunity")
        here = self.row("close_date", entity="opportunity", company=self.company.id)
        self.assertEqual((everywhere["rule"], here["rule"]), ("hold", "odoo"))
        self.assertTrue(here["set_here"])
        self.env["hub.ownership"].with_user(self.boss).set_rule(
            self.field("close_date", "opportunity").id, False, False, self.company.id
        )
        here = self.row("close_date", entity="opportunity", company=self.company.id)
        self.assertEqual((here["rule"], here["set_here"]), ("hold", False))

    def test_a_shared_entity_shows_no_company(self):
        self.assertFalse(self.matrix(company=self.company.id)["company"])

    def test_systems_of_other_companies_are_not_shown(self):
        other = self.env["res.company"].create({"name": "Other Ltd"})
        stranger = self._make_role("stranger", "manager", company=other)
        self.assertEqual(self.matrix(user=stranger)["systems"], [])

    def test_viewers_look_and_others_do_not(self):
        viewer = self._make_role("victor", "viewer")
        self.assertFalse(self.matrix(user=viewer)["can_edit"])
        self.assertTrue(self.matrix()["can_edit"])
        nobody = self._make_role("nobody")
        with self.assertRaises(AccessError):
            self.matrix(user=nobody)

    def test_twice_as_many_fields_cost_no_more_queries(self):
        def queries():
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            self.matrix()
            return self.env.cr.sql_log_count - before

        queries()
        single = queries()
        entity = self.env.ref("lead_to_cash_hub.entity_customer")
        mapping = self.system.mapping_ids.filtered(
            lambda m: m.direction == "in" and m.entity_id == entity
        )
        for field in entity.field_ids:
            # What a field alone writes has one writer: its copy is a handler's.
            own = {"odoo_field": False} if field.binding == "field" else {}
            extra = field.copy({"name": f"{field.name}_more", "binding": "handler", **own})
            self.env["hub.mapping.line"].create(
                {"mapping_id": mapping.id, "field_id": extra.id, "path": f"properties.x{extra.id}"}
            )
        queries()  # the caches of configuration, which the new fields emptied
        self.assertLessEqual(queries(), single + 2)
