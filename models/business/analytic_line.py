from contextlib import contextmanager

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError

from ...core.billing import to_seconds
from ..guard import is_own_code, refuse_guarded
from .billing import LEDGER_READERS

APPROVAL = [
    ("draft", "Draft"),
    ("submitted", "Submitted"),
    ("approved", "Approved"),
    ("rejected", "Rejected"),
]
# What an approval was given for; changing it takes the approval back.
GUARDED = (
    "hub_billing_id", "hub_source_hours", "hub_source_billable_hours", "hub_billable", "hub_billable_quantity",
    "hub_hourly_cost", "hub_entered_by_id", "hub_approved_by_id", "hub_retainer_period_id", "hub_approved_at",
    "hub_submitted_at", "hub_retainer_covered", "hub_adjusts_id", "hub_adjusted",
)  # fmt: skip
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
    # Contacts, because people of a time tracker have no user in Odoo. Who worked is the employee.
    hub_entered_by_id = fields.Many2one(
        "res.partner",
        string="Entered By",
        readonly=True,
        copy=False,
        ondelete="set null",
        help="Who typed it, in Odoo or in the time tracker; empty where that is not known.",
    )
    hub_approved_by_id = fields.Many2one(
        "res.partner",
        string="Approved By",
        readonly=True,
        copy=False,
        ondelete="set null",
        help="Who approved it, in Odoo or in the time tracker; empty where nobody did or it is not known.",
    )
    hub_source_hours = fields.Float(
        string="Hours in the Source",
        digits=(16, 6),
        readonly=True,
        copy=False,
        help="The hours as the time tracker reported them; the duration above is exact to the "
        "second.",
    )
    hub_source_billable_hours = fields.Float(
        string="Billable Hours in the Source",
        digits=(16, 6),
        readonly=True,
        copy=False,
        help="What the time tracker bills of these hours, where it says so. 0: all of them.",
    )
    hub_billable_quantity = fields.Float(
        string="Billable Quantity",
        compute="_compute_hub_billable_quantity",
        store=True,
        precompute=True,  # unrounded, as the hours worked are: three times twenty minutes is an hour
        help="What is billed: the hours worked, or what the time tracker says of exactly these hours.",
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
    hub_billing_ids = fields.One2many(
        "hub.billing", "entry_id", string="Billing Ledger", groups=LEDGER_READERS
    )
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

    @api.depends("unit_amount", "hub_source_hours", "hub_source_billable_hours")
    def _compute_hub_billable_quantity(self):
        for line in self:
            said = line.hub_source_billable_hours
            # Of hours that somebody corrected in Odoo the source has said nothing.
            holds = said and to_seconds(line.unit_amount) == to_seconds(line.hub_source_hours)
            line.hub_billable_quantity = to_seconds(said) / 3600 if holds else line.unit_amount

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
        typed = not self.env.su and not is_own_code(self.env)
        for vals in vals_list:
            refuse_guarded(self, vals, GUARDED)
            if typed:
                vals["hub_entered_by_id"] = self.env.user.partner_id.id
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
        """Entries that their source approved and that a person is about to change.

        :raise UserError: when the ledger has settled them; Odoo itself guards only what is on an invoice
        """
        names = [name for name in APPROVED_FIELDS if name in vals]
        if not names or self.env.su or is_own_code(self.env):
            return self.browse()
        changed = self.filtered(
            lambda line: any(
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
        settled = changed.filtered(  # to look, whoever writes
            lambda line: line.sudo().hub_billing_id.state in ("written_off", "consumed")
        )
        settled._hub_check_not_posted()
        if "hub_approval" in vals:
            return self.browse()
        edited = changed.filtered(
            lambda line: (
                (line.hub_source_hours or line.hub_billable) and line.hub_approval == "approved"
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
            person = not self.env.su and not is_own_code(self.env)
            who = self.env.user.partner_id.id if person else False
            return {"hub_approved_at": now, "hub_approved_by_id": who, **vals}
        vals = {**vals, "hub_approved_at": False, "hub_approved_by_id": False}
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
            lambda row: row.state in ("posted", "credited", "consumed", "written_off")
        )
        for state, group in rows.grouped("state").items():
            params = {
                "count": len(group),
                "names": ", ".join(sorted({row.move_id.name or row.reason or "" for row in group})),
            }
            if state == "written_off":
                text = self.env._(
                    "%(count)s of these entries are written off (%(names)s). Make them billable again first, in "
                    "Billing > Write-Offs.",
                    **params,
                )
            elif state == "consumed":
                text = self.env._(
                    "%(count)s of these entries are covered by a closed period (%(names)s) and do not change any more.",
                    **params,
                )
            else:
                text = self.env._(
                    "%(count)s of these entries are billed on %(names)s. Credit the invoice first.",
                    **params,
                )
            raise UserError(text)

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
        others = rows._worked_out_with()
        together = rows | others
        invoice_lines, moves = together.invoice_line_id, together.move_id
        entries = together.entry_id
        rows._release(reason, put_back=True)
        others._release(self.env._("worked out again"), put_back=True)
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
        """The cost of the day the entry was booked, once there is one; else the person's rate of the
        entry's own day. A rate that the project agreed on for the person goes first."""
        booked = 0.0 if self.env.context.get("hub_creating") else self.hub_hourly_cost
        if booked:
            return booked
        agreed = (
            self.project_id.pricing_type == "employee_rate" and self._get_employee_mapping_entry()
        )
        dated = None if agreed or not self.employee_id else self.employee_id._hub_cost_on(self.date)
        return super()._hourly_cost() if dated is None else dated

    @api.model
    def _hub_priced(self, vals_list):
        """Values of new entries with the cost that Odoo will come to. It asks anew for each, and writes
        an entry a second time only where this was not foreseen: a rate of the project, another currency,
        a module's own rule."""
        # Costs are kept for people who may not see them, as Odoo does it.
        employees = self.env["hr.employee"].sudo().browse({v["employee_id"] for v in vals_list})
        own = self.env.company.currency_id
        known = {one.id: one for one in employees if one.currency_id == own}
        for vals in vals_list:
            employee = known.get(vals["employee_id"])
            if employee is not None:
                dated = employee._hub_cost_on(fields.Date.to_date(vals.get("date")))
                cost = employee.hourly_cost if dated is None else dated
                vals["hub_hourly_cost"] = cost
                vals["amount"] = own.round(-vals["unit_amount"] * cost)
        return vals_list

    def _timesheet_postprocess_values(self, values):
        result = super()._timesheet_postprocess_values(values)
        creating = self.env.context.get("hub_creating")
        for line in self.sudo():  # costs are kept for people who may not see them
            vals = result[line.id]
            if "amount" in vals and (creating or not line.hub_hourly_cost):
                vals["hub_hourly_cost"] = line._hourly_cost()
            if creating and all(line[name] == value for name, value in vals.items()):
                vals.clear()  # foreseen when it was created: nothing is left to write
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
