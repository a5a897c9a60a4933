from odoo import api, fields, models
from odoo.tools.misc import formatLang

from .locked import locked
from .promise import READERS


class HubDunningReminder(models.Model):
    """One mail to a customer with all overdue invoices of a company, or one call that a person makes.

    Written by code only; people approve it or leave it out.
    """

    _name = "hub.dunning.reminder"
    _description = "Reminder"
    _inherit = ["mail.thread", "mail.activity.mixin"]
    _mail_post_access = "read"  # rows are written by code only; who sees one may note what was said
    _order = "run_id desc, amount desc, id"

    name = fields.Char(compute="_compute_name", string="Reminder")
    run_id = fields.Many2one(
        "hub.dunning.run", required=True, readonly=True, index=True, ondelete="cascade"
    )
    company_id = fields.Many2one(related="run_id.company_id", store=True, index=True)
    currency_id = fields.Many2one(related="company_id.currency_id")
    partner_id = fields.Many2one(
        "res.partner", string="Customer", required=True, readonly=True, index=True
    )
    recipient_id = fields.Many2one("res.partner", compute="_compute_recipient_id", string="To")
    email = fields.Char(compute="_compute_recipient_id", string="E-Mail")
    kind = fields.Selection(
        [("mail", "Mail"), ("person", "Activity for a person")], required=True, readonly=True
    )
    level_id = fields.Many2one(
        "hub.dunning.level", required=True, readonly=True, ondelete="restrict", index=True
    )
    item_ids = fields.One2many("hub.dunning.item", "reminder_id", readonly=True, string="Listed")
    amount = fields.Monetary(
        compute="_compute_amount",
        store=True,
        string="Overdue",
        help="In the company's currency, less credits and payments that are not applied.",
    )
    totals = fields.Char(compute="_compute_totals", string="By Currency")
    state = fields.Selection(
        [
            ("proposed", "To approve"),
            ("approved", "To be sent"),
            ("sent", "Sent"),
            ("left_out", "Left out"),
            ("failed", "Failed"),
        ],
        default="proposed",
        required=True,
        readonly=True,
        index=True,
    )
    why = fields.Char(readonly=True, string="Reason")
    approved_by_id = fields.Many2one("res.users", readonly=True)
    sent_at = fields.Datetime(readonly=True, string="Sent On")

    @api.depends("partner_id", "level_id")
    def _compute_name(self):
        for reminder in self:
            reminder.name = f"{reminder.partner_id.name or ''}: {reminder.level_id.name or ''}"

    @api.depends("item_ids.company_amount")
    def _compute_amount(self):
        for reminder in self:
            reminder.amount = sum(reminder.item_ids.mapped("company_amount"))

    @api.depends(
        "item_ids.move_id.partner_id.email",
        "item_ids.move_id.partner_id.active",
        "item_ids.move_id.partner_id.commercial_partner_id",
        "partner_id.email",
    )
    def _compute_recipient_id(self):
        """Whom the youngest of these invoices went to, as long as he is there, else the customer."""
        for reminder in self:
            invoices = reminder.item_ids.filtered("level_id").sorted("due", reverse=True)
            customer = reminder.partner_id
            with_address = invoices.move_id.partner_id.filtered(
                lambda partner, customer=customer: (
                    partner.active
                    and partner.email_normalized
                    and partner.commercial_partner_id == customer
                )
            )
            reminder.recipient_id = with_address[:1] or customer
            reminder.email = reminder.recipient_id.email

    def _by_currency(self):
        """What is overdue by currency, less what is not applied: ``[(currency, amount)]``."""
        self.ensure_one()
        return [
            (currency, currency.round(sum(items.mapped("amount"))))
            for currency, items in self.item_ids.grouped("currency_id").items()
        ]

    @api.depends("item_ids.amount")
    def _compute_totals(self):
        for reminder in self:
            reminder.totals = " · ".join(
                formatLang(self.env, amount, currency_obj=currency)
                for currency, amount in reminder._by_currency()
            )

    # --- what people press --------------------------------------------------------------------------

    def action_approve(self):
        """Send these; those that failed are tried again."""
        self.run_id._check_may_decide()
        self._approve(self.env.user)
        return True

    def action_leave_out(self):
        """Not this time; the next run looks anew."""
        self.run_id._check_may_decide()
        left = locked(self, "proposed").sudo()  # written by code only
        left._left_out(self.env._("left out by %s", self.env.user.name))
        left.run_id._settle()
        return True

    # --- what code does -----------------------------------------------------------------------------

    def _left_out(self, why):
        self.write({"state": "left_out", "why": why})


class HubDunningItem(models.Model):
    """An open amount that a reminder lists: with a level if it is reminded of, without one if it is only shown."""

    _name = "hub.dunning.item"
    _description = "Line of a Reminder"
    _order = "due, id"
    _rec_name = "move_id"

    reminder_id = fields.Many2one(
        "hub.dunning.reminder", required=True, readonly=True, index=True, ondelete="cascade"
    )
    company_id = fields.Many2one(related="reminder_id.company_id", store=True, index=True)
    move_id = fields.Many2one(
        "account.move",
        string="Document",
        required=True,
        readonly=True,
        index=True,
        ondelete="cascade",
    )
    due = fields.Date(string="Due On", required=True, readonly=True)
    days = fields.Integer(string="Days Overdue", readonly=True)
    level_id = fields.Many2one(
        "hub.dunning.level", readonly=True, ondelete="restrict", index="btree_not_null"
    )
    level_days = fields.Integer(
        readonly=True, help="The days of the level when it was sent: they may be changed since."
    )
    amount = fields.Monetary(string="Open", readonly=True)
    currency_id = fields.Many2one("res.currency", required=True, readonly=True)
    company_amount = fields.Monetary(readonly=True, currency_field="company_currency_id")
    company_currency_id = fields.Many2one(related="company_id.currency_id")
    sent_on = fields.Date(readonly=True)

    # Whatever happens: an open amount is reminded of once a level.
    _once = models.UniqueIndex(
        "(move_id, due, level_id) WHERE sent_on IS NOT NULL AND level_id IS NOT NULL",
        "This level was sent for this invoice already.",
    )


class AccountMove(models.Model):
    _inherit = "account.move"

    hub_dunning_item_ids = fields.One2many(
        "hub.dunning.item",
        "move_id",
        string="Reminders",
        readonly=True,
        domain=[("sent_on", "!=", False), ("level_id", "!=", False)],
        groups=READERS,
    )
