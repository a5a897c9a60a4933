"""What the hub keeps of its own is not written by a call, whatever rights the caller has."""

from contextlib import suppress

from odoo import models
from odoo.exceptions import UserError
from odoo.service.model import call_kw
from odoo.tests import tagged
from odoo.tools import mute_logger

from .abuse_rows import Rows
from .business_common import BusinessCase
from .test_abuse_methods import LOGS

# Everything a person can be given in the hub and where it works, but Odoo's Settings.
RIGHTS = (
    *("viewer", "resolver", "manager", "billing_approver", "cash", "auditor"),
    "configuration_approver",
    *("sales_team.group_sale_manager", "project.group_project_manager"),
    *("account.group_account_manager", "hr.group_hr_manager"),
    "hr_timesheet.group_timesheet_manager",
)
# What a source says of a deal: whoever takes a run back writes it, with his own rights.
SOURCES = {
    "crm.lead.hub_amount",
    "crm.lead.hub_currency_id",
    "crm.lead.hub_owner_email",
    "crm.lead.hub_start_date",
}
BUSINESS = "lead_to_cash_hub.models.business."
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
        for model, cls in sorted(self.env.registry.items()):
            if cls._abstract or cls._transient or not cls._auto:
                continue
            if not self.env[model].with_user(self.person).has_access("write"):
                continue
            for name, field in sorted(cls._fields.items()):
                plain = field.store and field.readonly and field.type != "one2many"
                if not plain or field.compute or field.related or name in models.MAGIC_COLUMNS:
                    continue
                if f"{model}.{name}" in SOURCES:
                    continue
                # What the hub means in Odoo. Its configuration is its managers' own, and has its own rules.
                if any(name in base.__dict__ and BUSINESS in base.__module__ for base in cls.mro()):
                    yield model, field

    def forged(self, record, field):
        if field.type == "many2one":
            others = (
                self.env[field.comodel_name].sudo().search([("id", "!=", record[field.name].id)])
            )
            return others[:1].id
        if field.type == "many2many":
            return [(4, self.person.id if field.comodel_name == "res.users" else 1)]
        if field.type == "selection":
            return next(v for v in field.get_values(self.env) if v != record[field.name])
        return VALUES[field.type]

    def test_nobody_forges_what_the_hub_keeps(self):
        tried = set()
        for model, field in self.kept_fields():
            record = self.rows.of(model)
            value = self.forged(record, field)
            if not value:
                continue
            with self.subTest(f"{model}.{field.name}"):
                savepoint = self.env.cr.savepoint()
                with savepoint, mute_logger(*LOGS):
                    before = record.read([field.name])
                    with suppress(UserError):
                        call_kw(
                            self.env[model].with_user(self.person),
                            "write",
                            [record.ids, {field.name: value}],
                            {},
                        )
                        self.env.flush_all()
                    self.env.invalidate_all()
                    self.assertEqual(record.read([field.name]), before)
                    savepoint.rollback()
                self.env.transaction.clear()
            tried.add(f"{model}.{field.name}")
        self.assertLessEqual(
            {
                "account.move.hub_ledger_state",
                "account.move.hub_ledger_open",
                "account.move.hub_issued_name",
                "hub.contract.cap_told",
                "hub.purchase.order.told",
            },
            tried,
        )

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
