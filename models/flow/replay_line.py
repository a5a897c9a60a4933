from odoo import api, fields, models
from odoo.exceptions import UserError

# What a start does with a message …
TODO = [
    ("apply", "Applied again"),
    ("fetch", "Read from the source again, then applied"),
    ("send", "Sent again, the same content with the same key"),
    ("compose", "Composed from today's values, sent if they differ"),
]
# … and why it is left out.
LEFT_OUT = [
    ("running", "Left out: on its way already"),
    ("ignored", "Left out: events of this type are not used"),
    ("no_stream", "Left out: no active stream exchanges this entity"),
    ("erased", "Left out: its content was erased"),
    ("newer", "Left out: a newer version of the record was applied"),
    ("same_record", "Left out: another message of the same record is taken"),
    ("no_record", "Left out: it has no record in Odoo"),
    ("moved", "Left out: it went on by itself after the plan"),
]
# What became of it: the first three are still under way.
OUTCOMES = [
    ("queued", "In the queue"),
    ("retry", "Tried; will be tried again"),
    ("waiting", "Waits for another record"),
    ("done", "Done"),
    ("unchanged", "Nothing to change"),
    ("skipped", "Left out by a rule"),
    ("failed", "Failed again"),
    ("returned", "Given back by the cancellation"),
]
UNDER_WAY = ("queued", "retry", "waiting")


class HubReplayLine(models.Model):
    """One message of a replay: what it was before, what is done with it, and what came of it."""

    _name = "hub.replay.line"
    _description = "Message of a Replay"
    _log_access = False
    _order = "id"
    _rec_name = "message_id"

    replay_id = fields.Many2one(
        "hub.replay", required=True, readonly=True, ondelete="cascade", index=True
    )
    message_id = fields.Many2one(
        "hub.message", required=True, readonly=True, ondelete="cascade", index=True
    )
    verdict = fields.Selection(TODO + LEFT_OUT, readonly=True, string="Plan")
    former_state = fields.Selection(
        lambda self: self.env["hub.message"]._fields["state"].selection,
        readonly=True,
        string="Before",
    )
    former_reason = fields.Char(readonly=True)
    former_params = fields.Json(readonly=True)
    former_done_at = fields.Datetime(readonly=True)
    issue_id = fields.Many2one("hub.issue", readonly=True, ondelete="set null")
    system_id = fields.Many2one("hub.system", readonly=True, ondelete="restrict")
    entity_id = fields.Many2one("hub.entity", readonly=True, ondelete="restrict")
    company_id = fields.Many2one("res.company", readonly=True)
    external_id = fields.Char(related="message_id.external_id", string="Id There")
    amount_company = fields.Monetary(
        readonly=True, currency_field="currency_id", string="Money at Risk"
    )
    currency_id = fields.Many2one("res.currency", readonly=True)
    outbox_id = fields.Integer(readonly=True)
    outcome = fields.Selection(
        [one for one in OUTCOMES if one[0] not in UNDER_WAY], readonly=True, string="Result"
    )
    outcome_reason = fields.Char(readonly=True)
    explanation = fields.Char(related="message_id.explanation", string="Now")

    def write(self, vals):
        raise UserError(self.env._("What a replay did is kept as it is."))

    @api.depends("message_id")
    def _compute_display_name(self):
        for line in self:
            line.display_name = line.message_id.display_name

    def action_open_message(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": "hub.message",
            "res_id": self.message_id.id,
            "views": [[False, "form"]],
        }
