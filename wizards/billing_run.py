from dateutil.relativedelta import relativedelta
from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError, ValidationError
from psycopg2 import IntegrityError


class HubBillingRun(models.TransientModel):
    """Draft invoices for a period: approved time, reached milestones and approved expenses.

    Odoo's own invoicing of the order makes the documents; which entries they bill comes from the
    billing ledger. One document a contract, each with its checks, all waiting for approval.
    """

    _name = "hub.billing.run"
    _description = "Billing Run"

    company_id = fields.Many2one(
        "res.company", required=True, default=lambda self: self.env.company
    )
    date_from = fields.Date(
        string="From",
        help="Empty: everything up to the end that is approved and not billed yet, late time of "
        "earlier periods included.",
    )
    date_to = fields.Date(
        string="To",
        required=True,
        default=lambda self: fields.Date.context_today(self) + relativedelta(day=1, days=-1),
    )
    invoice_date = fields.Date(help="Empty: the day the invoice is approved.")
    contract_ids = fields.Many2many(
        "hub.contract",
        string="Contracts",
        domain="[('company_id', '=', company_id), ('state', '=', 'active')]",
        help="Empty: all active contracts of the company.",
    )
    move_ids = fields.Many2many("account.move", string="Draft Invoices", readonly=True)
    move_count = fields.Integer(string="Number of Draft Invoices", readonly=True)
    failure_ids = fields.Json(readonly=True)
    result = fields.Text(compute="_compute_result")

    @api.depends("move_count", "failure_ids")
    def _compute_result(self):
        for run in self:
            sentences = [
                self.env._("%(count)s draft invoices are ready for approval.", count=run.move_count)
            ]
            for failure in run.failure_ids or []:
                sentences.append(
                    self.env._(
                        "%(contract)s was left out: %(why)s",
                        contract=failure["contract"],
                        why=failure["why"],
                    )
                )
            run.result = "\n".join(sentences)

    @api.constrains("date_from", "date_to")
    def _check_period(self):
        for run in self:
            if run.date_from and run.date_from > run.date_to:
                raise ValidationError(self.env._("The period ends before it begins."))

    def action_run(self):
        """Make the drafts and show them."""
        self.ensure_one()
        moves, failures = self._run(
            self.company_id, self.date_from, self.date_to, self.contract_ids, self.invoice_date
        )
        # Kept with sudo: whoever may run the billing need not be able to read invoices.
        self.sudo().write({"move_ids": moves.ids, "failure_ids": failures})
        self.move_count = len(moves)
        if not moves:
            raise UserError(
                "\n".join(
                    [
                        self.env._(
                            "There is nothing approved to bill up to %(date)s.", date=self.date_to
                        )
                    ]
                    + [f"{failure['contract']}: {failure['why']}" for failure in failures]
                )
            )
        if not self.env["account.move"].has_access("read"):
            return {
                "type": "ir.actions.act_window",
                "name": self.env._("Billing Run"),
                "res_model": self._name,
                "res_id": self.id,
                "view_mode": "form",
                "target": "new",
            }
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Invoices to Approve"),
            "res_model": "account.move",
            "view_mode": "list,form",
            "domain": [("id", "in", moves.ids)],
        }

    @api.model
    def _run(self, company, date_from, date_to, contracts=None, invoice_date=None):
        """Draft invoices of one company.

        :return: ``(moves, [{"contract": code, "why": sentence}])``: a contract that fails is left
            out whole and does not stop the others.
        """
        self.env["hub.billing"]._check_unit_precision()
        if company not in self.env.companies:
            raise AccessError(
                self.env._("%(company)s is not one of your companies.", company=company.sudo().name)
            )  # a name, in a refusal
        if contracts:
            contracts.check_access("read")
            contracts = contracts.filtered(lambda contract: contract.company_id == company)
        else:
            contracts = self.env["hub.contract"].search(
                [("company_id", "=", company.id), ("state", "=", "active")]
            )
        # Invoices are made with sudo: who may run the billing prepares drafts that others decide
        # about, and needs no rights in sales or accounting for it. Which contracts were the user's own
        # was decided above.
        orders = contracts.sudo().sale_order_id.filtered(lambda order: order.state == "sale")
        orders = orders.with_company(company).with_context(
            timesheet_start_date=date_from, timesheet_end_date=date_to
        )
        lines = orders.order_line
        lines._recompute_qty_to_invoice(date_from, date_to)
        billable = orders.filtered(
            lambda order: any(line.qty_to_invoice for line in order.order_line._hub_in_ledger())
        )
        moves, failures = self._invoice(billable)
        # The quantities were those of the period; from now on they are those of all time.
        self.env.add_to_compute(lines._fields["qty_to_invoice"], lines)
        moves.write(
            {
                "hub_period_from": date_from,
                "hub_period_to": date_to,
                **({"invoice_date": invoice_date} if invoice_date else {}),
            }
        )
        moves._hub_run_checks()
        return self.env["account.move"].browse(moves.ids), failures

    @api.model
    def _invoice(self, orders):
        """Invoices of ``orders``; on an error, halved until the order that fails stands alone."""
        if not orders:
            return self.env["account.move"].sudo(), []
        try:
            with self.env.cr.savepoint():
                return orders._create_invoices(grouped=True), []
        except UserError as error:
            why = str(error)
        except IntegrityError:
            why = self.env._(
                "Some of its time, expenses or milestones was billed by somebody else at the same "
                "moment. Start the run again."
            )
        if len(orders) == 1:
            contract = orders.hub_contract_id
            return self.env["account.move"].sudo(), [
                {"contract": contract.display_name, "why": why}
            ]
        middle = len(orders) // 2
        first, failed = self._invoice(orders[:middle])
        second, also_failed = self._invoice(orders[middle:])
        return first | second, failed + also_failed
