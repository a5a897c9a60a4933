"""What a batch wrote on the records it is about, so that a run can be taken back. Plain class."""

from datetime import date, datetime


class Trace:
    """Bound fields of records before and after they were written.

    The read before fills Odoo's cache with what the handler reads anyway, and the look after asks the
    cache: one query a batch.

    :param handler: ``hub.handler`` in the company of the items.
    :param entity: ``hub.entity`` record; its fields say which Odoo field a canonical one becomes.
    """

    def __init__(self, handler, entity):
        self.model = handler.env.get(entity.model_name)
        self.bound = {} if self.model is None else dict(self._bound(handler, entity))
        self.names = {name for group in self.bound.values() for name in group}
        self.former = {}

    def _bound(self, handler, entity):
        """``(canonical field, Odoo fields)`` where these are stored, plain fields of the record itself."""
        for field in entity.field_ids:
            names = (field.odoo_field or "", *handler._hub_beside.get(field.name, ()))
            if all(self._traceable(self.model._fields.get(name)) for name in names):
                yield field.name, names

    def _traceable(self, field):
        return (
            field is not None
            and field.store
            and field.column_type
            and not (field.compute and field.readonly)
            and self.model._has_field_access(field, "read")
        )

    def before(self, items):
        """Read what the records of ``items`` say now."""
        known = [item.res_id for item in items if item.res_id]
        if self.model is None or not known:
            return
        records = self.model.browse(known).exists()
        if self.names:
            records.fetch(self.names)
        self.former = {record.id: self._values(record) for record in records}

    def after(self, items):
        """Set ``item.trace``: whether the record was created, else its fields as ``[old, new]`` with the
        canonical field of each, which of them go back together or not at all, and what both sides agreed
        on before (``base``; in Odoo's terms ``held``)."""
        seen = set()
        for item in items:
            if not item.res_id or not item.open or self.model is None:
                continue
            former = self.former.get(item.res_id)
            if former is None:
                # Two messages of one batch can be one record: the first one created it.
                item.trace = {"created": item.res_id not in seen}
                seen.add(item.res_id)
                continue
            now = self._values(self.model.browse(item.res_id))
            base = (item.link.base if item.link else None) or {}
            held = (item.link.held if item.link else None) or {}
            changed = {
                name: [former[name], now[name]] for name in former if former[name] != now[name]
            }
            names = {
                canonical: next(name for name in group if name in changed)
                for canonical, group in self.bound.items()
                if not changed.keys().isdisjoint(group)
            }
            item.trace = {
                "created": False,
                "fields": changed,
                "together": [self.bound[name] for name in names if len(self.bound[name]) > 1],
                "base": {canonical: base.get(canonical) for canonical in names},
                "held": {canonical: held[canonical] for canonical in names if canonical in held},
                "names": names,
            }

    def _values(self, record):
        return {name: plain_value(record, name) for name in self.names}


def plain_value(record, name):
    """A field's value as JSON data; a record is its id, nothing is None."""
    value = record[name]
    if record._fields[name].relational:
        return value.id or None
    if isinstance(value, date | datetime):
        return str(value)
    return None if value is False and record._fields[name].type != "boolean" else value
