"""Fields that a model of the hub keeps itself: states, stamps, moments, results."""

from odoo import api, models

from .guard import refuse_kept


class HubKept(models.AbstractModel):
    """Rows that people edit and of which the hub keeps some fields: whoever else writes those is refused.

    A model takes part by inheriting this, and declares such a field by what it is: stored, read-only, not
    copied, and computed by nobody. The hub writes it with ``own_code`` or as superuser.
    """

    _name = "hub.kept"
    _description = "Fields that the Hub Keeps"

    @api.model
    def _hub_kept(self):
        """Names of the fields that only the hub writes."""
        return {
            name
            for name, field in self._fields.items()
            if field.store
            and field.readonly
            and not (field.copy or field.compute or field.related)
            and field.type != "one2many"  # its rows have guards of their own
            and name not in models.MAGIC_COLUMNS
        }

    @api.model
    def default_get(self, fields):
        """What a kept field begins with is said by its model: neither by the context of a call, nor by a default
        that a user has stored for himself."""
        result = super().default_get(fields)
        for name in self._hub_kept().intersection(fields):
            result.pop(name, None)
            field = self._fields[name]
            if field.default:
                value = field.convert_to_cache(field.default(self), self, validate=False)
                result[name] = field.convert_to_write(value, self)
        return result

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            self._hub_refuse_kept(vals)
        return super().create(vals_list)

    def write(self, vals):
        self._hub_refuse_kept(vals)
        return super().write(vals)

    def _hub_refuse_kept(self, vals):
        """:raise AccessError: a call says what the hub keeps; with the names of the fields."""
        refuse_kept(self, vals, self._hub_kept())
