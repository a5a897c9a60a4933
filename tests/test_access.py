from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.service.model import call_kw
from odoo.tests import tagged
from odoo.tools import mute_logger

from ..core.problem import Problem
from .hub_common import HubCase

ROLES = (
    "none",
    "viewer",
    "resolver",
    "manager",
    "auditor",
    "billing_approver",
    "configuration_approver",
)
EVERYONE = {
    "viewer",
    "resolver",
    "manager",
    "auditor",
    "billing_approver",
    "configuration_approver",
}
# who may read what
READERS = {
    "hub.message": EVERYONE,
    "hub.issue": EVERYONE,
    "hub.exception": EVERYONE,
    "hub.link": EVERYONE,
    "hub.system": EVERYONE,
    "hub.stream": EVERYONE,
    "hub.attempt": EVERYONE,
    "hub.mapping": EVERYONE,
    "hub.payload": {"manager", "auditor"},
    "hub.audit": {"manager", "auditor"},
    "hub.audit.value": {"auditor"},
    "hub.credential": {"manager"},
    "hub.seen": set(),
    "hub.outbox": set(),
}
# the engine's own tables: nobody writes them by RPC
ENGINE = (
    "hub.message",
    "hub.payload",
    "hub.attempt",
    "hub.link",
    "hub.record",
    "hub.exception",
    "hub.audit",
    "hub.audit.value",
    "hub.cursor",
    "hub.seen",
    "hub.identity",
    "hub.lane.part",
    "hub.run",
    "hub.outbox",
    "hub.drainer",
    "hub.pace",
    "hub.circuit",
    "hub.place",
    "hub.token",
    "hub.snapshot",
)


