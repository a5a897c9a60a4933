"""The configuration of a system as rows with natural keys, and such rows put into a database. Plain classes."""

from collections import Counter, defaultdict

from .connector_changes import WHOLE, Together
from .identity import IDENTITY

# In this order: what is referred to comes first.
MODELS = (
    "hub.entity",
    "hub.entity.field",
    "hub.connector",
    "hub.connector.stream",
    "hub.connector.write",
    "hub.connector.type",
    "hub.connector.error",
    "hub.vocabulary",
    "hub.vocabulary.term",
    "hub.vocabulary.word",
    "hub.mapping",
    "hub.mapping.line",
    "hub.ownership",
    "hub.process",
    "hub.process.filter",
    "hub.stream",
    "hub.rule",
    "hub.checkpoint",
    "hub.grant",
)
# What rows refer to and what has to be there already: by these fields.
ANCHORS = {
    "hub.system": (),
    "hub.lane": ("name",),
    "ir.model": ("model",),
    "res.company": ("name",),
    "res.country": ("code",),
    "crm.team": ("name", "company_id"),
    "res.groups": ("xmlid",),
}
# A part belongs to one thing, which travels whole: parts that a bundle does not name go.
PARTS = {
    "hub.mapping.line": "mapping_id",
    "hub.connector.stream": "connector_id",
    "hub.connector.write": "connector_id",
    "hub.connector.type": "connector_id",
    "hub.connector.error": "connector_id",
    "hub.process.filter": "process_id",
}


def fields_of(env):
    """``{model: fields that may travel}``."""
    return {name: {*env[name]._hub_key, *env[name]._hub_portable} for name in MODELS}


class Exporter:
    """:param system: ``hub.system`` record, read with sudo: the texts are the shipped language's."""

    def __init__(self, system):
        self.system = system.with_context(lang=None, active_test=False)
        self.left_out = []  # rows that refer to another system
        self.alike = []  # names of rows that another database could not tell apart

    def rows(self):
        """Rows as :mod:`~core.bundle` has them."""
        records = list(self._records())
        rows = [self._row(record) for record in records]
        marks = [(row["model"], repr(row["key"])) for row in rows]
        counts = Counter(marks)
        self.alike = [
            record.display_name
            for record, mark in zip(records, marks, strict=True)
            if counts[mark] > 1
        ]
        return rows

    def _records(self):
        env, system = self.system.env, self.system
        lines = system.mapping_ids.line_ids
        ownership = env["hub.ownership"].search(
            [("field_id", "in", lines.field_id.ids), "|", ("company_id", "=", False),
             ("company_id", "in", system.company_ids.ids)]
        )  # fmt: skip
        others = ownership.filtered(lambda row: row.owner_id and row.owner_id != system)
        self.left_out = others.mapped("display_name")
        codes = {
            kind.partition(":")[2]
            for kind in lines.field_id.mapped("kind")
            if kind.startswith("term:")
        }
        vocabularies = env["hub.vocabulary"].search([("code", "in", list(codes))])
        words = env["hub.vocabulary.word"].search(
            [("system_id", "=", system.id), ("vocabulary_id", "in", vocabularies.ids)]
        )
        entities = lines.field_id.entity_id | system.mapping_ids.entity_id
        gates = {
            name: env[name].search(
                [("active", "=", True), ("system_id", "in", (False, system.id)),
                 ("company_id", "in", (False, *system.company_ids.ids)), ("entity_id", "in", entities.ids)]
            )
            for name in ("hub.rule", "hub.checkpoint")
        }  # fmt: skip
        processes = (
            system.stream_ids.process_id
            | gates["hub.rule"].process_id
            | gates["hub.checkpoint"].process_id
        )
        asked = gates["hub.rule"].field_id | gates["hub.rule"].other_id
        asked |= gates["hub.checkpoint"].field_ids | gates["hub.checkpoint"].amount_id
        entities |= asked.entity_id | processes.filter_ids.entity_id
        terms = gates["hub.rule"].term_ids
        vocabularies |= terms.vocabulary_id
        connector = env["hub.connector"]._named(system.product).with_env(env)
        yield from entities
        yield from lines.field_id | asked
        yield from connector
        for parts in (connector.stream_ids, connector.write_ids, connector.error_ids):
            yield from parts.filtered("active")
        yield from connector.type_ids
        yield from vocabularies
        yield from vocabularies.term_ids
        yield from words
        yield from system.mapping_ids
        yield from lines
        yield from ownership - others
        yield from processes
        yield from processes.filter_ids
        yield from system.stream_ids
        yield from gates["hub.rule"]
        yield from gates["hub.checkpoint"]
        yield from system.grant_ids.filtered("active")

    def _row(self, record):
        return {
            "model": record._name,
            "key": {name: self._value(record, name) for name in record._hub_key},
            "values": {name: self._value(record, name) for name in record._hub_portable},
        }

    def _value(self, record, name):
        value, field = record[name], record._fields[name]
        if field.type == "many2one":
            return self._reference(value) if value else None
        if field.type == "many2many":
            return [self._reference(one) for one in value]
        return None if value is False and field.type != "boolean" else value

    def _reference(self, record):
        if record._name == "res.groups":
            # Groups have names that people change; those of a module have one that stays.
            known = record._get_external_ids()[record.id]
            return {"ref": [record._name, {"xmlid": known[0] if known else record.full_name}]}
        keys = ANCHORS.get(record._name, getattr(record, "_hub_key", ()))
        return {"ref": [record._name, {name: self._value(record, name) for name in keys}]}


