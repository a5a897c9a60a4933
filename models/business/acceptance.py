from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.fields import Domain

from ..guard import refuse_guarded


class HubContract(models.Model):
    _inherit = "hub.contract"

    acceptance_required = fields.Boolean(
        string="Milestones Are Accepted First",
        tracking=True,
        help="A reached milestone is billed once the customer has accepted it.",
    )


class ProjectMilestone(models.Model):
    """Who accepted a milestone, when, and what shows it: the firm says it is reached, the customer that it is good."""

    _inherit = "project.milestone"

    hub_accepted_on = fields.Date(string="Accepted On", copy=False)
    hub_accepted_by = fields.Char(
        string="Accepted By", copy=False, help="Who accepted it at the customer's."
    )
    hub_evidence = fields.Char(
        string="Evidence", copy=False, help="What shows it: a reference, a link, a mail of a day."
    )
    hub_evidence_file = fields.Binary(string="Signed Paper", copy=False, attachment=True)
    hub_evidence_name = fields.Char(string="Name of the Paper", copy=False)
    hub_accepted_user_id = fields.Many2one(
        "res.users", string="Entered By", readonly=True, copy=False
    )

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            refuse_guarded(self, vals, {"hub_accepted_user_id"})
            vals["hub_accepted_user_id"] = self.env.uid if vals.get("hub_accepted_on") else False
        return super().create(vals_list)

    def write(self, vals):
        refuse_guarded(self, vals, {"hub_accepted_user_id"})
        names = {"hub_accepted_on", "hub_accepted_by", "hub_evidence", "hub_evidence_file"}
        if names & vals.keys():
            # To look only. What was billed before anybody accepted it may still be accepted: revenue waits for it.
            billed = self.sudo().filtered(lambda one: one.hub_billing_id and one.hub_accepted_on)
            if billed:
                raise UserError(
                    self.env._(
                        "%(milestones)s: what was billed because it was accepted keeps its acceptance. Credit the "
                        "invoice first.",
                        milestones=", ".join(billed.mapped("name")),
                    )
                )
        if "hub_accepted_on" in vals:
            vals = {
                **vals,
                "hub_accepted_user_id": self.env.uid if vals["hub_accepted_on"] else False,
            }
        return super().write(vals)

    @api.constrains("hub_accepted_on", "hub_accepted_by", "hub_evidence", "hub_evidence_file")
    def _check_hub_acceptance(self):
        for milestone in self.filtered("hub_accepted_on"):
            if not milestone.is_reached:
                raise ValidationError(
                    self.env._("%s is not reached yet: it cannot be accepted.", milestone.name)
                )
            if milestone.hub_accepted_on > fields.Date.context_today(self):
                raise ValidationError(self.env._("A milestone is not accepted in the future."))
            if not milestone.hub_accepted_by or not (
                milestone.hub_evidence or milestone.hub_evidence_file
            ):
                raise ValidationError(
                    self.env._(
                        "%s: say who accepted it, and what shows it (a reference or the signed paper).",
                        milestone.name,
                    )
                )


class SaleOrderLine(models.Model):
    _inherit = "sale.order.line"

    def _hub_reached_domain(self, end_date):
        """Reached milestones that may be billed: accepted as well, where the contract asks for it."""
        accepted = Domain("hub_accepted_on", "!=", False)
        if end_date:
            accepted &= Domain("hub_accepted_on", "<=", end_date)
        free = Domain("sale_line_id.order_id.hub_contract_id.acceptance_required", "!=", True)
        return super()._hub_reached_domain(end_date) & (free | accepted)

    def _hub_not_accepted(self, end_date):
        """Reached milestones of ``self`` that wait for the customer: ``{order: (count, amount)}``; one query."""
        # With sudo: sums for who prepares invoices.
        milestones = self.env["project.milestone"].sudo()
        lines = self.filtered(
            lambda line: (
                line.qty_delivered_method == "milestones"
                and line.order_id.hub_contract_id.sudo().acceptance_required
            )
        )
        if not lines:
            return {}
        reached = milestones.search(
            super()._hub_reached_domain(end_date) & Domain("sale_line_id", "in", lines.ids)
        )
        found = {}
        for milestone in reached.filtered(
            lambda m: not m.hub_accepted_on or (end_date and m.hub_accepted_on > end_date)
        ):
            line = milestone.sale_line_id
            count, amount = found.get(line.order_id, (0, 0.0))
            found[line.order_id] = (
                count + 1,
                amount + line._hub_worth(milestone.quantity_percentage * line.product_uom_qty),
            )
        return found
