from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.fields import Domain

from ...core.billing import exact
from ..guard import refuse_guarded
from .contract import SEE_MONEY

GUARDED = ("hub_rate_line_id", "hub_rated_from_id", "hub_rate_price", "hub_rate_source")


class SaleOrderLine(models.Model):
    """An order line for each rate that time was worked at: quantity, price, discount and margin stay Odoo's own.

    Odoo bills and evaluates time by the price of its order line. Time of a contract with a rate card is therefore on
    an order line of its rate; Odoo's own choice (task, employee, project) says service, discount and taxes.
    """

    _inherit = "sale.order.line"

    hub_rate_line_id = fields.Many2one(
        "hub.rate.line",
        string="Rate",
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="restrict",
        groups=SEE_MONEY,
    )
    hub_rated_from_id = fields.Many2one(
        "sale.order.line",
        string="Priced Instead Of",
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="restrict",
    )
    hub_rate_price = fields.Float(
        string="Price of the Rate", readonly=True, copy=False, digits=0, groups=SEE_MONEY
    )
    hub_rate_source = fields.Char(
        string="Rate Source",
        readonly=True,
        copy=False,
        groups=SEE_MONEY,
        help="The rate as it stood when time was priced by it first.",
    )

    _rate_once = models.UniqueIndex(
        "(hub_rated_from_id, hub_rate_line_id, hub_rate_price, product_uom_id) WHERE hub_rate_line_id IS NOT NULL",
        "There is an order line of this rate already.",
    )

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            refuse_guarded(self, vals, GUARDED)
        return super().create(vals_list)

    def write(self, vals):
        refuse_guarded(self, vals, GUARDED)
        result = super().write(vals)
        if "tax_ids" in vals:
            # With sudo: taxes of the same order, whoever may write one line of it.
            for line in self.sudo().search([("hub_rated_from_id", "in", self.ids)]):
                line.tax_ids = line.hub_rated_from_id.tax_ids
        return result

    def _hub_unrated(self):
        """Lines of ``self`` whose time waits for a rate, unless somebody chose the line for it.

        Their contracts have a card, and they are not of it.
        """
        return self.filtered(
            lambda line: (
                line.sudo().order_id.hub_contract_id.rate_card_id  # terms, whoever invoices
                and line.qty_delivered_method == "timesheet"
                and not line.hub_rated_from_id
            )
        )

    def _hub_agreed_price(self):
        """Of a rate, its own price less the discount of the contract's line."""
        line = self.sudo()  # as in the method this extends
        if not line.hub_rated_from_id:
            return super()._hub_agreed_price()
        signed = line.hub_rated_from_id.hub_contract_line_ids[:1] or line.hub_rated_from_id
        return float(exact(line.hub_rate_price) * (100 - exact(signed.discount or 0)) / 100)

    @api.model
    def _hub_lines_at(self, wanted, make=True):
        """The order lines of rates.

        :param wanted: set of ``(order line that Odoo chose, rate)``, with sudo
        :param make: whether what is missing is made
        :return: ``{(order line, rate): order line of that rate}``
        """
        bases = self.union(*(base for base, _rate in wanted))
        known = {
            (line.hub_rated_from_id, line.hub_rate_line_id, line.hub_rate_price, line.product_uom_id): line
            for line in self.search([("hub_rated_from_id", "in", bases.ids)])
        }  # fmt: skip
        units = {
            unit: self.env.ref(f"uom.product_uom_{unit}") for unit in {r.unit for _b, r in wanted}
        }
        places = {(base, rate): (base, rate, rate.price, units[rate.unit]) for base, rate in wanted}
        missing = [pair for pair, place in places.items() if place not in known]
        if missing and make:
            # Two workers that price by a new rate at once: the second begins again and finds its line.
            self.env["hub.billing.turn"]._begin(bases.order_id.hub_contract_id)
            missing.sort(key=lambda pair: (pair[0].id, pair[1].id))
            made = self.with_context(sale_no_log_for_new_lines=True).create(
                [base._hub_values_at(rate, places[base, rate][3]) for base, rate in missing]
            )
            known.update((places[pair], line) for pair, line in zip(missing, made, strict=True))
        return {pair: known[place] for pair, place in places.items() if place in known}

    def _hub_values_at(self, rate, unit):
        """The order line of a rate: this one, at another price. Nothing of it is ordered; it is billed as worked."""
        self.ensure_one()
        return {
            "order_id": self.order_id.id,
            "product_id": self.product_id.id,
            "name": f"{self.name}: {rate._hub_whose()}",
            "product_uom_qty": 0.0,
            "product_uom_id": unit.id,
            "price_unit": rate.price,
            "discount": self.discount,
            "tax_ids": [fields.Command.set(self.tax_ids.ids)],
            "analytic_distribution": self.analytic_distribution,
            "project_id": self.project_id.id,
            "task_id": self.task_id.id,
            "sequence": self.sequence,
            "hub_rate_line_id": rate.id,
            "hub_rated_from_id": self.id,
            "hub_rate_price": rate.price,
            "hub_rate_source": rate._hub_said(),
        }

    @api.constrains("order_id", "hub_rated_from_id")
    def _check_rated_from(self):
        for line in self.filtered("hub_rated_from_id"):
            if line.hub_rated_from_id.order_id != line.order_id:
                raise ValidationError(self.env._("A rate prices time of its own order."))


