from unittest.mock import patch

from odoo.tests import tagged

from ..core.slices import Costs
from .hub_common import APPLY, HubCase


@tagged("post_install", "-at_install")
class TestEngineOrder(HubCase):
    """Messages of one record apply in the order of the source; what is missing is waited for."""

    # -- slices --------------------------------------------------------------------------------

    def _hasty(self):
        """Slices whose time is over after ten messages."""
        for name, value in {"SECONDS": 1e-9, "_costs": Costs()}.items():
            patcher = patch(f"{APPLY}.{name}", value)
            patcher.start()
            self.addCleanup(patcher.stop)
        patcher = patch.object(Costs, "size", lambda costs, kind, seconds: 10)
        patcher.start()
        self.addCleanup(patcher.stop)

    def test_what_the_time_of_a_slice_does_not_suffice_for_is_left_for_the_next(self):
        self._hasty()
        messages = self.receive(*(self._company(str(number)) for number in range(1, 26)))
        self.step()
        self.assertEqual(messages.mapped("state").count("done"), 10)
        self.assertEqual(messages.mapped("state").count("pending"), 15)
        self.drain()
        self.assertStates(messages, *["done"] * 25)
        self.assertEqual(set(messages.mapped("attempts")), {1})

    def test_a_decision_about_an_older_version_holds_when_a_slice_ends_before_its_newer_one(self):
        self.work(self._company("1", name="Initech Software"))
        self._hasty()
        others = self.receive(*(self._company(str(number)) for number in range(10, 20)))
        older = self.receive(self._company("2", 1, name="Initech Sofware"))
        self.env.cr.execute(
            "UPDATE hub_message SET decision = '{\"create\": true}' WHERE id = %s", [older.id]
        )
        newer = self.receive(self._company("2", 2, name="Initech Sofware"))
        self.step()
        self.assertStates(others, *["done"] * 10)
        self.assertStates(older | newer, "pending", "pending")
        self.drain()
        self.assertStates(older | newer, "skipped:superseded", "done")
        self.assertNotEqual(self.partner_of("2"), self.partner_of("1"))

    # -- newer and older -----------------------------------------------------------------------

    def test_of_many_snapshots_in_one_batch_only_the_newest_is_written(self):
        messages = self.work(
            self._company("1", 3, name="Third"),
            self._company("1", 1, name="First"),
            self._company("1", 2, name="Second"),
        )
        self.assertEqual(self.partner_of("1").name, "Third")
        self.assertStates(
            messages.sorted("version"), "skipped:superseded", "skipped:superseded", "done:applied"
        )

    def test_an_older_snapshot_after_a_newer_one_is_left_out(self):
        self.work(self._company("1", 2, name="New"))
        late = self.work(self._company("1", 1, name="Old"))
        self.assertStates(late, "skipped:stale")
        self.assertEqual(self.partner_of("1").name, "New")

    def test_a_newer_snapshot_takes_the_place_of_a_failed_one_and_closes_its_exception(self):
        failed = self.work(self._company("1", 1, country="Atlantis"))
        exception = self.assertExplained(failed, "unknown_country")
        self.work(self._company("1", 2, country="Germany"))
        self.assertStates(failed, "skipped:superseded")
        self.assertEqual((exception.state, exception.resolution), ("resolved", "superseded"))
        self.assertIn("Fixed at the source", exception.resolution_text)
        self.assertFalse(self.issues())
        self.assertEqual(self.partner_of("1").country_id.code, "DE")

    def test_a_newer_snapshot_that_was_tried_later_takes_the_place_of_one_that_came_after_it(self):
        newer = self.receive(self._company("1", 3, name="Newer"))
        self.env.cr.execute(
            "UPDATE hub_message SET next_attempt_at = now() + interval '1 hour' WHERE id = %s",
            [newer.id],
        )
        older = self.work(self._company("1", 2, country="Atlantis"))
        exception = self.assertExplained(older, "unknown_country")
        self.env.cr.execute(
            "UPDATE hub_message SET next_attempt_at = now() - interval '1 hour' WHERE id = %s",
            [newer.id],
        )
        self.drain()
        self.assertStates(newer | older, "done", "skipped:superseded")
        self.assertEqual((exception.state, exception.resolution), ("resolved", "superseded"))
        self.assertFalse(self.issues())

    def test_an_older_snapshot_that_comes_late_does_not_supersede_a_failed_newer_one(self):
        newer = self.work(self._company("1", 5, name="Newer", country="Atlantis"))
        self.work(self._company("1", 3, name="Older"))
        self.assertExplained(newer, "unknown_country")
        self._patch(
            "hub.handler.customer",
            "_hub_countries",
            lambda handler, items: ({"Atlantis": self.env.ref("base.fr")}, {}),
        )
        newer.action_replay()
        self.drain()
        self.assertStates(newer, "done")
        self.assertEqual(self.partner_of("1").name, "Newer")

    def test_a_failed_newer_snapshot_takes_the_place_of_the_failed_older_one(self):
        first = self.work(self._company("1", 1, country="Atlantis"))
        second = self.work(self._company("1", 2, country="Lemuria"))
        self.assertStates(first, "skipped:superseded")
        self.assertExplained(second, "unknown_country")
        self.assertEqual(len(self.issues()), 1)

    def test_a_decision_of_a_person_goes_over_to_the_newer_version_in_the_same_batch(self):
        self.env["res.partner"].create({"name": "Initech Software Ltd.", "is_company": True})
        asked = self.work(self._company("1", 1, name="Initech Software", domain="initech.example"))
        self.assertExplained(asked, "possible_duplicate")
        self.issues()._fix_create()
        self.receive(
            self._company("1", 2, name="Initech Software", domain="initech.example", city="Austin")
        )
        self.drain()
        self.assertEqual(self.partner_of("1").city, "Austin")
        self.assertFalse(self.issues())

    # -- events --------------------------------------------------------------------------------

    def test_a_deletion_after_a_change_in_one_batch_is_applied_after_it(self):
        change, deletion = self.work(self._company("1"), self._event("customer", "1", number=2))
        self.assertStates(change, "done")
        self.assertTrue(self.partner_of("1").active)
        self.assertExplained(deletion, "deleted_at_source")

    def test_an_event_waits_behind_a_failed_one_and_goes_on_when_it_is_decided(self):
        self.work(self._company("1"))
        first = self.work(self._event("customer", "1"))
        self.assertExplained(first, "deleted_at_source")
        later = self.work(self._company("1", 2, name="Back again"))
        self.assertStates(later, "waiting:waits_for_earlier")
        first._skip("restored there")
        self.later(80)
        self.drain()
        self.assertStates(later, "done")
        self.assertEqual(self.partner_of("1").name, "Back again")

    def test_a_failed_message_holds_back_only_its_own_record(self):
        messages = self.work(
            self._company("1", country="Atlantis"),
            self._company("2"),
            self._contact("9", company="2"),
        )
        self.assertStates(messages, "failed", "done", "done")

    def test_a_merge_whose_survivor_is_unknown_moves_on_to_it(self):
        self.work(self._company("1"))
        stub = self._use_stub()
        stub.records["customer", "7"] = {
            "id": "7",
            "properties": {"name": "Company 1", "domain": "c1.example"},
        }
        merge = self.work(self._event("customer", "1", action="merge", merged_into="7"))
        self.assertStates(merge, "skipped:merge_followed")
        self.assertEqual(self.partner_of("7"), self.partner_of("1"))

    def test_a_merge_of_two_known_customers_asks_a_person(self):
        self.work(self._company("1"), self._company("2"))
        self._use_stub()
        merge = self.work(self._event("customer", "1", action="merge", merged_into="2"))
        self.assertExplained(merge, "merged_at_source")
        self.assertNotEqual(self.partner_of("1"), self.partner_of("2"))

    def test_of_two_that_merged_into_a_third_one_is_followed_and_the_other_is_a_question(self):
        self.work(self._company("1"), self._company("2"))
        self._use_stub()
        merges = self.work(
            self._event("customer", "1", "merge", number=2, merged_into="7"),
            self._event("customer", "2", "merge", number=2, merged_into="7"),
        )
        self.assertEqual(sorted(merges.mapped("state")), ["failed", "skipped"])
        asked = merges.filtered(lambda m: m.state == "failed")
        self.assertExplained(asked, "merged_at_source")
        self.assertEqual(
            self.partner_of("7"), self.partner_of({"1": "2", "2": "1"}[asked.external_id])
        )

    def test_a_survivor_in_the_batch_of_its_merge_is_the_record_of_the_loser(self):
        self.work(self._company("1"))
        self._use_stub()
        self.work(
            self._event("customer", "1", "merge", number=2, merged_into="7"),
            self._company("7", 3, name="Company 1 and others"),
        )
        self.assertEqual(self.partner_of("7"), self.partner_of("1"))
        self.assertEqual(self.partner_of("1").name, "Company 1 and others")

    def test_what_was_read_before_a_merge_is_not_written_over_the_survivor(self):
        self.work(self._company("1"))
        self._use_stub()
        self.work(self._event("customer", "1", "merge", number=3, merged_into="7"))
        self.work(self._company("7", 4, name="Survivor"))
        self.assertStates(self.work(self._company("1", 2, name="Late")), "skipped:stale")
        self.assertEqual(self.partner_of("7").name, "Survivor")

    def test_a_survivor_that_came_before_its_merge_gives_the_record_its_values(self):
        number = {"vat_number": "DE136695976", "country": "DE"}
        self.work(self._company("1", name="Before", **number))
        stub = self._use_stub()
        merged = {"name": "After", "domain": "c1.example", "city": "Austin", **number}
        stub.records["customer", "7"] = {"id": "7", "properties": merged, "version": 4}
        self.work(
            self._company("7", 4, **merged)
        )  # the same tax number: it is linked, and filled up
        self.assertEqual(self.partner_of("7"), self.partner_of("1"))
        self.assertEqual(self.partner_of("7").name, "Before")
        self.work(self._event("customer", "1", "merge", number=3, merged_into="7"))
        self.assertEqual(self.partner_of("7").name, "After")

    def test_an_id_that_odoo_never_knew_leads_to_its_survivor(self):
        self._use_stub()
        self.work(self._company("7", name="Survivor"))
        merge = self.work(self._event("customer", "404", "merge", number=2, merged_into="7"))
        self.assertStates(merge, "skipped:merge_followed")
        self.assertEqual(self.partner_of("404"), self.partner_of("7"))
        contact = self.work(self._contact("9", company="404"))
        self.assertStates(contact, "done")
        self.assertEqual(self.partner_of("9", "contact").parent_id, self.partner_of("7"))

    def test_a_merge_of_two_that_odoo_does_not_know_waits_for_the_survivor(self):
        """What is on its way of the id that is gone would become a customer of its own."""
        stub = self._use_stub()
        merge = self.receive(self._event("customer", "1", "merge", number=3, merged_into="7"))
        self.step()
        self.assertStates(merge, "waiting:waits_for")
        stub.records["customer", "7"] = {
            "id": "7",
            "properties": {"name": "Survivor", "domain": "survivor.example"},
            "version": 4,
        }
        self.drain()
        self.assertStates(merge, "skipped:merge_followed")
        self.assertStates(self.work(self._company("1", 2, name="Late")), "skipped:stale")
        self.assertEqual(self.partner_of("1"), self.partner_of("7"))
        self.assertEqual(self.partner_of("7").name, "Survivor")

    def test_what_comes_late_of_an_id_that_is_gone_waits_behind_its_merge(self):
        self._use_stub()
        merge = self.receive(self._event("customer", "1", "merge", number=3, merged_into="7"))
        self.step()
        late = self.work(self._company("1", 2, name="Late"))
        self.assertStates(late, "waiting:waits_for_earlier")
        self.work(self._company("7", 4, name="Survivor"))
        self.later(80)
        self.drain()
        self.assertStates(merge + late, "skipped:merge_followed", "skipped:stale")
        self.assertEqual(self.partner_of("1").name, "Survivor")

    def test_a_merge_whose_survivor_the_source_does_not_have_is_left_out_with_it(self):
        self._use_stub()
        merge = self.work(self._event("customer", "404", "merge", merged_into="405"))
        survivor = self.env["hub.message"].search([("external_id", "=", "405")])
        self.assertExplained(survivor, "not_found_at_source")
        self.assertStates(merge, "waiting:waits_for")
        survivor._skip("nobody knows it")
        self.later(80)
        self.drain()
        self.assertStates(merge, "skipped:not_linked")

    def test_a_merge_does_not_wait_longer_than_a_day(self):
        self._use_stub()
        merge = self.work(self._event("customer", "404", "merge", merged_into="405"))
        self.env.cr.execute(
            "UPDATE hub_message SET params = jsonb_set(params, '{since}', '\"2026-01-01T00:00:00\"') WHERE id = %s",
            merge.ids,
        )
        self.later()
        self.drain()
        self.assertStates(merge, "skipped:not_linked")

    def test_a_deletion_of_what_odoo_never_knew_is_left_out(self):
        self.assertStates(self.work(self._event("customer", "404")), "skipped:not_linked")

    # -- references ----------------------------------------------------------------------------

    def test_a_contact_before_its_company_waits_and_is_woken_by_it(self):
        self._use_stub()
        contact = self.receive(self._contact("9", company="1"))
        self.step()
        self.assertStates(contact, "waiting:waits_for")
        self.assertIn("which has not arrived yet", contact.explanation)
        self.assertTrue(contact.next_attempt_at, "nothing waits for a signal alone")
        self.work(self._company("1"))
        self.assertStates(contact, "done")
        self.assertEqual(self.partner_of("9", "contact").parent_id, self.partner_of("1"))

    def test_a_missing_company_is_fetched_once_for_all_who_need_it(self):
        stub = self._use_stub()
        stub.records["customer", "1"] = {
            "id": "1",
            "properties": {"name": "Acme", "domain": "acme.example"},
        }
        contacts = self.work(*(self._contact(str(number), company="1") for number in range(10, 15)))
        self.assertStates(contacts, *["done"] * 5)
        self.assertEqual(
            [call for call in stub.calls if call[0] == "fetch"], [("fetch", "customer", ["1"])]
        )
        self.assertEqual(
            set(contacts.mapped(lambda m: self.partner_of(m.external_id, "contact").parent_id)),
            {self.partner_of("1")},
        )

    def test_a_company_that_the_source_does_not_have_is_a_question(self):
        self._use_stub()
        contact = self.work(self._contact("9", company="1"))
        self.assertStates(contact, "waiting")
        company = self.env["hub.message"].search([("external_id", "=", "1")])
        self.assertExplained(company, "not_found_at_source")

    def test_what_waits_longer_than_a_day_is_shown_to_a_person(self):
        self._use_stub()
        contact = self.work(self._contact("9", company="1"))
        self.env.cr.execute(
            "UPDATE hub_message SET params = jsonb_set(params, '{since}', '\"2026-01-01T00:00:00\"') WHERE id = %s",
            contact.ids,
        )
        self.later()
        self.drain()
        self.assertExplained(contact, "reference_missing")

    def test_a_record_that_a_person_skipped_is_not_asked_about_again_by_those_who_wait(self):
        stub = self._use_stub()
        stub.records["customer", "1"] = {
            "id": "1",
            "properties": {"name": "Acme", "country": "Atlantis"},
        }
        contact = self.work(self._contact("9", company="1"))
        company = self.env["hub.message"].search([("external_id", "=", "1")])
        self.assertExplained(company, "unknown_country")
        company._skip("not ours")
        for _minute in range(3):
            self.later(80)
            self.drain()
        self.assertEqual(len(self.env["hub.message"].search([("external_id", "=", "1")])), 1)
        self.assertStates(contact, "waiting")

    def test_what_waits_is_tried_again_by_time_alone(self):
        """A wake-up that is lost, as in a crash between the commit and the wake, costs a minute."""
        self._use_stub()
        contact = self.work(self._contact("9", company="1"))
        self._patch("hub.apply", "_after", lambda *args: None)
        self.work(self._company("1"))
        self.assertStates(contact, "waiting")
        self.later(80)
        self.drain()
        self.assertStates(contact, "done")

    # -- inside one batch ------------------------------------------------------------------------

    def test_a_change_after_a_deletion_in_one_batch_waits_for_the_decision(self):
        self.work(self._company("1"))
        deletion, change = self.work(
            self._event("customer", "1", number=2), self._company("1", 3, name="Back again")
        )
        self.assertExplained(deletion, "deleted_at_source")
        self.assertStates(change, "waiting:waits_for_earlier")
        self.assertEqual(self.partner_of("1").name, "Company 1")
        deletion._skip("restored there")
        self.later(80)
        self.drain()
        self.assertEqual(self.partner_of("1").name, "Back again")

    def test_a_change_does_not_overtake_a_deletion_that_waits_in_its_batch(self):
        before, deletion, after = self.work(
            self._company("1", 1),
            self._event("customer", "1", number=2),
            self._company("1", 3, name="Too early"),
        )
        self.assertStates(before, "done")
        self.assertExplained(deletion, "deleted_at_source")
        self.assertStates(after, "waiting:waits_for_earlier")
        self.assertEqual(self.partner_of("1").name, "Company 1")

    def test_a_suspect_that_stands_alone_does_not_overtake_its_own_record(self):
        self.work(self._company("1"), self._company("2"))
        change, deletion = self.receive(
            self._company("1", 2, name="Changed"), self._event("customer", "1", number=3)
        )
        self.env.cr.execute("UPDATE hub_message SET crashes = 3 WHERE id = %s", deletion.ids)
        self.drain()
        self.assertStates(change, "done")
        self.assertEqual(self.partner_of("1").name, "Changed")
        self.assertExplained(deletion, "deleted_at_source")

    # -- a worker dies between two steps ------------------------------------------------------------

    def _without_wake(self):
        """The worker dies after its commit, before it wakes anybody or looks again."""
        self._patch("hub.apply", "_after", lambda apply, effects: None)

    def test_killed_between_park_and_look_again_it_is_tried_by_time(self):
        self._use_stub()
        self._without_wake()
        contact = self.receive(self._contact("9", company="1"))
        self.step()
        self.assertStates(contact, "waiting:waits_for")
        self.work(self._company("1"))
        self.assertStates(contact, "waiting:waits_for")
        self.later(80)
        self.drain()
        self.assertStates(contact, "done")

    def test_killed_between_commit_and_wake_the_next_in_line_goes_on_by_time(self):
        self.work(self._company("1"))
        self._without_wake()
        change, merge = self.work(
            self._company("1", 2, name="Changed"),
            self._event("customer", "1", "merge", number=3, merged_into="7"),
        )
        self.assertStates(change, "done")
        self.assertStates(merge, "waiting:waits_for_earlier")
        self.later(80)
        self.drain()
        self.assertStates(merge, "skipped:merge_followed")
