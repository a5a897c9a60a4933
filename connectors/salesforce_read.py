"""Reading from Salesforce: what an object has, SOQL in pages, and full records with all that a mapping needs.

Source: REST API Developer Guide, "Query", "QueryAll", "sObject Describe", "Query Options Header"; Connect REST API
Developer Guide, "Organization Features" (``defaultCurrencyIsoCode``); Salesforce Help, "INVALID_QUERY_LOCATOR".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from ..core import strict_json
from .base import chunks
from .errors import ConnectorError
from .http import Answer
from .parts import Record
from .salesforce_objects import (
    CONDITIONS,
    DATA,
    ENTITIES,
    FIELDS,
    LINES,
    MERGED,
    plain,
    quoted,
    record_id,
)
from .times import iso, parse_iso

PAGE = 500  # rows of a poll's page: what the engine stores in one transaction
IDS = 200  # ids inside one query: an address may have 16,384 characters
KNOWN_FOR = timedelta(hours=1)  # how long what an object has is taken as known
MOST_MERGES = 10  # how often a survivor may itself have been merged

# (address, consumer, object) -> (until, fields): kept in this process, since a connector lives for one page only
_known: dict[tuple, tuple[datetime, dict[str, dict]]] = {}


class SalesforceReader:
    """The reading half of the connector.

    :param call: the connector's own ``_call``. :param scope: names the org and who reads it.
    :param extra: ``{entity: [field names]}`` that the admin's mappings name.
    """

    def __init__(
        self,
        call: Callable[..., Answer],
        scope: tuple,
        extra: Mapping[str, Sequence[str]] | None,
        clock: Callable[[], datetime],
    ):
        self._call, self._scope, self._clock = call, scope, clock
        self._extra = extra or {}

    # -- what there is ------------------------------------------------------------------------

    def describe(self, name: str, fresh: bool = False) -> dict[str, dict]:
        """``{field: {"type", "updateable", "relationshipName"}}`` of an object, as our user sees it."""
        key = (*self._scope, name)
        until, fields = _known.get(key, (self._clock(), {}))
        if not fresh and fields and self._clock() < until:
            return fields
        try:
            body = self._call("GET", f"{DATA}/sobjects/{name}/describe").json()
        except ConnectorError as error:
            if error.code != "not_found":
                raise
            # an object that its user may not see is not there for him
            params = {"object": name}
            raise ConnectorError("permission", "object_hidden", status=404, params=params) from None
        rows = body.get("fields") if isinstance(body, dict) else None
        if not isinstance(rows, list):
            raise ConnectorError("schema", "no_fields", params={"object": name})
        names = ("type", "updateable", "relationshipName")
        fields = {str(row["name"]): {one: row.get(one) for one in names} for row in rows}
        _known[key] = self._clock() + KNOWN_FOR, fields
        return fields

    def extra(self, name: str) -> list[str]:
        """Fields that mappings name besides ours."""
        code = "line_items" if name == LINES else ENTITIES[name]
        return [field for field in self._extra.get(code) or () if field.isidentifier()]

    def fields(self, name: str) -> list[str]:
        """The fields to ask for: those of ours and of the mappings that the org has."""
        known = self.describe(name)
        related = {str(row["relationshipName"]) for row in known.values()}
        found = []
        for field in dict.fromkeys((*FIELDS[name], *self.extra(name))):
            head, dot, _rest = field.partition(".")
            if head in related if dot else field in known:
                found.append(field)
        return found

    def currency(self, name: str) -> str | None:
        """The currency of an org that has only one: its records do not name it."""
        if "CurrencyIsoCode" in self.describe(name):
            return None
        key = (*self._scope, "currency")
        until, known = _known.get(key, (self._clock(), {}))
        if not known or self._clock() >= until:
            body = self._call("GET", f"{DATA}/connect/organization").details()
            features = body.get("features")
            code = features.get("defaultCurrencyIsoCode") if isinstance(features, dict) else None
            if not isinstance(code, str) or not code:
                raise ConnectorError("schema", "no_currency")
            known = {"code": {"code": code}}
            _known[key] = self._clock() + KNOWN_FOR, known
        return known["code"]["code"]

    # -- SOQL ---------------------------------------------------------------------------------

    def select(self, name: str, conditions: Iterable[str], order: str = "", fields=None) -> str:
        """A query; the conditions are joined by AND."""
        wanted = fields or self.fields(name)
        every = [*conditions, *([CONDITIONS[name]] if name in CONDITIONS else [])]
        where = " AND ".join(f"({one})" for one in every)
        text = f"SELECT {', '.join(wanted)} FROM {name}"
        return text + (f" WHERE {where}" if where else "") + (f" ORDER BY {order}" if order else "")

    def query(self, soql: str, *, gone: bool = False, size: int = PAGE) -> dict:
        """The first page of a query; ``gone``: what was deleted or merged too."""
        path = f"{DATA}/{'queryAll' if gone else 'query'}"
        headers = {"Sforce-Query-Options": f"batchSize={size}"}
        return _page(self._call("GET", path, query={"q": soql}, headers=headers).json())

    def follow(self, link: str) -> dict:
        """A further page, along the link that the page before gave."""
        if not link.startswith("/services/data/"):
            raise ConnectorError("schema", "foreign_link")
        return _page(self._call("GET", link).json())

    def every(self, soql: str, *, gone: bool = False) -> list[dict]:
        """All rows of a query that is known to be small."""
        page = self.query(soql, gone=gone, size=2000)
        rows = page["records"]
        while not page["done"]:
            page = self.follow(page["nextRecordsUrl"])
            rows += page["records"]
        return rows

    # -- full records ---------------------------------------------------------------------------

    def records(self, name: str, rows: list[dict]) -> list[Record]:
        """The records of rows; opportunities with their products and contacts."""
        rows = [plain(row) for row in rows]
        lines: dict[str, list[dict]] = {}
        roles: dict[str, list[dict]] = {}
        alive = [row["Id"] for row in rows if not row.get("IsDeleted")]
        if name == "Opportunity" and alive:
            lines = self._lines(alive)
            roles = self._of_opportunities(
                "OpportunityContactRole", ("OpportunityId", "ContactId", "IsPrimary"), alive
            )
        currency = self.currency(name) if rows and name in ("Opportunity", "Product2") else None
        return [
            self._record(name, row, lines.get(row["Id"], []), roles.get(row["Id"], []), currency)
            for row in rows
        ]

    def _lines(self, ids: list[str]) -> dict[str, list[dict]]:
        """Products of opportunities, deleted ones too: their end is a change of the opportunity."""
        return self._of_opportunities(LINES, self.fields(LINES), ids, gone=True)

    def _of_opportunities(self, name, fields, ids, gone=False) -> dict[str, list[dict]]:
        found: dict[str, list[dict]] = {}
        for part in chunks(ids, IDS):
            listed = ", ".join(quoted(key) for key in part)
            order = "OpportunityId, " + ("SortOrder, Id" if "SortOrder" in fields else "Id")
            soql = self.select(name, [f"OpportunityId IN ({listed})"], order, fields)
            for row in self.every(soql, gone=gone):
                found.setdefault(row["OpportunityId"], []).append(plain(row))
        return found

    def _record(self, name, row, lines, roles, currency) -> Record:
        payload = dict(row)
        if currency:
            payload["CurrencyIsoCode"] = currency
        stamps = [row.get("SystemModstamp")]
        if name == "Opportunity":
            # a changed product does not always move the opportunity's own time of change
            stamps += [line.get("SystemModstamp") for line in lines]
            payload["line_items"] = [line for line in lines if not line.get("IsDeleted")]
            first = sorted(roles, key=lambda role: not role.get("IsPrimary"))
            payload["contacts"] = [role["ContactId"] for role in first if role.get("ContactId")]
        changed = max((parse_iso(stamp) for stamp in stamps if stamp), default=None)
        return Record(
            ENTITIES[name],
            row["Id"],
            iso(changed) if changed else None,
            changed,
            strict_json.dumps(payload),
            deleted=bool(row.get("IsDeleted")),
        )

    def fetch(self, name: str, ids: Sequence[str]) -> dict[str, Record]:
        """Records by id: alive, merged into another, or deleted. What was purged is left out."""
        asked: dict[str, str] = {}
        for key in ids:
            try:
                asked[str(key)] = record_id(key)
            except ConnectorError:
                continue
        rows = self.rows(name, sorted(set(asked.values())))
        if name in MERGED:
            self._follow_merges(name, rows)
        alive = {record.external_id: record for record in self.records(name, list(rows.values()))}
        found = {}
        for key, full in asked.items():
            survivor = self._survivor(rows, full)
            if full not in alive:
                continue
            record = alive[survivor]
            merged = survivor != full
            found[key] = Record(
                ENTITIES[name],
                key,
                record.version,
                record.changed_at,
                record.payload,
                record.deleted and not merged,
                survivor if merged else None,
            )
        return found

    def rows(self, name: str, ids: Sequence[str], fields=None) -> dict[str, dict]:
        """Rows by id, of those that were deleted too."""
        rows = {}
        for part in chunks(ids, IDS):
            listed = ", ".join(quoted(key) for key in part)
            soql = self.select(name, [f"Id IN ({listed})"], fields=fields)
            rows.update({row["Id"]: row for row in self.every(soql, gone=name != "User")})
        return rows

    def _follow_merges(self, name: str, rows: dict[str, dict]) -> None:
        """Read the winners of what was merged away; a winner may have lost later."""
        for _turn in range(MOST_MERGES):
            wanted = {row.get("MasterRecordId") for row in rows.values() if row.get("IsDeleted")}
            missing = sorted(wanted - {None} - set(rows))
            found = self.rows(name, missing) if missing else {}
            if not found:
                return
            rows.update(found)

    @staticmethod
    def _survivor(rows: dict[str, dict], key: str) -> str:
        """The id that goes on in the place of another one; itself if none does."""
        first = key
        for _turn in range(MOST_MERGES):
            row = rows.get(key, {})
            winner = row.get("MasterRecordId") if row.get("IsDeleted") else None
            if winner not in rows:
                return key
            key = winner
        return first


def _page(body: Any) -> dict:
    """A page of a query, as it must be: a row that has no id or no time cannot be told from another."""
    rows = body.get("records") if isinstance(body, dict) else None
    done = body.get("done") if isinstance(body, dict) else None
    if not isinstance(rows, list) or not isinstance(done, bool):
        raise ConnectorError("schema", "no_records")
    if not done and not isinstance(body.get("nextRecordsUrl"), str):
        raise ConnectorError("schema", "no_records")
    if not all(isinstance(row, dict) for row in rows):
        raise ConnectorError("schema", "no_records")
    return body
