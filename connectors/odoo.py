"""Another Odoo (19 and later) by its JSON-2 API: partners, people, projects, time and invoices, both ways.

Settings: ``account_id`` (name of the database there, sent as ``X-Odoo-Database``), ``start_date``,
``overlap_seconds`` (300), ``properties`` and ``written`` (what the mappings name), ``hub_url`` and ``database``
(our own: they name what we make there, see :mod:`.odoo_write`). Secret: ``api_key``.

Lists are walked by id over all that changed since the window began: whatever changes meanwhile is behind us
and belongs to the next window, or before us and is seen as it is now. Nothing depends on the order of times,
which JSON-2 tells in whole seconds. A record that is deleted there leaves no trace; a nightly sweep finds
missing time.

Source: Odoo 19, ``addons/rpc/controllers/json2.py``, ``http.py`` (``Json2Dispatcher``), ``orm/models.py``
(``search_read``, ``fields_get``, ``has_access``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta, timezone
from decimal import Context, Decimal
from typing import Any, ClassVar, NamedTuple

from ..core import strict_json
from . import odoo_errors
from .base import Connector, chunks
from .errors import ConnectorError
from .http import Answer
from .odoo_write import OWN, Writer, marker_module, marker_name
from .parts import CheckItem, Outcome, Page, Record, SecretField
from .probe import clock_item, probe
from .times import iso, parse_iso, to_epoch

SIZE = 500  # rows of a page
OVERLAP = 300  # seconds; longer than a transaction there that may commit late
LARGEST = 2**31 - 1
NUMBERS = ("float", "monetary")
_WIDE = Context(prec=100)
# archived records change, too
EVERY = {"active_test": False}


class Kind(NamedTuple):
    """How an entity lies in Odoo: model, which of its records, what is asked for, and its calendar day."""

    model: str
    domain: list
    fields: tuple[str, ...]
    day: str = ""


KINDS = {
    "customer": Kind(
        "res.partner",
        [("is_company", "=", True)],
        ("name", "vat", "email", "phone", "website", "street", "street2", "city", "zip", "state_id",
         "country_code", "lang", "active"),
    ),
    "contact": Kind(
        "res.partner",
        [("is_company", "=", False), ("type", "=", "contact"), ("parent_id.is_company", "=", True)],
        ("name", "email", "phone", "function", "parent_id", "country_code", "lang", "active"),
    ),
    "employee": Kind("hr.employee", [], ("name", "work_email", "active")),
    "project": Kind("project.project", [], ("name", "partner_id", "date_start", "active")),
    "task": Kind(
        "project.task", [("project_id", "!=", False)], ("name", "project_id", "date_deadline", "active")
    ),
    "time_entry": Kind(
        "account.analytic.line",
        [("project_id", "!=", False), ("employee_id", "!=", False)],
        ("date", "unit_amount", "name", "project_id", "task_id", "employee_id", "validated"),
        "date",
    ),
    "invoice": Kind(
        "account.move",
        [("move_type", "in", ["out_invoice", "out_refund"]), ("state", "in", ["posted", "cancel"])],
        ("name", "move_type", "state", "invoice_date", "invoice_date_due", "currency_id",
         "amount_untaxed", "amount_total", "amount_residual", "payment_state"),
    ),
}  # fmt: skip


class Odoo(Connector):
    """One database of another Odoo."""

    product = "odoo"
    label = "Another Odoo"
    default_base_url = "https://other.odoo.example"
    auth = (SecretField("api_key", "API key", True),)
    entities_in = tuple(KINDS)
    entities_out = ("customer", "project", "time_entry", "invoice")
    document_words = ("tax",)  # a product there brings its account, and a journal has one
    lists: ClassVar = {entity: "date" if kind.day else "changed" for entity, kind in KINDS.items()}
    pace: ClassVar = {"default": (10, 1.0)}
    renews_with = ()
    batch_read = 100
    batch_write = 1
    mapped_names = r"^([a-z]\w*)"

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._types: dict[str, dict[str, str]] = {}

    # -- calls --------------------------------------------------------------------------------

    def _sign_in_headers(self) -> dict[str, str]:
        headers = {"Authorization": f"bearer {self._secret('api_key')}"}
        if self.settings.get("account_id"):
            headers["X-Odoo-Database"] = str(self.settings["account_id"])
        return headers

    def _error_from(self, answer: Answer, write: bool) -> ConnectorError | None:
        return odoo_errors.from_answer(answer, write)

    def rpc(self, model: str, method: str, *, write: bool = False, **arguments: Any) -> Any:
        """The result of a method. One call is one transaction there.

        :raise ConnectorError: of a write whose answer cannot be read nobody knows whether it happened.
        """
        answer = self._call("POST", f"/json/2/{model}/{method}", json=arguments, write=write)
        try:
            return answer.json()
        except ConnectorError:
            if not write:
                raise
            raise ConnectorError("unknown", "answer_lost", status=answer.status) from None

    def rows(
        self, model: str, domain: Sequence, fields: Sequence[str], limit: int, **context: Any
    ) -> list[dict]:
        """Rows of a model by id, archived ones too. :param context: more of Odoo's context."""
        rows = self.rpc(
            model,
            "search_read",
            domain=list(domain),
            fields=list(fields),
            order="id",
            limit=limit,
            context={**EVERY, **context},
        )
        if not isinstance(rows, list) or not all(
            isinstance(row, dict) and isinstance(row.get("id"), int) for row in rows
        ):
            raise ConnectorError("schema", "no_list", params={"list": model})
        return rows

    def types(self, model: str) -> dict[str, str]:
        """``{field: type}`` of a model there; asked once."""
        if model not in self._types:
            found = self.rpc(model, "fields_get", attributes=["type"])
            try:
                self._types[model] = {name: about["type"] for name, about in found.items()}
            except (AttributeError, TypeError, KeyError):
                raise ConnectorError("schema", "no_list", params={"list": model}) from None
        return self._types[model]

    # -- testing ------------------------------------------------------------------------------

    def _signed_in(self) -> Answer:
        answer = self._call("POST", "/json/2/res.users/context_get", json={}, write=False)
        if not isinstance(answer.json(), dict) or "uid" not in answer.json():
            raise ConnectorError("schema", "no_account")
        return answer

    def account_id(self) -> str:
        """The database's name, once it let us in."""
        self._signed_in()
        return str(self.settings.get("account_id") or "")

    def check(self) -> list[CheckItem]:
        """Key and database, clock, each model that is read as the mappings say, and each that is written."""
        items: list[CheckItem] = []
        answer = probe(items, "sign_in", self._signed_in)
        if answer is None:
            return items
        items.append(clock_item(answer, self.clock()))
        for entity in self.settings.get("properties") or KINDS:
            if entity not in KINDS:
                continue
            kind = KINDS[entity]
            probe(
                items,
                "read",
                lambda kind=kind: self.rows(kind.model, kind.domain, ["id"], 1),
                {"entity": entity},
            )
        for entity in self.settings.get("written") or {}:
            if entity not in self.entities_out:
                continue
            for operation in ("create", "write"):
                named = {"entity": entity, "scope": f"{KINDS[entity].model} ({operation})"}
                probe(items, "write", lambda e=entity, o=operation: self._may(e, o), named)
        return items

    def _may(self, entity, operation):
        if self.rpc(KINDS[entity].model, "has_access", operation=operation) is not True:
            raise ConnectorError("permission", "not_allowed")

    # -- reading ------------------------------------------------------------------------------

    def _kind(self, entity: str) -> Kind:
        if entity not in KINDS:
            raise ConnectorError("data", "not_supported", params={"operation": "read"})
        return KINDS[entity]

    def _asked(self, entity: str) -> list[str]:
        """What is asked for: of our own fields and those that the mapping names, what there is."""
        kind = self._kind(entity)
        mapped = (self.settings.get("properties") or {}).get(entity) or ()
        known = self.types(kind.model)
        wanted = dict.fromkeys((*kind.fields, *mapped, "write_date"))
        return [name for name in wanted if name in known and known[name] != "binary"]

    def _read(self, entity: str, domain: list, limit: int = SIZE) -> list[Record]:
        kind = self._kind(entity)
        rows = self.rows(kind.model, kind.domain + domain, self._asked(entity), limit)
        own = self._own(kind.model, [row["id"] for row in rows])
        return [self._record(entity, kind, row, own.get(row["id"])) for row in rows]

    def _own(self, model: str, ids: list[int]) -> dict[int, int]:
        """Which of these rows are there of a record of ours: ``{id there: our id}``; one call a page.

        Its external id says so: we made it, or a hub there did, when it read ours.
        """
        if not ids or not self.settings.get("hub_url"):
            return {}
        url, database = str(self.settings["hub_url"]), str(self.settings.get("database") or "")
        begin = f"{marker_module(url, database)}.{marker_name(model, '')}"
        named = self.rpc(model, "get_external_id", ids=ids, context=EVERY)
        if not isinstance(named, dict):
            raise ConnectorError("schema", "no_list", params={"list": model})
        return {
            int(key): int(name.removeprefix(begin))
            for key, name in named.items()
            if isinstance(name, str) and re.fullmatch(re.escape(begin) + r"[0-9]{1,9}", name)
        }

    def _record(self, entity: str, kind: Kind, row: dict, own: int | None) -> Record:
        types = self.types(kind.model)
        values = {name: plain(value, types.get(name, "")) for name, value in row.items()}
        if own:
            values[OWN] = own
        moment = parse_iso(values.get("write_date"))
        if entity == "invoice":
            values["ledger_state"] = ledger_state(row)
            # Both count from INV/…/00001: by a number that only reads alike nothing may be linked. What we made
            # there has its link.
            values["number_there"] = f"{row.get('name')} #{row['id']}"
        return Record(
            entity,
            str(row["id"]),
            iso(moment) if moment else None,
            moment,
            strict_json.dumps(values),
        )

    def poll(self, entity: str, cursor: dict | None, now: datetime) -> Page:
        """A page of changes. ``cursor``: ``since`` (where the window begins, ms), and within a window
        ``started`` (when it was begun, by the clock there) and ``after`` (the last id seen)."""
        cursor = dict(cursor or {})
        since = cursor.get("since")
        if since is None:
            first = parse_iso(self.settings.get("start_date"))
            since = to_epoch(first, 1000) if first else 0
        domain: list = [("id", ">", cursor.get("after", 0))]
        if since:
            domain.append(("write_date", ">=", spelled(since)))
        records = self._read(entity, domain)
        started = cursor.get("started") or to_epoch(self._begun(now), 1000)
        if len(records) == SIZE:
            after = int(records[-1].external_id)
            return Page(records, {"since": since, "started": started, "after": after}, True)
        overlap = int(self.settings.get("overlap_seconds") or OVERLAP) * 1000
        return Page(records, {"since": started - overlap}, False)

    def fetch(self, entity: str, ids: Sequence[str]) -> dict[str, Record]:
        """Records by id; what is gone, or is none of the entity any more, is left out."""
        numbers = [
            int(k) for k in ids if k.isascii() and k.isdecimal() and 0 < int(k[:12]) <= LARGEST
        ]
        found: dict[str, Record] = {}
        for part in chunks(numbers, self.batch_read):
            for record in self._read(entity, [("id", "in", list(part))], len(part)):
                found[record.external_id] = record
        return found

    def _walk(self, entity: str, domain: list) -> Iterator[list[Record]]:
        after = 0
        while True:
            records = self._read(entity, [*domain, ("id", ">", after)])
            yield records
            if len(records) < SIZE:
                return
            after = int(records[-1].external_id)

    def listing(self, entity: str, since: datetime, until: datetime) -> Iterator[list[Record]]:
        """What was changed in a window, or lies in it where the entity has a day."""
        kind = self._kind(entity)
        if kind.day:
            days = [
                (kind.day, ">=", since.date().isoformat()),
                (kind.day, "<=", until.date().isoformat()),
            ]
            yield from self._walk(entity, days)
            return
        window = [("write_date", ">=", spelled(to_epoch(since, 1000))),
                  ("write_date", "<", spelled(to_epoch(until, 1000)))]  # fmt: skip
        yield from self._walk(entity, window)

    def sweep(self, entity: str, since: date, until: date) -> set[str]:
        """Ids of all that lies in a span of days, both included.

        :raise ConnectorError: the list does not agree with the count there, so nothing may be called gone.
        """
        kind = self._kind(entity)
        if not kind.day:
            raise ConnectorError("data", "not_supported", params={"operation": "sweep"})
        days = [(kind.day, ">=", since.isoformat()), (kind.day, "<=", until.isoformat())]
        ids = {record.external_id for part in self._walk(entity, days) for record in part}
        count = self.rpc(kind.model, "search_count", domain=kind.domain + days, context=EVERY)
        if count != len(ids):
            raise ConnectorError("connection", "listing_incomplete")
        return ids

    # -- writing ------------------------------------------------------------------------------

    def deliver(self, entity: str, writes) -> list[Outcome]:
        """Set values, and make what is missing: see :mod:`.odoo_write` and :mod:`.odoo_invoice`."""
        return [Writer(self, entity).run(write) for write in writes]


def ledger_state(row: dict) -> str:
    """How far the other Odoo has come with an invoice, in the words of the vocabulary."""
    if row.get("state") == "cancel":
        return "void"
    settled = row.get("payment_state") in ("paid", "in_payment", "reversed")
    return "paid" if settled else "open"


def spelled(ms: int) -> str:
    """A time as domains name it: UTC, whole seconds."""
    moment = datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(milliseconds=ms)
    return moment.strftime("%Y-%m-%d %H:%M:%S")


def plain(value: Any, kind: str) -> Any:
    """A value as records carry it: what is blank in Odoo is ``false`` in JSON, whatever its type; its numbers
    are floats, of which six digits are meant."""
    if value is False and kind != "boolean":
        return None
    if kind in NUMBERS and isinstance(value, (int, Decimal)):
        return Decimal(value).quantize(Decimal("0.000001"), context=_WIDE).normalize(_WIDE)
    return value
