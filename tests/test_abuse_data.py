"""Abuse: what a role may not read, by every way of reading; and what replaying can do."""

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Command
from odoo.service.model import call_kw
from odoo.tests import tagged
from odoo.tools import mute_logger

from .test_abuse_methods import LOGS, AbuseCase

ROLES = ("none", "viewer", "resolver", "manager", "auditor", "billing_approver", "configuration_approver")  # fmt: skip
MANAGER_AUDITOR = {"manager", "auditor"}
# Fields with content of records, and who may read them. Nothing else of these models holds any.
HIDDEN = {
    ("hub.payload", "body"): set(),
    ("hub.payload", "text"): MANAGER_AUDITOR,
    ("hub.message", "payload_id"): MANAGER_AUDITOR,
    ("hub.link", "base"): MANAGER_AUDITOR,
    ("hub.link", "sent"): MANAGER_AUDITOR,
    ("hub.link", "held"): MANAGER_AUDITOR,
    ("hub.link", "unsettled"): MANAGER_AUDITOR,
    ("hub.audit", "value_ids"): {"auditor"},
    ("hub.audit.value", "body"): {"auditor"},
    ("hub.audit.value", "trace"): {"auditor"},
    ("hub.credential", "envelope"): set(),
    ("hub.credential", "previous_envelope"): set(),
}
# What a company sees only of itself.
BY_COMPANY = (
    "hub.payload", "hub.message", "hub.link", "hub.attempt", "hub.exception", "hub.issue", "hub.record",
    "hub.replay", "hub.simulation",
)  # fmt: skip


@tagged("post_install", "-at_install")
class TestReadingAround(AbuseCase):
    """Masking on a screen is no masking: search, order, group, export and name search ask the column."""

    def setUp(self):
        super().setUp()
        self.env["hub.audit"]._append(
            [{"action": "apply", "system_id": self.system.id, "values": {"name": "Company 1"}}]
        )
        self.users = {
            role: self._make_role(f"around-{role}", *([] if role == "none" else [role]))
            for role in ROLES
        }
        self.users["settings"] = self._make_role("around-settings", "base.group_system")
        self.env["res.users"].browse([user.id for user in self.users.values()]).write(
            {"group_ids": [Command.link(self.env.ref("base.group_allow_export").id)]}
        )

    def ways(self, model, field):
        ids = self.env[model].sudo().search([], limit=3).ids
        stored = self.env[model]._fields[field].store
        ways = {
            "read": ("read", ids, [field]),
            "web_read": ("web_read", ids, {field: {}}),
            "search_read": ("search_read", [], [field]),
            "export": ("export_data", ids, [field]),
            "nested": ("search_read", [(field, "!=", False)], ["id"]),
        }
        if stored:
            ways |= {
                "search": ("search", [(field, "!=", False)]),
                "name_search": ("name_search", "", [(field, "!=", False)]),
                "order": ("search", [], 0, None, f"{field} desc"),
                "group": ("formatted_read_group", [], [field], ["__count"]),
                "aggregate": ("formatted_read_group", [], [], [f"{field}:count"]),
            }
        return ways

    def ask(self, user, model, method, *args):
        """What a call gives away: its answer, or nothing when it is refused."""
        self.env.invalidate_all()
        with mute_logger(*LOGS), self.env.cr.savepoint():
            try:
                return call_kw(self.env[model].with_user(user), method, list(args), {})
            except (UserError, ValueError, NotImplementedError):
                return None

    def test_content_is_read_by_no_way_but_the_granted_one(self):
        for (model, field), readers in HIDDEN.items():
            for role, user in self.users.items():
                if role in readers:
                    continue
                for way, call in self.ways(model, field).items():
                    with self.subTest(f"{role}: {model}.{field} by {way}"):
                        answer = self.ask(user, model, *call)
                        self.assertNotIn("Company 1", str(answer))
                        if way != "search_read":
                            self.assertFalse(answer, "a filter or an order tells of the column too")

    def test_who_may_read_it_does(self):
        for (model, field), readers in HIDDEN.items():
            for role in readers:
                with self.subTest(f"{role} reads {model}.{field}"):
                    self.assertIsNotNone(
                        self.ask(self.users[role], model, "search_read", [], [field])
                    )

    def test_values_of_the_audit_are_not_reached_through_the_message(self):
        for role in set(ROLES) - {"auditor"}:
            with self.subTest(role):
                self.assertFalse(
                    self.ask(self.users[role], "hub.audit", "search", [("value_ids.body", "!=", False)])
                )  # fmt: skip

    def test_nothing_of_another_company_is_counted_named_or_exported(self):
        other = self.env["res.company"].create({"name": "Other Ltd"})
        self.technical.company_ids += other
        self.system.company_ids += other
        self.env.flush_all()
        for table in ("hub_message", "hub_exception", "hub_issue", "hub_link", "hub_record"):
            self.env.cr.execute(f"UPDATE {table} SET company_id = %s", [self.company.id])
        self.env.cr.execute("UPDATE hub_replay_line SET company_id = %s", [self.company.id])
        self.env.invalidate_all()
        stranger = self._make_role(
            "around-stranger", "manager", "auditor", "base.group_allow_export", company=other
        )
        for model in BY_COMPANY:
            ids = self.env[model].sudo().search([]).ids
            self.assertTrue(ids, model)
            for method, *args in (
                ("search_count", []), ("search", []), ("name_search", ""), ("search_read", [], ["id"]),
                ("read", ids, ["id"]), ("export_data", ids, ["display_name"]),
            ):  # fmt: skip
                with self.subTest(f"{model}.{method}"):
                    self.assertFalse(self.ask(stranger, model, method, *args))
            groups = self.ask(stranger, model, "formatted_read_group", [], [], ["__count"])
            self.assertFalse(groups and groups[0]["__count"])
        operations = self.ask(stranger, "hub.operations", "get_data")
        self.assertNotIn("Atlantis", str(operations))

    def test_words_of_another_company_are_not_seen(self):
        other = self.env["res.company"].create({"name": "Other Ltd"})
        foreign = self._make_system("Theirs", company_ids=[(6, 0, self.company.ids)])
        term = self.env.ref("lead_to_cash_hub.term_deal_stage_won")
        word = self.env["hub.vocabulary.word"].create(
            {"term_id": term.id, "system_id": foreign.id, "word": "Ours alone"}
        )
        stranger = self._make_role("around-words", "manager", company=other)
        for method, *args in (
            ("search_count", [("word", "=", "Ours alone")]), ("name_search", "Ours alone"),
            ("read", word.ids, ["word"]), ("export_data", word.ids, ["word"]),
        ):  # fmt: skip
            with self.subTest(method):
                self.assertFalse(self.ask(stranger, "hub.vocabulary.word", method, *args))
        self.assertFalse(
            self.ask(stranger, "hub.vocabulary.term", "search", [("word_ids.word", "=", "Ours alone")])
        )  # fmt: skip
        read = self.ask(stranger, "hub.vocabulary.term", "read", term.ids, ["word_ids"])
        self.assertNotIn(word.id, read[0]["word_ids"])


