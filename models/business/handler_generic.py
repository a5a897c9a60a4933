from collections import defaultdict

from odoo import api, models
from odoo.tools import SQL

from ...core.keys import fingerprint
from ...core.problem import Problem
from ..flow.bound import Bound


class HubHandlerGeneric(models.AbstractModel):
    """Any entity on any allowed Odoo model, by its bindings alone: found by what identifies it,
    created and written in batches. The bindings are checked when they are saved and again here."""

    _name = "hub.handler.generic"
    _inherit = "hub.handler"
    _description = "Generic Handler"

    _hub_writes_bound = True

    @api.model
    def _hub_bound(self, items, direction="in"):
        entity = self.env["hub.entity"].search([("code", "=", items[0].entity)])
        return Bound(self.env, entity, direction)

    @api.model
    def _hub_may_upload(self, entity):
        return self.env[entity.model_name].has_access("create")

    @api.model
    def _hub_identities(self, bound):
        return [field for field in bound.fields.values() if field.identity]

    @api.model
    def _hub_key(self, field, value):
        """How an identity value is compared: text without regard to case."""
        return value.strip().lower() if isinstance(value, str) else value

    @api.model
    def _hub_check(self, items):
        """A binding that is not allowed (any more) stops its entity, not the batch."""
        if not items:
            return  # all of them are in dispute
        try:
            self._hub_bound(items)
        except Problem as problem:
            for item in items:
                item.problem = item.problem or problem

    @api.model
    def _hub_match(self, items):
        """The first identity field that names one record decides; several records are a question."""
        bound = self._hub_bound(items)
        self._hub_look_up(bound, items)
        if not bound.entity.create_records:
            for item in items:
                if item.open and item.res_id is None:
                    item.skip = "made_in_odoo"

    @api.model
    def _hub_look_up(self, bound, items):
        prepared = bound.values_of(items)
        for field in self._hub_identities(bound):
            name = field.odoo_field
            wanted = {
                item.message_id: prepared[item.message_id][name]
                for item in items
                if item.open and item.res_id is None and name in prepared[item.message_id]
            }
            if not wanted:
                continue
            found = self._hub_find(bound, field, set(wanted.values()))
            for item in items:
                if item.message_id not in wanted or not item.open:
                    continue
                records = found[self._hub_key(field, wanted[item.message_id])]
                if item.company_id and "company_id" in records._fields:
                    records = records.filtered(
                        lambda r, item=item: r.company_id.id in (False, item.company_id)
                    )
                if len(records) == 1:
                    item.res_id = records.id
                elif records:
                    item.problem = Problem(
                        "ambiguous_match",
                        kind="identity",
                        cause=f"{field.name}:{wanted[item.message_id]}",
                        name=str(item.values.get("name") or item.external_id),
                        count=len(records),
                        key=field.name,
                        candidates=records.ids[:20],
                    )

    @api.model
    def _hub_find(self, bound, field, values):
        """Records by the value of an identity field, with one query: ``{key: recordset}``."""
        name = field.odoo_field
        found = defaultdict(bound.model.browse)
        texts = [value for value in values if isinstance(value, str)]
        if texts:
            # Lower and upper case are one: `=ilike` would read % and _ in a value as wildcards.
            query = bound.model._search([])
            column = bound.model._field_to_sql(bound.model._table, name, query)
            query.add_where(SQL("lower(%s) = ANY(%s)", column, [text.lower() for text in texts]))
            records = bound.model.browse(query)
        else:
            records = bound.model.search([(name, "in", list(values))])
        for record in records:
            value = record[name]
            key = self._hub_key(field, value.id if isinstance(value, models.BaseModel) else value)
            found[key] |= record
        return found

    @api.model
    def _hub_write(self, items):
        bound = self._hub_bound(items)
        first, twins, new = {}, [], []
        for item in items:
            if item.res_id is not None or not item.open:
                continue
            keys = self._hub_values(bound, item)
            same = next((first[key] for key in keys if key in first), None)
            if same is not None:
                # Two messages of one batch are one record: the first creates it, the other follows.
                twins.append((item, same))
                continue
            first.update(dict.fromkeys(keys, item))
            new.append(item)
        self._hub_create(bound, new)
        for item, same in twins:
            item.res_id = same.res_id
        created = {item.message_id for item in new}
        bound.write(
            [item for item in items if item.message_id not in created],
            {item.message_id for item, _same in twins},
        )
        self._hub_remember(bound, [item for item in items if item.res_id and item.open])

    @api.model
    def _hub_create(self, bound, items):
        if not items:
            return
        prepared = bound.values_of(items)
        for item in items:
            if item.problem is not None:
                raise item.problem  # alone in its batch, once this one has been halved
            company = bound.model._fields.get("company_id")
            if company and (item.company_id or not company.required):
                prepared[item.message_id]["company_id"] = item.company_id
        records = bound.model.create([prepared[item.message_id] for item in items])
        for item, record in zip(items, records, strict=True):
            item.res_id = record.id
            item.audit = {name: [None, value] for name, value in prepared[item.message_id].items()}

    @api.model
    def _hub_values(self, bound, item):
        """Identity of an item: ``[(field, key, company)]``."""
        return [
            (field.name, self._hub_key(field, item.values[field.name]), item.company_id or 0)
            for field in self._hub_identities(bound)
            if item.values.get(field.name) not in (None, "")
        ]

    @api.model
    def _hub_remember(self, bound, items):
        """Keep what identifies a record: a second worker with the same one meets it and starts again."""
        rows = sorted(
            {
                (company, name, fingerprint(key), item.res_id)
                for item in items
                for name, key, company in self._hub_values(bound, item)
            }
        )
        if rows:
            self.env.cr.execute(
                """INSERT INTO hub_identity (company_id, entity, kind, value, res_id)
                   SELECT u.company, %s, u.kind, u.value, u.res_id
                     FROM unnest(%s::int[], %s::varchar[], %s::varchar[], %s::int[])
                          u(company, kind, value, res_id)
                   ON CONFLICT DO NOTHING""",
                [bound.entity.code, *map(list, zip(*rows, strict=True))],
                log_exceptions=False,  # the other worker won; this batch starts again
            )

    # -- out -----------------------------------------------------------------------------------------

    @api.model
    def _hub_compose(self, records, system):
        """The engine adds the bound fields of every entity; here there is nothing else."""
        return {record.id: {} for record in records}
