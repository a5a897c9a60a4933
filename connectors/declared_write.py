"""Writing to a declared product, without doubling.

An update sets values, so it may be repeated. A create is safe in one of three ways, of which a
declaration must have one: the product honours an idempotency key; the path of a PUT names the record
by one of our values; or it is looked for before it is made again, by a value that we sent. Where a product finds
a new record only after a while, "not there" is believed when that time has passed since the last try.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .base import rounds
from .declared_read import at, filled, listed, safe_id
from .errors import NOT_THERE_YET, ConnectorError
from .parts import Outcome, Write

SPLITTING = ("data", "reference", "identity", "conflict")  # one record can refuse a whole batch


class Writer:
    """The declared writes of one entity.

    :param call: the connector's ``_call``.
    """

    def __init__(self, declared: dict, call: Callable):
        self.declared, self._call = declared, call

    def run(self, writes: Sequence[Write]) -> list[Outcome]:
        """One outcome a write, in their order; faults are in the outcomes."""
        outcomes: dict[str, Outcome] = {}
        update = self.declared.get("update") or {}
        together = [w for w in writes if update.get("together") and self._is_update(w)]
        for write in writes:
            # a key that was worked on in this very call is not worked on again
            if write not in together and write.key not in outcomes:
                outcomes[write.key] = self._alone(write)
        for calls in rounds(together, update["most"] if together else 1):
            for part in calls:
                self._together(update, part, outcomes)
        return [outcomes[write.key] for write in writes]

    def _is_update(self, write: Write) -> bool:
        return write.operation == "update" and _good_id(write.external_id)

    # -- one by one ---------------------------------------------------------------------------

    def _alone(self, write: Write) -> Outcome:
        outcome = Outcome(write.key, False, write.external_id)
        try:
            part = self.declared.get(write.operation)
            if not part:
                raise ConnectorError("data", "not_supported", params={"operation": write.operation})
            if write.operation == "update":
                if not _good_id(write.external_id):
                    raise ConnectorError("reference", "not_linked")
                self._send(part, {"id": write.external_id}, write, self._body(write))
            else:
                outcome.external_id = self._create(part, write)
            outcome.ok = True
        except ConnectorError as error:
            if error.kind == "unknown" and write.operation == "create":
                # a look-up before would say nothing; one second for storing this
                error.retry_after = max(error.retry_after or 0, self._lag() + 1)
            outcome.error = error
        return outcome

    def _lag(self) -> float:
        """Seconds that the product may take to find what it has."""
        return (self.declared.get("look_up") or {}).get("lag") or 0

    def _create(self, part: dict, write: Write) -> str:
        """Create a record, or find the one that an earlier try has made.

        :return: its id.
        :raise ConnectorError: kind ``unknown``, code ``not_there_yet``: it is too early to tell.
        """
        look_up = self.declared.get("look_up")
        body = self._body(write)
        if look_up and write.attempt > 1:
            found = self._find(look_up, body)
            if found is not None:
                return found
            if write.waited is not None and write.waited < self._lag():
                raise ConnectorError("unknown", NOT_THERE_YET)
        answer = self._send(part, body, write, body)
        try:
            key = at(answer.json(), self.declared["id"]) if self.declared.get("id") else None
        except ConnectorError:
            key = None
        if key is None and part["method"] == "PUT":
            # named by our own value, which is its id where the answer gives none
            hole = part["path"].partition("{")[2].partition("}")[0]
            key = body.get(hole)
        if key is None or isinstance(key, (bool, dict, list)):
            # taken, but the answer does not tell its id: the repetition finds it
            raise ConnectorError("unknown", "answer_lost", status=answer.status)
        return str(key)

    def _find(self, look_up: dict, body: dict) -> str | None:
        """The id of the record that carries our value; None if the product has none.

        :raise ConnectorError: kind ``identity``: several have it.
        """
        value = body.get(look_up["field"])
        if value in (None, ""):
            raise ConnectorError("data", "no_key", params={"field": look_up["field"]})
        answer = self._call("GET", look_up["path"], query={look_up["parameter"]: value})
        ids = {
            str(at(row, look_up.get("id") or "id"))
            for row in listed(answer.json(), look_up.get("items"))
            # a product that does not know the parameter answers with all it has
            if str(at(row, look_up["field"])) == str(value)
        }
        if len(ids) > 1:
            raise ConnectorError("identity", "ambiguous", params={"field": look_up["field"]})
        return ids.pop() if ids else None

    def _body(self, write: Write) -> dict:
        body = dict(write.values)
        look_up = self.declared.get("look_up") or {}
        if look_up.get("ours") and write.operation == "create":
            body[look_up["field"]] = write.key
        return body

    def _send(self, part: dict, holes: dict, write: Write, body: dict):
        header = self.declared.get("idempotency_header")
        wrap = self.declared.get("wrap")
        return self._call(
            part["method"],
            filled(part["path"], holes),
            json={wrap: body} if wrap else body,
            headers={header: write.key} if header else None,
        )

    # -- together -----------------------------------------------------------------------------

    def _together(self, update: dict, writes: Sequence[Write], outcomes: dict) -> None:
        rows = [{**write.values, update["id"]: write.external_id} for write in writes]
        try:
            body = self._call("POST", update["together"], json={update["list"]: rows}).json()
        except ConnectorError as error:
            if error.kind in SPLITTING and len(writes) > 1:
                middle = len(writes) // 2
                self._together(update, writes[:middle], outcomes)
                self._together(update, writes[middle:], outcomes)
                return
            if error.kind == "schema" and 200 <= (error.status or 0) < 300:
                # taken, but answered with something that cannot be read
                error = ConnectorError("unknown", "answer_lost", status=error.status)
            for write in writes:
                outcomes[write.key] = Outcome(write.key, False, write.external_id, error=error)
            return
        refused = self._refused(update, body)
        for write in writes:
            error = refused.get(str(write.external_id))
            outcomes[write.key] = Outcome(write.key, error is None, write.external_id, error=error)

    @staticmethod
    def _refused(update: dict, body: Any) -> dict[str, ConnectorError]:
        """Which records of a batch the product did not take, by id."""
        if not update.get("error"):
            return {}
        results = at(body, update.get("results"))
        if not isinstance(results, list):
            return {}
        return {
            str(row.get(update["id"])): ConnectorError("data", "refused")
            for row in results
            if isinstance(row, dict) and at(row, update["error"]) not in (None, False, "", [], {})
        }


def _good_id(value: Any) -> bool:
    try:
        return bool(safe_id(value))
    except ConnectorError:
        return False
