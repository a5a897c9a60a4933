from odoo import api, models

from ...core.problem import Problem


class HubHandlerProject(models.AbstractModel):
    """Projects that begin elsewhere (in the Odoo of a sister firm): time of them can be booked here.

    A project of a contract is Odoo's own: nothing that a source says changes it. Off as shipped: the name of a
    project goes out only, until its direction is *Both*.
    """

    _inherit = "hub.handler.project"

    # canonical field → Odoo field
    _hub_read = {
        "name": "name",
        "client": "partner_id",
        "start_date": "date_start",
        "active": "active",
    }
    # a person as customer, who is read as a contact if at all: the project does without
    _hub_optional = frozenset({"client"})

    @api.model
    def _hub_taken(self):
        """Which fields are read at all, by their direction."""
        fields = self.env["hub.entity.field"].search_fetch(
            [("entity_id.code", "=", "project"), ("name", "in", list(self._hub_read))],
            ["name", "direction"],
        )
        return {field.name for field in fields if field.direction != "out"}

    @api.model
    def _hub_check(self, items):
        if "name" not in self._hub_taken():
            for item in items:
                item.skip = item.skip or "odoo_owns"

    @api.model
    def _hub_match(self, items):
        """A project of that very name, of the same customer where one is named, in the company; several are a
        question. One query."""
        wanted = {str(item.values.get("name") or "").strip() for item in items} - {""}
        projects = self.env["project.project"].with_context(active_test=False)
        found = projects.search([("name", "in", list(wanted))]) if wanted else projects
        for item in items:
            name = str(item.values.get("name") or "").strip()
            client = item.values.get("client")
            same = found.filtered(
                lambda p, name=name, client=client, item=item: (
                    p.name == name
                    and (not p.company_id or p.company_id.id == item.company_id)
                    and (
                        not client
                        or not p.partner_id
                        or client == p.partner_id.commercial_partner_id.id
                    )
                )
            )
            if len(same) == 1:
                item.res_id = same.id
            elif same:
                item.problem = Problem(
                    "ambiguous_match",
                    kind="identity",
                    cause=f"name:{name}",
                    name=name,
                    count=len(same),
                    key="name",
                    candidates=same.ids[:20],
                )
            elif not name:
                item.skip = "odoo_owns"

    @api.model
    def _hub_write(self, items):
        """Make what is new, with time to be booked on it; change what has no contract."""
        items = [item for item in items if item.open]
        ids = [item.res_id for item in items if item.res_id]
        projects = self.env["project.project"].with_context(active_test=False).browse(ids)
        projects.fetch([*self._hub_read.values(), "hub_contract_id"])
        taken, new = self._hub_taken(), []
        for item in items:
            project = projects.browse(item.res_id)
            if not item.res_id:
                new.append(item)
            elif project.hub_contract_id:
                item.skip = "odoo_owns" if item.link else None
            else:
                self._hub_change(item, project, taken)
        fresh = self.env["project.project"].create([self._hub_made(item) for item in new])
        for item, project in zip(new, fresh, strict=True):
            item.res_id = project.id
            item.audit = {name: [None, item.values.get(name)] for name in self._hub_read}

    @api.model
    def _hub_made(self, item):
        """A project as it is made; what it is made with, also of fields that are not followed later."""
        return {
            "name": item.values["name"],
            "partner_id": item.values.get("client") or False,
            "date_start": item.values.get("start_date") or False,
            "active": item.values.get("active") is not False,
            "company_id": item.company_id or self.env.company.id,
            "allow_timesheets": True,
            # no contract of ours bills it
            "allow_billable": False,
        }

    @api.model
    def _hub_change(self, item, project, taken):
        values = {}
        for name in item.changed & taken:
            column, value = self._hub_read[name], item.values.get(name)
            now = project[column].id if column == "partner_id" else project[column]
            if (value is None and column in ("name", "active")) or (value or False) == (
                now or False
            ):
                continue
            values[column] = value or False
            item.audit[name] = (now or None, value)
        if values:
            project.write(values)
