"""What a Stripe account holds: payment intents, charges, refunds, payouts, disputes, balance transactions, events."""

from __future__ import annotations

import copy
import uuid
from decimal import ROUND_HALF_UP, Decimal

KINDS = (
    "payment_intents",
    "charges",
    "refunds",
    "balance_transactions",
    "customers",
    "payouts",
    "disputes",
    "events",
)
PREFIX = {
    "payment_intents": "pi",
    "charges": "ch",
    "refunds": "re",
    "balance_transactions": "txn",
    "customers": "cus",
    "payouts": "po",
    "disputes": "du",
    "events": "evt",
}
# field -> kind of the object that it names, for "expand"
REFERENCES = {
    "latest_charge": "charges",
    "charge": "charges",
    "payment_intent": "payment_intents",
    "balance_transaction": "balance_transactions",
    "customer": "customers",
    "failure_balance_transaction": "balance_transactions",
    "source": None,
}


class Invalid(Exception):
    """Stripe's 400/402/404: ``(status, error)``."""

    def __init__(self, status: int, message: str, code=None, param=None, kind=None):
        super().__init__(message)
        self.status = status
        self.error = {
            "type": kind or "invalid_request_error",
            "message": message,
            **(
                {"code": code, "doc_url": f"https://stripe.com/docs/error-codes/{code}"}
                if code
                else {}
            ),
            **({"param": param} if param else {}),
        }


