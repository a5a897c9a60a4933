from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import SQL

from .billing import LEDGER_READERS
from .chosen import chosen_of


def _not_billed(model, alias, _query):
    """By an index for each entry or milestone (hence OFFSET 0): what a run has just billed stands in no statistics yet,
    and joined by them PostgreSQL may read the whole ledger once for each."""
    ledger = model.env["hub.billing"]._fields
    source = ledger[model._fields["hub_billing_ids"].inverse_name]
    return SQL(
        "NOT EXISTS (SELECT 1 FROM hub_billing b WHERE b.%s = %s AND b.state != 'released' OFFSET 0)",
        SQL.identifier(source.name),
        SQL.identifier(alias, "id"),
        to_flush=(source, ledger["state"]),
    )


# The ledger itself is asked, not what an entry or a milestone says of it; whoever asks.
NOT_BILLED = Domain.custom(to_sql=_not_billed)

# Who changes one of these has a hand in what the document says.
CONTENT = {"quantity", "price_unit", "discount", "tax_ids", "account_id", "product_id", "name"}


class AccountMoveLine(models.Model):
    _inherit = "account.move.line"

    # Billing needs 6 digits of "Product Unit"; 8 hours are shown as 8.00 all the same.
    quantity = fields.Float(digits="Product Unit", min_display_digits=2)
    hub_billing_ids = fields.One2many(
        "hub.billing", "invoice_line_id", string="Billing Ledger", groups=LEDGER_READERS
    )
    hub_ledger = fields.Boolean(
        string="In the Billing Ledger",
        compute="_compute_hub_ledger",
        compute_sudo=True,
        help="The quantity of this line is what the billing ledger holds for it.",
    )

    @api.model_create_multi
    def create(self, vals_list):
        lines = super().create(vals_list)
        lines.move_id._hub_note_author()
        return lines

    def write(self, vals):
        if CONTENT & vals.keys():
            self.move_id._hub_note_author()
        return super().write(vals)

    @api.depends("sale_line_ids", "move_id.hub_contract_id", "move_id.move_type")
    def _compute_hub_ledger(self):
        for line in self:
            line.hub_ledger = bool(
                line.move_id.hub_contract_id
                and line.move_id.move_type == "out_invoice"
                and line.sale_line_ids._hub_in_ledger()
            )

    @api.model
    def _hub_billable_domain(self, sale_lines):
        """Time and expenses of ``sale_lines`` that may be billed; other terms take something away."""
        return self._hub_open_domain(sale_lines)

    @api.model
    def _hub_open_domain(self, sale_lines):
        """Time and expenses of ``sale_lines`` that are approved and not in the ledger.

        Time on the task of a milestone has the milestone's order line and is paid by the milestone, whatever it took.
        Expenses are analytic lines without a project on an expense line of the order; one order
        line each, so that quantity and price stay those of that one expense. Where somebody decided about
        exact entries, these alone.
        """
        chosen = chosen_of(self.env)
        return (
            (Domain("id", "in", chosen.entries) if chosen else Domain.TRUE)
            & Domain("so_line", "in", sale_lines.ids)
            & Domain("hub_approval", "=", "approved")
            & NOT_BILLED
            & (
                (
                    Domain("project_id", "!=", False)
                    & Domain("so_line.qty_delivered_method", "=", "timesheet")
                )
                | (
                    Domain("project_id", "=", False)
                    & Domain("so_line.is_expense", "=", True)
                    & Domain("amount", "<=", 0)
                )
            )
        )

    @api.model
    def _timesheet_domain_get_invoiced_lines(self, sale_line_delivery):
        """Only approved time is marked as invoiced.

        Restricting what counts as delivered is not enough: Odoo marks by its own domain, and the
        hours that wait for approval would be marked with the others and never be billed.
        """
        domain = super()._timesheet_domain_get_invoiced_lines(sale_line_delivery)
        return list(
            Domain(domain)
            & Domain("hub_approval", "=", "approved")
            & Domain("hub_billing_id", "=", False)
        )

    def unlink(self):
        """What a draft line billed is billable again when the line goes."""
        rows = self.sudo().hub_billing_ids.filtered(  # the ledger is written by code only
            lambda row: row.state == "draft"
        )
        rows._release(self.env._("removed from the draft"))
        return super().unlink()

    def _hub_refill(self, kept, added):
        """Let a draft line bill the rows ``kept`` and the entries ``added``, and nothing else.

        A line that bills nothing any more is removed.
        """
        self.ensure_one()
        sale_line = self.sale_line_ids[:1]
        quantities = sale_line._hub_billed_quantity(kept.entry_id | added, besides=self)
        added = added.filtered(lambda entry: entry in quantities)
        sources = [
            ("entry_id", row.entry_id, quantities[row.entry_id])
            if row.entry_id
            else ("milestone_id", row.milestone_id, row.quantity)
            for row in kept
        ]
        sources += [("entry_id", entry, quantities[entry]) for entry in added]
        if not sources:
            self.unlink()
            return
        quantity = sum(quantity for _field, _record, quantity in sources)
        self.quantity = self.product_uom_id.round(quantity)
        if sale_line.is_expense:  # the price of an expense is its amount, which may have changed
            self.price_unit = sale_line.price_unit
        values = self.env["hub.billing"]._bill(self, sources)
        for row, row_values in zip(kept, values, strict=False):
            row.write({name: row_values[name] for name in ("quantity", "worked", "amount")})
        self.env["hub.billing"]._enter(values[len(kept) :])
