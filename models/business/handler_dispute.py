from odoo import api, models

from ...core.billing import exact
from ...core.problem import Money, Problem
from ..guard import called_by_people, own_code

OUTCOMES = ("won", "lost", "closed")


class HubHandlerDispute(models.AbstractModel):
    """A payment that the customer's bank takes back through the provider.

    What is taken, with the provider's fee, leaves the provider's journal on that day, and the invoice is open again
    and blocked until the provider says how it ended. Won, the money comes back and is reconciled with the invoice;
    lost, the invoice stays open and is the customer's debt like any other. An inquiry takes nothing: it is only seen.
    """

    _name = "hub.handler.dispute"
    _inherit = "hub.handler.payment"
    _description = "Lead-to-Cash Hub: Disputes"

    @api.model
    def _hub_may_upload(self, entity):
        return False  # how it stands is the provider's to say

    @api.model
    def _hub_match(self, items):
        self._match_reference(items, "hub.dispute", "reference")

    # --- check ------------------------------------------------------------------------------------

    @api.model
    def _hub_check(self, items):
        items = [item for item in items if item.open]
        currencies = self._currencies(items)
        for item in items:
            values = item.values
            item.at_risk = Money(exact(values["amount"]), values["currency"])
            dispute = self._dispute(item)
            try:
                if not dispute:
                    self._check_invoice_of(item)
                if values.get("unclear"):
                    raise Problem(
                        "dispute_movements",
                        kind="data",
                        cause=item.external_id,
                        amount=str(values["amount"]),
                        currency=values["currency"],
                        reference=self._reference(item),
                        movements=values["unclear"],
                    )
                for name in ("withdrawn", "reinstated"):
                    if values.get(f"{name}_reference") and not self._moved(dispute, name):
                        self._check_money(item, currencies, name)
            except Problem as problem:
                item.problem = problem

    @api.model
    def _dispute(self, item):
        res_id = item.link.res_id if item.link else item.res_id
        return self.env["hub.dispute"].browse(res_id or ()).exists()

    @api.model
    def _moved(self, dispute, name):
        return dispute.withdrawal_id if name == "withdrawn" else dispute.reinstatement_id

    @api.model
    def _invoices(self, item):
        payment = self.env["account.payment"].browse(item.values["payment"])
        return payment.reconciled_invoice_ids.filtered(lambda m: m.move_type == "out_invoice")

    @api.model
    def _check_invoice_of(self, item):
        invoices = self._invoices(item)
        if len(invoices) != 1:
            raise Problem(
                "dispute_without_invoice",
                kind="identity",
                amount=str(item.values["amount"]),
                currency=item.values["currency"],
                reference=self._reference(item),
                invoices=", ".join(invoices.mapped("name")),
                movement=item.values.get("withdrawn_reference") or "",
            )

    @api.model
    def _check_money(self, item, currencies, name):
        """What can be known of one movement before it is booked, as if it were a payment of its own."""
        moved = self._movement(item, name)
        direction = "outbound" if name == "withdrawn" else "inbound"
        whole = item.values
        item.values = {**whole, **moved}
        try:
            self._check_payment(item, currencies, direction)
        finally:
            item.values = whole

    @api.model
    def _movement(self, item, name):
        """One movement with the values of a payment: gross, fee and net as they count for its direction."""
        values = item.values
        sign = -1 if name == "withdrawn" else 1
        net, fee = exact(values[f"{name}_net"]), exact(values.get(f"{name}_fee") or 0)
        return {
            "amount": sign * (net + fee),
            "fee": fee,
            "net": sign * net,
            "date": values[f"{name}_at"],
            "reference": values[f"{name}_reference"],
        }

    @api.model
    def _check_settlement(self, item, journal, currencies):
        values = item.values
        settled = values.get("settlement_currency") or values["currency"]
        self._check_own_currency(item, journal, settled)

    # --- write ------------------------------------------------------------------------------------

    @api.model
    def _hub_write(self, items):
        for item in items:
            if not item.open:
                continue
            # By code only: nobody has the right to write disputes. What is booked is the technical user's.
            dispute = (self._dispute(item) or self._begin(item)).sudo()
            item.res_id = dispute.id
            values, state = item.values, self._state(item)
            if values.get("withdrawn_reference") and not dispute.withdrawal_id:
                self._withdraw(item, dispute)
                if state not in OUTCOMES and dispute.state == "closed":
                    dispute._reopen()  # an inquiry that a person closed takes the money after all
            if state in OUTCOMES and dispute.state == "open":
                dispute._close(self._outcome(state))
            if values.get("reinstated_reference") and not dispute.reinstatement_id:
                self._reinstate(item, dispute)
            move = dispute.move_id.with_env(self.env)
            if dispute.state == "open" and move.payment_state in ("not_paid", "partial"):
                move.action_toggle_block_payment()

    @api.model
    def _outcome(self, state):
        return {
            "won": self.env._("Won: the money came back"),
            "lost": self.env._("Lost: the invoice is open again"),
            "closed": self.env._("Ended without a decision"),
        }[state]

    @api.model
    def _begin(self, item):
        values, invoice = item.values, self._invoices(item)
        reason = self.env._(
            "%(system)s %(reference)s: %(reason)s",
            system=self._system(item).name,
            reference=self._reference(item),
            reason=(values.get("reason") or self.env._("no reason given")).replace("_", " "),
        )
        dispute = (
            self.env["hub.dispute"]
            .sudo()  # as above
            .create(
                {
                    "move_id": invoice.id,
                    "reason": reason,
                    "opened_by_id": self.env.uid,
                    "reference": self._reference(item),
                    "payment_id": values["payment"],
                    "amount": float(values["amount"]),
                    "currency_id": self._currencies([item])[values["currency"]].id,
                    "answer_by": values["due_by"].replace(tzinfo=None)
                    if values.get("due_by")
                    else False,
                }
            )
        )
        invoice.message_post(body=self.env._("Dispute opened: %s", reason))
        item.audit.update(amount=(None, values["amount"]), invoice=(None, invoice.name))
        return dispute

    @api.model
    def _book_movement(self, item, dispute, name):
        """The money that moved, with its fee, between the provider's journal and the customer's account."""
        moved, system = self._movement(item, name), self._system(item)
        paid, currency = dispute.payment_id.with_env(self.env), dispute.currency_id
        direction = "outbound" if name == "withdrawn" else "inbound"
        day, company = self._local_day(moved["date"]), self.env.company
        fee = float(moved["fee"])
        payment = own_code(self.env["account.payment"]).create(
            {
                "payment_type": direction,
                "partner_type": "customer",
                "partner_id": paid.partner_id.id,
                "journal_id": system.journal_id.id,
                "payment_method_line_id": system.journal_id._hub_method_line(direction).id,
                "destination_account_id": paid.destination_account_id.id,
                "currency_id": currency.id,
                "amount": float(moved["net"]),
                "date": day,
                "memo": self.env._("Dispute of %(invoice)s", invoice=dispute.move_id.name),
                "payment_reference": moved["reference"],
                "hub_reference": moved["reference"],
                "hub_gross": float(moved["amount"]),
                "hub_currency_id": currency.id,
                "hub_net": float(moved["net"]),
                "hub_original_payment_id": paid.id if direction == "outbound" else False,
                **(
                    {
                        "write_off_line_vals": [
                            {
                                "name": self.env._(
                                    "Fee %(reference)s", reference=moved["reference"]
                                ),
                                "account_id": system.fee_account_id.id,
                                "partner_id": paid.partner_id.id,
                                "currency_id": currency.id,
                                "amount_currency": fee,
                                "balance": currency._convert(
                                    fee, company.currency_id, company, day
                                ),
                            }
                        ]
                    }
                    if fee
                    else {}
                ),
            }
        )
        payment = called_by_people(payment)
        payment.action_post()
        return payment

    @api.model
    def _withdraw(self, item, dispute):
        """The bank took it: the payment is used up by that, and no longer by the invoice."""
        taken = self._book_movement(item, dispute, "withdrawn")
        paid = dispute.payment_id.with_env(self.env)
        line = self._receivable(paid)
        settled = line.matched_debit_ids.debit_move_id | line.matched_credit_ids.credit_move_id
        # What else used it up stays so: another dispute, a refund.
        (line.matched_debit_ids | line.matched_credit_ids).filtered(
            lambda one: dispute.move_id in (one.debit_move_id | one.credit_move_id).move_id
        ).unlink()
        (line | self._receivable(taken)).reconcile()
        if not line.reconciled:  # a part was disputed: the rest pays what it paid before
            (line | settled.filtered(lambda one: not one.reconciled)).reconcile()
        dispute.withdrawal_id = taken
        item.audit.update(withdrawn=(None, taken.name))

    @api.model
    def _reinstate(self, item, dispute):
        """It came back: it pays the invoice again, as far as that is open; the rest is the customer's credit."""
        back = self._book_movement(item, dispute, "reinstated")
        self._settle(back, dispute.move_id.with_env(self.env))
        dispute.reinstatement_id = back
        item.audit.update(reinstated=(None, back.name))

    @api.model
    def _receivable(self, payment):
        return payment.move_id.line_ids.filtered(
            lambda line: line.account_id == payment.destination_account_id
        )

    @api.model
    def _hub_roots(self, model, ids):
        return list(ids) if model == "hub.dispute" else []
