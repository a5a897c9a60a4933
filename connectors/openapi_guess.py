"""What names in an OpenAPI file probably mean. Each guess is shown to a person before it counts."""

from __future__ import annotations

import json
import re

from .openapi_schema import Schemas, properties

# canonical entity -> words that name it, the likeliest first
ENTITIES = {
    "customer": ("customer", "client", "company", "organisation", "organization", "account"),
    "contact": ("contact", "person", "people"),
    "time_entry": ("time entry", "timesheet", "booking", "worklog", "time", "hour"),
    "expense": ("expense", "receipt"),
    "employee": ("employee", "staff", "user", "consultant", "team member", "member", "worker"),
    "opportunity": ("opportunity", "deal", "proposal"),
    "task": ("task", "activity", "phase"),
    "project": ("project", "job", "engagement", "matter"),
    "service_item": ("service item", "service", "product", "article"),
    "invoice": ("invoice", "bill"),
    "refund": ("refund",),
    "payment": ("payment", "receipt of payment"),
    "leave": ("leave", "absence", "holiday"),
}
PAGE = ("page", "page_number", "pageNumber", "page_no", "p")
OFFSET = ("offset", "skip", "start", "startAt", "start_at", "from_record")
TOKEN = (
    "cursor", "page_token", "pageToken", "next_token", "nextToken", "continuation", "starting_after",
    "after", "page_cursor", "next_page",
)  # fmt: skip
SIZE = (
    "per_page",
    "page_size",
    "pageSize",
    "limit",
    "size",
    "perPage",
    "max_results",
    "maxResults",
)
SINCE = re.compile(
    r"(?i)^(?:(?:updated|modified|changed|last_?modified|update)[_.-]?"
    r"(?:since|after|from|gte|at_?gte|at_?min|min)|since|(?:min|from)_?(?:updated|modified|changed)(?:_?at)?)$"
)
CHANGED = re.compile(
    r"(?i)^(?:last_?)?(?:updated|modified|changed|modification|update|edited)"
    r"(?:_?(?:at|on|time|date|timestamp))?(?:_?(?:utc|ms))?$"
)
GONE = re.compile(r"(?i)^(?:is_?)?(?:deleted|archived|removed|trashed)(?:_?at)?$")
NEXT = ("next", "next_page", "next_url", "next_link", "next_token", "nextPageToken", "next_cursor",
        "nextCursor", "nextLink", "cursor", "after")  # fmt: skip
HOLDERS = ("links", "_links", "paging", "pagination", "meta", "page_info", "pageInfo", "page")
OUR_KEY = re.compile(
    r"(?i)^(?:external|foreign|client|your|partner)[_-]?(?:id|ref|reference|key|code)$"
)
WHO = re.compile(
    r"(?i)^/(?:me|whoami|self|account|office|users/me|ping|tenant|organisation|company)$"
)
REPEATABLE = re.compile(r"(?i)idempoten|request[_-]?id")


def quoted(path: str) -> str:
    """A dotted path of names as JMESPath."""
    return ".".join(
        step if re.fullmatch(r"[A-Za-z_]\w*", step) else json.dumps(step)
        for step in path.split(".")
        if step
    )


def is_type(schema: dict, kind: str) -> bool:
    """Whether a schema is of a type; of several types (3.1) one is enough."""
    found = schema.get("type")
    if kind == "object" and not found:
        return "properties" in schema or "allOf" in schema
    return kind in found if isinstance(found, list) else found == kind


def _words(text: str) -> str:
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", text)
    return " ".join(_singular(word) for word in re.findall(r"[a-z]+", spaced.casefold()))


def _singular(word: str) -> str:
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    return word[:-1] if word.endswith("s") and not word.endswith("ss") else word


def entity(path: str, entities: set[str]) -> str:
    """The canonical entity that a list is about, by the end of its path; empty if none is likely."""
    last = _words([step for step in path.split("/") if step][-1])
    for code, words in ENTITIES.items():
        if code in entities and (last == _words(code) or last in {_words(w) for w in words}):
            return code
    return _words(last).replace(" ", "_") if _words(last).replace(" ", "_") in entities else ""


