"""Canonical fields that go straight into Odoo fields and back, for any entity, a batch at a time."""

from collections import defaultdict
from datetime import date, datetime, timezone
from decimal import Decimal

from odoo.tools import plaintext2html

from ...core.problem import Problem, Term
from ...core.schema import bad_value
from ..config.binding import POINTS_TO


class Bound:
    """The bound fields of one entity, read once for a batch.

    :param env: environment of the technical user, in the company of the items.
    :param entity: ``hub.entity`` record.
    """

    def __init__(self, env, entity, direction="in"):
        self.env = env
        self.entity = entity
        self.model = env[entity.model_name] if entity.model_name else None
        self.fields = {
            bound.name: bound
            for bound in entity._bound_fields()
            if bound.direction in (direction, "both")
        }
        rules = env["hub.binding"]
        for bound in self.fields.values():
            # The rules are asked again: the row may have come from elsewhere than the form (a restored
            # dump, a field whose groups changed with an update).
            reason = rules._refuse_model(entity.model_name) or rules._refuse_field(
                entity.model_name, bound.odoo_field, bound.kind, writes=direction == "in"
            )
            if reason:
                raise Problem(
                    "binding_refused",
                    kind="permission",
                    cause=f"{entity.code}:{bound.name}",
                    field=bound.name,
                    message=reason,
                )

    # -- into Odoo ---------------------------------------------------------------------------------

    def values_of(self, items):
        """Odoo values of what changed at the source: ``{message id: {odoo field: value}}``.

        What is blank there empties a linked record's field, as the merge has let it through; where Odoo
        requires a value or knows no blank (yes or no), its own stays. A value that Odoo cannot hold
        becomes the item's problem.
        """
        codes = self._codes(items)
        result = {}
        for item in items:
            vals = {}
            for name in item.changed & self.fields.keys():
                value, bound = item.values.get(name), self.fields[name]
                if value in (None, "", []):
                    field = self._field(bound)
                    if item.link and not field.required and field.type != "boolean":
                        vals[bound.odoo_field] = False
                    continue
                try:
                    vals[bound.odoo_field] = self._to_odoo(bound, value, codes)
                except Problem as problem:
                    item.problem = item.problem or problem
            result[item.message_id] = vals
        return result

    def _codes(self, items):
        """Ids of countries and currencies that these items name, one query a model."""
        wanted = defaultdict(set)
        for name, bound in self.fields.items():
            base = bound.kind.partition(":")[0]
            if base in POINTS_TO and self._field(bound).type == "many2one":
                wanted[base] |= {
                    str(item.values[name]).upper() for item in items if item.values.get(name)
                }
        codes = {}
        for base, texts in wanted.items():
            column = "code" if base == "country" else "name"
            found = self.env[POINTS_TO[base]].search_fetch([(column, "in", list(texts))], [column])
            codes[base] = {record[column].upper(): record.id for record in found}
        return codes

    def _field(self, bound):
        return self.model._fields[bound.odoo_field]

    def _to_odoo(self, bound, value, codes):
        field = self._field(bound)
        base = bound.kind.partition(":")[0]
        if field.type == "many2one":
            if base in POINTS_TO:
                found = codes[base].get(str(value).upper())
                if not found:
                    raise bad_value(bound.name, value, base)
                return found
            if isinstance(value, Term):
                if not value.res_id:
                    raise Problem(
                        "term_without_record", kind="reference", cause=value.code, field=bound.name,
                        term=value.code,
                    )  # fmt: skip
                return value.res_id
            return value
        if isinstance(value, Term):
            value = value.code
        if field.type == "selection":
            if value not in field.get_values(self.env):
                raise bad_value(bound.name, value, "listed choice")
            return value
        if field.type == "html":
            return plaintext2html(value)  # what looks like markup stays text
        if field.type in ("float", "monetary"):
            return float(value)
        if field.type == "integer":
            return int(value)
        if field.type == "datetime" and isinstance(value, datetime):
            return value.astimezone(timezone.utc).replace(tzinfo=None)
        if field.type == "date" and isinstance(value, datetime):
            return value.date()
        if field.type == "char" and field.size and len(value) > field.size:
            raise Problem(
                "too_long", cause=bound.name, field=bound.name, length=len(value), limit=field.size
            )
        return value

    def write(self, items, created=frozenset()):
        """Write the bound fields of ``items`` (with ``res_id``) into their records.

        What would change nothing is left out; equal changes are one call. A record that people kept
        before it was linked is filled up, not overwritten.

        :param created: message ids whose record was made just now.
        """
        items = [
            item
            for item in items
            if item.open and item.res_id and item.changed & self.fields.keys()
        ]
        if not items:
            return
        prepared = self.values_of(items)
        names = sorted({name for vals in prepared.values() for name in vals})
        records = self.model.browse([item.res_id for item in items])
        records.fetch(names)
        same = defaultdict(list)
        for item, record in zip(items, records, strict=True):
            if item.problem is not None:
                raise item.problem  # alone in its batch, once this one has been halved
            vals = {}
            for name, value in prepared[item.message_id].items():
                now = self._plain(record, name)
                fills_only = item.link is None and item.message_id not in created
                if now == value or (fills_only and now):
                    continue
                vals[name] = value
                item.audit = {**item.audit, name: [now or None, value]}
            if vals:
                same[tuple(sorted(vals.items()))].append(record.id)
        for vals, ids in same.items():
            self.model.browse(ids).write(dict(vals))

    def _plain(self, record, name):
        value = record[name]
        if self.model._fields[name].relational:
            return value.id
        return str(value) if self.model._fields[name].type == "html" and value else value

    # -- out of Odoo -------------------------------------------------------------------------------

    def read(self, records, system):
        """Canonical values of the bound fields: ``{id: {canonical field: value}}``, a query a step."""
        if not self.fields:
            return {}
        records.fetch([bound.odoo_field for bound in self.fields.values()])
        kept = "company_id" in records  # else the records are of all companies
        companies = {r.id: r.company_id.id if kept else False for r in records}
        texts = {
            name: self._names(
                bound, {(r[bound.odoo_field].id, companies[r.id]) for r in records}, system
            )
            for name, bound in self.fields.items()
            if self._field(bound).type == "many2one"
        }
        return {
            record.id: {
                name: self._from_odoo(
                    bound, record[bound.odoo_field], texts.get(name), companies[record.id]
                )
                for name, bound in self.fields.items()
            }
            for record in records
        }

    def _names(self, bound, pairs, system):
        """What the records that a field points to are called outside.

        :param pairs: ``(id, company id or False)`` of what is pointed to, and of who points.
        :return: ``{(id, company id or False): text}``
        """
        base, _sep, target = bound.kind.partition(":")
        if base not in (*POINTS_TO, "ref"):
            return self.env["hub.vocabulary.word"]._outward(system, target, pairs)
        ids = sorted({res_id for res_id, _company in pairs if res_id})
        if base in POINTS_TO:
            column = "code" if base == "country" else "name"
            texts = {r.id: r[column] for r in self.env[POINTS_TO[base]].browse(ids)}
        else:
            links = self.env["hub.link"].search_fetch(
                [
                    ("system_id", "=", system.id),
                    ("entity_id.code", "=", target),
                    ("res_id", "in", ids),
                ],
                ["res_id", "external_id"],
            )
            texts = {link.res_id: link.external_id for link in links}
        return {(res_id, company): texts.get(res_id) for res_id, company in pairs}

    def _from_odoo(self, bound, value, texts, company):
        field = self._field(bound)
        if field.type == "many2one":
            return texts.get((value.id, company)) if value else None
        if value is False and field.type != "boolean":
            return None
        if field.type in ("float", "monetary"):
            # As many digits as a person sees: 0.1 + 0.2 is 0.3.
            digits = field.get_digits(self.env)
            return Decimal(str(round(value, digits[1] if digits else 6)))
        if isinstance(value, datetime):
            return value.replace(tzinfo=timezone.utc)
        if isinstance(value, date):
            return value
        return str(value) if field.type in ("html", "text", "char", "selection") else value
