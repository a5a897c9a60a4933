import json

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError

STATES = [
    ("received", "Received"),
    ("pending", "Pending"),
    ("waiting", "Waiting for another record"),
    ("held", "Held for approval"),
    ("sending", "Sending"),
    ("done", "Done"),
    ("skipped", "Skipped"),
    ("failed", "Failed"),
    ("dead", "Given up"),
]
OPEN_STATES = ("received", "pending", "waiting", "held", "sending", "failed", "dead")


class HubMessage(models.Model):
    """One thing received or to send. Written by the engine in SQL; never edited by a person."""

    _name = "hub.message"
    _description = "Message"
    _order = "id desc"
    _log_access = False
    _rec_name = "external_id"

    system_id = fields.Many2one("hub.system", readonly=True, ondelete="restrict", index=True)
    stream_id = fields.Many2one("hub.stream", readonly=True, ondelete="set null")
    entity_id = fields.Many2one("hub.entity", readonly=True, ondelete="restrict")
    company_id = fields.Many2one("res.company", readonly=True)
    direction = fields.Selection(
        [("in", "Inbound"), ("out", "Outbound")], required=True, readonly=True
    )
    kind = fields.Selection(
        [("notice", "Notice"), ("snapshot", "Record"), ("event", "Event")],
        required=True,
        readonly=True,
    )
    action = fields.Char(readonly=True)
    external_id = fields.Char(readonly=True, index=True)
    merged_into = fields.Char(readonly=True)
    res_model = fields.Char(readonly=True)
    res_id = fields.Many2oneReference(model_field="res_model", readonly=True, string="Odoo Record")
    state = fields.Selection(STATES, required=True, readonly=True)
    reason = fields.Char(
        readonly=True, help="Why it was skipped, waits or failed, as a machine word."
    )
    params = fields.Json(readonly=True)
    explanation = fields.Char(compute="_compute_explanation")
    version = fields.Char(readonly=True)
    changed_at = fields.Datetime(readonly=True, string="Changed at Source")
    received_at = fields.Datetime(readonly=True)
    done_at = fields.Datetime(readonly=True)
    next_attempt_at = fields.Datetime(readonly=True)
    attempts = fields.Integer(readonly=True, string="Tries")
    crashes = fields.Integer(readonly=True)
    maybe_sent = fields.Boolean(
        readonly=True,
        string="May Have Taken Effect",
        help="An answer was lost, and nothing since has told whether the product has it.",
    )
    amount = fields.Float(
        readonly=True, digits=(16, 4), help="Money that this message is about, in its currency."
    )
    amount_company = fields.Float(readonly=True, digits=(16, 4))
    decision = fields.Json(readonly=True, help="What a person decided about this message.")
    author_id = fields.Many2one(
        "res.users", readonly=True, string="Uploaded By", help="Who brought it by a file."
    )
    approval_ids = fields.One2many("hub.approval", "message_id", string="Approvals")
    warning_text = fields.Text(compute="_compute_warning_text", string="Warnings")
    payload_id = fields.Many2one(
        "hub.payload",
        readonly=True,
        ondelete="set null",
        index="btree_not_null",
        groups="lead_to_cash_hub.group_hub_manager,lead_to_cash_hub.group_hub_auditor",
    )
    schema_version = fields.Integer(
        readonly=True,
        help="Published version of its entity that it was judged by when it was pushed.",
    )
    configuration = fields.Integer(
        readonly=True, help="Version of the configuration that treated it last."
    )
    exception_ids = fields.One2many("hub.exception", "message_id", string="Exceptions")
    attempt_ids = fields.One2many("hub.attempt", "message_id", string="Each Try")

    def init(self):
        """Columns that only SQL uses, and the indexes of facts "Claim": flat in the backlog's size."""
        self.env.cr.execute(
            """
            ALTER TABLE hub_message
                ADD COLUMN IF NOT EXISTS order_key bigint,
                ADD COLUMN IF NOT EXISTS part smallint,
                ADD COLUMN IF NOT EXISTS lane smallint DEFAULT 0,
                ADD COLUMN IF NOT EXISTS wait_key bigint,
                ADD COLUMN IF NOT EXISTS idempotency_key varchar,
                -- outbound: the canonical values of two-way fields that it carries
                ADD COLUMN IF NOT EXISTS offers jsonb,
                -- who decided about it
                ADD COLUMN IF NOT EXISTS people int[] DEFAULT '{}',
                ADD COLUMN IF NOT EXISTS attempt_token varchar,
                ALTER COLUMN received_at SET DEFAULT (clock_timestamp() AT TIME ZONE 'UTC'),
                ALTER COLUMN next_attempt_at SET DEFAULT (clock_timestamp() AT TIME ZONE 'UTC'),
                ALTER COLUMN attempts SET DEFAULT 0,
                ALTER COLUMN crashes SET DEFAULT 0;
            CREATE INDEX IF NOT EXISTS hub_message_ready ON hub_message(lane, part, next_attempt_at, id)
                WHERE state = 'pending' AND direction = 'in';
            DROP INDEX IF EXISTS hub_message_fetch, hub_message_fetch_lane,
                                 hub_message_deliver, hub_message_deliver_lane;
            CREATE INDEX IF NOT EXISTS hub_message_to_read
                ON hub_message(system_id, coalesce(stream_id, 0), lane, next_attempt_at, id)
                WHERE state = 'received';
            CREATE INDEX IF NOT EXISTS hub_message_to_send
                ON hub_message(system_id, coalesce(stream_id, 0), lane, next_attempt_at, id)
                WHERE state IN ('pending', 'sending') AND direction = 'out';
            CREATE INDEX IF NOT EXISTS hub_message_open ON hub_message(order_key, id)
                WHERE state IN ('received', 'pending', 'waiting', 'held', 'sending', 'failed', 'dead');
            CREATE INDEX IF NOT EXISTS hub_message_stream ON hub_message(stream_id, id)
                WHERE stream_id IS NOT NULL;
            CREATE INDEX IF NOT EXISTS hub_message_wait ON hub_message(wait_key) WHERE state = 'waiting';
            CREATE INDEX IF NOT EXISTS hub_message_later ON hub_message(next_attempt_at) WHERE state = 'waiting';
            CREATE INDEX IF NOT EXISTS hub_message_record ON hub_message(res_model, res_id) WHERE res_id IS NOT NULL;
            CREATE UNIQUE INDEX IF NOT EXISTS hub_message_one_sending ON hub_message(order_key)
                WHERE state = 'sending';
            CREATE INDEX IF NOT EXISTS hub_message_maybe_sent ON hub_message(order_key) WHERE maybe_sent;
            -- known by its reason alone until there was a column for it
            UPDATE hub_message SET maybe_sent = TRUE
             WHERE direction = 'out' AND state IN ('pending', 'failed', 'dead')
               AND reason = 'error_unknown' AND maybe_sent IS NULL;
            """
        )

    @api.depends("state", "reason", "params")
    def _compute_explanation(self):
        sentences = self.env["hub.sentence"]
        for message in self:
            params = {"system": message.system_id.name} | (message.params or {})
            message.explanation = (
                sentences._sentence(message.reason, params) if message.reason else False
            )

    @api.depends("params")
    @api.depends_context("lang")
    def _compute_warning_text(self):
        for message in self:
            warned = (message.params or {}).get("warned") or self._warned_out(message)
            # With sudo: the sentence of a rule is for whoever may see the message.
            rules = self.env["hub.rule"].sudo().browse(entry["rule"] for entry in warned).exists()
            message.warning_text = "\n".join(
                rules.browse(entry["rule"])._read_sentence(entry["facts"], entry["failed"])
                for entry in warned
                if entry["rule"] in rules.ids
            )

    @api.model
    def _warned_out(self, message):
        """What rules warned of when it was composed; its parameters are the product's answer."""
        if message.direction != "out":
            return ()
        rows = self.env["hub.warning"].sudo().search([("message_id", "=", message.id)])
        return [{"rule": row.rule_id.id, **row.facts} for row in rows]

    @api.depends("entity_id", "external_id")
    def _compute_display_name(self):
        for message in self:
            message.display_name = (
                f"{message.entity_id.name or ''} {message.external_id or ''}".strip()
            )

    def write(self, vals):
        raise UserError(self.env._("Messages are not edited. Decide on their exception instead."))

    def unlink(self):
        raise UserError(
            self.env._(
                "Messages are kept as long as the retention says; they are not deleted by hand."
            )
        )

    # -- what a person may do ----------------------------------------------------------------------

    def _require_resolver(self):
        if not self.env.user.has_group("lead_to_cash_hub.group_hub_resolver"):
            raise AccessError(
                self.env._("Ask a user with the right “Resolver” of the Lead-to-Cash Hub.")
            )
        self.check_access("read")

    def action_plan_replay(self):
        """Show what a replay of these would do; it starts there."""
        return self.env["hub.replay"]._of(self)._open()

    def action_open_configuration(self):
        """The version of the configuration that treated it, with the Change that began it."""
        self.ensure_one()
        if not self.configuration:
            raise UserError(self.env._("Nothing has treated this message yet."))
        return self.env["hub.version"].browse(self.configuration)._open()

    def action_replay(self):
        """Try these again now. Done ones are applied again too; what would change nothing is skipped."""
        self._replay(self.env._("Replayed by hand"))
        return True

    def _replay(self, why, issue=None):
        """Bring messages back into the flow as a run of replay that is kept, with its plan."""
        return self.env["hub.replay"]._run(self, why, issue=issue)

    def _decide(self, decision):
        """Keep what a person decided; the payload itself is never changed."""
        decision = decision | {"by": self.env.uid, "at": fields.Datetime.now().isoformat()}
        self.env.cr.execute(
            "UPDATE hub_message SET decision = coalesce(decision, '{}'::jsonb) || %s::jsonb WHERE id = ANY(%s)",
            [json.dumps(decision), self.ids],
        )
        self._note_author()
        self.invalidate_recordset()

    def _note_author(self):
        """Whoever ever decided something about these is one of their authors, and approves none of them."""
        self.env.cr.execute(
            """UPDATE hub_message SET people = array_append(array_remove(people, %(me)s), %(me)s)
                WHERE id = ANY(%(ids)s)""",
            {"me": self.env.uid, "ids": self.ids},
        )

    def _skip(self, why):
        """Leave these for good; their exceptions are closed with the reason."""
        self.env["hub.audit"]._append(
            [
                {
                    "action": "skip",
                    "message_id": message.id,
                    "system_id": message.system_id.id,
                    "values": {"why": why},
                }
                for message in self
            ]
        )
        self.env.cr.execute(
            """
            UPDATE hub_message
               SET state = 'skipped', reason = 'by_person', params = jsonb_build_object('why', %s, 'who', %s),
                   done_at = clock_timestamp() AT TIME ZONE 'UTC'
             WHERE id = ANY(%s) AND state IN ('failed', 'dead', 'waiting', 'received', 'pending', 'held')
            """,
            [why, self.env.user.name, self.ids],
        )
        self.env["hub.exception"]._close(self.env.cr, self.ids, "by_person")
        self.env["hub.exception"].invalidate_model()
        self.invalidate_recordset()
        self.env["hub.engine"]._wake_after_commit()

    def action_open_record(self):
        self.ensure_one()
        if not self.res_id or self.res_model not in self.env:
            raise UserError(self.env._("There is no Odoo record yet."))
        return {
            "type": "ir.actions.act_window",
            "res_model": self.res_model,
            "res_id": self.res_id,
            "views": [[False, "form"]],
        }
