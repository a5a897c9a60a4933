from odoo import api, fields, models
from odoo.exceptions import UserError

from ...core import change as rules
from .identity import IDENTITY

SHOWN = 120


class HubChangeItem(models.Model):
    """One row of the configuration that differs. Written by proposals only."""

    _name = "hub.change.item"
    _description = "Difference of a Change"
    _log_access = False
    _order = "sequence, id"

    change_id = fields.Many2one(
        "hub.change", required=True, readonly=True, ondelete="cascade", index=True
    )
    sequence = fields.Integer(readonly=True)
    kind = fields.Selection(
        [("create", "New"), ("write", "Changed"), ("delete", "Removed")],
        required=True,
        readonly=True,
        string="Is",
    )
    res_model = fields.Char(required=True, readonly=True)
    res_id = fields.Many2oneReference(model_field="res_model", readonly=True)
    key = fields.Char(readonly=True)
    values = fields.Json(readonly=True)
    elevated = fields.Boolean(
        readonly=True, help="Done by the hub for a person who has no right to edit these himself."
    )
    name = fields.Char(readonly=True, string="Where")
    company_id = fields.Many2one(
        "res.company", readonly=True, ondelete="cascade", help="Only for this company."
    )
    systems = fields.Json(readonly=True)
    entities = fields.Json(readonly=True)
    model_label = fields.Char(compute="_compute_shown", string="What")
    difference = fields.Text(compute="_compute_shown", string="Today → Proposed")

    def write(self, vals):
        if not self.env.su:
            raise UserError(self.env._("Differences are proposed from forms; they are not edited."))
        return super().write(vals)

    def _plain(self):
        self.ensure_one()
        return {
            "row": self.id,
            "kind": self.kind,
            "model": self.res_model,
            "id": self.res_id or None,
            "key": self.key or None,
            "values": self.values or {},
            "elevated": bool(self.elevated),
            "name": self.name,
            "systems": self.systems or [],
            "entities": self.entities,
            "company": self.company_id.id or None,
        }

    def _rivals(self):
        """Items of other open Changes about a field of the same row."""
        self.ensure_one()
        if not self.res_id or self.kind == "create":
            return self.browse()
        others = self.search(
            [("res_model", "=", self.res_model), ("res_id", "=", self.res_id), ("change_id", "!=", self.change_id.id),
             ("change_id.state", "in", ("draft", "submitted", "approved"))]
        )  # fmt: skip
        return others.filtered(
            lambda other: (
                "delete" in (self.kind, other.kind)
                or not set(self.values or ()).isdisjoint(other.values or ())
            )
        )

    @api.model
    def _flagged(self, items):
        """Streams that these items rule and that the register flags: what they bring is posted, or changes
        what is billed. Those that are switched off count as well.

        :param items: as ``core.change`` has them.
        :return: names, as the environment's transaction has them.
        """
        flagged = self._ruled(items).filtered(
            lambda one: one.touches_postings or one.alters_billable
        )
        return sorted(flagged.mapped("name"))

    @api.model
    def _outgoing(self, items):
        """Streams, switched on today or by these items, of which they can change what is sent."""
        items = list(items)
        own = {item["id"] for item in items if item["model"] == "hub.stream"}
        ruled = self._ruled(item for item in items if not self._only_inbound(item))
        return ruled.filtered(lambda one: one.direction == "out" and (one.active or one.id in own))

    @api.model
    def _only_inbound(self, item):
        """Whether an item is about a row that says it serves what comes in, before and after."""
        # With sudo: the row as it is.
        model = self.env[item["model"]].sudo()
        if "direction" not in model:
            return False
        after = {name: value for name, value in rules.new(item).items() if not rules.is_new(value)}
        row = (
            model.browse(item["id"]).exists() if item["id"] else model.new(model._hub_given(after))
        )
        serves = {row.direction, after.get("direction") or row.direction}
        both = "both_ways" in row and (row.both_ways or after.get("both_ways"))
        return serves == {"in"} and not both

    @api.model
    def _ruled(self, items):
        """Streams whose records these items decide about, switched on or not."""
        # With sudo: what a stream touches is asked of all companies.
        streams = self.env["hub.stream"].sudo().with_context(active_test=False)
        found = streams.browse()
        for item in items:
            if not self.env[item["model"]]._hub_money:
                continue  # about when something runs, not about what
            domain = [("system_id", "in", item["systems"])]
            if item["entities"] is not None:
                entities = self.env["hub.entity"].sudo().browse(item["entities"]).exists()
                domain.append(("entity_id", "in", entities._wholes().ids))
            found |= streams.search(domain)
        return found

    def _financial_fields(self):
        """Fields of the class Financial that these rows are about, whichever way they go."""
        fields_ = self.env["hub.entity.field"].sudo()  # the class of a field is no secret
        found = fields_.browse()
        for item in self:
            if item.res_model not in self.env or not self.env[item.res_model]._hub_money:
                continue
            row = self.env[item.res_model].sudo().browse(item.res_id or ()).exists()
            if item.res_model == fields_._name:
                found |= row
            elif "field_id" in row and row:
                found |= row.field_id
            named = (item.values or {}).get("field_id", [None, None])
            found |= fields_.browse(i for i in named if isinstance(i, int))
        return found.exists().filtered(lambda field: field.data_class == "financial")

    # -- as a person reads it ----------------------------------------------------------------------

    @api.depends("values")
    def _compute_shown(self):
        for item in self:
            known = item.res_model in self.env
            item.model_label = self.env[item.res_model]._description if known else item.res_model
            item.difference = "\n".join(item._lines()) if known else False

    def _lines(self):
        """Fields in the reader's language: what they say today and what is proposed."""
        model = self.env[self.res_model]
        lines = []
        for name, (old, new) in sorted(
            (self.values or {}).items(), key=lambda pair: list(model._fields).index(pair[0])
            if pair[0] in model._fields else 999
        ):  # fmt: skip
            field = model._fields.get(name)
            if field is None or not model._has_field_access(field, "read"):
                continue
            if name == IDENTITY and self.kind != "write":
                continue  # each has one; it tells nobody anything
            label = field._description_string(self.env)
            if self.kind == "write":
                lines.append(f"{label}: {self._word(field, old)} → {self._word(field, new)}")
            elif (value := new if self.kind == "create" else old) not in (None, False, []):
                lines.append(f"{label}: {self._word(field, value)}")
        return lines

    def _word(self, field, value):
        """A value as a person reads it; a record by its name, if the reader may read it."""
        if value is None or value == []:
            return "–"
        if rules.is_new(value):
            item = self.change_id.item_ids.filtered(lambda one: one.key == value["new"])
            return item.name or self.env._("a new one")
        if field.type == "boolean":
            return self.env._("yes") if value else self.env._("no")
        if field.type in ("many2one", "many2many"):
            ids = value if isinstance(value, list) else [value]
            records = self.env[field.comodel_name].browse(ids).exists()._filtered_access("read")
            return ", ".join(records.mapped("display_name")) or f"#{value}"
        if field.type == "selection":
            return dict(field._description_selection(self.env)).get(value, value)
        text = str(value)
        return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"

    def action_remove(self):
        """Take this difference out of the draft."""
        self.ensure_one()
        return self.change_id.action_remove_items(self.ids)


class HubChangeApproval(models.Model):
    """Who approved a Change, in which role, and what it said then."""

    _name = "hub.change.approval"
    _description = "Approval of a Change"
    _log_access = False
    _order = "id"

    change_id = fields.Many2one(
        "hub.change", required=True, readonly=True, ondelete="cascade", index=True
    )
    user_id = fields.Many2one("res.users", required=True, readonly=True, ondelete="restrict")
    role = fields.Selection(
        [("configuration", "Configuration"), ("finance", "Finance")], required=True, readonly=True
    )
    in_name_of_id = fields.Many2one(
        "res.users", readonly=True, ondelete="restrict", string="In the Name Of"
    )
    at = fields.Datetime(readonly=True, default=fields.Datetime.now)
    digest = fields.Char(required=True, readonly=True)

    _role_unique = models.Constraint(
        "UNIQUE(change_id, role)", "This Change has been approved in this role."
    )

    def write(self, vals):
        raise UserError(self.env._("An approval is given or withdrawn, not edited."))
