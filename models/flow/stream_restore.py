from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError

from ...core.keys import fingerprint
from .stream_gap import SETTLED

BEFORE = timedelta(
    days=1
)  # a comparison begins so long before the last thing that the backup knows to be sent


class HubStream(models.Model):
    """After a restore, what was sent since the backup is not known here: each outbound stream stays
    closed until it was compared with its product and a manager said so."""

    _inherit = "hub.stream"

    restored_at = fields.Datetime(
        readonly=True,
        copy=False,
        help="Nothing is sent since this restore, until the stream is reopened.",
    )

    @api.model
    def _close_after_restore(self):
        """Close every outbound stream of every company, also those that are switched off: they may be switched
        on later. Called when the database is confirmed."""
        # With sudo: the restore concerns all companies, not only those of who confirms it.
        everything = self.sudo().with_context(active_test=False)
        streams = everything.search([("direction", "=", "out"), ("system_id", "!=", False)])
        streams.write({"paused": True, "restored_at": fields.Datetime.now()})
        streams.flush_recordset()
        self.env["hub.issue"]._stand(
            [
                {
                    "fingerprint": fingerprint("restored", stream.id),
                    "code": "restored",
                    "kind": "data",
                    "params": {"stream": stream.name},
                    "stream_id": stream.id,
                    "system_id": stream.system_id.id,
                    "entity_id": stream.entity_id.id,
                    "process_id": stream.process_id.id,
                    "owner_id": stream.process_id.owner_id.id or stream.system_id.owner_id.id,
                    "impact": "high",
                }
                for stream in streams.filtered("active")
            ]
        )

    def write(self, vals):
        if "restored_at" in vals and not self.env.su:
            raise AccessError(
                self.env._(
                    "A stream that a restore closed opens by “Reopen” alone, never by a write."
                )
            )
        if "paused" in vals and not vals["paused"] and "restored_at" not in vals:
            closed = self.filtered("restored_at")
            if closed:
                raise UserError(
                    self.env._(
                        "%s is closed since the database was restored: compare it with the product, then reopen it.",
                        ", ".join(closed.mapped("name")),
                    )
                )
        return super().write(vals)

    def _window(self, days=None):
        """After a restore: from the last thing that the backup knows. What was sent tells, as a closed
        database sends nothing; its doors receive, and compose goes on."""
        window = super()._window(days)
        if self.restored_at and not days:
            self.env.cr.execute(
                """SELECT max(done_at) FROM hub_message
                    WHERE system_id = %s AND direction = 'out' AND reason = 'sent' AND done_at < %s""",
                [self.system_id.id, self.restored_at],
            )
            known = self.env.cr.fetchone()[0] or self.system_id.create_date
            window["since"] = min(window["since"], known.replace(microsecond=0) - BEFORE)
        return window

    def action_reopen(self, reason=""):
        """Send again. What was composed before the restore gives way to today's values.

        :param reason: why streams may send that cannot be compared; without one it is asked for.
        """
        if not self.env.user.has_group("lead_to_cash_hub.group_hub_manager"):
            raise AccessError(self.env._("Ask an integration manager to reopen this stream."))
        self.check_access("write")
        closed = self.filtered("restored_at")
        reason = reason.strip()
        if not reason and not all(stream._can_compare() for stream in closed):
            return {
                "type": "ir.actions.act_window",
                "name": self.env._("Reopen without a Comparison"),
                "res_model": "hub.restored",
                "view_mode": "form",
                "target": "new",
                "context": {"default_stream_ids": closed.ids},
            }
        for stream in closed:
            gap = stream._compared_since_restore()
            stream._compose_anew()
            self.env["hub.audit"]._append(
                [
                    {
                        "action": "reopen",
                        "system_id": stream.system_id.id,
                        "res_model": stream._name,
                        "res_id": stream.id,
                        "values": {
                            "restored_at": fields.Datetime.to_string(stream.restored_at),
                            "comparison": gap.id or None,
                            "not_linked": gap.missing_count,
                            **({} if gap else {"reason": reason}),
                        },
                    }
                ]
            )
            # With sudo: nobody may lift this lock by a write; that a comparison was made is known here.
            stream.sudo().write({"paused": False, "restored_at": False})
            self.env["hub.issue"]._lift([fingerprint("restored", stream.id)])
        self.env["hub.engine"]._wake_after_commit()
        return True

    def _compared_since_restore(self):
        """The comparison made since the restore of all that the backup may not know; empty only where
        a product lists nothing of the kind.

        :raise UserError: there is none yet.
        """
        if not self._can_compare():
            return self.env["hub.gap"]
        gap = self.env["hub.gap"].search(
            [
                ("stream_id", "=", self.id),
                ("state", "in", ("agreed", "different", "mended")),
                ("compared_at", ">=", self.restored_at),
                ("since", "<=", self._window()["since"]),
                ("until", ">=", self.restored_at - SETTLED),
            ],
            limit=1,
        )
        if not gap:
            raise UserError(
                self.env._("%s was not compared with the product since the restore.", self.name)
            )
        return gap

    def _compose_anew(self):
        self.env.cr.execute(
            """
            WITH old AS (
                UPDATE hub_message SET state = 'skipped', reason = 'superseded', params = NULL,
                       done_at = clock_timestamp() AT TIME ZONE 'UTC'
                 WHERE stream_id = %s AND direction = 'out' AND state IN ('pending', 'held')
                   AND received_at < %s AND NOT coalesce(maybe_sent, FALSE)
                RETURNING res_model, res_id)
            INSERT INTO hub_outbox (model, res_id)
            SELECT DISTINCT res_model, res_id FROM old WHERE res_id IS NOT NULL
            """,
            [self.id, self.restored_at],
        )


class HubSentence(models.AbstractModel):
    _inherit = "hub.sentence"

    def _known(self, params):
        stream = (params or {}).get("stream", "")
        return super()._known(params) | {
            "restored": (
                self.env._(
                    "%s is closed: the database was restored, and what was sent since the backup is not known here.",
                    stream,
                ),
                self.env._(
                    "Compare the stream with its product; link what is there already; then reopen the stream."
                ),
            ),
        }
