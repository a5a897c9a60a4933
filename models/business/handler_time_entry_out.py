from odoo import api, models
from odoo.tools import float_repr

from ...core.billing import exact

# canonical reference → field of the line; told by the id that the other side has for it
POINTS = {"project": "project_id", "task": "task_id", "employee": "employee_id"}


class HubHandlerTimeEntry(models.AbstractModel):
    """Time that was booked here, for a system that keeps time of the same projects."""

    _inherit = "hub.handler.time_entry"

    @api.model
    def _hub_roots(self, model, ids):
        return list(ids) if model == "account.analytic.line" else []

    @api.model
    def _hub_new(self, records, system):
        """Time of projects that the system has; of before the cut-over (its start date, else the day it was
        made) it gets none. What corrects a billed entry is no work of its own."""
        begin = system.start_date or system.create_date.date()
        time = records.filtered(
            lambda line: (
                line.project_id
                and line.employee_id
                and line.date >= begin
                and not line.hub_adjusts_id
            )
        )
        there = self._hub_names("project", time.project_id.ids, system)
        return time.filtered(lambda line: line.project_id.id in there)

    @api.model
    def _hub_compose(self, records, system):
        """Day, hours and note, with project, task and person as the system names them."""
        records = records.filtered(lambda line: line.project_id and line.employee_id)
        names = {
            entity: self._hub_names(entity, records[column].ids, system)
            for entity, column in POINTS.items()
        }
        return {
            line.id: {
                "date": line.date,
                "hours": exact(float_repr(line.unit_amount, 6)),
                "note": line.name or None,
                **{entity: names[entity].get(line[column].id) for entity, column in POINTS.items()},
            }
            for line in records
        }

    @api.model
    def _hub_names(self, entity, ids, system):
        """``{our id: the system's id}`` of linked records, with one query."""
        self.env.cr.execute(
            """SELECT DISTINCT ON (l.res_id) l.res_id, l.external_id FROM hub_link l
                 JOIN hub_entity e ON e.id = l.entity_id AND e.code = %s
                WHERE l.system_id = %s AND l.res_model = e.model_name AND l.res_id = ANY(%s)
                  AND l.merged_into IS NULL AND NOT coalesce(l.erased, FALSE)
                ORDER BY l.res_id, l.id DESC""",
            [entity, system.id, list(ids)],
        )
        return dict(self.env.cr.fetchall())
