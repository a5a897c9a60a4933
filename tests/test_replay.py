from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from ..models.flow.replay_line import OUTCOMES
from .hub_common import HubCase


@tagged("post_install", "-at_install")
class TestReplay(HubCase):
    """A replay: the plan before, the progress while it runs, its cancellation, its result."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.resolver = cls._make_role("resolver", "resolver")
        cls.viewer = cls._make_role("viewer", "viewer")

    def setUp(self):
        super().setUp()
        self.stub = self._use_stub()

    def plan(self, messages=None, **values):
        replays = self.env["hub.replay"].with_user(self.resolver)
        if messages is not None:
            return replays._of(messages.with_user(self.resolver), why="Mended")
        replay = replays.create({"why": "Mended", **values})
        replay.action_plan()
        return replay

    def verdicts(self, replay):
        return {line.message_id.id: line.verdict for line in replay.line_ids}

    def outcomes(self, replay):
        replay.action_refresh()
        return {line.message_id.id: line.outcome for line in replay.line_ids}

    def broken(self, *keys):
        """Customers that fail for one cause that a person can mend in Odoo."""
        messages = self.work(*(self._company(key, country="Atlantis") for key in keys))
        self.assertEqual(set(messages.mapped("state")), {"failed"})
        return messages

    def mend(self):
        self.env["res.country"].create({"name": "Atlantis", "code": "QX"})

    # -- the plan ------------------------------------------------------------------------------------

    def test_the_plan_says_what_is_done_and_what_is_left_out_and_changes_nothing(self):
        failed = self.broken("1")
        done = self.work(self._company("2", 1), self._company("3"))
        self.work(self._company("2", 2, city="Austin"))
        ignored = self.receive(self._event("customer", "4", action="ignored", reason="odd"))
        self.stub.records["customer", "5"] = {"id": "5", "properties": {"name": "Five"}}
        notice = self.receive(self._notice("customer", "6"))
        everything = failed + done + ignored + notice
        before = everything.read(["state", "reason", "attempts"])
        replay = self.plan(everything)
        self.assertEqual(
            self.verdicts(replay),
            dict(
                zip(
                    everything.ids,
                    ["apply", "newer", "apply", "ignored", "running"],
                    strict=True,
                )
            ),
        )
        self.assertEqual(
            (replay.message_count, replay.todo_count, replay.left_out_count), (5, 2, 3)
        )
        self.env.invalidate_all()
        self.assertEqual(everything.read(["state", "reason", "attempts"]), before)
        self.assertIn("Atlantis", replay.plan_html)
        self.assertIn("a newer version of the record was applied", replay.plan_html)

    def test_of_several_versions_only_the_newest_is_taken_and_the_others_do_not_stay_open(self):
        first, second = self.receive(
            self._company("1", 1, country="Atlantis"), self._company("2", 1, country="Atlantis")
        )
        self.drain()
        newer = self.work(self._company("1", 2, country="Atlantis"))
        self.env.cr.execute(
            "UPDATE hub_message SET state = 'failed' WHERE id = %s", [first.id]
        )  # as if it had come later
        self.env.invalidate_all()
        replay = self.plan(first + second + newer)
        self.assertEqual(
            self.verdicts(replay),
            {first.id: "same_record", second.id: "apply", newer.id: "apply"},
        )
        replay.action_start()
        self.assertStates(first, "skipped:superseded")
        self.mend()
        self.drain()
        self.assertStates(second + newer, "done", "done")
        self.assertFalse(self.issues())

    def test_what_has_no_content_or_no_stream_any_more_is_left_out(self):
        one, two = self.broken("1", "2")
        event = self.receive(self._event("customer", "3"))
        self.drain()
        self.env.cr.execute(
            "UPDATE hub_message SET payload_id = NULL WHERE id = ANY(%s)", [[one.id, event.id]]
        )
        self.env.invalidate_all()
        verdicts = self.verdicts(self.plan(one + two + event))
        self.assertEqual(verdicts, {one.id: "fetch", two.id: "apply", event.id: "erased"})
        self.system.stream_ids.filtered(lambda s: s.entity_id.code == "customer").active = False
        self.assertEqual(set(self.verdicts(self.plan(one + two)).values()), {"no_stream"})

    def test_any_filter_can_be_planned_and_another_filter_needs_another_plan(self):
        self.broken("1", "2")
        self.work(self._company("3"))
        replay = self.plan(domain="[('state', '=', 'failed'), ('entity_id.code', '=', 'customer')]")
        self.assertEqual(replay.todo_count, 2)
        replay.write({"domain": "[('state', '=', 'done')]"})
        self.assertEqual((replay.state, len(replay.line_ids)), ("draft", 0))
        with self.assertRaises(UserError):
            replay.action_start()
        replay.action_plan()
        self.assertEqual(replay.todo_count, 1)

    def test_a_filter_that_is_no_filter_is_refused(self):
        for domain in ("[('state', '=', ", "__import__('os')", "[('nothing', '=', 1)]", "{'a': 1}"):
            with self.subTest(domain), self.assertRaises(UserError):
                self.plan(domain=domain)

    def test_the_plan_warns_of_a_system_that_is_paused(self):
        failed = self.broken("1")
        self.system.paused = True
        self.assertIn("is paused", self.plan(failed).notice)

    def test_planning_twice_as_many_asks_the_database_no_more_often(self):
        messages = self.work(*(self._company(str(key)) for key in range(1, 61)))
        costs = []
        for count in (2, 30, 60):
            replay = self.env["hub.replay"].create(
                {"domain": repr([("id", "in", messages[:count].ids)])}
            )
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            replay._make_plan()
            self.assertTrue(replay.plan_html)
            costs.append(self.env.cr.sql_log_count - before)
        self.assertLessEqual(costs[2], costs[1])
        self.assertEqual(replay.todo_count, 60)

    # -- the run -------------------------------------------------------------------------------------

    def test_a_run_shows_its_progress_and_its_result_by_cause(self):
        messages = self.broken("1", "2", "3")
        unchanged = self.work(self._company("4"))
        still = self.work(self._company("5", country="Lemuria"))
        replay = self.plan(messages + unchanged + still)
        self.mend()
        replay.action_start()
        self.assertEqual((replay.state, replay.progress, replay.settled_count), ("running", 0, 0))
        self.assertEqual(replay.started_by, self.resolver)
        self.drain()
        self.assertEqual(replay.progress, 100)
        self.assertEqual(
            self.outcomes(replay),
            dict.fromkeys(messages.ids, "done") | {unchanged.id: "unchanged", still.id: "failed"},
        )
        self.assertEqual(replay.state, "done")
        self.assertIn("Lemuria", replay.result_html)
        audits = self.env["hub.audit"].search(
            [("message_id", "in", messages.ids), ("action", "=", "replay")]
        )
        self.assertEqual(audits.user_id, self.resolver)
        self.assertEqual({row.value_ids.body["why"] for row in audits}, {"Mended"})

    def test_a_result_is_kept_when_the_messages_are_replayed_again(self):
        messages = self.broken("1")
        first = self.plan(messages)
        first.action_start()
        self.drain()
        self.mend()
        second = self.plan(messages)
        second.action_start()
        self.drain()
        self.assertEqual(self.outcomes(first), {messages.id: "failed"})
        self.assertEqual(self.outcomes(second), {messages.id: "done"})
        self.assertEqual((first.state, second.state), ("done", "done"))

    def test_what_went_on_by_itself_after_the_plan_is_not_taken(self):
        one, two = self.broken("1", "2")
        replay = self.plan(one + two)
        one._replay("Faster")
        replay.action_start()
        self.assertEqual(self.verdicts(replay), {one.id: "moved", two.id: "apply"})
        self.assertEqual((replay.todo_count, replay.left_out_count), (1, 1))

    def test_a_cancelled_run_gives_back_what_nobody_tried(self):
        messages = self.broken(*"123456")
        before = messages.read(["state", "reason", "params", "done_at"])
        replay = self.plan(messages)
        self.mend()
        replay.action_start()
        self.assertEqual(set(messages.mapped("state")), {"pending"})
        done = messages[:2]
        self.env.cr.execute(
            """UPDATE hub_message SET next_attempt_at = next_attempt_at + interval '1 hour'
                WHERE id = ANY(%s)""",
            [messages[2:].ids],
        )
        self.drain()
        self.assertStates(done, "done", "done")
        replay.action_cancel()
        self.drain()
        rest = messages - done
        self.assertEqual(
            rest.read(["state", "reason", "params", "done_at"]),
            [r for r in before if r["id"] in rest.ids],
        )
        self.assertEqual(set(rest.exception_ids.mapped("state")), {"open"})
        self.assertEqual((replay.state, replay.cancelled_by), ("cancelled", self.resolver))
        outcomes = self.outcomes(replay)
        self.assertEqual({outcomes[key] for key in rest.ids}, {"returned"})
        self.assertEqual({outcomes[key] for key in done.ids}, {"done"})
        with self.assertRaises(UserError):
            replay.action_cancel()

    def test_what_was_sent_is_composed_anew_and_counts_as_unchanged_if_it_does_not_differ(self):
        stream = (
            self.env["hub.stream"]
            .with_context(active_test=False)
            .search(
                [
                    ("system_id", "=", self.system.id),
                    ("entity_id.code", "=", "customer"),
                    ("direction", "=", "out"),
                ]
            )
        )
        self.work(self._company("1"))
        partner = self.partner_of("1")
        stream.active = True
        value = {"balance": "1"}
        self._patch(
            "hub.handler.customer",
            "_hub_compose",
            lambda handler, records, system: {key: dict(value) for key in records.ids},
        )
        self.env["hub.compose"]._mark_all("res.partner", partner.ids)
        self.drain()
        sent = self.env["hub.message"].search([("direction", "=", "out")])
        self.assertStates(sent, "done")
        calls = len(self.stub.calls)
        replay = self.plan(sent)
        self.assertEqual(self.verdicts(replay), {sent.id: "compose"})
        replay.action_start()
        self.assertEqual(replay.progress, 0)
        self.drain()
        self.assertEqual(self.outcomes(replay), {sent.id: "unchanged"})
        self.assertEqual(len(self.stub.calls), calls)
        value["balance"] = "2"
        again = self.plan(sent)
        again.action_start()
        self.drain()
        self.assertEqual(self.outcomes(again), {sent.id: "done"})
        self.assertEqual(self.stub.effects and len(self.stub.calls), calls + 1)
        value["balance"] = "3"
        third = self.plan(sent)
        third.action_start()
        third.action_cancel()
        self.drain()
        self.assertEqual(len(self.stub.calls), calls + 1)
        self.assertEqual(self.outcomes(third), {sent.id: "returned"})

    def test_a_fix_is_a_run_that_is_kept(self):
        failed = self.broken("1")
        issue = failed.exception_ids.issue_id
        issue.with_user(self.resolver).action_replay()
        replay = self.env["hub.replay"].search([])
        self.assertEqual(
            (replay.issue_id, replay.started_by, replay.state), (issue, self.resolver, "running")
        )
        action = issue.with_user(self.resolver).action_plan_replay()
        self.assertEqual(self.env["hub.replay"].browse(action["res_id"]).state, "planned")

    # -- who may -------------------------------------------------------------------------------------

    def test_viewers_see_and_resolvers_act(self):
        failed = self.broken("1")
        replay = self.plan(failed)
        seen = replay.with_user(self.viewer)
        self.assertTrue(seen.plan_html)
        for method in ("action_plan", "action_start", "action_cancel"):
            with self.subTest(method), self.assertRaises(AccessError):
                getattr(seen, method)()
        with self.assertRaises(AccessError):
            self.env["hub.replay"].with_user(self.viewer).create({"why": "x"})

    def test_what_a_replay_did_cannot_be_written(self):
        failed = self.broken("1")
        replay = self.plan(failed)
        for vals in (
            {"state": "done"},
            {"started_by": self.viewer.id},
            {"todo_count": 0},
            {"company_ids": []},
        ):
            with self.subTest(str(vals)), self.assertRaises(AccessError):
                replay.write(vals)
        with self.assertRaises(AccessError):
            self.env["hub.replay"].with_user(self.resolver).create({"state": "running"})
        with self.assertRaises(UserError):
            replay.line_ids.write({"verdict": "apply"})
        replay.why = " "
        with self.assertRaises(UserError):
            replay.action_start()
        replay.why = "Mended"
        replay.action_start()
        with self.assertRaises(UserError):
            replay.why = "Something else"
        with self.assertRaises(UserError):
            replay.unlink()

    def test_messages_of_another_company_are_never_taken(self):
        other = self.env["res.company"].create({"name": "Other Ltd"})
        self.technical.company_ids += other
        self.system.company_ids += other
        one, two = self.broken("1", "2")
        self.env.cr.execute(
            "UPDATE hub_message SET company_id = %s WHERE id = %s", [other.id, one.id]
        )
        self.env.cr.execute(
            "UPDATE hub_message SET company_id = %s WHERE id = %s", [self.company.id, two.id]
        )
        self.env.invalidate_all()
        theirs = self._make_role("theirs", "resolver", company=other)
        replay = self.env["hub.replay"].with_user(theirs).create({"why": "x", "domain": "[]"})
        replay.action_plan()
        self.assertEqual(replay.line_ids.message_id, one)
        with self.assertRaises(AccessError):
            self.env["hub.replay"].with_user(theirs)._of(two.with_user(theirs))
        self.assertFalse(self.env["hub.replay"].with_user(self.viewer).search([]))
        self.assertFalse(self.env["hub.replay.line"].with_user(self.viewer).search([]))
        # A plan that another could make is started with what the starter may see.
        both = self.env["hub.replay"].create({"why": "x", "domain": "[('state', '=', 'failed')]"})
        both.action_plan()
        both._keep({"company_ids": other.ids})
        both.with_user(theirs).action_start()
        self.assertStates(one + two, "pending", "failed")

    def test_a_plan_is_shown_to_those_who_may_see_all_of_its_companies(self):
        other = self.env["res.company"].create({"name": "Other Ltd"})
        wide = self._make_role("wide", "resolver")
        wide.company_ids += other
        self.broken("1")
        replay = (
            self.env["hub.replay"]
            .with_user(wide)
            .with_context(allowed_company_ids=self.company.ids)
            .create({"why": "x", "domain": "[('state', '=', 'failed')]"})
        )
        shown = self.env["hub.replay"].with_user(self.viewer)
        self.assertEqual(shown.search([]), replay)
        # It is planned when the other company is chosen as well.
        replay.with_context(allowed_company_ids=(self.company + other).ids).action_plan()
        self.assertEqual(replay.sudo().company_ids, self.company + other)
        self.assertFalse(shown.search([]))
        self.assertFalse(self.env["hub.replay.line"].with_user(self.viewer).search([]))

    def test_every_outcome_has_its_word(self):
        from ..models.flow.replay_run import _outcome_labels

        self.assertEqual(
            [code for code, _l in _outcome_labels(self.env)], [code for code, _l in OUTCOMES]
        )
