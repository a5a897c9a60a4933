from odoo import api, fields, models
from odoo.exceptions import ValidationError

from .approvers import APPROVER
from .promise import INVOICING


class HubDunningLevel(models.Model):
    """A step of dunning: how long after the due date, what is said, by mail or by a person."""

    _name = "hub.dunning.level"
    _description = "Dunning Level"
    _order = "company_id, days, id"
    _check_company_auto = True

    name = fields.Char(required=True, translate=True)
    active = fields.Boolean(default=True)
    company_id = fields.Many2one(
        "res.company", required=True, default=lambda self: self.env.company, index=True
    )
    days = fields.Integer(
        string="Days After the Due Date",
        required=True,
        default=7,
        help="The order of the levels. The next one comes only after the one before it was sent.",
    )
    days_between = fields.Integer(
        string="Days After the Previous Level",
        default=7,
        help="At least so many days pass between the level before this one and this one.",
    )
    kind = fields.Selection(
        [("mail", "Mail"), ("person", "Activity for a person")], required=True, default="mail"
    )
    user_id = fields.Many2one(
        "res.users",
        string="Who Calls",
        domain="[('share', '=', False), ('company_ids', 'in', company_id)]",
        help="Gets an activity instead of the customer a mail.",
    )
    sentence = fields.Text(
        translate=True,
        required=True,
        help="What the customer reads above the list of invoices, or the person before calling.",
    )
    template_id = fields.Many2one(
        "mail.template",
        string="Mail Template",
        domain="[('model', '=', 'hub.dunning.reminder')]",
        ondelete="restrict",
        default=lambda self: self.env.ref(
            "lead_to_cash_hub.dunning_mail", raise_if_not_found=False
        ),
    )

    _days_unique = models.UniqueIndex(
        "(company_id, days) WHERE active", "Another level comes after as many days."
    )
    _days_positive = models.Constraint(
        "CHECK (days >= 0 AND days_between >= 0)", "Days are not below zero."
    )

    @api.constrains("kind", "user_id", "template_id", "company_id")
    def _check_who(self):
        for level in self:
            if level.kind == "mail" and level.template_id.model != "hub.dunning.reminder":
                raise ValidationError(
                    self.env._("%s: choose a mail template for reminders.", level.name)
                )
            holders = level.company_id._hub_holders(APPROVER, INVOICING)
            if level.kind == "person" and level.user_id not in holders:
                raise ValidationError(
                    self.env._(
                        "%s: choose somebody of the company who may see its invoices.", level.name
                    )
                )


class ResCompany(models.Model):
    _inherit = "res.company"

    hub_dunning_auto = fields.Boolean(
        string="Send Reminders Without Approval",
        help="Reminders of the day are sent without an approval. Without this a billing approver approves each run.",
    )
