from odoo import api, fields, models

from ...core.billing import exact
from ..guard import called_by_people, own_code


class HubHandlerPaymentBook(models.AbstractModel):
    """How payments are booked, in one batch, and settle the invoices they are for."""

    _inherit = "hub.handler.payment"

    @api.model
    def _hub_write(self, items):
        """Book the payments in one batch and settle the invoices they are for."""
        new = []
        for item in items:
            if not item.open:
                continue
            if item.link or item.res_id:
                self._known(item)
            else:
                new.append(item)
        if not new:
            return
        currencies = self._currencies(new)
        invoices = self._match_invoices(new, currencies)
        payments = called_by_people(
            own_code(self.env["account.payment"]).create(
                [self._payment_values(item, invoices[item.message_id], currencies) for item in new]
            )
        )
        payments.action_post()
        for item, payment in zip(new, payments, strict=True):
            item.res_id = payment.id
            self._settle(payment, invoices[item.message_id])
            names = ", ".join(invoices[item.message_id].mapped("name"))
            item.audit.update(amount=(None, item.values["amount"]), invoice=(None, names))

    @api.model
    def _known(self, item):
        """A payment that is booked already: nothing is booked twice."""
        item.res_id = item.link.res_id if item.link else item.res_id
        payment = self.env["account.payment"].browse(item.res_id)
        reference = item.values.get("reference")
        if reference and not payment.hub_reference:
            # A payment link's own payment, seen for the first time.
            own_code(payment).hub_reference = reference
        if not item.changed and item.link:
            item.skip = "unchanged"

    @api.model
    def _payment_values(self, item, invoices, currencies):
        values, system = item.values, self._system(item)
        journal = system.journal_id
        paid_in = currencies[values["currency"]]
        settled_in = currencies[values.get("settlement_currency") or values["currency"]]
        fee = exact(values.get("fee") or 0)
        gross = exact(values["amount"])
        net = exact(values["net"]) if values.get("net") is not None else gross - fee
        partner = invoices[:1].commercial_partner_id
        result = {
            "payment_type": "inbound",
            "partner_type": "customer",
            "partner_id": partner.id,
            "journal_id": journal.id,
            "payment_method_line_id": journal._hub_method_line("inbound").id,
            "currency_id": settled_in.id,
            "amount": float(net),
            "date": self._day(item),
            "memo": ", ".join(invoices.mapped("name")),
            "payment_reference": values.get("reference"),
            "hub_reference": values.get("reference"),
            "hub_gross": float(gross),
            "hub_currency_id": paid_in.id,
            "hub_fee": float(fee),
            "hub_net": float(net),
        }
        receivable = invoices.line_ids.filtered(
            lambda line: line.account_id.account_type == "asset_receivable"
        ).account_id[:1]
        if receivable:
            result["destination_account_id"] = receivable.id
        self._add_fee(result, item, system, paid_in, settled_in, receivable)
        return result

    @api.model
    def _add_fee(self, result, item, system, paid_in, settled_in, receivable):
        """The fee as a line of its own, and the customer's side in the currency that was paid."""
        day, company = result["date"], self.env.company

        def in_company(amount):
            return settled_in._convert(amount, company.currency_id, company, day)

        fee, net, gross = result["hub_fee"], result["hub_net"], result["hub_gross"]
        fee_line = {
            "name": self.env._("Fee %(reference)s", reference=item.values.get("reference") or ""),
            "account_id": system.fee_account_id.id,
            "partner_id": result["partner_id"],
            "currency_id": settled_in.id,
            "amount_currency": fee,
            "balance": in_company(fee),
        }
        if paid_in == settled_in:
            if fee:
                result["write_off_line_vals"] = [fee_line]
            return
        # Paid in one currency, settled in another: net and fee are what the provider credited and
        # kept, so gross stands at exactly their sum and no rate of ours takes part in it.
        total = in_company(net) + in_company(fee)
        lines = [
            {
                "name": result["memo"],
                "account_id": system.journal_id.default_account_id.id,
                "partner_id": result["partner_id"],
                "currency_id": settled_in.id,
                "amount_currency": net,
                "balance": in_company(net),
            },
            {
                "name": result["memo"],
                "account_id": receivable.id,
                "partner_id": result["partner_id"],
                "currency_id": paid_in.id,
                "amount_currency": -gross,
                "balance": -total,
            },
        ]
        if fee:
            lines.append(fee_line)
        result["line_ids"] = [fields.Command.create(line) for line in lines]

    @api.model
    def _settle(self, payment, invoices):
        """Reconcile: only this makes the invoice paid, a link alone does not."""
        account = payment.destination_account_id
        lines = (payment.move_id.line_ids | invoices.line_ids).filtered(
            lambda line: (
                line.account_id == account and not line.reconciled and line.parent_state == "posted"
            )
        )
        lines.reconcile()
