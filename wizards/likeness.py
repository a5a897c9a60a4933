from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError

from ..core.likeness import ASK, CREATE, LINK, Thresholds
from ..models.business.sentence_tools import listed
from ..models.business.sentences_identity import evidence_words

SAMPLE = 300  # customers that are tried
SHOWN = 15  # examples of each outcome


class HubLikenessTrial(models.TransientModel):
    """Other thresholds of likeness, tried on the firm's own customers before they count."""

    _name = "hub.likeness.trial"
    _description = "Likeness: Thresholds"

    link_from = fields.Integer(required=True)
    ask_from = fields.Integer(required=True)
    now_link = fields.Integer(compute="_compute_now", string="Links Now From")
    now_ask = fields.Integer(compute="_compute_now", string="Asks Now From")
    tried_link = fields.Integer(readonly=True)
    tried_ask = fields.Integer(readonly=True)
    shown = fields.Boolean(compute="_compute_shown")
    sample_count = fields.Integer(readonly=True)
    linked = fields.Integer(readonly=True, string="Would Be Linked")
    asked = fields.Integer(readonly=True, string="Would Be Asked")
    created = fields.Integer(readonly=True, string="Would Be Created")
    open_count = fields.Integer(readonly=True)
    open_linked = fields.Integer(readonly=True, string="Of Open Questions, Linked")
    open_asked = fields.Integer(readonly=True, string="Of Open Questions, Still Asked")
    open_created = fields.Integer(readonly=True, string="Of Open Questions, Created")
    line_ids = fields.One2many("hub.likeness.trial.line", "trial_id", readonly=True)

    @api.model
    def default_get(self, names):
        """What counts now."""
        link, ask = self.env["hub.likeness"]._stored()
        return super().default_get(names) | {"link_from": link, "ask_from": ask}

    @api.depends_context("uid")
    def _compute_now(self):
        link, ask = self.env["hub.likeness"]._stored()
        for trial in self:
            trial.now_link, trial.now_ask = link, ask

    @api.depends("link_from")
    def _compute_display_name(self):
        for trial in self:
            trial.display_name = self.env._("Likeness of Customers")

    @api.depends("link_from", "ask_from", "tried_link", "tried_ask")
    def _compute_shown(self):
        for trial in self:
            tried = (trial.tried_link, trial.tried_ask)
            trial.shown = bool(trial.tried_link) and tried == (trial.link_from, trial.ask_from)

    def _thresholds(self):
        if not self.env.user.has_group("lead_to_cash_hub.group_hub_manager"):
            raise AccessError(self.env._("An integration manager sets when customers are linked."))
        try:
            return Thresholds(self.link_from, self.ask_from)
        except ValueError as error:
            raise UserError(
                self.env._(
                    "Questions begin at 1 point or more, links not below questions, and at 100 at most."
                )
            ) from error

    def action_try(self):
        """Show what these figures would do; nothing is changed."""
        self.ensure_one()
        thresholds = self._thresholds()
        partners = self.env["res.partner"].search(
            [("is_company", "=", True), ("parent_id", "=", False)], limit=SAMPLE, order="id desc"
        )
        outcomes = self.env["hub.matcher"]._sample(partners, thresholds)
        counts = {name: [one for one in outcomes if one[1] == name] for name in (LINK, ASK, CREATE)}
        lines = [one for name in (LINK, ASK) for one in counts[name][:SHOWN]]
        self.write(
            {
                "tried_link": self.link_from,
                "tried_ask": self.ask_from,
                "sample_count": len(outcomes),
                "linked": len(counts[LINK]),
                "asked": len(counts[ASK]),
                "created": len(counts[CREATE]),
                **self._open_questions(thresholds),
                "line_ids": [fields.Command.clear()]
                + [
                    fields.Command.create(
                        {
                            "partner_id": key,
                            "other_id": likely[0][0],
                            "outcome": outcome,
                            "score": likely[0][1].score,
                            "evidence": [code for code, _points in likely[0][1].evidence],
                        }
                    )
                    for key, outcome, likely in lines
                ],
            }
        )
        return True

    def _open_questions(self, thresholds):
        """What would become of the questions that are open, by what was found when they were asked."""
        questions = self.env["hub.exception"].search(
            [("state", "=", "open"), ("code", "=", "possible_duplicate")]
        )
        counts = {"open_count": 0, "open_linked": 0, "open_asked": 0, "open_created": 0}
        for params in questions.mapped("params"):
            score = ((params or {}).get("scores") or [0])[0]
            if score <= 1:
                continue  # asked before points were kept
            counts["open_count"] += 1
            if score >= thresholds.link and params.get("sure"):
                counts["open_linked"] += 1
            elif score >= thresholds.ask:
                counts["open_asked"] += 1
            else:
                counts["open_created"] += 1
        return counts

    def action_save(self):
        """Let them count from now on."""
        self.ensure_one()
        self._thresholds()
        if not self.shown:
            raise UserError(self.env._("Look at the effect of these figures first."))
        self.env["hub.likeness"]._set(self.link_from, self.ask_from)
        return True


class HubLikenessTrialLine(models.TransientModel):
    """An example: one customer, and whom it would be taken for."""

    _name = "hub.likeness.trial.line"
    _description = "Likeness: Example"
    _order = "outcome desc, score desc, id"

    trial_id = fields.Many2one("hub.likeness.trial", required=True, ondelete="cascade")
    partner_id = fields.Many2one("res.partner", ondelete="cascade", string="Customer")
    other_id = fields.Many2one("res.partner", ondelete="cascade", string="Looks Like")
    outcome = fields.Selection([("link", "Would be linked"), ("ask", "Would be asked")])
    score = fields.Integer(string="Points")
    evidence = fields.Json()
    why = fields.Char(compute="_compute_why")

    @api.depends("evidence")
    @api.depends_context("lang")
    def _compute_why(self):
        for line in self:
            line.why = listed(evidence_words(self.env, line.evidence))
