from unittest.mock import patch

from odoo import Command
from odoo.addons.account.tests.common import AccountTestInvoicingCommon
from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from ..models.business import duplicate_search
from ..models.business.duplicate_search import Slices
from .hub_common import HubCase

GERMAN, OTHER_GERMAN = "DE136695976", "DE129273398"


@tagged("post_install", "-at_install")
class TestDuplicates(HubCase):
    """Customers that may be one: found by keys in the database, decided by a person, merged by Odoo."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.rita = cls._make_role(
            "dup-rita", "resolver", "base.group_partner_manager", "account.group_account_invoice"
        )
        cls.groups = cls.env["hub.duplicate"]

    def _partner(self, name, **values):
        return self.env["res.partner"].create({"name": name, "is_company": True, **values})

    def _twins(self, count=2, **values):
        """Partners of one name and telephone."""
        values = {"phone": "+49 30 1234567", "country_id": self.env.ref("base.de").id, **values}
        return self.env["res.partner"].browse(
            [self._partner(f"Globex {'GmbH' if n % 2 else ''}".strip(), **values).id for n in range(count)]
        )  # fmt: skip

    def _pair(self, number):
        """Two of a name and telephone of their own."""
        values = {"phone": f"+49301{number:06}"}
        return self._partner(f"Werk{number:03} GmbH", **values) | self._partner(
            f"Werk{number:03}", **values
        )

    def _look(self):
        self.groups._look()
        return self.groups.search([("state", "=", "open")])

    def _group(self, partners):
        return self._look().filtered(lambda g: g.line_ids.partner_id == partners)

    def _merge(self, group, keep, choices=None, user=None, **options):
        return group.with_user(user or self.rita).merge_partners(keep.id, choices or {}, **options)

    # -- finding -------------------------------------------------------------------------------------

    def test_what_looks_the_same_is_a_group_with_its_reason(self):
        twins = self._twins()
        self._partner(
            "Globex Logistics GmbH", phone="+49 30 1234567"
        )  # another company of the group
        self._partner("Umbrella")
        group = self._group(twins)
        self.assertTrue(group, "a subsidiary is none of them")
        self.assertEqual((group.line_count, group.company_id.id), (2, False))
        self.assertIn("he same telephone", group.sentence)
        self.assertIn("Globex", group.name)

    def test_typing_errors_other_scripts_and_words_in_another_order_are_found(self):
        pairs = (
            ("Wolfenstein Maschinenbau", "Wolfenstein Maschinebau AG"),
            ("Müller & Söhne GmbH", "Soehne Mueller"),
            ("Газпромстрой", "Gazpromstroi LLC"),
        )
        for number, (left, right) in enumerate(pairs):
            couple = self._partner(left, phone=f"+4930{number}111111")
            couple |= self._partner(right, phone=f"+4930{number}111111")
            self.assertTrue(self._group(couple), left)

    def test_two_legal_customers_are_no_duplicates(self):
        germany = self.env.ref("base.de").id
        self._partner("Globex GmbH", vat=GERMAN, country_id=germany)
        self._partner("Globex GmbH", vat=OTHER_GERMAN, country_id=germany)
        self.assertFalse(self._look().filtered(lambda g: "Globex" in g.name))

    def test_a_word_that_many_have_makes_no_pairs(self):
        self.env["res.partner"].create(
            [{"name": f"Zwixel Nummer{n:04}", "is_company": True} for n in range(60)]
        )
        slices = Slices(lambda: None)
        self.groups._make_keys(slices)
        self.env.cr.execute("SELECT count(*) FROM hub_match_key WHERE key = 'wzwixe'")
        self.assertEqual(self.env.cr.fetchone()[0], 60)
        self.assertLess(self.groups._make_pairs(slices), 60 * 59 / 2, "never every pair")

    def test_looking_again_keeps_what_is_open_and_drops_what_is_no_more(self):
        twins = self._twins()
        group = self._group(twins)
        self.assertEqual(self._group(twins), group)
        twins[1].write({"name": "Quite Different", "phone": False})
        self._look()
        self.assertFalse(group.exists())

    def test_it_works_in_slices_and_leaves_no_table(self):
        pairs = [self._pair(number) for number in range(6)]
        whole = {group.line_ids.partner_id for group in self._look()}
        self.groups.search([]).unlink()
        ends = []
        with patch.multiple(duplicate_search, PART=3, KEYS=5, CHUNK=2):
            self.groups._look(lambda: ends.append(1))
            self.assertGreater(len(ends), 10)
            self.assertEqual({group.line_ids.partner_id for group in self.groups.search([])}, whole)
            self.assertLessEqual(set(pairs), whole)
            self.groups.search([]).unlink()
            self.groups._nightly()
        self.env.invalidate_all()
        self.assertEqual({group.line_ids.partner_id for group in self.groups.search([])}, whole)
        self.env.cr.execute("SELECT to_regclass('hub_match_key'), to_regclass('hub_match_pair')")
        self.assertEqual(self.env.cr.fetchone(), (None, None))

    def test_what_people_did_meanwhile_counts(self):
        apart, gone, archived, left = (self._pair(number) for number in range(4))

        def meanwhile():
            self.env.cr.execute("SELECT to_regclass('hub_match_pair')")
            if self.env.cr.fetchone()[0] and len(gone.exists()) == 2:
                self.env["hub.distinct"]._remember([tuple(apart.ids)])
                gone[0].unlink()
                archived[0].active = False
                self.env.flush_all()

        self.groups._look(meanwhile)
        found = {group.line_ids.partner_id for group in self.groups.search([])}
        self.assertIn(left, found)
        self.assertFalse({apart, gone, archived} & found)

    def test_queries_do_not_grow_with_the_number_of_customers(self):
        def queries():
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            self.groups._look()
            return self.env.cr.sql_log_count - before

        for number in range(8):
            self._pair(number)
        queries()
        first = queries()
        for number in range(8, 16):
            self._pair(number)
        queries()
        self.assertLessEqual(queries(), first + 2)

    def test_a_list_of_twice_as_many_costs_as_much(self):
        for number in range(12):
            self._pair(number)
        self.env.invalidate_all()
        found = self._look()
        self.assertGreaterEqual(len(found), 12)

        def queries(groups):
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            groups.with_user(self.rita).read(["name", "sentence", "systems", "score"])
            return self.env.cr.sql_log_count - before

        queries(found[:2])
        self.assertEqual(queries(found[:6]), queries(found[:12]))

    # -- companies and rights ------------------------------------------------------------------------

    def test_only_customers_of_the_readers_companies_are_seen_and_counted(self):
        elsewhere = self.env["res.company"].create({"name": "Elsewhere"})
        shared = self._partner("Globex", phone="+49 30 1234567")
        theirs = self._partner("Globex GmbH", phone="+49 30 1234567", company_id=elsewhere.id)
        ours = self._partner("GLOBEX", phone="+49 30 1234567", company_id=self.company.id)
        found = self._look().filtered(lambda g: shared in g.line_ids.partner_id)
        self.assertEqual(set(found.mapped("company_id.id")), {elsewhere.id, self.company.id})
        for group in found:
            self.assertEqual(group.line_count, 2, "never customers of two companies in one group")
        seen = self.groups.with_user(self.rita).search([("state", "=", "open")])
        seen = seen.filtered(lambda g: "lobex" in (g.name or "").lower())
        self.assertEqual(seen.sudo().line_ids.partner_id, shared | ours)
        self.assertNotIn(theirs, seen.line_ids.partner_id)
        hidden = found.filtered(lambda g: g.company_id == elsewhere).with_user(self.rita)
        with self.assertRaises(AccessError):
            hidden.merge_partners(shared.id, {})
        with self.assertRaises(AccessError):
            hidden.action_keep_apart()

    def test_rights(self):
        twins = self._twins()
        group = self._group(twins)
        viewer = self._make_role("dup-viewer", "viewer", "base.group_partner_manager")
        poor = self._make_role("dup-poor", "resolver")
        nobody = self._make_role("dup-nobody")
        for user in (viewer, nobody):
            with self.assertRaises(AccessError):
                group.with_user(user).action_keep_apart()
            with self.assertRaises(AccessError):
                group.with_user(user).merge_partners(twins[0].id, {})
        with self.assertRaises(AccessError):
            group.with_user(nobody).read(["name"])
        with self.assertRaises(AccessError):
            group.with_user(poor).merge_partners(twins[0].id, {})
        self.assertFalse(group.with_user(poor).comparison["can_merge"])
        self.assertTrue(group.with_user(poor).comparison["why_not"])
        for user in (self.rita, viewer):
            with self.assertRaises(AccessError):
                group.with_user(user).write({"state": "merged"})
            with self.assertRaises(AccessError):
                group.with_user(user).unlink()
        self.assertEqual(len(twins.exists()), 2)

    def test_made_up_choices_are_refused(self):
        twins, other = self._twins(), self._partner("Umbrella")
        group = self._group(twins)
        with self.assertRaises(UserError):
            self._merge(group, other)
        for choices in (
            {"name": other.id},
            {"credit_limit": twins[0].id},
            {"name": "x"},
            {"name": [1]},
        ):
            with self.assertRaises(UserError):
                self._merge(group, twins[0], choices)
        self.assertEqual(len(twins.exists()), 2)

    # -- deciding ------------------------------------------------------------------------------------

    def test_not_the_same_is_remembered_and_can_be_taken_back(self):
        twins = self._twins()
        group = self._group(twins)
        group.with_user(self.rita).action_keep_apart()
        self.assertEqual((group.state, group.decided_by_id), ("distinct", self.rita))
        self.assertFalse(self._group(twins))
        with self.assertRaises(UserError):
            group.with_user(self.rita).action_keep_apart()
        group.with_user(self.rita).action_ask_again()
        self.assertEqual(group.state, "open")
        self.assertEqual(self._group(twins), group)

    def test_a_merge_keeps_the_chosen_values_and_the_ids_of_both(self):
        self.work(self._company("1", name="Globex GmbH", domain="globex.example"))
        second = self._make_system("Second portal", account_ref="2")
        self.work(self._company("9", name="Umbrella"), system=second)
        keep, lose = self.partner_of("1"), self.partner_of("9", system=second)
        lose.write(
            {"name": "Globex", "website": "https://globex.example", "email": "b@globex.example"}
        )
        keep.write({"email": "a@globex.example", "street": "Old Street 1"})
        lose.write({"street": "New Street 2", "zip": "10115"})
        child = self.env["res.partner"].create({"name": "Pat", "parent_id": lose.id})
        group = self._group(keep | lose)
        comparison = group.with_user(self.rita).comparison
        self.assertEqual(comparison["survivor"], lose.id, "whom most hangs on")
        done = self._merge(group, keep, {"address": lose.id, "name": lose.id, "email": keep.id})
        self.assertEqual(done["count"], 1)
        self.assertFalse(lose.exists())
        self.assertEqual((keep.name, keep.street, keep.zip), ("Globex", "New Street 2", "10115"))
        self.assertEqual(keep.email, "a@globex.example")
        self.assertEqual(child.parent_id, keep)
        self.assertEqual(self.partner_of("1"), keep)
        self.assertEqual(self.partner_of("9", system=second), keep)
        self.assertEqual((group.state, group.decided_by_id), ("merged", self.rita))
        audit = self.env["hub.audit"].search([("action", "=", "merge")])
        self.assertEqual((audit.user_id, audit.res_id), (self.rita, keep.id))
        with self.assertRaisesRegex(UserError, "cannot be taken back"):
            group.with_user(self.rita).action_ask_again()

    def test_more_than_three_go_in_steps_and_all_or_none(self):
        many = self._twins(6)
        group = self._group(many)
        self.assertEqual(group.with_user(self.rita).comparison["steps"], 3)
        self._merge(group, many[2])
        self.assertEqual(many.exists(), many[2])

    def test_different_tax_numbers_are_never_merged_unasked(self):
        germany = self.env.ref("base.de").id
        one = self._partner("Globex", vat=GERMAN, phone="+49301234567", country_id=germany)
        two = self._partner("Globex", phone="+49301234567", country_id=germany)
        three = self._partner("Globex", vat=OTHER_GERMAN, phone="+49301234567", country_id=germany)
        group = self._group(one | two | three)
        self.assertTrue(group.other_vat and group.with_user(self.rita).comparison["other_vat"])
        with self.assertRaisesRegex(UserError, "different tax numbers"):
            self._merge(group, one)
        wizard = self.env["base.partner.merge.automatic.wizard"]
        with self.assertRaisesRegex(UserError, "different tax numbers"):
            wizard.create({})._merge([one.id, three.id], one, extra_checks=False)
        form = wizard.with_context(active_model="res.partner", active_ids=[one.id, three.id])
        self.assertTrue(form.create({}).hub_numbers_differ)
        unasked = wizard.with_context(hub_merge_unasked=True).create({})
        unasked._merge([one.id, three.id], one, extra_checks=False)
        self.assertEqual(len((one | two | three).exists()), 3)
        with self.assertRaisesRegex(UserError, "would be lost"):
            self._merge(group, one, {"vat": two.id}, other_vat=True)
        self._merge(group, one, {"vat": three.id}, other_vat=True)
        self.assertEqual((one | two | three).exists(), one)
        self.assertEqual(one.vat, OTHER_GERMAN)

    def test_a_portal_account_keeps_odoos_own_check(self):
        twins = self._twins()
        twins[0].email, twins[1].email = "a@globex.example", "b@globex.example"
        group = self._group(twins)
        self.env["res.users"].create(
            {
                "login": "portal-globex",
                "partner_id": twins[1].id,
                "group_ids": [Command.set(self.env.ref("base.group_portal").ids)],
            }
        )
        with self.assertRaisesRegex(UserError, "same email"):
            self._merge(group, twins[0])
        self.assertEqual(len(twins.exists()), 2)

    def test_what_was_said_about_a_loser_holds_for_who_stays(self):
        twins, third = self._twins(), self._partner("Globex", phone="+49301234567")
        self.env["hub.distinct"]._remember([(twins[1].id, third.id), (twins[0].id, twins[1].id)])
        self.env["base.partner.merge.automatic.wizard"].create({})._merge(
            twins.ids, twins[0], extra_checks=False
        )
        pairs = self.env["hub.distinct"].search([])
        self.assertEqual([(p.low, p.high) for p in pairs], [tuple(sorted((twins[0].id, third.id)))])

    def test_a_question_that_named_both_goes_on_after_the_merge(self):
        germany = self.env.ref("base.de").id
        twins = self._twins(vat=GERMAN, country_id=germany)
        message = self.work(
            self._company("1", name="Globex", vat_number=GERMAN, country="DE", domain="")
        )
        issue = self.assertExplained(message, "ambiguous_match").issue_id
        self.assertTrue(issue.can_merge)
        action = issue.with_user(self.rita).action_merge()
        group = self.groups.browse(action["res_id"])
        self.assertEqual(group.line_ids.partner_id, twins)
        self.assertEqual(issue.with_user(self.rita).action_merge()["res_id"], group.id)
        self._merge(group, twins[0])
        self.env.flush_all()
        self.drain()
        self.assertIn(message.state, ("done", "skipped"))
        self.assertEqual(self.partner_of("1"), twins[0])

    def test_a_name_is_only_text(self):
        name = "<img src=x onerror=alert(1)>"
        couple = self._partner(name, phone="+49301234567") | self._partner(
            name, phone="+49301234567"
        )
        group = self._group(couple)
        self.assertIn(name, group.name)
        self.assertEqual(group.with_user(self.rita).comparison["partners"][0]["name"], name)

    # -- what goes out -------------------------------------------------------------------------------

    def test_no_deletion_goes_out_and_what_referred_to_a_loser_is_marked(self):
        streams = self.env["hub.stream"].with_context(active_test=False)
        streams.search(
            [("system_id", "=", self.system.id), ("direction", "=", "out")]
        ).active = True
        self.env.registry.clear_cache()
        self.work(self._company("1", name="Globex GmbH"))
        lose, keep = self.partner_of("1"), self._partner("Globex")
        lead = self.env["crm.lead"].create({"name": "A deal", "partner_id": lose.id})
        order = self.env["sale.order"].create({"partner_id": lose.id})
        self.env.flush_all()
        self.env.cr.execute("DELETE FROM hub_outbox")
        self.assertTrue(self.env["sale.order"]._hub_outbound())
        self.env["base.partner.merge.automatic.wizard"].create({})._merge(
            [keep.id, lose.id], keep, extra_checks=False
        )
        self.env.flush_all()
        self.env.cr.execute("SELECT DISTINCT model, res_id FROM hub_outbox")
        marked = set(self.env.cr.fetchall())
        self.assertGreaterEqual(
            marked, {("crm.lead", lead.id), ("sale.order", order.id), ("res.partner", keep.id)}
        )
        self.assertNotIn(("res.partner", lose.id), marked)
        self.drain()
        out = self.env["hub.message"].search([("direction", "=", "out")])
        self.assertNotIn("delete", out.mapped("action"))


@tagged("post_install", "-at_install")
class TestDuplicatesInvoiced(AccountTestInvoicingCommon):
    """Posted documents keep whom they were issued to, and a seal is never broken."""

    def _merge(self, keep, *losers, **values):
        wizard = self.env["base.partner.merge.automatic.wizard"].create(values)
        wizard._merge([keep.id, *(p.id for p in losers)], keep, extra_checks=False)

    def test_posted_documents_keep_name_and_tax_number(self):
        lose = self.env["res.partner"].create(
            {
                "name": "Old Globex",
                "is_company": True,
                "vat": GERMAN,
                "country_id": self.env.ref("base.de").id,
            }
        )
        keep = self.env["res.partner"].create({"name": "New Globex", "is_company": True})
        issued = self.init_invoice("out_invoice", partner=lose, amounts=[100], post=True)
        draft = self.init_invoice("out_invoice", partner=lose, amounts=[100])
        self._merge(keep, lose)
        self.assertEqual((issued.partner_id, draft.partner_id), (keep, keep))
        self.assertEqual((issued.hub_issued_name, issued.hub_issued_vat), ("Old Globex", GERMAN))
        self.assertTrue(issued.hub_issued_other)
        self.assertFalse(draft.hub_issued_name)
        html = (
            self.env["ir.actions.report"]
            ._render_qweb_html("account.report_invoice", issued.ids)[0]
            .decode()
        )
        self.assertIn("Old Globex", html)
        third = self.env["res.partner"].create({"name": "Third", "is_company": True})
        self._merge(third, keep)
        self.assertEqual(issued.hub_issued_name, "Old Globex", "the name that it was issued to")

    def test_sealed_entries_keep_their_partner(self):
        lose, keep = self.env["res.partner"].create(
            [{"name": name, "is_company": True} for name in ("Globex", "Globex GmbH")]
        )
        issued = self.init_invoice("out_invoice", partner=lose, amounts=[100], post=True)
        issued.button_hash()
        self.assertTrue(issued.inalterable_hash)
        with self.assertRaisesRegex(UserError, "sealed"):
            self._merge(keep, lose)
        self._merge(lose, keep)
        self.assertEqual(issued.partner_id, lose)
