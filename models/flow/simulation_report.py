import json

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

from ...core.brief import brief

SHOWN = 200  # characters of a value that would be sent
RESULTS = [
    ("done", "Would be applied"),
    ("unchanged", "Nothing would change"),
    ("skipped", "Would be left out"),
    ("waiting", "Would wait for another record"),
    ("held", "Would be held for approval"),
    ("retry", "Would be tried again later"),
    ("failed", "Would fail"),
    ("locked", "Not seen: somebody else works on the record"),
    ("fetch", "Not seen: it is read from the source first"),
    ("sent", "Would be sent as shown"),
    ("unsent", "Would not be sent"),
    ("out", "Not seen: outgoing messages are not simulated"),
]
KINDS = [
    ("create", "Created"),
    ("write", "Changed"),
    ("delete", "Deleted"),
    ("send", "Sent Otherwise"),
]


class HubSimulationMessage(models.Model):
    """What would become of one message."""

    _name = "hub.simulation.message"
    _description = "Message of a Simulation"
    _log_access = False
    _order = "id"
    _rec_name = "message_id"

    simulation_id = fields.Many2one(
        "hub.simulation", required=True, readonly=True, ondelete="cascade", index=True
    )
    message_id = fields.Many2one(
        "hub.message", index=True, required=True, readonly=True, ondelete="cascade"
    )
    system_id = fields.Many2one(related="message_id.system_id")
    entity_id = fields.Many2one(related="message_id.entity_id")
    external_id = fields.Char(related="message_id.external_id", string="Id There")
    place = fields.Integer(readonly=True)
    former_state = fields.Selection(
        lambda self: self.env["hub.message"]._fields["state"].selection, readonly=True, string="Now"
    )
    outcome = fields.Selection(RESULTS, readonly=True, string="What Would Happen")
    today = fields.Char(
        readonly=True, help="Of a draft configuration: what today's would make of the message."
    )
    reason = fields.Char(readonly=True)
    params = fields.Json(readonly=True)
    explanation = fields.Char(compute="_compute_explanation", string="Why")
    company_id = fields.Many2one("res.company", readonly=True)
    amount_company = fields.Monetary(
        readonly=True, currency_field="currency_id", string="Money at Risk"
    )
    currency_id = fields.Many2one("res.currency", readonly=True)

    def init(self):
        self.env.cr.execute(
            """ALTER TABLE hub_simulation_message ADD COLUMN IF NOT EXISTS order_key bigint,
                   ADD COLUMN IF NOT EXISTS wait_key bigint, ADD COLUMN IF NOT EXISTS needs bigint[]"""
        )

    @api.depends("reason", "params")
    def _compute_explanation(self):
        for row in self:
            params = {"system": row.system_id.name} | (row.params or {})
            row.explanation = (
                self.env["hub.sentence"]._sentence(row.reason, params) if row.reason else False
            )

    def write(self, vals):
        raise UserError(self.env._("A simulation says what it saw; it is not edited."))

    def action_open_message(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": "hub.message",
            "res_id": self.message_id.id,
            "views": [[False, "form"]],
        }


