"""Writing to Salesforce: up to 200 records a call, each with an outcome of its own.

A record that is known is updated by its id: the same values may be set twice. One that is made is upserted by a
field of its own that holds the write's key, so that a repeat after a lost answer finds what the first try made.

Source: REST API Developer Guide, "Update Multiple Records with sObject Collections", "Upsert Records Using sObject
Collections".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from .base import rounds, sift
from .errors import ConnectorError
from .http import Answer
from .parts import Outcome, Write
from .salesforce_errors import from_item
from .salesforce_objects import DATA, MERGED, OBJECTS, record_id
from .salesforce_read import SalesforceReader

# An external id, unique: text of 255 characters. Only who lets Odoo create records needs it.
KEY_FIELD = "Odoo_Key__c"
BATCH = 200
NUMERIC = frozenset({"currency", "double", "percent", "int", "long"})
COLLECTION = f"{DATA}/composite/sobjects"


class SalesforceWriter:
    """The writing half; :param reader: the connector's reading half."""

    def __init__(self, call: Callable[..., Answer], reader: SalesforceReader):
        self._call, self._reader = call, reader

    def deliver(
        self, entity: str, writes: Sequence[Write], entities: Sequence[str]
    ) -> list[Outcome]:
        """Outcomes by the order of the writes."""
        ready, outcomes = sift(writes, lambda write: self._refuse(entity, write, entities))
        for calls in rounds(ready, BATCH):
            for part in calls:
                self._send(OBJECTS[entity], part, outcomes)
            self._to_survivors(entity, [w for part in calls for w in part], outcomes)
        return [outcomes[write.key] for write in writes]

    @staticmethod
    def _refuse(entity: str, write: Write, entities: Sequence[str]) -> ConnectorError | None:
        if entity not in entities or write.operation not in ("create", "update"):
            return ConnectorError("data", "not_supported", params={"operation": write.operation})
        if write.operation == "create":
            return None
        try:
            record_id(write.external_id or "")
        except ConnectorError:
            return ConnectorError("reference", "not_linked")
        return None

    def _send(self, name: str, writes: Sequence[Write], outcomes: dict[str, Outcome]) -> None:
        """One call for writes of one operation."""
        creates = writes[0].operation == "create"
        path = f"{COLLECTION}/{name}/{KEY_FIELD}" if creates else COLLECTION
        try:
            known = self._reader.describe(name)
            records = []
            for write in writes:
                record = {"attributes": {"type": name}}
                record.update(
                    {key: _typed(value, known.get(key)) for key, value in write.values.items()}
                )
                record.update(
                    {KEY_FIELD: write.key[:255]} if creates else {"id": write.external_id}
                )
                records.append(record)
            answer = self._call("PATCH", path, json={"allOrNone": False, "records": records})
            rows = self._results(answer, len(writes))
        except ConnectorError as error:
            if error.kind in ("data", "reference", "identity", "conflict") and len(writes) > 1:
                # what cannot even be read refuses them all: find it by halves
                middle = len(writes) // 2
                self._send(name, writes[:middle], outcomes)
                self._send(name, writes[middle:], outcomes)
                return
            for write in writes:
                outcomes[write.key] = Outcome(write.key, False, write.external_id, error=error)
            return
        for write, row in zip(writes, rows, strict=True):
            if row.get("success") is True:
                key = str(row.get("id") or write.external_id)
                response = {"created": row.get("created")}
                outcomes[write.key] = Outcome(write.key, True, key, response=response)
                continue
            errors = row.get("errors")
            first = errors[0] if isinstance(errors, list) and errors else {}
            error = from_item(first if isinstance(first, dict) else {}, answer.status)
            outcomes[write.key] = Outcome(write.key, False, write.external_id, error=error)

    @staticmethod
    def _results(answer: Answer, count: int) -> list[dict]:
        """A result a record, in their order.

        :raise ConnectorError: kind ``unknown``: it was taken, but the answer cannot be read.
        """
        lost = ConnectorError("unknown", "answer_lost", status=answer.status)
        try:
            rows = answer.json()
        except ConnectorError:
            raise lost from None
        if not isinstance(rows, list) or len(rows) != count:
            raise lost
        if not all(isinstance(row, dict) and "success" in row for row in rows):
            raise lost
        return rows

    def _to_survivors(self, entity: str, writes, outcomes: dict[str, Outcome]) -> None:
        """What was merged away meanwhile is written where it went on."""
        name = OBJECTS[entity]
        gone = {
            record_id(write.external_id): write
            for write in writes
            if write.external_id
            and (error := outcomes[write.key].error) is not None
            and error.params.get("reason") == "ENTITY_IS_DELETED"
        }
        if name not in MERGED or not gone:
            return
        try:
            rows = self._reader.rows(name, sorted(gone), ["Id", "MasterRecordId"])
        except ConnectorError:
            return  # they stay refused as deleted; a person sees them
        again = [
            Write(write.key, write.entity, "update", winner, write.values, write.attempt)
            for key, write in gone.items()
            if (winner := (rows.get(key) or {}).get("MasterRecordId"))
        ]
        for calls in rounds(again, BATCH):  # several may have gone into one
            for part in calls:
                self._send(name, part, outcomes)


def _typed(value: Any, field: dict | None) -> Any:
    """A value as JSON of the field's type: amounts come as text, exact to their last digit."""
    if isinstance(value, str) and (field or {}).get("type") in NUMERIC:
        try:
            return Decimal(value) if value else None
        except InvalidOperation:
            return value  # for Salesforce to refuse, with the field's name
    return value
