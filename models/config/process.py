import uuid
from typing import NamedTuple

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError

from ...core.expression import compile_expression
from ...core.expression_functions import Failed
from ...core.problem import Problem
from ..guard import own_code

KINDS = [
    ("deal_to_project", "Deal to project"),
    ("time_to_invoice", "Time to invoice"),
    ("payment_to_receivable", "Payment to receivable"),
    ("invoice_status_to_crm", "Invoice status to CRM"),
    ("invoice_to_ledger", "Invoice to ledger"),
    ("master_data", "Master data"),
    ("reporting", "Reporting"),
]
# Canonical fields by which a record's country and sales team are found.
PLACED_BY = frozenset(["country", "customer", "project"])


class Scope(NamedTuple):
    """Where a process is switched on, as plain data; what is empty is everywhere.

    :attr filters: ``{entity code: compiled expression}``.
    """

    companies: frozenset
    countries: frozenset
    teams: frozenset
    filters: dict
    shadow: bool = False

    def leaves_out(self, entity, company, country, team, record, placed):
        """Why a record is not for this process yet, as a machine word; None if it is.

        :param company: None for what all companies share, which no company leaves out.
        :param placed: whether records of this kind have a country and a team at all.
        :param record: function that gives the record as rules see it.
        """
        if self.companies and company is not None and company not in self.companies:
            return "company"
        if placed and self.countries and country not in self.countries:
            return "country"
        if placed and self.teams and team not in self.teams:
            return "team"
        wanted = self.filters.get(entity)
        if wanted is not None:
            try:
                if wanted(None, record()) is not True:
                    return "filter"
            except Failed:
                return "filter"
        return None


def _nothing(_value, _record):
    """In place of a filter that cannot be read any more: nothing is in it."""
    return False


