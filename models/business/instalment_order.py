from odoo import api, fields, models
from odoo.exceptions import UserError

from .schedule_terms import SCHEDULED

# Neither a task nor a message for each order line of a schedule.
ORDERED = {"disable_project_task_generation": True, "sale_no_log_for_new_lines": True}


class HubInstalment(models.Model):
    """Instalments and periods on the order: made, followed and dropped by code."""

    _inherit = "hub.instalment"

    @api.model
    def _run(self):
        """Each night: open what is due, so that it is seen even where nobody proposes a run."""
        lines = self.env["hub.contract.line"].search(
            [("kind", "in", SCHEDULED), ("contract_id.state", "=", "active")]
        )
        lines.contract_id._hub_open_due_apart(fields.Date.context_today(self))

    def _hub_settled(self):
        """Whether it is on an invoice, or somebody decided that it is not billed."""
        self.ensure_one()
        return bool(self.milestone_id.hub_billing_id or self.dropped_by_id)

    def _hub_open(self):
        """Those of ``self`` that are neither billed nor dropped."""
        return self.filtered(lambda row: not row.dropped and not row.milestone_id.hub_billing_id)

    def _hub_put_on_order(self):
        """An order line and a milestone each; the fee must be on the order to the cent."""
        if not self:
            return
        lines = self.sale_line_id.with_context(**ORDERED).create(
            [
                {
                    "order_id": row.contract_id.sale_order_id.id,
                    "product_id": row.line_id.product_id.id,
                    "name": row._hub_description(),
                    "product_uom_qty": 1.0,
                    "price_unit": row.amount,
                    "discount": 0.0,
                    "project_id": row.contract_id.project_id.id,
                }
                for row in self
            ]
        )
        projects = self.contract_id.project_id
        projects.filtered(lambda project: not project.allow_milestones).allow_milestones = True
        milestones = self.env["project.milestone"].create(
            [
                {
                    "name": line.name,
                    "project_id": row.contract_id.project_id.id,
                    "sale_line_id": line.id,
                    "quantity_percentage": 1.0,
                    "deadline": row.date,
                }
                for row, line in zip(self, lines, strict=True)
            ]
        )
        for row, line, milestone in zip(self, lines, milestones, strict=True):
            row.write({"sale_line_id": line.id, "milestone_id": milestone.id})
        self._hub_check_order()

    def _hub_check_order(self):
        for row in self:
            line = row.sale_line_id
            if line.currency_id.compare_amounts(line.price_subtotal, row.amount):
                raise UserError(
                    self.env._(
                        "“%(line)s” comes to %(order)s on %(name)s, and %(agreed)s was agreed: its tax is included in "
                        "the price. Choose a service with a tax that is added to its price.",
                        line=line.name,
                        order=row.line_id._hub_money(line.price_subtotal),
                        name=line.order_id.name,
                        agreed=row.line_id._hub_money(row.amount),
                    )
                )

    def _hub_reach(self):
        """Due, whenever it is looked at; the customer accepted it by the contract itself."""
        today = fields.Date.context_today(self)
        for (date, partner), rows in self.grouped(lambda row: (row.date, row.partner_id)).items():
            rows.milestone_id.write(
                {
                    "is_reached": True,
                    "hub_accepted_on": min(date, today),
                    "hub_accepted_by": partner.display_name,
                    "hub_evidence": self.env._("Agreed in the contract"),
                }
            )
            # Odoo says today, whenever it is marked.
            rows.milestone_id.write({"reached_date": date})

    def _hub_follow(self):
        """Let order line and milestone say what is agreed now."""
        today = fields.Date.context_today(self)
        for row in self.filtered("milestone_id"):
            name = row._hub_description()
            row._hub_write_order({"name": name, "price_unit": row.amount, "product_uom_qty": 1.0})
            values = {"name": name, "deadline": row.date, "quantity_percentage": 1.0}
            if row.milestone_id.is_reached:
                values["reached_date"] = row.date
                values["hub_accepted_on"] = min(row.date, today)
            row.milestone_id.write(values)
        self._hub_check_order()

    def _hub_replan(self):
        """After a change of days or amounts: what is due later than today is not reached any more."""
        today = fields.Date.context_today(self)
        later = self.filtered(lambda row: row.date > today and row.milestone_id.is_reached)
        later.milestone_id.write({"hub_accepted_on": False, "is_reached": False})
        self._hub_follow()

    def _hub_drop(self, reason, by=None):
        """Bill these no more; nothing of them stays on the order.

        :param by: the user who decided it; without one it comes back when it is agreed again
        """
        if not self:
            return
        self.write({"dropped": True, "reason": reason, "dropped_by_id": by and by.id})
        self.milestone_id.write(
            {
                "is_reached": False,
                "hub_accepted_on": False,
                "hub_accepted_by": False,
                "hub_evidence": False,
            }
        )
        self._hub_write_order({"product_uom_qty": 0.0})

    def _hub_write_order(self, values):
        """Of an order that is locked too: what is agreed is said by the contract."""
        lines = self.sale_line_id.with_context(**ORDERED)
        locked = lines.order_id.filtered("locked")
        locked.locked = False
        lines.write(values)
        locked.locked = True
