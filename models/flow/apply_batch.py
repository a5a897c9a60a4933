"""One group of messages (same system, same entity) on its way into Odoo. Plain class over an environment."""

import json
import logging
import time
import traceback
from collections import defaultdict
from datetime import datetime

import psycopg2
from odoo import fields
from odoo.exceptions import AccessError, MissingError, UserError
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY

from ...connectors.odoo_write import OWN
from ...core import strict_json
from ...core.item import Item
from ...core.mapping import to_canonical
from ...core.merge import plain
from ...core.problem import Link, Problem
from ...core.table import UPLOADED
from .apply_gates import Gatekeeper
from .apply_known import Known
from .apply_merge import Merger
from .apply_resolve import Resolver, Wait
from .bound import Bound
from .marker import made_by, own
from .request import request_records
from .trace import Trace
from .worth import Worth

_logger = logging.getLogger(__name__)

# Skipped for these reasons, an item is still agreed on: its link carries the new base.
AGREED = (None, "unchanged", "kept")


class ApplyBatch(Known, Resolver, Merger, Gatekeeper):
    """Decode, map, resolve, check and write; the results are left in ``items`` and ``waits``.

    What is configured is read once; then :meth:`run` takes one batch after the other.

    :param env: environment of the system's technical user.
    :param anew: leave out the guards against old versions and unchanged content: what was applied
        before is mapped and compared again, as a changed configuration would do it.
    """

    def __init__(self, env, system_id, entity_id, anew=False):
        self.anew = anew
        self.system = env["hub.system"].browse(system_id)
        self.entity = env["hub.entity"].browse(entity_id)
        self.env = env(context=dict(env.context, allowed_company_ids=self.system.company_ids.ids))
        self.model = self.entity.model_name
        self.owner_id = self.system.owner_id.id
        self.entities = {entity.code: entity for entity in env["hub.entity"].search([])}
        self.mapping, self.revision = (
            self.env["hub.mapping"]._compiled_of(self.system, "in").get(self.entity.code, (None, 0))
        )
        self._handlers = {}
        self._comes = None  # see _coming
        self._direct = None  # canonical lines by entity, made for uploads only
        self._load_rules()
        self._load_gates()

    def entity_name(self, code):
        return self.entities[code].name if code in self.entities else code

    # -- the way -------------------------------------------------------------------------------------

    def run(self, rows):
        """Apply claimed messages (dicts) of this system and entity."""
        self.read(rows)
        self._leave_out()
        by_company = defaultdict(list)
        for item in self._open():
            by_company[item.company_id].append(item)
        for company_id, items in by_company.items():
            self._apply(self._handler(company_id), items)
        self._hold_back(self.items)
        self._look_again()

    def read(self, rows):
        """What claimed messages mean; nothing is written."""
        self.rows = rows
        self.items: list[Item] = []
        self.waits: dict[int, Wait] = {}
        self.plain: dict[int, dict] = {}
        self._missing: dict[tuple, int] = {}  # (entity code, external id) -> lane of who asks
        self._gone: set[tuple] = set()  # (model, id) that links name and Odoo has no more
        self.now = fields.Datetime.to_string(datetime.utcnow())
        self.written, self.seconds = 0, 0.0  # what was written, and how long it took
        self._worth = None
        stream = self.env["hub.stream"].browse(
            next((row["stream_id"] for row in rows if row["stream_id"]), ())
        )
        self.retry_policy = stream._retry_policy()
        self.process_id = stream.process_id.id
        links = self._links(rows)
        self.items = [
            self._recognise(row, links.get((self.system.id, self.entity.id, row["external_id"])))
            for row in rows
        ]
        self._recognise_made()
        self._decode()
        self._resolve_words()
        self._resolve_references()
        self._decide_companies()
        self._resolve_overlays()

    def _open(self):
        return [item for item in self.items if item.open and item.message_id not in self.waits]

    def _handler(self, company_id):
        if company_id not in self._handlers:
            self._handlers[company_id] = self._handler_in(company_id)
        return self._handlers[company_id]

    def _handler_in(self, company_id):
        companies = [company_id] if company_id else []
        companies += [c for c in self.system.company_ids.ids if c != company_id]
        return self.env(context=dict(self.env.context, allowed_company_ids=companies))[
            self.entity.handler
        ]

    def _recognise(self, row, link):
        """The item of a message, with what its link says; decided if that is enough."""
        item = Item(
            message_id=row["id"],
            system_id=self.system.id,
            entity=self.entity.code,
            external_id=row["external_id"],
            kind=row["kind"],
            action=row["action"] or "change",
            version=row["version"],
            changed_at=row["changed_at"],
        )
        if link:
            item.link = Link(
                link["id"],
                link["res_model"],
                link["res_id"],
                link["base"],
                link["version"],
                link["held"],
                link["unsettled"],
                link["merged_into"],
            )
            item.res_id = link["res_id"]
            item.company_id = link["company_id"]
        if link and link["erased"]:
            item.skip = "erased"
        elif item.action in ("delete", "merge"):
            item.values = {"merged_into": row["merged_into"]}
            if not link and not row["merged_into"]:
                item.skip = "not_linked"
        elif not self.anew:
            item.skip = self._left_out(row, link)
        if link and link["merged_into"] and item.action == "change" and not item.skip:
            self._split(item, row["decision"] or {})
        return item

    def _recognise_made(self):
        """What another hub has made here of its own record is that record."""
        strangers = [item for item in self._open() if not item.link and item.action == "change"]
        keys = [item.external_id for item in strangers]
        made = made_by(self.env, self.system, self.entity, keys)
        for item in strangers if made else ():
            item.res_id = made.get(item.external_id)

    def _split(self, item, decision):
        """An id that was merged into another one is alive again: whose record it is now, a person says."""
        if decision.get("create") or decision.get("link"):
            item.link = item.res_id = None
            return
        item.problem = Problem(
            "split_at_source",
            kind="conflict",
            cause=item.external_id,
            system=self.system.name,
            id=item.external_id,
            other=item.link.merged_into,
            candidates=[item.res_id],
        )

    def _uploaded(self, values, link):
        """A row of a file: its columns are canonical fields, checked as if a mapping had made them."""
        if self._direct is None:
            self._direct = {code: e._direct_lines() for code, e in self.entities.items()}
        lines = self.entity._direct_lines(values, known=bool(link))
        return to_canonical(lines, values, self._direct)

    def _decode(self):
        """Payloads to canonical values; only of those that are not decided without."""
        todo = [
            (row, item)
            for row, item in zip(self.rows, self.items, strict=True)
            if item.open and item.action == "change"
        ]
        self.env.cr.execute(
            "SELECT id, body FROM hub_payload WHERE id = ANY(%s)",
            [[row["payload_id"] for row, _item in todo]],
        )
        bodies, told = dict(self.env.cr.fetchall()), {}
        for row, item in todo:
            try:
                payload = strict_json.loads(bytes(bodies.get(row["payload_id"]) or b""))
            except strict_json.BadJson as error:
                item.problem = Problem("bad_json", kind="schema", detail=error.code)
                continue
            if not isinstance(payload, dict):
                item.problem = Problem("bad_json", kind="schema")
                continue
            if self.mapping is None:
                item.problem = Problem("bad_path", kind="schema", path="")
                continue
            if isinstance(payload.get(OWN), int):
                told[item.external_id] = payload[OWN]
            item.partial = payload.keys() == {UPLOADED}
            if item.partial:
                item.values, problems = self._uploaded(payload[UPLOADED], item.link)
            else:
                item.values, problems = self.mapping.canonical(payload)
            if problems:
                item.problem = problems[0]
            item.decision = row["decision"] or {}
        ours = own(self.env, self.system, self.entity, told)
        for _row, item in todo if ours else ():
            if item.external_id in ours and item.res_id in (None, ours[item.external_id]):
                item.res_id, item.own = ours[item.external_id], True

    # -- writing -------------------------------------------------------------------------------------

    def _apply(self, handler, items):
        started = time.monotonic()
        try:
            self._check_and_write(handler, items)
        finally:
            self.seconds += time.monotonic() - started

    def _check_and_write(self, handler, items):
        gone = [item for item in items if item.action in ("delete", "merge")]
        if gone:
            handler._hub_delete(gone)
            for item in gone:
                if item.values.get("merged_into"):
                    # The survivor's own values are read as well.
                    self._missing[self.entity.code, item.values["merged_into"]] = 1
            self._await_survivors([item for item in gone if item.open])
        items = [item for item in items if item.action == "change"]
        if gone and items:
            self._relink(items)
        for item in items:
            if item.decision.get("link") and not item.link:
                item.res_id = item.decision["link"]
        self._merge(handler, [item for item in items if item.res_id is not None])
        handler._hub_check([item for item in items if item.open and not item.all_disputed])
        unmatched = [
            i for i in items if i.open and i.res_id is None and not i.decision.get("create")
        ]
        if unmatched:
            handler._hub_match(unmatched)
        self._merge(handler, [item for item in items if not item.outcomes])
        writable = [item for item in items if item.open and not item.all_disputed]
        for allowed in self._govern(handler, writable):
            if allowed:
                self.written += len(allowed)
                trace = Trace(handler, self.entity)
                trace.before(allowed)
                self._write(handler, allowed)
                trace.after(allowed)

    def _relink(self, items):
        """A merge of this batch may have given a survivor its record: then it is not made once more."""
        found = self.env["hub.link"]._load(
            self.env.cr,
            [(self.system.id, self.entity.id, i.external_id) for i in items if not i.link],
        )
        for item in items:
            link = found.get((self.system.id, self.entity.id, item.external_id))
            if link:
                item.link = Link(
                    link["id"], link["res_model"], link["res_id"], link["base"], link["version"]
                )
                item.res_id = link["res_id"]

    def _write(self, handler, items):
        """Write a batch; a failing one is halved with savepoints until the poison stands alone."""
        before = [(item.res_id, item.skip) for item in items]
        cr = self.env.cr
        try:
            with cr.savepoint():
                handler._hub_write(items)
                self._write_bound(handler, items, before)
                self.env.flush_all()
            return
        except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
            raise  # a savepoint keeps the stale snapshot: the whole batch starts again
        except psycopg2.errors.LockNotAvailable:
            raise
        except Exception as error:
            problem = self._problem_of(error)
        for item, (res_id, skip) in zip(items, before, strict=True):
            item.res_id, item.skip, item.audit = res_id, skip, {}
            item.problem = None
        if len(items) == 1:
            items[0].problem = problem
            return
        middle = len(items) // 2
        self._write(handler, items[:middle])
        self._write(handler, items[middle:])

    def _write_bound(self, handler, items, before):
        """What an admin bound straight to Odoo fields, for entities that have rules of their own."""
        if handler._hub_writes_bound or not self.entity._bound_fields():
            return
        created = {
            item.message_id
            for item, (res_id, _skip) in zip(items, before, strict=True)
            if res_id is None and item.link is None
        }
        Bound(handler.env, self.entity).write(items, created)

    def _problem_of(self, error):
        if isinstance(error, Problem):
            return error
        if isinstance(error, AccessError):
            return Problem("permission", kind="permission", message=str(error.args[0])[:300])
        if isinstance(error, (UserError, MissingError)):
            return Problem(
                "odoo_rule",
                kind="rule",
                cause=str(error.args[0])[:60],
                message=str(error.args[0])[:300],
            )
        place = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{place.name}:{place.lineno}"
        # Class and place only: a database error's text shows the row.
        _logger.warning("A message cannot be applied: %s in %s", type(error).__name__, where)
        return Problem("bug", kind="bug", cause=where, type=type(error).__name__, place=where)

    # -- what is kept --------------------------------------------------------------------------------

    def agrees(self, item):
        """Whether an unchanged item leaves the link's base as it is, too."""
        if item.link is None:
            return False
        now = self.plain.get(item.message_id)
        return now is None or now.keys() == (item.link.base or {}).keys()

    def link_row(self, row, item):
        # What a handler left out is not agreed on: it must still differ when it comes again.
        agreed = item.skip in AGREED
        base = self.merged_base(item) if agreed and item.message_id in self.plain else None
        unsettled = self.unsettled(item)
        return {
            "system_id": self.system.id,
            "entity_id": self.entity.id,
            "entity": self.entity.code,
            "external_id": item.external_id,
            "company_id": item.company_id,
            "res_model": self.model,
            "res_id": item.res_id,
            "base": json.dumps(base) if base is not None else None,
            "version": item.version,
            # What a person has to decide is asked again whenever it comes again.
            "payload_digest": self.seal(row) if agreed and not item.conflicts else None,
            "provenance": json.dumps(self.stamps(item, row["id"], self.now) if agreed else {}),
            "held": json.dumps(item.held) if item.held else None,
            "unsettled": json.dumps(unsettled) if unsettled else None,
        }

    def audit_values(self, item):
        """What was written: the handler's own account of it, else the incoming values that differ."""
        if item.audit:
            return plain(item.audit)
        base = (item.link.base if item.link else None) or {}
        now = self.plain.get(item.message_id, {})
        return {name: [base.get(name), now.get(name)] for name in item.changed}

    def money(self, item):
        """What a failed or waiting item is worth, in its own and in its company's currency."""
        if self._worth is None:
            unseen = [one for one in self.items if one.problem and one.at_risk is None]
            if unseen and self.entity.handler:
                self.env[self.entity.handler]._hub_worth(unseen)
            self._worth = Worth(self.env, self.system.company_ids[:1], self.items)
        return self._worth.of(item)

    def request_missing(self, cr):
        """Ask the source for records that others wait for, unless one is already on its way."""
        if not self._missing or not self.system._connector_class().asks:
            return
        request_records(
            cr,
            self.system.id,
            [
                (self.entities[code].id, code, external_id, lane)
                for (code, external_id), lane in self._missing.items()
            ],
        )
