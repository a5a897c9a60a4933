from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ..guard import own_code


class HubAssignment(models.Model):
    """Who, or which role, works on a project: from when to when, how many hours, how surely."""

    _name = "hub.assignment"
    _description = "Assignment"
    _order = "date_start desc, id desc"
    _check_company_auto = True

    project_id = fields.Many2one(
        "project.project", required=True, index=True, ondelete="cascade", check_company=True
    )
    company_id = fields.Many2one(
        "res.company", required=True, index=True, default=lambda self: self.env.company
    )
    employee_id = fields.Many2one(
        "hr.employee", string="Person", index="btree_not_null", check_company=True
    )
    role_id = fields.Many2one("project.role", index="btree_not_null")
    hours = fields.Float(required=True, help="Planned hours over the whole time.")
    booking = fields.Selection(
        [("soft", "Soft: pencilled in"), ("firm", "Firm")], default="soft", required=True
    )
    date_start = fields.Date(string="From", required=True)
    date_end = fields.Date(string="To", required=True)
    note = fields.Char()
    active = fields.Boolean(default=True)

    @api.depends("employee_id", "role_id", "project_id")
    def _compute_display_name(self):
        for assignment in self:
            who = assignment.employee_id.name or assignment.role_id.name or ""
            assignment.display_name = f"{who}: {assignment.project_id.display_name}"

    @api.constrains("employee_id", "role_id", "hours", "date_start", "date_end")
    def _check_assignment(self):
        for assignment in self:
            if not assignment.employee_id and not assignment.role_id:
                raise ValidationError(
                    self.env._("An assignment names a person, or a role that is still open.")
                )
            if assignment.hours < 0 or assignment.date_end < assignment.date_start:
                raise ValidationError(
                    self.env._(
                        "An assignment ends after it starts, and its hours are not negative."
                    )
                )


class HubLeave(models.Model):
    """Time off as another system knows it. What is approved blocks the person's calendar."""

    _name = "hub.leave"
    _description = "Leave"
    _inherit = ["hub.kept"]
    _order = "date_from desc, id desc"
    _rec_name = "kind"

    employee_id = fields.Many2one("hr.employee", required=True, index=True, ondelete="cascade")
    company_id = fields.Many2one(related="employee_id.company_id", store=True, index=True)
    date_from = fields.Datetime(string="From", required=True)
    date_to = fields.Datetime(string="To", required=True)
    kind = fields.Char(default=lambda self: self.env._("Time off"))
    approval = fields.Selection(
        [
            ("draft", "Draft"),
            ("submitted", "Submitted"),
            ("approved", "Approved"),
            ("rejected", "Rejected"),
        ],
        default="draft",
        required=True,
    )
    calendar_leave_id = fields.Many2one(
        "resource.calendar.leaves", string="In the Calendar", readonly=True, copy=False
    )

    @api.constrains("date_from", "date_to")
    def _check_dates(self):
        for leave in self:
            if leave.date_to < leave.date_from:
                raise ValidationError(self.env._("A leave ends after it starts."))

    @api.model_create_multi
    def create(self, vals_list):
        leaves = super().create(vals_list)
        leaves._block_calendar()
        return leaves

    def write(self, vals):
        result = super().write(vals)
        if {"employee_id", "date_from", "date_to", "approval"} & vals.keys():
            self._block_calendar()
        return result

    def unlink(self):
        self.calendar_leave_id.unlink()
        return super().unlink()

    def _block_calendar(self):
        """The calendar of a person is free again where a leave is not approved (any more)."""
        self.filtered(lambda leave: leave.approval != "approved").calendar_leave_id.unlink()
        for leave in self.filtered(lambda leave: leave.approval == "approved"):
            vals = {
                # Every colleague may read the calendar: why somebody is away is for HR.
                "name": self.env._("Time off"),
                "date_from": leave.date_from,
                "date_to": leave.date_to,
                "resource_id": leave.employee_id.resource_id.id,
                "calendar_id": leave.employee_id.resource_calendar_id.id,
                "company_id": leave.company_id.id,
            }
            if leave.calendar_leave_id:
                leave.calendar_leave_id.write(vals)
            else:
                booked = self.env["resource.calendar.leaves"].create(vals)
                own_code(leave).calendar_leave_id = booked
