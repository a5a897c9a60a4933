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
    blocked = fields.Boolean(
        readonly=True,
        help="Blocked by Odoo's own button or by a dispute: nobody is reminded of it.",
    )
    promised_until = fields.Date(readonly=True)
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
                   q.disputed IS TRUE AS disputed,
                   q.disputed IS TRUE OR m.payment_state IS NOT DISTINCT FROM 'blocked' AS blocked,
                   h.date AS promised_until, s.level_id
              FROM account_move_line l
              JOIN account_account a ON a.id = l.account_id AND a.account_type = 'asset_receivable'
              JOIN account_move m ON m.id = l.move_id
              JOIN LATERAL (SELECT CASE WHEN l.amount_residual_currency < 0 THEN COALESCE(m.invoice_date, l.date)
                                        ELSE COALESCE(l.date_maturity, l.date) END AS due) f ON TRUE
              JOIN LATERAL (SELECT f.due, %(today)s::date - f.due AS age) d ON TRUE
         LEFT JOIN res_partner p ON p.id = l.partner_id
         LEFT JOIN LATERAL (SELECT TRUE AS disputed FROM hub_dispute q
                             WHERE q.move_id = m.id AND q.state = 'open' LIMIT 1) q ON TRUE
         LEFT JOIN hub_promise h ON h.move_id = m.id AND h.state = 'open' AND h.date >= %(today)s
         LEFT JOIN LATERAL (SELECT i.level_id
                              FROM hub_dunning_item i
                             WHERE i.move_id = m.id AND i.due = d.due AND i.sent_on IS NOT NULL
                               AND i.level_id IS NOT NULL
                          ORDER BY i.sent_on DESC, i.id DESC LIMIT 1) s ON TRUE
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
        return self.move_id.get_formview_action()
