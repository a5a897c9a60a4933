from odoo import api, fields, models
from odoo.exceptions import RedirectWarning, UserError, ValidationError
from odoo.tools import float_compare

from ...core.billing import UNIT_DIGITS, UNIT_STEP, allocate, exact, rounded
from .chosen import chosen_of

LIVE = ("draft", "posted", "credited", "written_off")
# Who may read the ledger: a salesperson or a customer in the portal reads a document without its rows.
LEDGER_READERS = (
    "lead_to_cash_hub.group_hub_viewer,account.group_account_invoice,account.group_account_readonly"
)


class HubBilling(models.Model):
    """The billing ledger: what was billed on which invoice line, how much, and what became of it.

    Odoo's own link between a timesheet and its invoice is cleared by any credit note on the same
    order line and does not notice a quantity that was edited by hand, so hours are billed twice.
    This ledger decides instead: an entry, an expense or a milestone with a live row is billed and
    is never offered again.

    Rows are written by code only, with ``sudo()``: nobody has the right to write a ledger, not
    even the people whose clicks cause it.
    """

    _name = "hub.billing"
    _description = "Billing Ledger"
    _order = "date desc, id desc"
    _check_company_auto = True

    company_id = fields.Many2one("res.company", required=True, readonly=True, index=True)
    contract_id = fields.Many2one(
        "hub.contract", readonly=True, index=True, ondelete="restrict", check_company=True
    )
    sale_line_id = fields.Many2one(
        "sale.order.line", string="Order Line", readonly=True, index=True, ondelete="restrict"
    )
    entry_id = fields.Many2one(
        "account.analytic.line",
        string="Time Entry or Expense",
        readonly=True,
        ondelete="set null",
        index="btree_not_null",
    )
    milestone_id = fields.Many2one(
        "project.milestone", readonly=True, ondelete="restrict", index="btree_not_null"
    )
    move_id = fields.Many2one(
        "account.move", string="Invoice", readonly=True, index=True, ondelete="set null"
    )
    invoice_line_id = fields.Many2one(
        "account.move.line", readonly=True, index=True, ondelete="set null"
    )
    date = fields.Date(readonly=True, help="The day the work was done.")
    employee_id = fields.Many2one("hr.employee", readonly=True)
    quantity = fields.Float(digits=(16, UNIT_DIGITS), readonly=True)
    worked = fields.Float(
        digits=(16, UNIT_DIGITS),
        readonly=True,
        help="Billable hours of the entry when it was billed; the contract's rounding makes the quantity of them.",
    )
    amount = fields.Monetary(readonly=True, help="Untaxed, in the currency of the invoice.")
    currency_id = fields.Many2one("res.currency", readonly=True)
    state = fields.Selection(
        [
            ("draft", "On a draft"),
            ("posted", "Billed"),
            ("credited", "Credited"),
            ("consumed", "Covered by a retainer"),
            ("written_off", "Written off"),
            ("released", "Billable again"),
        ],
        required=True,
        readonly=True,
        default="draft",
        index=True,
        help="Billed, credited, covered and written-off work is never billed again; released work is.",
    )
    reason = fields.Char(readonly=True, help="Why it was released or credited.")
    user_id = fields.Many2one(
        "res.users", readonly=True, default=lambda self: self.env.user, string="By"
    )
    released_at = fields.Datetime(readonly=True)
    credit_id = fields.Many2one(
        "account.move",
        string="Credit Note",
        readonly=True,
        index="btree_not_null",
        ondelete="set null",
        help="The credit note that credited or released this; back in draft, it is undone.",
    )

    _entry_once = models.UniqueIndex(
        "(entry_id) WHERE entry_id IS NOT NULL AND state != 'released'",
        "This time entry or expense is already billed.",
    )
    _milestone_once = models.UniqueIndex(
        "(milestone_id) WHERE milestone_id IS NOT NULL AND state != 'released'",
        "This milestone is already billed.",
    )

    @api.depends("entry_id", "milestone_id", "move_id")
    def _compute_display_name(self):
        for row in self:
            what = row.entry_id.display_name or row.milestone_id.display_name or ""
            row.display_name = f"{row.move_id.display_name or ''} {what}".strip()

    # --- precision ------------------------------------------------------------------------------

    @api.model
    def _check_unit_precision(self):
        """Refuse to bill with too few digits: 40 times 20 minutes would lose 50 cents."""
        digits = self.env["decimal.precision"].precision_get("Product Unit")
        if digits >= UNIT_DIGITS:
            return
        why = self.env._(
            "Odoo keeps quantities with %(digits)s digits here. A third of an hour then becomes 0.33, and 40 entries "
            "of 20 minutes at 150.00 come to 1,999.50 instead of 2,000.00.",
            digits=digits,
        )
        if not self.env.su and self.env.user.has_group("base.group_system"):
            action = self.env.ref("lead_to_cash_hub.hub_unit_precision_action")
            raise RedirectWarning(
                why, action.id, self.env._("Keep %(needed)s Digits", needed=UNIT_DIGITS)
            )
        raise UserError(
            why
            + " "
            + self.env._(
                "Ask a user with the Settings right to start a billing run: there, one button sets “Product Unit” to "
                "%(needed)s digits. Then start the billing run again.",
                needed=UNIT_DIGITS,
            )
        )

    @api.model
    def action_set_unit_precision(self):
        """Give quantities enough digits; for users with the Settings right."""
        if not self.env.user.has_group("base.group_system"):
            raise UserError(
                self.env._("Only a user with the Settings right can change decimal accuracy.")
            )
        precision = self.env["decimal.precision"].search([("name", "=", "Product Unit")], limit=1)
        if precision.digits < UNIT_DIGITS:
            precision.digits = UNIT_DIGITS
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "success",
                "message": self.env._(
                    "Quantities are kept with %(needed)s digits now. Start the billing run again.",
                    needed=UNIT_DIGITS,
                ),
            },
        }

    # --- writing --------------------------------------------------------------------------------

    @api.model
    def _bill(self, invoice_line, sources):
        """Values of the rows that say what ``invoice_line`` bills.

        :param sources: list of ``(field, record, quantity)``, where field is ``entry_id`` or
            ``milestone_id`` and the quantity is in the unit of the invoice line.
        :return: list of values whose quantities and amounts add up to those of the line exactly.
        """
        weights = [quantity for _field, _record, quantity in sources]
        currency = invoice_line.currency_id
        step = exact(currency.rounding)
        quantities = allocate(rounded(invoice_line.quantity, UNIT_STEP), weights, UNIT_STEP)
        amounts = allocate(rounded(invoice_line.price_subtotal, step), weights, step)
        move = invoice_line.move_id
        # What somebody has decided about is posted in this transaction, or all of it is undone: written as it will
        # stay, a row is not written a second time, with all that PostgreSQL checks of it.
        draft = move.state == "draft" and not chosen_of(self.env)
        rows = []
        for (field, record, _quantity), quantity, amount in zip(
            sources, quantities, amounts, strict=True
        ):
            entry = field == "entry_id"
            rows.append(
                {
                    "company_id": move.company_id.id,
                    "contract_id": move.hub_contract_id.id,
                    "sale_line_id": invoice_line.sale_line_ids[:1].id,
                    field: record.id,
                    "move_id": move.id,
                    "invoice_line_id": invoice_line.id,
                    "date": record.date if entry else record.reached_date,
                    "employee_id": record.employee_id.id if entry else False,
                    "quantity": float(quantity),
                    "worked": record.hub_billable_quantity if entry else 0.0,
                    "amount": float(amount),
                    "currency_id": currency.id,
                    "state": "draft" if draft else "posted",
                    "user_id": self.env.uid,
                }
            )
        return rows

    def _release(self, reason, credit=None, put_back=False):
        """Make what these live rows hold billable again, because of the credit note if any.

        :param put_back: whether what is still billable goes back on its draft at once
        """
        rows = self.filtered(lambda row: row.state in LIVE)
        if not rows:
            return
        rows.write(
            {
                "state": "released",
                "reason": reason,
                "released_at": fields.Datetime.now(),
                "credit_id": credit.id if credit else False,
            }
        )
        rows.flush_recordset(["state"])  # the next row of the same entry may be inserted at once
        # Cleared after the rows: an entry with a live row refuses to lose its invoice.
        rows.entry_id.filtered("timesheet_invoice_id").write({"timesheet_invoice_id": False})

    def _worked_out_with(self):
        """Rows on the same drafts that have to be worked out anew when these are."""
        return self.browse()

    def _restore(self):
        """Undo what a credit note did to these rows: they are billed on their invoices again.

        :raise UserError: when something of them was billed again meanwhile, or is not what was billed any more
        """
        rows = self.filtered(lambda row: row.move_id.state in ("draft", "posted"))
        released = rows.filtered(lambda row: row.state == "released")
        again = released.entry_id.hub_billing_id | released.milestone_id.hub_billing_id
        if again:
            raise UserError(
                self.env._(
                    "What %(notes)s credited is billed again on %(invoices)s. Take it off there "
                    "first; then the credit note can be changed.",
                    notes=", ".join(released.credit_id.mapped("display_name")),
                    invoices=", ".join(again.move_id.mapped("display_name")),
                )
            )
        moved = released.filtered("entry_id")._moved_on()
        if moved:
            raise UserError(
                self.env._(
                    "%(entries)s: what %(notes)s credited is not what was billed on %(invoices)s any more. Bill it as "
                    "it is now instead.",
                    entries=", ".join(moved.entry_id.mapped("display_name")),
                    notes=", ".join(moved.credit_id.mapped("display_name")),
                    invoices=", ".join(moved.move_id.mapped("display_name")),
                )
            )
        for state, group in rows.grouped(lambda row: row.move_id.state).items():
            group.write({"state": state, "reason": False, "released_at": False, "credit_id": False})
        rows.flush_recordset(["state"])
        for move, group in released.grouped("move_id").items():
            entries = group.entry_id.filtered("project_id")
            entries.write({"timesheet_invoice_id": move.id})

    def _moved_on(self):
        """Rows whose entry has another order line or other hours by now, or is approved no more."""
        return self.filtered(
            lambda row: (
                row.entry_id.so_line != row.sale_line_id
                or row.entry_id.hub_approval != "approved"
                or float_compare(
                    row.entry_id.hub_billable_quantity, row.worked, precision_digits=UNIT_DIGITS
                )
            )
        )

    @api.model
    def _adopt(self, orders):
        """Ledger rows for entries of ``orders`` that Odoo billed before there was a contract."""
        lines = orders.order_line.filtered(lambda line: line.qty_delivered_method == "timesheet")
        entries = (
            self.env["account.analytic.line"]
            .sudo()
            .search(  # all entries of the order
                [
                    ("so_line", "in", lines.ids),
                    ("project_id", "!=", False),
                    ("hub_billing_id", "=", False),
                    ("timesheet_invoice_id.state", "in", ("draft", "posted")),
                ]
            )
        )
        rows = []
        by_line = entries.grouped(lambda entry: (entry.timesheet_invoice_id, entry.so_line))
        for (move, sale_line), group in by_line.items():
            invoice_line = move.invoice_line_ids.filtered(
                lambda line, sale_line=sale_line: sale_line in line.sale_line_ids
            )[:1]
            if invoice_line:
                rows += self._bill(
                    invoice_line, [("entry_id", e, e.hub_billable_quantity) for e in group]
                )
        contracts = {order.id: order.hub_contract_id.id for order in orders}
        for row in rows:
            line = self.env["sale.order.line"].browse(row["sale_line_id"])
            row["contract_id"] = contracts[line.order_id.id]
        return self.sudo().create(rows)  # nobody may write the ledger by hand

    # --- reading --------------------------------------------------------------------------------

    @api.model
    def _billed_by_line(self, invoice_lines):
        """What the ledger says each of ``invoice_lines`` bills.

        :return: ``{invoice line id: (quantity, number of rows)}``; one query.
        """
        groups = self.sudo()._read_group(  # readable to whoever may read the invoice
            [("invoice_line_id", "in", invoice_lines.ids), ("state", "in", LIVE)],
            ["invoice_line_id"],
            ["quantity:sum", "__count"],
        )
        return {line.id: (quantity, count) for line, quantity, count in groups}

    @api.model
    def _differences(self, moves):
        """Invoice lines whose quantity is not what the ledger says.

        :return: list of ``(invoice line, quantity in the ledger)``.
        """
        lines = moves.invoice_line_ids.filtered("hub_ledger")
        billed = self._billed_by_line(lines)
        differences = []
        for line in lines:
            quantity, _count = billed.get(line.id, (0.0, 0))
            if float_compare(line.quantity, quantity, precision_digits=UNIT_DIGITS):
                differences.append((line, quantity))
        return differences

    @api.constrains("entry_id", "milestone_id")
    def _check_source(self):
        for row in self:
            if bool(row.entry_id) == bool(row.milestone_id):
                raise ValidationError(
                    self.env._("A row of the ledger stands for one entry or one milestone.")
                )
