from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError

from .approvers import APPROVER, ask_approvers
from .locked import locked
from .promise import INVOICING


class HubCreditHold(models.Model):
    """A customer for whom a company begins nothing new until it is lifted. Billing goes on.

    Proposed by a person or by the last dunning level, decided by a billing approver. Written by code only.
    """

    _name = "hub.credit.hold"
    _description = "Credit Hold"
    _inherit = ["mail.thread", "mail.activity.mixin"]
    _mail_post_access = "read"  # rows are written by code only; who sees one may note what was said
    _order = "id desc"
    _rec_name = "partner_id"

    partner_id = fields.Many2one(
        "res.partner", string="Customer", required=True, readonly=True, index=True
    )
    company_id = fields.Many2one("res.company", required=True, readonly=True, index=True)
    reason = fields.Char(required=True, readonly=True)
    author_id = fields.Many2one("res.users", string="Proposed By", readonly=True)
    state = fields.Selection(
        [
            ("proposed", "To approve"),
            ("held", "On hold"),
            ("refused", "Refused"),
            ("lifted", "Lifted"),
        ],
        default="proposed",
        required=True,
        readonly=True,
        index=True,
        tracking=True,
    )
    decided_by_id = fields.Many2one("res.users", readonly=True, tracking=True)
    decided_at = fields.Datetime(readonly=True)

    _open_unique = models.UniqueIndex(
        "(partner_id, company_id) WHERE state IN ('proposed', 'held')",
        "This customer is on credit hold, or is proposed for it, already.",
    )

    # --- asking -------------------------------------------------------------------------------------

    @api.model
    def _ask(self, partner, reason):
        """Propose a hold in the company of the environment; who may decide about it holds at once.

        :raise UserError: without a reason, or when it is proposed or held already
        """
        if not self.env.user.has_group(INVOICING):
            raise AccessError(self.env._("Only who invoices proposes a credit hold."))
        reason = (reason or "").strip()
        if not partner or not reason:
            raise UserError(self.env._("Say why: whoever sells to this customer will read it."))
        partner.check_access("read")
        company = partner.commercial_partner_id.company_id or self.env.company
        if company not in self.env.companies:
            raise AccessError(self.env._("%s belongs to another company.", partner.name))
        made = self._propose(partner.commercial_partner_id, company, reason)
        if not made:
            raise UserError(
                self.env._("%s is on credit hold, or is proposed for it, already.", partner.name)
            )
        if self.env.user.has_group(APPROVER):
            made.with_env(self.env).action_approve()
        else:
            made._tell()
        return made

    @api.model
    def _propose(self, partners, company, reason):
        """Holds to decide about for those of ``partners`` (commercial) that have none open."""
        mine = self.sudo()  # written by code only; who asks was looked at before
        open_ones = mine.search(
            [
                ("company_id", "=", company.id),
                ("partner_id", "in", partners.ids),
                ("state", "in", ("proposed", "held")),
            ]
        )
        return mine.create(
            [
                {
                    "partner_id": partner.id,
                    "company_id": company.id,
                    "reason": reason,
                    "author_id": self.env.uid,
                }
                for partner in partners - open_ones.partner_id
            ]
        )

    def _tell(self):
        """Who approves learns that these wait."""
        ask_approvers(self, lambda hold: self.env._("Credit hold of %s?", hold.partner_id.name))

    @api.model
    def _merged(self, partners):
        """Customers who become one: of what is open in a company one stays, a hold before a proposal."""
        # With sudo: also those of companies that whoever merges does not see.
        holds = self.sudo().search(
            [("partner_id", "in", partners.ids), ("state", "in", ("proposed", "held"))]
        )
        for mine in holds.grouped("company_id").values():
            for hold in mine.sorted(lambda one: (one.state != "held", one.id))[1:]:
                hold.state = "lifted" if hold.state == "held" else "refused"
                hold.activity_unlink(["mail.mail_activity_data_todo"])

    # --- deciding -----------------------------------------------------------------------------------

    def _decide(self, before, after):
        """Those of ``self`` in one state go into another, in the name of the user."""
        if not self.env.user.has_group(APPROVER):
            raise AccessError(self.env._("Only billing approvers decide about credit holds."))
        self.check_access("read")
        chosen = locked(self, before).sudo()  # written by code only
        chosen.write(
            {"state": after, "decided_by_id": self.env.uid, "decided_at": fields.Datetime.now()}
        )
        # Nobody is asked any more, the other approvers neither.
        chosen.activity_unlink(["mail.mail_activity_data_todo"])
        return True

    def action_approve(self):
        """Begin nothing new for these customers."""
        return self._decide("proposed", "held")

    def action_refuse(self):
        """Go on as before."""
        return self._decide("proposed", "refused")

    def action_lift(self):
        """The customer is as good as any again."""
        return self._decide("held", "lifted")


class HubCreditHoldMixin(models.AbstractModel):
    """Records of a customer that say so when it is on credit hold in their company."""

    _name = "hub.credit.hold.mixin"
    _description = "Shows a Credit Hold"

    hub_credit_hold = fields.Char(
        string="Credit Hold",
        compute="_compute_hub_credit_hold",
        groups="base.group_user",
        compute_sudo=True,  # meant for those who sell and deliver, and see no receivables
        help="Why nothing new is begun for this customer.",
    )

    def _hub_customer(self):
        return self.partner_id

    @api.depends_context("company")
    @api.depends(lambda self: ("partner_id",) if self._name != "res.partner" else ("parent_id",))
    def _compute_hub_credit_hold(self):
        held = {
            (hold.partner_id.id, hold.company_id.id): hold.reason
            for hold in self.env["hub.credit.hold"].search_fetch(
                [
                    ("state", "=", "held"),
                    ("partner_id", "in", self._hub_customer().commercial_partner_id.ids),
                ],
                ["partner_id", "company_id", "reason"],
            )
        }
        for record in self:
            company = record.company_id or self.env.company
            customer = record._hub_customer().commercial_partner_id
            record.hub_credit_hold = held.get((customer.id, company.id))


class CrmLead(models.Model):
    _name = "crm.lead"
    _inherit = ["crm.lead", "hub.credit.hold.mixin"]


class ProjectProject(models.Model):
    _name = "project.project"
    _inherit = ["project.project", "hub.credit.hold.mixin"]


class ResPartner(models.Model):
    _name = "res.partner"
    _inherit = ["res.partner", "hub.credit.hold.mixin"]

    def _hub_customer(self):
        return self

    def action_hub_credit_hold(self):
        """Ask why nothing new shall be begun for this customer."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Credit Hold"),
            "res_model": "hub.collect",
            "views": [[False, "form"]],
            "target": "new",
            "context": {
                "default_partner_id": self.commercial_partner_id.id,
                "default_mode": "hold",
            },
        }


class HubDunningLevel(models.Model):
    _inherit = "hub.dunning.level"

    credit_hold = fields.Boolean(
        string="Propose a Credit Hold",
        help="When this level is sent, a credit hold of the customer is proposed to the billing approvers.",
    )


class HubDunningReminder(models.Model):
    _inherit = "hub.dunning.reminder"

    def _send_group(self):
        """The last step proposes that nothing new is begun for the customer."""
        sent = super()._send_group()
        wanted = sent.filtered(lambda reminder: reminder.level_id.credit_hold)
        for (company, level), group in wanted.grouped(
            lambda reminder: (reminder.company_id, reminder.level_id)
        ).items():
            reason = self.env._("Overdue: the reminder “%s” was sent.", level.name)
            self.env["hub.credit.hold"]._propose(group.partner_id, company, reason)._tell()
        return sent
