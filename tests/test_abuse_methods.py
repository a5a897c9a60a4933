"""Abuse: whatever can be called by RPC is called without its button, by people who may not.

The methods are found by looking, not listed: a new public method is tried with the next run."""

import inspect

from odoo.exceptions import MissingError, UserError
from odoo.fields import Command
from odoo.service.model import call_kw
from odoo.tests import tagged
from odoo.tools import mute_logger
from psycopg2 import IntegrityError

from .abuse_rows import Rows
from .hub_common import HubCase

ADDON = "odoo.addons.lead_to_cash_hub."
# Odoo's own ways to write, which every model has
WRITES = {
    "create": lambda record: [[{}]],
    "write": lambda record: [record.ids, {}],
    "unlink": lambda record: [record.ids],
    "copy": lambda record: [record.ids],
    "web_save": lambda record: [record.ids, {}, {}],
    "name_create": lambda record: ["X"],
    "load": lambda record: [["id"], [["x"]]],
    "action_archive": lambda record: [record.ids],
}
# They only open a list, a form or a page: what is seen there follows the reader's rights.
OPENS = ("ir.actions.act_window", "ir.actions.client", "ir.actions.act_url")
# What reading leaves behind, what a resolver works with, and what all companies have together.
AUDITED = frozenset({"hub_audit", "hub_audit_value"})
OWN_FORMS = frozenset({"hub_connector_export", "hub_refuse"})
DISCUSSED = frozenset({"mail_message", "mail_followers", "mail_followers_mail_message_subtype_rel"})
RUNS = frozenset(
    f"hub_{name}"
    for run in ("replay", "simulation", "undo")
    for name in (run, f"{run}_line", f"{run}_message", f"{run}_res_company_rel")
)
RESOLVED = frozenset(
    {
        *(AUDITED | OWN_FORMS | DISCUSSED | RUNS),
        *("hub_message", "hub_exception", "hub_issue", "hub_link", "hub_record", "hub_change"),
        *("hub_contract", "hub_contract_line", "hub_purchase_order", "hub_retainer"),
        *("hub_retainer_period", "hub_billing_batch", "hub_billing_batch_line"),
        *("hub_revenue_run", "hub_revenue_run_author_rel"),
        *("hub_revenue_line", "hub_revenue_finding"),
        *("hub_finance_batch", "hub_finance_batch_line"),
        *("hub_instalment", "hub_recurring_change", "hub_schedule_change"),
        *("hub_schedule_change_row", "hub_contract_close"),
        *("hub_reconciliation", "hub_upload_wizard", "hub_correct", "ir_cron_trigger"),
    }
)
SHARED = frozenset(
    {
        *(AUDITED | OWN_FORMS | DISCUSSED | RUNS),
        *("hub_change", "hub_version", "hub_billing_batch", "hub_revenue_run", "ir_cron_trigger"),
        *("hub_checkpoint", "hub_rule", "hub_rule_turn", "hub_warning", "hub_retention"),
        *("hub_connector", "hub_connector_stream", "hub_connector_write", "hub_connector_type"),
        *("hub_connector_error", "hub_entity", "hub_entity_field", "hub_lane", "hub_lane_window"),
        *("hub_likeness", "hub_likeness_trial", "hub_ownership", "hub_process"),
        *("hub_process_filter", "hub_vocabulary", "hub_vocabulary_term", "hub_vocabulary_word"),
        *("hub_connect", "hub_erase_again", "ir_model_data"),
        # That the database was restored is said of the database, and closes what leaves it.
        *("hub_stream", "ir_config_parameter"),
    }
)
# Beside its trace, the nightly search for duplicates may be asked for at any time.
UNSEEN = AUDITED | {"ir_cron_trigger"}
# What a viewer makes for himself: a deputy, and forms that do nothing by being there.
MAKING = ("create", "name_create", "load")
VIEWERS_OWN = ("hub.delegation", "hub.refuse", "hub.connector.export")
LOGS = ("odoo.addons.base.models.ir_model", "odoo.addons.base.models.ir_rule", "odoo.models")


def public_methods(env, models):
    """What this addon lets a client call on these models: ``(model, name, function)``."""
    for model in models:
        cls = env.registry[model]
        for name in sorted(dir(cls)):
            if name.startswith("_"):
                continue
            ours = [
                base.__dict__[name]
                for base in cls.mro()
                if name in base.__dict__ and base.__module__.startswith(ADDON)
            ]
            private = any(
                getattr(base.__dict__.get(name), "_api_private", False) for base in cls.mro()
            )
            if cls._abstract and name in WRITES:
                continue  # a mixin has no rows
            if ours and inspect.isfunction(ours[0]) and not private:
                yield model, name, ours[0]


