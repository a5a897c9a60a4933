from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.tools import SQL

from ...core.terms import Rounding, percent, reached
from ..guard import own_code, refuse_guarded
from .contract import SEE_MONEY

GUARDED = ("cap_told",)


class HubContract(models.Model):
    """How the time of a contract is counted, and up to which amount it is billed."""

    _inherit = "hub.contract"

    cap_amount = fields.Monetary(
        string="Not to Exceed",
        tracking=True,
        groups=SEE_MONEY,
        help="Untaxed, for time. What is over is shown and not billed until the cap is raised. 0: no cap.",
    )
    cap_used = fields.Monetary(
        string="Billed of the Cap",
        compute="_compute_cap_used",
        compute_sudo=True,
        groups=SEE_MONEY,
    )
    cap_percent = fields.Integer(
        string="Cap Used (%)", compute="_compute_cap_used", compute_sudo=True, groups=SEE_MONEY
    )
    cap_told = fields.Integer(readonly=True, copy=False, help="The last notice that was given.")
    round_level = fields.Selection(
        [
            ("none", "As worked"),
            ("entry", "Each entry"),
            ("day", "A person's day"),
            ("invoice", "An invoice line"),
        ],
        string="Time Is Rounded By",
        default="none",
        required=True,
        tracking=True,
        help="Worked time is kept; only what is billed is rounded.",
    )
    round_minutes = fields.Integer(string="Rounded To (minutes)", default=15, tracking=True)
    round_direction = fields.Selection(
        [("up", "Up"), ("nearest", "To the nearest")],
        string="Rounded",
        default="up",
        required=True,
        tracking=True,
    )

    @api.constrains("cap_amount", "round_minutes")
    def _check_terms(self):
        for contract in self.sudo():  # the amount is not shown to everybody who edits a contract
            if contract.cap_amount < 0:
                raise ValidationError(self.env._("A cap is not less than nothing."))
            if not 1 <= contract.round_minutes <= 480:
                raise ValidationError(self.env._("Time is rounded to 1 to 480 minutes."))

    @api.depends("billing_ids.state", "cap_amount", "move_ids.state")
    def _compute_cap_used(self):
        used = self._hub_cap_used()
        for contract in self:
            contract.cap_used = used.get(contract.id, 0.0)
            contract.cap_percent = percent(contract.cap_used, contract.cap_amount)

    def _hub_cap_used(self):
        """What of the caps is billed or on a draft, untaxed, less what corrections of time gave back.

        :return: ``{contract id: amount}``; two queries.
        """
        groups = (
            self.env["hub.billing"]
            .sudo()  # sums, not rows
            ._read_group(
                [
                    ("contract_id", "in", self.ids),
                    ("state", "in", ("draft", "posted")),
                    ("sale_line_id.qty_delivered_method", "=", "timesheet"),
                ],
                ["contract_id"],
                ["amount:sum"],
            )
        )
        used = {contract.id: amount for contract, amount in groups}
        credited = (
            self.env["account.move"]
            .sudo()  # as above
            ._read_group(
                [
                    ("hub_contract_id", "in", self.ids),
                    ("hub_adjusts_id", "!=", False),
                    ("state", "=", "posted"),
                ],
                ["hub_contract_id"],
                ["amount_untaxed:sum"],
            )
        )
        for contract, amount in credited:
            used[contract.id] = used.get(contract.id, 0.0) - amount
        return used

    def _hub_rounding(self):
        self.ensure_one()
        return Rounding(self.round_level, self.round_minutes, self.round_direction)

    def _hub_has_terms(self):
        """Contracts of ``self`` whose time is not simply billed as it was worked."""
        return self.filtered(lambda contract: contract.cap_amount or contract.round_level != "none")

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            refuse_guarded(self, vals, GUARDED)
        return super().create(vals_list)

    def write(self, vals):
        refuse_guarded(self, vals, GUARDED)
        changed = self.browse()
        if "cap_amount" in vals:
            # With sudo: the amount is not shown to everybody; whoever may not write it is refused below.
            changed = self.filtered(lambda c: c.sudo().cap_amount != vals["cap_amount"])
        result = super().write(vals)
        if changed:
            own_code(changed).cap_told = 0  # of another cap people are told anew
        return result

    # --- notices ----------------------------------------------------------------------------------

    @api.model
    def _hub_tell_limits(self):
        """Tell who answers for a contract when 80 and 100 % of its cap are worked; each once. One query.

        :return: number of notices.
        """
        told = 0
        work = self._hub_worked_of_caps()
        for contract in self.browse(work):
            notice = reached(work[contract.id], contract.cap_amount, contract.cap_told)
            if not notice:
                continue
            own_code(contract).cap_told = notice
            contract._hub_tell(
                self.env._("%(percent)s %% of the cap is worked", percent=notice),
                self.env._(
                    "%(used)s of %(cap)s %(currency)s, billed and approved. Raise the cap by a change order, or "
                    "what is over stays unbilled.",
                    used=f"{work[contract.id]:,.2f}",
                    cap=f"{contract.cap_amount:,.2f}",
                    currency=contract.currency_id.name,
                ),
            )
            told += 1
        return told

    def _hub_tell(self, summary, note):
        """An activity for who answers for the contract; a note on it where nobody is left who could act."""
        user = self._hub_who_answers()
        if not user:
            self.message_post(subject=summary, body=note)
            return
        self.activity_schedule(
            "mail.mail_activity_data_todo", summary=summary, note=note, user_id=user.id
        )

    def _hub_who_answers(self):
        """The salesperson of its deal or order, the project's manager, who made it, else a billing approver.

        Only somebody who can act: in the firm, still there, and allowed to see the contract.
        """
        contract = self.sudo()  # whom to ask does not depend on who looks
        people = contract.lead_id.user_id | contract.sale_order_id.user_id
        people |= contract.project_id.user_id | contract.create_uid
        people |= self.env.ref("lead_to_cash_hub.group_hub_billing_approver").sudo().all_user_ids
        people -= self.env.ref("lead_to_cash_hub.user_hub")  # nobody signs in as it
        company = contract.company_id
        for user in people:
            if user.active and user._is_internal() and company in user.company_ids:
                seen = contract.with_user(user).with_context(allowed_company_ids=company.ids)
                if seen.has_access("read"):
                    return user
        return people.browse()

    @api.model
    def _hub_worked_of_caps(self):
        """Billed and approved time of active contracts with a cap, untaxed: ``{contract id: amount}``."""
        self.env.flush_all()
        rows = self.env.execute_query(
            SQL(
                """
                SELECT c.id,
                       COALESCE((SELECT SUM(b.amount)
                                   FROM hub_billing b JOIN sale_order_line l ON l.id = b.sale_line_id
                                  WHERE b.contract_id = c.id AND b.state IN ('draft', 'posted')
                                    AND l.qty_delivered_method = 'timesheet'), 0)
                     - COALESCE((SELECT SUM(m.amount_untaxed) FROM account_move m
                                  WHERE m.hub_contract_id = c.id AND m.hub_adjusts_id IS NOT NULL
                                    AND m.state = 'posted'), 0)
                     + COALESCE((SELECT SUM(a.hub_billable_quantity::numeric * l.hub_hour_price)
                                   FROM sale_order_line l JOIN account_analytic_line a ON a.so_line = l.id
                                  WHERE l.order_id = c.sale_order_id AND l.qty_delivered_method = 'timesheet'
                                    AND a.project_id IS NOT NULL AND a.hub_approval = 'approved'
                                    AND NOT EXISTS (SELECT 1 FROM hub_billing b
                                                     WHERE b.entry_id = a.id AND b.state != 'released')), 0)
                  FROM hub_contract c
                 WHERE c.state = 'active' AND c.cap_amount > 0
                """
            )
        )
        return {contract: float(amount) for contract, amount in rows}
