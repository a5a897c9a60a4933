import json

from markupsafe import Markup
from odoo import api, fields, models
from odoo.exceptions import UserError

from .apply_gates import by_message

STATES = [
    ("waiting", "To approve"),
    ("approved", "Approved"),
    ("refused", "Refused"),
    ("void", "No longer asked"),
]
MAX_SHOWN = 200  # characters of a value


class HubApproval(models.Model):
    """One record that waits at a rule or a checkpoint, as it stood when it was held.

    A row is what somebody decides about: it never changes. When the record would be written in another
    way, the row is void and another one is asked.
    """

    _name = "hub.approval"
    _description = "Approval"
    _inherit = ["mail.thread", "mail.activity.mixin"]
    _order = "state desc, due_at, id"
    _mail_post_access = "read"  # who decides may also ask

    message_id = fields.Many2one(
        "hub.message", required=True, readonly=True, ondelete="cascade", index=True
    )
    rule_id = fields.Many2one("hub.rule", readonly=True, ondelete="cascade")
    checkpoint_id = fields.Many2one("hub.checkpoint", readonly=True, ondelete="cascade")
    system_id = fields.Many2one("hub.system", readonly=True, ondelete="cascade")
    entity_id = fields.Many2one("hub.entity", readonly=True, ondelete="cascade")
    company_id = fields.Many2one("res.company", readonly=True)
    external_id = fields.Char(related="message_id.external_id", string="Id There")
    direction = fields.Selection(related="message_id.direction")
    res_model = fields.Char(related="message_id.res_model")
    res_id = fields.Many2oneReference(related="message_id.res_id", string="Odoo Record")
    amount = fields.Monetary(readonly=True, currency_field="currency_id")
    currency_id = fields.Many2one("res.currency", readonly=True)
    state = fields.Selection(STATES, default="waiting", required=True, readonly=True, index=True)
    asked_at = fields.Datetime(readonly=True, string="Since")
    due_at = fields.Datetime(readonly=True, string="Due")
    told_at = fields.Datetime(readonly=True)
    escalated_at = fields.Datetime(readonly=True, string="Escalated")
    decided_at = fields.Datetime(readonly=True, string="Decided")
    decided_by_id = fields.Many2one(
        "res.users", readonly=True, ondelete="restrict", string="Who Decided"
    )
    in_name_of_id = fields.Many2one(
        "res.users", readonly=True, ondelete="restrict", string="In the Name Of"
    )
    reason = fields.Char(readonly=True)
    digest = fields.Char(readonly=True, help="Of what would be written.")
    author_ids = fields.Many2many(
        "res.users", compute="_compute_author_ids", string="Typed or Decided By"
    )
    subject = fields.Char(compute="_compute_texts", string="What Waits")
    why = fields.Char(compute="_compute_texts", string="Why It Waits")
    note = fields.Text(compute="_compute_texts", string="What to Look At")
    # What it says is shown to who may decide, or could read the payload; a search would tell the others.
    facts = fields.Json(readonly=True, groups=fields.NO_ACCESS)
    shown = fields.Json(readonly=True, groups=fields.NO_ACCESS)
    authors = fields.Json(readonly=True, groups=fields.NO_ACCESS)

    _waiting_unique = models.UniqueIndex(
        "(message_id, COALESCE(rule_id, 0), COALESCE(checkpoint_id, 0)) WHERE state = 'waiting'"
    )

    def init(self):
        self.env.cr.execute(
            """ALTER TABLE hub_approval ADD COLUMN IF NOT EXISTS order_key bigint;
               CREATE INDEX IF NOT EXISTS hub_approval_order ON hub_approval(order_key, id)"""
        )

    @api.model_create_multi
    def create(self, vals_list):
        raise UserError(self.env._("Approvals are asked by the hub when it holds a record."))

    def write(self, vals):
        # Activities and the thread write what is theirs; what was decided comes through `_keep`.
        if not self.env.su or any(
            name in self._fields and self._fields[name].readonly for name in vals
        ):
            raise UserError(self.env._("An approval is not edited: it is given or refused."))
        return super().write(vals)

    def unlink(self):
        raise UserError(self.env._("Approvals are kept as long as their messages."))

    def _gate(self):
        """The rule or checkpoint that holds it; with sudo, as who may decide is asked of it."""
        self.ensure_one()
        own = self.sudo()
        return own.rule_id or own.checkpoint_id

    # -- what a person reads -----------------------------------------------------------------------

    def _compute_author_ids(self):
        for approval in self:
            # Only the ids are read past the field's groups; names are those that the reader may see.
            known = self.env["res.users"].browse(approval.sudo().authors or ())
            approval.author_ids = known.exists()

    @api.depends_context("lang", "uid")
    def _compute_texts(self):
        for approval in self:
            gate = approval._gate()
            name = approval.sudo().message_id.display_name
            system = approval.sudo().system_id.name
            approval.subject = (
                self.env._("%(what)s, to be sent to %(system)s", what=name, system=system)
                if approval.direction == "out"
                else self.env._("%(what)s of %(system)s", what=name, system=system)
            )
            facts = (approval.sudo().facts or {}) if approval._sees() else {}
            approval.why = (
                gate._read_sentence(facts.get("facts") or {}, facts.get("failed") or "")
                if approval.sudo().rule_id
                else gate.name
            )
            approval.note = gate.note

    @api.depends("state")
    def _compute_display_name(self):
        for approval in self:
            approval.display_name = approval.subject

    shown_html = fields.Html(compute="_compute_shown_html", string="What Would Be Written")

    @api.depends_context("lang", "uid")
    def _compute_shown_html(self):
        for approval in self:
            rows = approval.sudo().shown or []
            if not approval._sees():
                approval.shown_html = False
                continue
            # In the order of the entity's fields; what stays blank is nothing to decide about.
            labels = {field.name: field.label for field in approval.sudo().entity_id.field_ids}
            places = {name: place for place, name in enumerate(labels)}
            told = sorted(
                (row for row in rows if self._short(row[1]) or self._short(row[2])),
                key=lambda row, places=places: places.get(row[0], len(places)),
            )
            body = Markup().join(
                Markup("<tr><td>%s</td><td class='text-muted'>%s</td><td>%s</td></tr>")
                % (labels.get(name, name), self._short(old), self._short(new))
                for name, old, new in told
            )
            approval.shown_html = (
                Markup(
                    "<table class='table table-sm'><thead><tr><th>%s</th><th>%s</th><th>%s</th></tr></thead>"
                    "<tbody>%s</tbody></table>"
                )
                % (
                    self.env._("Field"),
                    self.env._("Agreed until now"),
                    self.env._("Would become"),
                    body,
                )
                if rows
                else Markup("<p>%s</p>") % self.env._("Its content was removed after its time.")
            )

    @api.model
    def _short(self, value):
        if value in (None, "", []):
            return ""
        if isinstance(value, bool):
            return self.env._("Yes") if value else self.env._("No")
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        return text[:MAX_SHOWN]

    # -- the engine's own --------------------------------------------------------------------------

    @api.model
    def _given(self, cr, message_ids):
        """What was approved for these messages: ``{message id: {(kind, gate id, digest), …}}``."""
        cr.execute(
            """SELECT message_id, CASE WHEN rule_id IS NULL THEN 'checkpoint' ELSE 'rule' END,
                      coalesce(rule_id, checkpoint_id), digest
                 FROM hub_approval WHERE message_id = ANY(%s) AND state = 'approved'""",
            [list(message_ids)],
        )
        return by_message(cr.fetchall())

    @api.model
    def _ask(self, cr, rows):
        """Ask for the approvals of messages that are held. Two statements, however many.

        What was asked of these messages with other values before is void. Authors are those of the message,
        and those of what it takes the place of and nobody decided about.

        :param rows: dicts with message_id, company_id, stops (of ``apply_gates.Stop``), shown
            (``[[field, old, new], …]``), amount and currency_id.
        """
        if not rows:
            return
        asked = [
            (row, stop, json.dumps({"facts": stop.facts, "failed": stop.failed}))
            for row in rows
            for stop in row["stops"]
        ]
        kinds = {kind: self._due_hours(cr, kind, asked) for kind in ("rule", "checkpoint")}
        cr.execute(
            """
            UPDATE hub_approval SET state = 'void'
             WHERE state = 'waiting' AND message_id = ANY(%(ids)s)
               AND NOT (coalesce('r' || rule_id, 'c' || checkpoint_id) || ':' || digest) = ANY(%(same)s)
            """,
            {
                "ids": [row["message_id"] for row in rows],
                "same": [f"{stop.kind[0]}{stop.id}:{stop.digest}" for _row, stop, _facts in asked],
            },
        )
        cr.execute(
            """
            INSERT INTO hub_approval (
                message_id, order_key, rule_id, checkpoint_id, system_id, entity_id, company_id, amount, currency_id,
                digest, facts, shown, state, asked_at, due_at, create_uid, create_date, write_uid, write_date,
                authors)
            SELECT m.id, m.order_key, u.rule, u.checkpoint, m.system_id, m.entity_id, u.company, u.amount, u.currency,
                   u.digest, u.facts, u.shown, 'waiting', t.now,
                   CASE WHEN u.hours > 0 THEN t.now + u.hours * interval '1 hour' END,
                   %(uid)s, t.now, %(uid)s, t.now,
                   (SELECT coalesce(jsonb_agg(DISTINCT who), '[]') FROM (
                        SELECT to_jsonb(m.author_id) WHERE m.author_id IS NOT NULL
                         UNION ALL SELECT to_jsonb(unnest(m.people))
                         UNION ALL SELECT jsonb_array_elements(u.people)
                         UNION ALL
                        SELECT jsonb_array_elements(a.authors) FROM hub_approval a
                         WHERE a.order_key = m.order_key AND a.state IN ('waiting', 'void')
                           AND a.id > coalesce((SELECT max(b.id) FROM hub_approval b
                                                 WHERE b.order_key = m.order_key AND b.state = 'approved'), 0)
                        ) people(who))
              FROM unnest(%(message)s::int[], %(rule)s::int[], %(checkpoint)s::int[], %(company)s::int[],
                          %(amount)s::numeric[], %(currency)s::int[], %(digest)s::varchar[], %(facts)s::jsonb[],
                          %(shown)s::jsonb[], %(hours)s::float[], %(people)s::jsonb[])
                   u(message, rule, checkpoint, company, amount, currency, digest, facts, shown, hours, people)
              JOIN hub_message m ON m.id = u.message
             CROSS JOIN (SELECT clock_timestamp() AT TIME ZONE 'UTC' AS now) t
            ON CONFLICT (message_id, COALESCE(rule_id, 0), COALESCE(checkpoint_id, 0)) WHERE state = 'waiting'
            DO NOTHING
            """,
            {
                "uid": self.env.uid,
                "message": [row["message_id"] for row, _stop, _facts in asked],
                "rule": [s.id if s.kind == "rule" else None for _row, s, _facts in asked],
                "checkpoint": [s.id if s.kind != "rule" else None for _row, s, _facts in asked],
                "company": [row["company_id"] or None for row, _stop, _facts in asked],
                "amount": [row["amount"] for row, _stop, _facts in asked],
                "currency": [row["currency_id"] for row, _stop, _facts in asked],
                "digest": [stop.digest for _row, stop, _facts in asked],
                "facts": [facts for _row, _stop, facts in asked],
                "shown": [json.dumps(row["shown"], default=str) for row, _stop, _facts in asked],
                "hours": [kinds[s.kind].get(s.id, 0) for _row, s, _facts in asked],
                "people": [json.dumps(sorted(row.get("people") or ())) for row, _s, _f in asked],
            },
        )

    @api.model
    def _void(self, cr, message_ids):
        """These messages do not wait any more: another one took their place."""
        if message_ids:
            cr.execute(
                """UPDATE hub_approval SET state = 'void'
                    WHERE message_id = ANY(%s) AND state = 'waiting'""",
                [list(message_ids)],
            )

    @api.model
    def _due_hours(self, cr, kind, asked):
        ids = list({stop.id for _row, stop, _facts in asked if stop.kind == kind})
        if not ids:
            return {}
        cr.execute(f"SELECT id, due_hours FROM hub_{kind} WHERE id = ANY(%s)", [ids])
        return dict(cr.fetchall())

    def _keep(self, vals):
        # With sudo: what allows it was looked at by who calls.
        return super(HubApproval, self.sudo()).write(vals)
