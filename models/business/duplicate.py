from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError

from .sentence_tools import listed
from .sentences_identity import evidence_words

SHOWN = 20  # partners of a group that are compared at once


class HubDuplicate(models.Model):
    """Customers that may be one: found each night, decided by a person, merged by Odoo's own merge."""

    _name = "hub.duplicate"
    _description = "Possible Duplicate"
    _log_access = False
    _order = "state desc, score desc, id desc"
    _rec_name = "name"

    state = fields.Selection(
        [("open", "Open"), ("merged", "Merged"), ("distinct", "Not the Same")],
        default="open",
        required=True,
        readonly=True,
    )
    company_id = fields.Many2one(
        "res.company",
        readonly=True,
        ondelete="cascade",
        help="Empty if all of them are shared by all companies.",
    )
    score = fields.Integer(readonly=True, string="Points", aggregator=False)
    evidence = fields.Json(readonly=True)
    other_vat = fields.Boolean(readonly=True, string="Different Tax Numbers")
    line_ids = fields.One2many("hub.duplicate.line", "duplicate_id", readonly=True)
    line_count = fields.Integer(readonly=True, string="Customers", aggregator=False)
    found_at = fields.Datetime(readonly=True)
    decided_by_id = fields.Many2one("res.users", readonly=True)
    decided_at = fields.Datetime(readonly=True, string="Decided On")
    decision = fields.Char(readonly=True, help="What was decided, as it was said then.")
    name = fields.Char(compute="_compute_name", string="Names")
    sentence = fields.Char(compute="_compute_sentence", string="Why")
    systems = fields.Char(compute="_compute_systems", string="Known In")
    comparison = fields.Json(compute="_compute_comparison")

    _open_index = models.Index("(company_id, score) WHERE state = 'open'")

    def _partners(self):
        """``{group: partners that the user may read}``; three queries, whatever the number of groups."""
        partners = self.sudo().line_ids.partner_id  # which they are is the group's own
        readable = set(partners.sudo(False)._filtered_access("read").ids)
        return {
            group: self.env["res.partner"].browse(
                [i for i in group.sudo().line_ids.partner_id.ids if i in readable]
            )
            for group in self
        }

    @api.depends("line_ids.partner_id.display_name", "decision")
    @api.depends_context("uid", "allowed_company_ids")
    def _compute_name(self):
        for group, partners in self._partners().items():
            group.name = listed(dict.fromkeys(partners.mapped("display_name"))) or group.decision

    @api.depends("evidence", "score")
    @api.depends_context("lang")
    def _compute_sentence(self):
        for group in self:
            words = listed(evidence_words(self.env, group.evidence))
            group.sentence = words[:1].upper() + words[1:]

    @api.depends("line_ids.partner_id")
    @api.depends_context("uid", "allowed_company_ids")
    def _compute_systems(self):
        found = self._partners()
        ids = {partner.id for partners in found.values() for partner in partners}
        links = self.env["hub.link"].search(
            [("res_model", "=", "res.partner"), ("res_id", "in", list(ids))]
        )
        names = {}
        for link in links:
            names.setdefault(link.res_id, {})[link.system_id.name] = True
        for group, partners in found.items():
            known = {}
            for partner in partners:
                known |= names.get(partner.id, {})
            group.systems = listed(known) or self.env._("Odoo only")

    @api.depends("line_ids.partner_id", "state")
    @api.depends_context("uid", "allowed_company_ids", "lang")
    def _compute_comparison(self):
        for group in self:
            group.comparison = self.env["hub.duplicate.comparison"]._of(group)

    # -- what a person decides -----------------------------------------------------------------------

    def _require_open(self):
        """Who decides about a group, and that there is something to decide."""
        self.ensure_one()
        self.env["hub.message"]._require_resolver()
        self.check_access("read")
        if self.state != "open":
            raise UserError(self.env._("Somebody has decided this already. Look again."))
        partners = self._partners()[self]
        if len(partners) < 2:
            raise UserError(self.env._("There are no two of these left that you may see."))
        if len(partners) < len(self.sudo().line_ids.partner_id):
            raise AccessError(
                self.env._("Some of these are in companies that you may not see. Ask a colleague.")
            )
        return partners

    def action_keep_apart(self):
        """They are different customers: nobody is asked about these again."""
        partners = self._require_open()
        ids = partners.ids
        self.env["hub.distinct"]._remember(
            [(one, other) for place, one in enumerate(ids) for other in ids[place + 1 :]]
        )
        self._decided("distinct", self.env._("Not the same: %s", listed(partners.mapped("name"))))
        return True

    def action_ask_again(self):
        """Take back that they are different customers."""
        self.ensure_one()
        self.env["hub.message"]._require_resolver()
        self.check_access("read")
        if self.state != "distinct":
            raise UserError(
                self.env._("A merge cannot be taken back: Odoo has deleted the merged customers.")
            )
        partners = self._partners()[self]
        # What the hub remembers about pairs is nobody's to edit; it is taken back here only.
        self.env.cr.execute(
            "DELETE FROM hub_distinct WHERE low = ANY(%s) AND high = ANY(%s)",
            [partners.ids, partners.ids],
        )
        self._decided("open", "")
        return True

    def _decided(self, state, text):
        self.env["hub.audit"]._append(
            [
                {
                    "action": "duplicate",
                    "company_id": self.company_id.id or None,
                    "res_model": self._name,
                    "res_id": self.id,
                    "values": {"decision": state, "partners": self.sudo().line_ids.partner_id.ids},
                }
            ]
        )
        # Nobody has the right to write groups; the decision was checked above.
        self.sudo().write(
            {
                "state": state,
                "decision": text,
                "decided_by_id": self.env.uid if state != "open" else False,
                "decided_at": fields.Datetime.now() if state != "open" else False,
            }
        )

    def action_look_again(self):
        """Have all customers compared now, in the background."""
        self.env["hub.message"]._require_resolver()
        # Crons are for Settings users; this one only searches.
        self.env.ref("lead_to_cash_hub.cron_duplicate").sudo()._trigger()
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "success",
                "message": self.env._("All customers are compared; look again in some minutes."),
            },
        }


class HubDuplicateLine(models.Model):
    """One customer of a group."""

    _name = "hub.duplicate.line"
    _description = "Possible Duplicate: Customer"
    _log_access = False

    duplicate_id = fields.Many2one(
        "hub.duplicate", required=True, readonly=True, ondelete="cascade", index=True
    )
    partner_id = fields.Many2one(
        "res.partner", required=True, readonly=True, ondelete="cascade", index=True
    )
    company_id = fields.Many2one(related="duplicate_id.company_id")
