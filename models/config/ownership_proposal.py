from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError

from .ownership import LABELS


class HubOwnershipProposal(models.Model):
    """“Always so”: a rule that somebody who decided a conflict proposes, and that another confirms."""

    _name = "hub.ownership.proposal"
    _description = "Proposed Rule of Ownership"
    _order = "state desc, id desc"
    _rec_name = "field_id"

    field_id = fields.Many2one(
        "hub.entity.field", required=True, readonly=True, ondelete="cascade", index=True
    )
    entity_id = fields.Many2one(related="field_id.entity_id")
    company_id = fields.Many2one("res.company", readonly=True, ondelete="cascade")
    rule = fields.Selection(list(LABELS.items()), required=True, readonly=True)
    owner_id = fields.Many2one("hub.system", readonly=True, ondelete="cascade")
    reason = fields.Char(required=True, readonly=True)
    proposer_id = fields.Many2one(
        "res.users", required=True, readonly=True, string="Proposed By", ondelete="restrict"
    )
    state = fields.Selection(
        [("proposed", "Proposed"), ("confirmed", "Confirmed"), ("refused", "Refused")],
        default="proposed",
        required=True,
        readonly=True,
    )
    decider_id = fields.Many2one(
        "res.users", readonly=True, string="Decided By", ondelete="restrict"
    )
    decided_at = fields.Datetime(readonly=True, string="Decided")
    current_rule = fields.Char(compute="_compute_current_rule", string="Rule Today")
    mine = fields.Boolean(compute="_compute_mine")

    @api.depends("field_id", "company_id", "state")
    def _compute_current_rule(self):
        labels = dict(self.env["hub.ownership"]._fields["rule"]._description_selection(self.env))
        books = {entity: self.env["hub.ownership"]._book(entity) for entity in self.entity_id}
        for row in self:
            rule = books[row.entity_id].of(row.field_id.name, row.company_id.id)
            row.current_rule = labels[rule.name]

    @api.depends_context("uid")
    @api.depends("proposer_id")
    def _compute_mine(self):
        for row in self:
            row.mine = row.proposer_id.id == self.env.uid

    def write(self, vals):
        raise UserError(self.env._("A proposal is confirmed or refused, not edited."))

    @api.model
    def _propose(self, rows):
        """Keep proposals in the caller's name; what is proposed already is not proposed twice.

        :param rows: dicts with field_id, company_id, rule, owner_id and reason.
        """
        self.env["hub.message"]._require_resolver()
        # With sudo: a resolver may propose; that is all the right he has here.
        proposals = self.sudo()
        for row in rows:
            same = [
                (name, "=", row[name]) for name in ("field_id", "company_id", "rule", "owner_id")
            ]
            if not proposals.search_count([*same, ("state", "=", "proposed")], limit=1):
                proposals.create({**row, "proposer_id": self.env.uid})

    def _decide(self, state):
        self.check_access("read")
        if not self.env.user.has_group("lead_to_cash_hub.group_hub_manager"):
            raise AccessError(self.env._("Ask an integration manager."))
        for row in self:
            if row.state != "proposed":
                raise UserError(self.env._("It was decided already."))
            if row.proposer_id == self.env.user:
                raise UserError(
                    self.env._("You proposed this rule. Another integration manager has to decide.")
                )
        return super(HubOwnershipProposal, self.sudo()).write(  # its fields are this method's alone
            {"state": state, "decider_id": self.env.uid, "decided_at": fields.Datetime.now()}
        )

    def action_confirm(self):
        """Make it the rule from now on; under change control by a Change, which is opened."""
        self._decide("confirmed")
        result = True
        for row in self:
            result = self.env["hub.ownership"].set_rule(
                row.field_id.id, row.rule, row.owner_id.id, row.company_id.id
            )
        return result

    def action_refuse(self):
        """Leave the rule as it is."""
        self._decide("refused")
        return True
