from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.tools import format_date

from ...core.schedule import last_day


class HubRecurringChange(models.Model):
    """What is agreed later of a recurring service: indexation, another price, a pause, a cancellation.

    Days count, not who enters it when: periods that are billed stay as they were billed, the others follow at once.
    """

    _name = "hub.recurring.change"
    _description = "Change of a Recurring Service"
    _order = "date_from, id"
    _check_company_auto = True

    line_id = fields.Many2one(
        "hub.contract.line", string="Contract Line", required=True, ondelete="cascade", index=True
    )
    contract_id = fields.Many2one(related="line_id.contract_id", store=True, index=True)
    company_id = fields.Many2one(related="line_id.company_id", store=True, index=True)
    currency_id = fields.Many2one(related="line_id.currency_id")
    kind = fields.Selection(
        [
            ("index", "Indexation"),
            ("price", "Another price"),
            ("pause", "Pause"),
            ("cancel", "Cancelled"),
        ],
        string="What",
        required=True,
        default="index",
    )
    date_from = fields.Date(
        string="From",
        required=True,
        help="The first day of the new price or of the pause; of a cancellation, the day on which notice was given.",
    )
    date_to = fields.Date(
        string="Until",
        compute="_compute_date_to",
        store=True,
        readonly=False,
        help="The last day of the pause (empty: until further notice); of a cancellation, the last day of the service, "
        "worked out by the notice of the contract unless another one was agreed.",
    )
    percent = fields.Float(digits=(16, 4), help="More, or less below zero, than before.")
    price = fields.Monetary(string="New Price", help="Of a whole period, untaxed.")
    reason = fields.Char(
        required=True, help="What was agreed: an index and its value, a letter, a mail of a day."
    )

    @api.depends("kind", "date_from", "line_id.notice_months", "line_id.notice_whole")
    def _compute_date_to(self):
        for change in self:
            terms = change.line_id._hub_terms()
            if change.kind == "cancel" and terms and change.date_from:
                line = change.line_id
                change.date_to = last_day(
                    terms, change.date_from, max(line.notice_months, 0), line.notice_whole
                )
            elif change.kind == "pause":
                change.date_to = change.date_to  # as it was typed
            else:
                change.date_to = False

    @api.constrains("line_id", "kind", "date_from", "date_to", "percent", "price")
    def _check_change(self):
        for change in self:
            if change.line_id.kind != "recurring":
                raise ValidationError(
                    self.env._("%s is no recurring service.", change.line_id.name)
                )
            if change.kind == "index" and (not change.percent or change.percent <= -100):
                raise ValidationError(
                    self.env._("An indexation has a percent, and leaves more than nothing.")
                )
            if change.kind == "price" and change.price < 0:
                raise ValidationError(self.env._("A price is not less than nothing."))
            if change.kind == "pause" and change.date_to and change.date_to < change.date_from:
                raise ValidationError(self.env._("A pause ends after it begins."))
            if change.kind == "cancel" and not change.date_to:
                raise ValidationError(self.env._("Say until which day the service still runs."))

    @api.model_create_multi
    def create(self, vals_list):
        lines = self.env["hub.contract.line"].browse(
            {vals.get("line_id") for vals in vals_list} - {None}
        )
        before = lines._hub_billed_beyond()
        changes = super().create(vals_list)
        changes._hub_refuse_closed()
        changes._hub_note(self.env._("Agreed"))
        changes.line_id._hub_follow_change(before)
        return changes

    def write(self, vals):
        if self.filtered("line_id.started") and vals:
            raise UserError(
                self.env._(
                    "What was agreed is kept. Remove it, with what it changes, and enter what holds instead."
                )
            )
        result = super().write(vals)
        if "line_id" in vals and self.filtered("line_id.started"):
            raise UserError(self.env._("Enter it on the line of the contract that it is for."))
        return result

    def unlink(self):
        self.check_access("unlink")
        self._hub_refuse_closed()
        lines = self.line_id
        before = lines._hub_billed_beyond()
        self._hub_note(self.env._("Taken back"))
        result = super().unlink()
        lines._hub_follow_change(before)
        return result

    def _hub_refuse_closed(self):
        closed = self.contract_id.filtered(lambda contract: contract.state == "closed")
        if closed:
            raise UserError(
                self.env._(
                    "%s is closed: nothing of it is billed any more.",
                    ", ".join(closed.mapped("display_name")),
                )
            )

    def _hub_note(self, what):
        """On the contract, so that its chatter says what held when."""
        kinds = dict(self._fields["kind"]._description_selection(self.env))
        for change in self.filtered("line_id.started"):
            kind = kinds[change.kind]
            if change.kind == "index":
                kind = f"{kind} {change.percent:g} %"
            elif change.kind == "price":
                kind = f"{kind} {change.line_id._hub_money(change.price)}"
            change.contract_id.message_post(
                body=self.env._(
                    "%(what)s for “%(line)s”: %(kind)s, from %(first)s until %(last)s. %(reason)s",
                    what=what,
                    line=change.line_id.name,
                    kind=kind,
                    first=format_date(self.env, change.date_from),
                    last=format_date(self.env, change.date_to) or self.env._("further notice"),
                    reason=change.reason,
                )
            )
