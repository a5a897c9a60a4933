from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.fields import Domain

from ...core.billing import exact
from ...core.terms import percent, reached
from ..guard import own_code, refuse_guarded

GUARDED = ("told",)


class HubPurchaseOrder(models.Model):
    """A purchase order of a customer for a contract: a number, maybe an amount that invoices draw down."""

    _name = "hub.purchase.order"
    _description = "Purchase Order of a Customer"
    _order = "contract_id, date_from, id"
    _rec_name = "number"
    _check_company_auto = True

    contract_id = fields.Many2one(
        "hub.contract", required=True, ondelete="cascade", index=True, check_company=True
    )
    company_id = fields.Many2one(related="contract_id.company_id", store=True, index=True)
    currency_id = fields.Many2one(related="contract_id.currency_id")
    number = fields.Char(required=True)
    amount = fields.Monetary(help="Untaxed. 0: without a limit.")
    date_from = fields.Date(string="Valid From")
    date_to = fields.Date(string="Valid To")
    move_ids = fields.One2many("account.move", "hub_purchase_order_id", string="Invoices")
    used = fields.Monetary(compute="_compute_used", compute_sudo=True)
    left = fields.Monetary(compute="_compute_used", compute_sudo=True)
    used_percent = fields.Integer(string="Used (%)", compute="_compute_used", compute_sudo=True)
    told = fields.Integer(readonly=True, copy=False, help="The last notice that was given.")

    _number_unique = models.UniqueIndex(
        "(contract_id, number)", "The contract has a purchase order of this number already."
    )

    @api.depends("move_ids.state", "move_ids.move_type", "move_ids.amount_untaxed", "amount")
    def _compute_used(self):
        """Invoices, drafts included, less posted credit notes; one query for all."""
        counted = Domain("state", "=", "posted") | (
            Domain("state", "=", "draft") & Domain("move_type", "=", "out_invoice")
        )
        groups = self.env["account.move"]._read_group(
            counted & Domain("hub_purchase_order_id", "in", self.ids),
            ["hub_purchase_order_id", "move_type"],
            ["amount_untaxed:sum"],
        )
        used = dict.fromkeys(self.ids, exact(0))
        for order, kind, amount in groups:
            used[order.id] += exact(-amount if kind == "out_refund" else amount)
        for order in self:
            order.used = float(used.get(order._origin.id, 0))
            order.left = float(exact(order.amount) - exact(order.used)) if order.amount else 0.0
            order.used_percent = percent(order.used, order.amount)

    @api.constrains("amount", "date_from", "date_to")
    def _check_purchase_order(self):
        for order in self:
            if order.amount < 0:
                raise ValidationError(self.env._("A purchase order is not for less than nothing."))
            if order.date_from and order.date_to and order.date_to < order.date_from:
                raise ValidationError(self.env._("A purchase order ends after it begins."))

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            refuse_guarded(self, vals, GUARDED)
        return super().create(vals_list)

    def write(self, vals):
        refuse_guarded(self, vals, GUARDED)
        if {"contract_id", "number"} & vals.keys() and self.sudo().move_ids:  # to look only
            raise UserError(
                self.env._("A purchase order that is on an invoice keeps its number and contract.")
            )
        changed = self.filtered(lambda order: order.amount != vals.get("amount", order.amount))
        result = super().write(vals)
        if changed:
            own_code(changed).told = 0  # of another amount people are told anew
        return result

    @api.ondelete(at_uninstall=False)
    def _unlink_except_used(self):
        if self.sudo().move_ids:  # to look only
            raise UserError(self.env._("A purchase order that is on an invoice is kept."))

    @api.model
    def _tell(self):
        """Tell who answers for the contract when 80 and 100 % are drawn; each once."""
        told = 0
        for order in self.search([("amount", ">", 0), ("contract_id.state", "=", "active")]):
            notice = reached(order.used, order.amount, order.told)
            if not notice:
                continue
            own_code(order).told = notice
            order.contract_id._hub_tell(
                self.env._(
                    "Purchase order %(number)s: %(percent)s %% used",
                    number=order.number,
                    percent=notice,
                ),
                self.env._(
                    "%(left)s of %(amount)s %(currency)s are left. Ask the customer for the next one in time.",
                    left=f"{order.left:,.2f}",
                    amount=f"{order.amount:,.2f}",
                    currency=order.currency_id.name,
                ),
            )
            told += 1
        return told


class HubContract(models.Model):
    _inherit = "hub.contract"

    purchase_order_ids = fields.One2many(
        "hub.purchase.order", "contract_id", string="Purchase Orders"
    )

    def _hub_purchase_order(self, amount, day):
        """The purchase order that an invoice is drawn from: the first one valid that day with enough left."""
        self.ensure_one()
        return self.purchase_order_ids.filtered(
            lambda order: (
                (not order.date_from or order.date_from <= day)
                and (not order.date_to or order.date_to >= day)
                and (not order.amount or self.currency_id.compare_amounts(order.left, amount) >= 0)
            )
        )[:1]


class AccountMove(models.Model):
    _inherit = "account.move"

    hub_purchase_order_id = fields.Many2one(
        "hub.purchase.order",
        string="Drawn From",
        index="btree_not_null",
        check_company=True,
        ondelete="restrict",
        copy=False,
        help="The purchase order of the customer that this document is drawn from.",
    )

    @api.constrains("hub_purchase_order_id", "hub_contract_id")
    def _check_hub_purchase_order(self):
        for move in self.filtered("hub_purchase_order_id"):
            order = move.hub_purchase_order_id.sudo()  # to compare only
            if order.contract_id != move.hub_contract_id:
                raise ValidationError(
                    self.env._(
                        "Purchase order %s is of another contract. Choose one of the contract of this document.",
                        order.number,
                    )
                )

    def _hub_draw(self):
        """Choose the purchase order of drafts that have none, and write its number on invoices.

        What a credit note gives back goes to the one that its invoice was drawn from.
        """
        drafts = self.filtered(lambda move: not move.hub_purchase_order_id)
        for note in drafts.filtered(lambda move: move.move_type == "out_refund"):
            if note.reversed_entry_id.hub_purchase_order_id:
                note.hub_purchase_order_id = note.reversed_entry_id.hub_purchase_order_id
        for move in drafts.filtered(lambda move: move.move_type == "out_invoice"):
            contract = move.hub_contract_id.sudo()  # approvers outside the hub read only this
            day = move.invoice_date or fields.Date.context_today(move)
            order = contract.purchase_order_ids and contract._hub_purchase_order(
                move.amount_untaxed, day
            )
            if order:
                move.write({"hub_purchase_order_id": order.id, "ref": order.number})