class Importer:
    """Puts rows into the configuration of a system, with the rights of its environment.

    :param system: ``hub.system`` record of the target.
    :attr missing: what has to be there before, as texts.
    :attr identities: of the rows that are put in, whatever they are called here.
    """

    def __init__(self, system):
        self.connectors = Together()
        context = {"lang": None, "active_test": False, WHOLE: self.connectors}
        self.env = system.env(context={**system.env.context, **context})
        self.system = system.with_env(self.env)
        self.missing = []
        self.found = {}
        self.identities = []

    def run(self, rows):
        """Create and write what differs; parts that are not among the rows go."""
        kept = defaultdict(set)
        self.identities = [row["key"][IDENTITY] for row in rows if row["key"].get(IDENTITY)]
        for row in rows:
            record = self._put(row)
            if record is None:
                continue
            name = PARTS.get(record._name)
            if name:
                kept[record._name, record[name]].add(record.id)
            for part, name in PARTS.items():
                if self.env[part]._fields[name].comodel_name == record._name:
                    kept.setdefault((part, record), set())  # one without parts loses all of its own
        for (part, whole), ids in kept.items():
            parts = self.env[part].search(
                [(PARTS[part], "=", whole.id), ("id", "not in", list(ids))]
            )
            if "active" in parts._fields:
                parts = parts.filtered("active")  # what is not used stays for choosing
            parts.unlink()
        if not self.missing:
            self.connectors.judge(self.env)

    def _put(self, row):
        """:return: the record, or None if something that it refers to is missing."""
        model = self.env[row["model"]]
        try:
            key = {name: self._value(model, name, value) for name, value in row["key"].items()}
            values = {name: self._value(model, name, v) for name, v in row["values"].items()}
        except LookupError:
            return None  # it is in the list of what is missing
        record = self._find(model, key)
        if record:
            if key.get(IDENTITY):
                values |= key  # it may be called something else here, or be known by its name alone
            now = {name: self._now(record, name) for name in values}
            differing = {name: value for name, value in values.items() if now[name] != value}
            if differing:
                record._hub_write(model._hub_given(differing))
            return record
        if model._name == "hub.vocabulary.term":
            vocabulary = self.env["hub.vocabulary"].browse(key["vocabulary_id"])
            if vocabulary.model_name:
                self._miss(f"{vocabulary.name} › {key['code']}")
                return None
        if not self._possible(model, row, values):
            return None
        given = {name: v for name, v in key.items() if not model._fields[name].related}
        return model.create(model._hub_given({**given, **values}))

    def _possible(self, model, row, values):
        """Whether a row can be made of what travels; what a person has to make first is missing."""
        if model._name == "hub.connector":
            self._miss(f"{model._description} › {row['key']['code']}")
            return False
        holds = model._name == "hub.checkpoint" or values.get("effect") == "hold"
        if holds and "approver_group_id" in values and not values["approver_group_id"]:
            # People do not travel, and what holds records needs somebody who lets them through.
            self._miss(
                self.env._(
                    "%(what)s › %(name)s, with the people who decide there",
                    what=model._description,
                    name=row["key"].get("name"),
                )
            )
            return False
        return True

    @staticmethod
    def _now(record, name):
        value, field = record[name], record._fields[name]
        if field.type == "many2many":
            return sorted(value.ids)
        if field.type == "many2one":
            return value.id or None
        return None if value is False and field.type != "boolean" else value

    def _value(self, model, name, value):
        """A value as a plain one: a reference as an id.

        :raise LookupError: what it refers to is not there.
        """
        if isinstance(value, list) and model._fields[name].type == "many2many":
            return sorted(self._value(model, name, one) for one in value)
        if not (isinstance(value, dict) and value.keys() == {"ref"}):
            if isinstance(value, (dict, list)):
                raise LookupError(name)
            return value
        try:
            target, key = value["ref"]
        except (TypeError, ValueError) as error:
            raise LookupError(name) from error
        if target != model._fields[name].comodel_name:
            raise LookupError(name)
        if target == "hub.system":
            return self.system.id
        if target == "res.groups":
            return self._group(name, key)
        mark = (target, repr(key))
        if mark not in self.found:
            other = self.env[target].sudo()  # to find what a name stands for; it is not shown
            names = set(ANCHORS.get(target) or getattr(other, "_hub_key", ()))
            if not isinstance(key, dict) or key.keys() != names:
                raise LookupError(name)
            plain = {n: self._value(other, n, v) for n, v in key.items()}
            record = self._find(other, plain)
            if not record:
                self._miss(
                    f"{other._description} › "
                    f"{', '.join(str(v) for n, v in plain.items() if v and n != IDENTITY)}"
                )
                raise LookupError(name)
            self.found[mark] = record.id
        return self.found[mark]

    def _group(self, name, key):
        """A group by the name that its module gave it."""
        xmlid = key.get("xmlid") if isinstance(key, dict) else None
        if not isinstance(xmlid, str):
            raise LookupError(name)
        group = self.env.ref(xmlid, raise_if_not_found=False) if "." in xmlid else None
        if not group or group._name != "res.groups":
            self._miss(f"{self.env['res.groups']._description} › {xmlid}")
            raise LookupError(name)
        return group.id

    def _find(self, model, key):
        """The record that a key names; by its identity, if it has one, and else by the rest of its key.

        What is found by its name alone was made here as well; it takes the identity of the row.
        """
        natural = {name: value for name, value in key.items() if name != IDENTITY}
        if not key.get(IDENTITY):
            return self._search(model, natural)
        known = [(IDENTITY, "=", key[IDENTITY])]
        if "system_id" in key:  # another system in this database may have the same one
            known.append(("system_id", "in", (self.system.id, False)))
        others = [(IDENTITY, "not in", self.identities)]
        return model.search(known, limit=1) or self._search(model, natural, others)

    @staticmethod
    def _search(model, key, more=()):
        domain = [(name, "=", value or False) for name, value in key.items()]
        if model._name == "hub.grant":
            domain.append(("revoked_at", "=", False))  # what was revoked is given anew
        return model.search([*domain, *more], limit=1)

    def _miss(self, text):
        if text not in self.missing:
            self.missing.append(text)
