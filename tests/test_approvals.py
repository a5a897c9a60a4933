"""Checkpoints: who approves what, and every way round the second pair of eyes that was tried."""

from datetime import timedelta

from odoo import fields
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Command
from odoo.tests import tagged

from .test_ownership_deal import DealCase
from .test_rules import RuleCase


class ApprovalCase(RuleCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.boss = cls._make_role("signer", "resolver", "base.group_partner_manager")
        cls.second = cls._make_role("second", "resolver", "base.group_partner_manager")
        cls.clerk = cls._make_role("clerk", "resolver", "base.group_partner_manager")

    def _checkpoint(self, entity="customer", approvers=None, **values):
        return self.env["hub.checkpoint"].create(
            {
                "name": "New customers",
                "entity_id": self._entity(entity).id,
                "approver_ids": [Command.set((approvers or self.boss).ids)],
                **values,
            }
        )

    def _approve(self, message, user):
        waiting = message.approval_ids.filtered(lambda a: a.state == "waiting")
        waiting.with_user(user).action_approve()


@tagged("post_install", "-at_install")
class TestApprovals(ApprovalCase):
    def test_a_record_waits_until_it_is_approved(self):
        self._checkpoint()
        message = self.work(self._company("1", name="Acme"))
        self.assertStates(message, "held:held_for")
        self.assertIn("New customers", message.explanation)
        approval = message.approval_ids
        self.assertTrue(approval.with_user(self.boss).may_decide)
        shown = approval.with_user(self.boss).shown_html
        self.assertIn("Acme", shown)
        self.assertNotIn("Tax number", shown, "what stays blank is nothing to decide about")
        self._approve(message, self.boss)
        self.drain()
        self.assertStates(message, "done")
        self.assertEqual((approval.state, approval.decided_by_id), ("approved", self.boss))
        audit = self.env["hub.audit"].search([("action", "=", "approve")])
        self.assertEqual((audit.user_id, audit.message_id), (self.boss, message))

    def test_who_is_no_approver_decides_and_sees_nothing(self):
        self._checkpoint()
        message = self.work(self._company("1", name="Acme"))
        approval = message.approval_ids.with_user(self.clerk)
        self.assertFalse(approval.may_decide)
        self.assertFalse(approval.shown_html)
        for method in ("action_approve", "_refuse"):
            with self.assertRaisesRegex(AccessError, "none of the approvers"):
                if method == "_refuse":
                    wizard = self.env["hub.refuse"].with_user(self.clerk)
                    wizard.create(
                        {"approval_ids": approval.ids, "reason": "because"}
                    ).action_confirm()
                else:
                    approval.action_approve()
        for name in ("shown", "facts", "authors"):
            with self.assertRaises(AccessError):
                approval.read([name])
            with self.assertRaises(AccessError):
                approval.search([(name, "!=", False)])
        self.assertStates(message, "held")

    def test_nobody_makes_or_edits_an_approval(self):
        self._checkpoint()
        message = self.work(self._company("1"))
        manager = self._make_role("manager", "manager", "configuration_approver", "auditor")
        for user in (manager, self.boss):
            approval = message.approval_ids.with_user(user)
            with self.assertRaises(UserError):
                approval.write({"state": "approved"})
            with self.assertRaises(UserError):
                approval.write({"authors": []})
            with self.assertRaises(UserError):
                approval.create({"message_id": message.id, "state": "approved"})
            with self.assertRaises(UserError):
                approval.copy()
            with self.assertRaises(UserError):
                approval.unlink()

    def test_a_replay_is_no_way_round(self):
        self._checkpoint()
        message = self.work(self._company("1"))
        message.with_user(self.clerk).action_replay()
        self.drain()
        self.assertStates(message, "held")
        self.assertEqual(message.approval_ids.mapped("state"), ["waiting"])

    def test_refused_with_a_reason_it_is_left_out(self):
        self._checkpoint()
        message = self.work(self._company("1"))
        wizard = self.env["hub.refuse"].with_user(self.boss)
        wizard.create(
            {"approval_ids": message.approval_ids.ids, "reason": "Not our customer"}
        ).action_confirm()
        self.drain()
        self.assertStates(message, "skipped:refused")
        self.assertIn("Not our customer", message.explanation)
        self.assertFalse(self.partner_of("1"))
        # What is new at the source is asked again.
        self.assertStates(self.work(self._company("1", 2, zip="1000")), "held")

    def test_two_checkpoints_ask_two_people(self):
        self._checkpoint()
        self._checkpoint(approvers=self.second, name="Both")
        message = self.work(self._company("1"))
        self._approve_as(message, self.boss)
        self.assertStates(message, "held")
        self._approve_as(message, self.second)
        self.drain()
        self.assertStates(message, "done")

    def _approve_as(self, message, user):
        message.approval_ids.filtered(
            lambda a: a.state == "waiting" and a.with_user(user).may_decide
        ).with_user(user).action_approve()

    def test_only_changes_of_some_fields_wait(self):
        zip_field = self._field("customer", "zip")
        self.work(self._company("1", 1, name="Acme", zip="1000"))
        self._checkpoint(field_ids=[Command.set(zip_field.ids)])
        self.assertStates(self.work(self._company("1", 2, name="Acme Ltd", zip="1000")), "done")
        self.assertStates(self.work(self._company("1", 3, name="Acme Ltd", zip="2000")), "held")

    def test_a_checkpoint_says_who_approves(self):
        with self.assertRaisesRegex(ValidationError, "lets them through"):
            self._checkpoint(approver_ids=False)
        with self.assertRaisesRegex(ValidationError, "more than 0"):
            self._checkpoint(by_amount=True)
        with self.assertRaisesRegex(ValidationError, "no field"):
            self._checkpoint(field_ids=[Command.set(self._field("contact", "email").ids)])

    def test_a_person_of_another_company_does_not_approve(self):
        other = self.env["res.company"].create({"name": "Elsewhere"})
        stranger = self._make_role("stranger", "resolver", company=other)
        self._checkpoint(approvers=self.boss | stranger)
        message = self.work(self._company("1"))
        message.approval_ids._keep({"company_id": self.company.id})
        with self.assertRaises(AccessError):
            message.approval_ids.with_user(stranger).action_approve()
        self.assertFalse(
            self.env["hub.approval"].with_user(stranger).search([("state", "=", "waiting")])
        )

    def test_approvers_get_an_activity_and_the_overdue_goes_further(self):
        self._checkpoint(due_hours=1, escalate_id=self.second.id)
        message = self.work(self._company("1"))
        approval = message.approval_ids
        self.later(0)
        self.assertEqual(approval.activity_ids.user_id, self.boss)
        with self.assertRaises(AccessError):
            approval.with_user(self.second).action_approve()
        self.env.cr.execute("UPDATE hub_approval SET due_at = due_at - interval '2 hours'")
        self.later(0)
        self.later(0)
        self.assertEqual(approval.activity_ids.user_id, self.boss | self.second)
        self.assertEqual(len(approval.activity_ids), 2, "each is asked once")
        approval.with_user(self.second).action_approve()
        self.assertFalse(approval.activity_ids)
        self.drain()
        self.assertStates(message, "done")

    def test_the_list_of_an_approver(self):
        self._checkpoint()
        self.work(self._company("1"), self._company("2"))
        mine = [("may_decide", "=", True)]
        approvals = self.env["hub.approval"]
        self.assertEqual(len(approvals.with_user(self.boss).search(mine)), 2)
        self.assertFalse(approvals.with_user(self.clerk).search(mine))


@tagged("post_install", "-at_install")
class TestFourEyes(ApprovalCase):
    """The author does not approve: not as a delegate, not in a second tab, not by an edit afterwards."""

    def _uploaded(self, key, author, number=1, **values):
        """A record that ``author`` brought by a file."""
        message = self.receive(self._company(key, number, **values))
        self.env.cr.execute(
            "UPDATE hub_message SET author_id = %s WHERE id = %s", [author.id, message.id]
        )
        self.drain()
        return message

    def _deputy(self, user, deputy, days=1, **values):
        today = fields.Date.today()
        return (
            self.env["hub.delegation"]
            .with_user(user)
            .create(
                {
                    "deputy_id": deputy.id,
                    "date_from": today,
                    "date_to": today + timedelta(days=days),
                    **values,
                }
            )
        )

    def test_who_uploaded_does_not_approve(self):
        self._checkpoint(approvers=self.boss | self.second)
        message = self._uploaded("1", self.boss)
        self.assertEqual(message.approval_ids.author_ids, self.boss)
        with self.assertRaisesRegex(AccessError, "another person"):
            self._approve(message, self.boss)
        self.assertFalse(message.approval_ids.with_user(self.boss).may_decide)
        self._approve(message, self.second)
        self.drain()
        self.assertStates(message, "done")

    def test_everybody_who_decided_is_an_author_not_the_last_one_alone(self):
        self._checkpoint(approvers=self.boss | self.second)
        message = self.receive(self._company("1"))
        message.with_user(self.boss)._decide({"create": True})
        message.with_user(self.clerk)._decide({"create": True})
        self.drain()
        self.assertEqual(message.approval_ids.author_ids, self.boss | self.clerk)
        with self.assertRaisesRegex(AccessError, "another person"):
            self._approve(message, self.boss)

    def test_the_authors_deputy_does_not_approve_in_that_name(self):
        self._checkpoint()
        message = self._uploaded("1", self.boss)
        self._deputy(self.boss, self.clerk)
        with self.assertRaisesRegex(AccessError, "not approved in that name"):
            self._approve(message, self.clerk)

    def test_an_author_does_not_approve_as_anothers_deputy(self):
        self._checkpoint()
        message = self._uploaded("1", self.clerk)
        self._deputy(self.boss, self.clerk)
        with self.assertRaisesRegex(AccessError, "another person"):
            self._approve(message, self.clerk)

    def test_a_deputy_approves_in_the_name_of_who_lent_the_right(self):
        self._checkpoint()
        message = self._uploaded("1", self.second)
        self._deputy(self.boss, self.clerk)
        self.later(0)
        self.assertEqual(message.approval_ids.activity_ids.user_id, self.boss | self.clerk)
        self._approve(message, self.clerk)
        approval = message.approval_ids
        self.assertEqual((approval.decided_by_id, approval.in_name_of_id), (self.clerk, self.boss))
        self.drain()
        self.assertStates(message, "done")

    def test_a_delegation_is_given_by_oneself_for_its_days_and_not_handed_on(self):
        point = self._checkpoint()
        other = self._checkpoint(name="Elsewhere", when='record["name"] == "nobody"')
        message = self._uploaded("1", self.second)
        days = {"date_from": fields.Date.today(), "date_to": fields.Date.today()}
        delegations = self.env["hub.delegation"].with_user(self.clerk)
        with self.assertRaises(AccessError):
            delegations.create({"user_id": self.boss.id, "deputy_id": self.second.id, **days})
        # By a default of the context: the server makes it one's own, which lends nothing.
        forged = delegations.with_context(default_user_id=self.boss.id).create(
            {"deputy_id": self.second.id, **days}
        )
        self.assertEqual(forged.user_id, self.clerk)
        with self.assertRaises(AccessError):
            forged.with_user(self.clerk).write({"user_id": self.boss.id})
        first = self._deputy(self.boss, self.clerk)
        third = self._make_role("third", "resolver")
        self._deputy(self.clerk, third)  # lends what is not theirs
        with self.assertRaisesRegex(AccessError, "none of the approvers"):
            self._approve(message, third)
        with self.assertRaises(AccessError):
            first.with_user(self.clerk).action_end()
        first.with_user(self.boss).action_end()
        with self.assertRaises(AccessError):
            self._approve(message, self.clerk)
        self._deputy(self.boss, self.clerk, checkpoint_id=other.id)
        with self.assertRaises(AccessError):
            self._approve(message, self.clerk)
        last = self._deputy(self.boss, self.clerk, checkpoint_id=point.id)
        self.env.cr.execute(
            "UPDATE hub_delegation SET date_from = '2020-01-01', date_to = '2020-02-01' WHERE id = %s",
            [last.id],
        )
        self.env.invalidate_all()
        with self.assertRaises(AccessError):
            self._approve(message, self.clerk)

    def test_a_deputy_can_open_the_hub(self):
        outsider = self._make_role("outsider")
        with self.assertRaisesRegex(ValidationError, "Viewer"):
            self._deputy(self.boss, outsider)

    def test_a_second_tab_decides_nothing_twice(self):
        self._checkpoint(approvers=self.boss | self.second)
        message = self._uploaded("1", self.clerk)
        first = message.approval_ids.with_user(self.boss)
        tab = self.env["hub.approval"].with_user(self.second).browse(first.id)
        self.assertTrue(tab.may_decide)
        first.action_approve()
        with self.assertRaisesRegex(UserError, "does not wait as you saw it"):
            tab.action_approve()
        with self.assertRaisesRegex(UserError, "does not wait as you saw it"):
            self.env["hub.refuse"].with_user(self.second).create(
                {"approval_ids": tab.ids, "reason": "late"}
            ).action_confirm()
        self.drain()
        self.assertStates(message, "done")

    def test_what_changed_since_it_was_shown_is_asked_again(self):
        self._checkpoint(approvers=self.boss | self.second)
        old = self._uploaded("1", self.clerk, 1, name="Acme")
        tab = old.approval_ids.with_user(self.boss)
        self.assertTrue(tab.may_decide)
        new = self._uploaded("1", self.boss, 2, name="Evil")
        self.assertStates(old | new, "skipped:superseded", "held")
        with self.assertRaisesRegex(UserError, "does not wait as you saw it"):
            tab.action_approve()
        # Who typed the older version is an author of what takes its place.
        self.assertEqual(new.approval_ids.author_ids, self.clerk | self.boss)
        self._approve(new, self.second)
        self.drain()
        self.assertEqual(self.partner_of("1").name, "Evil")

    def test_an_edit_after_the_approval_is_not_approved_by_it(self):
        self._checkpoint(approvers=self.boss | self.second)
        message = self._uploaded("1", self.clerk, name="Acme")
        self._approve(message, self.boss)
        # Before it is applied, the mapping makes something else of the same bytes.
        mapping = self.system.mapping_ids.filtered(
            lambda m: m.direction == "in" and m.entity_id.code == "customer"
        )
        line = mapping.line_ids.filtered(lambda one: one.field_id.name == "name")
        line.write({"path": "", "transform": "constant", "argument": "Evil"})
        self.drain()
        self.assertStates(message, "held")
        self.assertEqual(message.approval_ids.mapped("state"), ["waiting", "approved"])
        self.assertFalse(self.partner_of("1"))

    def test_a_newer_version_before_the_approved_one_is_applied_is_asked(self):
        self._checkpoint(approvers=self.boss)
        message = self._uploaded("1", self.clerk, 1, name="Acme")
        self._approve(message, self.boss)
        newer = self.work(self._company("1", 2, name="Evil"))
        self.assertStates(newer, "held")
        self.assertFalse(self.partner_of("1"))

    def test_without_four_eyes_the_author_may(self):
        self._checkpoint(four_eyes=False)
        message = self._uploaded("1", self.boss)
        self._approve(message, self.boss)
        self.drain()
        self.assertStates(message, "done")


@tagged("post_install", "-at_install")
class TestApprovalAmounts(ApprovalCase, DealCase):
    def _point(self, **values):
        return self._checkpoint(
            "opportunity", by_amount=True, limit=1000, name="Big deals", **values
        )

    def test_amounts_count_in_the_companys_currency(self):
        foreign = self.env.ref("base.CHF")
        foreign.active = True
        self.env["res.currency.rate"].create(
            {"currency_id": foreign.id, "name": fields.Date.today(), "rate": 4}
        )
        self._point()
        self.assertStates(self.deal(1, amount="999.99"), "done")
        self.assertStates(self.deal(2, amount="3999", currency="CHF"), "done")
        held = self.deal(3, amount="4000", currency="CHF")
        self.assertStates(held, "held")
        self.assertEqual(held.approval_ids.amount, 1000)

    def test_an_amount_that_is_not_known_waits(self):
        self._point()
        self.assertStates(self.deal(1, amount=None), "held")


class OutboundCase(ApprovalCase):
    """Customers whose ZIP goes both ways, and people who type it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        stream = cls.system.with_context(active_test=False).stream_ids.filtered(
            lambda s: s.direction == "out" and s.entity_id.code == "customer"
        )
        stream.active = True
        cls.stream = stream

    def setUp(self):
        super().setUp()
        self.stub = self._use_stub()
        field = self._field("customer", "zip")
        field.direction = "both"
        self.env["hub.ownership"].set_rule(field.id, "hold")
        mapping = self.system.mapping_ids.filtered(
            lambda m: m.direction == "out" and m.entity_id.code == "customer"
        )
        mapping.line_ids = [
            Command.clear(),
            Command.create({"field_id": field.id, "path": "properties.zip"}),
        ]
        self.system.grant_ids.action_revoke()
        self.system.action_grant_write_back()
        self._patch("hub.handler.customer", "_hub_compose", lambda *args: {})
        self.env.flush_all()
        self.work(self._company("1", name="Acme", zip="1"))
        self.partner = self.partner_of("1")

    def _out(self):
        return self.env["hub.message"].search([("direction", "=", "out")], order="id")

    def _sent(self):
        return [call for call in self.stub.calls if call[0] == "deliver"]

    def _type(self, user, value):
        self.partner.with_user(user).zip = value
        self.env.flush_all()
        self.drain()


@tagged("post_install", "-at_install")
class TestApprovalOutbound(OutboundCase):
    """What is to be sent waits before it leaves."""

    def test_it_waits_and_its_author_does_not_send_it(self):
        self._checkpoint(direction="out", approvers=self.boss | self.second)
        self._type(self.boss, "1000")
        message = self._out()[-1]
        self.assertStates(message, "held:held_for")
        self.assertFalse(self._sent())
        self.assertEqual(message.approval_ids.author_ids, self.boss)
        with self.assertRaisesRegex(AccessError, "another person"):
            self._approve(message, self.boss)
        self._approve(message, self.second)
        self.drain()
        self.assertStates(message, "done")
        self.assertEqual(len(self._sent()), 1)

    def test_an_edit_after_the_approval_is_asked_and_its_former_author_stays_one(self):
        self._checkpoint(direction="out", approvers=self.boss | self.second)
        self._type(self.boss, "1000")
        first = self._out()[-1]
        self.partner.with_user(self.clerk).zip = "2000"
        self.env.flush_all()
        self._approve(first, self.second)
        with self.engine_env() as env:
            env["hub.compose"]._slice()
        self.drain()
        second = self._out()[-1]
        self.assertStates(first | second, "skipped:superseded", "held")
        self.assertFalse(self._sent())
        self.assertIn(self.clerk, second.approval_ids.author_ids)

    def test_a_replay_does_not_send_what_is_held(self):
        self._checkpoint(direction="out")
        self._type(self.clerk, "1000")
        self._out()[-1].with_user(self.clerk).action_replay()
        self.drain()
        self.assertStates(self._out()[-1], "held")
        self.assertFalse(self._sent())

    def test_what_was_refused_is_not_asked_again_until_it_changes(self):
        self._checkpoint(direction="out")
        self._type(self.clerk, "1000")
        message = self._out()[-1]
        self.env["hub.refuse"].with_user(self.boss).create(
            {"approval_ids": message.approval_ids.ids, "reason": "no"}
        ).action_confirm()
        self.partner._hub_mark(self.partner.ids)
        self.drain()
        self.assertEqual(self._out()[-1], message)
        self._type(self.clerk, "2000")
        self.assertStates(self._out()[-1], "held")

    def test_a_rule_blocks_what_would_be_sent(self):
        rule = self._rule(
            direction="out",
            test="expression",
            formula='len(record["zip"]) == 4',
            sentence="The ZIP {zip} has not 4 digits.",
        )
        self._type(self.clerk, "77")
        message = self._out()[-1]
        self.assertEqual(
            self.assertExplained(message, "rule_block").sentence, "The ZIP 77 has not 4 digits."
        )
        self.assertFalse(self._sent())
        message.action_replay()  # no way round: it is composed and judged anew
        self.drain()
        self.assertStates(self._out()[-1], "failed")
        self._type(self.clerk, "7777")
        self.assertStates(self._out()[-1], "done")
        rule.unlink()