class HubProcess(models.Model):
    _name = "hub.process"
    _description = "Process"
    _inherit = ["mail.thread", "hub.identified"]
    _order = "sequence, id"
    _hub_free = frozenset(["paused", "stamp"])  # stopping something has to work at once
    _hub_key = ("identity", "kind", "company_id", "name")
    # Whether it is in shadow is decided where it runs.
    _hub_portable = ("sequence", "active", "impact", "company_ids", "country_ids", "team_ids")

    name = fields.Char(required=True, translate=True)
    sequence = fields.Integer(default=10)
    kind = fields.Selection(KINDS, required=True)
    company_id = fields.Many2one(
        "res.company", help="Empty: the process serves every company of its systems."
    )
    active = fields.Boolean(default=True)
    paused = fields.Boolean(tracking=True, help="Messages of a paused process are kept and wait.")
    mode = fields.Selection(
        [
            ("live", "Live"),
            ("shadow", "Shadow: everything is worked out and shown, nothing is written or sent"),
        ],
        default="live",
        required=True,
        tracking=True,
    )
    company_ids = fields.Many2many(
        "res.company",
        relation="hub_process_company_rel",
        string="Companies",
        help="Where it is switched on already. Empty: in all of them.",
    )
    country_ids = fields.Many2many(
        "res.country", string="Countries", help="Of the customer. Empty: all of them."
    )
    team_ids = fields.Many2many(
        "crm.team",
        string="Business Units",
        help="Sales teams, which Odoo carries from the deal to the order and its project. Empty: all of them.",
    )
    filter_ids = fields.One2many("hub.process.filter", "process_id", string="Filters")
    scoped = fields.Boolean(compute="_compute_scoped", store=True)
    # Names this scope for ever, see hub.mapping.
    stamp = fields.Char(default=lambda self: uuid.uuid4().hex, readonly=True, copy=False)
    owner_id = fields.Many2one(
        "res.users",
        tracking=True,
        help="Gets one activity and one e-mail for new causes of failure.",
    )
    impact = fields.Selection(
        [("high", "High: money or customers wait"), ("normal", "Normal"), ("low", "Low")],
        default="normal",
        required=True,
        tracking=True,
        help="High: alerts at once. Normal: once an hour. Low: once a day.",
    )
    stream_ids = fields.One2many("hub.stream", "process_id", string="Streams")
    left_out_count = fields.Integer(compute="_compute_left_out", string="Left Out")
    shadowed_count = fields.Integer(compute="_compute_left_out", string="In Shadow")

    @api.depends("company_id", "company_ids", "country_ids", "team_ids", "filter_ids")
    def _compute_scoped(self):
        for process in self:
            process.scoped = bool(
                process.company_id
                or process.company_ids
                or process.country_ids
                or process.team_ids
                or process.filter_ids
            )

    def write(self, vals):
        result = super().write(vals)
        if {"mode", "company_id", "company_ids", "country_ids", "team_ids", "filter_ids"} & set(
            vals
        ):
            self._grow()
        return result

    def _grow(self):
        """Where it is switched on has changed."""
        own_code(self).write({"stamp": uuid.uuid4().hex})

    @api.constrains("company_id", "company_ids")
    def _check_companies(self):
        for process in self:
            if process.company_id and process.company_ids - process.company_id:
                raise ValidationError(
                    self.env._(
                        "%(process)s belongs to %(company)s and is switched on there alone.",
                        process=process.name,
                        company=process.company_id.name,
                    )
                )

    def _scope(self):
        """Where this process is switched on, as plain data."""
        self.ensure_one()
        filters = {}
        for line in self.filter_ids:
            try:
                filters[line.entity_id.code] = compile_expression(line.when)
            except Problem:
                filters[line.entity_id.code] = _nothing
        return Scope(
            frozenset((self.company_ids or self.company_id).ids),
            frozenset(self.country_ids.ids),
            frozenset(self.team_ids.ids),
            filters,
            self.mode == "shadow",
        )

    # -- what was left out -------------------------------------------------------------------------

    def _compute_left_out(self):
        groups = self.env["hub.message"]._read_group(
            [
                ("stream_id.process_id", "in", self.ids),
                ("state", "=", "skipped"),
                ("reason", "in", ("out_of_scope", "shadow")),
            ],
            ["stream_id", "reason"],
            ["__count"],
        )
        for process in self:
            own = [(r, c) for stream, r, c in groups if stream.process_id == process]
            process.left_out_count = sum(c for r, c in own if r == "out_of_scope")
            process.shadowed_count = sum(c for r, c in own if r == "shadow")

    def action_replay_left_out(self):
        """Plan to apply what was left out or only tried until now; it starts there."""
        self.ensure_one()
        if self.mode == "shadow":
            raise UserError(
                self.env._("Set the process live first: until then nothing is written.")
            )
        replay = self.env["hub.replay"].create(
            {
                "domain": repr(
                    [
                        ("stream_id.process_id", "=", self.id),
                        ("state", "=", "skipped"),
                        ("reason", "in", ("out_of_scope", "shadow")),
                    ]
                ),
                "why": self.env._("%s: switched on for more records", self.name),
            }
        )
        replay.action_plan()
        return replay._open()

    def action_view_left_out(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Left Out or in Shadow"),
            "res_model": "hub.message",
            "views": [[False, "list"], [False, "form"]],
            "domain": [
                ("stream_id.process_id", "=", self.id),
                ("state", "=", "skipped"),
                ("reason", "in", ("out_of_scope", "shadow")),
            ],
        }

    def _hub_systems(self):
        return self.stream_ids.system_id

    def _hub_entities(self):
        return self.stream_ids.entity_id

    def action_pause(self):
        self.write({"paused": True})

    def action_resume(self):
        self.write({"paused": False})


class HubProcessFilter(models.Model):
    """Which records of one entity a process is for already."""

    _name = "hub.process.filter"
    _description = "Filter of a Process"
    _inherit = ["hub.governed"]
    _order = "process_id, entity_id"
    _rec_name = "when"
    _hub_key = ("process_id", "entity_id")
    _hub_portable = ("when",)

    process_id = fields.Many2one("hub.process", required=True, ondelete="cascade", index=True)
    entity_id = fields.Many2one("hub.entity", required=True, ondelete="cascade")
    when = fields.Char(
        string="Only Records For Which",
        required=True,
        help='An expression on the record, for example record["service_line"] == "implementation".',
    )

    _entity_unique = models.Constraint(
        "UNIQUE(process_id, entity_id)", "There is already a filter for this entity."
    )

    @api.constrains("when")
    def _check_when(self):
        for line in self:
            try:
                compile_expression(line.when)
            except Problem as problem:
                reason = self.env["hub.sentence"]._sentence(problem.code, problem.params)
                raise ValidationError(reason) from problem

    @api.model_create_multi
    def create(self, vals_list):
        lines = super().create(vals_list)
        lines.process_id._grow()
        return lines

    def write(self, vals):
        result = super().write(vals)
        self.process_id._grow()
        return result

    def unlink(self):
        processes = self.process_id
        result = super().unlink()
        processes._grow()
        return result

    def _hub_systems(self):
        return self.process_id.stream_ids.system_id
