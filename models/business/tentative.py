from odoo import api, fields, models

from .guard import own_code, refuse_guarded

GUARDED = {"hub_tentative_lead_id", "hub_tentative_template_id"}


class ResCompany(models.Model):
    _inherit = "res.company"

    hub_tentative_from = fields.Float(
        string="Tentative Projects From (%)",
        help="An open deal at least so likely gets a tentative project from the template of its service line, so "
        "that people can be planned for it. Won, it becomes the project of the contract; lost, it is archived. "
        "0: no project before a deal is won.",
    )


class ProjectProject(models.Model):
    _inherit = "project.project"

    hub_tentative_lead_id = fields.Many2one(
        "crm.lead",
        string="Tentative For",
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="set null",
        help="A deal that is not won yet. No time is booked on a tentative project, and no tracker knows it.",
    )
    hub_tentative_template_id = fields.Many2one(
        "project.project", readonly=True, copy=False, ondelete="set null"
    )

    _tentative_unique = models.UniqueIndex(
        "(hub_tentative_lead_id) WHERE hub_tentative_lead_id IS NOT NULL",
        "A deal has one tentative project.",
    )

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            refuse_guarded(self, vals, GUARDED)
        return super().create(vals_list)

    def write(self, vals):
        refuse_guarded(self, vals, GUARDED)
        return super().write(vals)

    @api.model
    def _hub_tentative_of(self, leads):
        """``{lead id: tentative project, archived or not}``; one query."""
        projects = self.with_context(active_test=False)
        found = projects.search([("hub_tentative_lead_id", "in", leads.ids)])
        return {project.hub_tentative_lead_id.id: project for project in found}

    def _hub_convert(self, template, values, filled):
        """Make this tentative project that of a contract.

        :param template: what it was made of; :param values: of the project of a contract
        :param filled: ``{role: employee}``, who takes which role
        """
        self.ensure_one()
        project = self.with_context(active_test=True)
        own_code(project).write(
            {**values, "active": True, "hub_tentative_lead_id": False, "hub_tentative_template_id": False}
        )  # fmt: skip
        roles = {task.name: task.role_ids for task in template.task_ids}
        for task in project.task_ids:
            for role in roles.get(task.name, ()):
                if role in filled:
                    # The user of an employee is read with sudo: the technical user has no rights in HR.
                    task.user_ids |= filled[role].sudo().user_id
        return project


class HubHandlerOpportunity(models.AbstractModel):
    """Projects of deals that are likely, and what becomes of them."""

    _inherit = "hub.handler.opportunity"

    @api.model
    def _hub_write(self, items):
        result = super()._hub_write(items)
        least = self.env.company.hub_tentative_from
        if least > 0:
            self._follow_tentative([item for item in items if item.open], least)
        return result

    @api.model
    def _follow_tentative(self, items, least):
        leads = self._leads(items)
        known = self.env["project.project"]._hub_tentative_of(
            self.env["crm.lead"].union(*leads.values())
        )
        for item in items:
            lead = leads.get(item.res_id)
            if lead is None or lead.hub_contract_id:
                continue
            project = known.get(lead.id)
            if lead.won_status == "lost":
                if project and project.active:
                    project.action_archive()
            elif self._likely(item, lead) >= least:
                if project:
                    project.filtered(lambda one: not one.active).action_unarchive()
                else:
                    self._make_tentative(item, lead)

    @api.model
    def _likely(self, item, lead):
        """How likely a deal is, in percent: as the source says, else as Odoo estimates."""
        said = item.values.get("likelihood")
        return lead.probability if said is None else float(said)

    @api.model
    def _make_tentative(self, item, lead):
        """A project from the deal's template, as far as it names one."""
        template = self._template(item)
        company = self.env.company
        if not template or template.company_id not in (company, company.browse()):
            return
        project = template.action_create_from_template(
            {
                "name": lead.name,
                "partner_id": lead.partner_id.id,
                "company_id": company.id,
                "allow_billable": True,
                "allow_timesheets": False,
            }
        )
        own_code(project).write(
            {"hub_tentative_lead_id": lead.id, "hub_tentative_template_id": template.id}
        )
