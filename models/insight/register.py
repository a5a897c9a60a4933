"""The register of integrations: computed from the configuration, so that it cannot lie behind it."""

from datetime import timedelta

from odoo import api, fields, models

from ...core.circle import circle

POSTS = ("account.move", "account.payment", "account.bank.statement.line")
BILLABLE = (
    "account.analytic.line", "hub.contract", "hr.expense", "product.product", "product.template",
    "project.milestone", "sale.order", "sale.order.line",
)  # fmt: skip
PRICED = ("crm.lead",)  # billable where amounts or lines are read
AHEAD = 14  # days before a review that somebody is asked for it


class HubStream(models.Model):
    _name = "hub.stream"
    _inherit = ["hub.stream", "mail.activity.mixin"]

    business_owner_id = fields.Many2one(
        "res.users", tracking=True, help="Who answers for what this exchange means to the firm."
    )
    technical_owner_id = fields.Many2one(
        "res.users",
        tracking=True,
        help="Who answers for its working. Empty: the owner of the system.",
    )
    criticality = fields.Selection(
        [("critical", "Critical"), ("high", "High"), ("normal", "Normal"), ("low", "Low")],
        compute="_compute_criticality",
        store=True,
        readonly=False,
        tracking=True,
        help="As the impact of its process, unless somebody says otherwise.",
    )
    review_at = fields.Date(
        string="Next Review",
        tracking=True,
        help="Two weeks before, its business owner gets an activity.",
    )
    region_id = fields.Many2one(related="system_id.region_id")
    exchanged = fields.Char(compute="_compute_register", string="What It Exchanges")
    data_classes = fields.Char(compute="_compute_register", string="Classes of Data")
    has_personal = fields.Boolean(
        compute="_compute_register", search="_search_has_personal", string="Personal Data"
    )
    touches_postings = fields.Boolean(
        compute="_compute_register", search="_search_touches_postings"
    )
    alters_billable = fields.Boolean(
        compute="_compute_register",
        search="_search_alters_billable",
        string="Alters Billable Values",
    )
    depends_on = fields.Char(compute="_compute_register")
    circle = fields.Char(
        compute="_compute_register",
        search="_search_circle",
        help="Streams that need records of each other. Two records that name each other wait until one of them comes "
        "without the other: leave one of the references unmapped, or owned by Odoo.",
    )

    @api.depends("process_id.impact")
    def _compute_criticality(self):
        for stream in self:
            stream.criticality = stream.process_id.impact or "normal"

    def _mapped_fields(self):
        """Canonical fields of each stream's mapping: ``{stream id: hub.entity.field}``, a query a step."""
        mappings = self.env["hub.mapping"].search([("system_id", "in", self.system_id.ids)])
        lines = mappings.line_ids
        result = {}
        for stream in self:
            result[stream.id] = lines.filtered(
                lambda line, stream=stream: (
                    line.mapping_id.system_id == stream.system_id
                    and line.mapping_id.entity_id == stream.entity_id
                    and (line.mapping_id.direction == stream.direction or line.both_ways)
                )
            ).field_id
        return result

    def _exchanged_fields(self, mapped):
        """Those of ``mapped`` that each stream moves: what is sent has to be granted."""
        granted = {
            (grant.system_id, grant.field_id)
            for grant in self.env["hub.grant"].search([("system_id", "in", self.system_id.ids)])
        }
        return {
            stream.id: mapped[stream.id].filtered(
                lambda field, stream=stream: (
                    stream.direction == "in" or (stream.system_id, field) in granted
                )
            )
            for stream in self
        }

    @api.depends(
        "system_id.mapping_ids.line_ids.field_id.data_class",
        "system_id.grant_ids.active",
        "entity_id.model_id",
        "direction",
    )
    @api.depends_context("lang")
    def _compute_register(self):
        streams = self.search([("system_id", "in", self.system_id.ids), ("direction", "=", "in")])
        mapped = (self | streams)._mapped_fields()
        exchanged = self._exchanged_fields(mapped)
        classes = dict(
            self.env["hub.entity.field"]._fields["data_class"]._description_selection(self.env)
        )
        by_entity = {(s.system_id, s.entity_id.code): s for s in streams}
        needs = {stream: self._needed(mapped[stream.id], stream, by_entity) for stream in streams}
        for stream in self:
            moved = exchanged[stream.id]
            model, inbound = stream.entity_id.model_name, stream.direction == "in"
            stream.exchanged = ", ".join(moved.mapped("label"))
            found = set(moved.mapped("data_class"))
            stream.data_classes = ", ".join(
                label for name, label in classes.items() if name in found
            )
            stream.has_personal = "personal" in found
            # Documents with their lines are booked there, in words that can be changed before they are granted.
            stream.touches_postings = model in POSTS and (
                inbound or any(f.kind.startswith("lines:") for f in mapped[stream.id])
            )
            stream.alters_billable = inbound and (
                model in BILLABLE
                or (
                    model in PRICED
                    and any(
                        f.data_class == "financial" or f.kind.startswith("lines:") for f in moved
                    )
                )
            )
            needed = self._needed(moved, stream, by_entity)
            stream.depends_on = ", ".join(other.entity_id.name for other in needed)
            stream.circle = " → ".join(other.entity_id.name for other in circle(needs, stream))

    @api.model
    def _needed(self, moved, stream, by_entity):
        """Inbound streams of the same system whose records those of ``stream`` point to."""
        wanted = {
            field.kind.partition(":")[2]
            for field in moved
            if field.kind.startswith(("ref:", "refs:"))
        }
        found = [by_entity.get((stream.system_id, code)) for code in sorted(wanted)]
        return [other for other in found if other and other != stream]

    def _search_circle(self, operator, value):
        """Filters ask whether there is one, not for its words."""
        if operator not in ("in", "not in") or set(value) - {True, False}:
            return NotImplemented
        return self._search_flag("circle", operator, value)

    def _search_flag(self, name, operator, value):
        if operator not in ("in", "not in"):
            return NotImplemented
        streams = self.search([("system_id", "!=", False)])
        ids = [stream.id for stream in streams if stream[name]]
        wanted = True in value
        return [("id", "in" if (operator == "in") == wanted else "not in", ids)]

    def _search_has_personal(self, operator, value):
        return self._search_flag("has_personal", operator, value)

    def _search_touches_postings(self, operator, value):
        return self._search_flag("touches_postings", operator, value)

    def _search_alters_billable(self, operator, value):
        return self._search_flag("alters_billable", operator, value)

    @api.model
    def _ask_for_reviews(self):
        """An activity for each review that is due soon; one a stream, until it is done. Nightly."""
        soon = fields.Date.today() + timedelta(days=AHEAD)
        kind = self.env.ref("mail.mail_activity_data_todo")
        due = self.search([("system_id", "!=", False), ("review_at", "<=", soon)])
        asked = self.env["mail.activity"].search(
            [
                ("res_model", "=", self._name),
                ("res_id", "in", due.ids),
                ("activity_type_id", "=", kind.id),
            ]
        )
        asked = {(activity.res_id, activity.date_deadline) for activity in asked}
        for stream in due:
            owner = (
                stream.business_owner_id or stream.technical_owner_id or stream.system_id.owner_id
            )
            if owner and (stream.id, stream.review_at) not in asked:
                stream.activity_schedule(
                    "mail.mail_activity_data_todo",
                    date_deadline=stream.review_at,
                    summary=self.env._("Review this exchange"),
                    note=self.env._(
                        "Look through what it exchanges, who owns it and what it may write, and set the next review."
                    ),
                    user_id=owner.id,
                )
        return True