@tagged("post_install", "-at_install")
class TestReplayAbuse(AbuseCase):
    def test_a_replay_of_ten_thousand_takes_a_few_statements_and_can_be_cancelled(self):
        """Not one more than a hundred takes, and each message is due once."""
        counts = []
        for size in (100, 10_000):
            self.env.cr.execute(
                """INSERT INTO hub_message (system_id, stream_id, entity_id, direction, kind, action, state,
                                            external_id, order_key, part, payload_id, done_at)
                   SELECT system_id, stream_id, entity_id, direction, kind, action, 'skipped',
                          'many-' || %s || '-' || n, n + %s::bigint * 1000000, 1, payload_id, done_at
                     FROM hub_message, generate_series(1, %s) n WHERE id = %s
                RETURNING id""",
                [size, size, size, self.done.id],
            )
            messages = self.env["hub.message"].browse(row[0] for row in self.env.cr.fetchall())
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            replay = self.env["hub.replay"]._of(messages, why="All again")
            replay.action_start()
            self.env.flush_all()
            counts.append(self.env.cr.sql_log_count - before)
            self.assertEqual(replay.todo_count, size)
            replay.action_cancel()
            self.env.invalidate_all()
            self.assertEqual(set(messages.mapped("state")), {"skipped"})
        # ids go to PostgreSQL in pages of Odoo's own, and the audit is one statement
        self.assertLess(counts[1] - counts[0], 250, counts)

    def test_an_erased_payload_is_fetched_again_or_left_out_never_guessed(self):
        event = self.receive(self._event("customer", "1"))
        self.drain()
        self.env.cr.execute(
            "UPDATE hub_message SET payload_id = NULL WHERE id = ANY(%s)",
            [[self.done.id, event.id]],
        )
        self.env.invalidate_all()
        replay = self.env["hub.replay"]._of(self.done + event, why="Again")
        self.assertEqual(
            {line.message_id.id: line.verdict for line in replay.line_ids},
            {self.done.id: "fetch", event.id: "erased"},
        )
        replay.action_start()
        self.drain()
        self.assertEqual(
            self.partner.name, "Company 1", "the product has it no more: nothing is lost"
        )

    def test_an_older_snapshot_does_not_take_the_place_of_a_newer_value(self):
        self.work(self._company("1", 5, city="Newer"))
        old = self.receive(self._company("1", 2, city="Older"))
        self.drain()
        self.assertStates(old, "skipped:stale")
        for messages in (old, self.done):
            self.env["hub.replay"]._run(messages, "Again")
            self.drain()
        self.assertEqual(self.partner.city, "Newer")

    def test_messages_audit_and_approvals_are_not_made_by_rpc(self):
        manager = self._make_role("abuse-maker", "manager", "auditor")
        values = {
            "hub.message": {"state": "done"},
            "hub.audit": {"action": "approve"},
            "hub.audit.value": {"body": {}},
            "hub.exception": {"state": "resolved"},
            "hub.attempt": {"outcome": "ok"},
            "hub.link": {"external_id": "9"},
            "hub.payload": {"digest": "x"},
        }
        for model, vals in values.items():
            record = self.env[model].search([], limit=1)
            calls = {"create": [[vals]], "write": [record.ids, vals], "unlink": [record.ids]}
            for method, args in calls.items():
                with (
                    self.subTest(f"{model}.{method}"),
                    mute_logger(*LOGS),
                    self.assertRaises(UserError),
                ):
                    call_kw(self.env[model].with_user(manager), method, args, {})
        grant = self.system.grant_ids[:1]
        for vals in ({"approver_id": manager.id}, {"approved_at": "2020-01-01"}, {"active": False}):
            with self.subTest(str(vals)), self.assertRaises(UserError):
                grant.with_user(manager).write(vals)


