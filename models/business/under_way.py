from odoo import api, fields, models


class AccountMove(models.Model):
    _inherit = "account.move"

    def _hub_under_way(self):
        """What payments come to that are registered and have no entry: ``{document: amount in its currency}``.

        Odoo calls a document paid for any of them, however small.
        """
        return {
            move: sum(
                payment.currency_id._convert(
                    payment.amount, move.currency_id, move.company_id, payment.date
                )
                for payment in move.matched_payment_ids
                if not payment.move_id and payment.state in ("in_process", "paid")
            )
            for move in self
            if move.payment_state in ("in_payment", "paid")
        }


class HubReceivable(models.Model):
    _inherit = "hub.receivable"

    under_way = fields.Boolean(
        string="Payment Under Way",
        compute="_compute_under_way",
        help="A payment is registered; the bank has not shown it yet. What is due first is paid first.",
    )

    @api.depends("move_id")
    def _compute_under_way(self):
        covered = set()
        for move, left in self.move_id._hub_under_way().items():
            parts = move.line_ids.filtered(
                lambda line: line.account_type == "asset_receivable" and not line.reconciled
            )
            for part in parts.sorted(lambda line: (line.date_maturity or line.date, line.id)):
                left -= part.amount_residual_currency
                if move.currency_id.compare_amounts(left, 0) >= 0:
                    covered.add(part.id)
        for row in self:
            row.under_way = row.id in covered
