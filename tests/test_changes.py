from contextlib import contextmanager
from datetime import timedelta
from unittest.mock import patch

from odoo import fields
from odoo.exceptions import AccessError, RedirectWarning, UserError
from odoo.fields import Command
from odoo.tests import tagged

from ..models.config import change_apply
from ..models.flow.cursors import rolled_back_cursor
from .change_common import ChangeCase


@tagged("post_install", "-at_install")
class TestRefused(ChangeCase):
    """Nothing of a system under change control is edited directly, whatever way it comes."""

    def refused(self, act):
        with self.assertRaises(RedirectWarning) as caught, self.env.cr.savepoint():
            act()
        self.env.invalidate_all()
        text, action, button, context = caught.exception.args
        self.assertIn(self.system.name, text)
        self.assertEqual(self.env["ir.actions.server"].browse(action).model_id.model, "hub.change")
        self.assertTrue(button)
        return context["hub_proposal"]

    def test_every_governed_row_of_the_system(self):
        stream = self.system.stream_ids[0]
        term = self.env.ref("lead_to_cash_hub.term_deal_stage_won")
        field = self.line.field_id
        grant = self.system.grant_ids[0]
        word = self.env["hub.vocabulary.word"].create(
            {"term_id": term.id, "system_id": self.system.id, "word": "Gewonnen"}
        )
        rule = self.env["hub.ownership"].search([("field_id.name", "=", "vat")])
        author = self.author

        def of(row):
            return row.with_user(author)

        cases = {
            "line": lambda: of(self.line).write({"path": "a"}),
            "line from its mapping": lambda: of(self.mapping).write(
                {"line_ids": [Command.update(self.line.id, {"path": "a"})]}
            ),
            "line from the system": lambda: of(self.system).write(
                {"mapping_ids": [Command.update(self.mapping.id, {"line_ids": [Command.delete(self.line.id)]})]}
            ),
            "new line": lambda: of(self.line).copy(),
            "no line": lambda: of(self.line).unlink(),
            "mapping": lambda: of(self.mapping).unlink(),
            "another mapping": lambda: of(self.mapping).create(
                {"system_id": self.system.id, "entity_id": self.env.ref("lead_to_cash_hub.entity_task").id}
            ),
            "term": lambda: of(term).write({"name": "Won!"}),
            "new term": lambda: of(term).create(
                {"vocabulary_id": term.vocabulary_id.id, "code": "maybe", "name": "Maybe"}
            ),
            "word": lambda: of(word).write({"term_id": term.vocabulary_id.term_ids[0].id}),
            "word with sudo": lambda: of(word).sudo().unlink(),
            "ownership": lambda: of(rule).write({"rule": "newest"}),
            "new ownership": lambda: of(rule).create({"field_id": field.id, "rule": "odoo"}),
            "stream": lambda: of(stream).write({"interval": 60}),
            "stream off": lambda: of(stream).action_archive(),
            "process": lambda: of(stream.process_id).write({"company_id": self.company.id}),
            "grant": lambda: of(grant).action_revoke(),
            "lane": lambda: of(stream.lane_id).write({"workers": 9}),
            "hours": lambda: of(stream.lane_id).write({"window_ids": [Command.create({})]}),
            "field": lambda: of(field).write({"required": True}),
            "entity": lambda: of(self.mapping.entity_id).write({"on_missing": "ask"}),
            "no control": lambda: of(self.system).write({"needs_approval": False}),
            "sandbox": lambda: of(self.system).write({"environment": "sandbox"}),
            "technical user": lambda: of(self.system).write({"user_id": self.author.id}),
        }  # fmt: skip
        for name, act in cases.items():
            with self.subTest(name):
                self.refused(act)

    def test_an_import_is_refused_and_says_why(self):
        result = (
            self.env["hub.mapping.line"]
            .with_user(self.author)
            .load([".id", "path"], [[str(self.line.id), "a"]])
        )
        self.assertFalse(result["ids"])
        self.assertIn("approved Change", str(result["messages"]))
        self.assertNotEqual(self.line.path, "a")

    def test_a_context_from_outside_opens_nothing(self):
        for value in (True, 1, {"items": []}, "Applying"):
            with self.subTest(value):
                self.refused(
                    lambda value=value: (
                        self.line.with_user(self.author)
                        .with_context(hub_change=value)
                        .write({"path": "a"})
                    )
                )

    def test_stopping_stays_possible_and_a_sandbox_stays_free(self):
        self.system.stream_ids[0].with_user(self.author).action_pause()
        self.system.with_user(self.author).action_pause()
        self.assertTrue(self.system.paused and self.system.stream_ids[0].paused)
        other = self._make_system("Sandbox", account_ref="7")
        other.mapping_ids.line_ids[0].with_user(self.author).path = "properties.other"
        other.with_user(self.author).needs_approval = True
        other.mapping_ids.line_ids[0].with_user(self.author).path = "properties.third"
        self.system.needs_approval = False
        self.line.with_user(self.author).path = "properties.town"
        self.assertEqual(self.line.path, "properties.town")

    def test_control_needs_two_persons(self):
        self.system.needs_approval = False
        self.approver.active = False
        with self.assertRaisesRegex(UserError, "Nobody else"):
            self.system.with_user(self.author).needs_approval = True

    def test_a_system_under_control_is_not_deleted(self):
        with self.assertRaisesRegex(UserError, "not deleted"):
            self.system.with_user(self.author).unlink()

    def test_the_button_of_the_refusal_proposes_it(self):
        wanted = self.refused(
            lambda: self.mapping.with_user(self.author).write(
                {
                    "line_ids": [
                        Command.update(self.line.id, {"path": "properties.town"}),
                        Command.delete(self.mapping.line_ids[0].id),
                    ]
                }
            )
        )
        action = (
            self.env["hub.change"]
            .with_user(self.author)
            .with_context(hub_proposal=wanted)
            ._propose_here()
        )
        change = self.env["hub.change"].browse(action["res_id"])
        self.assertEqual(change.item_ids.mapped("kind"), ["write", "delete"])
        self.assertIn("properties.city → properties.town", change.item_ids[0].difference)
        self.assertEqual((change.author_id, change.system_ids), (self.author, self.system))
        self.assertEqual(self.line.path, "properties.city")
        self.assertEqual(len(self.mapping.line_ids), len(self.mapping.line_ids.exists()))


