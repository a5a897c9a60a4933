"""Reading full records from HubSpot: an object, what hangs on it, and what its ids mean.

Source: HubSpot API documentation, "CRM objects" (batch read, search), "Associations v4" (batch
read), "Owners", "Pipelines".
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ..core import strict_json
from .base import chunks
from .errors import ConnectorError
from .hubspot_objects import (
    ENTITIES,
    OBJECTS,
    PRIMARY_TYPES,
    PROPERTIES,
    merged_ids,
    modified_property,
    stage_details,
)
from .parts import Record
from .times import parse_iso

V3 = "/crm/v3/objects"
READ_BATCH = 100
SEARCH_PAGE = 200
ASSOCIATION_BATCH = 1000


class HubSpotReader:
    """The reading half of the connector; ``call`` is the connector's own ``_call``.

    Owners and pipelines are read once and kept as long as the reader lives: one run of a stream.
    """

    def __init__(self, call, extra_properties: dict | None = None):
        self._call = call
        self._extra = extra_properties or {}
        self._owners: dict[str, dict | None] | None = None
        self._stages: dict | None = None

    # -- objects ------------------------------------------------------------------------------

    def properties(self, name: str) -> list[str]:
        """The properties to ask for: ours, and those that the admin's mappings need besides."""
        wanted = list(PROPERTIES[name])
        for extra in self._extra.get(ENTITIES.get(name, name)) or ():
            if extra not in wanted:
                wanted.append(str(extra))
        return wanted

    def search(
        self, name: str, filters: list, sort: str, limit: int, properties=None
    ) -> list[dict]:
        """One page of a search, oldest first. The search index lags behind by some seconds."""
        body = {
            "filterGroups": [{"filters": filters}],
            "sorts": [{"propertyName": sort, "direction": "ASCENDING"}],
            "properties": properties or self.properties(name),
            "limit": limit,
        }
        answer = self._call(
            "POST", f"{V3}/{name}/search", json=body, bucket="search", write=False
        ).json()
        return _rows(answer)

    def window(self, name: str, since: int, until: int) -> Iterator[list[Record]]:
        """Objects changed in a window (milliseconds, the end outside), in the order of their ids.

        Only first pages are asked for, so that neither the search's limit of 10,000 rows nor
        changes meanwhile make a gap. Nothing that hangs on the objects is read.
        """
        modified = modified_property(name)
        filters = [
            {"propertyName": modified, "operator": "GTE", "value": str(since)},
            {"propertyName": modified, "operator": "LT", "value": str(until)},
        ]
        count, last, first = 0, "0", self._total(name, filters)
        while True:
            after = {"propertyName": "hs_object_id", "operator": "GT", "value": last}
            rows = self.search(name, [*filters, after], "hs_object_id", SEARCH_PAGE)
            count += len(rows)
            yield [_plain(name, row) for row in rows]
            if len(rows) < SEARCH_PAGE:
                break
            last = str(rows[-1]["id"])
        # What was changed again while we read has left the window.
        if count not in (first, self._total(name, filters)):
            raise ConnectorError("connection", "listing_incomplete", params={"read": count})

    def _total(self, name: str, filters: list) -> int:
        body = {"filterGroups": [{"filters": filters}], "limit": 1}
        answer = self._call(
            "POST", f"{V3}/{name}/search", json=body, bucket="search", write=False
        ).json()
        total = answer.get("total") if isinstance(answer, dict) else None
        if not isinstance(total, int):
            raise ConnectorError("schema", "no_results")
        return total

    def read(self, name: str, ids: Sequence[str], archived: bool = False) -> list[dict]:
        """Objects by id, 100 a call. Ids that are not there are left out (HTTP 207 names them)."""
        rows: list[dict] = []
        for part in chunks(list(dict.fromkeys(ids)), READ_BATCH):
            answer = self._call(
                "POST",
                f"{V3}/{name}/batch/read",
                query={"archived": "true" if archived else "false"},
                json={"properties": self.properties(name), "inputs": [{"id": i} for i in part]},
                write=False,
            ).json()
            rows += _rows(answer)
            for error in answer.get("errors") or ():
                if error.get("category") != "OBJECT_NOT_FOUND":
                    raise ConnectorError(
                        "schema", "batch_read_failed", params={"category": error.get("category")}
                    )
        return rows

    def associated(self, name: str, other: str, ids: Sequence[str]) -> dict[str, list[str]]:
        """Ids of the ``other`` objects of each id; primary ones first, then by id."""
        found: dict[str, dict[str, bool]] = {key: {} for key in ids}
        inputs: list[dict] = [{"id": key} for key in dict.fromkeys(ids)]
        while inputs:
            following: list[dict] = []
            for part in chunks(inputs, ASSOCIATION_BATCH):
                answer = self._call(
                    "POST",
                    f"/crm/v4/associations/{name}/{other}/batch/read",
                    json={"inputs": part},
                    write=False,
                ).json()
                for row in _rows(answer):
                    key = str(row["from"]["id"])
                    for to in row.get("to") or ():
                        primary = any(
                            kind.get("typeId") in PRIMARY_TYPES
                            for kind in to.get("associationTypes") or ()
                        )
                        found.setdefault(key, {})[str(to["toObjectId"])] = primary
                    after = ((row.get("paging") or {}).get("next") or {}).get("after")
                    if after:
                        following.append({"id": key, "after": after})
            inputs = following
        return {
            key: sorted(others, key=lambda other: (not others[other], len(other), other))
            for key, others in found.items()
        }

    # -- what ids mean ------------------------------------------------------------------------

    def owner(self, owner_id: str | None) -> dict | None:
        """Who owns a record: id, email, name; only the id if HubSpot no longer knows it."""
        if not owner_id:
            return None
        if self._owners is None:
            self._owners = {}
            after = None
            while True:
                rows, after = self.owners(after)
                self._owners.update({str(row["id"]): row for row in rows})
                if not after:
                    break
        if owner_id not in self._owners:
            # someone who left: archived owners are found only one by one
            try:
                row = self._call(
                    "GET", f"/crm/v3/owners/{int(owner_id)}", query={"archived": "true"}
                ).json()
            except ConnectorError as error:
                if error.status != 404:
                    raise
                row = None
            except ValueError:
                row = None
            self._owners[owner_id] = row
        row = self._owners[owner_id] or {}
        names = {name: row.get(name) for name in ("email", "firstName", "lastName")}
        return {"id": owner_id, **names}

    def owners(self, after: str | None, archived: bool = False) -> tuple[list[dict], str | None]:
        """One page of owners, and the cursor of the next."""
        query: dict[str, Any] = {"limit": 100, "archived": "true" if archived else "false"}
        if after:
            query["after"] = after
        answer = self._call("GET", "/crm/v3/owners/", query=query).json()
        return _rows(answer), ((answer.get("paging") or {}).get("next") or {}).get("after")

    def stage(self, properties: dict) -> dict | None:
        """What a deal's stage means, by the pipeline's metadata."""
        if self._stages is None:
            answer = self._call("GET", "/crm/v3/pipelines/deals").json()
            self._stages = stage_details(_rows(answer))
        return self._stages.get((properties.get("pipeline"), properties.get("dealstage")))

    # -- full records -------------------------------------------------------------------------

    def records(self, name: str, rows: list[dict], deleted: bool = False) -> list[Record]:
        """The records of API rows, with all that a mapping needs in their payload."""
        ids = [str(row["id"]) for row in rows]
        links: dict[str, dict[str, list[str]]] = {}
        lines: dict[str, dict] = {}
        if not deleted and rows:
            # what hangs on an archived object is gone already
            others = {"deals": ("companies", "contacts", "line_items"), "contacts": ("companies",)}
            for other in others.get(name, ()):
                links[other] = self.associated(name, other, ids)
            wanted = {i for found in links.get("line_items", {}).values() for i in found}
            if wanted:
                read = self.read("line_items", sorted(wanted, key=int))
                lines = {str(row["id"]): row for row in read}
        return [self._record(name, row, links, lines, deleted) for row in rows]

    def _record(self, name, row, links, lines, deleted) -> Record:
        key, properties = str(row["id"]), row.get("properties") or {}
        version = _updated(name, row)
        payload = {
            "id": key,
            "properties": properties,
            "createdAt": row.get("createdAt"),
            "updatedAt": row.get("updatedAt"),
            "archived": bool(row.get("archived")) or deleted,
            "owner": None if deleted else self.owner(properties.get("hubspot_owner_id")),
        }
        for other in links:
            payload[other] = links[other].get(key, [])
        if name == "deals":
            found = [lines[i] for i in payload.get("line_items", ()) if i in lines]
            # a changed line does not always move the deal's own time of change
            version = max([version or "", *(_updated("line_items", line) or "" for line in found)])
            payload["line_items"] = [
                {"id": str(line["id"]), "properties": line.get("properties") or {}}
                for line in found
            ]
            payload.setdefault("companies", [])
            payload.setdefault("contacts", [])
            payload["pipeline_stage"] = None if deleted else self.stage(properties)
        return Record(
            entity=ENTITIES[name],
            external_id=key,
            version=version or None,
            changed_at=parse_iso(version),
            payload=strict_json.dumps(payload),
            deleted=deleted or bool(row.get("archived")),
        )

    def fetch(self, entity: str, ids: Sequence[str]) -> dict[str, Record]:
        """Records by id: alive, merged into another, or archived. What is neither is left out."""
        name = OBJECTS[entity]
        asked = [key for key in dict.fromkeys(str(i) for i in ids) if key.isdigit()]
        rows = {str(row["id"]): row for row in self.read(name, asked)}
        survivors = {
            loser: key for key, row in rows.items() for loser in merged_ids(row["properties"])
        }
        missing = [key for key in asked if key not in rows and key not in survivors]
        archived = {}
        if missing:
            archived = {str(row["id"]): row for row in self.read(name, missing, archived=True)}
        for key in [key for key in missing if key not in archived]:
            row = self._survivor(name, key)
            if row is not None:
                rows.setdefault(str(row["id"]), row)
                survivors[key] = str(row["id"])
        alive = {record.external_id: record for record in self.records(name, list(rows.values()))}
        gone = self.records(name, list(archived.values()), deleted=True)
        result = {record.external_id: record for record in gone if record.external_id in asked}
        for key in asked:
            if key in alive:
                result[key] = alive[key]
            elif key in survivors:
                record = alive[survivors[key]]
                result[key] = Record(
                    entity,
                    key,
                    record.version,
                    record.changed_at,
                    record.payload,
                    merged_into=record.external_id,
                )
        return result

    def _survivor(self, name: str, key: str) -> dict | None:
        """The record that answers to an id that is no more: a GET of a merged id finds it.

        A record that is not there is answered with an HTML page here, as a wrong address would be;
        the batch read just before has proved that the address is right.
        """
        query = {"properties": ",".join(self.properties(name))}
        try:
            row = self._call("GET", f"{V3}/{name}/{key}", query=query).json()
        except ConnectorError as error:
            if error.status == 404:
                return None
            raise
        return row if str(row.get("id")) != key else None


def _plain(name: str, row: dict) -> Record:
    """An object without what hangs on it."""
    key, version = str(row["id"]), _updated(name, row)
    payload = {"id": key, "properties": row.get("properties") or {}}
    return Record(ENTITIES[name], key, version, parse_iso(version), strict_json.dumps(payload))


def _rows(answer: Any) -> list[dict]:
    rows = answer.get("results") if isinstance(answer, dict) else None
    if not isinstance(rows, list):
        raise ConnectorError("schema", "no_results")
    return rows


def _updated(name: str, row: dict) -> str | None:
    """ISO text of the last change; both of HubSpot's forms have the same length and sort."""
    properties = row.get("properties") or {}
    return row.get("updatedAt") or properties.get(modified_property(name))
