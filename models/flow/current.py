"""What Odoo holds today, in canonical terms: one side of every merge."""

from decimal import Decimal

from odoo import api, models
from odoo.tools import float_repr

from ...core.problem import Term
from .apply_merge import _comparable

# A merge compares values. Lines are decided by their handler, and so are words of a vocabulary, but for those
# that stand for the record which an Odoo field points to.
NOT_COMPARED = ("term", "lines", "refs")
# Odoo types whose values are canonical as they are; blank is None.
AS_THEY_ARE = ("char", "text", "html", "selection", "date", "datetime")


class HubHandler(models.AbstractModel):
    _inherit = "hub.handler"

    # Canonical fields that are written together or not at all.
    _hub_together = ()
    # References that a record does without: who is unknown is left out, and nothing waits for it.
    _hub_optional = frozenset()
    # Amounts that Odoo keeps in the company's currency: {field: field that names the source's}.
    _hub_in_company_currency = {}

    @api.model
    def _hub_all_or_nothing(self, item):
        """Whether a field in dispute holds back the whole item, not only itself."""
        return False

    @api.model
    def _hub_compared(self, entity):
        """Canonical fields of ``entity`` that a merge can compare: ``{name: (Odoo field, type)}``."""
        model = self.env[entity.model_name] if entity.model_name else None
        return {
            field.name: (field.odoo_field, field.kind)
            for field in entity.field_ids
            if field.odoo_field
            and model is not None
            and field.odoo_field in model._fields
            and (
                field.kind.partition(":")[0] not in NOT_COMPARED
                or (field.kind.startswith("term:") and self._hub_points(model, field))
            )
        }

    @api.model
    def _hub_points(self, model, field):
        """Whether a word of ``field`` is written as the record that it stands for."""
        return field.binding == "field" and model._fields[field.odoo_field].type == "many2one"

    @api.model
    def _hub_meant(self, item, name):
        """An incoming value as a merge compares it with Odoo's. An amount in another currency than
        Odoo keeps it in names its own: 900 USD are not 900 EUR, whatever the rate of a day."""
        meant = _comparable(item.values[name])
        currency = item.values.get(self._hub_in_company_currency.get(name))
        if meant is not None and currency and currency != self.env.company.currency_id.name:
            return f"{meant} {currency}"
        return meant

    @api.model
    def _hub_current(self, records, bound):
        """Values of ``records`` today, in one query.

        :param bound: ``{canonical name: (Odoo field, canonical type)}``, as ``_hub_compared`` gives it.
        :return: ``{id: {canonical name: value}}`` with values as a mapping makes them (date, Decimal,
            id of a reference, code of a country); blank is None. What the technical user may not read
            is left out.
        """
        if not records or not bound:
            return {}
        columns = list({column for column, _kind in bound.values()})
        found = records.with_context(active_test=False).search_fetch(
            [("id", "in", records.ids)], columns, order="id"
        )
        return self._hub_today(found, bound)

    @api.model
    def _hub_today(self, records, bound):
        """As ``_hub_current``, of records that are there and may be read."""
        records.fetch(list({column for column, _kind in bound.values()}))
        result = {record_id: {} for record_id in records.ids}
        for name, (column, kind) in bound.items():
            if records._fields[column].type in AS_THEY_ARE:
                values = [value or None for value in records.mapped(column)]
            elif kind.startswith("term:"):
                values = self._hub_terms(records, column, kind.partition(":")[2])
            else:
                values = [self._hub_value(record, column, kind) for record in records]
            for mine, value in zip(result.values(), values, strict=True):
                mine[name] = value
        return result

    @api.model
    def _hub_terms(self, records, column, vocabulary):
        """The term of each record's ``column``; one query. What no term stands for is called by its name."""
        found = self.env["hub.vocabulary.term"].search_fetch(
            [
                ("vocabulary_id.code", "=", vocabulary),
                ("res_id", "in", records[column].ids),
                ("res_model", "=", records[column]._name),
            ],
            ["code", "res_id"],
        )
        codes = {term.res_id: term.code for term in found}
        return [
            Term(codes.get(one.id, one.display_name), one._name, one.id) if one else None
            for one in (record[column] for record in records)
        ]

    @api.model
    def _hub_value(self, record, column, kind):
        """One value of one record in canonical terms."""
        value = record[column]
        field = record._fields[column]
        if field.type == "boolean":
            return value
        if field.relational:
            if not value:
                return None
            if kind.startswith("ref"):
                return value.id
            if field.comodel_name == "res.currency":
                return value.name
            if field.comodel_name == "res.users":
                # A login, which every user sees of a colleague; nothing else of the user is read.
                return value.sudo().login
            return value.code if "code" in value._fields else value.display_name
        if field.type in ("float", "monetary"):
            # The shortest text of the number: 0.1 stays 0.1.
            return Decimal(float_repr(value, 6)).normalize()
        return value or None
