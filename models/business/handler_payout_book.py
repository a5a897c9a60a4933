from odoo import api, fields, models

from ...core.billing import exact
from ...core.payout import leaves, missing
from ..guard import called_by_people, own_code
from .handler_payout import POSTED


class HubHandlerPayoutBook(models.AbstractModel):
    """How a proved payout is booked, with the parts it carried, and what comes back of one."""

    _inherit = "hub.handler.payout"

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
        amount, reference = exact(values["amount"]), self._reference(item)
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
