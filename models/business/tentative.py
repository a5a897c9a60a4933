from odoo import api, fields, models
from odoo.addons.project.models.project_task import CLOSED_STATES

from ..guard import own_code, refuse_guarded

GUARDED = {"hub_tentative_lead_id", "hub_tentative_template_id", "hub_tentative_doubt"}
ACTIVITY = "mail.mail_activity_data_todo"


class ResCompany(models.Model):
    _inherit = "res.company"

    hub_tentative_from = fields.Float(
        string="Tentative Projects From (%)",
        help="An open deal at least so likely gets a tentative project from the template of its service line, so "
        "that people can be planned for it. Won, it becomes the project of the contract; lost or less likely, it is "
        "archived, or you are asked if people worked on it. 0: no project before a deal is won.",
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
    hub_tentative_doubt = fields.Boolean(
        string="Asked Whether to Keep It",
        readonly=True,
        copy=False,
        help="Its deal does not need it any more, but people worked on it: somebody was asked.",
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
        project._hub_needed_again()
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

    def _hub_needed_again(self):
        """The deals of these tentative projects are likely enough: they are there, and nobody is asked."""
        self.filtered(lambda project: not project.active).action_unarchive()
        asked = self.filtered("hub_tentative_doubt")
        if asked:
            asked.with_context(active_test=True).activity_unlink(
                [ACTIVITY]
            )  # what was answered stays
            own_code(asked).hub_tentative_doubt = False

    def _hub_let_go(self):
        """The deals of these tentative projects do not need them now: they are archived, but for those that people
        worked on. There somebody is asked, once."""
        worked = self._hub_worked_on()
        (self - worked).filtered("active").action_archive()
        for project in worked.filtered(lambda one: one.active and not one.hub_tentative_doubt):
            project._hub_ask_to_keep()

    def _hub_worked_on(self):
        """Those in which somebody booked time, finished or added a task, or wrote a message. Who is planned for a
        task has not worked on it. A query a kind."""
        if not self:
            return self
        found = self.browse()
        booked = self.env["account.analytic.line"]._read_group(
            [("project_id", "in", self.ids)], ["project_id"]
        )
        found |= self.browse(project.id for (project,) in booked)
        tasks = self.env["project.task"].with_context(active_test=False)
        tasks = tasks.search([("project_id", "in", self.ids)])
        for task in tasks:
            project = task.project_id
            if task.state in CLOSED_STATES or task.create_uid != project.create_uid:
                found |= project
        # With sudo: that somebody wrote counts, not what.
        messages = self.env["mail.message"].sudo()
        written = messages._read_group(
            [("message_type", "in", ("comment", "email")),
             "|", "&", ("model", "=", "project.project"), ("res_id", "in", self.ids),
             "&", ("model", "=", "project.task"), ("res_id", "in", tasks.ids)],
            ["model", "res_id"],
        )  # fmt: skip
        for model, res_id in written:
            found |= self.browse(res_id) if model == self._name else tasks.browse(res_id).project_id
        return found

    def _hub_ask_to_keep(self):
        """Who leads the project, or owns the deal, says what becomes of it."""
        self.ensure_one()
        lead = self.hub_tentative_lead_id
        user = self.user_id or lead.user_id or self.env.user
        mine = self.with_context(lang=user.lang, mail_activity_quick_update=True)
        _ = mine.env._
        whys = {
            "lost": _("“%s” was lost.", lead.name),
            "won": _("“%s” was won and has another project.", lead.name),
        }
        mine.activity_schedule(
            ACTIVITY,
            summary=_("Archive this tentative project?"),
            note=_(
                "%(why)s People worked on this tentative project, so it was not archived. Archive it, or mark this as "
                "done to keep it.",
                why=whys.get(lead.won_status) or _("“%s” is less likely now.", lead.name),
            ),
            user_id=user.id,
        )
        own_code(self).hub_tentative_doubt = True


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
        needed = falling = self.env["project.project"]
        for item in items:
            lead = leads.get(item.res_id)
            if lead is None or lead.hub_contract_id:
                continue
            project = known.get(lead.id, needed.browse())
            if lead.won_status == "lost" or self._likely(item, lead) < least:
                falling |= project
            elif project:
                needed |= project
            else:
                self._make_tentative(item, lead)
        needed._hub_needed_again()
        falling._hub_let_go()

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