@tagged("post_install", "-at_install")
class TestLife(ChangeCase):
    """Proposed, compared, approved by another person, in force, undone."""

    def test_from_proposal_to_force_and_back(self):
        stamp = self.mapping.stamp
        change = self.city()
        self.assertEqual(change.state, "draft")
        self.assertIn("properties.city → properties.town", change.item_ids.difference)
        self.in_force(change)
        self.assertEqual(self.line.path, "properties.town")
        self.assertNotEqual(self.mapping.stamp, stamp, "unchanged payloads are mapped anew")
        actions = self.env["hub.audit"].search(
            [("res_model", "=", "hub.change"), ("res_id", "=", change.id)]
        )
        self.assertEqual(
            actions.sorted("id").mapped("action"), ["submit", "approve_change", "apply_change"]
        )
        for action in actions:
            self.assertNotIn("_change", action.sentence)
        change.with_user(self.author).action_undo()
        self.assertEqual((change.state, self.line.path), ("undone", "properties.city"))
        self.assertEqual(change.undone_by_id.state, "applied")

    def test_a_proposal_is_tried_before_others_can_see_it(self):
        """The trial runs on a connection of its own, for which the new Change is not there yet."""

        @contextmanager
        def unseen(env, seconds):
            with rolled_back_cursor(env, seconds) as cr:
                cr.execute("DELETE FROM hub_change")
                yield cr

        with patch.object(change_apply, "rolled_back_cursor", unseen):
            change = self.city()
            self.assertFalse(change.problem)
            change.action_submit()
        self.assertEqual(change.state, "submitted")

    def test_rows_that_come_and_go(self):
        gone = self.mapping.line_ids.filtered(lambda line: line.field_id.name == "phone")
        path = gone.path
        change = self.propose(gone, "unlink")
        again = self.propose(
            self.env["hub.mapping"].browse(),
            "create",
            [
                {
                    "system_id": self.system.id,
                    "entity_id": self.env.ref("lead_to_cash_hub.entity_employee").id,
                    "line_ids": [
                        Command.create({"field_id": f.id, "path": f"x.{f.name}"})
                        for f in self.env.ref("lead_to_cash_hub.entity_employee").field_ids[:2]
                    ],
                }
            ],
        )
        self.assertEqual(change, again, "what is proposed next joins the draft")
        self.assertEqual(change.item_ids.mapped("kind"), ["delete", "create", "create", "create"])
        self.in_force(change)
        self.assertFalse(gone.exists())
        made = self.env["hub.mapping"].browse(change.item_ids[1].res_id)
        self.assertEqual(len(made.line_ids), 2)
        change.action_undo()
        self.assertFalse(made.exists())
        back = self.mapping.line_ids.filtered(lambda line: line.field_id.name == "phone")
        self.assertEqual(back.path, path)

    def test_the_author_does_not_approve(self):
        """Not in a second tab, not by RPC, not as who edited somebody else's draft, not with every right."""
        self.author.group_ids += self.env.ref("lead_to_cash_hub.group_hub_configuration_approver")
        self.author.group_ids += self.env.ref("lead_to_cash_hub.group_hub_billing_approver")
        change = self.city()
        change.action_submit()
        with self.assertRaisesRegex(UserError, "Another person"):
            change.with_user(self.author).action_approve()
        self.assertFalse(change.with_user(self.author).can_approve)
        with self.assertRaises(AccessError):
            change.with_user(self.author).write({"state": "approved"})
        with self.assertRaises(AccessError):
            change.with_user(self.author).write({"author_id": self.approver.id})
        with self.assertRaises(AccessError):
            self.env["hub.change.approval"].with_user(self.author).create(
                {"change_id": change.id, "user_id": self.approver.id, "role": "configuration", "digest": change.digest}
            )  # fmt: skip
        with self.assertRaises(AccessError):
            self.env["hub.change.item"].with_user(self.author).create(
                {"change_id": change.id, "kind": "write", "res_model": "res.users"}
            )
        with self.assertRaises(UserError):
            change.item_ids.with_user(self.author).write({"values": {}})
        # Somebody who had a hand in it is an author as well.
        second = self._make_role("second", "manager", "configuration_approver")
        other = self.propose(self.mapping.line_ids[0], values={"argument": "x"}, user=second)
        self.assertNotEqual(other, change)
        other.sudo().author_ids += self.author
        with self.assertRaisesRegex(UserError, "proposed"):
            other.sudo().write({"state": "submitted"})
            other.with_user(self.author).action_approve()

    def test_who_may_not_approve(self):
        change = self.city()
        change.action_submit()
        for user in (
            self.finance,
            self._make_role("other", "manager"),
            self._make_role("v", "viewer"),
        ):
            with self.subTest(user.login), self.assertRaises(AccessError):
                change.with_user(user).action_approve()
        with self.assertRaises(AccessError):
            change.with_user(self.approver).sudo().action_approve()
        self.assertEqual(change.state, "submitted")

    def test_an_edit_takes_the_approval_back(self):
        change = self.approved(self.city())
        former = change.digest
        self.propose(self.line, values={"path": "properties.place"})
        self.assertEqual(change.state, "approved", "another draft: this one is closed for joining")
        change.apply_at = fields.Datetime.now() + timedelta(days=1)
        self.assertEqual((change.state, change.approval_ids.ids), ("draft", []))
        self.assertNotEqual(change.digest, former)

    def test_an_approval_is_of_what_was_read(self):
        """Rows changed behind the buttons, and an approver who has lost the right, are noticed."""
        change = self.approved(self.city())
        change.sudo().item_ids.values = {"path": ["properties.city", "properties.evil"]}
        change.action_apply()
        self.assertEqual((change.state, self.line.path), ("draft", "properties.city"))
        self.assertIn("does not hold any more", change.problem)
        change = self.approved(
            self.city("properties.there", user=self._make_role("third", "manager"))
        )
        self.approver.group_ids -= self.env.ref("lead_to_cash_hub.group_hub_configuration_approver")
        change.action_apply()
        self.assertEqual((change.state, self.line.path), ("draft", "properties.city"))

    def test_two_changes_on_the_same_thing(self):
        second_author = self._make_role("second", "manager")
        first, second = self.city(), self.city("properties.place", user=second_author)
        self.assertNotEqual(first, second)
        self.assertIn(second.name, first.rival_text)
        self.assertIn("City", second.rival_text)
        self.approved(second)
        self.in_force(first)
        second.action_apply()
        self.assertEqual((second.state, self.line.path), ("approved", "properties.town"))
        self.assertIn("properties.city", second.problem)
        self.assertIn("properties.town", second.problem)
        second.action_renew()
        self.assertEqual((second.state, second.problem), ("draft", False))
        self.assertIn("properties.town → properties.place", second.item_ids.difference)
        self.in_force(second)
        with self.assertRaisesRegex(UserError, "properties.place"):
            first.action_undo()
        self.assertEqual((first.state, self.line.path), ("applied", "properties.place"))

    def test_at_a_time(self):
        change = self.city()
        change.apply_at = fields.Datetime.now() + timedelta(hours=1)
        self.approved(change)
        self.env.flush_all()
        with self.engine_env() as env:
            env["hub.change"]._apply_due()
        self.assertEqual(change.state, "approved")
        with (
            self.engine_env() as env,
            patch.object(
                fields.Datetime, "now", return_value=fields.Datetime.now() + timedelta(hours=2)
            ),
        ):
            env["hub.engine"]._chores()
        self.assertEqual((change.state, self.line.path), ("applied", "properties.town"))

    def test_at_its_time_it_cannot_be_done(self):
        """It is not lost and not tried for ever: it goes back to its author, who is asked."""
        change = self.city()
        change.apply_at = fields.Datetime.now() - timedelta(minutes=1)
        self.approved(change)
        self.line.path = "properties.else"  # as an update of the addon would
        with self.engine_env() as env:
            env["hub.change"]._apply_due()
        self.assertEqual((change.state, self.line.path), ("draft", "properties.else"))
        self.assertIn("properties.else", change.problem)
        self.assertEqual(change.activity_ids.user_id, self.author)

    def test_the_author_needs_his_right_when_it_comes_into_force(self):
        change = self.approved(self.city()).with_user(self.approver)
        self.author.group_ids -= self.env.ref("lead_to_cash_hub.group_hub_manager")
        change.action_apply()
        self.assertEqual((change.state, self.line.path), ("approved", "properties.city"))
        self.assertTrue(change.problem)

    def test_money_needs_finance_too(self):
        amount = self.env["hub.mapping.line"].search(
            [("mapping_id.system_id", "=", self.system.id), ("field_id.name", "=", "amount"), ("direction", "=", "in")]
        )  # fmt: skip
        self.assertFalse(self.city().needs_finance)
        lane = self.propose(
            self.system.stream_ids.lane_id[0],
            values={"workers": 3},
            user=self._make_role("l", "manager"),
        )
        self.assertFalse(lane.needs_finance, "when something runs is no question of money")
        change = self.propose(
            amount, values={"path": "properties.value"}, user=self._make_role("m", "manager")
        )
        self.assertTrue(change.needs_finance)
        change.action_submit()
        change.with_user(self.approver).action_approve()
        self.assertEqual((change.state, change.missing_text), ("submitted", "Finance"))
        with self.assertRaises(UserError):
            change.action_apply()
        change.with_user(self.finance).action_approve()
        self.assertEqual(change.state, "approved")

    def test_finance_is_asked_where_the_register_flags_a_stream(self):
        """Not by a list of names: what is flagged today, or would be once the Change is in force."""
        boss = self._make_role("b", "manager")
        entity = self.env.ref("lead_to_cash_hub.entity_opportunity")
        stream = self.system.stream_ids.filtered(
            lambda s: s.entity_id == entity and s.direction == "in"
        )
        mapping = self.system.mapping_ids.filtered(
            lambda m: m.entity_id == entity and m.direction == "in"
        )
        plain = mapping.line_ids.filtered(lambda line: line.field_id.name == "name")
        change = self.propose(plain, values={"path": "properties.title"}, user=boss)
        self.assertTrue(stream.alters_billable)
        self.assertEqual(change.money_text, stream.name)
        # the firm reads no amounts: now a deal is a name with a stage
        lines = mapping.line_ids.filtered(
            lambda line: (
                line.field_id.data_class == "financial" or line.field_id.kind.startswith("lines:")
            )
        )
        amount = lines.filtered(lambda line: line.field_id.name == "amount").field_id
        lines.unlink()
        self.env.invalidate_all()
        self.assertFalse(stream.alters_billable or change.needs_finance is False)
        change.action_cancel()
        change = self.propose(plain, values={"path": "properties.title"}, user=boss)
        self.assertFalse(change.needs_finance)
        # an amount is read again: it is flagged by the Change itself
        field = self.env["hub.entity.field"].create(
            {"entity_id": entity.id, "name": "budget", "label": "Budget", "kind": "lines:deal_line"}
        )
        change = self.propose(
            mapping.line_ids[:0],
            "create",
            {"mapping_id": mapping.id, "field_id": field.id, "path": "properties.items"},
            user=self._make_role("c", "manager"),
        )
        self.assertEqual(change.money_text, stream.name)
        self.assertEqual(amount.data_class, "financial")
        grant = self.system.grant_ids.filtered(lambda g: g.data_class == "financial")[:1]
        change = self.propose(grant, values={"active": False}, user=self._make_role("d", "manager"))
        self.assertIn(grant.field_id.label, change.money_text)

    def test_control_is_switched_off_by_a_change(self):
        change = self.in_force(self.propose(self.system, values={"needs_approval": False}))
        self.assertFalse(self.system.controlled)
        self.line.with_user(self.author).path = "properties.town"
        change.action_undo()
        self.assertTrue(self.system.controlled)

    def test_a_grant_is_in_the_name_of_the_approver(self):
        grant = self.system.grant_ids[0]
        self.in_force(self.propose(grant, values={"active": False}))
        self.assertFalse(grant.active)
        field = grant.field_id
        action = self.env["hub.grant"].with_user(self.author).toggle_grant(self.system.id, field.id)
        change = self.env["hub.change"].with_user(self.author).browse(action["res_id"])
        change.why = "Again."
        self.in_force(change)
        again = self.env["hub.grant"].search(
            [("system_id", "=", self.system.id), ("field_id", "=", field.id)]
        )
        self.assertEqual(again.approver_id, self.approver)

    def test_what_would_not_work_is_told_at_once(self):
        with self.assertRaises(UserError):
            self.propose(self.line, values={"path": "][ no path"})
        with self.assertRaises(UserError):
            self.propose(self.line, values={"path": self.line.path})
        with self.assertRaises(UserError):
            self.propose(self.env["res.partner"].browse(1), values={"name": "x"})
        with self.assertRaises(AccessError):
            self.propose(self.line, values={"path": "a"}, user=self._make_role("v", "viewer"))
        draft = self.city()
        draft.why = False
        with self.assertRaisesRegex(UserError, "reason"):
            draft.action_submit()

    def test_a_term_in_use_is_not_deleted_by_a_change(self):
        term = self.env["hub.vocabulary.term"].create(
            {"vocabulary_id": self.env.ref("lead_to_cash_hub.vocabulary_service_item").id, "code": "X1", "name": "X1"}
        )  # fmt: skip
        change = self.approved(self.propose(term, "unlink"))
        self.env["hub.vocabulary.word"].create(
            {"term_id": term.id, "system_id": self.system.id, "word": "x-one"}
        )
        change.action_apply()
        self.assertTrue(term.exists())
        self.assertIn("in use", change.problem)
        with self.assertRaisesRegex(UserError, "in use"):
            self.propose(term, "unlink")

    def test_a_word_is_taught_by_a_change(self):
        """A resolver's decision is proposed; what waits for the word goes on when it is in force."""
        vocabulary = self.env["hub.vocabulary"].create({"code": "industry", "name": "Industry"})
        term = self.env["hub.vocabulary.term"].create(
            {"vocabulary_id": vocabulary.id, "code": "mining", "name": "Mining"}
        )
        field = self.env["hub.entity.field"].create(
            {"entity_id": self.mapping.entity_id.id, "name": "industry", "label": "Industry", "kind": "term:industry",
             "binding": "field", "odoo_field": "ref"}
        )  # fmt: skip
        self.line.create(
            {"mapping_id": self.mapping.id, "field_id": field.id, "path": "properties.industry"}
        )
        message = self.work(self._company("1", industry="odd-stage"))
        issue = self.issues("unknown_term")
        resolver = self._make_role("resolver", "resolver")
        draft = issue.with_user(resolver)._fix_map(term.with_user(resolver))
        self.assertEqual(draft.author_id, resolver)
        self.assertEqual(message.state, "failed")
        draft.why = "New stage."
        self.in_force(draft)
        self.assertEqual(message.state, "pending")
        word = self.env["hub.vocabulary.word"].search([("word", "=", "odd-stage")])
        self.assertEqual((word.term_id, word.system_id), (term, self.system))

    def test_items_are_taken_out(self):
        change = self.city()
        self.propose(self.mapping.line_ids[0], values={"argument": "x"})
        self.assertEqual(len(change.item_ids), 2)
        change.item_ids[1].action_remove()
        self.assertEqual(change.item_ids.res_id, self.line.id)
        with self.assertRaises(AccessError):
            change.item_ids.with_user(self.approver).action_remove()

    def test_who_does_not_see_a_company_does_not_approve_for_it(self):
        other = self.env["res.company"].create({"name": "Second"})
        self.technical.company_ids += other
        self.system.company_ids += other
        self.author.company_ids += other
        field = self.env.ref("lead_to_cash_hub.field_opportunity_amount")
        author = self.env["hub.change"].with_user(self.author).with_context(
            allowed_company_ids=[self.company.id, other.id]
        )  # fmt: skip
        action = author.propose(
            "hub.ownership",
            "create",
            [],
            [{"field_id": field.id, "rule": "odoo", "company_id": other.id}],
        )
        change = author.browse(action["res_id"])
        change.why = "Differs."
        change.action_submit()
        self.env.invalidate_all()
        items = self.env["hub.change.item"].with_user(self.approver)
        self.assertFalse(items.search([("change_id", "=", change.id)]))
        with self.assertRaisesRegex(AccessError, "companies"):
            change.with_user(self.approver).action_approve()
        narrow = self._make_role("narrow", "manager")
        with self.assertRaises(AccessError):
            self.env["hub.change"].with_user(narrow).propose(
                "hub.ownership",
                "create",
                [],
                [{"field_id": field.id, "rule": "odoo", "company_id": other.id}],
            )


