from odoo import api, fields, models

from ...core.billing import UNIT_DIGITS


def _part_beyond(shares, entry):
    """What part of ``entry`` its retainer does not cover: all of it if it is under none."""
    covered, worked = shares.get(entry.id, (0, 1))
    return float((worked - covered) / worked) if covered < worked else 0.0


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
                    if entry.id in waiting:
                        beyond.append((field, entry, quantity))
                    elif part := _part_beyond(shares, entry):
                        billed.append((field, entry, quantity * part))
                if billed:
                    sources[line.id] = billed
                if beyond:
                    over[line.id] = beyond
        return sources, over

    def _hub_billed_quantity(self, entries, besides):
        """Of a draft that is computed anew as well: what is covered or waits is not billed."""
        quantities = super()._hub_billed_quantity(entries, besides)
        one = self.order_id.hub_contract_id.sudo().retainer_ids  # as above
        if not one or self.qty_delivered_method != "timesheet":
            return quantities
        _rows, shares, waiting = one._state()[one]
        return {
            entry: quantity * part
            for entry, quantity in quantities.items()
            if entry.id not in waiting and (part := _part_beyond(shares, entry))
        }


class HubBilling(models.Model):
    _inherit = "hub.billing"

    of_retainer = fields.Boolean(readonly=True)
    consumed = fields.Float(
        string="Covered by the Retainer",
        digits=(16, UNIT_DIGITS),
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

    def _worked_out_with(self):
        """On one draft no entry keeps a share of the balance that another one has just freed or taken."""
        shared = self.filtered("of_retainer").move_id.hub_billing_ids.filtered(
            lambda row: row.of_retainer and row.state == "draft"
        )
        return (super()._worked_out_with() | shared) - self


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
    hub_retainer_covered = fields.Float(
        string="Covered by the Retainer",
        digits=(16, UNIT_DIGITS),
        readonly=True,
        copy=False,
        help="Hours or money of it that the balance covered when its period was closed; the rest is overage.",
    )
