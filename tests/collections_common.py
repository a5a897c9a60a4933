"""What the tests of collections share: a firm that invoices in two currencies, its levels, a second company."""

from datetime import timedelta

from odoo import fields
from odoo.fields import Command

from .business_common import BusinessCase


class CollectionsCase(BusinessCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.today = fields.Date.context_today(cls.env.user)
        # 2 EUR are 1 USD
        cls.euro = cls.setup_other_currency("EUR", rates=[("1900-01-01", 2.0)]).with_env(cls.env)
        cls.dollar = cls.company.currency_id

    def _ago(self, days):
        return self.today - timedelta(days=days)

    def _open(
        self, amount, overdue, partner=None, currency=None, move_type="out_invoice", **values
    ):
        """A posted document without taxes, due so many days ago."""
        due = self._ago(overdue)
        move = self.env["account.move"].create(
            {
                "move_type": move_type,
                "partner_id": (partner or self.customer).id,
                "currency_id": (currency or self.dollar).id,
                "invoice_date": min(due, self.today),
                "invoice_date_due": due,
                "invoice_payment_term_id": False,
                "invoice_line_ids": [
                    Command.create(
                        {"name": "Work", "quantity": 1, "price_unit": amount, "tax_ids": False}
                    )
                ],
                **values,
            }
        )
        move.action_post()
        return move

    def _settle(self, move, amount):
        """So much arrives at the bank and is set off against an invoice; ``move`` a customer: nothing is set off."""
        customer = move.commercial_partner_id
        currency = move.currency_id if move._name == "account.move" else self.dollar
        account = self.company_data["default_account_receivable"]
        company_amount = amount if currency == self.dollar else amount / 2
        entry = self.env["account.move"].create(
            {
                "move_type": "entry",
                "journal_id": self.company_data["default_journal_misc"].id,
                "date": self.today,
                "line_ids": [
                    Command.create(
                        {
                            "account_id": account_id,
                            "partner_id": customer.id,
                            "currency_id": currency.id,
                            "amount_currency": sign * amount,
                            "balance": sign * company_amount,
                        }
                    )
                    for account_id, sign in (
                        (self.company_data["default_account_assets"].id, 1),
                        (account.id, -1),
                    )
                ],
            }
        )
        entry.action_post()
        if move._name == "account.move":
            lines = (entry + move).line_ids.filtered(lambda line: line.account_id == account)
            lines.reconcile()
        return entry

    def _charge(self, amount, overdue):
        """So much is owed by an entry, as by an opening balance, since so many days."""
        account = self.company_data["default_account_receivable"]
        entry = self.env["account.move"].create(
            {
                "move_type": "entry",
                "journal_id": self.company_data["default_journal_misc"].id,
                "date": self.today,
                "line_ids": [
                    Command.create(
                        {
                            "account_id": account.id,
                            "partner_id": self.customer.id,
                            "balance": amount,
                        }
                    ),
                    Command.create(
                        {
                            "account_id": self.company_data["default_account_revenue"].id,
                            "balance": -amount,
                        }
                    ),
                ],
            }
        )
        line = entry.line_ids.filtered(lambda one: one.account_id == account)
        line.date_maturity = self._ago(overdue)
        entry.action_post()
        return entry

    def _levels(self, company=None):
        """After 5 days a mail, after 20 days (10 after the first) a mail, after 40 (7 after the second) a call."""
        company = company or self.company
        return self.env["hub.dunning.level"].create(
            [
                {
                    "company_id": company.id,
                    "name": name,
                    "days": days,
                    "days_between": between,
                    **how,
                }
                for name, days, between, how in (
                    ("First reminder", 5, 0, {"sentence": "Please pay."}),
                    ("Second reminder", 20, 10, {"sentence": "Please pay now."}),
                    (
                        "Call",
                        40,
                        7,
                        {
                            "kind": "person",
                            "user_id": self.approver.id,
                            "sentence": "Ask when they pay.",
                        },
                    ),
                )
            ]
        )

    def _note(self, move, mode, user=None, **values):
        """What somebody notes on an invoice, by its form."""
        action = getattr(
            move.with_user(user or self.approver),
            {
                "promise": "action_hub_promise",
                "dispute": "action_hub_dispute",
                "close": "action_hub_close_dispute",
            }[mode],
        )()
        wizard = (
            self.env["hub.collect"]
            .with_user(user or self.approver)
            .with_context(**action["context"])
        )
        wizard.create(values).action_confirm()
        self._fresh()

    def _fresh(self):
        self.env.flush_all()
        self.env.invalidate_all()

    def _look(self, days=0):
        """The look of a night, so many days from now."""
        self.env["hub.promise"]._look(self.company, self.today + timedelta(days=days))
        self.env["hub.dispute"]._look()
        self._fresh()
