"""Configuration that takes part in change control: see ``docs/changes.md``."""

from datetime import date, datetime

from odoo import SUPERUSER_ID, api, fields, models
from odoo.exceptions import RedirectWarning
from odoo.fields import Command

from ...core.change import Recording

# What is at work is an object in the context: no call from outside can bring one along.
CHANGE = "hub_change"
_MAIL = ("mail.thread", "mail.activity.mixin")


class Applying:
    """A Change that is carried out.

    :param approver_id: in whose name what needs an approver is done.
    """

    def __init__(self, approver_id):
        self.approver_id = approver_id


class HubGoverned(models.AbstractModel):
    """Rows that decide what the hub does. Where a system is under change control they change through a
    Change alone: creating, writing and deleting is refused, whatever way it comes.

    A model takes part by inheriting this, and says which systems its rows rule (:meth:`_hub_systems`),
    which entities (:meth:`_hub_entities`), and what of it is no configuration (``_hub_free``).
    """

    _name = "hub.governed"
    _description = "Governed Configuration"
    _inherit = ["hub.kept"]

    controlled = fields.Boolean(compute="_compute_controlled", string="Under Change Control")

    # Fields that are operated, like "paused": they change at any time. What is read-only and not copied
    # is kept by the hub itself, and no configuration either.
    _hub_free = frozenset()
    # If not None, only these count.
    _hub_only = None
    # Whether rows can decide about what is billed, posted or paid, and not only about when.
    _hub_money = True
    # What names a row in every database, and what of it travels in a bundle. None: it does not travel.
    _hub_key = ()
    _hub_portable = ()

    def _compute_controlled(self):
        for row in self:
            row.controlled = bool(row._hub_controlled())

    # -- what a model says -------------------------------------------------------------------------

    def _hub_systems(self):
        """``hub.system`` records whose messages these rows rule; called with sudo."""
        return self.system_id

    def _hub_entities(self):
        """``hub.entity`` records whose messages these rows rule; called with sudo. None: all."""
        return self.entity_id

    def _hub_named(self):
        """How a person calls this row in a list of differences."""
        self.ensure_one()
        return self.display_name

    def _hub_write(self, vals):
        """Write as a Change does; for models that are not written but by their buttons."""
        self.write(vals)

    def _hub_unlink(self):
        """Delete as a Change does; for models that are not deleted but taken out of force."""
        self.unlink()

    # -- guards ------------------------------------------------------------------------------------

    @api.model_create_multi
    def create(self, vals_list):
        work = self._hub_at_work()
        if work is None:
            self._hub_refuse("create", [], vals_list)
        places = work.begin(self._name, len(vals_list)) if isinstance(work, Recording) else ()
        rows = super().create(vals_list)
        if work is None:
            rows._hub_refuse("create", [], vals_list)
        for place, row in zip(places, rows, strict=False):
            work.created(
                place, row.id, row._hub_values(self._hub_all())[row.id], **row._hub_concerns()
            )
        if work is None and (ruled := rows._hub_in_production()):
            values = rows._hub_values(self._hub_all())
            rows._hub_keep("create", ruled, {}, values)
        self.env["hub.version"]._begin(rows)
        return rows

    def write(self, vals):
        names = self._hub_configured(vals)
        if not names or not self:
            return super().write(vals)
        work = self._hub_at_work()
        if work is None:
            self._hub_refuse("write", self.ids, {name: vals[name] for name in names})
        # With sudo: systems of all companies.
        former = self.sudo()._hub_systems() if work is None else ()
        ruled = self._hub_in_production() if work is None else ()
        recording = isinstance(work, Recording)
        plain = {name for name in names if self._fields[name].type != "one2many"}
        before = self._hub_values(plain) if (recording or work is None) and plain else {}
        concerns = {row.id: row._hub_concerns() for row in self} if recording and before else {}
        result = super().write(vals)
        if work is None:
            # It may rule another one now.
            self._hub_refuse("write", self.ids, {name: vals[name] for name in names}, apart=former)
        after = self._hub_values(plain) if before else {}
        for row in self if concerns else ():
            work.written(self._name, row.id, before[row.id], after[row.id], **concerns[row.id])
        if work is None and before and (ruled := ruled or self._hub_in_production()):
            self._hub_keep("write", ruled, before, after)
        self.env["hub.version"]._begin(self)
        return result

    def unlink(self):
        work = self._hub_at_work()
        if work is None:
            self._hub_refuse("unlink", self.ids, None)
        ruled = self._hub_in_production() if work is None else ()
        if work is not None or ruled:
            self._hub_unlink_parts()
        before, concerns = {}, {}
        if ruled:
            values = self._hub_values(self._hub_all())
            self._hub_keep("unlink", ruled, values, {})
        if isinstance(work, Recording):
            before = self._hub_values(self._hub_all())
            concerns = {row.id: row._hub_concerns() for row in self}
        self.env["hub.version"]._begin(self)
        result = super().unlink()
        for row_id, values in before.items():
            work.deleted(self._name, row_id, values, **concerns[row_id])
        return result

    def _hub_at_work(self):
        """The Recording or Applying of this call, if any."""
        work = self.env.context.get(CHANGE)
        return work if isinstance(work, (Recording, Applying)) else None

    def _hub_refuse(self, method, ids, vals, apart=()):
        """Refuse if these rule a system that is under change control, and offer to propose it instead.

        The superuser is the update of the addon and the engine; nobody signs in as it.

        :param apart: systems that were asked about already.
        """
        if self.env.uid == SUPERUSER_ID:
            return
        ruled = self._hub_controlled(vals if method == "create" else ())
        ruled = ruled.filtered(lambda system: system not in apart)
        if not ruled:
            return
        raise RedirectWarning(
            self.env._(
                "The configuration of %(systems)s changes through an approved Change only: what you did was "
                "not saved. Propose it, and another person approves it.",
                systems=", ".join(ruled.mapped("name")),
            ),
            self.env.ref("lead_to_cash_hub.hub_change_action_propose").id,
            self.env._("Propose Instead"),
            {"hub_proposal": {"model": self._name, "method": method, "ids": ids, "values": vals}},
        )

    def _hub_controlled(self, vals_list=()):
        """Systems under change control that these rows, or rows made of ``vals_list``, rule."""
        # With sudo: what rules a system is asked of all companies.
        controlled = self.env["hub.system"].sudo()._hub_under_control()
        if not controlled:
            return controlled
        ruled = set(self.sudo()._hub_systems()._origin.ids) if self else set()
        for vals in vals_list:
            ruled.update(self.sudo().new(vals)._hub_systems()._origin.ids)
        return controlled.filtered(lambda system: system.id in ruled)

    @api.model
    def _hub_given(self, values):
        """Plain values of an item as ``create`` and ``write`` take them."""
        return {
            name: [Command.set(value or ())]
            if self._fields[name].type == "many2many"
            else False
            if value is None
            else value
            for name, value in values.items()
            if name in self._fields
        }

    # -- rows as data ------------------------------------------------------------------------------

    @api.model
    def _hub_configured(self, names):
        """Those of ``names`` that are configuration; lines count if they are governed themselves."""
        left_out = {*self._hub_free, *models.MAGIC_COLUMNS}
        left_out.update(name for model in _MAIL for name in self.env[model]._fields)
        found = set()
        for name in names:
            field = self._fields.get(name)
            if field is None:
                continue
            if field.type == "one2many":
                if self._hub_is_governed(field.comodel_name):
                    found.add(name)
            elif (
                name not in left_out
                and not (field.readonly and not field.copy)
                and (self._hub_only is None or name in self._hub_only)
                and (field.store or field.inverse)
            ):
                found.add(name)
        return found

    @api.model
    def _hub_is_governed(self, model):
        return isinstance(self.env[model], self.env.registry["hub.governed"])

    @api.model
    def _hub_all(self):
        """The stored fields that make up a row."""
        return {
            name
            for name in self._hub_configured(self._fields)
            if self._fields[name].store
            and self._fields[name].type != "one2many"
            and not self._fields[name].related
            and not (self._fields[name].compute and self._fields[name].readonly)
        }

    def _hub_values(self, names):
        """``{id: {field: plain value}}``."""
        work = self._hub_at_work()
        # With sudo: the row as it is, for a comparison.
        return {row.id: {name: row._hub_plain(name, work) for name in names} for row in self.sudo()}

    def _hub_plain(self, name, work=None):
        field, value = self._fields[name], self[name]
        refer = work.reference if isinstance(work, Recording) else lambda _model, row_id: row_id
        if field.type == "many2one":
            return refer(field.comodel_name, value.id) if value else None
        if field.type == "many2many":
            return sorted(value.ids)
        if isinstance(value, date | datetime):
            return str(value)
        return None if value is False and field.type != "boolean" else value

    def _hub_concerns(self):
        """What an item keeps beside its values."""
        row = self.sudo()  # of all companies
        entities = row._hub_entities()
        return {
            "elevated": self.env.su,
            "name": row._hub_named(),
            "systems": row._hub_systems().ids,
            "entities": None if entities is None else entities.ids,
            "company": row.company_id.id or None if "company_id" in row else None,
        }

    def _hub_unlink_parts(self):
        """Delete what the database would delete with these, so that it is known row by row. Whether these
        may go is asked before their parts are gone."""
        for check in self._ondelete_methods:
            check(self)
        for field in self._fields.values():
            if field.type == "one2many" and self._hub_is_governed(field.comodel_name):
                inverse = self.env[field.comodel_name]._fields[field.inverse_name]
                if inverse.ondelete == "cascade":
                    self[field.name].unlink()
