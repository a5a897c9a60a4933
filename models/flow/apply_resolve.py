"""Words, references and companies of a batch: what its items mean in Odoo, before anything is written."""

from collections import defaultdict
from typing import NamedTuple

from ...core.keys import order_key
from ...core.merge import changed_fields, plain
from ...core.problem import Problem
from ...core.schema import Ref
from .apply_words import Words


class Wait(NamedTuple):
    """The record that an item waits for."""

    entity: str
    external_id: str
    key: int


class Resolver(Words):
    """The part of a batch that resolves; it reads, and it writes nothing.

    Uses ``env``, ``system``, ``entity``, ``entities``, ``rows``, ``items``, ``waits``, ``plain``,
    ``_missing``, ``_gone`` and ``_comes`` of :class:`~.apply_batch.ApplyBatch`.
    """

    def _recognise_gone(self):
        """What was deleted there and is linked to nothing here may still be known in another way."""
        gone = [item for item in self.items if item.skip == "not_linked"]
        if gone and self.entity.handler:
            self._handler_in(None)._hub_gone_there(gone)

    def _resolve_references(self):
        """External ids of other records to Odoo ids, with one query for the whole batch."""
        self._recognise_gone()
        wanted = set()
        for item in self._open():
            for ref in _refs(item.values):
                if ref.entity in self.entities and not ref.key:
                    wanted.add((self.system.id, self.entities[ref.entity].id, ref.external_id))
        links = self.env["hub.link"]._load(self.env.cr, wanted)
        self._find_gone(links.values())
        self._by_key = self._find_by_key()
        optional = self.env[self.entity.handler]._hub_optional if self.entity.handler else ()
        for item in self._open():
            if item.link and self._is_gone(item):
                continue
            if item.action != "change":
                continue  # a deletion or a merge says nothing about values
            self.plain[item.message_id] = plain(_by_external_id(item.values))
            if item.link:
                item.changed = changed_fields(item.link.base, self.plain[item.message_id])
                if not item.changed and not item.decision:
                    item.skip = "unchanged"
                    continue
            else:
                item.changed = frozenset(item.values)
            for name, value in list(item.values.items()):
                if isinstance(value, Ref) and name in optional:
                    item.values[name] = self._optional(value, links)
                elif isinstance(value, Ref):
                    item.values[name] = self._reference(item, value, links)
                elif isinstance(value, list) and value and isinstance(value[0], Ref):
                    item.values[name] = [self._reference(item, ref, links) for ref in value]

    def _find_gone(self, links):
        """Which of these and of the items' own links name records that Odoo has no more."""
        known = {(link["res_model"], link["res_id"]) for link in links}
        known |= {(item.link.res_model, item.link.res_id) for item in self._open() if item.link}
        for model in {model for model, _id in known}:
            ids = {res_id for name, res_id in known if name == model}
            there = self.env[model].browse(ids).exists().ids if model in self.env else ()
            self._gone |= {(model, res_id) for res_id in ids.difference(there)}

    def _is_gone(self, item):
        """Whether nothing can be done with an item because its record was deleted in Odoo.

        A person may have named another record: then it is linked as if for the first time.
        """
        if (item.link.res_model, item.link.res_id) not in self._gone:
            return False
        if item.action != "change":
            item.skip, item.res_id = "record_gone", None
        elif item.decision.get("link"):
            item.link, item.res_id = None, None
            return False
        else:
            item.problem = self._record_gone(self.entity, item.external_id, itself=True)
        return True

    def _record_gone(self, entity, external_id, itself=False):
        return Problem(
            "record_gone",
            kind="reference",
            cause=f"{entity.code}:{external_id}",
            id=external_id,
            entity=entity.name,
            entity_code=entity.code,
            itself=itself,
        )

    def _find_by_key(self):
        """Records that are named by an identity field instead of the source's id, one query a field:
        ``{(entity, field, value): [ids]}``."""
        wanted = defaultdict(set)
        for item in self._open():
            for ref in _refs(item.values):
                if ref.key:
                    wanted[ref.entity, ref.key].add(ref.external_id)
        found = defaultdict(list)
        for (code, name), values in wanted.items():
            field = self.entities[code].field_ids.filtered(lambda f, name=name: f.name == name)
            model = self.entities[code].model_name
            if not (field.identity and field.odoo_field and model):
                continue  # no such key: nothing is found by it
            records = self.env[model].search_fetch(
                [(field.odoo_field, "in", list(values))], [field.odoo_field]
            )
            for record in records:
                found[code, name, str(record[field.odoo_field])].append(record.id)
        return found

    def _reference_by_key(self, item, ref):
        ids = self._by_key.get((ref.entity, ref.key, ref.external_id), [])
        if len(ids) == 1:
            return ids[0]
        if item.problem is None:
            item.problem = Problem(
                "key_ambiguous" if ids else "key_unknown",
                kind="reference",
                cause=f"{ref.entity}:{ref.key}:{ref.external_id}",
                entity=self.entity_name(ref.entity),
                key=ref.key,
                value=ref.external_id,
                count=len(ids),
            )
        return None

    def _optional(self, ref, links):
        """The record that a reference means, or None: unknown, ambiguous and deleted ones are no error."""
        if ref.key:
            ids = self._by_key.get((ref.entity, ref.key, ref.external_id), [])
            return ids[0] if len(ids) == 1 else None
        entity = self.entities.get(ref.entity)
        link = links.get((self.system.id, entity.id, ref.external_id)) if entity else None
        there = link and (link["res_model"], link["res_id"]) not in self._gone
        return link["res_id"] if there else None

    def _reference(self, item, ref, links):
        if ref.key:
            return self._reference_by_key(item, ref)
        entity = self.entities.get(ref.entity)
        link = links.get((self.system.id, entity.id, ref.external_id)) if entity else None
        if link:
            if (link["res_model"], link["res_id"]) not in self._gone:
                return link["res_id"]
            item.problem = item.problem or self._record_gone(entity, ref.external_id)
            return None
        if item.problem is not None or item.message_id in self.waits:
            return None
        if entity.on_missing == "ask" and entity.code not in self._coming():
            item.problem = self.unknown(item, ref.entity, ref.external_id)
            return None
        lane = next(row["lane"] for row in self.rows if row["id"] == item.message_id)
        self.waits[item.message_id] = Wait(
            ref.entity, ref.external_id, order_key(self.system.id, ref.entity, ref.external_id)
        )
        self._missing[ref.entity, ref.external_id] = min(
            lane, self._missing.get((ref.entity, ref.external_id), lane)
        )
        return None

    def unknown(self, item, code, external_id):
        """The question of a person: which record is meant that nothing has brought."""
        entity = self.entities[code]
        return Problem(
            entity.missing_code,
            kind="reference",
            cause=f"{code}:{external_id}",
            id=external_id,
            name=item.values.get(f"{code}_name") or "",
            entity=entity.name,
            entity_code=entity.code,
            system=self.system.name,
        )

    def _coming(self):
        """Entities whose records come by themselves, in another file or with the next poll of who keeps people:
        they are waited for."""
        if self._comes is None:
            waits = self.system.keeps_people or self.system._connector_class().by_file
            streams = self.system.stream_ids.filtered(lambda s: s.active and s.direction == "in")
            self._comes = set(streams.entity_id.mapped("code")) if waits else set()
        return self._comes

    def _await_survivors(self, items):
        """Merges of which Odoo knows neither id wait for the survivor, which is read: else what is still on its way
        of the id that is gone would become a record of its own. One whose survivor was left out is left out too."""
        if not items:
            return
        code = self.entity.code
        keys = {
            item.message_id: order_key(self.system.id, code, item.values["merged_into"])
            for item in items
        }
        self.env.cr.execute(
            """SELECT DISTINCT order_key FROM hub_message
                WHERE order_key = ANY(%s) AND direction = 'in'
                  AND state IN ('received', 'pending', 'waiting', 'held', 'sending', 'failed', 'dead')""",
            [list(keys.values())],
        )
        coming = {row[0] for row in self.env.cr.fetchall()}
        waited = {row["id"] for row in self.rows if row["reason"] == "waits_for"}
        for item in items:
            key = keys[item.message_id]
            if key in coming or item.message_id not in waited:
                self.waits[item.message_id] = Wait(code, item.values["merged_into"], key)
            else:
                item.skip = "not_linked"

    def _decide_companies(self):
        """Which company each record belongs to; what cannot be decided goes to a person."""
        served = self.system.company_ids
        mode = self.entity.company_mode
        projects = {}
        if mode == "follow":
            ids = {item.values.get("project") for item in self._open()} - {None}
            projects = {p.id: p.company_id.id for p in self.env["project.project"].browse(ids)}
        for item in self._open():
            if item.action != "change" and not item.link:
                continue  # its survivor's record says where it belongs
            if mode == "shared":
                item.company_id = None
            elif item.action != "change" and item.company_id:
                pass  # a deletion says nothing about projects: its record stays where it is
            elif mode == "follow":
                item.company_id = projects.get(item.values.get("project")) or (
                    served.id if len(served) == 1 else None
                )
            elif mode == "journal":
                item.company_id = self.system.journal_id.company_id.id or (
                    served.id if len(served) == 1 else None
                )
            elif item.company_id is None:
                term = item.values.get("selling_company")
                item.company_id = term.res_id if term else served.id if len(served) == 1 else None
            if mode != "shared":
                if not item.company_id:
                    item.problem = Problem("company_unknown", kind="reference")
                elif item.company_id not in served.ids:
                    item.problem = Problem(
                        "company_not_served", kind="permission", system=self.system.name
                    )


def _refs(values):
    for value in values.values():
        if isinstance(value, Ref):
            yield value
        elif isinstance(value, list):
            yield from (entry for entry in value if isinstance(entry, Ref))


def _by_external_id(value):
    """Canonical values with references as external ids: what stays equal from day to day."""
    if isinstance(value, Ref):
        return value.external_id
    if isinstance(value, dict):
        return {key: _by_external_id(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_by_external_id(entry) for entry in value]
    return value
