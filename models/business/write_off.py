from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools import float_compare
from odoo.tools.misc import formatLang

from ...core.billing import UNIT_DIGITS
from .locked import locked
from .retainer_apply import _part_beyond

PIECES_DAYS = 30  # so long what somebody proposed and approved by himself counts towards the limit


class HubWriteOff(models.Model):
    """Approved work that is not going to be billed: proposed with a reason, decided by a billing approver.

    What was given up stays in the billing ledger, entry by entry, so that nothing is billed later by mistake and
    the loss is seen. Everything here is written by code; people ask and decide.
    """

    _name = "hub.write.off"
    _description = "Write-Off of Work"
    _inherit = ["mail.thread"]
    _order = "id desc"
    _check_company_auto = True

    name = fields.Char(compute="_compute_name", string="Write-Off")
    contract_id = fields.Many2one(
        "hub.contract",
        required=True,
        readonly=True,
        index=True,
        check_company=True,
        ondelete="restrict",
    )
    company_id = fields.Many2one(related="contract_id.company_id", store=True, index=True)
    partner_id = fields.Many2one(related="contract_id.partner_id")
    currency_id = fields.Many2one(related="contract_id.currency_id", store=True)
    reason = fields.Char(required=True, readonly=True)
    author_id = fields.Many2one(
        "res.users", string="Proposed By", readonly=True, default=lambda self: self.env.user
    )
    state = fields.Selection(
        [
            ("proposed", "To approve"),
            ("approved", "Written off"),
            ("refused", "Refused"),
            ("undone", "Billable again"),
        ],
        default="proposed",
        required=True,
        readonly=True,
        index=True,
        tracking=True,
    )
    decided_by_id = fields.Many2one("res.users", readonly=True, tracking=True)
    decided_at = fields.Datetime(readonly=True)
    line_ids = fields.One2many("hub.write.off.line", "write_off_id", readonly=True, string="Work")
    hours = fields.Float(compute="_compute_totals", store=True)
    amount = fields.Monetary(
        compute="_compute_totals",
        store=True,
        help="Untaxed, at the price of the order lines: what will not be billed.",
    )

    @api.depends("contract_id", "create_date")
    def _compute_name(self):
        for one in self:
            one.name = f"{one.contract_id.code or ''} {fields.Date.to_string(one.create_date) or ''}".strip()

    @api.depends("line_ids.hours", "line_ids.amount")
    def _compute_totals(self):
        for one in self:
            one.hours = sum(one.line_ids.mapped("hours"))
            one.amount = one.currency_id.round(sum(one.line_ids.mapped("amount")))

    # --- asking -------------------------------------------------------------------------------------

    @api.model
    def _propose(self, entries, reason):
        """A proposal for each contract of ``entries``.

        :param entries: approved time and expenses that are not in the ledger; who calls has seen to it that the user
            may ask for it
        :param reason: why it is not billed, as a person typed it
        :raise UserError: when something of it is not waiting to be billed
        """
        entries = entries.sudo()  # as any billing of them; whose they are was looked at before
        if not (reason or "").strip():
            raise UserError(self.env._("Say why it is not billed. The reason stays in the ledger."))
        if not entries:
            raise UserError(self.env._("Choose the time and expenses that shall not be billed."))
        billed = entries.so_line._hub_of_entries()
        waiting = entries.filtered(
            lambda entry: (
                entry.hub_approval == "approved"
                and entry.so_line in billed
                and not entry.hub_billing_id
            )
        )
        open_ones = self.sudo().line_ids.search_count(  # a number
            [("entry_id", "in", entries.ids), ("write_off_id.state", "=", "proposed")]
        )
        if waiting != entries or open_ones:
            raise UserError(
                self.env._(
                    "%(count)s of these are not approved, bill nothing, are billed already, or are in another "
                    "proposal. Choose approved work that waits to be billed.",
                    count=len(entries - waiting) or open_ones,
                )
            )
        made = self.browse()
        for contract, group in entries.grouped(
            lambda e: e.so_line.order_id.hub_contract_id
        ).items():
            worth = self._worth(contract, group)
            one = self.sudo().create(  # by code only
                {
                    "contract_id": contract.id,
                    "reason": reason.strip(),
                    "author_id": self.env.uid,
                    "line_ids": [
                        fields.Command.create(
                            {
                                "entry_id": entry.id,
                                "sale_line_id": entry.so_line.id,
                                "date": entry.date,
                                "employee_id": entry.employee_id.id,
                                "hours": hours,
                                "amount": amount,
                            }
                        )
                        for entry, (hours, amount) in worth.items()
                    ],
                }
            )
            made += one
        return self.browse(made.ids)

    @api.model
    def _worth(self, contract, entries):
        """What of ``entries`` would be billed: ``{entry: (hours, untaxed amount)}``.

        :raise UserError: when a retainer covers one of them whole
        """
        retainer, shares, late = contract.retainer_ids, {}, set()
        if retainer:
            _rows, shares, late = retainer._state()[retainer]
        result = {}
        for entry in entries:
            line = entry.so_line
            time = line.qty_delivered_method == "timesheet"
            under = retainer and time and entry.id not in late and entry.id in shares
            part = _part_beyond(shares, entry) if under else 1.0
            if not part:
                raise UserError(
                    self.env._(
                        "%s is covered by the retainer: there is nothing of it to write off.",
                        entry.display_name,
                    )
                )
            hours = entry.hub_billable_quantity * part
            quantity = entry.product_uom_id._compute_quantity(
                hours, line.product_uom_id, round=False, raise_if_failure=False
            )
            amount = contract.currency_id.round(line._hub_worth(quantity))
            result[entry] = (hours if time else 0.0, amount)
        return result

    # --- deciding -----------------------------------------------------------------------------------

    def _check_may_decide(self):
        if not self.env.user.has_group("lead_to_cash_hub.group_hub_billing_approver"):
            raise AccessError(self.env._("Only billing approvers decide about write-offs."))
        self.check_access("read")

    def _decided(self, state):
        # By code only.
        self.sudo().write(
            {"state": state, "decided_by_id": self.env.uid, "decided_at": fields.Datetime.now()}
        )

    def action_approve(self):
        """Write it off: the ledger holds its entries, with what was given up."""
        self._check_may_decide()
        for one in locked(self, "proposed"):
            one._refuse_author()
            one._carry_out()
        return True

    def action_refuse(self):
        """Leave it billable; also whoever proposed it may take it back."""
        if any(one.author_id != self.env.user for one in self):
            self._check_may_decide()
        self.check_access("read")
        locked(self, "proposed")._decided("refused")
        return True

    def action_undo(self):
        """Make what was written off billable again."""
        self._check_may_decide()
        ones = locked(self, "approved")
        # The ledger is written by code only.
        rows = self.env["hub.billing"].sudo().search([("write_off_id", "in", ones.ids)])
        rows._release(self.env._("written off no more"))
        ones._decided("undone")
        return True

    def _refuse_author(self):
        """From the company's limit on, who proposed it does not decide about it, nor piece by piece."""
        company = self.company_id
        limit = company.hub_four_eyes_limit
        user = self.env.user
        [(before,)] = self.sudo()._read_group(  # a sum
            [
                ("contract_id", "=", self.contract_id.id),
                ("state", "=", "approved"),
                ("author_id", "=", user.id),
                ("decided_by_id", "=", user.id),
                ("decided_at", ">=", fields.Datetime.now() - timedelta(days=PIECES_DAYS)),
            ],
            [],
            ["amount:sum"],
        )
        amount = self.currency_id._convert(
            self.amount + (before or 0.0),
            company.currency_id,
            company,
            fields.Date.context_today(self),
        )
        if limit and self.author_id == self.env.user and abs(amount) >= limit:
            raise AccessError(
                self.env._(
                    "You proposed to write off %(amount)s, what you approved of your own in the last %(days)s days "
                    "included. From %(limit)s on another billing approver decides.",
                    days=PIECES_DAYS,
                    amount=formatLang(self.env, amount, currency_obj=company.currency_id),
                    limit=formatLang(self.env, limit, currency_obj=company.currency_id),
                )
            )

    def _carry_out(self):
        one = self.sudo()  # the ledger is written by code only
        lines = {line.entry_id: line for line in one.line_ids}
        entries = self.env["account.analytic.line"].sudo().union(*lines)
        same = entries.filtered(
            lambda entry: (
                entry.hub_approval == "approved"
                and entry.so_line == lines[entry].sale_line_id
                and not entry.hub_billing_id
            )
        )
        now = one._worth(one.contract_id, same)
        if len(same) < len(one.line_ids) or any(
            float_compare(hours, lines[entry].hours, precision_digits=UNIT_DIGITS)
            or one.currency_id.compare_amounts(amount, lines[entry].amount)
            for entry, (hours, amount) in now.items()
        ):
            raise UserError(
                self.env._(
                    "Some of this work was changed, billed or withdrawn since it was proposed. Refuse this one and "
                    "propose it again."
                )
            )
        self.env["hub.billing"].sudo()._enter(
            [
                {
                    "company_id": one.company_id.id,
                    "contract_id": one.contract_id.id,
                    "sale_line_id": entry.so_line.id,
                    "entry_id": entry.id,
                    "date": entry.date,
                    "employee_id": entry.employee_id.id,
                    "quantity": 0.0,
                    "worked": entry.hub_billable_quantity,
                    "amount": 0.0,
                    "written_off": amount,
                    "write_off_id": one.id,
                    "currency_id": one.currency_id.id,
                    "state": "written_off",
                    "reason": one.reason,
                    "user_id": self.env.uid,
                }
                for entry, (_hours, amount) in now.items()
            ]
        )
        self._decided("approved")