@tagged("post_install", "-at_install")
class TestAccess(HubCase):
    """Who may read and do what, through the same call that a browser makes."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.users = {
            role: cls._make_role(f"role-{role}", *([] if role == "none" else [role]))
            for role in ROLES
        }

    def setUp(self):
        super().setUp()
        self.done = self.work(self._company("1"))
        self.failed = self.work(self._company("2", country="Atlantis"))
        self.issue = self.issues()
        self.env["hub.audit"]._append(
            [
                {
                    "action": "apply",
                    "system_id": self.system.id,
                    "message_id": self.done.id,
                    "values": {"name": "secret name"},
                }
            ]
        )
        self.env.flush_all()

    def _rpc(self, role, model, method, *args, **kwargs):
        user = self.users[role] if isinstance(role, str) else role
        with mute_logger("odoo.addons.base.models.ir_model", "odoo.addons.base.models.ir_rule"):
            return call_kw(self.env[model].with_user(user), method, args, kwargs)

    def _may(self, *call, **kwargs):
        """Whether a call is allowed; it is undone."""
        savepoint = self.env.cr.savepoint()
        with savepoint:
            try:
                self._rpc(*call, **kwargs)
                return True
            except AccessError:
                return False
            finally:
                self.env.invalidate_all()
                savepoint.rollback()

    # -- reading -------------------------------------------------------------------------------------

    def test_each_role_reads_what_it_should_and_nothing_else(self):
        for model, readers in READERS.items():
            for role in ROLES:
                with self.subTest(f"{role} reads {model}"):
                    for method, kwargs in (
                        ("search_read", {"domain": []}),
                        ("search_count", {"domain": []}),
                        (
                            "formatted_read_group",
                            {"domain": [], "groupby": [], "aggregates": ["__count"]},
                        ),
                        ("name_search", {"name": ""}),
                    ):
                        self.assertEqual(
                            self._may(role, model, method, **kwargs), role in readers, method
                        )

    def test_no_role_writes_the_engines_tables(self):
        for model in ENGINE:
            record = self.env[model].search([], limit=1)
            for role in ROLES:
                with self.subTest(f"{role} writes {model}"):
                    self.assertFalse(self._may(role, model, "create", [{}]))
                    if record:
                        for method, args in (("write", [{}]), ("unlink", [])):
                            with self.assertRaises(UserError):
                                self._rpc(role, model, method, record.ids, *args)

    def test_even_settings_admins_do_not_change_messages_payloads_and_audit(self):
        admin = self.env.ref("base.user_admin")
        for model in ("hub.message", "hub.payload", "hub.audit", "hub.audit.value"):
            record = self.env[model].search([], limit=1)
            self.assertTrue(record, model)
            for records in (record.with_user(admin), record.sudo()):
                with self.assertRaises(UserError):
                    records.write({})
                with self.assertRaises(UserError):
                    records.unlink()

    def test_the_payload_of_a_message_is_for_managers_and_auditors(self):
        for role in ROLES[1:]:
            with self.subTest(role):
                allowed = role in ("manager", "auditor")
                self.assertEqual(
                    self._may(role, "hub.message", "read", self.done.ids, ["payload_id"]), allowed
                )
                self.assertEqual(
                    self._may(role, "hub.message", "search", [("payload_id.digest", "!=", False)]),
                    allowed,
                )
                self.assertEqual(self._may(role, "hub.link", "search_read", [], ["base"]), allowed)

    def test_a_payload_and_agreed_values_follow_the_record_that_they_are_of(self):
        payload = self.done.payload_id
        link = self.env["hub.link"].search([("external_id", "=", "1")])
        manager = self.users["manager"]
        self.assertIn("Company 1", payload.with_user(manager).text)
        self.assertEqual(link.with_user(manager).read(["base"])[0]["base"]["name"], "Company 1")
        self.env["ir.rule"].create(
            {
                "name": "not this partner",
                "model_id": self.env.ref("base.model_res_partner").id,
                "domain_force": [("id", "!=", self.done.res_id)],
            }
        )
        self.env.flush_all()
        self.env.invalidate_all()
        for records, name in ((payload, "text"), (link, "base"), (link, "sent")):
            with self.subTest(name):
                mine = records.with_user(manager)
                with self.assertRaises(AccessError):
                    mine.read([name])
                with self.assertRaises(AccessError):
                    mine.mapped(name)
                try:
                    found = str(mine.search_read([], [name]))
                except AccessError:
                    found = ""
                self.assertNotIn("Company 1", found)
                self.env.invalidate_all()
        with self.assertRaises(AccessError):
            payload.with_user(manager).read(["body"])
        self.assertEqual(
            link.with_user(manager).external_id, "1", "that there is a link is no secret"
        )

    # -- deciding -------------------------------------------------------------------------------------

    def test_only_resolvers_and_managers_decide(self):
        term = self.env.ref("lead_to_cash_hub.term_deal_stage_won")
        for role in ROLES:
            with self.subTest(role):
                allowed = role in ("resolver", "manager")
                for model, method, ids in (
                    ("hub.message", "action_replay", self.failed.ids),
                    ("hub.issue", "action_replay", self.issue.ids),
                    ("hub.exception", "action_replay", self.failed.exception_ids.ids),
                    ("hub.issue", "action_assign_me", self.issue.ids),
                ):
                    self.assertEqual(
                        self._may(role, model, method, ids), allowed, f"{model}.{method}"
                    )
                self.assertEqual(
                    self._may(
                        role,
                        "hub.resolve",
                        "create",
                        [{"issue_id": self.issue.id, "mode": "skip", "term_id": term.id}],
                    ),
                    allowed,
                )

    def test_private_methods_cannot_be_called(self):
        for model, method in (
            ("hub.message", "_replay"),
            ("hub.message", "_skip"),
            ("hub.message", "_decide"),
            ("hub.issue", "_fix_map"),
            ("hub.issue", "_fix_link"),
            ("hub.issue", "_fix_create"),
            ("hub.credential", "_read_all"),
            ("hub.system", "_connector"),
            ("hub.engine", "_drain"),
            ("hub.receive", "_receive"),
            ("hub.audit", "_append"),
            ("hub.link", "_store"),
            ("hub.token", "_secrets"),
            ("hub.epoch", "_confirm"),
        ):
            with self.subTest(f"{model}.{method}"), self.assertRaises(AccessError):
                self._rpc("manager", model, method, [])

    def test_every_public_method_of_the_hub_refuses_a_user_without_a_role(self):
        """What has no underscore can be called by RPC without its button."""
        # these give the address of a list; who may read the list is another question
        harmless = (
            "action_view_",
            "action_hub_links",
            "action_hub_messages",
            "action_hub_exceptions",
            "action_hub_origins",
        )
        for model in sorted(name for name in self.env.registry if name.startswith("hub.")):
            cls = self.env.registry[model]
            for method in sorted(dir(cls)):
                if not method.startswith(("action_", "button_", "hub_", "get_data")):
                    continue
                if method.startswith(harmless) or method in dir(self.env.registry["base"]):
                    continue
                function = getattr(cls, method)
                if not callable(function) or "lead_to_cash_hub" not in getattr(
                    function, "__module__", ""
                ):
                    continue
                record = (
                    self.env[model].search([], limit=1)
                    if not self.env[model]._abstract
                    else self.env[model]
                )
                if not record and not self.env[model]._abstract:
                    continue
                with (
                    self.subTest(f"{model}.{method}"),
                    mute_logger("odoo.addons.base.models.ir_model"),
                ):
                    with self.assertRaises(UserError) as caught:
                        self._rpc("none", model, method, *([record.ids] if record.ids else []))
                    self.assertNotIsInstance(caught.exception, ValidationError)

    def test_an_issue_is_taken_over_but_not_rewritten(self):
        issue = self.issue.ids
        self.assertTrue(
            self._may(
                "resolver", "hub.issue", "write", issue, {"owner_id": self.users["resolver"].id}
            )
        )
        for vals in (
            {"state": "resolved"},
            {"params": {"id": "9", "entity_code": "employee"}},
            {"code": "unknown_term"},
            {"at_risk": 0},
            {"company_id": False},
            {"system_id": False},
            {"alerted_at": False},
        ):
            with self.subTest(vals):
                for role in ("resolver", "manager"):
                    self.assertFalse(self._may(role, "hub.issue", "write", issue, vals))
        self.assertFalse(
            self._may("viewer", "hub.issue", "write", issue, {"owner_id": self.users["viewer"].id})
        )

    def test_only_managers_configure(self):
        stream = self.system.stream_ids[:1]
        for role in ROLES:
            with self.subTest(role):
                allowed = role == "manager"
                for model, method, *args in (
                    ("hub.system", "action_pause", self.system.ids),
                    ("hub.system", "action_resume", self.system.ids),
                    ("hub.system", "write", self.system.ids, {"name": "x"}),
                    ("hub.stream", "action_pause", stream.ids),
                    ("hub.process", "action_pause", stream.process_id.ids),
                    (
                        "hub.mapping.line",
                        "write",
                        self.system.mapping_ids.line_ids[:1].ids,
                        {"path": "id"},
                    ),
                    (
                        "hub.credential",
                        "write",
                        self.system.credential_ids[:1].ids,
                        {"secret": "x"},
                    ),
                    ("hub.vocabulary.word", "search", [("id", ">", 0)])
                    if role == "manager"
                    else ("hub.process", "action_resume", stream.process_id.ids),
                ):
                    self.assertEqual(
                        self._may(role, model, method, *args), allowed, f"{model}.{method}"
                    )

    def test_testing_a_connection_without_the_right_calls_nobody(self):
        stub = self._use_stub()
        for role in set(ROLES) - {"manager"}:
            with self.subTest(role):
                self.assertFalse(
                    self._may(role, "hub.system", "action_test_connection", self.system.ids)
                )
        self.assertFalse(stub.calls)

    def test_a_poll_now_is_for_managers(self):
        stream = self.system.stream_ids.filtered(lambda s: s.direction == "in")[:1]
        for role in ROLES:
            with self.subTest(role):
                self.assertEqual(
                    self._may(role, "hub.stream", "action_poll_now", stream.ids), role == "manager"
                )

    # -- companies -------------------------------------------------------------------------------------

    def test_a_user_of_another_company_sees_nothing(self):
        other = self.env["res.company"].create({"name": "Other Ltd"})
        self.technical.company_ids += other
        everything = ("viewer", "resolver", "manager", "auditor", "billing_approver")
        stranger = self._make_role("stranger", *everything, company=other)
        self.env.flush_all()
        for model in (
            "hub.system",
            "hub.message",
            "hub.issue",
            "hub.exception",
            "hub.link",
            "hub.payload",
            "hub.attempt",
            "hub.audit.value",
            "hub.credential",
            "hub.cursor",
            "hub.circuit",
            "hub.pace",
            "hub.token",
        ):
            with self.subTest(model):
                self.assertEqual(self.env[model].with_user(stranger).search_count([]), 0)
        own = self.env["hub.stream"].with_user(stranger).search([("system_id", "!=", False)])
        self.assertFalse(own)
        self.assertFalse(
            self.env["hub.audit"].with_user(stranger).search([("system_id", "=", self.system.id)])
        )
        for model, records in (
            ("hub.message", self.failed),
            ("hub.issue", self.issue),
            ("hub.system", self.system),
        ):
            for method in ("read", "action_replay" if model != "hub.system" else "action_pause"):
                with self.subTest(f"{model}.{method}"), self.assertRaises(AccessError):
                    self._rpc(stranger, model, method, records.ids)

    def test_a_shared_system_shows_each_company_its_own(self):
        other = self.env["res.company"].create({"name": "Other Ltd"})
        self.technical.company_ids += other
        self.system.company_ids += other
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE hub_message SET company_id = %s WHERE id = %s",
            [self.company.id, self.failed.id],
        )
        self.env.cr.execute(
            "UPDATE hub_exception SET company_id = %s WHERE message_id = %s",
            [self.company.id, self.failed.id],
        )
        self.env.cr.execute(
            "UPDATE hub_issue SET company_id = %s WHERE id = %s", [self.company.id, self.issue.id]
        )
        self.env.cr.execute(
            "UPDATE hub_message SET company_id = %s WHERE id = %s", [other.id, self.done.id]
        )
        self.env.invalidate_all()
        theirs = self._make_role("theirs", "resolver", company=other)
        self.assertFalse(self.env["hub.issue"].with_user(theirs).search([]))
        self.assertFalse(self.env["hub.exception"].with_user(theirs).search([]))
        self.assertEqual(self.env["hub.message"].with_user(theirs).search([]), self.done)

    def test_two_companies_never_share_an_issue(self):
        row = {"id": 1, "system_id": 1, "entity_id": 1}
        problem = Problem("unknown_country", cause="atlantis")
        make = self.env["hub.apply"]._exception_row
        prints = {make(row, problem, company_id=company)["fingerprint"] for company in (1, 2, None)}
        self.assertEqual(len(prints), 3)

    # -- escalation ------------------------------------------------------------------------------------

    def test_a_technical_user_with_the_settings_right_is_refused(self):
        for user in (self.env.ref("base.user_root"), self.env.ref("base.user_admin")):
            with self.assertRaisesRegex(ValidationError, "Settings right"):
                self.system.user_id = user

    def test_a_technical_user_of_another_company_is_refused(self):
        stranger = self._make_role(
            "bot", company=self.env["res.company"].create({"name": "Other Ltd"})
        )
        with self.assertRaisesRegex(ValidationError, "may not work in"):
            self.system.user_id = stranger

    def test_messages_can_be_bound_to_no_model_that_governs_access(self):
        entity = self.env.ref("lead_to_cash_hub.entity_customer")
        for model in (
            "res.users",
            "res.groups",
            "ir.actions.server",
            "ir.cron",
            "ir.rule",
            "ir.model.access",
            "ir.config_parameter",
            "hub.system",
            "hub.message",
            "mail.template",
            "base.module.update",
        ):
            with self.subTest(model), self.assertRaises(ValidationError):
                entity.model_id = self.env["ir.model"]._get(model)

    def test_an_entity_is_written_by_a_handler_and_nothing_else(self):
        entity = self.env.ref("lead_to_cash_hub.entity_customer")
        for handler in ("res.users", "hub.engine", "hub.credential"):
            with self.subTest(handler), self.assertRaises(ValidationError):
                entity.handler = handler

    def test_messages_are_applied_with_the_technical_users_rights(self):
        self.technical.group_ids -= self.env.ref("base.group_partner_manager")
        self.technical.group_ids -= self.env.ref("sales_team.group_sale_salesman_all_leads")
        self.technical.group_ids = self.env.ref("base.group_user") + self.env.ref(
            "lead_to_cash_hub.group_hub_viewer"
        )
        message = self.work(self._company("77"))
        self.assertExplained(message, "permission")
        self.assertFalse(self.partner_of("77"))

    def test_what_the_engine_writes_is_written_by_the_technical_user(self):
        self.assertEqual(self.partner_of("1").create_uid, self.technical)

    def test_activation_is_refused_while_a_required_field_is_unmapped(self):
        stream = self.system.stream_ids.filtered(
            lambda s: s.entity_id.code == "customer" and s.direction == "in"
        )
        stream.active = False
        mapping = self.system.mapping_ids.filtered(
            lambda m: m.entity_id.code == "customer" and m.direction == "in"
        )
        mapping.line_ids.filtered(lambda line: line.field_id.name == "name").unlink()
        with self.assertRaisesRegex(ValidationError, "must be mapped"):
            stream.active = True
        mapping.unlink()
        with self.assertRaisesRegex(ValidationError, "no mapping"):
            stream.active = True
