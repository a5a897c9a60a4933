"""Values of exchanged fields as a person reads them, under that person's own rights."""

from odoo import api, fields, models

from ...core.merge import blank


class HubHandler(models.AbstractModel):
    _inherit = "hub.handler"

    @api.model
    def _hub_readable(self, entity):
        """The bound fields of ``entity`` that the reader may see, as ``_hub_compared`` gives them."""
        bound = self._hub_compared(entity)
        if not bound:
            return {}
        model = self.env[entity.model_name]
        return {
            name: (column, kind)
            for name, (column, kind) in bound.items()
            if model._has_field_access(model._fields[column], "read")
        }

    @api.model
    def _hub_text(self, value, kind):
        """A canonical value as text: the name of a reference, a date in the reader's format."""
        if blank(value):
            return ""
        base, _sep, target = kind.partition(":")
        if base == "ref" and str(value).isdigit():
            entity = self.env["hub.entity"].search([("code", "=", target)])
            record = self.env[entity.model_name].browse(int(value)).exists()
            return record._filtered_access("read").display_name or f"#{value}"
        if base == "term":
            term = self.env["hub.vocabulary.term"].search(
                [("vocabulary_id.code", "=", target), ("code", "=", value)]
            )
            return term.name or str(value)
        if base == "date" and isinstance(value, str):
            return fields.Date.to_string(fields.Date.to_date(value))
        if isinstance(value, bool):
            return self.env._("Yes") if value else self.env._("No")
        return str(value)

    @api.model
    def _hub_odoo_text(self, record, field, value):
        """A value in Odoo's terms, of ``field`` of ``record``, as text; an amount with its currency."""
        company = record.company_id if "company_id" in record else self.env.company
        currency = (company or self.env.company).currency_id.name
        return self._hub_priced(field, self._hub_text(value, field.kind), currency)

    @api.model
    def _hub_base_text(self, system, base, field):
        """The agreed value of ``field`` in the source's terms as text: a reference there is an
        external id, an amount is in the currency that stands beside it."""
        value, kind = base.get(field.name), field.kind
        target = kind.partition(":")[2]
        if kind.startswith("ref:") and not blank(value):
            link = self.env["hub.link"].search(
                [
                    ("system_id", "=", system.id),
                    ("entity_id.code", "=", target),
                    ("external_id", "=", value),
                ]
            )
            return link.record_name or str(value)
        currency = base.get(self._hub_in_company_currency.get(field.name))
        return self._hub_priced(field, self._hub_text(value, kind), currency)

    @api.model
    def _hub_priced(self, field, text, currency):
        """``text`` with its currency, if it is an amount that can be in several and names none yet."""
        if field.name not in self._hub_in_company_currency or not text or not currency:
            return text
        return text if " " in text else f"{text} {currency}"
