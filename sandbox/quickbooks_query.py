"""QuickBooks Online's query language over rows in memory, as far as its documentation describes it."""

from __future__ import annotations

import re

_QUERY = re.compile(
    r"select\s+(?P<columns>\*|count\(\*\)|[\w, ]+?)\s+from\s+(?P<name>\w+)"
    r"(?:\s+where\s+(?P<where>.+?))?(?:\s+orderby\s+(?P<order>[\w., ]+?))?"
    r"(?:\s+startposition\s+(?P<start>\d+))?(?:\s+maxresults\s+(?P<most>\d+))?\s*",
    re.I | re.S,
)
_TEXT = r"'(?:[^'\\]|\\.)*'"
_CONDITION = re.compile(
    rf"\s*(?P<field>[\w.]+)\s*(?P<op>>=|<=|=|>|<|in\b)\s*"
    rf"(?P<value>{_TEXT}|true|false|[\d.]+|\((?:\s*(?:{_TEXT}|true|false)\s*,?)+\))\s*(?:and\b|$)",
    re.I,
)


class BadQuery(ValueError):
    """The parser refuses it."""


def run(text: str, tables: dict[str, dict[str, dict]], listed: frozenset[str]):
    """The ``QueryResponse`` of a query.

    :param tables: ``{object: {id: row}}``; :param listed: objects of which only active ones are given by default.
    """
    match = _QUERY.fullmatch(text.strip())
    if not match or match["name"] not in tables:
        raise BadQuery(text[:200])
    name, conditions = match["name"], _conditions(match["where"])
    if name in listed and not any(field == "Active" for field, _op, _value in conditions):
        conditions.append(("Active", "=", True))
    rows = [row for row in tables[name].values() if all(_holds(row, *one) for one in conditions)]
    if match["columns"].lower() == "count(*)":
        return {"totalCount": len(rows)}
    for field in reversed([one.split()[0] for one in (match["order"] or "Id").split(",")]):
        rows.sort(key=lambda row, field=field: _sortable(field, _value(row, field)))
    start, most = int(match["start"] or 1), int(match["most"] or 100)
    if most > 1000:
        raise BadQuery("maxresults")
    rows = rows[start - 1 : start - 1 + most]
    if match["columns"] != "*":
        names = [one.strip() for one in match["columns"].split(",")]
        rows = [{key: row[key] for key in names if key in row} for row in rows]
    if not rows:
        return {}
    return {name: rows, "startPosition": start, "maxResults": len(rows)}


def _conditions(text: str | None) -> list[tuple]:
    found, place = [], 0
    text = text or ""
    while place < len(text):
        match = _CONDITION.match(text, place)
        if not match:
            raise BadQuery(text[place : place + 100])
        value = match["value"]
        if match["op"].lower() == "in":
            parts = re.findall(rf"{_TEXT}|true|false", value, re.I)
            found.append((match["field"], "in", [_literal(part) for part in parts]))
        else:
            found.append((match["field"], match["op"], _literal(value)))
        place = match.end()
    return found


def _literal(text: str):
    if text.startswith("'"):
        return re.sub(r"\\(.)", r"\1", text[1:-1])
    return {"true": True, "false": False}.get(text.lower(), text)


def _value(row: dict, field: str):
    value = row
    for part in field.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _sortable(field: str, value):
    return (int(value), "") if field == "Id" else (0, str(value or ""))


def _holds(row: dict, field: str, op: str, wanted) -> bool:
    value = _value(row, field)
    if op == "in":
        return value in wanted or str(value) in wanted
    if op == "=":
        return value == wanted or str(value) == str(wanted)
    value, wanted = str(value or ""), str(wanted)
    return {">=": value >= wanted, "<=": value <= wanted, ">": value > wanted, "<": value < wanted}[
        op
    ]
