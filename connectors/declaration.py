"""What an admin declares of a REST product, as plain data: the words, and what is refused.

A declaration is one JSON object, the same in a form, in a file and in a test. It says how a product
speaks and holds no secret: those are stored, encrypted, at each connected system. Its addresses are
paths below one base address; only the two addresses of OAuth may lie elsewhere, and only if an
administrator typed them (see :mod:`.openapi` for what a file may say).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from .declaration_values import (
    CODE,
    HEADER,
    HOLES,
    PARAMETER,
    Fault,
    Field,
    address,
    flag,
    json_path,
    list_of,
    matching,
    named_texts,
    number,
    one_of,
    record_of,
    route,
    text,
    wrong,
)
from .errors import KINDS

VERSION = 1
MOST = {
    "lines": 300,
    "mappings": 120,
    "words": 1000,
    "streams": 60,
    "writes": 60,
    "types": 100,
    "errors": 60,
    "headers": 20,
    "query": 20,
}
SIGN_INS = (
    "none", "header", "query", "bearer", "basic", "client_credentials", "authorization_code",
)  # fmt: skip
PAGINGS = ("none", "page", "offset", "token", "link", "since")
TIME_FORMATS = ("iso", "iso_ms", "date", "epoch", "epoch_ms")
WEBHOOKS = ("none", "hmac", "secret", "standard")
ALGORITHMS = ("sha256", "sha512", "sha1")
ENCODINGS = ("hex", "base64")
KEYS = ("text", "base64", "hex")
METHODS = ("POST", "PUT", "PATCH")
ACTIONS = ("change", "delete", "ignored")
RESETS = ("seconds", "epoch", "epoch_ms")
# What a product's answer may be declared to mean.
ERROR_KINDS = tuple(sorted(KINDS - {"bug", "unknown"}))
SIGNED = "{body}"


class BadDeclaration(ValueError):
    """A declaration that cannot be used. ``faults`` says why, each as a :class:`Fault`."""

    def __init__(self, faults: list[Fault]):
        super().__init__("; ".join(f"{fault.where}: {fault.code}" for fault in faults[:5]))
        self.faults = faults


_code, _header = matching(CODE, "bad_code"), matching(HEADER, "bad_header")
_parameter = matching(PARAMETER, "bad_parameter")
_headers, _query = named_texts(HEADER, "bad_header"), named_texts(PARAMETER, "bad_parameter")

SIGN_IN = {
    "kind": Field(one_of(*SIGN_INS), True),
    "name": Field(matching(re.compile(rf"{HEADER.pattern}|{PARAMETER.pattern}"), "bad_header")),
    "prefix": Field(text(20)),
    "token_url": Field(address),
    "authorize_url": Field(address),
    "scope": Field(text(1000)),
    "client_in": Field(one_of("form", "basic")),
}
PAGING = {
    "kind": Field(one_of(*PAGINGS), True),
    "parameter": Field(_parameter),
    "first": Field(number(0, 1)),
    "next": Field(json_path),
    "size_parameter": Field(_parameter),
    "size": Field(number(1, 5000)),
}
SINCE = {
    "parameter": Field(_parameter, True),
    "format": Field(one_of(*TIME_FORMATS)),
    "overlap": Field(number(0, 86400)),
}
READ = {
    "path": Field(route("id"), True),
    "item": Field(json_path),
    "together": Field(_parameter),
    "most": Field(number(1, 500)),
}
DELETED = {"path": Field(json_path), "value": Field(text(80)), "list": Field(route())}
STREAM = {
    "entity": Field(_code, True),
    "path": Field(route(), True),
    "items": Field(json_path),
    "id": Field(json_path, True),
    "changed_at": Field(json_path),
    "version": Field(json_path),
    "query": Field(_query),
    "paging": Field(record_of(PAGING)),
    "since": Field(record_of(SINCE)),
    "read": Field(record_of(READ)),
    "deleted": Field(record_of(DELETED)),
    "merged_into": Field(json_path),
}
CREATE = {"method": Field(one_of("POST", "PUT"), True), "path": Field(route(), True)}
UPDATE = {
    "method": Field(one_of(*METHODS), True),
    "path": Field(route("id"), True),
    "together": Field(route()),
    "list": Field(_parameter),
    "id": Field(_parameter),
    "most": Field(number(1, 500)),
    "results": Field(json_path),
    "error": Field(json_path),
}
LOOK_UP = {
    "path": Field(route(), True),
    "parameter": Field(_parameter, True),
    "field": Field(_parameter, True),
    "ours": Field(flag),
    "items": Field(json_path),
    "id": Field(json_path),
    "lag": Field(number(1, 600)),
}
WRITE = {
    "entity": Field(_code, True),
    "create": Field(record_of(CREATE)),
    "update": Field(record_of(UPDATE)),
    "wrap": Field(_parameter),
    "id": Field(json_path),
    "idempotency_header": Field(_header),
    "look_up": Field(record_of(LOOK_UP)),
}
TYPE = {
    "type": Field(text(120), True),
    "entity": Field(_code),
    "action": Field(one_of(*ACTIONS), True),
}
WEBHOOK = {
    "kind": Field(one_of(*WEBHOOKS), True),
    "header": Field(_header),
    "algorithm": Field(one_of(*ALGORITHMS)),
    "encoding": Field(one_of(*ENCODINGS)),
    "prefix": Field(text(20)),
    "key": Field(one_of(*KEYS)),
    "signed": Field(text(100)),
    "time_header": Field(_header),
    "time_part": Field(matching(re.compile(r"[A-Za-z]\w{0,19}"), "bad_parameter")),
    "time_unit": Field(one_of("s", "ms")),
    "tolerance": Field(number(10, 3600)),
    "events": Field(json_path),
    "event_id": Field(json_path),
    "type": Field(json_path),
    "object_id": Field(json_path),
    "occurred_at": Field(json_path),
    "account": Field(json_path),
    "types": Field(list_of(record_of(TYPE), MOST["types"])),
}
PACE = {
    "calls": Field(number(1, 100_000), True),
    "seconds": Field(number(0.01, 86400, whole=False), True),
    "retry_after_unit": Field(one_of("s", "ms")),
    "remaining": Field(_header),
    "limit": Field(_header),
    "reset": Field(_header),
    "reset_kind": Field(one_of(*RESETS)),
}
ERROR = {
    "status": Field(number(200, 599)),
    "path": Field(json_path),
    "code": Field(text(120)),
    "kind": Field(one_of(*ERROR_KINDS), True),
    "sentence": Field(text(300)),
}
PRESET_LINE = {
    "field": Field(_code, True),
    "path": Field(text(1000)),
    "transform": Field(_code),
    "argument": Field(text(1000)),
    "both_ways": Field(flag),
}
OF_STREAM = {"entity": Field(_code, True), "direction": Field(one_of("in", "out"), True)}
PRESETS = {
    "mappings": Field(
        list_of(
            record_of(
                {**OF_STREAM, "lines": Field(list_of(record_of(PRESET_LINE), MOST["lines"]), True)}
            ),
            MOST["mappings"],
        )
    ),
    "words": Field(
        list_of(
            record_of(
                {
                    "vocabulary": Field(_code, True),
                    "term": Field(text(80), True),
                    "word": Field(text(200), True),
                }
            ),
            MOST["words"],
        )
    ),
    "processes": Field(
        list_of(record_of({**OF_STREAM, "process": Field(_code, True)}), MOST["mappings"])
    ),
}
DECLARATION = {
    "hub_connector": Field(one_of(VERSION), True),
    "code": Field(_code, True),
    "name": Field(text(60), True),
    "base_url": Field(address, True),
    "headers": Field(_headers),
    "sign_in": Field(record_of(SIGN_IN), True),
    "test": Field(record_of({"path": Field(route(), True), "account": Field(json_path)})),
    "streams": Field(list_of(record_of(STREAM), MOST["streams"])),
    "writes": Field(list_of(record_of(WRITE), MOST["writes"])),
    "webhook": Field(record_of(WEBHOOK)),
    "pace": Field(record_of(PACE)),
    "errors": Field(list_of(record_of(ERROR), MOST["errors"])),
    # What systems of the product begin with; of a file only, how it speaks does not depend on it.
    "presets": Field(record_of(PRESETS)),
}


# -- what belongs together -------------------------------------------------------------------------


def _needs(where: str, part: dict, *names: str) -> Iterator[Fault]:
    for name in names:
        if not part.get(name):
            yield from wrong(f"{where}.{name}", "missing")


def _cross_sign_in(document: dict) -> Iterator[Fault]:
    sign_in = document["sign_in"]
    kind = sign_in["kind"]
    if kind in ("header", "query"):
        yield from _needs("sign_in", sign_in, "name")
    if kind in ("client_credentials", "authorization_code"):
        yield from _needs("sign_in", sign_in, "token_url")
    if kind == "header" and re.fullmatch(r"(?i)host|content-.*|cookie", sign_in.get("name") or ""):
        yield from wrong("sign_in.name", "reserved", value=sign_in["name"])


def _cross_stream(where: str, stream: dict) -> Iterator[Fault]:
    paging, since = stream.get("paging") or {}, stream.get("since")
    kind = paging.get("kind", "none")
    here = f"{where}.paging"
    if kind in ("page", "offset", "token"):
        yield from _needs(here, paging, "parameter")
    if kind in ("token", "link"):
        yield from _needs(here, paging, "next")
    if kind in ("offset", "since"):
        yield from _needs(here, paging, "size")
    if kind == "since":
        if not since:
            yield from wrong(f"{where}.since", "missing")
        yield from _needs(where, stream, "changed_at")
    if bool(paging.get("size_parameter")) > bool(paging.get("size")):
        yield from wrong(f"{here}.size", "missing")
    read = stream.get("read") or {}
    if bool(read.get("together")) != bool(read.get("most")):
        yield from wrong(f"{where}.read.most", "missing")
    deleted = stream.get("deleted") or {}
    if deleted.get("value") and not deleted.get("path"):
        yield from wrong(f"{where}.deleted.path", "missing")


def _cross_write(where: str, write: dict) -> Iterator[Fault]:
    create, update = write.get("create"), write.get("update")
    if not create and not update:
        yield from wrong(where, "no_write")
    if create:
        safe = write.get("idempotency_header") or write.get("look_up") or create["method"] == "PUT"
        if not safe:
            yield from wrong(f"{where}.create", "unsafe_create")
        if create["method"] == "POST" and write.get("id") is None:
            yield from wrong(f"{where}.id", "missing")
        if create["method"] == "PUT" and not HOLES.findall(create["path"]):
            yield from wrong(f"{where}.create.path", "no_hole", hole="{code}")
    if update and update.get("together"):
        yield from _needs(f"{where}.update", update, "list", "id", "most")


def _cross_webhook(document: dict) -> Iterator[Fault]:
    webhook = document.get("webhook") or {"kind": "none"}
    kind = webhook["kind"]
    if kind == "none":
        return
    if kind in ("hmac", "secret"):
        yield from _needs("webhook", webhook, "header")
    if kind == "hmac":
        signed = webhook.get("signed") or SIGNED
        if signed.count(SIGNED) != 1 or set(HOLES.findall(signed)) - {
            "body", "timestamp", "url", "method",
        }:  # fmt: skip
            yield from wrong("webhook.signed", "bad_signed", value=signed)
        if "{timestamp}" in signed and not (webhook.get("time_header") or webhook.get("time_part")):
            yield from wrong("webhook.time_header", "missing")
    yield from _needs("webhook", webhook, "object_id", "types")
    streams = {stream["entity"] for stream in document.get("streams") or []}
    for at, one in enumerate(webhook.get("types") or []):
        if one["action"] == "ignored":
            continue
        if not one.get("entity"):
            yield from wrong(f"webhook.types[{at}].entity", "missing")
        elif one["entity"] not in streams:
            yield from wrong(f"webhook.types[{at}].entity", "no_stream", entity=one["entity"])


def _cross(document: dict) -> Iterator[Fault]:
    """What no single value shows. Only asked of a document whose single values are all right."""
    yield from _cross_sign_in(document)
    for name, cross in (("streams", _cross_stream), ("writes", _cross_write)):
        seen: set[str] = set()
        for at, entry in enumerate(document.get(name) or []):
            where = f"{name}[{at}]"
            if entry["entity"] in seen:
                yield from wrong(f"{where}.entity", "twice", value=entry["entity"])
            seen.add(entry["entity"])
            yield from cross(where, entry)
    yield from _cross_webhook(document)
    for at, rule in enumerate(document.get("errors") or []):
        if not rule.get("status") and not rule.get("code"):
            yield from wrong(f"errors[{at}].status", "missing")
        if rule.get("code") and not rule.get("path"):
            yield from wrong(f"errors[{at}].path", "missing")


def faults(document: Any) -> list[Fault]:
    """All that is wrong with a declaration, at most 30 things; nothing if it can be used."""
    found = list(record_of(DECLARATION)("", document))
    if not found:
        found = list(_cross(document))
    return found[:30]


def check(document: Any) -> dict:
    """The declaration, if it can be used.

    :raise BadDeclaration: with all that is wrong.
    """
    found = faults(document)
    if found:
        raise BadDeclaration(found)
    return document


def bad_address(url: str) -> bool:
    """Whether a text cannot be the address of an API."""
    return any(True for wrong in address("", url))


def origins(document: dict) -> list[str]:
    """Addresses beside the base address that may see secrets: scheme and host."""
    urls = [document["sign_in"].get(name) for name in ("token_url",)]
    parts = [urlsplit(url) for url in urls if url]
    return sorted({f"{part.scheme}://{part.netloc}".lower() for part in parts})
