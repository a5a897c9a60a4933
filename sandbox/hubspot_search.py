"""HubSpot's search: filter groups, one sort, 10,000 rows at most, and an index that lags."""

from __future__ import annotations

from datetime import datetime, timedelta

from .hubspot_store import modified_name, stamp

MAX_RESULTS = 10_000


def search(store, kind: str, body: dict, now: datetime, lag: float, view, error):
    """Answer a search request as (body) or (body, status)."""
    groups = body.get("filterGroups") or []
    sorts = body.get("sorts") or []
    limit, start = int(body.get("limit", 10)), int(body.get("after") or 0)
    too_many = len(groups) > 5 or any(len(g.get("filters", ())) > 6 for g in groups)
    if limit > 200 or too_many or len(sorts) > 1:
        return error("There was a problem with the request.", "VALIDATION_ERROR"), 400
    if start + limit > MAX_RESULTS:
        return error("The requested paging exceeds 10000 results.", "VALIDATION_ERROR"), 400
    rows = [row for row in store.objects[kind].values() if not row["archived"]]
    if lag:
        seen = stamp(now - timedelta(seconds=lag))
        rows = [row for row in rows if row["properties"][modified_name(kind)] <= seen]
    if groups:
        rows = [r for r in rows if any(all(_holds(r, f) for f in g["filters"]) for g in groups)]
    if sorts:
        sort = sorts[0] if isinstance(sorts[0], dict) else {"propertyName": sorts[0]}
        rows.sort(
            key=lambda row: _value(row["properties"].get(sort["propertyName"])),
            reverse=sort.get("direction") == "DESCENDING",
        )
    else:
        rows.sort(key=lambda row: int(row["id"]))
    page = rows[start : start + limit]
    result = {
        "total": len(rows),
        "results": [view(row, body.get("properties") or ()) for row in page],
    }
    if len(rows) > start + limit:
        result["paging"] = {"next": {"after": str(start + limit)}}
    return result


def _value(text):
    """A value to compare: times as milliseconds, numbers as numbers, the rest as text."""
    if text is None:
        return (0, 0, "")
    try:
        if "T" in text:
            return (
                1,
                int(datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1000 + 0.5),
                "",
            )
        return (1, float(text), "")
    except ValueError:
        return (2, 0, text)


def _holds(row: dict, condition: dict) -> bool:
    value = row["properties"].get(condition["propertyName"])
    operator = condition["operator"]
    if operator == "HAS_PROPERTY":
        return value is not None
    if operator == "NOT_HAS_PROPERTY":
        return value is None
    if operator in ("IN", "NOT_IN"):
        return (value in condition["values"]) == (operator == "IN")
    left, right = _value(value), _value(str(condition["value"]))
    if operator == "BETWEEN":
        return right <= left <= _value(str(condition["highValue"]))
    return {
        "EQ": left == right,
        "NEQ": left != right,
        "GT": left > right,
        "GTE": left >= right,
        "LT": left < right,
        "LTE": left <= right,
        "CONTAINS_TOKEN": right[2].strip("*").lower() in left[2].lower(),
    }[operator]