@tagged("post_install", "-at_install")
class TestBindingAround(AbuseCase):
    """Binding to users, groups and the system, nested commands and computed inverses: by each way in."""

    def setUp(self):
        super().setUp()
        self.customer = self.env.ref("lead_to_cash_hub.entity_customer")
        self.fields = self.env["hub.entity.field"]
        self.base = {
            "entity_id": self.customer.id,
            "name": "probe",
            "label": "Probe",
            "kind": "text",
        }

    def test_by_form_by_import_and_by_call_even_with_the_settings_right(self):
        admin = self.env.ref("base.user_admin")
        fields = self.fields.with_user(admin)
        for name in ("user_ids", "child_ids", "category_id", "bank_ids", "company_id", "contact_address",
                     "signup_token", "create_uid", "message_follower_ids"):  # fmt: skip
            vals = {**self.base, "binding": "field", "odoo_field": name}
            with self.subTest(name):
                with self.assertRaises(ValidationError), self.env.cr.savepoint():
                    call_kw(fields, "create", [vals], {})
                with self.assertRaises(ValidationError), self.env.cr.savepoint():
                    call_kw(fields, "web_save", [[], vals, {}], {})
                with self.assertRaises(ValidationError), self.env.cr.savepoint():
                    # a nested command of its parent's form
                    call_kw(
                        self.customer.with_user(admin), "write",
                        [self.customer.ids, {"field_ids": [(0, 0, vals)]}], {},
                    )  # fmt: skip
                loaded = call_kw(
                    fields, "load",
                    [["entity_id/.id", "name", "label", "kind", "binding", "odoo_field"],
                     [[str(self.customer.id), "probe", "Probe", "text", "field", name]]], {},
                )  # fmt: skip
                self.assertFalse(loaded["ids"])

    def test_values_of_a_source_are_never_commands(self):
        """A list or a dict where a text is expected is a bad value, whatever it would mean to Odoo."""
        for value in ([[0, 0, {"name": "x"}]], [[6, 0, [1]]], {"id": 1}, [[4, 1, 0]]):
            with self.subTest(str(value)):
                message = self.work(self._company(f"cmd{value}", country=value))
                self.assertExplained(message, "bad_value")
        users = self.env["res.users"].search_count([])
        self.work(self._company("9", user_ids=[[0, 0, {"login": "evil"}]], group_ids=[[4, 1]]))
        self.assertEqual(self.env["res.users"].search_count([]), users)

    def test_a_manager_without_the_settings_right_binds_nothing(self):
        manager = self._make_role("abuse-binds", "manager")
        for model, ids, vals in (
            ("hub.entity", self.customer.ids, {"handler": "hub.handler.generic"}),
            (
                "hub.entity",
                self.customer.ids,
                {"model_id": self.env["ir.model"]._get_id("crm.tag")},
            ),
            ("hub.entity.field", [], {**self.base, "binding": "field", "odoo_field": "ref"}),
            ("hub.entity.field", [], {**self.base, "odoo_field": "ref"}),
        ):
            method, args = ("write", [ids, vals]) if ids else ("create", [vals])
            with (
                self.subTest(f"{model} {vals}"),
                self.assertRaises(AccessError),
                self.env.cr.savepoint(),
                mute_logger(*LOGS),
            ):
                call_kw(self.env[model].with_user(manager), method, args, {})
