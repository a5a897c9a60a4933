from contextlib import contextmanager

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Command
from odoo.tests import tagged

from ..connectors.errors import ConnectorError
from ..connectors.parts import Outcome
from .hub_common import HubCase


class OwnershipCase(HubCase):
    """Rules by hand, and a person who types."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.ann = cls._make_role("ann", "resolver", "base.group_partner_manager")
        cls.boss = cls._make_role("boss", "manager", "base.group_partner_manager")

    @contextmanager
    def refuses(self, error, text):
        with self.assertRaisesRegex(error, text), self.env.cr.savepoint():
            yield
            self.env.flush_all()

    def field(self, name, entity="customer"):
        return self.env.ref(f"lead_to_cash_hub.field_{entity}_{name}")

    def rule(self, name, rule, owner=None, entity="customer"):
        self.env["hub.ownership"].set_rule(
            self.field(name, entity).id, rule, owner.id if owner else False
        )

    def types(self, partner, **vals):
        """A person types into the form."""
        partner.with_user(self.ann).write(vals)
        self.env.flush_all()

    def link_of(self, external_id, system=None):
        return self.env["hub.link"].search(
            [("external_id", "=", external_id), ("system_id", "=", (system or self.system).id)]
        )

    def stamp(self, partner, name):
        record = self.env["hub.record"].search(
            [("res_model", "=", "res.partner"), ("res_id", "=", partner.id)]
        )
        return (record.provenance or {}).get(name)


@tagged("post_install", "-at_install")
class TestOwnershipRules(OwnershipCase):
    """Each rule in the engine: what is written, what stays, and what it is explained by."""

    def test_what_a_person_typed_over_an_owned_field_stays_until_it_is_released(self):
        self.rule("phone", "system")
        self.work(self._company("1", 1, phone="+16175550100"))
        partner = self.partner_of("1")
        self.types(partner, phone="+16175550199")
        message = self.work(self._company("1", 2, phone="+16175550111", zip="02139"))
        self.assertStates(message, "done:applied")
        self.assertEqual((partner.phone, partner.zip), ("+16175550199", "02139"))
        self.assertIn("Phone (typed by a person)", message.explanation)
        # a third version does not wear it down
        self.work(self._company("1", 3, phone="+16175550122", zip="02139"))
        self.assertEqual(partner.phone, "+16175550199")
        self.env["hub.origins"].with_user(self.ann).release(self.link_of("1").id, "phone")
        self.drain()
        self.assertEqual(partner.phone, "+16175550122")
        self.work(self._company("1", 4, phone="+16175550133", zip="02139"))
        self.assertEqual(partner.phone, "+16175550133", "released: the owner's again")

    def test_releasing_gives_back_a_value_that_never_changed_at_the_source(self):
        self.rule("phone", "system")
        self.work(self._company("1", 1, phone="+16175550100"))
        partner = self.partner_of("1")
        self.types(partner, phone="+16175550199")
        self.env["hub.origins"].with_user(self.ann).release(self.link_of("1").id, "phone")
        self.drain()
        self.assertEqual(partner.phone, "+16175550100")

    def test_a_field_of_odoos_own_is_never_taken_from_the_source(self):
        self.rule("website", "odoo")
        self.work(self._company("1", 1, website="https://one.example"))
        partner = self.partner_of("1")
        self.assertFalse(partner.website)
        self.types(partner, website="https://ours.example")
        message = self.work(self._company("1", 2, website="https://two.example"))
        self.assertEqual(partner.website, "https://ours.example")
        self.assertStates(message, "skipped:kept")
        self.assertIn("Website (Odoo owns it)", message.explanation)
        again = self.work(self._company("1", 3, website="https://two.example"))
        self.assertStates(again, "skipped:unchanged")

    def test_a_record_is_made_with_what_it_requires_whoever_owns_it(self):
        self.rule("name", "odoo")
        self.work(self._company("1", 1, name="First name"))
        partner = self.partner_of("1")
        self.assertEqual(partner.name, "First name")
        self.work(self._company("1", 2, name="Second name"))
        self.assertEqual(partner.name, "First name")

    def test_a_field_that_is_not_exchanged_stays_away(self):
        self.rule("street2", "none")
        self.work(self._company("1", 1, address2="Floor 3"))
        self.assertFalse(self.partner_of("1").street2)

    def test_a_blank_empties_only_where_the_rule_says_so(self):
        self.rule("website", "system")
        self.work(self._company("1", 1, website="https://a.example", phone="+16175550100"))
        partner = self.partner_of("1")
        self.work(self._company("1", 2, website="", phone=""))
        self.assertFalse(partner.website, "the system, always")
        self.assertEqual(partner.phone, "+16175550100", "unless it is blank there")

    def test_only_the_owner_is_listened_to(self):
        other = self._make_system("Second portal", account_ref="777")
        self.rule("phone", "system", self.system)
        self.work(self._company("1", 1, phone="+16175550100", vat_number="DE136695976"))
        partner = self.partner_of("1")
        message = self.work(
            self._company(
                "9", 1, domain="c1.example", phone="+16175550999", vat_number="DE136695976"
            ),
            system=other,
        )
        self.assertEqual(self.partner_of("9", system=other), partner)
        self.work(
            self._company(
                "9", 2, domain="c1.example", phone="+16175550998", vat_number="DE136695976"
            ),
            system=other,
        )
        self.assertEqual(partner.phone, "+16175550100")
        self.assertStates(message, "done")

    def test_of_many_edits_the_last_one_is_kept(self):
        self.work(self._company("1", 1, phone="+16175550100"))
        for number in range(3):
            self.types(self.partner_of("1"), phone=f"+1617555019{number}")
        self.env["hub.edit"]._gc_former()
        self.env.cr.execute("SELECT count(*), max(name) FROM hub_edit")
        self.assertEqual(self.env.cr.fetchone(), (1, "phone"))

    def test_the_newer_change_wins(self):
        self.rule("phone", "newest")
        self.work(self._company("1", 1, phone="+16175550100"))
        partner = self.partner_of("1")
        self.types(partner, phone="+16175550199")  # today, after the source's 1 March 2026
        self.env.cr.execute("UPDATE hub_edit SET at = '2026-02-01'")
        self.work(self._company("1", 2, phone="+16175550111"))
        self.assertEqual(partner.phone, "+16175550111")
        self.types(partner, phone="+16175550199")
        self.env.cr.execute("UPDATE hub_edit SET at = '2026-04-01'")
        self.work(self._company("1", 3, phone="+16175550122"))
        self.assertEqual(partner.phone, "+16175550199")

    def test_whoever_filled_it_first_goes_on_to_own_it(self):
        self.rule("phone", "first")
        self.rule("website", "first")
        self.work(self._company("1", 1, phone="+16175550100"))
        partner = self.partner_of("1")
        self.types(partner, website="https://ours.example")
        self.work(self._company("1", 2, phone="+16175550111", website="https://theirs.example"))
        self.assertEqual(partner.phone, "+16175550111")
        self.assertEqual(partner.website, "https://ours.example")

    def test_the_field_remembers_system_message_rule_and_time(self):
        message = self.work(self._company("1", 1, zip="02139"))
        stamp = self.stamp(self.partner_of("1"), "zip")
        self.assertEqual(
            (stamp["system"], stamp["message"], stamp["rule"], stamp["why"]),
            (self.system.id, message.id, "hold", "new"),
        )
        self.assertTrue(stamp["at"])

    def test_another_spelling_in_odoo_is_no_change(self):
        self.work(self._company("1", 1, country="Germany"))
        partner = self.partner_of("1")
        self.assertEqual(partner.country_id.code, "DE")
        message = self.work(self._company("1", 2, country="France"))
        self.assertStates(message, "done")
        self.assertEqual(partner.country_id.code, "FR")

    def test_a_company_may_differ_for_records_of_its_own(self):
        other = self.env["res.company"].create({"name": "Other Ltd"})
        self.technical.company_ids += other
        self.env["hub.ownership"].create(
            {
                "field_id": self.field("close_date", "opportunity").id,
                "company_id": other.id,
                "rule": "odoo",
            }
        )
        book = self.env["hub.ownership"]._book(self.env.ref("lead_to_cash_hub.entity_opportunity"))
        self.assertEqual(book.of("close_date", other.id).name, "odoo")
        self.assertEqual(book.of("close_date", self.company.id).name, "hold")

    # -- what cannot be set --------------------------------------------------------------------

    def test_a_shared_entity_has_one_rule_for_all_companies(self):
        with self.refuses(ValidationError, "shared by all companies"):
            self.env["hub.ownership"].create(
                {
                    "field_id": self.field("balance").id,
                    "company_id": self.company.id,
                    "rule": "odoo",
                }
            )

    def test_one_rule_for_a_field(self):
        with self.assertRaises(Exception):  # noqa: B017 - a unique index
            self.env["hub.ownership"].create({"field_id": self.field("name").id, "rule": "odoo"})
            self.env.flush_all()

    def test_only_a_system_that_brings_the_field_can_own_it(self):
        harvest = self.env["hub.system"].create(
            {"name": "Tracker", "product": "harvest", "base_url": "https://api.harvestapp.com/v2"}
        )
        with self.refuses(ValidationError, "cannot own Phone"):
            self.rule("phone", "system", harvest)

    def test_an_owner_under_a_rule_without_owner_is_refused(self):
        with self.refuses(ValidationError, "Leave the owner empty"):
            self.rule("phone", "odoo", self.system)

    def test_a_required_field_is_always_exchanged(self):
        with self.refuses(ValidationError, "is required"):
            self.rule("name", "none")

    def test_two_owners_of_one_odoo_field_are_refused(self):
        other = self._make_system("Second portal", account_ref="777")
        self.field("domain").odoo_field = "website"
        self.rule("website", "system", self.system)
        with self.refuses(ValidationError, "one owner only"):
            self.rule("domain", "system", other)

    def test_a_circle_is_refused_from_both_ends(self):
        phone = self.field("phone")
        phone.direction = "both"
        mapping = self.system.mapping_ids.filtered(
            lambda m: m.direction == "out" and m.entity_id.code == "customer"
        )
        mapping.line_ids = [Command.create({"field_id": phone.id, "path": "phone"})]
        self.rule("phone", "system", self.system)
        with self.refuses(ValidationError, "in a circle"):
            self.env["hub.grant"].create({"system_id": self.system.id, "field_id": phone.id})
        self.rule("phone", "hold")
        self.env["hub.grant"].create({"system_id": self.system.id, "field_id": phone.id})
        with self.refuses(ValidationError, "in a circle"):
            self.rule("phone", "system", self.system)

    # -- who may -------------------------------------------------------------------------------

    def test_rules_and_grants_are_for_managers(self):
        ownership = self.env["hub.ownership"]
        field = self.field("phone")
        with self.assertRaises(AccessError):
            ownership.with_user(self.ann).set_rule(field.id, "odoo")
        with self.assertRaises(AccessError):
            self.env["hub.grant"].with_user(self.ann).create(
                {"system_id": self.system.id, "field_id": self.field("balance").id}
            )
        with self.assertRaises(AccessError):
            self.env["hub.grant"].with_user(self.ann).toggle_grant(
                self.system.id, self.field("balance").id
            )
        ownership.with_user(self.boss).set_rule(field.id, "odoo")
        self.assertEqual(ownership.search([("field_id", "=", field.id)]).rule, "odoo")

    def test_a_rule_for_a_company_that_the_user_may_not_see_is_refused(self):
        other = self.env["res.company"].create({"name": "Other Ltd"})
        with self.assertRaises(AccessError):
            self.env["hub.ownership"].with_user(self.boss).set_rule(
                self.field("close_date", "opportunity").id, "odoo", False, other.id
            )

    def test_nobody_approves_in_anothers_name(self):
        grants = self.env["hub.grant"].with_user(self.boss)
        live = self.system.grant_ids[0]
        grants.browse(live.id).action_revoke()
        granted = {"system_id": self.system.id, "field_id": live.field_id.id}
        for said in ({"approver_id": self.ann.id}, {"approved_at": "2001-01-01"}):
            with self.assertRaises(AccessError):
                grants.create({**granted, **said})
        again = grants.create(granted)
        self.assertEqual(again.approver_id, self.boss)
        self.assertGreater(again.approved_at.year, 2020)
        with self.assertRaises(UserError):
            again.write({"approver_id": self.ann.id})
        with self.assertRaises(UserError):
            again.unlink()
        self.assertEqual(live.revoked_by_id, self.boss)


@tagged("post_install", "-at_install")
class TestWriteBack(OwnershipCase):
    """Ownership is not permission: without a grant nothing leaves."""

    def setUp(self):
        super().setUp()
        self.stub = self._use_stub()
        self.work(self._company("1"))
        streams = self.system.with_context(active_test=False).stream_ids
        self.out = streams.filtered(
            lambda s: s.direction == "out" and s.entity_id.code == "customer"
        )
        self.out.active = True
        self._patch(
            "hub.handler.customer",
            "_hub_compose",
            lambda handler, records, system: {
                key: {"balance": "12.00", "overdue": "3.00"} for key in records.ids
            },
        )

    def _send(self):
        self.env["hub.compose"]._mark_all("res.partner", self.partner_of("1").ids)
        self.drain()
        return self._all_sent()

    def _all_sent(self):
        return [values for sent in self.stub.effects.values() for values in sent]

    def test_none_by_default_and_only_what_is_granted(self):
        fresh = self._make_system("Fresh", account_ref="5")
        fresh.grant_ids.action_revoke()
        self.assertIn("Customer: Balance", fresh.ungranted)
        self.system.grant_ids.action_revoke()
        self.assertEqual(self._send(), [])
        self.env["hub.grant"].create(
            {"system_id": self.system.id, "field_id": self.field("overdue").id}
        )
        self.assertEqual(self._send(), [{"odoo_overdue": "3.00"}])

    def test_a_rule_may_close_what_a_grant_has_opened(self):
        self.rule("overdue", "none")
        self.assertEqual(self._send(), [{"odoo_balance": "12.00"}])

    def _waiting(self):
        """A message with both fields that nobody may send yet."""
        self.out.paused = True
        self.assertEqual(self._send(), [])
        message = self.env["hub.message"].search([("direction", "=", "out")])
        self.assertStates(message, "pending")
        return message

    def _overdue(self):
        return self.system.grant_ids.filtered(lambda grant: grant.field_id == self.field("overdue"))

    def test_what_waits_does_not_leave_with_a_field_whose_grant_was_revoked(self):
        message = self._waiting()
        self._overdue().with_user(self.boss).action_revoke()
        self.assertStates(message, "skipped:superseded")
        self.out.paused = False
        self.drain()
        self.assertEqual(self._all_sent(), [{"odoo_balance": "12.00"}])

    def test_nor_with_one_that_a_rule_closes(self):
        message = self._waiting()
        self.rule("overdue", "odoo")
        self.assertStates(message, "pending")
        self.rule("overdue", "none")
        self.assertStates(message, "skipped:superseded")
        self.out.paused = False
        self.drain()
        self.assertEqual(self._all_sent(), [{"odoo_balance": "12.00"}])

    def test_what_failed_is_not_replayed_with_a_revoked_field(self):
        self.stub.outcome = lambda write: Outcome(
            write.key, False, error=ConnectorError("data", "refused", status=400)
        )
        self._send()
        failed = self.env["hub.message"].search([("direction", "=", "out")])
        self.assertExplained(failed, "error_data")
        self._overdue().action_revoke()
        self.assertEqual(failed.exception_ids.mapped("state"), ["resolved"])
        self.stub.outcome = None
        failed.action_replay()
        self.drain()
        self.assertEqual(self._all_sent(), [{"odoo_balance": "12.00"}])

    def test_what_was_sent_is_not_sent_again(self):
        self.assertEqual(len(self._send()), 1)
        self.assertEqual(len(self._send()), 1)
