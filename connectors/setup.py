"""What setting something up in a product needs, step by step, where the product knows no idempotency keys.

Every step looks before it makes, so that the whole may be repeated after any crash or lost answer and ends in
the same state. A product adds its own steps (:meth:`Setup._set_up`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from .errors import ConnectorError
from .parts import Outcome, Write


class Setup:
    """One write that takes several calls.

    :param call: makes a call: ``(method, path, json=…)``. :param listing: reads a whole list: ``(path, query)``.
    """

    def __init__(self, call: Callable, listing: Callable):
        self._call = call
        self._list = listing

    def run(self, write: Write) -> Outcome:
        """Set it up. The outcome's links name all that was found or made, also when a later step failed, so
        that nothing is lost track of; faults are in the outcome."""
        outcome = Outcome(write.key, False, write.external_id)
        done: dict[str, Any] = {"created": [], "changed": [], "unknown_people": []}
        outcome.response = done
        try:
            self._set_up(write, outcome, done)
            outcome.ok = True
        except ConnectorError as error:
            outcome.error = error
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            # our own values or the product's answer have another shape than this code knows
            outcome.error = ConnectorError(
                "schema", "bad_shape", params={"error": str(type(error).__name__)}
            )
        return outcome

    def _set_up(self, write: Write, outcome: Outcome, done: dict) -> None:
        """The steps.

        :raise ConnectorError: one of them failed; it may be repeated.
        """
        raise NotImplementedError

    def _make(
        self, what: str, path: str, values: dict, done: dict, find: Callable[[], dict | None]
    ) -> dict:
        """Make a row, or take the one that another worker made since we looked.

        :param find: looks again.
        """
        try:
            row = self._answer("POST", path, values)
        except ConnectorError as error:
            found = find() if error.code == "already_exists" else None
            if found is None:
                raise
            return found
        done["created"].append(f"{what}:{row['id']}")
        return row

    def _answer(self, method: str, path: str, values: dict) -> dict:
        """Make a call that answers with the row that it made or changed.

        :raise ConnectorError: kind ``unknown``: it was taken, but the answer does not tell what came of it.
        """
        row = self._send(method, path, values)
        if not isinstance(row, dict) or "id" not in row:
            raise ConnectorError("unknown", "answer_lost")
        return row

    def _send(self, method: str, path: str, values: dict) -> Any:
        """Make a call whose effect the next look-up finds.

        :raise ConnectorError: kind ``unknown``: it was taken, but its answer cannot be read.
        """
        try:
            return self._call(method, path, json=values).json()
        except ConnectorError as error:
            if error.kind == "schema" and 200 <= (error.status or 0) < 300:
                raise ConnectorError("unknown", "answer_lost", status=error.status) from None
            raise


class TrackerProject(Setup):
    """A project of a time tracker: taken, found or made, under its client.

    A product says how it reads and finds one, what its fields are called, and how it changes one.
    """

    CLIENT = "client_id"  # the field of a project that names its client
    DEFAULTS: dict[str, Any] = {}  # what a project must have to be made

    def _project(self, write: Write, outcome: Outcome, done: dict) -> dict:
        """The row of the project, as it is now.

        :raise ConnectorError: it is to be changed and not linked, or to be made and has no client.
        """
        values, project = write.values, None
        closed = values.get("active") is False
        if write.external_id:
            project = self._read(write.external_id)
        elif write.operation == "update":
            raise ConnectorError("reference", "not_linked")
        if project is not None and closed and not self._is_open(project):
            return project
        client = None
        if values.get("client"):
            client = self._client(values["client"], outcome, done)
        if project is None:
            if client is None:
                raise ConnectorError("data", "client_missing")
            project = self._known(client["id"], values)
        wanted = self._wanted(values)
        if client is not None:
            wanted[self.CLIENT] = client["id"]
        if project is None:
            return self._make(
                "project",
                "/projects",
                {**self.DEFAULTS, **wanted},
                done,
                lambda: self._known(client["id"], values),
            )
        outcome.external_id = str(project["id"])
        return self._bring(project, wanted, closed, done)

    def _client(self, values: dict, outcome: Outcome, done: dict) -> dict:
        """The row of the client, made if there is none, taken out of the archive if it is there."""
        raise NotImplementedError

    def _read(self, key: str) -> dict:
        """The row with that id."""
        raise NotImplementedError

    def _known(self, client: Any, values: dict) -> dict | None:
        """The project that an earlier try made for the client: by our code, else by its name."""
        raise NotImplementedError

    def _is_open(self, project: dict) -> bool:
        """Whether it can still be changed; a closed one stays as it is."""
        raise NotImplementedError

    def _wanted(self, values: dict) -> dict:
        """The product's fields from ours; what we do not say is not touched."""
        raise NotImplementedError

    def _bring(self, project: dict, wanted: dict, closed: bool, done: dict) -> dict:
        """Set what differs; :return: the row with it."""
        raise NotImplementedError


def projects(entity: str, writes: Iterable[Write], setup: Callable[[], Setup]) -> list[Outcome]:
    """Set projects up, one after the other; nothing else can be.

    :param setup: makes what sets one up.
    """
    outcomes = []
    for write in writes:
        if entity != "project" or write.operation not in ("create", "update"):
            error = ConnectorError("data", "not_supported", params={"operation": write.operation})
            outcomes.append(Outcome(write.key, False, write.external_id, error=error))
            continue
        outcomes.append(setup().run(write))
    return outcomes


def same(left: Any, right: Any) -> bool:
    """Whether two names are one: case and outer spaces do not count, as products compare them."""
    return str(left or "").strip().casefold() == str(right or "").strip().casefold() != ""


def named(rows: list[dict], name: Any) -> dict | None:
    """The first of the rows that has this name."""
    return next((row for row in rows if same(row["name"], name)), None)
