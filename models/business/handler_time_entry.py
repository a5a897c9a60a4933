from odoo import api, fields, models

from ...core.billing import exact, to_seconds
from ...core.problem import Problem
from ..guard import own_code
from .handler_time_entry_check import READ

# Time that was booked here and comes back: the other side knows hours and texts, and not who approved what.
SAID_HERE = frozenset({"approval", "approver", "enterer", "billable", "billable_hours"})
# What says who did something, and no more: it never touches an invoice.
UNBILLED = frozenset({"name", "hub_entered_by_id", "hub_approved_by_id"})


class HubHandlerTimeEntry(models.AbstractModel):
    """Time from a tracker: timesheets with the approval they have there."""

    _inherit = "hub.handler.time_entry"

    @api.model
    def _hub_write(self, items):
        """Create all new entries in one call; change known ones, off their draft invoices."""
        items = [item for item in items if item.open]
        ids = [self._known_id(item) for item in items if self._known_id(item)]
        entries = {
            entry.id: entry
            for entry in own_code(self.env["account.analytic.line"]).search_fetch(
                [("id", "in", ids)], READ
            )
        }
        new, contacts = [], self._contacts(items)
        for item in items:
            entry = entries.get(self._known_id(item))
            if not entry:
                new.append(item)
                continue
            item.res_id = entry.id
            self._update(item, entry, contacts)
        lines = own_code(self.env["account.analytic.line"])
        created = lines.create(
            lines._hub_priced([self._values(i, i.values, contacts) for i in new])
        )
        for item, entry in zip(new, created, strict=True):
            item.res_id = entry.id
            item.audit.update({name: (None, value) for name, value in item.values.items()})

    @api.model
    def _contacts(self, items):
        """``{employee id: contact id}`` of who entered and approved these; one query, or none."""
        people = {item.values.get(name) for item in items for name in self._hub_optional} - {None}
        if not people:
            return {}
        employees = self.env["hr.employee"].sudo().with_context(active_test=False)  # as in _facts
        found = employees.search_fetch([("id", "in", list(people))], ["work_contact_id"])
        return {one.id: one.work_contact_id.id for one in found}

    @api.model
    def _values(self, item, names, contacts, entry=None):
        """Odoo's values of the canonical fields ``names`` of one entry, known or new."""
        values, result = item.values, {}
        if "employee" in names:
            result["employee_id"] = values["employee"]
        if "project" in names or "task" in names:
            result["project_id"] = values["project"]
            result["task_id"] = values.get("task") or False
        if "date" in names:
            result["date"] = values["date"]
        if "note" in names:
            result["name"] = values.get("note") or "/"
        if "hours" in names:
            # Whole seconds as the nearest float: 20 minutes are 1200 s, not 0.33 h.
            corrected = to_seconds(entry.hub_adjusted) if entry else 0
            result["unit_amount"] = (to_seconds(values["hours"]) - corrected) / 3600
            result["hub_source_hours"] = float(exact(values["hours"]))
        if "billable_hours" in names:
            result["hub_source_billable_hours"] = float(exact(values["billable_hours"] or 0))
        billable = self._billable(values)
        if {"billable", "billable_hours"} & set(names) and billable is not None:
            result["hub_billable"] = "yes" if billable else "no"
            if billable:
                result["is_so_line_edited"] = False
            else:
                result.update(is_so_line_edited=True, so_line=False)
        if "enterer" in names:
            result["hub_entered_by_id"] = contacts.get(values["enterer"]) or False
        if "approval" in names:
            self._approval_values(item, result)
        if "approval" in names or "approver" in names:
            approved = self._approval(item) == "approved"
            approver = contacts.get(values.get("approver")) if approved else None
            result["hub_approved_by_id"] = approver or False
        return result

    @api.model
    def _approval_values(self, item, result):
        approval = self._approval(item)
        result["hub_approval"] = approval
        when = item.changed_at.replace(tzinfo=None) if item.changed_at else fields.Datetime.now()
        if approval == "approved":
            result["hub_approved_at"] = when
        if approval in ("submitted", "approved") and not item.link:
            result["hub_submitted_at"] = when

    @api.model
    def _update(self, item, entry, contacts):
        names = item.changed & item.values.keys()
        if item.own:
            names -= SAID_HERE
        values = {
            name: value
            for name, value in self._values(item, names, contacts, entry).items()
            if self._current(entry, name) != (value or False)
        }
        for name in names:
            item.audit[name] = (None, item.values[name])
        if not values or values.keys() <= {"hub_source_hours", "hub_approved_at"}:
            return
        if values.keys() <= UNBILLED:
            entry.write(values)
            return
        for field, canonical in (
            ("unit_amount", "hours"),
            ("date", "date"),
            ("hub_approval", "approval"),
        ):
            if field in values:
                item.audit[canonical] = (entry[field], item.values.get(canonical))
        with entry._hub_taken_off_drafts(self.env._("changed in the time tracker")):
            entry.write(values)
            if "is_so_line_edited" in values and values["is_so_line_edited"] is False:
                self.env.add_to_compute(entry._fields["so_line"], entry)

    @api.model
    def _current(self, entry, name):
        value = entry[name]
        return (value.id if entry._fields[name].relational else value) or False

    # --- delete -----------------------------------------------------------------------------------

    @api.model
    def _hub_delete(self, items):
        """Worked time is never deleted because a tracker no longer shows it."""
        facts = self._facts(items)
        for item in items:
            entry = facts["entry"].get(self._known_id(item))
            if not item.open:
                continue
            if not entry:
                item.skip = "unknown"
                continue
            row = entry.sudo().hub_billing_id  # as in _check_billed
            item.problem = Problem(
                "deleted_at_source",
                kind="conflict",
                name=entry.display_name,
                employee=entry.employee_id.sudo().name,  # a name, no HR data
                date=str(entry.date),
                hours=f"{entry.unit_amount:.2f}",
                invoice=row.move_id.display_name or "",
            )
