from odoo import api, models

from ...core.billing import exact, exact_combinations
from ...core.problem import Problem

OPEN_STATES = ("not_paid", "partial", "in_payment")


class HubHandlerPaymentMatch(models.AbstractModel):
    """Which invoices a payment is for: by number, by a person's choice, by the only exact amount."""

    _inherit = "hub.handler.payment"

    @api.model
    def _match_invoices(self, items, currencies):
        """The invoices each payment is for; a payment that fits none or several is a Problem.

        :return: ``{message id: account.move}``
        """
        numbers = [
            v["invoice_number"] for v in (i.values for i in items) if v.get("invoice_number")
        ]
        named = self.env["account.move"].search(
            [
                ("name", "in", numbers),
                ("move_type", "=", "out_invoice"),
                ("state", "=", "posted"),
                ("company_id", "=", self.env.company.id),
            ]
        )
        by_number = {move.name: move for move in named}
        result, taken = {}, {}
        for item in items:
            move = by_number.get(item.values.get("invoice_number"))
            chosen = item.decision.get("invoice")
            if chosen:  # by a person
                move = self.env["account.move"].browse(chosen)
            if move:
                self._check_invoice(item, move, taken)
            else:
                move = self._find_by_amount(item, currencies[item.values["currency"]], taken)
            result[item.message_id] = move
            for one in move:
                taken[one.id] = taken.get(one.id, 0) + exact(item.values["amount"])
        return result

    @api.model
    def _check_invoice(self, item, move, taken):
        values = item.values
        params = {
            "amount": str(values["amount"]),
            "currency": values["currency"],
            "invoice": move.name,
            "invoice_currency": move.currency_id.name,
            "residual": f"{move.amount_residual:.2f}",
            "customer": move.partner_id.display_name,
            "reference": values.get("reference") or item.external_id,
        }
        if move.currency_id.name != values["currency"]:
            raise Problem("payment_currency_differs", kind="conflict", **params)
        # Who pays what he disputed names it; by its amount alone a disputed one is not taken for paid.
        if move.payment_state not in (*OPEN_STATES, "blocked") or exact(
            move.currency_id.round(move.amount_residual)
        ) <= taken.get(move.id, 0):
            raise Problem("invoice_already_paid", kind="identity", **params)

    @api.model
    def _find_by_amount(self, item, currency, taken):
        """The only exact combination of this customer's open invoices.

        :param taken: ``{invoice id: amount}`` of what other payments of the batch are for
        """
        values = item.values
        customer = self.env["res.partner"].browse(values.get("customer") or ())
        domain = [
            ("move_type", "=", "out_invoice"),
            ("state", "=", "posted"),
            ("payment_state", "in", OPEN_STATES),
            ("company_id", "=", self.env.company.id),
            ("currency_id", "=", currency.id),
        ]
        candidates = self.env["account.move"]
        if customer:
            candidates = candidates.search(
                [*domain, ("commercial_partner_id", "=", customer.commercial_partner_id.id)],
                order="invoice_date_due, id",
            )
            left = {
                m.id: exact(m.currency_id.round(m.amount_residual)) - taken.get(m.id, 0)
                for m in candidates
            }
            found = exact_combinations(
                values["amount"], {key: amount for key, amount in left.items() if amount > 0}
            )
            if len(found) == 1:
                return candidates.browse(found[0])
        else:
            amount = float(values["amount"])
            candidates = candidates.search(
                [
                    *domain,
                    ("amount_residual", ">=", amount - currency.rounding / 2),
                    ("amount_residual", "<=", amount + currency.rounding / 2),
                ],
                limit=10,
            )
        raise Problem(
            "payment_unmatched",
            kind="identity",
            invoices=[
                {
                    "id": m.id,
                    "name": m.name,
                    "customer": m.partner_id.display_name,
                    "residual": f"{m.amount_residual:.2f}",
                }
                for m in candidates[:10]
            ],
            amount=str(values["amount"]),
            currency=values["currency"],
            customer=customer.display_name or "",
            invoice_number=values.get("invoice_number") or "",
            reference=values.get("reference") or item.external_id,
        )
