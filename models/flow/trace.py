"""What a batch wrote on the records it is about, so that a run can be taken back. Plain class."""

from datetime import date, datetime


class Trace:
    """Bound fields of records before and after they were written.

    The read before fills Odoo's cache with what the handler reads anyway, and the look after asks the
    cache: one query a batch.

    :param env: environment of the handler.
    :param entity: ``hub.entity`` record; its fields say which Odoo field a canonical one becomes.
    """

    def __init__(self, env, entity):
        self.model = env.get(entity.model_name)
        self.bound = {} if self.model is None else dict(self._bound(entity))
        self.former = {}

    def _bound(self, entity):
        """``(canonical field, Odoo field)`` where it is one stored, plain field of the record itself."""
        for field in entity.field_ids:
            found = self.model._fields.get(field.odoo_field or "")
            if (
                found is not None
                and found.store
                and found.column_type
                and not (found.compute and found.readonly)
                and self.model._has_field_access(found, "read")
            ):
                yield field.name, field.odoo_field

    def before(self, items):
        """Read what the records of ``items`` say now."""
        known = [item.res_id for item in items if item.res_id]
        if not self.bound or not known:
            return
        records = self.model.browse(known).exists()
        records.fetch(self.bound.values())
        self.former = {record.id: self._values(record) for record in records}

    def after(self, items):
        """Set ``item.trace``: whether the record was created, else its fields as ``[old, new]`` with the
        canonical field of each and what both sides agreed on before (``base``; in Odoo's terms ``held``)."""
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
            names = {
                canonical: name
                for canonical, name in self.bound.items()
                if former[name] != now[name]
            }
            item.trace = {
                "created": False,
                "fields": {name: [former[name], now[name]] for name in set(names.values())},
                "base": {canonical: base.get(canonical) for canonical in names},
                "held": {canonical: held[canonical] for canonical in names if canonical in held},
                "names": names,
            }

    def _values(self, record):
        return {name: plain_value(record, name) for name in set(self.bound.values())}


def plain_value(record, name):
    """A field's value as JSON data; a record is its id, nothing is None."""
    value = record[name]
    if record._fields[name].relational:
        return value.id or None
    if isinstance(value, date | datetime):
        return str(value)
    return None if value is False and record._fields[name].type != "boolean" else value
