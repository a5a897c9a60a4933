"""What the screens of the hub show beyond the stored fields: figures, names and short ways.

Nothing here changes a message, an issue or a stream; it reads, and it opens lists.
"""

import contextlib
import json

from odoo import api, fields, models
from odoo.exceptions import AccessError

HEALTH = [
    ("ok", "In step"),
    ("late", "Behind"),
    ("attention", "Needs a person"),
    ("paused", "Paused"),
    ("off", "Not connected"),
]
UNFINISHED = ("received", "pending", "waiting", "held", "sending")
NEEDS_PERSON = ("failed", "dead")
# Payloads are shown up to here; a longer one is downloaded by nobody from a form.
SHOWN_CHARACTERS = 60_000


def open_list(env, name, model, domain, **context):
    """An action that opens a list of ``model`` with its form."""
    return {
        "type": "ir.actions.act_window",
        "name": name,
        "res_model": model,
        "views": [[False, "list"], [False, "form"]],
        "domain": domain,
        "context": context,
    }


def fill_names(rows):
    """Set ``record_name`` of rows that point to any record, with one read a model.

    Names are read under the reader's own rights: what he may not read stays blank.
    """
    rows.record_name = False
    for model, group in rows.grouped("res_model").items():
        if not model or model not in rows.env:
            continue
        records = rows.env[model].browse(filter(None, group.mapped("res_id"))).exists()
        names = {record.id: record.display_name for record in records._filtered_access("read")}
        for row in group:
            row.record_name = names.get(row.res_id)


def lines_of(values, labels=None):
    """Plain values as lines of text that a person reads: one a field, without braces."""
    lines = []
    for name, value in (values or {}).items():
        label = (labels or {}).get(name) or name.replace("_", " ").capitalize()
        if isinstance(value, list):
            value = ", ".join(map(str, value))
        elif isinstance(value, dict):
            value = ", ".join(f"{key}: {inner}" for key, inner in value.items())
        lines.append(f"{label}: {'' if value is None else value}")
    return "\n".join(lines)


class HubSystem(models.Model):
    _inherit = "hub.system"

    health = fields.Selection(HEALTH, compute="_compute_figures")
    queue_count = fields.Integer(compute="_compute_figures", string="In the Queue")
    attention_count = fields.Integer(compute="_compute_figures", string="Need a Person")
    lag = fields.Integer(compute="_compute_figures", string="Lag (s)")
    last_success_at = fields.Datetime(compute="_compute_figures", string="Last Success")
    stream_count = fields.Integer(compute="_compute_figures", string="Number of Streams")
    product_label = fields.Char(compute="_compute_product_label")
    product_icon = fields.Char(compute="_compute_product_label", string="Icon")

    @api.depends("product")
    def _compute_product_label(self):
        labels = dict(self._fields["product"]._description_selection(self.env))
        for system in self:
            system.product_label = labels.get(system.product, system.product)
            icon = "declared" if system.is_declared else system.product
            system.product_icon = icon and f"/lead_to_cash_hub/static/img/{icon}.svg"

    @api.depends("state", "paused")
    @api.depends_context("uid", "allowed_company_ids")
    def _compute_figures(self):
        figures = self.env["hub.operations"]._system_figures(self)
        for system in self:
            for name, value in figures[system.id].items():
                system[name] = value

    def action_use_journal_account(self):
        """Let payments of these systems be booked on their journal's own account."""
        return self.journal_id.action_hub_use_own_account()

    def action_view_streams(self):
        """Open how far each entity of these systems has come."""
        return open_list(
            self.env, self.env._("Streams"), "hub.stream", [("system_id", "in", self.ids)]
        )

    def action_view_messages(self):
        """Open what came from these systems and went to them."""
        return open_list(
            self.env, self.env._("Messages"), "hub.message", [("system_id", "in", self.ids)]
        )

    def action_view_queue(self):
        """Open what is not finished."""
        return open_list(
            self.env,
            self.env._("In the Queue"),
            "hub.message",
            [("system_id", "in", self.ids), ("state", "in", UNFINISHED)],
        )

    def action_view_issues(self):
        """Open the causes that need a person."""
        return open_list(
            self.env,
            self.env._("Issues"),
            "hub.issue",
            [("system_id", "in", self.ids)],
            search_default_open=1,
        )


