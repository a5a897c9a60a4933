"""What the hub keeps of its own is not written by a call, whatever rights the caller has."""

from odoo.exceptions import AccessError, MissingError, UserError, ValidationError
from odoo.service.model import call_kw
from odoo.tests import tagged
from odoo.tools import mute_logger

from .abuse_rows import Rows
from .business_common import BusinessCase
from .kept_common import is_ours, is_plain, kept_of, written_models
from .test_abuse_methods import LOGS

# Everything a person can be given in the hub and where it works, but Odoo's Settings.
RIGHTS = (
    *("viewer", "resolver", "manager", "billing_approver", "cash", "auditor"),
    "configuration_approver",
    *("sales_team.group_sale_manager", "project.group_project_manager"),
    *("account.group_account_manager", "hr.group_hr_manager"),
    "hr_timesheet.group_timesheet_manager",
)
# Why what looks like the hub's own is given by people all the same when they make a row.
GIVEN = {
    "account.move.hub_approval": "a copy says it too, and waits for an approval whatever it says",
    "account.move.hub_contract_id": "a credit note stays with the contract of its invoice, and waits",
    "hub.contract.code": "a contract that ran before keeps its number",
    "hub.grant.active": "said anew by the hub for each grant; Changes carry it",
}
# Refusals that a guard does not give.
WRONG = (MissingError, ValidationError)
VALUES = {
    "boolean": True,
    "integer": 7,
    "float": 7.0,
    "monetary": 7.0,
    "char": "forged",
    "text": "forged",
    "html": "forged",
    "date": "2020-02-02",
    "datetime": "2020-02-02 00:00:00",
    "json": {"forged": 1},
}


@tagged("post_install", "-at_install")
class TestForgedStates(BusinessCase):
    """The fields are found by looking: stored, shown read-only, not computed by Odoo."""

    def setUp(self):
        super().setUp()
        self.contract = self._start_deal()
        self.move = self._invoice(self.contract, "2")
        self.rows = Rows(
            self.env,
            {
                "res.company": self.company,
                "res.users": self.technical,
                "hub.system": self.system,
                "hub.contract": self.contract,
                "account.move": self.move,
                "res.partner": self.customer,
                "project.project": self.contract.project_id,
                "sale.order": self.contract.sale_order_id,
                "crm.lead": self.contract.lead_id,
            },
        )
        names = [n if "." in n else f"lead_to_cash_hub.group_hub_{n}" for n in RIGHTS]
        self.person = self._make_user("mighty", "base.group_user", *names)

    def kept_fields(self):
        """``(model, field)`` of what only the hub writes, on models that people write."""
        for model in written_models(self.env, self.person):
            for name, field in sorted(self.env[model]._fields.items()):
                declared = field.readonly or name in kept_of(self.env, model)
                if is_plain(field) and declared and is_ours(self.env, model, name):
                    yield model, field

    def forged(self, record, field):
        if field.type == "many2one":
            others = (
                self.env[field.comodel_name].sudo().search([("id", "!=", record[field.name].id)])
            )
            return others[:1].id or 1
        if field.type == "many2many":
            return [(4, self.person.id if field.comodel_name == "res.users" else 1)]
        if field.type == "selection":
            return next(v for v in field.get_values(self.env) if v != record[field.name])
        return VALUES[field.type]

    def refusal(self, model, method, args, context=None):
        """What an RPC call is refused with; it is taken back, whatever it did."""
        found = None
        savepoint = self.env.cr.savepoint()
        with savepoint, mute_logger(*LOGS):
            try:
                call_kw(
                    self.env[model].with_user(self.person), method, args, {"context": context or {}}
                )
                self.env.flush_all()
            except UserError as error:
                found = error
            self.env.transaction.clear()
            savepoint.rollback()
        return found

    def test_nobody_forges_what_the_hub_keeps(self):
        tried = set()
        for model, field in self.kept_fields():
            name = f"{model}.{field.name}"
            record = self.rows.of(model)
            forged = {field.name: self.forged(record, field)}
            rights = self.env[model].with_user(self.person)
            if rights.has_access("write"):
                with self.subTest(f"{name} written"):
                    refusal = self.refusal(model, "write", [record.ids, forged])
                    self.assertIsInstance(refusal, UserError)
                    self.assertNotIsInstance(refusal, WRONG, "refused for another reason")
                    self.assertTrue(str(refusal))
            if rights.has_access("create") and name not in GIVEN:
                with self.subTest(f"{name} of a new one"):
                    self.assertIsInstance(self.refusal(model, "create", [forged]), AccessError)
            tried.add(name)
        self.assertLessEqual(
            {
                *("account.move.hub_ledger_state", "account.move.hub_ledger_open"),
                *(
                    "account.move.hub_issued_name",
                    "hub.contract.cap_told",
                    "hub.purchase.order.told",
                ),
                *("crm.lead.hub_amount", "hub.contract.won_at", "hub.contract.line.external_id"),
                *("hub.system.state", "hub.system.uuid", "hub.system.webhook_token"),
                *("hub.system.check_result", "hub.credential.changed_at", "hub.mapping.stamp"),
                *("hub.mapping.revision", "hub.lane.closed", "hub.stream.watched_from"),
                *("hub.likeness.link_from", "hub.pace.limit.bucket", "hub.grant.approver_id"),
                *("hub.change.state", "hub.gap.state", "hub.rule.stamp", "hub.replay.state"),
            },
            tried,
        )

    def test_nor_by_a_default_of_his_own(self):
        """Neither by the context of a call, nor by what Odoo lets each user store as his default."""
        for model, field in self.kept_fields():
            if field.name not in kept_of(self.env, model):
                continue
            forged = self.forged(self.rows.of(model), field)
            person = self.env[model].with_user(self.person)
            if not person.has_access("create"):
                continue
            with self.subTest(f"{model}.{field.name}"):
                self.env["ir.default"].set(model, field.name, forged, user_id=self.person.id)
                rows = person.with_context(**{f"default_{field.name}": forged})
                self.assertNotEqual(rows.default_get([field.name]).get(field.name), forged)

    def test_nor_on_a_new_record(self):
        for model, vals in (
            ("account.move", {"move_type": "out_invoice", "hub_ledger_state": "paid"}),
            ("account.move", {"move_type": "out_invoice", "hub_issued_name": "Somebody"}),
            ("hub.contract", {"partner_id": self.customer.id, "name": "X", "cap_told": 100}),
            ("hub.purchase.order", {"contract_id": self.contract.id, "number": "1", "told": 100}),
        ):
            name = list(vals)[-1]
            forged, plain = {name: vals[name]}, {k: v for k, v in vals.items() if k != name}
            for given, context in (
                ({**plain, **forged}, {}),
                (plain, {f"default_{name}": vals[name]}),
            ):
                with (
                    self.subTest(f"{model} {given} {context}"),
                    mute_logger(*LOGS),
                    self.assertRaises(UserError),
                    self.env.cr.savepoint(),
                ):
                    call_kw(
                        self.env[model].with_user(self.person),
                        "create",
                        [given],
                        {"context": context},
                    )
