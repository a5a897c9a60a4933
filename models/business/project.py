from odoo import api, fields, models

from ..guard import refuse_guarded
from .billing import LEDGER_READERS


class ProjectProject(models.Model):
    _inherit = "project.project"

    hub_contract_ids = fields.One2many("hub.contract", "project_id")
    hub_contract_id = fields.Many2one(
        "hub.contract",
        string="Contract",
        compute="_compute_hub_contract_id",
        store=True,
        compute_sudo=True,
        index="btree_not_null",
    )
    hub_code = fields.Char(related="hub_contract_id.code", string="Project Code", store=True)
    hub_team_ids = fields.Many2many(
        "hr.employee",
        "hub_project_team_rel",
        string="Team",
        copy=False,
        help="Who works on this project; trackers are told to let them book time on it.",
    )
    hub_open_role_ids = fields.Many2many(
        "project.role",
        string="Roles To Fill",
        compute="_compute_hub_open_role_ids",
        help="Roles that tasks of this project ask for and nobody fills yet.",
    )

    @api.depends("hub_contract_ids")
    def _compute_hub_contract_id(self):
        for project in self:
            project.hub_contract_id = project.hub_contract_ids[:1]

    @api.depends("task_ids.role_ids")
    def _compute_hub_open_role_ids(self):
        for project in self:
            project.hub_open_role_ids = project.task_ids.role_ids

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            refuse_guarded(self, vals, {"hub_contract_id", "hub_code"})
        return super().create(vals_list)

    def write(self, vals):
        refuse_guarded(self, vals, {"hub_contract_id", "hub_code"})
        return super().write(vals)

    def action_hub_fill_role(self):
        """Ask who takes one of the open roles."""
        self.ensure_one()
        roles = self.hub_open_role_ids
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Fill a Role"),
            "res_model": "hub.fill.role",
            "view_mode": "form",
            "target": "new",
            "context": {
                "default_project_id": self.id,
                "default_role_id": roles.id if len(roles) == 1 else False,
            },
        }

    def hub_fill_role(self, role, employee):
        """Give a role of this project to a person.

        Their user is assigned to the tasks of the role, the request is closed, and when it was the
        last one the contract is ready.

        :param role: project.role record
        :param employee: hr.employee record
        """
        self.ensure_one()
        tasks = self.task_ids.filtered(lambda task: role in task.role_ids)
        # The user of an employee is read with sudo: project managers have no rights in HR.
        user = employee.sudo().user_id
        for task in tasks:
            task.write(
                {
                    "role_ids": [fields.Command.unlink(role.id)],
                    "user_ids": [fields.Command.link(user.id)] if user else [],
                }
            )
        # Written with sudo: project managers have no rights in HR, but build their own team.
        self.sudo().write({"hub_team_ids": [fields.Command.link(employee.id)]})
        self.activity_ids.filtered(
            lambda activity: activity.summary == self._hub_role_summary(role)
        ).action_done()
        self._hub_mark_ready()

    @api.model
    def _hub_role_summary(self, role):
        return self.env._("Fill the role “%(role)s”", role=role.name)

    def _hub_request_roles(self, template, roles):
        """Ask for people: mark the tasks that need them and give the manager one activity a role.

        Odoo forgets the roles of a template's tasks once the project exists; here the open ones
        stay on the tasks until :meth:`hub_fill_role`.
        """
        self.ensure_one()
        wanted = {}
        for task in template.task_ids:
            wanted.setdefault(task.name, self.env["project.role"])
            wanted[task.name] |= task.role_ids
        for task in self.task_ids:
            needed = wanted.get(task.name, self.env["project.role"]).filtered(
                lambda role: role in roles
            )
            if needed:
                task.role_ids = needed
        for role in roles:
            self.with_context(mail_activity_quick_update=True).activity_schedule(
                "mail.mail_activity_data_todo",
                summary=self._hub_role_summary(role),
                note=self.env._(
                    "%(count)s people of the company have this role. Choose who works on the "
                    "project.",
                    count=len(role.sudo().hub_employee_ids),  # a number, no HR data
                ),
                user_id=self.user_id.id or self.env.uid,
            )

    def _hub_mark_ready(self):
        """Note the first time when contract, project and the whole team exist."""
        ready = self.filtered(lambda project: not project.hub_open_role_ids)
        contracts = ready.sudo().hub_contract_id.filtered(  # a time stamp, written by code only
            lambda contract: not contract.ready_at and contract.state == "active"
        )
        contracts.write({"ready_at": fields.Datetime.now()})


class ProjectTask(models.Model):
    _inherit = "project.task"

    hub_product_id = fields.Many2one(
        "product.product",
        string="Billed As",
        help="On a template's task: the service of the deal that its time is billed as.",
    )

    def write(self, vals):
        result = super().write(vals)
        if "role_ids" in vals:
            # A role that was taken off by hand is no request any more.
            self.project_id.filtered("hub_contract_id")._hub_mark_ready()
        return result


class ProjectMilestone(models.Model):
    _inherit = "project.milestone"

    hub_billing_ids = fields.One2many(
        "hub.billing", "milestone_id", string="Billing Ledger", groups=LEDGER_READERS
    )
    hub_billing_id = fields.Many2one(
        "hub.billing",
        string="Billed As",
        compute="_compute_hub_billing_id",
        store=True,
        compute_sudo=True,
        index="btree_not_null",
        copy=False,
    )

    @api.depends("hub_billing_ids.state")
    def _compute_hub_billing_id(self):
        for milestone in self:
            rows = milestone.hub_billing_ids
            milestone.hub_billing_id = rows.filtered(lambda row: row.state != "released")[:1]

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            refuse_guarded(self, vals, {"hub_billing_id"})
        return super().create(vals_list)

    def write(self, vals):
        refuse_guarded(self, vals, {"hub_billing_id"})
        return super().write(vals)


class ProjectRole(models.Model):
    _inherit = "project.role"

    hub_employee_ids = fields.Many2many(
        "hr.employee",
        "hub_role_employee_rel",
        string="People",
        help="Who takes this role. When it is exactly one active person of the company, a new "
        "project gets that person; otherwise the project asks for somebody.",
    )

    def write(self, vals):
        """Who takes another role, or one less, may have a rate now: their time that waits for one looks again."""
        if "hub_employee_ids" not in vals:
            return super().write(vals)
        # With sudo: terms and time, whoever keeps the roles.
        people = self.sudo().hub_employee_ids
        result = super().write(vals)
        after = self.sudo().hub_employee_ids
        if changed := (people | after) - (people & after):
            self.env["account.analytic.line"].sudo().search(
                [
                    ("employee_id", "in", changed.ids),
                    ("project_id.hub_contract_id.rate_card_id", "!=", False),
                    ("hub_billing_id", "=", False),
                    ("so_line", "!=", False),
                    ("so_line.hub_rated_from_id", "=", False),
                ]
            )._hub_price_anew()
        return result