@tagged("post_install", "-at_install")
class TestVersions(ChangeCase):
    """Every message knows the configuration that treated it."""

    def test_a_message_names_its_version(self):
        message = self.work(self._company("1", city="Boston", town="Austin"))
        first = message.configuration
        self.assertTrue(first)
        self.new_transaction()
        change = self.in_force(self.city())
        later = self.work(self._company("1", 2, city="Boston", town="Rome"))
        self.assertEqual(later.configuration, change.version)
        self.assertGreater(later.configuration, first)
        self.assertEqual(later.action_open_configuration()["res_id"], change.id)
        self.assertEqual(message.configuration, first)
        self.assertEqual(self.partner_of("1").city, "Rome")
        version = self.env["hub.version"].browse(change.version)
        self.assertIn("Mapping Line (1)", version.what)

    def test_an_edit_without_control_begins_one_too(self):
        self.system.needs_approval = False
        self.new_transaction()
        before = self.env["hub.version"].search([], limit=1)
        self.line.with_user(self.author).path = "properties.town"
        self.mapping.line_ids[0].with_user(self.author).argument = "x"
        after = self.env["hub.version"].search([], limit=1)
        self.assertEqual((after.id > before.id, after.user_id), (True, self.author))
        self.assertIn("Mapping Line (2)", after.what)

    def test_a_sent_message_names_the_version_of_its_values(self):
        self._use_stub()
        self.system.with_context(active_test=False).stream_ids.filtered(
            lambda s: s.direction == "out"
        ).active = True
        self.work(self._company("1"))
        self.env["hub.compose"]._mark_all("res.partner", self.partner_of("1").ids)
        self.drain()
        sent = self.env["hub.message"].search([("direction", "=", "out")])
        self.assertTrue(sent)
        self.assertTrue(all(sent.mapped("configuration")))


