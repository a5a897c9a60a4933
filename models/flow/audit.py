import json

from odoo import api, fields, models
from odoo.exceptions import UserError

from ...core.arrays import array
from ...core.keys import digest


class HubAudit(models.Model):
    """What was done, by whom, for which message. Append-only; values stand apart from their digest,
    so that they can be erased later without the trace of the act (sealing: a later release)."""

    _name = "hub.audit"
    _description = "Audit"
    _log_access = False
    _order = "id desc"

    at = fields.Datetime(readonly=True, string="Time")
    user_id = fields.Many2one("res.users", readonly=True, ondelete="restrict")
    action = fields.Char(readonly=True)
    system_id = fields.Many2one("hub.system", readonly=True, ondelete="restrict")
    message_id = fields.Many2one(
        "hub.message", readonly=True, ondelete="set null", index="btree_not_null"
    )
    company_id = fields.Many2one("res.company", readonly=True)
    res_model = fields.Char(readonly=True)
    res_id = fields.Many2oneReference(model_field="res_model", readonly=True, string="Record")
    commitment = fields.Char(readonly=True, help="Digest of the values.")
    value_ids = fields.One2many(
        "hub.audit.value", "audit_id", groups="lead_to_cash_hub.group_hub_auditor"
    )
    sentence = fields.Char(compute="_compute_sentence", string="What Happened")

    _record_index = models.Index("(res_model, res_id)")

    def init(self):
        self.env.cr.execute(
            """ALTER TABLE hub_audit ALTER COLUMN at SET DEFAULT (clock_timestamp() AT TIME ZONE 'UTC'),
                   ADD COLUMN IF NOT EXISTS xid xid8 DEFAULT pg_current_xact_id();
               CREATE INDEX IF NOT EXISTS hub_audit_xid ON hub_audit(xid);"""
        )

    @api.model
    def _sentences(self):
        """What each action says: ``{action: sentence}``."""
        return {
            "apply": self.env._("Written into Odoo"),
            "deliver": self.env._("Sent to the product"),
            "replay": self.env._("Replayed"),
            "cancel": self.env._("Replay cancelled"),
            "undo": self.env._("Taken back"),
            "skip": self.env._("Skipped by a person"),
            "decide": self.env._("Decided by a person"),
            "map": self.env._("Word mapped to a term"),
            "secret": self.env._("Secret stored"),
            "create": self.env._("System added"),
            "configure": self.env._("Configuration edited"),
            "pause": self.env._("Paused"),
            "resume": self.env._("Resumed"),
            "declare": self.env._("Connector declared"),
            "look": self.env._("A page read to look at it"),
            "approve": self.env._("Approved"),
            "export_bundle": self.env._("Configuration exported as a bundle"),
            "import_bundle": self.env._("Bundle imported as a Change"),
            "submit": self.env._("Change submitted"),
            "approve_change": self.env._("Change approved"),
            "apply_change": self.env._("Change put in force"),
            "undo_change": self.env._("Change undone"),
            "refused": self.env._("Change refused"),
            "cancelled": self.env._("Change withdrawn"),
            "refuse": self.env._("Refused"),
            "delegate": self.env._("Deputy named"),
            "end_delegation": self.env._("Delegation ended"),
            "bank_import": self.env._("Bank file imported"),
            "bank_match": self.env._("Bank line matched by itself"),
            "bank_accept": self.env._("Bank line matched by a person"),
            "bank_post": self.env._("Bank line posted on an account"),
            "bank_undo": self.env._("Match of a bank line taken back"),
            "upload": self.env._("File uploaded"),
            "own": self.env._("Rule of ownership set"),
            "disown": self.env._("Rule of ownership removed"),
            "grant": self.env._("Write-back granted"),
            "ask_grant": self.env._("Write-back asked for"),
            "revoke": self.env._("Write-back revoked"),
            "release": self.env._("Field given back to its owner"),
            "claim": self.env._("Linked by hand"),
            "confirm_database": self.env._("Confirmed as the live database"),
            "reopen": self.env._("Reopened after a restore"),
            "erase": self.env._("A person was erased"),
            "retention": self.env._("Removed after its time"),
            "export": self.env._("Values exported to send them by hand"),
            "sent_by_hand": self.env._("Entered in the product by hand"),
            "sign_off": self.env._("Reconciliation signed off"),
            "duplicate": self.env._("Decided about a duplicate"),
            "merge": self.env._("Customers merged"),
            "likeness": self.env._("Likeness of customers set"),
            "read_payload": self.env._("Payload read beside a mapping"),
        }

    @api.depends("action")
    @api.depends_context("lang")
    def _compute_sentence(self):
        labels = self._sentences()
        for row in self:
            row.sentence = labels.get(row.action, row.action)

    def write(self, vals):
        raise UserError(self.env._("The audit is append-only."))

    def unlink(self):
        raise UserError(self.env._("The audit is append-only."))

    def _append(self, rows, cr=None):
        """Add rows with their values in one statement.

        :param rows: dicts with action and, where known, system_id, message_id, company_id, res_model,
            res_id, values (JSON data), trace (what taking it back needs).
        """
        if not rows:
            return
        cr = cr or self.env.cr
        texts = [json.dumps(row.get("values") or {}, default=str, sort_keys=True) for row in rows]
        cr.execute(
            """
            WITH u AS MATERIALIZED (
                SELECT nextval('hub_audit_id_seq') AS id, r.*
                  FROM unnest(%s::varchar[], %s::int[], %s::int[], %s::int[], %s::varchar[], %s::int[],
                              %s::varchar[], %s::jsonb[], %s::jsonb[])
                       r(action, system_id, message_id, company_id, res_model, res_id, commitment, body, trace)
            ), a AS (
                INSERT INTO hub_audit (id, user_id, action, system_id, message_id, company_id,
                                       res_model, res_id, commitment)
                SELECT id, %s, action, system_id, message_id, company_id, res_model, res_id, commitment FROM u
            )
            INSERT INTO hub_audit_value (audit_id, body, trace) SELECT id, body, trace FROM u
            """,
            [
                array(row["action"] for row in rows),
                array(row.get("system_id") for row in rows),
                array(row.get("message_id") for row in rows),
                array(row.get("company_id") for row in rows),
                array(row.get("res_model") for row in rows),
                array(row.get("res_id") for row in rows),
                array(digest(text) for text in texts),
                array(texts),
                array(json.dumps(row["trace"]) if row.get("trace") else None for row in rows),
                self.env.uid,
            ],
        )


class HubAuditValue(models.Model):
    """Old and new values of an audit row; financial and personal data, so for auditors only."""

    _name = "hub.audit.value"
    _description = "Audit Value"
    _log_access = False

    audit_id = fields.Many2one(
        "hub.audit", required=True, readonly=True, ondelete="cascade", index=True
    )
    body = fields.Json(readonly=True)
    erased = fields.Boolean(
        readonly=True,
        help="The values went with an erasure; their digest stays with the audit row.",
    )
    trace = fields.Json(
        readonly=True, help="What taking it back needs: fields with old and new value."
    )

    def write(self, vals):
        raise UserError(self.env._("The audit is append-only."))

    def unlink(self):
        raise UserError(self.env._("The audit is append-only."))
