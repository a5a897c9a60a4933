from odoo import api, fields, models
from odoo.exceptions import UserError

from ..models.guard import own_code


class HubContractClose(models.TransientModel):
    """End a contract of which instalments are not billed or a service still runs: say what becomes of them."""

    _name = "hub.contract.close"
    _description = "Close a Contract"

    contract_id = fields.Many2one("hub.contract", required=True, readonly=True)
    currency_id = fields.Many2one(related="contract_id.currency_id")
    rest_count = fields.Integer(compute="_compute_rest", string="Not Billed Yet")
    rest_amount = fields.Monetary(compute="_compute_rest", string="They Come To")
    service_count = fields.Integer(compute="_compute_rest")
    rest = fields.Selection(
        [("bill", "Bill them now, then close"), ("drop", "Bill none of them and close")],
        string="What Becomes of Them",
        default="bill",
        required=True,
        help="Billed now: they are due today and stand in the next billing run; the contract is closed once they are "
        "billed, by Close. Dropped: they are never billed.",
    )
    last_day = fields.Date(
        string="Services End On",
        required=True,
        default=fields.Date.context_today,
        help="Recurring services are billed until this day.",
    )
    reason = fields.Char(required=True)

    @api.depends("contract_id", "last_day")
    def _compute_rest(self):
        for wizard in self:
            lines = wizard.contract_id.line_ids
            rows = self._rest(wizard.contract_id)
            wizard.rest_count = len(rows)
            wizard.rest_amount = sum(rows.mapped("amount"))
            wizard.service_count = len(self._running(lines, wizard.last_day))

    @api.model
    def _rest(self, contract):
        return contract.sudo().line_ids.instalment_ids._hub_open().sudo(False)  # to look only

    @api.model
    def _running(self, lines, day):
        return lines.filtered(
            lambda line: line.kind == "recurring" and (not line.ends_on or line.ends_on > day)
        )

    def action_confirm(self):
        """End the services, and bill or drop what is left."""
        self.ensure_one()
        contract = self.contract_id
        contract.check_access("write")
        if contract.state != "active":
            raise UserError(self.env._("%s is not active.", contract.display_name))
        if not (self.reason or "").strip():
            raise UserError(self.env._("Say why it ends."))
        today = fields.Date.context_today(self)
        if (
            self.rest == "drop"
            and self.last_day > today
            and self._running(contract.line_ids, today)
        ):
            raise UserError(
                self.env._(
                    "A service that ends on a day to come is billed until then: bill the rest, or let it end today."
                )
            )
        self.env["hub.recurring.change"].create(
            [
                {
                    "line_id": line.id,
                    "kind": "cancel",
                    "date_from": today,
                    "date_to": self.last_day,
                    "reason": self.reason,
                }
                for line in self._running(contract.line_ids, self.last_day)
            ]
        )
        rows = own_code(
            self._rest(contract).sudo()
        )  # written by code; this user may end the contract
        if self.rest == "drop":
            rows._hub_drop(self.reason, self.env.user)
            own_code(contract).write({"state": "closed"})
        else:
            later = rows.filtered(lambda row: row.date > today)
            later.write({"date": today})
            later._hub_replan()
            contract._hub_open_due(today)
        contract.message_post(
            body=self.env._(
                "%(count)s instalments or periods (%(amount)s) that were not billed: %(what)s. %(reason)s",
                count=len(rows),
                amount=contract.line_ids[:1]._hub_money(sum(rows.mapped("amount"))),
                what=dict(self._fields["rest"]._description_selection(self.env))[self.rest],
                reason=self.reason,
            )
        )
        return {"type": "ir.actions.act_window_close"}
