"""What the tests of the business side share: a firm with a template, people, a bank and a deal."""

from contextlib import contextmanager
from datetime import date, datetime, timezone
from decimal import Decimal

from odoo.addons.account.tests.common import AccountTestInvoicingCommon
from odoo.fields import Command

from ..core.item import Item
from ..core.problem import Link, Term
from ..models.flow.context import HUB_CONTEXT

JUNE = date(2025, 6, 1), date(2025, 6, 30)


class BusinessCase(AccountTestInvoicingCommon):
    """A consulting firm in USD, as the technical user of the hub and its people see it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company = cls.company_data["company"]
        # The tests look at everything; what is tested acts as a user of its own.
        cls.env = cls.env(
            user=cls.env.ref("base.user_root"),
            context={**HUB_CONTEXT, "tz": "UTC", "allowed_company_ids": cls.company.ids},
        )
        cls.company = cls.company.with_env(cls.env)
        precision = cls.env["decimal.precision"].search([("name", "=", "Product Unit")])
        precision.digits = 6
        cls.hour = cls.env.ref("uom.product_uom_hour")
        cls.unit = cls.env.ref("uom.product_uom_unit")
        cls.tax = cls.company_data["default_tax_sale"]
        cls._make_products()
        cls._make_people()
        cls._make_template()
        cls._make_bank()
        cls.customer = cls._make_customer("Acme Ltd")
        cls.message_id = 0
        cls.external_id = 0

    # --- the firm ---------------------------------------------------------------------------------

    @classmethod
    def _make_products(cls):
        service = {
            "type": "service",
            "company_id": False,
            "uom_id": cls.hour.id,
            "taxes_id": [Command.set(cls.tax.ids)],
        }
        cls.consulting, cls.architecture = cls.env["product.product"].create(
            [
                {
                    **service,
                    "name": name,
                    "default_code": code,
                    "list_price": 1.0,
                    "invoice_policy": "delivery",
                    "service_type": "timesheet",
                }
                for name, code in (("Consulting", "CON"), ("Architecture", "ARC"))
            ]
        )
        cls.milestone_service = cls.env["product.product"].create(
            {
                **service,
                "name": "Milestone",
                "default_code": "MIL",
                "uom_id": cls.unit.id,
                "invoice_policy": "delivery",
                "service_type": "milestones",
            }
        )
        cls.travel = cls.env["product.product"].create(
            {
                **service,
                "name": "Travel",
                "default_code": "TRV",
                "uom_id": cls.unit.id,
                "can_be_expensed": True,
                "expense_policy": "cost",
            }
        )

    @classmethod
    def _make_user(cls, login, *groups):
        return (
            cls.env["res.users"]
            .with_context(no_reset_password=True)
            .create(
                {
                    "name": login.title(),
                    "login": login,
                    "email": f"{login}@firm.example",
                    "company_id": cls.company.id,
                    "company_ids": [Command.set(cls.company.ids)],
                    "group_ids": [Command.set([cls.env.ref(group).id for group in groups])],
                }
            )
        )

    @classmethod
    def _make_people(cls):
        hub = "lead_to_cash_hub.group_hub_"
        cls.technical = cls.env.ref("lead_to_cash_hub.user_hub")
        cls.technical.write(
            {"company_ids": [Command.link(cls.company.id)], "company_id": cls.company.id}
        )
        cls.approver = cls._make_user("approver", "base.group_user", hub + "billing_approver")
        cls.resolver = cls._make_user("resolver", "base.group_user", hub + "resolver")
        cls.viewer = cls._make_user("viewer", "base.group_user", hub + "viewer")
        cls.accountant = cls._make_user(
            "accountant", "base.group_user", "account.group_account_manager"
        )
        cls.consultant_user = cls._make_user(
            "consultant", "base.group_user", "hr_timesheet.group_hr_timesheet_user"
        )
        cls.consultant, cls.architect = cls.env["hr.employee"].create(
            [
                {
                    "name": "Cora Consultant",
                    "company_id": cls.company.id,
                    "user_id": cls.consultant_user.id,
                    "work_email": "cora@firm.example",
                    "hourly_cost": 60.0,
                },
                {
                    "name": "Arno Architect",
                    "company_id": cls.company.id,
                    "work_email": "arno@firm.example",
                    "hourly_cost": 80.0,
                },
            ]
        )

    @classmethod
    def _make_template(cls):
        cls.role = cls.env["project.role"].create(
            {"name": "Consultant", "hub_employee_ids": [Command.set(cls.consultant.ids)]}
        )
        cls.open_role = cls.env["project.role"].create({"name": "Architect"})
        cls.template = cls.env["project.project"].create(
            {
                "name": "Rollout",
                "is_template": True,
                "allow_billable": True,
                "allow_timesheets": True,
                "company_id": cls.company.id,
                "task_ids": [
                    Command.create({"name": "Kick-off", "role_ids": [Command.set(cls.role.ids)]}),
                    Command.create({"name": "Build", "role_ids": [Command.set(cls.role.ids)]}),
                ],
            }
        )

    @classmethod
    def _make_bank(cls):
        cls.journal = cls.env["account.journal"].create(
            {"name": "Stripe", "type": "bank", "code": "STRP", "company_id": cls.company.id}
        )
        cls.journal.action_hub_use_own_account()
        cls.fee_account = cls.company_data["default_account_expense"]
        cls.system = cls.env["hub.system"].create(
            {
                "name": "Stripe",
                "product": "stripe",
                "base_url": "https://api.stripe.com",
                "user_id": cls.technical.id,
                "company_ids": [Command.set(cls.company.ids)],
                "journal_id": cls.journal.id,
                "fee_account_id": cls.fee_account.id,
            }
        )

    @classmethod
    def _make_customer(cls, name):
        return cls.env["res.partner"].create(
            {
                "name": name,
                "is_company": True,
                "street": "1 Main St",
                "city": "Springfield",
                "country_id": cls.env.ref("base.us").id,
                "email": "billing@acme.example",
                "property_account_receivable_id": cls.company_data["default_account_receivable"].id,
            }
        )

    # --- messages ---------------------------------------------------------------------------------

    @classmethod
    def _item(cls, entity, values, external_id=None, record=None, changed=None, action="change"):
        """An item as the engine hands it over; of a known ``record`` when one is given."""
        cls.message_id += 1
        cls.external_id += 1
        link = Link(1, record._name, record.id) if record else None
        return Item(
            message_id=cls.message_id,
            system_id=cls.system.id,
            entity=entity,
            external_id=external_id or f"x{cls.external_id}",
            company_id=cls.company.id,
            action=action,
            changed_at=datetime(2025, 7, 1, 8, tzinfo=timezone.utc),
            values=values,
            link=link,
            changed=frozenset(values if changed is None else changed),
        )

    def _handler(self, entity):
        """The handler of an entity, as the technical user in the company."""
        env = self.env(
            user=self.technical,
            context={**HUB_CONTEXT, "allowed_company_ids": self.company.ids, "tz": "UTC"},
            su=False,
        )
        return env[f"hub.handler.{entity}"]

    def _apply(self, *items):
        """What the engine does with a batch of one entity: match, check, write."""
        handler = self._handler(items[0].entity)
        handler._hub_match([item for item in items if item.open and not item.link])
        handler._hub_check(list(items))
        todo = [item for item in items if item.open]
        if todo:
            with self.env.cr.savepoint():
                handler._hub_write(todo)
        self.env.flush_all()
        self.env.invalidate_all()
        return items[0] if len(items) == 1 else items

    @contextmanager
    def assertProblem(self, item, code):
        """Applying ``item`` inside leaves this problem and no trace in Odoo."""
        yield
        self.assertTrue(
            item.problem, f"expected the problem {code}, but {item.skip or 'it passed'}"
        )
        self.assertEqual(item.problem.code, code)

    # --- a deal -----------------------------------------------------------------------------------

    @classmethod
    def _line(cls, product, quantity, price, name=None):
        return {
            "service": Term(product.default_code, "product.product", product.id),
            "name": name or product.name,
            "quantity": Decimal(str(quantity)),
            "unit_price": Decimal(str(price)),
            "external_id": f"line-{product.default_code}-{name or ''}",
        }

    @classmethod
    def _deal(cls, lines=None, stage="won", currency="USD", **values):
        lines = lines or [cls._line(cls.consulting, 100, "150.00")]
        amount = sum(line["quantity"] * line["unit_price"] for line in lines)
        return {
            "name": "Acme rollout",
            "amount": amount,
            "currency": currency,
            "stage": Term(stage),
            "customer": cls.customer.id,
            "won_at": datetime(2025, 5, 30, 16, tzinfo=timezone.utc),
            "service_line": Term("rollout", "project.project", cls.template.id),
            "lines": lines,
            **values,
        }

    def _start_deal(self, lines=None, **values):
        """A won deal, started: its contract."""
        item = self._apply(self._item("opportunity", self._deal(lines, **values)))
        self.assertFalse(item.problem, item.problem and item.problem.params)
        return self.env["crm.lead"].browse(item.res_id).hub_contract_id

    def _time(self, contract, hours, approval="approved", day=date(2025, 6, 10), **values):
        """Values of a time entry on the first task of a contract."""
        return {
            "project": contract.project_id.id,
            "task": contract.project_id.task_ids.filtered("sale_line_id")[:1].id,
            "employee": self.consultant.id,
            "date": day,
            "hours": Decimal(str(hours)),
            "note": "work",
            "approval": Term(approval),
            "billable": True,
            **values,
        }

    def _book(self, contract, *hours, **values):
        """Time entries of a contract."""
        items = [self._item("time_entry", self._time(contract, h, **values)) for h in hours]
        self._apply(*items)
        for item in items:
            self.assertFalse(item.problem, item.problem)
        return self.env["account.analytic.line"].browse([item.res_id for item in items])

    def _change(self, entry, changed=None, **values):
        """Apply a change of a known entry."""
        contract = entry.project_id.hub_contract_id
        base = self._time(contract, entry.unit_amount, day=entry.date)
        item = self._item(
            "time_entry", {**base, **values}, record=entry, changed=changed or list(values)
        )
        self._apply(item)
        return item

    def _bill(self, contract=None, start=JUNE[0], end=JUNE[1], user=None):
        """Draft invoices of a billing run."""
        run = self.env["hub.billing.run"].with_user(user or self.resolver)
        moves, failures = run._run(self.company, start, end, contract)
        self.assertFalse(failures)
        self.env.flush_all()
        self.env.invalidate_all()
        return moves.with_env(self.env)

    def _approve(self, moves):
        moves.with_user(self.approver).action_hub_approve()
        self.env.flush_all()
        self.env.invalidate_all()
        return moves

    def _invoice(self, contract, *hours):
        """A posted invoice of ``hours``."""
        self._book(contract, *hours)
        return self._approve(self._bill(contract))

    def _pay(self, paid, amount=None, fee="0.00", **values):
        """Values of a payment of an invoice."""
        amount = Decimal(str(amount if amount is not None else paid.amount_total))
        fee = Decimal(fee)
        return {
            "amount": amount,
            "currency": paid.currency_id.name,
            "fee": fee,
            "net": amount - fee,
            "settlement_currency": paid.currency_id.name,
            "date": datetime(2025, 7, 15, 12, tzinfo=timezone.utc),
            "status": Term("succeeded"),
            "invoice_number": paid.name,
            "reference": f"ch_{paid.id}",
            **values,
        }