class HubSimulationLine(models.Model):
    """One record that would differ. What it says is shown to whom the record itself would be shown."""

    _name = "hub.simulation.line"
    _description = "Record of a Simulation"
    _log_access = False
    _order = "id"

    simulation_id = fields.Many2one(
        "hub.simulation", required=True, readonly=True, ondelete="cascade", index=True
    )
    kind = fields.Selection(KINDS, readonly=True, string="Would Be")
    res_model = fields.Char(readonly=True)
    model_label = fields.Char(compute="_compute_shown", string="What")
    # A created record is gone again: its number leads nowhere.
    res_id = fields.Many2oneReference(model_field="res_model", readonly=True, string="Record")
    company_id = fields.Many2one("res.company", readonly=True)
    currency_id = fields.Many2one("res.currency", readonly=True)
    readable = fields.Boolean(
        readonly=True, help="Whether the user of the simulation could read it."
    )
    # Searching or grouping these would tell what the record's own rights hide.
    name = fields.Char(string="Name Then", readonly=True, groups=fields.NO_ACCESS)
    values = fields.Json(readonly=True, groups=fields.NO_ACCESS)
    amount_before = fields.Float(readonly=True, digits=(16, 4), groups=fields.NO_ACCESS)
    amount_after = fields.Float(readonly=True, digits=(16, 4), groups=fields.NO_ACCESS)
    record_name = fields.Char(compute="_compute_shown", string="Name")
    difference = fields.Text(compute="_compute_shown", string="Old → New")
    amount = fields.Monetary(
        compute="_compute_shown", currency_field="currency_id", string="Amount Change"
    )

    def write(self, vals):
        raise UserError(self.env._("A simulation says what it saw; it is not edited."))

    def _append(self, simulation_id, changes):
        """Add rows in one statement.

        :param changes: list of :class:`~.difference.Change`.
        """
        if not changes:
            return
        columns = zip(
            *(
                (
                    change.kind,
                    change.model,
                    change.res_id,
                    change.company_id,
                    change.currency_id,
                    change.readable,
                    change.name,
                    json.dumps(change.values, default=str),
                    change.amount_before,
                    change.amount_after,
                )
                for change in changes
            ),
            strict=True,
        )
        self.env.cr.execute(
            """
            INSERT INTO hub_simulation_line (simulation_id, kind, res_model, res_id, company_id, currency_id, readable,
                                             name, values, amount_before, amount_after)
            SELECT %s, u.* FROM unnest(%s::varchar[], %s::varchar[], %s::int[], %s::int[], %s::int[], %s::bool[],
                                       %s::varchar[], %s::jsonb[], %s::numeric[], %s::numeric[]) u
            """,
            [simulation_id, *(list(column) for column in columns)],
        )

    def _visible(self):
        """Ids of lines whose content the reader may see, with one read a model."""
        found = set()
        governs = self.env.user.has_group("lead_to_cash_hub.group_hub_manager")
        for model, lines in self.grouped("res_model").items():
            if model not in self.env or not self.env[model].has_access("read"):
                continue
            there = lines.filtered(lambda line: line.kind != "create")
            allowed = set(
                self.env[model].browse(there.mapped("res_id")).exists()._filtered_access("read").ids
            )
            for line in lines:
                mine = line.simulation_id.user_id == self.env.user and line.readable
                # A process in shadow is nobody's own: who governs it sees what it would create.
                mine = mine or (line.simulation_id.process_id and governs and line.readable)
                if line.res_id in allowed if line.kind != "create" else mine:
                    found.add(line.id)
        return found

    @api.depends("values")
    def _compute_shown(self):
        visible = self if self.env.su else self.browse(self._visible())
        hidden = self.env._("(you may not read this record)")
        # With sudo: the reader may see these, as the line above found.
        contents = {line.id: line for line in visible.sudo()}
        for line in self:
            known = line.res_model in self.env
            line.model_label = self.env[line.res_model]._description if known else line.res_model
            content = contents.get(line.id)
            line.record_name = content.name if content else hidden
            line.difference = line._lines(content.values) if content and known else False
            line.amount = (content.amount_after - content.amount_before) if content else 0.0

    def _lines(self, values):
        """``{field: [old, new]}`` as lines of text; fields that the reader may not see are left out."""
        model = self.env[self.res_model]
        if self.kind == "send":
            return self._sent_lines(model, values)
        lines = []
        for name, (old, new) in (values or {}).items():
            field = model._fields.get(name)
            if field is None or not model._has_field_access(field, "read"):
                continue
            label = field._description_string(self.env)
            old, new = self._word(field, old), self._word(field, new)
            lines.append(f"{label}: {new}" if self.kind == "create" else f"{label}: {old} → {new}")
        return (" · " if self.kind == "create" else "\n").join(lines)

    def _sent_lines(self, model, values):
        """The same of what leaves, by system and its own words; kept by canonical field, whose class and
        Odoo field decide who is shown it."""
        hidden = self.env["hub.retention"]._hidden()
        # With sudo: names and classes of the configuration are no secret.
        systems, fields_ = self.env["hub.system"].sudo(), self.env["hub.entity.field"].sudo()
        lines = []
        for key, (old, new) in (values or {}).items():
            system_id, field_id, path = key.split(":", 2)
            field = fields_.browse(int(field_id)).exists()
            column = model._fields.get(field.odoo_field or "")
            if not field or field.data_class in hidden:
                continue
            if column is not None and not model._has_field_access(column, "read"):
                continue
            name = systems.browse(int(system_id)).exists().name or ""
            old, new = ("–" if one in (None, "") else brief(one, SHOWN) for one in (old, new))
            lines.append(f"{name}: {path}: {old} → {new}")
        return "\n".join(lines)

    def _word(self, field, value):
        if value is None or value is False:
            return "–"
        if field.type == "selection":
            return dict(field._description_selection(self.env)).get(value, value)
        return self.env._("yes") if value is True else str(value)

    def action_open_record(self):
        self.ensure_one()
        if self.kind == "create":
            raise UserError(self.env._("This record would be created; it is not there yet."))
        return {
            "type": "ir.actions.act_window",
            "res_model": self.res_model,
            "res_id": self.res_id,
            "views": [[False, "form"]],
        }


