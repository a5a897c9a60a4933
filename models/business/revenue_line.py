from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

from ...core.billing import exact
from ...core.revenue import Standing
from .revenue_terms import METHODS


class HubRevenueLine(models.Model):
    """How one contract line stood at the end of a month, and how its position moved. Rows are written by code only."""

    _name = "hub.revenue.line"
    _description = "Revenue Position"
    _order = "run_id desc, contract_id, id"
    _rec_name = "contract_line_id"
    _check_company_auto = True

    run_id = fields.Many2one(
        "hub.revenue.run", required=True, readonly=True, ondelete="cascade", index=True
    )
    date_to = fields.Date(related="run_id.date_to", store=True, string="Month's End")
    state = fields.Selection(related="run_id.state", store=True, string="Status")
    company_id = fields.Many2one("res.company", required=True, readonly=True, index=True)
    company_currency_id = fields.Many2one(
        related="company_id.currency_id", string="Company Currency"
    )
    contract_id = fields.Many2one(
        "hub.contract", required=True, readonly=True, index=True, ondelete="restrict"
    )
    contract_line_id = fields.Many2one(
        "hub.contract.line", required=True, readonly=True, index=True, ondelete="restrict"
    )
    partner_id = fields.Many2one("res.partner", string="Customer", readonly=True)
    currency_id = fields.Many2one("res.currency", required=True, readonly=True)
    method = fields.Selection(METHODS, string="Earned", readonly=True)
    service_from = fields.Date(readonly=True)
    service_to = fields.Date(readonly=True)
    percent = fields.Float(string="Earned (%)", readonly=True, digits=(16, 2))
    hours = fields.Float(string="Approved Hours", readonly=True)
    estimate_hours = fields.Float(string="Hours to Complete", readonly=True)
    income_account_id = fields.Many2one("account.account", string="Revenue Account", readonly=True)
    # To date, untaxed, in the currency of the contract.
    earned = fields.Monetary(string="Earned to Date", readonly=True)
    billed = fields.Monetary(string="Billed to Date", readonly=True)
    position = fields.Monetary(
        readonly=True,
        help="Earned less billed: accrued income above zero, deferred income below.",
    )
    # How it moved since the last posted month.
    opening = fields.Monetary(readonly=True)
    recognised = fields.Monetary(readonly=True)
    billed_month = fields.Monetary(string="Billed", readonly=True)
    # The same in the company's currency, as it is booked.
    booked = fields.Monetary(
        string="Billed to Date (company)", currency_field="company_currency_id", readonly=True
    )
    opening_company = fields.Monetary(
        string="Opening (company)", currency_field="company_currency_id", readonly=True
    )
    recognised_company = fields.Monetary(
        string="Recognised (company)", currency_field="company_currency_id", readonly=True
    )
    billed_company = fields.Monetary(
        string="Billed (company)", currency_field="company_currency_id", readonly=True
    )
    exchange_company = fields.Monetary(
        string="Exchange (company)", currency_field="company_currency_id", readonly=True
    )
    closing_company = fields.Monetary(
        string="Closing (company)", currency_field="company_currency_id", readonly=True
    )
    accrued_company = fields.Monetary(
        string="Accrued (company)", currency_field="company_currency_id", readonly=True
    )
    deferred_company = fields.Monetary(
        string="Deferred (company)", currency_field="company_currency_id", readonly=True
    )
    carried_by_id = fields.Many2one(
        "res.users",
        string="Left As It Was By",
        readonly=True,
        help="Who decided that nothing more is earned this month than was by the end of the last one.",
    )
    finding_ids = fields.One2many("hub.revenue.finding", "line_id", string="Findings")
    note = fields.Text(compute="_compute_note", string="What Was Found")

    _line_once = models.UniqueIndex(
        "(run_id, contract_line_id)", "A contract line stands in a run once."
    )

    @api.depends("finding_ids")
    @api.depends_context("lang")
    def _compute_note(self):
        for line in self:
            line.note = "\n".join(line.finding_ids.sorted("rank").mapped("sentence"))

    @api.model
    def _last_of(self, contract_lines, before=None):
        """The last posted position of each contract line: ``{contract line id: row}``; two queries.

        :param before: only of months that end before this day
        """
        self.env["hub.revenue.run"].flush_model(["state", "date_to"])
        self.flush_model(["run_id", "contract_line_id"])
        rows = self.env.execute_query(
            SQL(
                """
                SELECT DISTINCT ON (l.contract_line_id) l.contract_line_id, l.id
                  FROM hub_revenue_line l JOIN hub_revenue_run r ON r.id = l.run_id
                 WHERE l.contract_line_id = ANY(%s) AND r.state = 'posted' AND (%s::date IS NULL OR r.date_to < %s)
              ORDER BY l.contract_line_id, r.date_to DESC
                """,
                contract_lines.ids,
                before,
                before,
            )
        )
        found = self.browse([row for _line, row in rows])  # read together
        return {line: row for (line, _id), row in zip(rows, found, strict=True)}

    def _standing(self):
        """This row as :class:`core.revenue.Standing`; nothing, where there is none."""
        if not self:
            return Standing()
        currency, company = self.currency_id, self.company_currency_id
        return Standing(
            exact(currency.round(self.earned)),
            exact(currency.round(self.billed)),
            exact(company.round(self.booked)),
            exact(company.round(self.closing_company)),
        )

    # --- what people do ---------------------------------------------------------------------------

    def action_carry(self):
        """Recognise nothing new of these this month; their positions move by what is billed alone."""
        return self._carry(self.env.user)

    def action_carry_no_more(self):
        """Work these out again."""
        return self._carry(self.env["res.users"])

    def _carry(self, user):
        self.run_id._check_may_prepare()
        if any(line.state != "proposed" for line in self):
            raise UserError(
                self.env._("What is posted or discarded stays: this is decided in an open run.")
            )
        # With sudo: rows are written by code only.
        self.sudo().write({"carried_by_id": user.id})
        return self.run_id.action_propose()

    def action_view_contract(self):
        """Where what is missing is mended."""
        self.ensure_one()
        return self.contract_id.action_view_revenue()
