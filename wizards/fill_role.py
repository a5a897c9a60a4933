from odoo import fields, models


class HubFillRole(models.TransientModel):
    """Who takes a role that a project asks for."""

    _name = "hub.fill.role"
    _description = "Fill a Role"

    project_id = fields.Many2one("project.project", required=True, readonly=True)
    company_id = fields.Many2one(related="project_id.company_id")
    open_role_ids = fields.Many2many(related="project_id.hub_open_role_ids")
    role_id = fields.Many2one("project.role", required=True, domain="[('id', 'in', open_role_ids)]")
    employee_id = fields.Many2one(
        "hr.employee.public",
        string="Person",
        required=True,
        domain="[('company_id', '=', company_id)]",
    )

    def action_fill(self):
        """Put the person into the team, assign the tasks and close the request."""
        self.ensure_one()
        self.project_id.check_access("write")
        # The person is named with sudo: project managers have no rights in HR.
        employee = self.env["hr.employee"].sudo().browse(self.employee_id.id)
        self.project_id.hub_fill_role(self.role_id, employee)
        return {"type": "ir.actions.act_window_close"}
