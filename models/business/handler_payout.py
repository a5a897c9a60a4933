from collections import Counter

from odoo import api, fields, models

from ...core.billing import exact
from ...core.payout import KINDS, Part, leaves, missing, unproved
from ...core.problem import Money, Problem
from ..guard import called_by_people, own_code

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
        references = [item.values.get("reference") or item.external_id for item in items]
        payouts = self.env["account.payment"].search(
            [
                ("hub_reference", "in", references),
                ("hub_payout", "=", True),
                ("company_id", "=", self.env.company.id),
            ]
        )
        known = {payout.hub_reference: payout.id for payout in payouts}
        for item in items:
            if item.open and not item.res_id:
                item.res_id = known.get(item.values.get("reference") or item.external_id)

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
                reference=values.get("reference") or item.external_id,
                payment=payout.display_name,
            )
        if state in ("failed", "canceled") and not payout.hub_refund_ids:
            self._check_period(
                payout.journal_id,
                self._returned_on(item),
                reference=values.get("reference") or item.external_id,
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
        own = (journal.currency_id or journal.company_id.currency_id).name
        if item.values["currency"] != own:
            raise Problem(
                "settlement_currency",
                kind="rule",
                cause=item.values["currency"],
                amount=str(item.values["amount"]),
                currency=item.values["currency"],
                journal=journal.display_name,
                settlement_currency=item.values["currency"],
                journal_currency=own,
            )

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
            "reference": values.get("reference") or item.external_id,
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

    # --- write ------------------------------------------------------------------------------------

    @api.model
    def _hub_write(self, items):
        booked = self._booked_for([item for item in items if item.open])
        for item in items:
            if not item.open:
                continue
            if item.link or item.res_id:
                self._known(item)
                payout = self._payout(item)
            else:
                payout = self._book(item, booked)
                booked = self._left(item, booked)
                item.res_id = payout.id
                item.audit.update(amount=(None, item.values["amount"]))
            failed = self._state(item) in ("failed", "canceled")
            # One that a person took back left nothing that could come back.
            if failed and payout.state in POSTED and not payout.hub_refund_ids:
                back = self._book_return(item, payout)
                item.audit.update(returned=(None, back.name))

    @api.model
    def _book(self, item, booked):
        values, system = item.values, self._system(item)
        amount, reference = exact(values["amount"]), values.get("reference") or item.external_id
        standing = self._standing(item, booked)
        parts = self._parts(item, standing)
        rest_account = self._account_for_rest(item)
        lost = missing(parts) if rest_account else []
        accounted = [
            (part, system.fee_account_id if part.own_fee else rest_account)
            for part in parts
            if part.rest and (part.own_fee or part in lost)
        ]
        leaving = leaves(amount, [part for part, _account in accounted])
        payout = self._book_transfer(
            item,
            self._day(item),
            reference,
            amount,
            leaving,
            [
                (
                    account,
                    part.rest,
                    self.env._("%(key)s of %(payout)s", key=part.key, payout=reference),
                )
                for part, account in accounted
            ],
            hub_trace=values.get("trace"),
            hub_fee=float(-sum(part.rest for part, _a in accounted if part.own_fee)),
        )
        accounts = {part.key: account for part, account in accounted}
        # By code only: nobody has the right to write parts.
        self.env["hub.payout.part"].sudo().create(
            [
                {
                    "payout_id": payout.id,
                    "key": part.key,
                    "kind": part.kind,
                    "reference": said.get("reference"),
                    "gross": float(said.get("gross") or said["net"]),
                    "fee": float(said.get("fee") or 0),
                    "net": float(part.net),
                    "payment_id": payment.id,
                    "rest": float(part.rest) if part.key in accounts else 0.0,
                    "account_id": accounts[part.key].id if part.key in accounts else False,
                }
                for part, said, payment in zip(
                    parts, values.get("parts") or (), standing, strict=True
                )
            ]
        )
        return payout

    @api.model
    def _book_transfer(self, item, day, reference, amount, leaving, posted, **more):
        """Money between the provider's journal and the account of internal transfers.

        :param amount: what arrives on the account of transfers; less than nothing comes from there.
        :param leaving: what leaves the journal.
        :param posted: ``[(account, amount, text)]``: what is posted beside it; what came in is positive.
        """
        company, journal = self.env.company, self._system(item).journal_id
        currency = self._currencies([item])[item.values["currency"]]
        direction = "outbound" if leaving >= 0 else "inbound"
        transit = (company.transfer_account_id, -amount, reference)
        lines = []
        for account, net, text in (transit, *posted):
            lines.append(
                {
                    "name": text,
                    "account_id": account.id,
                    "currency_id": currency.id,
                    "amount_currency": float(-net),
                    "balance": currency._convert(float(-net), company.currency_id, company, day),
                }
            )
        # The provider's side stands at exactly their sum: no rounding of ours takes part in it.
        lines.insert(
            0,
            {
                "name": reference,
                "account_id": journal.default_account_id.id,
                "currency_id": currency.id,
                "amount_currency": float(-leaving),
                "balance": company.currency_id.round(-sum(line["balance"] for line in lines)),
            },
        )
        payment = own_code(self.env["account.payment"]).create(
            {
                "payment_type": direction,
                "partner_type": "customer",
                "partner_id": False,
                "journal_id": journal.id,
                "payment_method_line_id": journal._hub_method_line(direction).id,
                "destination_account_id": company.transfer_account_id.id,
                "currency_id": currency.id,
                "amount": float(abs(leaving)),
                "date": day,
                "memo": reference,
                "payment_reference": reference,
                "hub_payout": True,
                "hub_reference": reference,
                "hub_gross": float(amount),
                "hub_currency_id": currency.id,
                "hub_net": float(amount),
                "line_ids": [fields.Command.create(line) for line in lines],
                **more,
            }
        )
        payment = called_by_people(payment)
        payment.action_post()
        return payment

    @api.model
    def _returned_on(self, item):
        return self._local_day(item.values.get("returned_at") or item.changed_at)

    @api.model
    def _book_return(self, item, payout):
        """The bank sent it back: the provider has the money again. Where no bank line met the payout, the two even out
        on the account of transfers; else the bank's second line meets the return."""
        amount = -exact(payout.hub_gross)
        back = self._book_transfer(
            item,
            self._returned_on(item),
            item.values.get("return_reference"),
            amount,
            amount,
            [],
            hub_original_payment_id=payout.id,
            memo=self.env._("Return of %(payout)s", payout=payout.hub_reference),
        )
        transit = (payout | back).move_id.line_ids.filtered(
            lambda line: line.account_id == payout.destination_account_id and not line.reconciled
        )
        if len(transit.payment_id) == 2:
            transit.reconcile()
        return back