def identifier(fields: dict[str, dict], path: str) -> str:
    """The property that is the id of a record."""
    for name in ("id", "uuid", "guid"):
        if name in fields:
            return name
    last = _words([step for step in path.split("/") if step][-1]).replace(" ", "_")
    ends = ("_id", "Id", "_no", "_number", "_key", "_uuid", "_ref")
    own = [
        name for name in fields if name.casefold() in {f"{last}{end}".casefold() for end in ends}
    ]
    if own:
        return own[0]
    # the first one is a record's own; those of others come later
    likely = [name for name in fields if name.endswith(ends) or name in ("number", "key", "code")]
    return likely[0] if likely and next(iter(fields)) == likely[0] else ""


def changed_at(fields: dict[str, dict]) -> str:
    """The property that is the time of the last change."""
    return next((name for name in fields if CHANGED.fullmatch(name)), "")


def deleted(fields: dict[str, dict]) -> str:
    """The property that says that a record is gone."""
    return next((name for name in fields if GONE.fullmatch(name)), "")


def since(query: dict[str, dict]) -> dict | None:
    """The parameter that asks for changes, with the form of its time."""
    for name, schema in query.items():
        if SINCE.fullmatch(name):
            kind = "date" if schema.get("format") == "date" else "iso"
            if is_type(schema, "integer") or is_type(schema, "number"):
                text = f"{name} {schema.get('description') or ''}"
                kind = "epoch_ms" if re.search(r"(?i)milli|_ms\b", text) else "epoch"
            return {"parameter": name, "format": kind}
    return None


def paging(query: dict[str, dict], answer: dict, schemas: Schemas) -> dict:
    """How a list is paged, by its parameters and what its answer holds."""
    size = next((name for name in SIZE if name in query), None)
    sized = {"size_parameter": size, "size": _size(query[size])} if size else {}
    following = _next(answer, schemas)
    token = next((name for name in TOKEN if name in query), None)
    if token and following:
        return {"kind": "token", "parameter": token, "next": following, **sized}
    if following and not token:
        return {"kind": "link", "next": following, **sized}
    offset = next((name for name in OFFSET if name in query), None)
    if offset and sized:
        return {"kind": "offset", "parameter": offset, **sized}
    number = next((name for name in PAGE if name in query), None)
    if number:
        first = query[number].get("default")
        first = first if first in (0, 1) and not isinstance(first, bool) else 1
        return {"kind": "page", "parameter": number, "first": first, **sized}
    return {"kind": "none"}


def _size(schema: dict) -> int:
    """Rows a page: the most that the file allows, within reason."""
    most, usual = schema.get("maximum"), schema.get("default")
    for found in (most, usual):
        if isinstance(found, int) and not isinstance(found, bool) and found > 0:
            return min(found, 500)
    return 50


def _next(answer: dict, schemas: Schemas) -> str:
    fields = properties(schemas, answer)
    for name in NEXT:
        if name in fields and not is_type(fields[name], "object"):
            return quoted(name)
    for holder in HOLDERS:
        below = properties(schemas, fields.get(holder) or {})
        for name in NEXT:
            if name in below and not is_type(below[name], "object"):
                return quoted(f"{holder}.{name}")
    return ""


def idempotency(headers: dict[str, dict]) -> str:
    """The header under which a create may be repeated."""
    return next((name for name in headers if REPEATABLE.search(name)), "")


def look_up(query: dict[str, dict], body: dict[str, dict]) -> str:
    """A field for a key of ours that can be sent and searched for."""
    return next((name for name in query if name in body and OUR_KEY.fullmatch(name)), "")


def who_am_i(paths: list[str]) -> str:
    """A path that tells whose account it is."""
    return next((path for path in paths if WHO.fullmatch(path)), "")
