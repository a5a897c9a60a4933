from contextlib import contextmanager

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError

from .guard import is_own_code, refuse_guarded

APPROVAL = [
    ("draft", "Draft"),
    ("submitted", "Submitted"),
    ("approved", "Approved"),
    ("rejected", "Rejected"),
]
# What an approval was given for; changing it takes the approval back.
GUARDED = ("hub_billing_id", "hub_source_hours", "hub_billable", "hub_hourly_cost")
APPROVED_FIELDS = ("unit_amount", "date", "project_id", "task_id", "so_line", "employee_id")


class AccountAnalyticLine(models.Model):
    """Time entries and re-invoiced expenses, with their approval and their place in the ledger.

    Odoo Community has no approval of timesheets. Here every entry carries one. Entries that people
    type into Odoo are approved at once unless their company asks for approval
    (``res.company.hub_timesheet_approval``), so a firm that does not use approval loses nothing.
    """

    _inherit = "account.analytic.line"

    hub_approval = fields.Selection(
        APPROVAL,
        string="Approval",
        default="approved",
        required=True,
        index=True,
        copy=False,
        help="Only approved time and expenses are delivered and billed.",
    )
    hub_submitted_at = fields.Datetime(string="Submitted On", readonly=True, copy=False)
    hub_approved_at = fields.Datetime(string="Approved On", readonly=True, copy=False)
    hub_source_hours = fields.Float(
        string="Hours in the Source",
        digits=(16, 6),
        readonly=True,
        copy=False,
        help="The hours as the time tracker reported them; the duration above is exact to the "
        "second.",
    )
    hub_hourly_cost = fields.Float(
        string="Hourly Cost When Booked",
        readonly=True,
        copy=False,
        digits=0,
        help="Odoo would price an entry anew with today's cost of the person whenever its hours "
        "are corrected, and so rewrite last year's margins after a rise.",
    )
    hub_billable = fields.Selection(
        [("yes", "Billable"), ("no", "Not billable")],
        string="Billable in the Source",
        readonly=True,
        copy=False,
    )
    hub_billing_ids = fields.One2many("hub.billing", "entry_id", string="Billing Ledger")
    hub_billing_id = fields.Many2one(
        "hub.billing",
        string="Billed As",
        compute="_compute_hub_billing_id",
        store=True,
        compute_sudo=True,
        index="btree_not_null",
        copy=False,
        help="The live row of the billing ledger; empty while the entry can be billed.",
    )

    @api.depends("hub_billing_ids.state")
    def _compute_hub_billing_id(self):
        for line in self:
            rows = line.hub_billing_ids
            line.hub_billing_id = rows.filtered(lambda row: row.state != "released")[:1]

    # --- approval ---------------------------------------------------------------------------------

    def _hub_may_approve(self):
        return self.env.su or self.env.user.has_group("hr_timesheet.group_hr_timesheet_approver")

    @api.model_create_multi
    def create(self, vals_list):
        may_approve = self._hub_may_approve()
        now = fields.Datetime.now()
        for vals in vals_list:
            refuse_guarded(self, vals, GUARDED)
            if not may_approve:
                vals.pop("hub_approval", None)
            timesheet = vals.get("project_id") or vals.get("task_id")
            if timesheet and vals.get("hub_approval", "approved") == "approved":
                vals.setdefault("hub_approved_at", now)
        asked = [vals.get("hub_approval") is None for vals in vals_list]
        # Odoo writes each new entry once more; that is nobody's edit (hub.edit).
        creating = self.with_context(hub_creating=True)
        lines = super(AccountAnalyticLine, creating).create(vals_list).with_env(self.env)
        waiting = self.browse(
            line.id
            for line, ask in zip(lines, asked, strict=True)
            if ask and line.project_id and line.company_id.hub_timesheet_approval
        )
        if waiting:
            # Written with sudo: the entry is new and the company's rule is not the user's choice.
            waiting.sudo().write({"hub_approval": "draft"})
        return lines

    def write(self, vals):
        refuse_guarded(self, vals, GUARDED)
        edited = self._hub_edited_by_hand(vals)
        result = self._hub_write_entries(dict(vals))
        if edited:
            # Written with sudo: what the source approved is not what stands here any more.
            edited.sudo().write({"hub_approval": "submitted"})
        return result

    def _hub_edited_by_hand(self, vals):
        """Entries that their source approved and that a person is about to change."""
        names = [name for name in APPROVED_FIELDS if name in vals]
        if not names or self.env.su or is_own_code(self.env) or "hub_approval" in vals:
            return self.browse()
        edited = self.filtered(
            lambda line: (
                (line.hub_source_hours or line.hub_billable)
                and line.hub_approval == "approved"
                and any(
                    line._fields[name].convert_to_write(line[name], line)
                    != line._fields[name].convert_to_write(
                        line._fields[name].convert_to_record(
                            line._fields[name].convert_to_cache(vals[name], line), line
                        ),
                        line,
                    )
                    for name in names
                )
            )
        )
        edited._hub_check_not_posted()
        return edited

    def _hub_write_entries(self, vals):
        if vals.get("employee_id"):
            vals["hub_hourly_cost"] = 0.0  # another person, another cost
        if "timesheet_invoice_id" in vals:
            held = self._hub_held(vals["timesheet_invoice_id"])
            rest = {name: value for name, value in vals.items() if name != "timesheet_invoice_id"}
            if held and rest:
                super(AccountAnalyticLine, held).write(rest)
            return super(AccountAnalyticLine, self - held).write(vals)
        if "hub_approval" in vals:
            vals = self._hub_approval_values(vals)
            if vals["hub_approval"] != "approved":
                self._hub_check_not_posted()
                with self._hub_taken_off_drafts(self.env._("approval withdrawn")):
                    return super().write(vals)
        result = super().write(vals)
        if any(name in vals for name in APPROVED_FIELDS) and not self._hub_may_approve():
            changed = self.filtered(
                lambda line: line.hub_approval != "draft" and line.company_id.hub_timesheet_approval
            )
            # Written with sudo: a changed entry needs its approval again, whoever changed it.
            if changed and "hub_approval" not in vals:
                changed.sudo().write({"hub_approval": "draft"})
        return result

    def _hub_approval_values(self, vals):
        """``vals`` with the times that go with the approval in them."""
        state = vals["hub_approval"]
        if not self._hub_may_approve() and state not in ("draft", "submitted"):
            raise AccessError(self.env._("Only timesheet approvers approve or reject time."))
        now = fields.Datetime.now()
        if state == "approved":
            return {"hub_approved_at": now, **vals}
        vals = {**vals, "hub_approved_at": False}
        return {"hub_submitted_at": now, **vals} if state == "submitted" else vals

    def _hub_held(self, invoice_id):
        """Entries whose link to an invoice the ledger holds, and not to ``invoice_id``.

        Odoo clears the link on any credit note of the order line. While the ledger holds the
        entry, the link stays where the ledger says.
        """
        return self.filtered(
            lambda line: (
                line.sudo().hub_billing_id and line.sudo().hub_billing_id.move_id.id != invoice_id
            )
        )

    def _hub_check_not_posted(self):
        rows = self.sudo().hub_billing_id.filtered(  # to look, whoever writes
            lambda row: row.state in ("posted", "credited")
        )
        if rows:
            raise UserError(
                self.env._(
                    "%(count)s of these entries are billed on %(invoices)s. Credit the invoice "
                    "first.",
                    count=len(rows),
                    invoices=", ".join(sorted(set(rows.move_id.mapped("name")))),
                )
            )

    @contextmanager
    def _hub_taken_off_drafts(self, reason):
        """Change entries that are on a draft invoice: take them off, change, put them back.

        Odoo refuses any change of an entry that is on an invoice. Inside this context the entries
        of ``self`` are free; when it ends, those that are still approved, on an order line of the
        draft and in its period are billed on it again with their new hours, its quantities are
        recomputed and its approval starts over.
        """
        rows = self.sudo().hub_billing_id.filtered(  # the ledger is written by code only
            lambda row: row.state == "draft"
        )
        invoice_lines, moves, entries = rows.invoice_line_id, rows.move_id, rows.entry_id
        rows._release(reason)
        yield moves
        if moves:
            moves._hub_rebill(invoice_lines, entries)

    def action_hub_submit(self):
        """Hand the entries in for approval."""
        entries = self.filtered(lambda line: line.hub_approval in ("draft", "rejected"))
        entries.write({"hub_approval": "submitted"})

    def action_hub_approve_time(self):
        """Approve the entries: they count as delivered and can be billed."""
        entries = self.filtered(lambda line: line.hub_approval != "approved")
        entries.write({"hub_approval": "approved"})

    def action_hub_reject_time(self):
        """Send the entries back; those on a draft invoice leave it, billed ones cannot."""
        self.write({"hub_approval": "rejected"})

    # --- cost -------------------------------------------------------------------------------------

    def _hourly_cost(self):
        """The cost of the day the entry was booked, once there is one."""
        return self.hub_hourly_cost or super()._hourly_cost()

    def _timesheet_postprocess_values(self, values):
        result = super()._timesheet_postprocess_values(values)
        for line in self.sudo():  # costs are kept for people who may not see them
            if "amount" in result[line.id] and not line.hub_hourly_cost:
                result[line.id]["hub_hourly_cost"] = line._hourly_cost()
        return result

    # --- deletion ---------------------------------------------------------------------------------

    @api.ondelete(at_uninstall=False)
    def _unlink_except_billed(self):
        held = self.sudo().filtered("hub_billing_id")  # to look, whoever deletes
        if held:
            raise UserError(
                self.env._(
                    "%(count)s of these entries are on %(invoices)s and cannot be deleted. Take "
                    "their approval back first; then they leave the draft invoice.",
                    count=len(held),
                    invoices=", ".join(held.hub_billing_id.move_id.mapped("display_name")),
                )
            )
