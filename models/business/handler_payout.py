from collections import Counter

from odoo import api, models

from ...core.billing import exact
from ...core.payout import KINDS, Part, missing, unproved
from ...core.problem import Money, Problem

KNOWN = "completed"  # what the provider says once the parts of a payout can be read
BY_HAND = "not_applicable"  # somebody chose the amount: no movements belong to it
POSTED = ("in_process", "paid")


class HubHandlerPayout(models.AbstractModel):
    """Money that the provider sent to the bank: it leaves the provider's journal for Odoo's account of internal
    transfers, where the bank line meets it.

    Before anything is booked the payout is proved: it is the sum of its parts, and each part is a payment, refund or
    return in the books of exactly that amount, or a fee of the provider's own, which is posted with it. What is neither
    is named to a person, who books it or chooses the account that takes it.
    """

    _name = "hub.handler.payout"
    _inherit = "hub.handler.payment"
    _description = "Lead-to-Cash Hub: Payouts"

    @api.model
    def _hub_match(self, items):
        self._match_reference(
            items, "account.payment", "hub_reference", [("hub_payout", "=", True)]
        )

    # --- check ------------------------------------------------------------------------------------

    @api.model
    def _hub_check(self, items):
        items = [item for item in items if item.open]
        currencies = self._currencies(items)
        booked = self._booked_for(items)
        for item in items:
            values = item.values
            item.at_risk = Money(abs(exact(values["amount"])), values["currency"])
            state = self._state(item)
            try:
                if item.link or item.res_id:
                    self._check_again(item, state)
                elif values.get("reconciliation") not in (KNOWN, BY_HAND):
                    item.skip = "payout_pending"
                elif state in ("failed", "canceled") and not values.get("returned_at"):
                    item.skip = f"payout_{state}"  # it never left
                elif state == "pending":
                    item.skip = "payout_pending"
                else:
                    self._check_payment(item, currencies, self._direction(item))
                    self._check_transfer_account(item)
                    if values.get("reconciliation") == KNOWN:
                        self._check_parts(item, booked)
                        booked = self._left(item, booked)
            except Problem as problem:
                item.problem = problem

    @api.model
    def _check_again(self, item, state):
        """A payout that is booked stays as it is; what comes back of it is booked once more."""
        values, payout = item.values, self._payout(item)
        if not payout.exists() or payout.state in ("draft", "canceled", "rejected"):
            return
        if exact(payout.hub_gross) != exact(values["amount"]):
            raise Problem(
                "payment_changed",
                kind="conflict",
                changes=[["amount", str(exact(payout.hub_gross)), str(values["amount"])]],
                amount=str(values["amount"]),
                currency=values["currency"],
                reference=self._reference(item),
                payment=payout.display_name,
            )
        if state in ("failed", "canceled") and not payout.hub_refund_ids:
            self._check_period(
                payout.journal_id,
                self._returned_on(item),
                reference=self._reference(item),
                amount=str(values["amount"]),
                currency=values["currency"],
            )

    @api.model
    def _payout(self, item):
        return self.env["account.payment"].browse(item.link.res_id if item.link else item.res_id)

    @api.model
    def _direction(self, item):
        """A balance below zero is filled up from the bank."""
        return "inbound" if exact(item.values["amount"]) < 0 else "outbound"

    @api.model
    def _check_settlement(self, item, journal, currencies):
        self._check_own_currency(item, journal, item.values["currency"])

    @api.model
    def _check_transfer_account(self, item):
        account = self.env.company.transfer_account_id
        if not account or not account.reconcile:
            raise Problem(
                "no_transfer_account",
                kind="rule",
                cause=str(self.env.company.id),
                amount=str(item.values["amount"]),
                currency=item.values["currency"],
                company=self.env.company.name,
            )

    @api.model
    def _check_parts(self, item, booked):
        values, system = item.values, self._system(item)
        currency = self._currencies([item])[values["currency"]]
        parts = self._parts(item, self._standing(item, booked))
        said = {
            "amount": str(values["amount"]),
            "currency": values["currency"],
            "reference": self._reference(item),
        }
        others = [p for p in values.get("parts") or () if p["currency"] != values["currency"]]
        differs = unproved(exact(values["amount"]), parts)
        twice = [key for key, n in Counter(part.key for part in parts).items() if n > 1]
        if others or twice or differs:
            raise Problem(
                "payout_sum_differs",
                kind="data",
                cause=item.external_id,
                parts=str(exact(values["amount"]) - differs),
                difference=str(differs),
                count=len(parts),
                others=[p["key"] for p in (*others, *({"key": key} for key in twice))][:10],
                **said,
            )
        fees = sum(part.net for part in parts if part.own_fee)
        if fees and not system.fee_account_id:
            raise Problem(
                "no_fee_account",
                kind="rule",
                cause=str(system.id),
                fee=str(-fees),
                system=system.display_name,
                **said,
            )
        lost = missing(parts)
        if lost and not self._account_for_rest(item):
            by_key = {p["key"]: p for p in values["parts"]}
            raise Problem(
                "payout_part_missing",
                kind="reference",
                cause=item.external_id,
                parts=[
                    {
                        "kind": part.kind,
                        "key": part.key,
                        "reference": by_key[part.key].get("reference") or part.key,
                        "net": str(part.net),
                        "booked": None if part.booked is None else str(part.booked),
                        # Under these a payment may still come; what is there already is another part.
                        "names": [
                            name
                            for name in self._names(by_key[part.key])
                            if (system.journal_id, name) not in booked
                        ],
                    }
                    for part in lost[:20]
                ],
                count=len(lost),
                all=len(parts),
                rest=f"{sum(part.rest for part in lost):.{currency.decimal_places}f}",
                **said,
            )

    @api.model
    def _account_for_rest(self, item):
        """The account that a person chose for parts that are nowhere in the books."""
        return self.env["account.account"].browse(item.decision.get("account") or ())

    # --- parts ------------------------------------------------------------------------------------

    @api.model
    def _names(self, part):
        """By what the record of a part is known: the movement itself; of a payment or refund also what it is about.
        What takes those back is about the same, so nothing else is found by that."""
        about = part.get("reference") if part["kind"] in ("charge", "refund") else None
        return [part["key"], about] if about else [part["key"]]

    @api.model
    def _booked_of(self, names, journals):
        """What parts of these names may stand for in these journals, in one query: ``{(journal, name): payment}``.

        What a person booked has its name as reference or memo. What a payout carried is no part of another one.
        """
        names = list(names)
        payments = self.env["account.payment"].search(
            [
                ("journal_id", "in", journals.ids),
                ("state", "in", POSTED),
                "|",
                ("hub_reference", "in", names),
                "&",
                ("hub_reference", "=", False),
                "|",
                ("payment_reference", "in", names),
                ("memo", "in", names),
            ]
        )
        booked = {}
        for payment in payments.sorted(lambda payment: not payment.hub_reference):
            journal = payment.journal_id
            if payment.hub_payout and not payment.hub_original_payment_id:
                continue  # what came back of a payout is its return, never itself
            if payment.currency_id != (journal.currency_id or journal.company_id.currency_id):
                continue
            if payment.hub_carried_ids.payout_id.filtered(lambda payout: payout.state in POSTED):
                continue
            own = [payment.hub_reference]
            for name in own if own[0] else (payment.payment_reference, payment.memo):
                booked.setdefault((journal, name), payment)
        return booked

    @api.model
    def _booked_for(self, items):
        """What the parts of these payouts may stand for."""
        parts = [part for item in items for part in item.values.get("parts") or ()]
        systems = self.env["hub.system"].browse({item.system_id for item in items})
        return self._booked_of({n for part in parts for n in self._names(part)}, systems.journal_id)

    @api.model
    def _standing(self, item, booked):
        """The record in the provider's journal that each part is, or none; one stands for one part only."""
        journal = self._system(item).journal_id
        none = self.env["account.payment"]
        result, used = [], none
        for part in item.values.get("parts") or ():
            found = [booked.get((journal, name), none) for name in self._names(part)]
            payment = next((one for one in found if one - used), none)
            used |= payment
            result.append(payment)
        return result

    @api.model
    def _left(self, item, booked):
        """What is left of it for the next payout."""
        taken = self._standing(item, booked)
        return {name: payment for name, payment in booked.items() if payment not in taken}

    @api.model
    def _parts(self, item, standing):
        result = []
        for part, payment in zip(item.values.get("parts") or (), standing, strict=True):
            kind = part["kind"] if part["kind"] in KINDS else "adjustment"
            amount = exact(payment.amount) if payment else None
            if payment.payment_type == "outbound":
                amount = -amount
            result.append(Part(part["key"], kind, exact(part["net"]), amount))
        return result
