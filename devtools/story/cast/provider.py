"""Payment providers: customers pay there, and their money waits there."""

from .player import Player


class Stripe(Player):
    """An account: payment intents, refunds, balance transactions. Amounts are cents."""

    kind = "provider"
    name, label = "stripe", "Stripe"
    account = "acct_1SandboxHub0001"

    @classmethod
    def secrets(cls, url):
        return {"api_key": "rk_test_sandbox_key", "webhook_secret": "whsec_sandbox_secret"}

    def pay(self, amount, invoice, currency="usd", **more):
        """A customer pays the invoice of a number; answers the payment's id."""
        body = {"amount": amount, "currency": currency, "metadata": {"odoo_invoice": invoice}}
        body |= more
        return self.control("payments", body)["ids"][0]

    def refund(self, payment, amount, **more):
        """Some of a payment goes back."""
        body = {"payment_intent": payment, "amount": amount, "reason": "requested_by_customer"}
        self.control("refunds", body | more)

    def pay_out(self, currency, **more):
        """All that is in the balance of a currency goes to the bank, and its parts can be read."""
        self.control("payouts", {"currency": currency, **more})

    def paid_out(self):
        """The amounts of the payouts that are at the bank."""
        rows = self.control("state")["payouts"].values()
        return [row["amount"] for row in rows if row["status"] == "paid"]

    def balance(self, column):
        """The sum of what moved its balance: `fee` or `net`."""
        rows = self.control("state")["balance_transactions"].values()
        return sum(row[column] for row in rows)