class HubDuty(models.Model):
    """Duties that one person should not have together, and who has them."""

    _name = "hub.duty"
    _description = "Conflict of Duty"
    _order = "sequence, id"

    name = fields.Char(required=True, translate=True)
    sequence = fields.Integer(default=10)
    why = fields.Char(required=True, translate=True, help="What one person could do alone.")
    group_ids = fields.Many2many(
        "res.groups", required=True, string="Rights", help="Who has all of these is in conflict."
    )
    user_ids = fields.Many2many("res.users", compute="_compute_user_ids", string="Who")
    user_count = fields.Integer(compute="_compute_user_ids", string="People")
    answer = fields.Char(
        string="What Is Done About It",
        help="For example: the second look that somebody else takes.",
    )
    active = fields.Boolean(default=True)

    @api.depends("group_ids")
    @api.depends_context("allowed_company_ids")
    def _compute_user_ids(self):
        for duty in self:
            # Who holds a right is read whoever looks, but only of the reader's own companies.
            groups = duty.sudo().group_ids
            users = groups[:1].all_user_ids
            for group in groups[1:]:
                users &= group.all_user_ids
            users = users.filtered(lambda u: u.active and u.company_ids & self.env.companies)
            duty.user_ids = users.with_env(self.env)
            duty.user_count = len(users)
