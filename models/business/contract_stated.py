from decimal import Decimal

from markupsafe import Markup
from odoo import api, fields, models
from odoo.tools import formatLang

from ..guard import refuse_guarded
from .contract import SEE_MONEY

STATED = ("stated_retainers", "stated_change_orders")


class HubContract(models.Model):
    """Retainer terms and change orders as another system states them.

    They stand beside what was signed in Odoo and change nothing of it: invoices are checked by the
    contract's own lines.
    """

    _inherit = "hub.contract"

    stated_retainers = fields.Json(readonly=True, copy=False, groups=SEE_MONEY)
    stated_change_orders = fields.Json(readonly=True, copy=False, groups=SEE_MONEY)
    stated_html = fields.Html(compute="_compute_stated_html", string="Stated", groups=SEE_MONEY)

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            refuse_guarded(self, vals, STATED)
        return super().create(vals_list)

    def write(self, vals):
        refuse_guarded(self, vals, STATED)
        return super().write(vals)

    @api.depends("stated_retainers", "stated_change_orders", "amount_total")
    @api.depends_context("lang")
    def _compute_stated_html(self):
        for contract in self:
            parts = [contract._stated_retainers_html(), contract._stated_change_orders_html()]
            contract.stated_html = Markup().join(parts) or False

    def _stated_retainers_html(self):
        _ = self.env._
        rows = [
            (
                row.get("name"),
                row.get("period"),
                self._stated_money(row.get("amount")),
                row.get("included"),
                self._stated_money(row.get("rate_above")),
                row.get("start_date"),
                row.get("end_date"),
            )
            for row in self.stated_retainers or ()
        ]
        heads = (
            _("Retainer"), _("Period"), _("Amount"), _("Included"), _("Rate Above"), _("From"), _("Until")
        )  # fmt: skip
        return _table(heads, rows)

    def _stated_change_orders_html(self):
        _ = self.env._
        orders = self.stated_change_orders or ()
        rows = [
            (
                row.get("number"),
                row.get("name"),
                row.get("signed_at"),
                row.get("effective_from"),
                self._stated_money(row.get("amount")),
                row.get("po_number"),
            )
            for row in orders
        ]
        heads = (
            _("Change Order"), _("What Changes"), _("Signed"), _("Effective From"), _("Amount"), _("Purchase Order")
        )  # fmt: skip
        more = sum((Decimal(str(row.get("amount") or 0)) for row in orders), Decimal(0))
        if not more:
            return _table(heads, rows)
        text = _(
            "Signed in Odoo: %(signed)s. With these change orders it would be %(stated)s: agree them in Odoo "
            "as well, nothing is billed by them alone.",
            signed=self._stated_money(self.amount_total),
            stated=self._stated_money(Decimal(str(self.amount_total)) + more),
        )
        return _table(heads, rows) + Markup("<p>%s</p>") % text

    def _stated_money(self, amount):
        if amount in (None, ""):
            return ""
        return formatLang(self.env, float(amount), currency_obj=self.currency_id)


def _table(heads, rows):
    if not rows:
        return Markup()
    cells = Markup("<td>%s</td>")
    return Markup(
        "<table class='table table-sm'><thead><tr>%s</tr></thead><tbody>%s</tbody></table>"
    ) % (
        Markup().join(Markup("<th>%s</th>") % head for head in heads),
        Markup().join(
            Markup("<tr>%s</tr>") % Markup().join(cells % ("" if v is None else v) for v in row)
            for row in rows
        ),
    )
