from odoo import fields, models


class HubBillingBatchSource(models.Model):
    """One entry, expense or milestone of a proposed invoice, as it stood when it was proposed."""

    _name = "hub.billing.batch.source"
    _description = "Source of a Proposed Invoice"
    _order = "date, id"
    _rec_name = "date"

    line_id = fields.Many2one(
        "hub.billing.batch.line", required=True, readonly=True, ondelete="cascade", index=True
    )
    company_id = fields.Many2one("res.company", required=True, readonly=True)
    sale_line_id = fields.Many2one(
        "sale.order.line", string="Order Line", readonly=True, ondelete="cascade"
    )
    entry_id = fields.Many2one(
        "account.analytic.line",
        string="Time Entry or Expense",
        readonly=True,
        ondelete="set null",
        index="btree_not_null",
    )
    milestone_id = fields.Many2one(
        "project.milestone", readonly=True, ondelete="set null", index="btree_not_null"
    )
    employee_id = fields.Many2one("hr.employee", readonly=True, ondelete="set null")
    date = fields.Date(readonly=True)
    # As exact as the entry itself (a third of an hour): the two are compared before anything is billed.
    worked = fields.Float(
        string="Billable Hours",
        readonly=True,
        help="The billable hours of the entry as it stood.",
    )
    quantity = fields.Float(
        readonly=True, digits="Product Unit", min_display_digits=2, string="Billed Quantity"
    )
    price_unit = fields.Monetary(readonly=True, string="Price")
    amount = fields.Monetary(
        readonly=True, help="Untaxed; the parts of a line add up to it exactly."
    )
    currency_id = fields.Many2one("res.currency", readonly=True)

    def action_open(self):
        """The entry or the milestone itself, for those who may read it."""
        self.ensure_one()
        record = self.entry_id or self.milestone_id
        return {
            "type": "ir.actions.act_window",
            "res_model": record._name,
            "res_id": record.id,
            "view_mode": "form",
        }