class HubSimulationReport(models.Model):
    """The figures of a simulation."""

    _inherit = "hub.simulation"

    message_count = fields.Integer(compute="_compute_progress", string="Messages")
    record_count = fields.Integer(compute="_compute_progress", string="Records")
    progress = fields.Float(compute="_compute_progress", help="Part that was seen, 0 to 100.")
    report_html = fields.Html(compute="_compute_report_html", string="Report", sanitize=False)

    @api.depends("state", "slice_size")
    def _compute_progress(self):
        self.env.cr.execute(
            """SELECT simulation_id, count(*), count(outcome) FROM hub_simulation_message
                WHERE simulation_id = ANY(%s) GROUP BY simulation_id""",
            [self.ids],
        )
        counts = {row[0]: row[1:] for row in self.env.cr.fetchall()}
        records = dict(
            self.env["hub.simulation.line"]._read_group(
                [("simulation_id", "in", self.ids)], ["simulation_id"], ["__count"]
            )
        )
        for simulation in self:
            total, seen = counts.get(simulation.id, (0, 0))
            simulation.message_count = total
            simulation.record_count = records.get(simulation, 0)
            simulation.progress = 100.0 * seen / total if total else 100.0

    @api.depends("state", "slice_size")
    def _compute_report_html(self):
        for simulation in self:
            rows, rest = simulation._message_rows()
            simulation.report_html = self.env["ir.qweb"]._render(
                "lead_to_cash_hub.simulation_report",
                {"rows": rows, "rest": rest, "records": simulation._record_rows()},
            )

    def _message_rows(self):
        """What would become of the messages, by cause."""
        _ = self.env._
        labels = dict(
            self.env["hub.simulation.message"]._fields["outcome"]._description_selection(self.env)
        ) | {
            "cured": _("Would be applied; fails today"),
            "again": _("Would fail again"),
            "new": _("Would fail; did not before"),
        }
        shown = 12
        self.env.cr.execute(
            """
            WITH judged AS (
                SELECT CASE WHEN outcome IN ('done', 'unchanged', 'sent') AND fails THEN 'cured'
                            WHEN outcome = 'failed' AND fails THEN 'again'
                            WHEN outcome = 'failed' AND (today IS NOT NULL OR former_state IN ('done', 'skipped'))
                                THEN 'new'
                            ELSE outcome END AS code,
                       reason, currency_id, amount_company,
                       CASE WHEN outcome = 'failed' THEN params::text END AS params
                  FROM (SELECT *, coalesce(today = 'failed', former_state IN ('failed', 'dead')) AS fails
                          FROM hub_simulation_message) m
                 WHERE simulation_id = %(id)s AND outcome IS NOT NULL)
            SELECT code, NULL, reason, NULL, currency_id, count(*), sum(amount_company),
                   min(params), count(DISTINCT params), count(*) OVER () - %(shown)s, sum(count(*)) OVER ()
              FROM judged GROUP BY code, reason, params, currency_id ORDER BY count(*) DESC, code LIMIT %(shown)s
            """,
            {"id": self.id, "shown": shown},
        )
        return self.env["hub.replay"]._table_rows(self.env.cr.fetchall(), labels)

    def _record_rows(self):
        """Records by model and kind, of the models that the reader may read; amounts of his own runs."""
        kinds = dict(
            self.env["hub.simulation.line"]._fields["kind"]._description_selection(self.env)
        )
        self.env.cr.execute(
            SQL(
                """
                SELECT res_model, kind, count(*), currency_id, sum(amount_before), sum(amount_after)
                  FROM hub_simulation_line WHERE simulation_id = %s AND id IN %s
                 GROUP BY res_model, kind, currency_id ORDER BY count(*) DESC, res_model, kind
                """,
                self.id,
                self.env["hub.simulation.line"]
                ._search([("simulation_id", "=", self.id)])
                .subselect(),
            )
        )
        rows = []
        money = self.env["hub.replay"]._money
        for model, kind, count, currency_id, before, after in self.env.cr.fetchall():
            if model not in self.env or not self.env[model].has_access("read"):
                continue
            own = self.env.su or self.user_id == self.env.user
            rows.append(
                {
                    "label": self.env[model]._description,
                    "kind": kinds[kind],
                    "count": count,
                    "before": money(before, currency_id) if own else "",
                    "after": money(after, currency_id) if own else "",
                }
            )
        return rows

    def action_view_messages(self):
        """Open what would become of each message."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Messages of this Simulation"),
            "res_model": "hub.simulation.message",
            "views": [[False, "list"]],
            "domain": [("simulation_id", "=", self.id)],
            "context": {"search_default_group_outcome": True},
        }

    def action_view_records(self):
        """Open the records that would differ."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Records that Would Differ"),
            "res_model": "hub.simulation.line",
            "views": [[False, "list"]],
            "domain": [("simulation_id", "=", self.id)],
        }
