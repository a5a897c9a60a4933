"""A declaration out of an OpenAPI 3 file, as far as such a file goes.

It says which lists there are, how they are paged, how one signs in and what is sent. It does not say
which canonical entity a list is, whether a create may be repeated, or how webhooks are signed: that
is guessed where a name makes it likely, and said, so that a person decides. Nothing in the file can
lead a secret elsewhere: every address must be of one origin, else it is left out and named.

Source: OpenAPI Specification 3.0.4 and 3.1.1 ("Server Object", "Path Item Object", "Security Scheme
Object").
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from . import openapi_guess as guess
from .declaration import CODE, VERSION, faults
from .openapi_account import Account, Note
from .openapi_schema import properties, sample

MAX_PATHS = 3000
ANY = "https://host.invalid"
METHODS = ("get", "post", "put", "patch")


class BadOpenApi(ValueError):
    """The file is no OpenAPI 3 description. ``code``: swagger_2, version, no_paths, unreadable."""

    def __init__(self, code: str):
        super().__init__(code)
        self.code = code


class Draft(NamedTuple):
    """What was read.

    :attr declaration: as :mod:`.declaration` has it; its lists hold only what can be used.
    :attr unused: streams and writes for which no entity was found: ``{"streams": […], "writes": […]}``.
    :attr samples: entity or path → a record as its schema describes it.
    """

    declaration: dict
    unused: dict[str, list[dict]]
    samples: dict[str, dict]
    notes: list[Note]


def draft(document: dict, entities: set[str], base_url: str = "") -> Draft:
    """Read an OpenAPI 3 document.

    :param entities: codes of the canonical entities that there are.
    :param base_url: where the product is, if the file does not say it fully.
    :raise BadOpenApi: it is none.
    """
    if document.get("swagger"):
        raise BadOpenApi("swagger_2")
    if not re.match(r"3\.[01]\.", str(document.get("openapi", "")) + "."):
        raise BadOpenApi("version")
    if not isinstance(document.get("paths"), dict) or not document["paths"]:
        raise BadOpenApi("no_paths")
    try:
        return _without_faults(_Reading(document, entities, base_url).draft())
    except (AttributeError, KeyError, TypeError, ValueError, IndexError, RecursionError):
        raise BadOpenApi("unreadable") from None


def _without_faults(found: Draft) -> Draft:
    """The draft with what could not be used put aside: a strange name spoils no more than its list."""
    notes = list(found.notes)
    for name in ("streams", "writes"):
        part = found.declaration.get(name) or []
        wrong = {
            int(match[1])
            for fault in faults(
                {**found.declaration, "base_url": found.declaration["base_url"] or ANY}
            )
            if (match := re.match(rf"{name}\[(\d+)\]", fault.where))
        }
        for number in sorted(wrong, reverse=True):
            one = part.pop(number)
            notes.append(Note("not_usable", {"path": str(one.get("path") or one["entity"])[:120]}))
        if not part:
            found.declaration.pop(name, None)
    return found._replace(notes=notes)


class _Reading(Account):
    def __init__(self, document, entities, base_url):
        super().__init__(document, base_url)
        self.entities = entities
        self.samples: dict[str, dict] = {}
        # list path -> path of one of its records, and its operations
        self.ones: dict[str, tuple[str, dict]] = {}

    def draft(self) -> Draft:
        info = self.document.get("info")
        title = str((info if isinstance(info, dict) else {}).get("title") or "")[:60].strip()
        title = "".join(c for c in title if c.isprintable()) or "REST product"
        declaration = {
            "hub_connector": VERSION,
            "code": code_of(title),
            "name": title,
            "base_url": self.base,
            "sign_in": self._sign_in(),
        }
        streams, writes = [], []
        operations = list(self._operations())
        for path, item in operations:
            stream = self._stream(path, item)
            if stream:
                streams.append(stream)
        for path, item in operations:
            write = self._write(path, item, streams)
            if write:
                writes.append(write)
        test = self._test(operations)
        if test:
            declaration["test"] = test
        used, unused = {}, {}
        for name, found in (("streams", streams), ("writes", writes)):
            used[name], unused[name] = self._sort_out(found, name)
        declaration |= {name: found for name, found in used.items() if found}
        for _path, item in operations:
            if "429" in (self.schemas.get(item.get("get")).get("responses") or {}):
                self.note("limits_unknown")
                break
        self._webhooks()
        if self.schemas.foreign:
            self.note("foreign_refs", count=len(self.schemas.foreign))
        return Draft(declaration, unused, self.samples, self.notes)

    # -- operations ---------------------------------------------------------------------------

    def _operations(self) -> Iterator[tuple[str, dict]]:
        paths = self.document["paths"]
        if len(paths) > MAX_PATHS:
            self.note("many_paths", count=len(paths), read=MAX_PATHS)
        for path, item in list(paths.items())[:MAX_PATHS]:
            item = self.schemas.get(item)
            if not isinstance(path, str) or not path.startswith("/") or not item:
                continue
            servers = [*(item.get("servers") or [])]
            for method in METHODS:
                servers += self.schemas.get(item.get(method)).get("servers") or []
            if any(not self._same_origin(self._server_url(one)) for one in servers):
                self.note("other_host_path", path=path[:120])
                continue
            base = re.fullmatch(r"(/[^{}]+)/\{[^{}/]+\}/?", path)
            if base:
                self.ones.setdefault(base[1], (f"{base[1]}/{{id}}", item))
            yield path, item

    def _parameters(self, item: dict, operation: dict, place: str) -> dict[str, dict]:
        """Parameters of an operation by name, with their schemas."""
        found = {}
        for group in (item.get("parameters"), operation.get("parameters")):
            for one in group if isinstance(group, list) else []:
                one = self.schemas.get(one)
                if one.get("in") == place and isinstance(one.get("name"), str):
                    schema = self.schemas.get(one.get("schema"))
                    found[one["name"]] = schema | {"description": one.get("description")}
        return found

    def _answer(self, operation: dict) -> dict:
        """Schema of the JSON that an operation answers when it goes well."""
        responses = operation.get("responses")
        for status in ("200", "201", "202", "2XX", "default"):
            response = self.schemas.get(
                (responses if isinstance(responses, dict) else {}).get(status)
            )
            schema = self._json_schema(response.get("content"))
            if schema:
                return schema
        return {}

    def _json_schema(self, content: Any) -> dict:
        for media, one in (content if isinstance(content, dict) else {}).items():
            if "json" in str(media):
                return self.schemas.get(self.schemas.get(one).get("schema"))
        return {}

    def _rows(self, schema: dict) -> tuple[str, dict] | None:
        """Where the list of an answer is, and the schema of its entries."""
        if guess.is_type(schema, "array"):
            return "", self.schemas.get(schema.get("items"))
        found = []
        for name, one in properties(self.schemas, schema).items():
            if guess.is_type(one, "array"):
                found.append((name, self.schemas.get(one.get("items"))))
            elif guess.is_type(one, "object"):
                for inner, below in properties(self.schemas, one).items():
                    if guess.is_type(below, "array"):
                        found.append((f"{name}.{inner}", self.schemas.get(below.get("items"))))
        objects = [(path, entry) for path, entry in found if properties(self.schemas, entry)]
        return objects[0] if objects else None

    def _stream(self, path: str, item: dict) -> dict | None:
        operation = self.schemas.get(item.get("get"))
        if not operation or "{" in path:
            return None
        answer = self._answer(operation)
        rows = self._rows(answer)
        if rows is None:
            return None
        items, entry = rows
        fields = properties(self.schemas, entry)
        key = guess.identifier(fields, path)
        entity = guess.entity(path, self.entities)
        if not key:
            if entity:
                self.note("no_id", path=path[:120])
            return None
        query = self._parameters(item, operation, "query")
        stream = {
            "entity": entity,
            "path": path,
            "items": guess.quoted(items),
            "id": guess.quoted(key),
        }
        changed = guess.changed_at(fields)
        if changed:
            stream["changed_at"] = guess.quoted(changed)
        since = guess.since(query)
        if since:
            stream["since"] = since
        stream["paging"] = guess.paging(query, answer, self.schemas)
        gone = guess.deleted(fields)
        if gone:
            stream["deleted"] = {"path": guess.quoted(gone)}
        read = self._read(path, key)
        if read:
            stream["read"] = read
        self.samples[stream["entity"] or path] = sample(self.schemas, entry)
        return stream

    def _one(self, path: str) -> tuple[str, dict] | None:
        """The path of one record below a list, with its operations."""
        return self.ones.get(path.rstrip("/"))

    def _read(self, path: str, key: str) -> dict | None:
        one = self._one(path)
        operation = self.schemas.get(one[1].get("get")) if one else {}
        if not one or not operation:
            return None
        answer = self._answer(operation)
        fields = properties(self.schemas, answer)
        read = {"path": one[0]}
        if fields and key not in fields:
            inner = [
                name for name, schema in fields.items() if key in properties(self.schemas, schema)
            ]
            if inner:
                read["item"] = guess.quoted(inner[0])
        return read

    def _write(self, path: str, item: dict, streams: list[dict]) -> dict | None:
        if "{" in path:
            return None
        stream = next((one for one in streams if one["path"] == path), None)
        create, one = self.schemas.get(item.get("post")), self._one(path)
        if stream is None or not (create or one):
            return None
        write: dict = {"entity": stream["entity"]}
        for method in ("patch", "put"):
            if one and self.schemas.get(one[1].get(method)):
                write["update"] = {"method": method.upper(), "path": one[0]}
                break
        if create:
            self._create(write, path, item, create, stream)
        if "create" not in write and "update" not in write:
            return None
        return write

    def _create(self, write, path, item, create, stream) -> None:
        body = self._json_schema(self.schemas.get(create.get("requestBody")).get("content"))
        fields = properties(self.schemas, body)
        if len(fields) == 1 and properties(self.schemas, next(iter(fields.values()))):
            write["wrap"], inner = next(iter(fields.items()))
            fields = properties(self.schemas, inner)
        answer = self._answer(create)
        below = properties(self.schemas, answer)
        key = stream["id"]
        write["id"] = key
        if below and key not in below:
            for name, schema in below.items():
                if key in properties(self.schemas, schema):
                    write["id"] = f"{guess.quoted(name)}.{key}"
        header = guess.idempotency(self._parameters(item, create, "header"))
        if header:
            write["idempotency_header"] = header
        query = self._parameters(item, self.schemas.get(item.get("get")), "query")
        field = guess.look_up(query, fields)
        if field and not header:
            write["look_up"] = {
                "path": path,
                "parameter": field,
                "field": field,
                "ours": True,
                "items": stream["items"],
                "id": key,
            }
        if header or field:
            write["create"] = {"method": "POST", "path": path}
        else:
            if stream["entity"]:
                self.note("unsafe_create", path=path[:120])
            write.pop("id")

    # -- the rest -----------------------------------------------------------------------------

    def _test(self, operations) -> dict | None:
        found = guess.who_am_i([path for path, item in operations if item.get("get")])
        return {"path": found} if found else None

    def _sort_out(self, found: list[dict], name: str) -> tuple[list[dict], list[dict]]:
        """What can be used, and what has no entity or one that is taken."""
        used, unused, taken = [], [], set()
        for one in found:
            if one["entity"] and one["entity"] not in taken:
                taken.add(one["entity"])
                used.append(one)
            else:
                unused.append(one)
        if unused and name == "streams":
            self.note("no_entity", paths=", ".join(one["path"] for one in unused)[:300])
        return used, unused

    def _webhooks(self) -> None:
        names = self.document.get("webhooks")
        if isinstance(names, dict) and names:
            self.note("webhooks", names=", ".join(map(str, names))[:300])


def code_of(title: str) -> str:
    """A technical word out of a name."""
    code = re.sub(r"[^a-z0-9]+", "_", title.casefold()).strip("_")[:40]
    code = code if code[:1].isalpha() else f"p_{code}"[:40]
    return code if CODE.fullmatch(code) else "product"