class HubStream(models.Model):
    _inherit = "hub.stream"

    health = fields.Selection(search="_search_health")

    @api.model
    def _search_health(self, operator, value):
        if operator not in ("=", "in"):
            return NotImplemented
        wanted = set(value) if operator == "in" else {value}
        # A system has a dozen streams: their health comes from one query over all of them.
        streams = self.search([("system_id", "!=", False)])
        return [("id", "in", streams.filtered(lambda stream: stream.health in wanted).ids)]


class HubMessage(models.Model):
    _inherit = "hub.message"

    record_name = fields.Char(compute="_compute_record_name", string="Name in Odoo")
    payload_text = fields.Text(
        compute="_compute_payload_text",
        compute_sudo=False,
        string="Content",
        groups="lead_to_cash_hub.group_hub_manager,lead_to_cash_hub.group_hub_auditor",
    )

    @api.depends("res_model", "res_id")
    def _compute_record_name(self):
        fill_names(self)

    @api.depends("payload_id")
    def _compute_payload_text(self):
        for message in self:
            try:
                text = message.payload_id.text or ""
            except AccessError as error:
                message.payload_text = str(error)
                continue
            with contextlib.suppress(ValueError):  # not JSON: shown as it came
                text = json.dumps(json.loads(text), indent=2, ensure_ascii=False)
            message.payload_text = text[:SHOWN_CHARACTERS]


class HubProcess(models.Model):
    _inherit = "hub.process"

    # The presets of products belong to no process that runs.
    stream_ids = fields.One2many(domain=[("system_id", "!=", False)])


class HubVocabularyWord(models.Model):
    _inherit = "hub.vocabulary.word"
    _rec_name = "word"


class HubIssue(models.Model):
    _inherit = "hub.issue"

    def action_assign_me(self):
        """Take these causes over."""
        self.write({"owner_id": self.env.uid})
        return True

    def action_view_exceptions(self):
        """Open the records that share this cause."""
        return open_list(
            self.env,
            self.env._("Exceptions"),
            "hub.exception",
            [("issue_id", "in", self.ids)],
            search_default_open=1,
        )


class HubException(models.Model):
    _inherit = "hub.exception"

    owner_id = fields.Many2one(related="issue_id.owner_id", string="Owner")
    process_id = fields.Many2one(related="issue_id.process_id")
    impact = fields.Selection(related="issue_id.impact")
    exception_count = fields.Integer(related="issue_id.exception_count", string="Share This Cause")
    record_name = fields.Char(related="message_id.record_name", related_sudo=False)
    attempt_ids = fields.One2many(related="message_id.attempt_ids", string="Tries")
    payload_text = fields.Text(
        related="message_id.payload_text",
        related_sudo=False,
        groups="lead_to_cash_hub.group_hub_manager,lead_to_cash_hub.group_hub_auditor",
    )
    res_id = fields.Many2oneReference(related="message_id.res_id", string="Odoo Record")

    def action_open_record(self):
        """Open the Odoo record that the message is about."""
        return self.message_id.action_open_record()


class HubLink(models.Model):
    _inherit = "hub.link"

    base_text = fields.Text(
        compute="_compute_base_text",
        compute_sudo=False,
        string="Agreed Values",
        groups="lead_to_cash_hub.group_hub_manager,lead_to_cash_hub.group_hub_auditor",
    )

    @api.depends("base")
    def _compute_base_text(self):
        for link in self:
            if not link.record_name:
                link.base_text = self.env._("You may not read the record that these values are of.")
                continue
            labels = {field.name: field.label for field in link.entity_id.field_ids}
            link.base_text = lines_of(link.base, labels)

    def action_view_messages(self):
        """Open what came and went for this record of the system."""
        self.ensure_one()
        return open_list(
            self.env,
            self.env._("Messages"),
            "hub.message",
            [
                ("system_id", "=", self.system_id.id),
                ("entity_id", "=", self.entity_id.id),
                ("external_id", "=", self.external_id),
            ],
        )


class HubAudit(models.Model):
    _inherit = "hub.audit"

    record_name = fields.Char(compute="_compute_record_name", string="Name in Odoo")
    values_text = fields.Text(
        compute="_compute_values_text",
        compute_sudo=False,
        string="Values",
        groups="lead_to_cash_hub.group_hub_auditor",
    )

    @api.depends("res_model", "res_id")
    def _compute_record_name(self):
        fill_names(self)

    @api.depends("sentence")
    def _compute_display_name(self):
        for row in self:
            row.display_name = row.sentence

    @api.depends("value_ids.body")
    def _compute_values_text(self):
        for row in self:
            row.values_text = "\n".join(lines_of(value.body) for value in row.value_ids)