@tagged("post_install", "-at_install")
class TestEditsWithoutAChange(ChangeCase):
    """A production system that nobody put under control: what is edited is kept, with what it said before."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.system.needs_approval = False
        cls.env["hub.audit"].flush_model()

    def kept(self, row=None):
        """``[(user, kind, values)]`` of the edits that the audit has, of a row."""
        domain = [("action", "=", "configure"), ("system_id", "=", self.system.id)]
        domain += [("res_model", "=", row._name), ("res_id", "in", row.ids)] if row else []
        found = self.env["hub.audit"].search(domain, order="id")
        return [
            (one.user_id, one.value_ids.body["kind"], one.value_ids.body["values"]) for one in found
        ]

    def test_each_edit_is_kept_with_the_old_and_the_new_value(self):
        line = self.line.with_user(self.author)
        line.write({"path": "properties.town", "transform": "none"})
        line.path = "properties.town"
        self.assertEqual(
            self.kept(line),
            [(self.author, "write", {"path": ["properties.city", "properties.town"]})],
        )
        field, mapping = line.field_id, line.mapping_id
        line.unlink()
        user, kind, values = self.kept(line)[-1]
        self.assertEqual((user, kind), (self.author, "unlink"))
        self.assertEqual(values["path"], ["properties.town", None])
        again = self.env["hub.mapping.line"].with_user(self.author).create(
            {"mapping_id": mapping.id, "field_id": field.id, "path": "properties.place"}
        )  # fmt: skip
        user, kind, values = self.kept(again)[-1]
        self.assertEqual((user, kind), (self.author, "create"))
        self.assertEqual(values["path"], [None, "properties.place"])
        named = self.env["hub.audit"].search([("action", "=", "configure")], limit=1)
        self.assertEqual(named.sentence, "Configuration edited")

    def test_lines_that_are_edited_in_the_form_of_their_mapping(self):
        mapping = self.mapping.with_user(self.author)
        mapping.write({"line_ids": [Command.update(self.line.id, {"path": "properties.town"})]})
        self.assertEqual(len(self.kept(self.line)), 1)

    def test_what_goes_with_its_mapping_is_kept_too(self):
        lines = self.mapping.line_ids
        self.mapping.with_user(self.author).unlink()
        self.assertEqual({kind for _user, kind, _values in self.kept(lines)}, {"unlink"})
        self.assertEqual(len(self.kept(lines)), len(lines))

    def test_what_a_change_does_is_kept_by_the_change(self):
        self.system.with_user(self.author).needs_approval = True
        self.assertEqual(self.kept(self.system)[-1][2], {"needs_approval": [False, True]})
        before = len(self.kept())
        self.in_force(self.city())
        self.assertEqual(len(self.kept()), before)

    def test_of_a_sandbox_nothing_until_it_becomes_production(self):
        self.system.environment = "sandbox"
        before = len(self.kept())
        self.line.with_user(self.author).path = "properties.town"
        self.assertEqual(len(self.kept()), before)
        self.system.with_user(self.author).environment = "production"
        self.assertEqual(self.kept(self.system)[-1][2], {"environment": ["sandbox", "production"]})

    def test_a_live_system_says_that_everybody_edits_it(self):
        self.assertTrue(self.system.edited_freely)
        self.system.paused = True
        self.assertFalse(self.system.edited_freely, "it is being set up")
        self.system.action_resume()
        self.assertTrue(self.system.edited_freely)
        viewer = self._make_role("free-viewer", "viewer")
        with self.assertRaises(AccessError):
            self.system.with_user(viewer).action_control()
        self.system.with_user(self.author).action_control()
        self.assertFalse(self.system.edited_freely)
        self.assertTrue(self.system.controlled)


@tagged("post_install", "-at_install")
class TestDeputies(ChangeCase):
    """A deputy approves in the name of a person who may, and never more than that person."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.deputy = cls._make_role("deputy", "viewer")

    def lend(self, user, deputy=None, **values):
        return (
            self.env["hub.delegation"]
            .with_user(user)
            .create(
                {"deputy_id": (deputy or self.deputy).id, "date_to": fields.Date.today() + timedelta(days=3),
                 "changes": True, **values}
            )
        )  # fmt: skip

    def submitted(self):
        change = self.city()
        change.approver_id = self.approver
        change.action_submit()
        return change

    def test_in_whose_name_is_kept(self):
        lent = self.lend(self.approver)
        change = self.submitted()
        self.assertEqual(change.activity_ids.user_id, self.approver | self.deputy)
        mine = change.with_user(self.deputy)
        self.assertTrue(mine.can_approve and mine.can_refuse)
        self.assertEqual(mine.in_name_text, self.approver.name)
        mine.action_approve()
        self.assertEqual(change.state, "approved")
        approval = change.approval_ids
        self.assertEqual((approval.user_id, approval.in_name_of_id), (self.deputy, self.approver))
        audit = self.env["hub.audit"].search([("action", "=", "approve_change")], limit=1)
        self.assertEqual((audit.user_id, audit.res_id), (self.deputy, change.id))
        # what was approved within the time holds when it is over
        lent.action_end()
        change.with_user(self.approver).action_apply()
        self.assertEqual((change.state, self.line.path), ("applied", "properties.town"))

    def test_not_without_the_word_not_before_and_not_afterwards(self):
        cases = {
            "records only": {"changes": False},
            "from tomorrow": {"date_from": fields.Date.today() + timedelta(days=1)},
            "until yesterday": {
                "date_from": fields.Date.today() - timedelta(days=9),
                "date_to": fields.Date.today() - timedelta(days=1),
            },
        }
        change = self.submitted().with_user(self.deputy)
        for name, values in cases.items():
            lent = self.lend(self.approver, **values)
            with self.subTest(name), self.assertRaises(AccessError), self.env.cr.savepoint():
                change.action_approve()
            lent.with_user(self.approver).action_end()
        ended = self.lend(self.approver)
        ended.action_end()
        with self.assertRaises(AccessError):
            change.action_approve()
        self.assertFalse(change.can_approve)

    def test_nobody_approves_in_the_name_of_an_author(self):
        self.author.group_ids += self.env.ref("lead_to_cash_hub.group_hub_configuration_approver")
        self.lend(self.author)
        change = self.submitted()
        with self.assertRaises(AccessError):
            change.with_user(self.deputy).action_approve()
        self.lend(self.approver, deputy=self.author)
        with self.assertRaisesRegex(UserError, "Another person"):
            change.with_user(self.author).action_approve()

    def test_a_deputy_lends_nothing_on_and_sees_no_more(self):
        self.lend(self.approver)
        third = self._make_role("third", "viewer")
        self.lend(self.deputy, deputy=third)
        change = self.submitted()
        with self.assertRaises(AccessError):
            change.with_user(third).action_approve()
        other = self.env["res.company"].create({"name": "Daughter"})
        (self.technical | self.author | self.deputy).company_ids += other
        self.system.company_ids += other
        word = {"term_id": self.env.ref("lead_to_cash_hub.term_deal_stage_won").id, "system_id": self.system.id,
                "word": "Gewonnen", "company_id": other.id}  # fmt: skip
        boss = self._make_role("boss", "manager")
        boss.company_ids += other
        change = self.propose(
            self.env["hub.vocabulary.word"].with_context(
                allowed_company_ids=(self.company | other).ids
            ),
            "create",
            [word],
            user=boss,
        )
        change.action_submit()
        seen = change.with_user(self.deputy).with_context(
            allowed_company_ids=(self.company | other).ids
        )
        with self.assertRaises(AccessError):
            seen.action_approve()

    def test_the_right_is_looked_at_again(self):
        self.lend(self.approver)
        change = self.submitted()
        change.with_user(self.deputy).action_approve()
        self.approver.group_ids -= self.env.ref("lead_to_cash_hub.group_hub_configuration_approver")
        change.with_user(self.author).action_apply()
        self.assertEqual(self.line.path, "properties.city")
        self.assertEqual(change.state, "draft")