class HubWriteOffLine(models.Model):
    """One entry or expense of a write-off, as it was when it was proposed."""

    _name = "hub.write.off.line"
    _description = "Written-Off Entry"
    _order = "date, id"
    _rec_name = "entry_id"

    write_off_id = fields.Many2one(
        "hub.write.off", required=True, readonly=True, index=True, ondelete="cascade"
    )
    company_id = fields.Many2one(related="write_off_id.company_id", store=True, index=True)
    entry_id = fields.Many2one(
        "account.analytic.line",
        string="Time Entry or Expense",
        readonly=True,
        index=True,
        ondelete="set null",
    )
    sale_line_id = fields.Many2one(
        "sale.order.line", string="Order Line", readonly=True, ondelete="restrict", index=True
    )
    date = fields.Date(readonly=True)
    employee_id = fields.Many2one("hr.employee", readonly=True)
    hours = fields.Float(digits=(16, UNIT_DIGITS), readonly=True)
    amount = fields.Monetary(readonly=True)
    currency_id = fields.Many2one(related="write_off_id.currency_id")


class HubBilling(models.Model):
    _inherit = "hub.billing"

    written_off = fields.Monetary(
        readonly=True, help="Untaxed: what would have been billed of it and was given up."
    )
    write_off_id = fields.Many2one(
        "hub.write.off", readonly=True, index="btree_not_null", ondelete="restrict"
    )


class AccountAnalyticLine(models.Model):
    _inherit = "account.analytic.line"

    def action_hub_write_off(self):
        """Ask for the reason why these shall not be billed."""
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Write Off"),
            "res_model": "hub.write.off.ask",
            "views": [[False, "form"]],
            "target": "new",
            "context": {"default_entry_ids": self.ids},
        }
