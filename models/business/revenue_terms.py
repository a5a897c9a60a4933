"""When the price of a contract line is earned: a method a line, proposed when it is written, changed with a reason."""

from odoo import api, fields, models
from odoo.exceptions import AccessError, ValidationError

from ..guard import own_code, refuse_guarded
from .approvers import APPROVER
from .contract import SEE_MONEY

METHODS = [
    ("as_billed", "As billed"),
    ("worked", "As worked and approved"),
    ("milestone", "Milestones accepted"),
    ("straight_line", "Straight line over the service period"),
    ("hours", "Hours, percent of complete"),
]
# Which of them a line can have: only a fixed price is earned otherwise than by what is billed of it.
FITTING = {
    "time_material": ("worked", "as_billed"),
    "reimbursable": ("worked", "as_billed"),
    "milestone": ("milestone", "straight_line", "hours", "as_billed"),
    "schedule": ("as_billed",),
    "recurring": ("as_billed",),
}
GUARDED = ("revenue_method", "service_from", "service_to")


class ResCompany(models.Model):
    _inherit = "res.company"

    hub_revenue_method = fields.Selection(
        [method for method in METHODS if method[0] in FITTING["milestone"]],
        string="Fixed Prices Are Earned",
        default="milestone",
        help="What a new contract line of a fixed price begins with, where its service says nothing. Time and "
        "expenses are earned as they are worked and approved.",
    )
    hub_revenue_journal_id = fields.Many2one(
        "account.journal",
        string="Journal of Revenue Runs",
        check_company=True,
        domain="[('type', '=', 'general')]",
    )
    hub_accrued_account_id = fields.Many2one(
        "account.account",
        string="Accrued Income",
        check_company=True,
        domain="[('account_type', '=', 'asset_current')]",
        help="What is earned and not billed stands here at the end of a month. Nothing else is booked on it.",
    )
    hub_deferred_account_id = fields.Many2one(
        "account.account",
        string="Deferred Income",
        check_company=True,
        domain="[('account_type', '=', 'liability_current')]",
        help="What is billed and not earned stands here at the end of a month. Nothing else is booked on it.",
    )


class ProductTemplate(models.Model):
    _inherit = "product.template"

    hub_revenue_method = fields.Selection(
        METHODS,
        string="Revenue Is Earned",
        help="What a new contract line of this service begins with, if it fits the kind of the line. Empty: what the "
        "company says.",
    )