class AbuseCase(HubCase):
    """Messages in several states, and a row of what people make of them."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.hub_models = sorted(
            name
            for name, model in cls.env.registry.items()
            if name.startswith("hub.") and not name.endswith(".mixin")
        )

    def setUp(self):
        super().setUp()
        self.stub = self._use_stub()
        self.done = self.work(self._company("1"))
        self.failed = self.work(self._company("2", country="Atlantis"))
        self.issue = self.issues()
        self.replay = self.env["hub.replay"]._of(self.failed, why="Mended")
        self.done.action_simulate()
        self.partner = self.partner_of("1")
        self.env["hub.ownership"].set_rule(
            self.env.ref("lead_to_cash_hub.field_customer_city").id, "hold"
        )
        self.wizard = self.env["hub.resolve"].create({"issue_id": self.issue.id, "mode": "skip"})
        self.env.cr.execute(
            """INSERT INTO hub_attempt (message_id, stage, outcome, params)
               VALUES (%s, 'apply', 'error_server', '{"why": "Company 1"}')""",
            [self.failed.id],
        )
        # what a button would hand to the form that it opens
        self.context = {
            "default_issue_id": self.issue.id,
            "default_message_id": self.failed.id,
            "default_exception_id": self.failed.exception_ids.id,
            "default_mode": "map",
        }
        self.env.flush_all()

    def arguments(self, function, record):
        """Arguments that would do something, by the name of the parameter."""
        link = self.env["hub.link"].search([], limit=1)
        known = {
            "vals": {}, "vals_list": [{}], "fields_list": [], "names": [], "fields": [], "lines": [], "values": {},
            "model": "res.partner", "res_id": self.partner.id, "name": "city", "link_id": link.id,
            "system_id": self.system.id, "rule": "system", "message_id": self.done.id,
            "field_id": self.env.ref("lead_to_cash_hub.field_customer_name").id,
            "entity_id": self.env.ref("lead_to_cash_hub.entity_customer").id,
            "company_id": False, "owner_id": False, "role": 1, "employee": 1,
        }  # fmt: skip
        result = [record.ids] if not hasattr(function, "_api_model") else []
        parameters = list(inspect.signature(function).parameters.values())[1:]
        for parameter in parameters:
            if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                continue
            if parameter.name in known:
                result.append(known[parameter.name])
            elif parameter.default is parameter.empty:
                result.append(record.id or 1)
            else:
                break
        return result

    def rows_written(self):
        """How many rows this transaction wrote so far, by table."""
        self.env.flush_all()
        self.env.cr.execute(
            """SELECT relname, n_tup_ins + n_tup_upd + n_tup_del FROM pg_stat_xact_user_tables
                WHERE n_tup_ins + n_tup_upd + n_tup_del > 0 AND relname <> 'bus_bus'"""
        )
        return dict(self.env.cr.fetchall())

    def assertHarmless(self, user, model, method, args, may=frozenset()):
        """Call as ``user``, and take it back.

        :param may: tables that may be written all the same.
        :return: what it answered, what it refused with.
        """
        before, calls = self.rows_written(), len(self.stub.calls)
        result, refusal = None, None
        savepoint = self.env.cr.savepoint()
        with savepoint, mute_logger(*LOGS):
            try:
                result = call_kw(
                    self.env[model].with_user(user), method, args, {"context": self.context}
                )
            except (UserError, IntegrityError, ValueError) as error:
                refusal = error  # also what the database refuses, which a client is told as well
            if refusal is None:
                written = dict(self.rows_written().items() - before.items()).keys() - may
                self.assertFalse(written, "something was written")
            self.env.transaction.clear()
            savepoint.rollback()
        self.assertEqual(len(self.stub.calls), calls, "a product was called")
        # It was asked whether this user may, not whether there is something.
        self.assertNotIsInstance(refusal, MissingError)
        return result, refusal


@tagged("post_install", "-at_install")
class TestPublicMethods(AbuseCase):
    """Of each model there is a row, made where no other test would have one; none is left out."""

    def setUp(self):
        super().setUp()
        self.rows = Rows(
            self.env,
            {
                "res.company": self.company,
                "res.users": self.technical,
                "hub.system": self.system,
                "hub.message": self.done,
                "res.partner": self.partner,
            },
        )
        for model in self.hub_models:
            self.rows.of(model)
        self.env.flush_all()

    def record_of(self, model):
        """Any row of a model; for a form that people fill in, somebody else's."""
        return self.rows.of(model)

    def tried(self, user):
        """``(model, method, function, row)`` of all that ``user`` can call; forms on a row of his own as well."""
        own = {}
        for model, name, function in public_methods(self.env, self.hub_models):
            record = self.record_of(model)
            if not record and not record._abstract:
                # A view of other tables: what has no line now is asked for one all the same.
                record = record.browse(1)
            yield model, name, function, record
            if record._transient:
                if model not in own:
                    own[model] = self.rows.make(model, user.id)
                yield model, name, function, own[model]

    def assertRefusesEverything(self, user):
        tried = 0
        for model, name, function, record in self.tried(user):
            with self.subTest(f"{model}.{name} {record}"):
                result, refusal = self.assertHarmless(
                    user, model, name, self.arguments(function, record)
                )
                if refusal is None and isinstance(result, dict) and result.get("type") in OPENS:
                    continue  # the address of a page
                if refusal is None and name == "default_get":
                    self.assertNotIn(
                        "Atlantis", str(result), "it echoes what it was handed, no more"
                    )
                    continue
                self.assertIsInstance(refusal, UserError, "it answered somebody without a role")
                tried += 1
        self.assertGreater(tried, 80, "most methods were found and tried")

    def test_without_a_role_every_method_refuses_and_nothing_happens(self):
        self.assertRefusesEverything(self._make_role("abuse-none"))

    def test_nor_does_a_customer_in_the_portal(self):
        portal = self._make_role("abuse-portal")
        portal.group_ids = [Command.set(self.env.ref("base.group_portal").ids)]
        self.assertRefusesEverything(portal)

    def test_a_viewer_changes_nothing_whatever_is_called(self):
        viewer = self._make_role("abuse-viewer", "viewer")
        for model, name, function, record in self.tried(viewer):
            with self.subTest(f"{model}.{name} {record}"):
                self.assertHarmless(
                    viewer, model, name, self.arguments(function, record), OWN_FORMS
                )

    def test_an_auditor_leaves_the_trace_of_having_read_and_nothing_else(self):
        auditor = self._make_role("abuse-auditor", "auditor")
        for model, name, function, record in self.tried(auditor):
            with self.subTest(f"{model}.{name} {record}"):
                may = AUDITED | OWN_FORMS
                self.assertHarmless(auditor, model, name, self.arguments(function, record), may)

    def test_a_resolver_touches_what_is_to_be_resolved_and_no_configuration(self):
        resolver = self._make_role("abuse-resolver", "resolver")
        for model, name, function, record in self.tried(resolver):
            with self.subTest(f"{model}.{name} {record}"):
                self.assertHarmless(
                    resolver, model, name, self.arguments(function, record), RESOLVED
                )

    def test_a_manager_of_another_company_touches_nothing_of_this_one(self):
        other = self.env["res.company"].create({"name": "Another firm"})
        manager = self._make_role("abuse-foreign", "manager", company=other)
        for model, name, function, record in self.tried(manager):
            # What he may not even see is as if it were not there.
            there = record if record._abstract else record.exists().with_user(manager)
            shared = record._abstract or (there and there.has_access("read"))
            may = SHARED if shared or hasattr(function, "_api_model") else UNSEEN
            with self.subTest(f"{model}.{name} {record}"):
                self.assertHarmless(manager, model, name, self.arguments(function, record), may)

    def test_nor_by_the_ways_to_write_that_every_model_has(self):
        for role in ("none", "viewer"):
            user = self._make_role(f"abuse-writes-{role}", *([] if role == "none" else [role]))
            for model in self.hub_models:
                record = self.record_of(model)
                if self.env[model]._abstract or not record:
                    continue  # what has no rows, and a view of other tables
                for method, args in WRITES.items():
                    if "archive" in method and "active" not in record._fields:
                        continue
                    if method == "action_archive" and not record.active:
                        continue  # archived already: Odoo does nothing, and asks for no right
                    if role == "viewer" and model in VIEWERS_OWN and method in MAKING:
                        continue
                    with self.subTest(f"{role}: {model}.{method}"):
                        result, refusal = self.assertHarmless(user, model, method, args(record))
                        # an import answers with what it refused; what has no name makes nothing of one
                        if refusal is None and method in ("load", "name_create"):
                            self.assertFalse(result and result["ids"])
                        else:
                            self.assertIsInstance(refusal, UserError)

    def test_a_viewer_writes_no_note_on_what_has_a_chatter(self):
        viewer = self._make_role("abuse-chatter", "viewer")
        for model in self.hub_models:
            if not hasattr(self.env[model], "message_post") or self.env[model]._abstract:
                continue
            if self.env[model]._mail_post_access == "read":
                continue  # an approval: who decides may also ask
            record = self.record_of(model)
            if record:
                with self.subTest(model):
                    _result, refusal = self.assertHarmless(
                        viewer, model, "message_post", [record.ids]
                    )
                    self.assertIsNotNone(refusal)

    def test_methods_added_to_odoos_own_records_ask_for_the_right_to_write_them(self):
        """Approving time, posting an invoice, filling a role: extensions of other models."""
        nobody = self._make_role("abuse-others")
        others = [
            name
            for name, model in self.env.registry.items()
            if not name.startswith(("hub.", "ir.")) and not model._abstract
        ]
        tried = set()
        for model, name, function in public_methods(self.env, others):
            if not name.startswith(("action_hub_", "hub_", "get_")):
                continue  # overrides of Odoo's own keep Odoo's own checks
            record = self.rows.of(model)
            with self.subTest(f"{model}.{name}"):
                result, refusal = self.assertHarmless(
                    nobody, model, name, self.arguments(function, record)
                )
                tried.add(name)
                if refusal is None:
                    self.assertIn((result or {}).get("type"), OPENS)
        self.assertLessEqual({"action_hub_approve", "action_hub_approve_time"}, tried)
