from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError

from .cursors import short_cursor

# Which fixes the form offers, by code; each is a button. All may be replayed or skipped with a reason.
FIXES = {
    "unknown_term": ("map",),
    "possible_duplicate": ("link", "create"),
    "ambiguous_match": ("link",),
    "unknown_consultant": ("link",),
    "unmapped_project": ("link",),
    "payment_unmatched": ("link",),
    "payout_part_missing": ("link",),
    "record_gone": ("link",),
    "split_at_source": ("link", "create"),
    "merge_conflict": ("decide",),
}
# The question is which Odoo record the message is itself, not one that it points to.
OF_ITSELF = ("possible_duplicate", "ambiguous_match", "split_at_source")


class HubIssue(models.Model):
    """The root cause that many exceptions share."""

    _name = "hub.issue"
    _description = "Issue"
    _inherit = ["mail.thread", "mail.activity.mixin"]
    _order = "state, at_risk desc, id desc"

    fingerprint = fields.Char(readonly=True, required=True)
    code = fields.Char(readonly=True, required=True)
    kind = fields.Char(readonly=True, string="Class")
    params = fields.Json(readonly=True)
    system_id = fields.Many2one("hub.system", readonly=True, ondelete="restrict", index=True)
    entity_id = fields.Many2one("hub.entity", readonly=True, ondelete="restrict")
    process_id = fields.Many2one("hub.process", readonly=True, ondelete="set null")
    impact = fields.Selection(related="process_id.impact", store=True)
    company_id = fields.Many2one("res.company", readonly=True)
    state = fields.Selection(
        [("open", "Open"), ("resolved", "Resolved")], default="open", readonly=True, required=True
    )
    owner_id = fields.Many2one("res.users", tracking=True)
    opened_at = fields.Datetime(readonly=True, string="Since")
    resolved_at = fields.Datetime(readonly=True)
    alerted_at = fields.Datetime(readonly=True)
    # Refreshed by the engine in a transaction of its own, never in the one that applies messages.
    exception_count = fields.Integer(readonly=True, string="Open Records")
    waiting_count = fields.Integer(readonly=True, string="Others Waiting")
    at_risk = fields.Monetary(readonly=True, currency_field="currency_id", string="Money at Risk")
    record_total = fields.Integer(
        readonly=True, string="Records", help="The most that were open at once with this cause."
    )
    risk_total = fields.Monetary(
        readonly=True,
        string="Money at Risk at Most",
        help="The most that was at risk at once by this cause.",
    )
    currency_id = fields.Many2one("res.currency", readonly=True)
    exception_ids = fields.One2many("hub.exception", "issue_id", string="Exceptions")
    sentence = fields.Char(compute="_compute_sentence", string="What Happened")
    advice = fields.Char(compute="_compute_sentence", string="What to Do")
    can_map = fields.Boolean(compute="_compute_fixes")
    can_link = fields.Boolean(compute="_compute_fixes")
    can_create = fields.Boolean(compute="_compute_fixes")
    can_decide = fields.Boolean(compute="_compute_fixes")

    _open_unique = models.UniqueIndex("(fingerprint) WHERE state = 'open'")

    def _size(self):
        """How many records and how much money it is about: of a resolved one, what it was about."""
        if self.state == "resolved":
            return self.record_total, self.risk_total
        return self.exception_count, self.at_risk

    @api.depends("code", "params", "exception_count", "state", "record_total")
    @api.depends_context("lang")
    def _compute_sentence(self):
        sentences = self.env["hub.sentence"]
        for issue in self:
            params = (issue.params or {}) | {
                "count": (issue.params or {}).get("count", issue._size()[0]),
                "system": issue.system_id.name,
            }
            issue.sentence = sentences._sentence(issue.code, params)
            issue.advice = sentences._advice(issue.code, params)

    @api.depends("code")
    def _compute_fixes(self):
        for issue in self:
            fixes = FIXES.get(issue.code, ())
            is_open = issue.state == "open"
            issue.can_map = is_open and "map" in fixes
            issue.can_link = is_open and "link" in fixes
            issue.can_create = is_open and "create" in fixes
            issue.can_decide = is_open and "decide" in fixes

    @api.depends("sentence")
    def _compute_display_name(self):
        for issue in self:
            issue.display_name = issue.sentence or issue.code

    def write(self, vals):
        """What an issue says is the engine's; a person takes it over, and talks about it."""
        if not self.env.su and any(
            self._fields[name].readonly for name in vals if name in self._fields
        ):
            raise AccessError(
                self.env._("What an issue says is not edited. Decide with its buttons.")
            )
        return super().write(vals)

    # -- fixes -------------------------------------------------------------------------------------

    def _messages(self):
        return self.exception_ids.filtered(lambda e: e.state == "open").message_id

    def _fix_link(self, record):
        """This is the Odoo record: link it, and let what waited go on."""
        self.ensure_one()
        self.env["hub.message"]._require_resolver()
        # Who works here is known to every user by the public directory; HR's own data is not needed.
        directory = self.env["hr.employee.public"] if record._name == "hr.employee" else record
        directory.browse(record.id).check_access("read")
        if self.code == "payment_unmatched":
            raise UserError(
                self.env._("Choose the invoice that was paid, in the fix of the issue.")
            )
        if self.code == "payout_part_missing":
            raise UserError(
                self.env._("Choose the account that takes the parts, in the fix of the issue.")
            )
        itself = self.code in OF_ITSELF or (self.params or {}).get("itself")
        if self.code in ("unknown_consultant", "unmapped_project") or (
            self.code == "record_gone" and not itself
        ):
            # The missing one is what the message points to: link that.
            entity = self.env["hub.entity"].search([("code", "=", self.params["entity_code"])])
            if record._name != entity.model_name:
                raise UserError(
                    self.env._("Choose one of these: %s.", self.env[entity.model_name]._description)
                )
            self.env["hub.link"]._store(
                self.env.cr,
                [
                    {
                        "system_id": self.system_id.id,
                        "entity_id": entity.id,
                        "entity": entity.code,
                        "external_id": self.params["id"],
                        "company_id": self.company_id.id or None,
                        "res_model": record._name,
                        "res_id": record.id,
                    }
                ],
            )
            messages = self._messages()
        else:
            entity = self.entity_id
            if itself and record._name != entity.model_name:
                raise UserError(
                    self.env._("Choose one of these: %s.", self.env[entity.model_name]._description)
                )
            messages = self._messages()
            messages._decide({"link": record.id})
        self.env["hub.audit"]._append(
            [
                {
                    "action": "decide",
                    "system_id": self.system_id.id,
                    "res_model": record._name,
                    "res_id": record.id,
                    "values": {"issue": self.code, "decision": "link"},
                }
            ]
        )
        messages._replay(self.env._("Linked to %s", record.display_name), issue=self)

    def _fix_create(self):
        """They are different: create a new record."""
        self.ensure_one()
        self.env["hub.message"]._require_resolver()
        messages = self._messages()
        # Whom it resembles is another one: nobody is asked about the two again.
        messages._decide({"create": True, "not": (self.params or {}).get("candidates") or []})
        messages._replay(self.env._("Created as a new record"), issue=self)

    def action_plan_replay(self):
        """Show what a replay of all records that share these causes would do; it starts there."""
        issue = self if len(self) == 1 else None
        return self.env["hub.replay"]._of(self._messages(), issue=issue)._open()

    def action_replay(self):
        """Try all records that share these causes again now."""
        for issue in self:
            issue._messages()._replay(self.env._("Replayed by hand"), issue=issue)
        return True

    def _open_wizard(self, mode):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.sentence,
            "res_model": "hub.resolve",
            "views": [[False, "form"]],
            "target": "new",
            "context": {"default_issue_id": self.id, "default_mode": mode},
        }

    def action_map(self):
        return self._open_wizard("map")

    def action_link(self):
        return self._open_wizard("link")

    def action_create_record(self):
        return self._open_wizard("create")

    def action_skip(self):
        return self._open_wizard("skip")

    def action_decide(self):
        """Each record in dispute has values of its own, so each is decided by itself."""
        self.ensure_one()
        found = self.exception_ids.filtered(lambda exception: exception.state == "open")
        if len(found) == 1:
            return found.action_decide()
        return {
            "type": "ir.actions.act_window",
            "name": self.sentence,
            "res_model": "hub.exception",
            "views": [[False, "list"], [False, "form"]],
            "domain": [("id", "in", found.ids)],
        }

    # -- the engine's own --------------------------------------------------------------------------

    def _refresh(self, touched=None):
        """Totals of open issues from their exceptions, and of what waits behind them; closes those
        that have no open exception left. Runs in a short transaction of its own.

        :param touched: ``(message ids, order keys)``: only the issues of these messages, and of those
            that others wait for by these keys. All open issues if not given.
        """
        messages, keys = touched or ([], [])
        with short_cursor(self.env) as cr:
            cr.execute(
                """
                WITH totals AS (
                    SELECT i.id,
                           count(e.id) FILTER (WHERE e.state = 'open') AS n,
                           coalesce(sum(e.amount_company) FILTER (WHERE e.state = 'open'), 0) AS own,
                           coalesce(sum(w.amount) FILTER (WHERE e.state = 'open'), 0) AS behind,
                           coalesce(sum(w.n) FILTER (WHERE e.state = 'open'), 0) AS waiting,
                           max(e.company_currency_id) AS currency
                      FROM hub_issue i
                      LEFT JOIN hub_exception e ON e.issue_id = i.id
                      LEFT JOIN hub_message m ON m.id = e.message_id
                      LEFT JOIN LATERAL (
                            SELECT count(*) AS n, sum(amount_company) AS amount FROM hub_message
                             WHERE wait_key = m.order_key AND state = 'waiting'
                           ) w ON TRUE
                     WHERE i.state = 'open' AND NOT coalesce(i.standing, FALSE)
                       AND (%s OR i.id IN (
                            SELECT issue_id FROM hub_exception WHERE message_id = ANY(%s)
                             UNION
                            SELECT x.issue_id FROM hub_exception x JOIN hub_message f ON f.id = x.message_id
                             WHERE x.state = 'open' AND f.order_key = ANY(%s)
                               AND f.state IN ('failed', 'dead')))
                     GROUP BY i.id
                )
                UPDATE hub_issue i
                   SET exception_count = t.n, waiting_count = t.waiting, at_risk = t.own + t.behind,
                       record_total = greatest(i.record_total, i.exception_count, t.n),
                       risk_total = greatest(i.risk_total, i.at_risk, t.own + t.behind),
                       currency_id = coalesce(t.currency, i.currency_id),
                       state = CASE WHEN t.n = 0 THEN 'resolved' ELSE 'open' END,
                       resolved_at = CASE WHEN t.n = 0 THEN clock_timestamp() AT TIME ZONE 'UTC' END
                  FROM totals t
                 WHERE t.id = i.id
                   AND (i.exception_count, i.waiting_count, i.at_risk, i.state) IS DISTINCT FROM
                       (t.n, t.waiting, t.own + t.behind, CASE WHEN t.n = 0 THEN 'resolved' ELSE 'open' END)
                """,
                [touched is None, messages, keys],
            )