class HubContractLine(models.Model):
    _inherit = "hub.contract.line"

    revenue_method = fields.Selection(
        METHODS,
        string="Revenue Is Earned",
        compute="_compute_revenue_method",
        store=True,
        precompute=True,
        help="Changed with a reason only, by a billing approver: it alters what is recognised.",
    )
    service_from = fields.Date(
        readonly=True,
        copy=False,
        help="Of a line that is earned straight. Empty: the start of the contract.",
    )
    service_to = fields.Date(readonly=True, copy=False, help="Empty: the end of the contract.")
    estimate_hours = fields.Float(
        string="Hours to Complete",
        copy=False,
        help="Of a line that is earned by hours: how many more it will take.",
    )
    estimate_on = fields.Date(
        string="Estimated On", copy=False, help="Since when this is thought. Empty: no estimate."
    )

    @api.depends("kind", "product_id")
    def _compute_revenue_method(self):
        for line in self:
            fitting = FITTING.get(line.kind, ("as_billed",))
            proposed = line.product_id.hub_revenue_method
            if proposed not in fitting and line.kind == "milestone":
                company = line.contract_id.company_id or self.env.company
                proposed = company.hub_revenue_method
            line.revenue_method = proposed if proposed in fitting else fitting[0]

    @api.constrains("estimate_hours")
    def _check_estimate(self):
        if any(line.estimate_hours < 0 for line in self):
            raise ValidationError(self.env._("What is left to do is not less than nothing."))

    @api.constrains("service_from", "service_to")
    def _check_service(self):
        if any(
            line.service_from and line.service_to and line.service_from > line.service_to
            for line in self
        ):
            raise ValidationError(self.env._("The service period ends before it begins."))

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            refuse_guarded(self, vals, GUARDED)
        return super().create(vals_list)

    def write(self, vals):
        refuse_guarded(self, vals, GUARDED)
        if "estimate_hours" not in vals:
            return super().write(vals)
        # Who says how many hours are left says it of today, if of no other day.
        vals = {"estimate_on": fields.Date.context_today(self), **vals}
        before = {line: (line.estimate_hours, line.estimate_on) for line in self}
        result = super().write(vals)
        self._note_estimates(before)
        return result

    def _note_estimates(self, before):
        """Each estimate alters what is recognised: who gave which stays on the contract."""
        changed = self.filtered(
            lambda line: before[line] != (line.estimate_hours, line.estimate_on)
        )
        for contract, lines in changed.grouped("contract_id").items():
            contract.message_post(
                body="\n".join(
                    self.env._(
                        "%(line)s: %(now)s h to complete, estimated on %(day)s (before: %(old)s).",
                        line=line.name,
                        now=f"{line.estimate_hours:g}",
                        day=line.estimate_on or "",
                        old=f"{before[line][0]:g} h" if before[line][1] else self.env._("none"),
                    )
                    for line in lines
                )
            )

    def action_change_revenue(self):
        """Ask for another method or period, and the reason."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("How Revenue Is Earned"),
            "res_model": "hub.revenue.change",
            "views": [[False, "form"]],
            "target": "new",
            "context": {
                "default_line_id": self.id,
                "default_method": self.revenue_method,
                "default_service_from": self.service_from,
                "default_service_to": self.service_to,
            },
        }

    def _change_revenue(self, method, service_from, service_to, reason):
        """Take over another method and period, and keep the reason on the contract.

        :raise AccessError: to whoever is no billing approver
        :raise ValidationError: a method that does not fit the kind of the line, or no reason
        """
        self.ensure_one()
        if not self.env.user.has_group(APPROVER):
            raise AccessError(self.env._("Only billing approvers change how revenue is earned."))
        self.check_access("read")
        words = dict(self._fields["revenue_method"]._description_selection(self.env))
        if method not in FITTING[self.kind]:
            raise ValidationError(
                self.env._(
                    "%(line)s cannot be earned by “%(method)s”. Choose one of: %(fitting)s.",
                    line=self.name,
                    method=words.get(method, method or ""),
                    fitting=", ".join(words[name] for name in FITTING[self.kind]),
                )
            )
        if not (reason or "").strip():
            raise ValidationError(
                self.env._("Say why it is earned otherwise. The reason stays on the contract.")
            )
        old = self._said_revenue(words)
        # With sudo: approvers do not edit contracts, and nobody writes this by hand.
        line = own_code(self.sudo())
        line.write(
            {"revenue_method": method, "service_from": service_from, "service_to": service_to}
        )
        line.contract_id.message_post(
            body=self.env._(
                "%(line)s: revenue is earned “%(new)s” (before: “%(old)s”). Reason: %(reason)s",
                line=self.name,
                new=self._said_revenue(words),
                old=old,
                reason=reason.strip(),
            ),
        )

    def _said_revenue(self, words):
        method = words.get(self.revenue_method, "")
        if not (self.service_from or self.service_to):
            return method
        return f"{method}, {self.service_from or ''} – {self.service_to or ''}"

    def action_view_positions(self):
        """How this line stood at the end of each month."""
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "lead_to_cash_hub.hub_revenue_line_action"
        )
        return {**action, "domain": [("contract_line_id", "=", self.id)], "context": {}}


class HubContract(models.Model):
    _inherit = "hub.contract"

    revenue_position = fields.Monetary(
        compute="_compute_revenue_position",
        compute_sudo=True,
        groups=SEE_MONEY,
        help="Earned less billed, at the end of the last month whose revenue was posted: accrued income above zero, "
        "deferred income below.",
    )

    def _compute_revenue_position(self):
        last = self.env["hub.revenue.line"]._last_of(self.line_ids)
        for contract in self:
            contract.revenue_position = sum(
                last[line.id].position for line in contract.line_ids if line.id in last
            )

    def action_view_revenue(self):
        """How each line of this contract is earned, and how it stands."""
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "lead_to_cash_hub.hub_contract_line_action_revenue"
        )
        return {**action, "domain": [("contract_id", "=", self.id)]}
