from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError

SETTLED = timedelta(minutes=10)  # what is younger may still be on its way, or not in an index yet
CONTROLS = ("hours", "amount")  # fields whose sum is compared, if a stream names none


class HubStream(models.Model):
    """Comparing a stream with its source: what, how far back, and how it ended."""

    _inherit = "hub.stream"

    gap_days = fields.Integer(
        string="Compare",
        default=3,
        help="Each night so many days are compared with the source. 0: never.",
    )
    control_field_id = fields.Many2one(
        "hub.entity.field",
        string="Control Total",
        compute="_compute_control_field_id",
        store=True,
        readonly=False,
        precompute=True,
        domain="[('entity_id', '=', entity_id), ('kind', 'in', ('money', 'decimal', 'integer'))]",
        help="Its sum is compared, beside the number of records.",
    )
    gap_ids = fields.One2many("hub.gap", "stream_id", string="Comparisons")
    last_gap_id = fields.Many2one(
        "hub.gap", compute="_compute_last_gap_id", string="Last Comparison"
    )
    gap_sentence = fields.Char(compute="_compute_last_gap_id", string="Compared with the Source")
    can_compare = fields.Boolean(compute="_compute_can_compare")
    can_sweep = fields.Boolean(compute="_compute_can_compare")

    @api.depends("entity_id")
    def _compute_control_field_id(self):
        for stream in self:
            names = {field.name: field for field in stream.entity_id.field_ids}
            stream.control_field_id = next((names[n] for n in CONTROLS if n in names), False)

    def _compute_last_gap_id(self):
        groups = self.env["hub.gap"]._read_group(
            [("stream_id", "in", self.ids)], ["stream_id"], ["id:max"]
        )
        latest = {stream.id: gap for stream, gap in groups}
        for stream in self:
            stream.last_gap_id = latest.get(stream.id)
            stream.gap_sentence = stream.last_gap_id.sentence

    @api.depends("system_id", "entity_id")
    def _compute_can_compare(self):
        for stream in self:
            stream.can_compare = bool(stream.system_id) and stream._can_compare()
            stream.can_sweep = bool(stream.system_id) and hasattr(
                stream.system_id._connector_class(), "sweep"
            )

    def _can_compare(self):
        self.ensure_one()
        return self.entity_id.code in self.system_id._connector_class().lists

    def _check_comparable(self):
        self.check_access("write")
        if not self._can_compare():
            raise UserError(
                self.env._(
                    "%s cannot be compared: the product lists nothing of the kind.", self.name
                )
            )

    def _window(self, days=None):
        """Values of a comparison that ends now."""
        self.ensure_one()
        until = fields.Datetime.now() - SETTLED
        days = days or self.gap_days or 3
        return {"stream_id": self.id, "since": until - timedelta(days=days), "until": until}

    def _control_line(self):
        """The mapping's line of the control field, or None."""
        self.ensure_one()
        mapping = self.env["hub.mapping"].search(
            [
                ("system_id", "=", self.system_id.id),
                ("entity_id", "=", self.entity_id.id),
                ("direction", "=", "in"),
            ]
        )
        if self.direction != "in" or not mapping or not self.control_field_id:
            return None
        lines = mapping._lines()[mapping.id]
        return next((line for line in lines if line.field == self.control_field_id.name), None)

    def action_compare(self):
        """Compare with the source now; the result comes into the list of comparisons."""
        gaps = self.env["hub.gap"].create([stream._window() for stream in self])
        # A worker of the scheduler makes the calls: a long listing would hold the browser's request.
        self.env.ref("lead_to_cash_hub.cron_gap").sudo()._trigger()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Comparisons"),
            "res_model": "hub.gap",
            "views": [[False, "list"], [False, "form"]],
            "domain": [("stream_id", "in", gaps.stream_id.ids)],
        }

    def action_gaps(self):
        self.ensure_one()
        self.check_access("read")
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Comparisons"),
            "res_model": "hub.gap",
            "views": [[False, "list"], [False, "form"]],
            "domain": [("stream_id", "=", self.id)],
            "context": {"default_stream_id": self.id},
        }


class HubSentence(models.AbstractModel):
    _inherit = "hub.sentence"

    def _known(self, params):
        _ = self.env._
        p = params or {}
        return super()._known(params) | {
            "gap_found": (
                _(
                    "%(stream)s: %(missing)s records of the source never arrived and %(stale)s are older here "
                    "(control totals differ by %(difference)s).",
                    stream=p.get("stream", ""),
                    missing=p.get("missing", 0),
                    stale=p.get("stale", 0),
                    difference=p.get("difference", "0"),
                ),
                _(
                    "They were asked for again. If this stays open, look at the comparison on the stream."
                ),
            ),
        }
