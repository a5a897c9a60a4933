from odoo import api, models
from odoo.fields import Command

from ...core.billing import allocate, exact, net_of_gross
from ...core.problem import Money, Problem
from ..guard import called_by_people, own_code


class HubHandlerRefund(models.AbstractModel):
    """Money that went back to a customer: it left the journal at once; why is decided by a person.

    The outbound payment is booked as it happened. Beside it stands a draft credit note of exactly
    the same amount; when a billing approver posts it, the two are reconciled. The credit note is
    not tied to the order, so no hour becomes billable by a refund.
    """

    _name = "hub.handler.refund"
    _inherit = "hub.handler.payment"
    _description = "Lead-to-Cash Hub: Refunds"

    @api.model
    def _hub_match(self, items):
        self._match_reference(
            items, "account.payment", "hub_reference", [("payment_type", "=", "outbound")]
        )

    @api.model
    def _hub_check(self, items):
        items = [item for item in items if item.open]
        currencies = self._currencies(items)
        payments = self.env["account.payment"].browse(
            [item.values["payment"] for item in items if item.values.get("payment")]
        )
        payments.fetch(["hub_gross", "hub_currency_id", "currency_id", "amount", "company_id"])
        for item in items:
            values = item.values
            item.at_risk = Money(exact(values["amount"]), values["currency"])
            state = self._state(item)
            try:
                if item.link or item.res_id:
                    self._check_booked(item, state)
                elif state == "succeeded":
                    self._check_payment(item, currencies, "outbound")
                    self._check_refund(item, payments.browse(values.get("payment") or ()))
            except Problem as problem:
                item.problem = problem
                continue
            if state != "succeeded":
                item.skip = f"refund_{state}"

    # Providers give a refund's net as less than nothing, and its fee not at all.
    _booked = (("amount", "hub_gross"),)

    @api.model
    def _check_settlement(self, item, journal, currencies):
        """A refund is booked when it leaves in the journal's own currency."""
        self._check_own_currency(item, journal, item.values["currency"])

    @api.model
    def _check_refund(self, item, payment):
        values = item.values
        params = {
            "amount": str(values["amount"]),
            "currency": values["currency"],
            "reference": self._reference(item),
            "payment": payment.display_name or "",
            "reason": values.get("reason") or "",
        }
        invoices = self._invoices_of(payment)
        if len(invoices) != 1:
            raise Problem(
                "refund_without_invoice",
                kind="identity",
                invoices=", ".join(invoices.mapped("name")),
                **params,
            )
        gross = exact(payment.hub_gross or payment.amount)
        # What a dispute took and gave back is still there to be refunded.
        won = self._disputes_of(payment).filtered("reinstatement_id").withdrawal_id
        before = sum(
            exact(refund.hub_gross)
            for refund in payment.hub_refund_ids - won
            if refund.state not in ("canceled", "rejected")
        )
        if before + exact(values["amount"]) > gross:
            raise Problem(
                "refund_exceeds_payment",
                kind="conflict",
                paid=str(gross),
                refunded=str(before),
                **params,
            )

    @api.model
    def _disputes_of(self, payment):
        return self.env["hub.dispute"].search([("payment_id", "in", payment.ids)])

    @api.model
    def _invoices_of(self, payment):
        """The invoices that it pays, else the one that it paid until a dispute took it."""
        invoices = payment.reconciled_invoice_ids.filtered(lambda m: m.move_type == "out_invoice")
        return invoices or self._disputes_of(payment).move_id

    @api.model
    def _hub_write(self, items):
        for item in items:
            if not item.open:
                continue
            if item.link or item.res_id:
                self._known(item)
                continue
            payment = self.env["account.payment"].browse(item.values["payment"])
            invoice = self._invoices_of(payment)
            refund = self._pay_out(item, payment, invoice)
            note = self._credit_note(item, refund, invoice)
            item.res_id = refund.id
            item.audit.update(amount=(None, item.values["amount"]), credit_note=(None, note.id))

    @api.model
    def _pay_out(self, item, payment, invoice):
        values, journal = item.values, self._system(item).journal_id
        refund = own_code(self.env["account.payment"]).create(
            {
                "payment_type": "outbound",
                "partner_type": "customer",
                "partner_id": payment.partner_id.id,
                "journal_id": journal.id,
                "payment_method_line_id": journal._hub_method_line("outbound").id,
                "destination_account_id": payment.destination_account_id.id,
                "currency_id": self._currencies([item])[values["currency"]].id,
                "amount": float(values["amount"]),
                "date": self._day(item),
                "memo": self.env._("Refund of %(invoice)s", invoice=invoice.name),
                "payment_reference": values.get("reference"),
                "hub_reference": values.get("reference"),
                "hub_gross": float(values["amount"]),
                "hub_currency_id": payment.hub_currency_id.id or payment.currency_id.id,
                "hub_net": float(values["amount"]),
                "hub_original_payment_id": payment.id,
            }
        )
        refund = called_by_people(refund)
        refund.action_post()
        return refund

    @api.model
    def _credit_note(self, item, refund, invoice):
        """A draft credit note of exactly the refund, taxed as the invoice was."""
        values = item.values
        note = own_code(self.env["account.move"]).create(
            {
                "move_type": "out_refund",
                "partner_id": invoice.partner_id.id,
                "company_id": invoice.company_id.id,
                "journal_id": invoice.journal_id.id,
                "currency_id": invoice.currency_id.id,
                "fiscal_position_id": invoice.fiscal_position_id.id,
                "invoice_date": refund.date,
                "ref": values.get("reason") or refund.memo,
                "invoice_origin": invoice.name,
                "reversed_entry_id": invoice.id,
                "hub_contract_id": invoice.hub_contract_id.id,
                "hub_credit_kind": "goodwill",
                "hub_refund_payment_id": refund.id,
                "invoice_line_ids": self._note_lines(item, invoice),
            }
        )
        note = called_by_people(note)
        self._match_total(note, exact(values["amount"]))
        note._hub_run_checks()
        return note

    @api.model
    def _note_lines(self, item, invoice):
        """One line for each service and way it was taxed, sharing the refund as the invoice does.

        Services are named so that a ledger that books on items takes the credit note as it took the invoice.
        """
        lines = invoice.invoice_line_ids.filtered(lambda line: line.display_type == "product")
        groups = lines.grouped(lambda line: (line.product_id, line.account_id, line.tax_ids))
        step = exact(invoice.currency_id.rounding)
        taxed = [sum(group.mapped("price_total")) for group in groups.values()]
        parts = allocate(exact(item.values["amount"]), [max(total, 0) for total in taxed], step)
        commands = []
        for ((service, account, taxes), group), gross in zip(groups.items(), parts, strict=True):
            untaxed = sum(group.mapped("price_subtotal"))
            net = net_of_gross(gross, untaxed, sum(group.mapped("price_total")), step)
            included = any(tax.price_include for tax in taxes)
            if not gross:
                continue
            commands.append(
                Command.create(
                    {
                        "product_id": service.id,
                        "name": self.env._(
                            "Refund of %(invoice)s: %(reason)s",
                            invoice=invoice.name,
                            reason=item.values.get("reason") or self.env._("no reason given"),
                        ),
                        "quantity": 1.0,
                        "price_unit": float(gross if included else net),
                        "account_id": account.id,
                        "tax_ids": [Command.set(taxes.ids)],
                        "analytic_distribution": group[0].analytic_distribution,
                    }
                )
            )
        return commands

    @api.model
    def _match_total(self, note, amount):
        """Rounded tax may miss the refund by a cent: then the tax line takes it, as on screen."""
        difference = amount - exact(note.currency_id.round(note.amount_total))
        if not difference:
            return
        totals = note.tax_totals
        groups = [group for subtotal in totals["subtotals"] for group in subtotal["tax_groups"]]
        if not groups:
            return
        groups[0]["tax_amount_currency"] += float(difference)
        note.tax_totals = totals
