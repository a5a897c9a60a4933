from datetime import timedelta, timezone
from decimal import Decimal, InvalidOperation

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError

from ...connectors.errors import ConnectorError
from ...core import strict_json
from ...core.compare import KEPT, Known, Tally
from ...core.keys import fingerprint, order_key
from ...core.mapping import to_canonical
from .cursors import short_cursor
from .fault import unforeseen
from .request import request_records

LANE = 1


class HubGap(models.Model):
    """One comparison of a stream with its source: counts and control totals of a window."""

    _name = "hub.gap"
    _description = "Comparison"
    _inherit = ["hub.kept"]
    _order = "id desc"
    _rec_name = "stream_id"

    stream_id = fields.Many2one("hub.stream", required=True, ondelete="cascade", index=True)
    system_id = fields.Many2one(related="stream_id.system_id", store=True)
    since = fields.Datetime(string="From", required=True)
    until = fields.Datetime(required=True)
    state = fields.Selection(
        [
            ("due", "To be compared"),
            ("agreed", "Agrees"),
            ("different", "Differs"),
            ("mended", "Mended"),
            ("failed", "Could not be compared"),
        ],
        default="due",
        required=True,
        readonly=True,
        copy=False,
    )
    compared_at = fields.Datetime(readonly=True, copy=False)
    source_count = fields.Integer(readonly=True, copy=False, string="In the Source")
    agreed_count = fields.Integer(readonly=True, copy=False, string="Agree")
    on_way_count = fields.Integer(readonly=True, copy=False, string="On Their Way")
    person_count = fields.Integer(readonly=True, copy=False, string="Need a Person")
    left_out_count = fields.Integer(readonly=True, copy=False, string="Left Out with a Reason")
    missing_count = fields.Integer(readonly=True, copy=False, string="Never Arrived")
    stale_count = fields.Integer(readonly=True, copy=False, string="Older Here")
    requested_count = fields.Integer(readonly=True, copy=False, string="Asked for Again")
    control = fields.Char(readonly=True, copy=False, string="Total Of")
    source_total = fields.Float(
        readonly=True, copy=False, digits=(16, 4), string="Total in the Source"
    )
    hub_total = fields.Float(readonly=True, copy=False, digits=(16, 4), string="Total Here")
    difference = fields.Float(readonly=True, copy=False, digits=(16, 4))
    gaps = fields.Json(readonly=True, copy=False)
    fault = fields.Char(readonly=True, copy=False)
    sentence = fields.Char(compute="_compute_sentence", string="Result")
    gap_text = fields.Text(compute="_compute_sentence", string="Their Ids")

    def init(self):
        self.env.cr.execute(
            "CREATE INDEX IF NOT EXISTS hub_gap_due ON hub_gap(id) WHERE state IN ('due', 'different')"
        )

    @api.constrains("since", "until")
    def _check_window(self):
        for gap in self:
            if gap.since >= gap.until:
                raise ValidationError(self.env._("A window ends after it begins."))

    @api.model_create_multi
    def create(self, vals_list):
        gaps = super().create(vals_list)
        for stream in gaps.stream_id:
            stream._check_comparable()
        return gaps

    @api.depends("state", "fault", "gaps")
    @api.depends_context("lang")
    def _compute_sentence(self):
        for gap in self:
            gap.gap_text = ", ".join(gap.gaps or [])
            gap.sentence = gap._sentence()

    def _sentence(self):
        self.ensure_one()
        _ = self.env._
        if self.state == "due":
            return _("It is compared as soon as a worker is free.")
        if self.state == "failed":
            why = self.env["hub.sentence"]._sentence(self.fault, {"system": self.system_id.name})
            return _("It could not be compared. %s", why)
        if self.state == "agreed":
            return _(
                "All %s records of the source are here, or there is a reason.", self.source_count
            )
        if self.state == "mended":
            return _("What was missing has arrived since.")
        if self.stream_id.direction == "out":
            return _("%s records of the product are not linked in Odoo.", self.missing_count)
        return _(
            "%(missing)s records never arrived and %(stale)s are older here; %(requested)s were asked for again.",
            missing=self.missing_count,
            stale=self.stale_count,
            requested=self.requested_count,
        )

    # -- comparing ---------------------------------------------------------------------------------

    @api.model
    def _run(self):
        """Plan the comparisons of the night, then make those that are due. Called by a cron job."""
        self._plan()
        for gap in self.search([("state", "=", "due")], order="id"):
            gap._compare()
            if not self.env["ir.cron"]._commit_progress(1):
                break
        return True

    @api.model
    def _plan(self):
        """One comparison a day for each stream that can be compared."""
        streams = self.env["hub.stream"].search(
            [
                ("system_id.state", "=", "connected"),
                ("gap_days", ">", 0),
                ("paused", "=", False),
                ("system_id.paused", "=", False),
                ("direction", "=", "in"),
            ]
        )
        recent = self.search(
            [("create_date", ">", fields.Datetime.now() - timedelta(hours=20))]
        ).stream_id
        self.create([stream._window() for stream in streams - recent if stream._can_compare()])

    def _compare(self):
        """Read the window of the source and hold it against what is here. No lock is held while
        the source is read."""
        self.ensure_one()
        stream = self.stream_id
        tally, line = Tally(), stream._control_line()
        since, until = (moment.replace(tzinfo=timezone.utc) for moment in (self.since, self.until))
        try:
            connector = stream.system_id._connector()
            for records in connector.listing(stream.entity_id.code, since, until):
                self._count(stream, line, records, tally)
        except (ConnectorError, UserError) as error:
            self._fail(getattr(error, "kind", "sign_in"))
            return
        except Exception as error:
            self._fail(unforeseen(error).kind)
            return
        with short_cursor(self.env) as cr:
            requested = self._request(cr, stream, tally)
        self.write(
            {
                "state": "different" if tally.gaps else "agreed",
                "compared_at": fields.Datetime.now(),
                "source_count": tally.source_count,
                **{f"{word}_count": count for word, count in tally.counts.items()},
                "requested_count": requested,
                "control": line.field if line else False,
                "source_total": float(tally.source_total),
                "hub_total": float(tally.hub_total),
                "difference": float(tally.source_total - tally.hub_total),
                "gaps": tally.gaps[:KEPT],
                "fault": False,
            }
        )
        self._tell(stream, tally)
        if requested:
            self.env["hub.engine"]._wake_after_commit()

    def _fail(self, fault):
        self.write({"state": "failed", "fault": fault, "compared_at": fields.Datetime.now()})

    def _count(self, stream, line, records, tally):
        """Count one part of the listing, with one query."""
        system, entity = stream.system_id, stream.entity_id
        ids = [record.external_id for record in records]
        known = {}
        with short_cursor(self.env) as cr:
            cr.execute(
                """
                SELECT u.id, l.id IS NOT NULL, l.version, l.base ->> %(control)s,
                       m.state, m.reason, m.version
                  FROM unnest(%(ids)s::varchar[]) u(id)
                  LEFT JOIN hub_link l ON l.system_id = %(system)s AND l.entity_id = %(entity)s
                                      AND l.external_id = u.id
                  LEFT JOIN LATERAL (
                        SELECT state, reason, version FROM hub_message
                         WHERE external_id = u.id AND system_id = %(system)s
                           AND entity_id = %(entity)s AND direction = %(direction)s
                         ORDER BY id DESC LIMIT 1) m ON TRUE
                """,
                {
                    "control": line.field if line else "",
                    "ids": ids,
                    "system": system.id,
                    "entity": entity.id,
                    "direction": stream.direction,
                },
            )
            for key, linked, version, amount, state, reason, heard in cr.fetchall():
                known[key] = Known(linked, version, _decimal(amount), state, reason, heard)
        inward = stream.direction == "in"
        for record in records:
            amount = None
            if line:
                values, _problems = to_canonical([line], strict_json.loads(record.payload))
                amount = _decimal(values.get(line.field))
            if not inward:
                # What we send to is known by its link alone.
                tally.add(record.external_id, None, None, Known(known[record.external_id].linked))
                continue
            tally.add(record.external_id, record.version, amount, known[record.external_id])

    def _request(self, cr, stream, tally):
        if stream.direction != "in":
            return 0
        entity = stream.entity_id
        return request_records(
            cr, stream.system_id.id, [(entity.id, entity.code, key, LANE) for key in tally.gaps]
        )

    def _tell(self, stream, tally):
        """A difference is one issue of the stream; it closes when the next comparison agrees, or when
        what was missing has arrived."""
        cause = fingerprint("gap", stream.id)
        if not tally.gaps or stream.direction != "in":
            self.env["hub.issue"]._lift([cause])
            return
        process, system = stream.process_id, stream.system_id
        self.env["hub.issue"]._stand(
            [
                {
                    "fingerprint": cause,
                    "code": "gap_found",
                    "kind": "data",
                    "params": {
                        "stream": stream.name,
                        "missing": len(tally.missing),
                        "stale": len(tally.stale),
                        "difference": str(tally.source_total - tally.hub_total),
                    },
                    "stream_id": stream.id,
                    "system_id": system.id,
                    "entity_id": stream.entity_id.id,
                    "process_id": process.id,
                    "owner_id": process.owner_id.id or system.owner_id.id,
                    "impact": process.impact,
                }
            ]
        )

    @api.model
    def _mend(self):
        """Differences whose records have all been decided since: mended. Called by the watch."""
        latest = self.search([("state", "=", "different"), ("stream_id.direction", "=", "in")])
        for gap in latest:
            keys = [
                order_key(gap.system_id.id, gap.stream_id.entity_id.code, key)
                for key in gap.gaps or []
            ]
            if len(keys) == KEPT:
                continue  # not all are known: only a new comparison can say
            with short_cursor(self.env) as cr:
                cr.execute(
                    """
                    SELECT count(DISTINCT order_key) FROM hub_message
                     WHERE external_id = ANY(%s) AND system_id = %s AND order_key = ANY(%s)
                       AND direction = 'in' AND state IN ('done', 'skipped') AND done_at > %s
                    """,
                    [gap.gaps, gap.system_id.id, keys, gap.compared_at],
                )
                if cr.fetchone()[0] < len(keys):
                    continue
            gap.state = "mended"
            self.env["hub.issue"]._lift([fingerprint("gap", gap.stream_id.id)])


def _decimal(value):
    """A number as it was written; None if it is none."""
    try:
        return None if value is None else Decimal(str(value))
    except InvalidOperation:
        return None
