from dateutil.relativedelta import relativedelta
from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError, ValidationError


class HubBillingRun(models.TransientModel):
    """Drafts by hand, beside the billing runs, for a period: approved time, reached milestones and approved expenses.

    Odoo's own invoicing of the order makes the documents; which entries they bill comes from the
    billing ledger. One document a contract, each with its checks, all waiting for approval.
    """

    _name = "hub.billing.run"
    _description = "Drafts by Hand"

    company_id = fields.Many2one(
        "res.company", required=True, default=lambda self: self.env.company
    )
    date_from = fields.Date(
        string="From",
        help="Empty: everything up to the cut-off that is approved and not billed yet, late time of "
        "earlier periods included.",
    )
    date_to = fields.Date(
        string="Cut-off",
        help="The last day of work that is billed.",
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
    state = fields.Selection(
        [("choose", "Choose"), ("done", "Done")], default="choose", readonly=True
    )
    move_ids = fields.Many2many("account.move", string="Draft Invoices", readonly=True)
    move_count = fields.Integer(string="Number of Draft Invoices", readonly=True)
    failure_ids = fields.Json(readonly=True)
    failure_count = fields.Integer(compute="_compute_result")
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
            run.failure_count = len(run.failure_ids or [])
            run.result = "\n".join(sentences)

    @api.constrains("date_from", "date_to")
    def _check_period(self):
        for run in self:
            if run.date_from and run.date_from > run.date_to:
                raise ValidationError(self.env._("The period ends before it begins."))

    def action_run(self):
        """Make the drafts and show them, or who was left out and why."""
        self.ensure_one()
        moves, failures = self._run(
            self.company_id, self.date_from, self.date_to, self.contract_ids, self.invoice_date
        )
        # Kept with sudo: whoever may run the billing need not be able to read invoices.
        self.sudo().write(
            {
                "move_ids": moves.ids,
                "failure_ids": failures,
                "move_count": len(moves),
                "state": "done",
            }
        )
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
        if failures or not self.env["account.move"].has_access("read"):
            return {
                "type": "ir.actions.act_window",
                "name": self.env._("Drafts by Hand"),
                "res_model": self._name,
                "res_id": self.id,
                "view_mode": "form",
                "target": "new",
            }
        return self.action_show()

    def action_show(self):
        """The drafts that were made."""
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Invoices to Approve"),
            "res_model": "account.move",
            "view_mode": "list,form",
            "domain": [("id", "in", self.move_ids.ids)],
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
        invoicing = self.env["hub.invoicing"]
        moves, failures = self.env["account.move"].sudo(), []
        # With sudo: instalments and periods are opened by code, whoever bills.
        unopened = contracts.sudo()._hub_open_due_apart(date_to)
        contracts -= unopened
        if contracts:
            orders = invoicing._orders(contracts, date_from, date_to)
            moves, failures = invoicing._draft(orders, date_from, date_to)
        failures += [
            {
                "contract": contract.display_name,
                "why": self.env._(
                    "its instalments or periods could not be opened; an activity on it says why."
                ),
            }
            for contract in unopened
        ]
        if invoice_date:
            moves.write({"invoice_date": invoice_date})
        moves._hub_run_checks()
        return self.env["account.move"].browse(moves.ids), failures
