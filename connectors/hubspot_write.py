"""Writing to HubSpot: up to 100 records a call, and an answer that may be good in parts (HTTP 207).

A record that is known is updated by its id: the same values may be set twice. One that is made is upserted by a
property of its own that holds the write's key, so that a repeat after a lost answer finds what the first try made.

Source: HubSpot API documentation: "Create or update a batch of objects by unique property values", "Update a batch of
objects", "Error handling" (multi-status errors, ``objectWriteTraceId``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from . import hubspot_errors
from .base import rounds, sift
from .errors import ConnectorError
from .http import Answer
from .hubspot_objects import OBJECTS, merged_ids
from .hubspot_read import V3
from .parts import Outcome, Write

# "Require unique values for this property"; only who lets Odoo create records needs it
KEY_PROPERTY = "odoo_key"
BATCH = 100


class HubSpotWriter:
    """The writing half of the connector; ``call`` is the connector's own ``_call``."""

    def __init__(self, call: Callable[..., Answer]):
        self._call = call

    def deliver(
        self, entity: str, writes: Sequence[Write], entities: Sequence[str]
    ) -> list[Outcome]:
        """Outcomes in the order of the writes."""
        ready, outcomes = sift(writes, lambda write: self._refuse(entity, write, entities))
        for calls in rounds(ready, BATCH):
            for part in calls:
                self._send(OBJECTS[entity], part, outcomes)
        return [outcomes[write.key] for write in writes]

    @staticmethod
    def _refuse(entity: str, write: Write, entities: Sequence[str]) -> ConnectorError | None:
        if entity not in entities or write.operation not in ("create", "update"):
            return ConnectorError("data", "not_supported", params={"operation": write.operation})
        if write.operation == "update" and not str(write.external_id or "").isdigit():
            return ConnectorError("reference", "not_linked")
        return None

    def _send(self, name: str, writes: Sequence[Write], outcomes: dict[str, Outcome]) -> None:
        """One call for writes of one operation."""
        creates = writes[0].operation == "create"
        inputs = []
        for write in writes:
            one = {"id": write.external_id, "objectWriteTraceId": write.key}
            if creates:
                one.update(id=write.key, idProperty=KEY_PROPERTY)
            one["properties"] = {key: as_text(value) for key, value in write.values.items()}
            inputs.append(one)
        path = f"{V3}/{name}/batch/{'upsert' if creates else 'update'}"
        try:
            rows, errors = self._parts(self._call("POST", path, json={"inputs": inputs}))
        except ConnectorError as error:
            if error.kind in ("data", "reference", "identity", "conflict") and len(writes) > 1:
                # one bad record refuses them all: find it by halves
                middle = len(writes) // 2
                self._send(name, writes[:middle], outcomes)
                self._send(name, writes[middle:], outcomes)
                return
            for write in writes:
                outcomes[write.key] = Outcome(write.key, False, write.external_id, error=error)
            return
        self._settle(writes, rows, errors, outcomes)

    @staticmethod
    def _parts(answer: Answer) -> tuple[list[dict], list[dict]]:
        """What was written, and what was not.

        :raise ConnectorError: kind ``unknown``: it was taken, but the answer cannot be read.
        """
        lost = ConnectorError("unknown", "answer_lost", status=answer.status)
        try:
            result = answer.json()
        except ConnectorError:
            raise lost from None
        if not isinstance(result, dict):
            raise lost
        rows, errors = result.get("results") or [], result.get("errors") or []
        if not isinstance(rows, list) or not isinstance(errors, list):
            raise lost
        return [row for row in rows if isinstance(row, dict)], [
            error for error in errors if isinstance(error, dict)
        ]

    @staticmethod
    def _settle(writes, rows, errors, outcomes: dict[str, Outcome]) -> None:
        """Tell the parts of a 207 apart: by our trace id, else by record id or key."""
        refused: dict[str, ConnectorError] = {}
        for error in errors:
            context = error.get("context") or {}
            problem = hubspot_errors.from_item(error)
            for name in ("objectWriteTraceId", "ids", "id"):
                for value in context.get(name) or ():
                    refused[str(value)] = problem
        by_id: dict[str, dict] = {}
        for row in rows:
            properties = row.get("properties") or {}
            for key in (row.get("objectWriteTraceId"), properties.get(KEY_PROPERTY), row.get("id")):
                if key:
                    by_id[str(key)] = row
            for loser in merged_ids(properties):
                by_id.setdefault(loser, row)
        for write in writes:
            row = by_id.get(write.key) or by_id.get(write.external_id)
            error = refused.get(write.key) or refused.get(write.external_id)
            if row is not None and row.get("id"):
                # the answer's id differs from ours if the record was merged meanwhile
                response = {"updatedAt": row.get("updatedAt"), "created": row.get("new")}
                outcomes[write.key] = Outcome(write.key, True, str(row["id"]), response=response)
                continue
            error = error or ConnectorError("unknown", "no_outcome")
            outcomes[write.key] = Outcome(write.key, False, write.external_id, error=error)


def as_text(value: Any) -> str:
    """A property value: HubSpot takes and gives text; empty text clears."""
    if value is None or value is False:
        return "" if value is None else "false"
    if value is True:
        return "true"
    if isinstance(value, Decimal):
        return format(value, "f")
    return value if isinstance(value, str) else str(value)
