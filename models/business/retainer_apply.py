from odoo import api, fields, models


class SaleOrderLine(models.Model):
    """Time that a retainer covers is not billed; what is beyond it is, or waits."""

    _inherit = "sale.order.line"

    def _hub_by_terms(self, sources):
        sources, over = super()._hub_by_terms(sources)
        retainers = self.order_id.hub_contract_id.sudo().retainer_ids  # terms, whoever bills
        if not retainers:
            return sources, over
        for one, (_rows, shares, waiting) in retainers._state().items():
            lines = self.filtered(
                lambda line, one=one: (
                    line.order_id.hub_contract_id == one.contract_id
                    and line.qty_delivered_method == "timesheet"
                )
            )
            for line in lines:
                billed, beyond = [], []
                for field, entry, quantity in sources.pop(line.id, ()):
                    covered, worked = shares.get(entry.id, (0, 1))
                    if entry.id in waiting:
                        beyond.append((field, entry, quantity))
                    elif covered < worked:
                        part = float((worked - covered) / worked)
                        billed.append((field, entry, quantity * part))
                if billed:
                    sources[line.id] = billed
                if beyond:
                    over[line.id] = beyond
        return sources, over


class HubBilling(models.Model):
    _inherit = "hub.billing"

    of_retainer = fields.Boolean(readonly=True)
    consumed = fields.Float(
        string="Covered by the Retainer",
        digits=(16, 3),
        readonly=True,
        help="Hours or money that the retainer's balance covers of this entry; the rest is overage.",
    )

    @api.model
    def _enter(self, rows):
        """Say of entries under a retainer what its balance covers, before they leave the open time."""
        contracts = self.env["hub.contract"].sudo().browse({row["contract_id"] for row in rows})
        retainers = contracts.retainer_ids  # as in _hub_by_terms
        for one, (_rows, shares, _waiting) in retainers._state().items() if retainers else ():
            for row in rows:
                if row["contract_id"] == one.contract_id.id and row.get("entry_id") in shares:
                    covered, _worked = shares[row["entry_id"]]
                    row.update(of_retainer=True, consumed=one._as_float(covered))
        return super()._enter(rows)


class AccountAnalyticLine(models.Model):
    _inherit = "account.analytic.line"

    hub_retainer_period_id = fields.Many2one(
        "hub.retainer.period",
        string="Covered in Period",
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="set null",
    )
