"""Stripe under the contract of all connectors."""

from decimal import Decimal

import pytest
from contract import Contract, Subject

from lead_to_cash_hub.connectors.parts import Write
from sandbox.stripe import StripeSandbox

DIGITS = {"JPY": 0, "KWD": 3}
RIGHTS = (
    "balance",
    "payment_intents",
    "charges",
    "refunds",
    "events",
    "balance_transactions",
    "payouts",
    "disputes",
)


def without(kind):
    """The settings of a sandbox whose key has all rights but this one."""
    return {"permissions": [right for right in RIGHTS if right != kind]}


class StripeSubject(Subject):
    product = "stripe"
    sandbox_class = StripeSandbox
    settings = {"account_id": "acct_1SandboxHub0001", "live_mode": False}
    secrets = {"api_key": "rk_test_sandbox_key", "webhook_secret": "whsec_sandbox_secret"}
    entity = "payment"
    page = 100
    write_entity = "refund"
    creates = True
    deletions = None
    wrong_environment = ({"live_mode": True}, {})
    missing_rights = tuple(
        (without(kind), {"code": "read", "entity": entity})
        for kind, entity in (
            ("payment_intents", "payment"),
            ("charges", "charge"),
            ("refunds", "refund"),
            ("events", "event"),
            ("balance_transactions", "balance_transaction"),
        )
    )

    def seed(self, count, at):
        return self.sandbox.pay(10050, "usd", count=count, created=int(at.timestamp()))["ids"]

    def touch(self, key, at):
        with self.sandbox.lock:
            row = self.sandbox.store.get("payment_intents", key)
            self.sandbox.store.refund(row, 1, created=int(at.timestamp()))

    def seed_text(self, text, at):
        values = {"metadata": {"note": text}, "created": int(at.timestamp())}
        return self.sandbox.pay(100, "usd", **values)["ids"][0]

    def text_of(self, payload):
        return payload["metadata"]["note"]

    def seed_money(self, amount, currency, at):
        units = int(Decimal(amount).scaleb(DIGITS.get(currency, 2)))
        at = int(at.timestamp())
        return "payment", self.sandbox.pay(units, currency.lower(), created=at)["ids"][0]

    def money_of(self, payload):
        assert isinstance(payload["amount_received"], int), "minor units, with their currency"
        digits = DIGITS.get(payload["currency"].upper(), 2)
        return Decimal(payload["amount_received"]).scaleb(-digits)

    def lazily(self, count):
        def listing(request):
            after = request.args.get("starting_after", "pi_0")
            first = int(after.partition("_")[2])
            rows = [
                {
                    "id": f"pi_{n + 1}",
                    "object": "payment_intent",
                    "amount": n,
                    "currency": "usd",
                    "status": "succeeded",
                    "created": 1_700_000_000 - n,
                    "metadata": {},
                }
                for n in range(first, min(first + 100, count))
            ]
            return {"object": "list", "data": rows, "has_more": first + 100 < count}

        return [("GET", "/v1/payment_intents", listing)]

    def write(self, number=1):
        payments = self.sandbox.store.rows["payment_intents"]
        key = f"pi_write{number}"
        if key not in payments:
            self.sandbox.pay(10050, id=key)
        values = {"payment_intent": key, "amount": 100}
        return Write(f"k{number}", "refund", "create", None, values)

    def bad_write(self, number):
        write = self.write(number)
        return Write(write.key, "refund", "create", None, {**write.values, "amount": 999_999})

    def effects(self, write):
        refunds = self.sandbox.store.rows["refunds"].values()
        return sum(row["payment_intent"] == write.values["payment_intent"] for row in refunds)


class TestStripe(Contract):
    subject = StripeSubject

    @pytest.mark.parametrize("kind, entity", [("payouts", "payout"), ("disputes", "dispute")])
    def test_a_key_of_before_payouts_is_told_what_it_lacks_and_is_no_fault(
        self, product, kind, entity
    ):
        product.sandbox.settings.update(without(kind))
        items = product.connector().check()
        assert [item.params for item in items if item.code == "optional"] == [{"entity": entity}]
        assert all(item.ok for item in items)