class AccountAnalyticLine(models.Model):
    """Time of a contract with a rate card is on the order line of its rate."""

    _inherit = "account.analytic.line"

    @api.depends(
        "project_id.hub_contract_id.rate_card_id.line_ids.price",
        "project_id.hub_contract_id.rate_card_id.line_ids.unit",
        "project_id.hub_contract_id.rate_card_id.line_ids.date_from",
        "project_id.hub_contract_id.rate_card_id.line_ids.date_to",
        "project_id.hub_contract_id.rate_card_id.line_ids.role_id",
        "project_id.hub_contract_id.rate_card_id.line_ids.employee_id",
        "project_id.hub_contract_id.rate_card_id.line_ids.product_id",
    )
    def _compute_so_line(self):
        carded = self.filtered(lambda entry: entry.project_id.hub_contract_id.rate_card_id)
        open_ = carded.filtered(lambda entry: not entry.hub_billing_id)  # what is settled stays
        result = super(AccountAnalyticLine, self - (carded - open_))._compute_so_line()
        open_._hub_price_by_rate()
        return result

    def _hub_price_by_rate(self):
        """Move entries from the order line that Odoo chose to that of their rate; without one they stay, and wait."""
        priced = self.filtered(
            lambda entry: (
                not entry.is_so_line_edited
                and entry._is_not_billed()
                and entry.so_line.qty_delivered_method == "timesheet"
                and entry.so_line.order_id.hub_contract_id == entry.project_id.hub_contract_id
            )
        )
        bases = {entry: entry.so_line.hub_rated_from_id or entry.so_line for entry in priced}
        decided = self.env["hub.rate.card"]._hub_decide(
            [
                (
                    entry.project_id.hub_contract_id.rate_card_id,
                    entry.project_id,
                    entry.employee_id,
                    bases[entry].product_id,
                    entry.date,
                )
                for entry in priced
            ]
        )
        rates = {
            entry: lines
            for entry, (lines, _last, _roles) in zip(priced, decided, strict=True)
            if len(lines) == 1
        }
        wanted = {(bases[entry], rate) for entry, rate in rates.items()}
        if not wanted:
            return
        # A form that is not saved yet makes nothing.
        lines = self.env["sale.order.line"]._hub_lines_at(wanted, make=all(priced.mapped("id")))
        for entry, rate in rates.items():
            entry.so_line = lines.get((bases[entry], rate), bases[entry])

    def _hub_price_anew(self):
        """Let entries of contracts with a rate card find their rate, unless somebody chose their order line."""
        # With sudo: the price of time does not depend on who books it.
        again = self.sudo().filtered(
            lambda entry: (
                entry.project_id.hub_contract_id.rate_card_id
                and entry.so_line
                and not entry.is_so_line_edited
            )
        )
        if again:
            self.env.add_to_compute(self._fields["so_line"], again)

    @api.model_create_multi
    def create(self, vals_list):
        lines = super().create(vals_list)
        said = [bool(vals.get("so_line")) for vals in vals_list]
        self.browse(
            line.id for line, line_said in zip(lines, said, strict=True) if line_said
        )._hub_price_anew()
        return lines

    def write(self, vals):
        result = super().write(vals)
        if {"date", "so_line"} & vals.keys():
            self._hub_price_anew()
        return result


class AccountMoveLine(models.Model):
    _inherit = "account.move.line"

    @api.model
    def _hub_billable_domain(self, sale_lines):
        """Time that waits for a rate is not billed; where somebody chose the order line, its price counts."""
        unrated = Domain("so_line", "in", sale_lines._hub_unrated().ids)
        waiting = unrated & Domain("is_so_line_edited", "=", False)
        return super()._hub_billable_domain(sale_lines) & ~waiting


class AccountMove(models.Model):
    _inherit = "account.move"

    def _hub_rebill(self, invoice_lines, entries):
        """What is back on its draft costs what it did; what has no rate yet is not, and looks for one."""
        waiting = entries.filtered(
            lambda entry: not entry.is_so_line_edited and entry.so_line._hub_unrated()
        )
        result = super()._hub_rebill(invoice_lines, entries - waiting)
        entries.filtered(lambda entry: not entry.hub_billing_id)._hub_price_anew()
        return result


class HubBilling(models.Model):
    _inherit = "hub.billing"

    rate_source = fields.Char(related="sale_line_id.hub_rate_source")

    def _release(self, reason, credit=None, put_back=False):
        """What is billable again costs what the card says today; what is put back on its draft does not."""
        if put_back:
            # Without its invoice Odoo would choose the order line of an entry anew.
            kept = self.entry_id.filtered("project_id.hub_contract_id.rate_card_id")
            with self.env.protecting([kept._fields["so_line"]], kept):
                return super()._release(reason, credit, put_back)
        result = super()._release(reason, credit, put_back)
        self.filtered(lambda row: row.state == "released").entry_id._hub_price_anew()
        return result


class HubBillingBatchSource(models.Model):
    _inherit = "hub.billing.batch.source"

    rate_source = fields.Char(related="sale_line_id.hub_rate_source")


class HubAssignment(models.Model):
    """Who is planned with another role has another rate: time that waits for one looks again."""

    _inherit = "hub.assignment"

    @api.model_create_multi
    def create(self, vals_list):
        assignments = super().create(vals_list)
        assignments._hub_look_again()
        return assignments

    def write(self, vals):
        result = super().write(vals)
        self._hub_look_again()
        return result

    def _hub_look_again(self):
        """Time of these people and projects that found no rate; what has one keeps it."""
        # With sudo: terms and time, whoever plans.
        places = self.sudo().filtered(
            lambda one: one.employee_id and one.project_id.hub_contract_id.rate_card_id
        )
        if not places:
            return
        entries = self.env["account.analytic.line"].sudo().search(
            [
                ("project_id", "in", places.project_id.ids),
                ("employee_id", "in", places.employee_id.ids),
                ("hub_billing_id", "=", False),
                ("so_line", "!=", False),
                ("so_line.hub_rated_from_id", "=", False),
            ]
        )  # fmt: skip
        entries._hub_price_anew()
