from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools.misc import format_date, formatLang

from .approvers import APPROVER

INVOICING = "account.group_account_invoice"
READERS = "account.group_account_invoice,account.group_account_readonly"


class HubPromise(models.Model):
    """What a customer said when and how much would be paid of an invoice; who noted it, and what became of it.

    Until its day the invoice is not dunned. Written by code only: people note and withdraw it on the invoice.
    """

    _name = "hub.promise"
    _description = "Promise to Pay"
    _order = "id desc"
    _rec_name = "move_id"

    move_id = fields.Many2one(
        "account.move",
        string="Invoice",
        required=True,
        readonly=True,
        index=True,
        ondelete="cascade",
    )
    company_id = fields.Many2one(related="move_id.company_id", store=True, index=True)
    partner_id = fields.Many2one(
        related="move_id.commercial_partner_id", string="Customer", store=True, index=True
    )
    currency_id = fields.Many2one(related="move_id.currency_id")
    date = fields.Date(string="Promised For", required=True, readonly=True)
    amount = fields.Monetary(readonly=True)
    residual = fields.Monetary(string="Open When Promised", readonly=True)
    under_way = fields.Monetary(
        string="Under Way When Promised",
        readonly=True,
        help="Of what was open: registered as paid already, without an entry. It does not keep the promise.",
    )
    note = fields.Char(readonly=True)
    noted_by_id = fields.Many2one("res.users", readonly=True)
    state = fields.Selection(
        [
            ("open", "Open"),
            ("kept", "Kept"),
            ("broken", "Broken"),
            ("replaced", "Replaced"),
            ("withdrawn", "Withdrawn"),
        ],
        default="open",
        required=True,
        readonly=True,
        index=True,
    )
    settled_on = fields.Date(readonly=True)

    _open_unique = models.UniqueIndex(
        "(move_id) WHERE state = 'open'", "This invoice has an open promise already."
    )

    @api.model
    def _take(self, move, date, amount, note):
        """Keep a promise; one that was open is replaced.

        :raise UserError: what is promised is in the past, nothing, or more than is open
        """
        move._hub_check_collectable()
        today = fields.Date.context_today(self)
        if not date or date < today:
            raise UserError(self.env._("Which day was promised? It cannot be in the past."))
        currency = move.currency_id
        if (
            currency.compare_amounts(amount, 0) <= 0
            or currency.compare_amounts(amount, move.amount_residual) > 0
        ):
            raise UserError(
                self.env._(
                    "%(open)s are open on %(name)s: a promise is about all or a part of it.",
                    open=formatLang(self.env, move.amount_residual, currency_obj=currency),
                    name=move.name,
                )
            )
        mine = self.sudo()  # written by code only; the right to the invoice was looked at above
        mine.search([("move_id", "=", move.id), ("state", "=", "open")])._settle("replaced", today)
        mine.flush_model()
        promise = mine.create(
            {
                "move_id": move.id,
                "date": date,
                "amount": amount,
                "residual": move.amount_residual,
                "under_way": move._hub_under_way().get(move, 0.0),
                "note": note or False,
                "noted_by_id": self.env.uid,
            }
        )
        said = self.env._(
            "Promised: %(amount)s by %(date)s.",
            amount=formatLang(self.env, amount, currency_obj=currency),
            date=format_date(self.env, date),
        )
        move.message_post(body=f"{said} {note or ''}".strip())
        return promise

    def action_open(self):
        """The invoice."""
        return self.move_id.get_formview_action()

    def _settle(self, state, today):
        self.write({"state": state, "settled_on": today})

    @api.model
    def _look(self, company, today):
        """Kept as soon as so much was settled, whatever by; broken once its day is over."""
        found = {"kept": self.browse(), "broken": self.browse(), "withdrawn": self.browse()}
        promises = self.search([("state", "=", "open"), ("company_id", "=", company.id)])
        under_way = promises.move_id._hub_under_way()
        for promise in promises:
            move, currency = promise.move_id, promise.currency_id
            settled = promise.residual - move.amount_residual
            settled += under_way.get(move, 0.0) - promise.under_way
            if move.state != "posted":
                found["withdrawn"] |= promise
            elif currency.compare_amounts(settled, promise.amount) >= 0:
                found["kept"] |= promise
            elif promise.date < today:
                found["broken"] |= promise
        for state, promises in found.items():
            promises._settle(state, today)
        for promise in found["broken"]:
            promise._tell_broken()
        return found

    def _tell_broken(self):
        move = self.move_id
        collectors = move.company_id._hub_holders(APPROVER, INVOICING)
        user = (
            (self.noted_by_id & collectors) or (move.invoice_user_id & collectors) or collectors[:1]
        )
        said = self.env._(
            "A promise was broken: %(amount)s by %(date)s, %(open)s are open.",
            amount=formatLang(self.env, self.amount, currency_obj=self.currency_id),
            date=format_date(self.env, self.date),
            open=formatLang(self.env, move.amount_residual, currency_obj=self.currency_id),
        )
        if user:
            move.activity_schedule(
                "mail.mail_activity_data_todo", user_id=user.id, summary=said, note=self.note
            )
        else:
            move.message_post(body=said)


class AccountMove(models.Model):
    _inherit = "account.move"

    hub_promise_ids = fields.One2many(
        "hub.promise", "move_id", string="Promises to Pay", readonly=True, groups=READERS
    )
    hub_promised_until = fields.Date(
        string="Promised Until",
        groups="base.group_user",  # not for the customer in the portal
        compute="_compute_hub_promised_until",
        compute_sudo=True,  # a day about the invoice, for whoever sees the invoice
        help="Until this day nobody is reminded of this invoice.",
    )

    @api.depends("hub_promise_ids.state", "hub_promise_ids.date")
    def _compute_hub_promised_until(self):
        for move in self:
            promised = move.hub_promise_ids.filtered(lambda promise: promise.state == "open")
            move.hub_promised_until = promised[:1].date

    def _hub_check_collectable(self):
        """Raise unless the user may change this and it is an invoice of which a customer owes something."""
        self.ensure_one()
        self.check_access("write")
        if (
            self.move_type not in ("out_invoice", "out_receipt")
            or self.state != "posted"
            or self.currency_id.is_zero(self.amount_residual)
        ):
            raise UserError(self.env._("Nothing is open on %s.", self.display_name))

    def _hub_collect(self, name, mode):
        return {
            "type": "ir.actions.act_window",
            "name": name,
            "res_model": "hub.collect",
            "views": [[False, "form"]],
            "target": "new",
            "context": {"default_move_id": self.id, "default_mode": mode},
        }

    def action_hub_promise(self):
        """Ask for what was promised."""
        self.ensure_one()
        return self._hub_collect(self.env._("Promise to Pay"), "promise")


class ResCompany(models.Model):
    _inherit = "res.company"

    def _hub_zone(self):
        """The time zone by which the days of this company go."""
        return self.partner_id.tz or self.env.user.tz or "UTC"

    def _hub_days(self, records):
        """``records`` as this company alone has them, by its own day."""
        here = records.with_company(self)
        return here.with_context(allowed_company_ids=self.ids, tz=self._hub_zone())

    def _hub_holders(self, *groups):
        """Users of this company who hold one of these groups, those of the first group first."""
        self.ensure_one()
        found = self.env["res.users"]
        for group in groups:
            # With sudo: who holds a right is looked up by the clock.
            users = self.env.ref(group).sudo().all_user_ids
            found |= users.filtered(
                lambda user: user.active and not user.share and self in user.company_ids
            )
        return found
