from odoo import api, fields, models
from odoo.exceptions import UserError

from .promise import READERS


class HubDispute(models.Model):
    """An invoice whose customer contests it: why, who opened it, who closed it and with what outcome.

    While it is open, the invoice is blocked as Odoo blocks one: it is not dunned, its contract is left out of billing
    runs, bank lines are not matched with it by themselves. Written by code only.
    """

    _name = "hub.dispute"
    _description = "Dispute"
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
    reason = fields.Char(required=True, readonly=True)
    opened_by_id = fields.Many2one("res.users", readonly=True)
    opened_at = fields.Datetime(string="Opened On", readonly=True, default=fields.Datetime.now)
    closed_by_id = fields.Many2one("res.users", readonly=True)
    closed_at = fields.Datetime(string="Closed On", readonly=True)
    outcome = fields.Char(readonly=True)
    reference = fields.Char(
        string="At the Provider",
        readonly=True,
        index="btree_not_null",
        help="The dispute's own id, where the customer's bank took the payment back through a provider.",
    )
    payment_id = fields.Many2one("account.payment", string="Disputed Payment", readonly=True)
    currency_id = fields.Many2one("res.currency", readonly=True)
    amount = fields.Monetary(string="Disputed", readonly=True)
    answer_by = fields.Datetime(
        readonly=True, help="Until then the provider takes evidence; without it the money is lost."
    )
    withdrawal_id = fields.Many2one("account.payment", string="Taken By", readonly=True)
    reinstatement_id = fields.Many2one("account.payment", string="Came Back By", readonly=True)
    state = fields.Selection(
        [("open", "Open"), ("closed", "Closed")],
        default="open",
        required=True,
        readonly=True,
        index=True,
    )

    _open_unique = models.UniqueIndex(
        "(move_id, COALESCE(reference, '')) WHERE state = 'open'",
        "This invoice is in dispute already.",
    )

    @api.model
    def _open(self, move, reason):
        """Hold an invoice; in Odoo it is blocked.

        :raise UserError: without a reason, or when it is in dispute already
        """
        move._hub_check_collectable()
        reason = self._said(reason)
        if move.hub_disputed:
            raise UserError(self.env._("%s is in dispute already.", move.name))
        # Written by code only; the right to the invoice was looked at above.
        dispute = self.sudo().create(
            {"move_id": move.id, "reason": reason, "opened_by_id": self.env.uid}
        )
        # Somebody may have blocked it by Odoo's own button. What Odoo calls paid, for a payment that the bank has not
        # shown, it does not block: the dispute alone holds it.
        if move.payment_state not in ("blocked", "in_payment", "paid"):
            move.action_toggle_block_payment()
        move.message_post(body=self.env._("Dispute opened: %s", reason))
        return dispute

    @api.model
    def _close_of(self, move, outcome):
        """The dispute of an invoice is over, with this outcome."""
        move.check_access("write")
        outcome = self._said(outcome)
        disputes = self.sudo().search([("move_id", "=", move.id), ("state", "=", "open")])
        if not disputes:
            raise UserError(self.env._("%s is in no dispute.", move.name))
        disputes._close(outcome)

    def _said(self, words):
        if not (words or "").strip():
            raise UserError(self.env._("Say it in some words: they stay with the invoice."))
        return words.strip()

    def action_open(self):
        """The invoice."""
        return self.move_id.get_formview_action()

    def _close(self, outcome):
        self.write(
            {
                "state": "closed",
                "outcome": outcome,
                "closed_by_id": self.env.uid,
                "closed_at": fields.Datetime.now(),
            }
        )
        others = self.search([("move_id", "in", self.move_id.ids), ("state", "=", "open")]).move_id
        for move in self.move_id:
            if move.payment_state == "blocked" and move not in others:
                move.action_toggle_block_payment()
            move.message_post(body=self.env._("Dispute closed: %s", outcome))

    def _reopen(self):
        """It goes on, whatever was said when it was closed."""
        self.write({"state": "open", "outcome": False, "closed_by_id": False, "closed_at": False})
        for dispute in self:
            dispute.move_id.message_post(body=self.env._("Dispute opened: %s", dispute.reason))

    @api.model
    def _look(self):
        """Close disputes about what is settled meanwhile: Odoo keeps an invoice blocked, whatever is paid on it. What a
        provider decides ends when the provider says so."""
        over = self.search([("state", "=", "open"), ("reference", "=", False)]).filtered(
            lambda dispute: (
                dispute.move_id.state != "posted"
                or dispute.move_id.currency_id.is_zero(dispute.move_id.amount_residual)
            )
        )
        if over:
            over._close(self.env._("nothing is open any more"))
        return over


class AccountMove(models.Model):
    _inherit = "account.move"

    hub_dispute_ids = fields.One2many(
        "hub.dispute", "move_id", string="Disputes", readonly=True, groups=READERS
    )
    hub_disputed = fields.Char(
        string="In Dispute",
        groups="base.group_user",  # not for the customer in the portal
        compute="_compute_hub_disputed",
        compute_sudo=True,  # said to whoever sees the invoice, as its chatter does
        help="Why: of a dispute that is open. Nobody is reminded of this invoice.",
    )

    @api.depends("hub_dispute_ids.state")
    def _compute_hub_disputed(self):
        for move in self:
            disputes = move.hub_dispute_ids.filtered(lambda dispute: dispute.state == "open")
            move.hub_disputed = disputes[:1].reason

    def action_hub_dispute(self):
        """Ask why it is in dispute."""
        self.ensure_one()
        return self._hub_collect(self.env._("Open a Dispute"), "dispute")

    def action_hub_close_dispute(self):
        """Ask how it ended."""
        self.ensure_one()
        return self._hub_collect(self.env._("Close the Dispute"), "close")

    def action_toggle_block_payment(self):
        """Who unblocks an invoice by Odoo's own button ends its dispute."""
        result = super().action_toggle_block_payment()
        if self.payment_state != "blocked":
            # By code only: Odoo's button asks for the right to the invoice.
            left = (
                self.env["hub.dispute"]
                .sudo()
                .search([("move_id", "=", self.id), ("state", "=", "open")])
            )
            if left:
                left._close(self.env._("unblocked in Odoo"))
        return result


class ResPartner(models.Model):
    _inherit = "res.partner"

    hub_dispute_count = fields.Integer(
        string="In Dispute",
        compute="_compute_hub_dispute_count",
        groups="account.group_account_invoice,account.group_account_readonly",
    )

    def _compute_hub_dispute_count(self):
        groups = self.env["hub.dispute"]._read_group(
            [("partner_id", "in", self.commercial_partner_id.ids), ("state", "=", "open")],
            ["partner_id"],
            ["__count"],
        )
        counts = {partner.id: count for partner, count in groups}
        for partner in self:
            partner.hub_dispute_count = counts.get(partner.commercial_partner_id.id, 0)

    def action_hub_disputes(self):
        """What this customer contests."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Disputes"),
            "res_model": "hub.dispute",
            "views": [[False, "list"]],
            "domain": [("partner_id", "=", self.commercial_partner_id.id)],
            "context": {"search_default_open": 1},
        }
