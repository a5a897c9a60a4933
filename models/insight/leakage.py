from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

KINDS = [
    ("unbilled", "Approved and not billed"),
    ("instalment", "Instalment or period due and not billed"),
    ("unapproved", "Not approved after its month"),
    ("no_line", "Billable, but on a task that bills nothing"),
    ("no_contract", "Work without a contract"),
    ("no_work", "Contract without work"),
    ("expired", "Retainer that expired"),
    ("written_off", "Written off"),
]


class HubLeakage(models.Model):
    """Revenue that may be lost: one row an entry, contract or period, each in one kind only.

    A view of the database over what stands in Odoo; nothing is stored.
    """

    _name = "hub.leakage"
    _description = "Revenue Leakage"
    _auto = False
    _order = "date, id"
    _rec_name = "kind"

    kind = fields.Selection(KINDS, readonly=True)
    company_id = fields.Many2one("res.company", readonly=True)
    contract_id = fields.Many2one("hub.contract", readonly=True)
    project_id = fields.Many2one("project.project", readonly=True)
    partner_id = fields.Many2one("res.partner", string="Customer", readonly=True)
    employee_id = fields.Many2one("hr.employee", readonly=True)
    entry_id = fields.Many2one("account.analytic.line", string="Time Entry", readonly=True)
    date = fields.Date(readonly=True, string="Since")
    age = fields.Integer(readonly=True, string="Days", aggregator="max")
    hours = fields.Float(readonly=True)
    amount = fields.Monetary(
        readonly=True,
        help="Untaxed, in the contract's currency, at the price of the order line; of work without one what the "
        "contract's time costs on average, of a retainer its share of the fee.",
    )
    currency_id = fields.Many2one("res.currency", readonly=True)

    @property
    def _table_query(self):
        """Eight kinds; an entry that could be in two is in the first."""
        today = fields.Date.context_today(self)
        return SQL(
            """
            WITH work AS (
                SELECT a.*, p.hub_contract_id AS contract, p.partner_id AS customer, p.allow_billable,
                       l.hub_hour_price AS price, l.currency_id AS currency, l.qty_delivered_method AS method
                  FROM account_analytic_line a
                  JOIN project_project p ON p.id = a.project_id
             LEFT JOIN sale_order_line l ON l.id = a.so_line
                 WHERE COALESCE(a.hub_billable, 'yes') = 'yes' AND a.hub_billable_quantity > 0
                   AND NOT EXISTS (SELECT 1 FROM hub_billing b WHERE b.entry_id = a.id AND b.state != 'released')
            ), price AS (
                SELECT o.hub_contract_id AS contract, AVG(l.hub_hour_price) AS price, MIN(l.currency_id) AS currency
                  FROM sale_order_line l JOIN sale_order o ON o.id = l.order_id
                 WHERE o.hub_contract_id IS NOT NULL AND l.qty_delivered_method = 'timesheet'
              GROUP BY o.hub_contract_id
            )
            SELECT 5 * w.id AS id, 'unbilled' AS kind, w.company_id, w.contract AS contract_id, w.project_id,
                   w.customer AS partner_id, w.employee_id, w.id AS entry_id, w.date, %(today)s - w.date AS age,
                   w.hub_billable_quantity AS hours, w.hub_billable_quantity * w.price AS amount,
                   w.currency AS currency_id
              FROM work w JOIN res_company c ON c.id = w.company_id
             WHERE w.contract IS NOT NULL AND w.method = 'timesheet' AND w.hub_approval = 'approved'
               AND w.date < %(today)s - COALESCE(NULLIF(c.hub_unbilled_days, 0), 30)
               AND NOT EXISTS (SELECT 1 FROM hub_retainer r
                                WHERE r.contract_id = w.contract AND w.date >= r.date_from)
         UNION ALL
            SELECT 5 * w.id, 'unapproved', w.company_id, w.contract, w.project_id, w.customer, w.employee_id, w.id,
                   w.date, %(today)s - w.date, w.hub_billable_quantity, w.hub_billable_quantity * w.price, w.currency
              FROM work w
             WHERE w.contract IS NOT NULL AND w.method = 'timesheet' AND w.hub_approval IN ('draft', 'submitted')
               AND w.date < date_trunc('month', %(today)s)
         UNION ALL
            SELECT 5 * w.id, 'no_line', w.company_id, w.contract, w.project_id, w.customer, w.employee_id, w.id,
                   w.date, %(today)s - w.date, w.hub_billable_quantity, w.hub_billable_quantity * p.price, p.currency
              FROM work w LEFT JOIN price p ON p.contract = w.contract
             WHERE w.contract IS NOT NULL AND w.so_line IS NULL AND w.hub_billable = 'yes'
         UNION ALL
            SELECT 5 * w.id, 'no_contract', w.company_id, NULL, w.project_id, w.customer, w.employee_id, w.id,
                   w.date, %(today)s - w.date, w.hub_billable_quantity, NULL, NULL
              FROM work w
             WHERE w.contract IS NULL AND w.allow_billable AND w.so_line IS NULL AND w.customer IS NOT NULL
         UNION ALL
            SELECT 5 * k.id + 1, 'no_work', k.company_id, k.id, k.project_id, k.partner_id, NULL, NULL,
                   COALESCE(k.date_start, k.won_at::date, k.create_date::date),
                   %(today)s - COALESCE(k.date_start, k.won_at::date, k.create_date::date),
                   0, k.amount_total, k.currency_id
              FROM hub_contract k
             WHERE k.state = 'active' AND k.project_id IS NOT NULL
               AND COALESCE(k.date_start, k.won_at::date, k.create_date::date) < %(today)s - 30
               AND NOT EXISTS (SELECT 1 FROM account_analytic_line a
                                WHERE a.project_id = k.project_id AND a.date >= %(today)s - 30)
               AND NOT EXISTS (SELECT 1 FROM project_milestone m
                                WHERE m.project_id = k.project_id AND m.reached_date >= %(today)s - 30)
               AND NOT EXISTS (SELECT 1 FROM hub_contract_line h
                                WHERE h.contract_id = k.id AND h.kind = 'recurring')
         UNION ALL
            SELECT 5 * q.id + 2, 'expired', r.company_id, r.contract_id, k.project_id, k.partner_id, NULL, NULL,
                   q.date_to, %(today)s - q.date_to, CASE r.basis WHEN 'hours' THEN q.expired ELSE 0 END,
                   r.fee * q.expired / NULLIF(q.added, 0), k.currency_id
              FROM hub_retainer_period q
              JOIN hub_retainer r ON r.id = q.retainer_id
              JOIN hub_contract k ON k.id = r.contract_id
             WHERE q.expired > 0 AND q.date_to < %(today)s
         UNION ALL
            SELECT 5 * b.id + 3, 'written_off', b.company_id, b.contract_id, k.project_id, k.partner_id, b.employee_id,
                   b.entry_id, b.date, %(today)s - b.date, s.hours, b.written_off, b.currency_id
              FROM hub_billing b
              JOIN hub_contract k ON k.id = b.contract_id
         LEFT JOIN hub_write_off_line s ON s.write_off_id = b.write_off_id AND s.entry_id = b.entry_id
             WHERE b.state = 'written_off'
         UNION ALL
            SELECT 5 * i.id + 4, 'instalment', i.company_id, i.contract_id, k.project_id, k.partner_id, NULL, NULL,
                   i.date, %(today)s - i.date, 0, i.amount, k.currency_id
              FROM hub_instalment i
              JOIN hub_contract k ON k.id = i.contract_id AND k.state = 'active'
              JOIN res_company c ON c.id = i.company_id
             WHERE i.dropped IS NOT TRUE
               AND i.date < %(today)s - COALESCE(NULLIF(c.hub_unbilled_days, 0), 30)
               AND NOT EXISTS (SELECT 1 FROM hub_billing b
                                WHERE b.milestone_id = i.milestone_id AND b.state != 'released')
            """,
            today=today,
        )

    @api.model
    def _search(self, *args, **kwargs):
        self.env.flush_all()  # the view reads the tables
        return super()._search(*args, **kwargs)

    def action_open(self):
        """The entry, or the contract."""
        self.ensure_one()
        if not self.search_count([("id", "=", self.id)]):
            raise UserError(self.env._("This is billed or gone meanwhile: load the page again."))
        record = self.contract_id if not self.entry_id else self.entry_id
        return {
            "type": "ir.actions.act_window",
            "res_model": record._name,
            "res_id": record.id,
            "view_mode": "form",
        }
