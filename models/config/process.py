from odoo import fields, models

KINDS = [
    ("deal_to_project", "Deal to project"),
    ("time_to_invoice", "Time to invoice"),
    ("payment_to_receivable", "Payment to receivable"),
    ("invoice_status_to_crm", "Invoice status to CRM"),
    ("master_data", "Master data"),
    ("reporting", "Reporting"),
]


class HubProcess(models.Model):
    _name = "hub.process"
    _description = "Process"
    _inherit = ["mail.thread"]
    _order = "sequence, id"

    name = fields.Char(required=True, translate=True)
    sequence = fields.Integer(default=10)
    kind = fields.Selection(KINDS, required=True)
    company_id = fields.Many2one(
        "res.company", help="Empty: the process serves every company of its systems."
    )
    active = fields.Boolean(default=True)
    paused = fields.Boolean(tracking=True, help="Messages of a paused process are kept and wait.")
    owner_id = fields.Many2one(
        "res.users",
        tracking=True,
        help="Gets one activity and one e-mail for new causes of failure.",
    )
    impact = fields.Selection(
        [("high", "High: money or customers wait"), ("normal", "Normal"), ("low", "Low")],
        default="normal",
        required=True,
        tracking=True,
        help="High: alerts at once. Normal: once an hour. Low: once a day.",
    )
    stream_ids = fields.One2many("hub.stream", "process_id", string="Streams")

    def action_pause(self):
        self.write({"paused": True})

    def action_resume(self):
        self.write({"paused": False})
