from odoo import api, fields, models
from odoo.tools import SQL

BUCKETS = [
    ("not_due", "Not due"),
    ("1_30", "1–30 days"),
    ("31_60", "31–60 days"),
    ("61_90", "61–90 days"),
    ("over_90", "Over 90 days"),
]


class HubReceivable(models.Model):
    """What customers owe today: one row an open receivable item of Odoo, credits and unapplied payments below zero.

    A view of the database over Odoo's journal items; the residuals are Odoo's own, nothing is stored.
    """

    _name = "hub.receivable"
    _description = "Open Receivable"
    _auto = False
    _order = "due, id"
    _rec_name = "move_id"

    company_id = fields.Many2one("res.company", readonly=True)
    partner_id = fields.Many2one("res.partner", string="Customer", readonly=True)
    move_id = fields.Many2one("account.move", string="Document", readonly=True)
    kind = fields.Selection(
        [
            ("invoice", "Invoice"),
            ("credit", "Credit or payment not applied"),
            ("other", "Other"),
        ],
        readonly=True,
    )
    contract_id = fields.Many2one("hub.contract", readonly=True)
    date = fields.Date(readonly=True)
    due = fields.Date(string="Due On", readonly=True)
    age = fields.Integer(string="Days Overdue", readonly=True, aggregator="max")
    bucket = fields.Selection(BUCKETS, string="Ageing", readonly=True)
    residual = fields.Monetary(string="Open", readonly=True)
    currency_id = fields.Many2one("res.currency", readonly=True)
    company_residual = fields.Monetary(
        string="Open in Company Currency", readonly=True, currency_field="company_currency_id"
    )
    company_currency_id = fields.Many2one("res.currency", readonly=True)
    disputed = fields.Boolean(string="In Dispute", readonly=True)
    promised_until = fields.Date(readonly=True)
    under_way = fields.Boolean(
        string="Payment Under Way",
        readonly=True,
        help="A payment is registered; the bank has not shown it yet.",
    )
    level_id = fields.Many2one("hub.dunning.level", string="Last Reminder", readonly=True)

    @property
    def _table_query(self):
        """A credit is as old as its document: it has no day on which it would be late."""
        return SQL(
            """
            SELECT l.id, l.company_id, p.commercial_partner_id AS partner_id, l.move_id,
                   CASE WHEN l.amount_residual_currency < 0 THEN 'credit'
                        WHEN m.move_type IN ('out_invoice', 'out_receipt') THEN 'invoice' ELSE 'other' END AS kind,
                   m.hub_contract_id AS contract_id, l.date, d.due, d.age,
                   CASE WHEN d.age <= 0 THEN 'not_due' WHEN d.age <= 30 THEN '1_30' WHEN d.age <= 60 THEN '31_60'
                        WHEN d.age <= 90 THEN '61_90' ELSE 'over_90' END AS bucket,
                   l.amount_residual_currency AS residual, l.currency_id,
                   l.amount_residual AS company_residual, l.company_currency_id,
                   COALESCE(m.payment_state = 'blocked', FALSE) AS disputed, h.date AS promised_until,
                   -- Odoo calls an invoice paid for any registered payment without an entry, however small
                   COALESCE(m.payment_state IN ('in_payment', 'paid') AND w.amount >= l.amount_residual_currency,
                            FALSE) AS under_way,
                   s.level_id
              FROM account_move_line l
              JOIN account_account a ON a.id = l.account_id AND a.account_type = 'asset_receivable'
              JOIN account_move m ON m.id = l.move_id
              JOIN LATERAL (SELECT COALESCE(l.date_maturity, l.date) AS due,
                                   %(today)s::date - COALESCE(l.date_maturity, l.date) AS age) d ON TRUE
         LEFT JOIN res_partner p ON p.id = l.partner_id
         LEFT JOIN LATERAL (SELECT sum(y.amount) AS amount
                              FROM account_move__account_payment r JOIN account_payment y ON y.id = r.payment_id
                             WHERE r.invoice_id = m.id AND y.move_id IS NULL AND y.state IN ('in_process', 'paid')
                               AND y.currency_id = l.currency_id) w ON TRUE
         LEFT JOIN hub_promise h ON h.move_id = m.id AND h.state = 'open' AND h.date >= %(today)s
         LEFT JOIN LATERAL (SELECT i.level_id
                              FROM hub_dunning_item i JOIN hub_dunning_level v ON v.id = i.level_id
                             WHERE i.move_id = m.id AND i.due = d.due AND i.sent_on IS NOT NULL
                          ORDER BY v.days DESC LIMIT 1) s ON TRUE
             WHERE l.parent_state = 'posted' AND l.reconciled IS NOT TRUE
               AND (l.amount_residual != 0 OR l.amount_residual_currency != 0)
            """,
            today=fields.Date.context_today(self),
        )

    @api.model
    def _search(self, *args, **kwargs):
        self.env.flush_all()  # the view reads the tables
        return super()._search(*args, **kwargs)

    def action_open(self):
        """The document."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": "account.move",
            "res_id": self.move_id.id,
            "view_mode": "form",
        }