class Store:
    """Objects by kind and id, oldest first. ``event`` is told of each change."""

    def __init__(self, now, next_id, settings, event):
        self.now, self.next_id, self.settings, self.event = now, next_id, settings, event
        self.rows: dict[str, dict[str, dict]] = {kind: {} for kind in KINDS}

    def add(self, kind: str, values: dict, created: int | None = None) -> dict:
        """Store an object under a new id; ids grow in the order of their making."""
        number = self.next_id(1)
        key = values.pop("id", None) or f"{PREFIX[kind]}_3Sb{number:08d}{uuid.uuid4().hex[:8]}"
        row = {
            "id": key,
            "object": kind[:-1],
            "created": created if created is not None else int(self.now().timestamp()),
            "livemode": self.settings["live_mode"],
            **values,
            "_order": number,
        }
        self.rows[kind][key] = row
        return row

    def get(self, kind: str, key: str, param: str = "id") -> dict:
        row = self.rows[kind].get(key)
        if row is None:
            name = kind[:-1]
            raise Invalid(404, f"No such {name}: '{key}'", "resource_missing", param)
        return row

    def view(self, row: dict, expand=()) -> dict:
        """A copy as the API shows it, with references expanded (at most four levels)."""
        shown = {name: value for name, value in row.items() if name[0] != "_"}
        shown = copy.deepcopy(shown)
        for path in expand:
            name, _, rest = path.partition(".")
            kind = REFERENCES.get(name)
            if kind is None:
                message = f"This property cannot be expanded ({name})."
                raise Invalid(400, message, param="expand")
            if isinstance(shown.get(name), str):
                shown[name] = self.view(self.get(kind, shown[name]))
            if rest and isinstance(shown.get(name), dict):
                inner = self.rows[kind][shown[name]["id"]]
                shown[name] = {**self.view(inner, [rest]), **_expanded(shown[name], inner)}
        return shown

    # -- money --------------------------------------------------------------------------------

    def fee(self, amount: int) -> int:
        """2.9 % rounded half up to the cent, and 30 cents."""
        percent = (Decimal(amount) * Decimal("0.029")).quantize(Decimal(1), ROUND_HALF_UP)
        return int(percent) + 30

    def settle(self, amount: int, currency: str) -> tuple[int, str, float | None]:
        """An amount in the currency in which the account is paid out."""
        home = self.settings["settlement_currency"]
        rate = self.settings["rates"].get(currency)
        if currency == home or rate is None:
            return amount, currency, None
        converted = (Decimal(amount) * Decimal(str(rate))).quantize(Decimal(1), ROUND_HALF_UP)
        return int(converted), home, rate

    def balance(
        self,
        source: str | None,
        amount: int,
        currency: str,
        fee: bool,
        kind: str,
        created,
        category: str | None = None,
    ) -> dict:
        """The balance transaction of a charge (with a fee), a refund (the fee stays paid) or whatever
        else moves the balance."""
        gross, home, rate = self.settle(amount, currency)
        cost = self.fee(gross) if fee else 0
        details = {"amount": cost, "currency": home, "type": "stripe_fee", "application": None}
        return self.add(
            "balance_transactions",
            {
                "amount": gross,
                "fee": cost,
                "net": gross - cost,
                "currency": home,
                "exchange_rate": rate,
                "type": kind,
                "reporting_category": category or kind,
                "status": "pending",
                "available_on": int(self.now().timestamp()) + 2 * 86400,
                "source": source,
                "fee_details": [details] if cost else [],
                "description": None,
            },
            created,
        )

    def intent(self, amount: int, currency: str = "usd", created=None, **values) -> dict:
        """A new payment intent."""
        if amount <= 0:
            message = "This value must be greater than or equal to 1."
            raise Invalid(400, message, "parameter_invalid_integer", "amount")
        row = self.add(
            "payment_intents",
            {
                "amount": amount,
                "amount_received": 0,
                "amount_capturable": 0,
                "amount_details": {"tip": {}},
                "currency": currency,
                "status": "requires_payment_method",
                "canceled_at": None,
                "cancellation_reason": None,
                "capture_method": "automatic_async",
                "confirmation_method": "automatic",
                "customer": None,
                "description": None,
                "last_payment_error": None,
                "latest_charge": None,
                "metadata": {},
                "payment_method_types": ["card"],
                "receipt_email": None,
                **values,
            },
            created,
        )
        row["client_secret"] = f"{row['id']}_secret_{uuid.uuid4().hex}"
        self.event("payment_intent.created", row, created)
        return row

    def succeed(self, row: dict, created=None) -> dict:
        """The payment goes through: charge, balance transaction, events."""
        charge = self._charge(row, created, status="succeeded", paid=True, captured=True)
        txn = self.balance(charge["id"], row["amount"], row["currency"], True, "charge", created)
        charge["balance_transaction"] = txn["id"]
        charge["amount_captured"] = row["amount"]
        row.update(status="succeeded", amount_received=row["amount"], latest_charge=charge["id"])
        row["last_payment_error"] = None
        self.event("charge.succeeded", charge, created)
        self.event("payment_intent.succeeded", row, created)
        return row

    def fail(self, row: dict, code: str = "card_declined", created=None) -> dict:
        """The card is declined."""
        charge = self._charge(row, created, status="failed", paid=False, captured=False)
        charge["failure_code"] = code
        error = {
            "type": "card_error",
            "code": code,
            "decline_code": "generic_decline",
            "message": "Your card was declined.",
        }
        row.update(
            status="requires_payment_method", latest_charge=charge["id"], last_payment_error=error
        )
        self.event("charge.failed", charge, created)
        self.event("payment_intent.payment_failed", row, created)
        return row

    def cancel(self, row: dict) -> dict:
        row.update(status="canceled", canceled_at=int(self.now().timestamp()))
        self.event("payment_intent.canceled", row)
        return row

    def _charge(self, row: dict, created, **values) -> dict:
        return self.add(
            "charges",
            {
                "amount": row["amount"],
                "amount_captured": 0,
                "amount_refunded": 0,
                "balance_transaction": None,
                "billing_details": {
                    "email": "payer@client.example",
                    "name": "Pat Payer",
                    "phone": None,
                    "address": None,
                },
                "currency": row["currency"],
                "customer": row["customer"],
                "description": row["description"],
                "disputed": False,
                "failure_code": None,
                "failure_message": None,
                "metadata": dict(row["metadata"]),
                "payment_intent": row["id"],
                "payment_method_details": {
                    "type": "card",
                    "card": {"brand": "visa", "last4": "4242"},
                },
                "refunded": False,
                **values,
            },
            created,
        )

    def refund(self, intent: dict, amount: int | None, created=None, **values) -> dict:
        """Give back all or part of a payment."""
        charge = self.rows["charges"].get(intent["latest_charge"] or "")
        if intent["status"] != "succeeded" or charge is None:
            message = "This PaymentIntent does not have a successful charge to refund."
            raise Invalid(400, message, "charge_not_refundable", "payment_intent")
        left = charge["amount"] - charge["amount_refunded"]
        if left <= 0:
            message = f"Charge {charge['id']} has already been refunded."
            raise Invalid(400, message, "charge_already_refunded")
        amount = left if amount is None else amount
        if not 0 < amount <= left:
            message = (
                f"Refund amount ({amount}) is greater than unrefunded amount on charge ({left})"
            )
            raise Invalid(400, message, param="amount")
        row = self.add(
            "refunds",
            {
                "amount": amount,
                "balance_transaction": None,
                "charge": charge["id"],
                "currency": charge["currency"],
                "destination_details": {"type": "card"},
                "metadata": {},
                "payment_intent": intent["id"],
                "reason": None,
                "receipt_number": None,
                "status": "succeeded",
                **values,
            },
            created,
        )
        txn = self.balance(row["id"], -amount, charge["currency"], False, "refund", created)
        row["balance_transaction"] = txn["id"]
        charge["amount_refunded"] += amount
        charge["refunded"] = charge["amount_refunded"] == charge["amount"]
        self.event("refund.created", row, created)
        self.event("charge.refunded", charge, created)
        return row

    # -- disputes -----------------------------------------------------------------------------

    def dispute(self, intent: dict, amount: int | None = None, fee=1500, created=None, **values):
        """The customer's bank takes a payment back, and Stripe a fee; an inquiry takes nothing."""
        charge = self.get("charges", intent["latest_charge"])
        inquiry = str(values.get("status", "")).startswith("warning_")
        row = self.add(
            "disputes",
            {
                "amount": charge["amount"] if amount is None else amount,
                "balance_transactions": [],
                "charge": charge["id"],
                "currency": charge["currency"],
                "evidence": {"customer_email_address": "payer@client.example"},
                "evidence_details": {"due_by": int(self.now().timestamp()) + 7 * 86400},
                "is_charge_refundable": inquiry,
                "metadata": {},
                "payment_intent": intent["id"],
                "reason": "product_not_received",
                "status": "needs_response",
                **values,
            },
            created,
        )
        charge["disputed"] = True
        self.event("charge.dispute.created", row, created)
        if not inquiry:
            self._disputed(row, -row["amount"], fee, "dispute", created)
            self.event("charge.dispute.funds_withdrawn", row, created)
        return row

    def _disputed(self, row: dict, amount: int, fee: int, category: str, created) -> None:
        txn = self.balance(
            row["id"], amount, row["currency"], False, "adjustment", created, category
        )
        txn.update(fee=fee, net=txn["amount"] - fee)
        row["balance_transactions"].append(self.view(txn))

    def close(self, row: dict, status: str, fee_back=0, created=None) -> dict:
        """How it ended; what is won comes back, with the fee where Stripe gives it back."""
        row["status"] = status
        if status == "won":
            self._disputed(row, row["amount"], -fee_back, "dispute_reversal", created)
            self.event("charge.dispute.funds_reinstated", row, created)
        self.event("charge.dispute.closed", row, created)
        return row

    # -- payouts ------------------------------------------------------------------------------

    def adjust(self, amount: int, currency: str, kind: str, category: str, created=None) -> dict:
        """A movement of the balance that is about no payment: a fee of Stripe's own, an adjustment."""
        return self.balance(None, amount, currency, False, kind, created, category)

    def payout(self, currency: str, created=None, automatic=True, amount=None, **values) -> dict:
        """Send what is in the balance of a currency to the bank; an automatic one knows its parts."""
        waiting = [
            row
            for row in self.rows["balance_transactions"].values()
            if row["currency"] == currency and not row.get("_payout") and row["type"] != "payout"
        ]
        total = sum(row["net"] for row in waiting) if amount is None else amount
        row = self.add(
            "payouts",
            {
                "amount": total,
                "arrival_date": (created or int(self.now().timestamp())) + 2 * 86400,
                "automatic": automatic,
                "balance_transaction": None,
                "currency": currency,
                "description": "STRIPE PAYOUT",
                "destination": "ba_1Sandbox",
                "failure_balance_transaction": None,
                "failure_code": None,
                "method": "standard",
                "reconciliation_status": "in_progress" if automatic else "not_applicable",
                "statement_descriptor": None,
                "status": "in_transit",
                "trace_id": {"status": "pending", "value": None},
                "type": "bank_account",
                **values,
            },
            created,
        )
        txn = self.balance(row["id"], -total, currency, False, "payout", created)
        row["balance_transaction"] = txn["id"]
        for part in [*waiting, txn] if automatic else []:
            part["_payout"] = row["id"]
        self.event("payout.created", row, created)
        return row

    def arrive(self, row: dict, trace: str | None = None, created=None) -> dict:
        """The payout is at the bank, and its parts can be read."""
        row["status"] = "paid"
        if trace:
            row["trace_id"] = {"status": "supported", "value": trace}
        self.event("payout.paid", row, created)
        if row["automatic"]:
            row["reconciliation_status"] = "completed"
            self.event("payout.reconciliation_completed", row, created)
        return row

    def send_back(self, row: dict, code: str = "account_closed", created=None) -> dict:
        """The bank refused it, also after it was paid: the money is in the balance again."""
        txn = self.balance(
            row["id"], row["amount"], row["currency"], False, "payout_failure", created,
            "payout_reversal",
        )  # fmt: skip
        row.update(status="failed", failure_code=code, failure_balance_transaction=txn["id"])
        self.event("payout.failed", row, created)
        return row


def _expanded(shown: dict, inner: dict) -> dict:
    """What an earlier path expanded already."""
    return {k: v for k, v in shown.items() if isinstance(v, dict) and isinstance(inner.get(k), str)}
