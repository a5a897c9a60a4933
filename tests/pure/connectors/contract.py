"""The contract that every connector keeps, as one suite of tests.

A product is declared by a :class:`Subject` (how to sign in, how to seed and read its sandbox) and a class
that inherits :class:`Contract`::

    class TestHubSpot(Contract):
        subject = HubSpotSubject

What a product does not have, its subject says (``merges = False``); nothing is passed over in silence: what is
not there is skipped with the reason. ``test_contract_hubspot.py`` is the shortest example to follow.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from urllib.parse import unquote

import pytest

from lead_to_cash_hub.connectors import get_connector_class
from lead_to_cash_hub.connectors.errors import BadBody, BadSignature, ConnectorError
from lead_to_cash_hub.connectors.http import Session
from lead_to_cash_hub.connectors.parts import WebhookRequest, Write

ODD_TEXT = "Ærø & Søns \"株式会社\" 'O\\'Neill' <b>\u202e🚀 Ünï"
AMOUNTS = (("1200", "JPY"), ("1200.50", "USD"), ("0.07", "USD"), ("1.234", "KWD"))
HOSTILE = (
    "../../../x",
    "1/../../x",
    "1' OR '1'='1",
    "",
    " ",
    "%2e%2e",
    "0\r\nX: 1",
    "ключ",
    "9" * 400,
)
# what a person decides, an admin mends, or time heals
KNOWN = {"data", "reference", "identity", "conflict", "permission", "sign_in", "connection", "rate"}
KNOWN |= {"product_down", "schema", "unknown"}


class Subject:
    """One product: its sandbox, seen from the tests. Overridden where a product differs."""

    product = ""
    sandbox_class: type = object
    base_path = ""
    settings: dict = {}
    secrets: dict = {}
    token_path = ""  # where the sandbox gives tokens

    entity = ""  # what is read in most tests
    page = 200  # rows of a full page of its poll
    write_entity: str | None = None  # None: nothing is written
    batches = False  # whether a write that is refused stands in a call with others
    writing_method = "POST"
    creates = False  # whether ``write`` makes something that could be doubled
    patience = 4  # how much longer a lost answer is waited for: a write that looks first makes calls that count
    merges = False
    deletions: str | None = (
        "listed"  # "listed" by poll_deleted; "fetch": a read by id says so; None
    )
    money = True
    rate_status, rate_headers = 429, {}
    renews = False  # whether an expired token is renewed in the middle of a run
    # (settings, secrets) of the wrong environment, refused by the connection test; None: has none
    wrong_environment: tuple[dict, dict] | None = None
    other_account = "1000001"
    # (settings of the sandbox, a part of the line's params) for each right that may be missing
    missing_rights: tuple[tuple[dict, dict], ...] = ()
    # bodies of a 200 that is none, of any reading call
    not_answers = (b"", b"null", b"[]", b'"text"', b"{}", b'{"error": "oops"}', b"<html>")

    def __init__(self, sandbox, running):
        self.sandbox, self.running = sandbox, running
        self.reports: list = []

    # -- how to build it ------------------------------------------------------------------------

    def connector(self, *, settings=None, secrets=None, clock=None, **options):
        """A fresh connector, as each run of a stream makes one."""
        session = Session(local_hosts=[self.running.host], on_call=self.reports.append, **options)
        connector = get_connector_class(self.product)(
            session,
            self.running.url + self.base_path,
            {**self.settings, **(settings or {})},
            self.secrets if secrets is None else secrets,
            clock or (lambda: datetime.now(timezone.utc)),
        )
        if self.token_path:
            connector.token_url = self.running.url + self.token_path
        if self.renews:
            connector.renew = lambda: {
                **connector.secrets,
                "access_token": connector.refresh(connector.secrets).access,
            }
        return connector

    # -- how to seed it; each answers ids as the connector names them ----------------------------

    def seed(self, count: int, at: datetime) -> list[str]:
        """Records of ``entity``, all changed at ``at``."""
        raise NotImplementedError

    def touch(self, key: str, at: datetime) -> None:
        """Change a record so that its payload differs."""
        raise NotImplementedError

    def delete(self, key: str) -> None:
        raise NotImplementedError

    def merge(self, winner: str, loser: str) -> str:
        """Merge two records; answers the id that goes on."""
        raise NotImplementedError

    def seed_text(self, text: str, at: datetime) -> str:
        """A record with a text that a person typed."""
        raise NotImplementedError

    def text_of(self, payload: dict) -> str:
        raise NotImplementedError

    def seed_money(self, amount: str, currency: str, at: datetime) -> tuple[str, str]:
        """A record with an amount: (entity, id)."""
        raise NotImplementedError

    def money_of(self, payload: dict) -> Decimal:
        """The amount in the units of ``seed_money``."""
        raise NotImplementedError

    def lazily(self, count: int):
        """Routes that make rows while they are asked for: ``[(method, pattern, handler)]`` of the sandbox."""
        raise NotImplementedError

    # -- how to write to it ----------------------------------------------------------------------

    def write(self, number: int = 1) -> Write:
        """A change that the product takes; another ``number`` is another record."""
        raise NotImplementedError

    def bad_write(self, number: int) -> Write:
        """One that it refuses for what is in it."""
        raise NotImplementedError

    def effects(self, write: Write) -> int:
        """How often a write has taken effect: things made, or 1 if the values stand."""
        raise NotImplementedError

    # -- small hands ------------------------------------------------------------------------------

    def fault(self, kind, **details):
        self.sandbox.faults.add({"kind": kind, **details})

    def calls_to(self, path):
        return [call for call in self.sandbox.journal if path in call["path"]]

    def deliver(self, connector, *writes):
        return connector.deliver(self.write_entity, list(writes))


def stored(cursor):
    """A cursor as it comes back from the database."""
    return json.loads(json.dumps(cursor or {}))


def pages(connector, entity, cursor, now, most=2000):
    """Pages of a poll until it is done."""
    for _turn in range(most):
        page = connector.poll(entity, stored(cursor), now)
        yield page
        cursor = page.cursor
        if not page.more:
            return
    pytest.fail("the poll does not come to an end")


def drain(connector, entity, cursor, now):
    records, last = [], cursor
    for page in pages(connector, entity, cursor, now):
        records += page.records
        last = page.cursor
    return records, last


def payload(record):
    return json.loads(record.payload, parse_float=Decimal)


def latest(records):
    """``{id: payload}`` of what was seen last."""
    return {record.external_id: record.payload for record in records}


class Contract:
    """The tests. ``subject`` is set by the class of a product."""

    subject: type[Subject]

    @pytest.fixture
    def product(self, served):
        name = f"contract-{self.subject.product}"
        if name not in served:
            served[name] = self.subject.sandbox_class().start()
        running = served[name]
        running.sandbox.reset()
        routes = list(running.sandbox.routes)
        yield self.subject(running.sandbox, running)
        running.sandbox.routes[:] = routes

    @pytest.fixture
    def writer(self, product):
        if product.write_entity is None:
            pytest.skip(f"nothing is written to {product.product}")
        return product

    # -- reading ----------------------------------------------------------------------------------

    def test_all_pages_are_read_and_a_second_run_brings_nothing_else(self, product, now):
        keys = [
            key
            for part in range(5)
            for key in product.seed(product.page // 2 + 1, now - timedelta(days=9 - part))
        ]
        first, cursor = drain(product.connector(), product.entity, {}, now)
        assert sorted({record.external_id for record in first}) == sorted(keys)
        again, _cursor = drain(product.connector(), product.entity, cursor, now)
        versions = {(record.external_id, record.version) for record in first}
        assert {(record.external_id, record.version) for record in again} <= versions

    def test_what_changes_while_we_page_is_seen_in_its_last_state(self, product, now):
        keys = []
        for part in range(5):
            keys += product.seed(product.page // 2 + 1, now - timedelta(days=9 - part))
        connector, seen, cursor, more, turn = product.connector(), {}, {}, True, 0
        while more:
            page = connector.poll(product.entity, stored(cursor), now)
            seen.update(latest(page.records))
            cursor, more, turn = page.cursor, page.more, turn + 1
            if turn == 1:
                # some that were read already, some that were not: an offset would now skip rows
                for key in [*keys[:9], *keys[-9:], *keys[product.page - 5 : product.page + 5]]:
                    product.touch(key, now - timedelta(seconds=1))
                keys += product.seed(3, now - timedelta(seconds=1))
        more_seen, _cursor = drain(connector, product.entity, cursor, now + timedelta(seconds=60))
        seen.update(latest(more_seen))
        assert sorted(seen) == sorted(keys)
        truth = connector.fetch(product.entity, keys[:20])
        assert {key: payload(record) for key, record in truth.items()} == {
            key: json.loads(seen[key], parse_float=Decimal) for key in keys[:20]
        }

    @pytest.mark.parametrize("after", [1, 2, 3])
    def test_a_crash_after_any_page_loses_nothing(self, product, now, after):
        keys = []
        for part in range(7):
            keys += product.seed(product.page // 2, now - timedelta(days=9 - part))
        seen, cursor = set(), {}
        for turn, page in enumerate(pages(product.connector(), product.entity, cursor, now), 1):
            if turn == after:
                break  # this page was read and never stored
            seen |= {record.external_id for record in page.records}
            cursor = page.cursor
        rest, _cursor = drain(product.connector(), product.entity, cursor, now)
        assert sorted(seen | {record.external_id for record in rest}) == sorted(keys)

    def test_more_rows_of_one_second_than_fit_on_a_page(self, product, now):
        moment = (now - timedelta(days=2)).replace(microsecond=0)
        keys = product.seed(product.page * 2 + 3, moment)
        keys += product.seed(1, moment + timedelta(seconds=1))
        records, cursor = drain(product.connector(), product.entity, {}, now)
        assert sorted({record.external_id for record in records}) == sorted(keys)
        drain(product.connector(), product.entity, cursor, now)

    def test_a_row_that_is_committed_late_is_still_seen(self, product, now):
        product.seed(2, now - timedelta(hours=1))
        _records, cursor = drain(product.connector(), product.entity, {}, now)
        late = product.seed(1, now - timedelta(seconds=20))
        records, _cursor = drain(product.connector(), product.entity, cursor, now)
        assert set(late) <= {record.external_id for record in records}

    @pytest.mark.parametrize("minutes", [-20, 20])
    def test_our_clock_is_wrong(self, product, now, minutes):
        wrong = timedelta(minutes=minutes)
        connector = product.connector(clock=lambda: datetime.now(timezone.utc) + wrong)
        first = product.seed(2, now - timedelta(hours=1))
        records, cursor = drain(connector, product.entity, {}, now + wrong)
        assert set(first) <= {record.external_id for record in records}
        later = product.seed(2, now)
        records, _cursor = drain(connector, product.entity, cursor, now + wrong)
        assert set(later) <= {record.external_id for record in records}

    def test_times_are_aware_and_a_zone_changes_nothing(self, product, now):
        keys = product.seed(3, now - timedelta(days=1))
        zone = timezone(timedelta(hours=5, minutes=30))
        here, cursor = drain(product.connector(), product.entity, {}, now)
        there, _cursor = drain(product.connector(), product.entity, {}, now.astimezone(zone))
        assert [record.external_id for record in here] == [r.external_id for r in there]
        assert set(keys) == {record.external_id for record in here}
        later = product.seed(1, now)
        records, _cursor = drain(product.connector(), product.entity, cursor, now.astimezone(zone))
        assert set(later) <= {record.external_id for record in records}
        for record in here:
            if record.changed_at is not None:
                assert record.changed_at.utcoffset() == timedelta(0)
                assert record.version and record.version.endswith("Z")

    def test_the_start_date_is_kept(self, product, now):
        product.seed(2, now - timedelta(days=400))
        young = product.seed(2, now - timedelta(days=3))
        settings = {"start_date": (now - timedelta(days=30)).date().isoformat()}
        records, _cursor = drain(product.connector(settings=settings), product.entity, {}, now)
        assert sorted(record.external_id for record in records) == sorted(young)

    def test_a_hundred_thousand_objects_in_bounded_memory(self, product, now):
        count = 100_000
        product.sandbox.routes[:0] = [
            (method, re.compile(pattern), handler)
            for method, pattern, handler in product.lazily(count)
        ]
        seen, largest, start = 0, 0, None
        for turn, page in enumerate(pages(product.connector(), product.entity, {}, now)):
            seen += len({record.external_id for record in page.records})
            largest = max(largest, len(page.records))
            product.sandbox.journal.clear()
            product.reports.clear()
            assert len(json.dumps(page.cursor)) < 64_000
            if turn == 20:
                start = resident()
        assert count <= seen <= count * 1.02
        assert largest <= 2000
        assert resident() - start < 40_000_000

    def test_by_id_is_what_the_poll_brings(self, product, now):
        keys = product.seed(3, now - timedelta(days=1))
        records, _cursor = drain(product.connector(), product.entity, {}, now)
        found = product.connector().fetch(product.entity, [*keys, *HOSTILE])
        assert set(found) == set(keys)
        assert {key: payload(record) for key, record in found.items()} == {
            record.external_id: payload(record) for record in records
        }
        for record in found.values():
            assert (record.entity, record.deleted) == (product.entity, False)

    def test_hostile_ids_reach_no_other_address(self, product):
        connector = product.connector()
        for entity in connector.entities_in:
            assert connector.fetch(entity, HOSTILE) == {}
        for call in product.sandbox.journal:
            assert ".." not in call["path"] and "%2e" not in call["path"].lower()

    def test_every_entity_can_be_polled_when_there_is_nothing(self, product, now):
        connector = product.connector()
        for entity in connector.entities_in:
            records, cursor = drain(connector, entity, {}, now)
            drain(connector, entity, cursor, now + timedelta(minutes=5))
            page = connector.poll_deleted(entity, {}, now)
            while page.more:
                page = connector.poll_deleted(entity, stored(page.cursor), now)
            assert all(record.entity == entity for record in records)

    def test_odd_texts_survive(self, product, now):
        key = product.seed_text(ODD_TEXT, now - timedelta(hours=1))
        records, _cursor = drain(product.connector(), product.entity, {}, now)
        (record,) = [record for record in records if record.external_id == key]
        assert product.text_of(payload(record)) == ODD_TEXT

    @pytest.mark.parametrize(("amount", "currency"), AMOUNTS)
    def test_money_is_exact(self, product, now, amount, currency):
        if not product.money:
            pytest.skip(f"{product.product} has no amounts")
        entity, key = product.seed_money(amount, currency, now - timedelta(hours=1))
        record = product.connector().fetch(entity, [key])[key]
        assert product.money_of(payload(record)) == Decimal(amount)

    # -- deletions and merges -----------------------------------------------------------------------

    def test_deletions_are_told(self, product, now):
        if product.deletions is None:
            pytest.skip(f"{product.product} deletes nothing of the kind")
        keys = product.seed(4, now - timedelta(hours=1))
        connector = product.connector()
        product.delete(keys[0])
        found = connector.fetch(product.entity, keys)
        gone = found.get(keys[0])
        assert gone is None or gone.deleted
        assert not any(found[key].deleted for key in keys[1:])
        listed, cursor, more = [], {}, product.deletions == "listed"
        while more:
            page = connector.poll_deleted(product.entity, stored(cursor), now)
            listed, cursor, more = listed + page.records, page.cursor, page.more
        if product.deletions == "listed":
            assert {record.external_id for record in listed} == {keys[0]}
            assert all(record.deleted for record in listed)
        alive, _cursor = drain(connector, product.entity, {}, now)
        assert {r.external_id for r in alive if not r.deleted} == set(keys[1:])

    def test_a_merged_record_leads_to_the_one_that_goes_on(self, product, now):
        if not product.merges:
            pytest.skip(f"{product.product} merges nothing")
        first, second, third = product.seed(3, now - timedelta(hours=1))
        survivor = product.merge(first, second)
        found = product.connector().fetch(product.entity, [first, second, third])
        assert found[second].merged_into == survivor and not found[second].deleted
        assert found[third].merged_into is None

    # -- faults of reading --------------------------------------------------------------------------

    @pytest.mark.parametrize(
        ("fault", "kinds"),
        [
            ({"kind": "status", "status": 500}, {"product_down"}),
            ({"kind": "status", "status": 503}, {"product_down"}),
            ({"kind": "html", "status": 502}, {"product_down"}),
            ({"kind": "html", "status": 404}, {"schema"}),
            ({"kind": "html", "status": 200}, {"schema"}),
            ({"kind": "malformed"}, {"schema"}),
            ({"kind": "doubled"}, {"schema"}),
            ({"kind": "empty"}, {"schema"}),
            ({"kind": "truncated"}, {"connection"}),
            ({"kind": "reset_before"}, {"connection"}),
            ({"kind": "reset_after"}, {"connection"}),
            ({"kind": "redirect", "location": "http://127.0.0.1:1/"}, {"schema"}),
            ({"kind": "timeout", "seconds": 0.6}, {"connection"}),
            ({"kind": "timeout", "seconds": 0.6, "taken": True}, {"connection"}),
        ],
        ids=lambda value: "-".join(map(str, value.values())) if isinstance(value, dict) else "",
    )
    def test_a_fault_in_the_middle_of_a_poll(self, product, now, fault, kinds):
        """It is named by its class, and the poll goes on from the stored cursor."""
        keys = product.seed(product.page // 2 + 1, now - timedelta(days=3))
        keys += product.seed(product.page // 2 + 1, now - timedelta(days=2))
        patient = product.connector()
        page = patient.poll(product.entity, {}, now)
        seen = {record.external_id for record in page.records}
        product.fault(**fault)
        impatient = product.connector(deadline=0.25 if fault["kind"] == "timeout" else 10.0)
        with pytest.raises(ConnectorError) as caught:
            impatient.poll(product.entity, stored(page.cursor), now)
        assert caught.value.kind in kinds, caught.value
        rest, _cursor = drain(patient, product.entity, page.cursor, now)
        assert sorted(seen | {record.external_id for record in rest}) == sorted(keys)

    def test_a_200_that_is_no_answer_is_never_an_empty_page(self, product, now):
        product.seed(2, now - timedelta(days=1))
        for body in product.not_answers:
            connector = product.connector()
            product.fault("body", body=body.decode(), times=9)
            try:
                with pytest.raises(ConnectorError) as caught:
                    drain(connector, product.entity, {}, now)
                assert caught.value.kind in ("schema", "connection"), (body, caught.value)
                with pytest.raises(ConnectorError):
                    connector.account_id()
            finally:
                product.sandbox.faults.clear()

    def test_too_many_calls(self, product, now):
        keys = product.seed(2, now - timedelta(days=1))
        product.fault("status", status=product.rate_status, headers=product.rate_headers)
        with pytest.raises(ConnectorError) as caught:
            product.connector().poll(product.entity, {}, now)
        assert (caught.value.kind, caught.value.transient) == ("rate", True)
        assert caught.value.retry_after and 0 < caught.value.retry_after <= 86400
        records, _cursor = drain(product.connector(), product.entity, {}, now)
        assert {record.external_id for record in records} == set(keys)

    def test_the_token_expires_in_the_middle_of_a_run(self, product, now):
        keys = product.seed(product.page // 2 + 1, now - timedelta(days=3))
        keys += product.seed(product.page // 2 + 1, now - timedelta(days=2))
        connector = product.connector()
        page = connector.poll(product.entity, {}, now)
        seen = {record.external_id for record in page.records}
        product.fault("expired_token")
        if not product.renews:
            with pytest.raises(ConnectorError) as caught:
                connector.poll(product.entity, stored(page.cursor), now)
            assert caught.value.kind == "sign_in"
        rest, _cursor = drain(connector, product.entity, page.cursor, now)
        assert sorted(seen | {record.external_id for record in rest}) == sorted(keys)

    def test_a_revoked_token_is_a_persons_matter_and_is_tried_no_more_than_twice(
        self, product, now
    ):
        product.seed(1, now - timedelta(days=1))
        product.fault("revoked_token", times=9)
        with pytest.raises(ConnectorError) as caught:
            product.connector().poll(product.entity, {}, now)
        assert caught.value.kind == "sign_in"
        assert len(product.sandbox.journal) <= 3

    def test_errors_tell_no_secret_and_no_personal_data(self, product, now):
        for fault in (
            {"kind": "status", "status": 400},
            {"kind": "status", "status": 403},
            {"kind": "revoked_token", "times": 3},
            {"kind": "html", "status": 503},
        ):
            product.sandbox.faults.clear()
            product.fault(**fault)
            with pytest.raises(ConnectorError) as caught:
                product.connector().poll(product.entity, {}, now)
            error = caught.value
            text = f"{error} {error.params} {error.__cause__} {product.reports}"
            assert error.kind in KNOWN
            assert not [value for value in product.secrets.values() if value[:40] in text]

    # -- writing --------------------------------------------------------------------------------------

    def test_a_write_takes_effect_once_and_names_its_record(self, writer):
        write = writer.write()
        (outcome,) = writer.deliver(writer.connector(), write)
        assert outcome.ok, outcome.error
        assert outcome.key == write.key and outcome.external_id
        assert writer.effects(write) == 1

    @pytest.mark.parametrize(
        "fault",
        [
            {"kind": "reset_after"},
            {"kind": "truncated"},
            {"kind": "malformed"},
            {"kind": "empty"},
            {"kind": "body", "body": "<html>"},
            {"kind": "timeout", "seconds": 0.6, "taken": True},
        ],
        ids=lambda fault: fault["kind"],
    )
    def test_a_lost_answer_doubles_nothing(self, writer, fault):
        """The answer to each call that changes something is lost once; the same bytes go again."""
        write = writer.write()
        for turn in range(12):
            before = len(_changing(writer))
            late = {"seconds": fault["seconds"] * writer.patience} if "seconds" in fault else {}
            writer.fault(**{**fault, **late}, method=_writing_method(writer), skip=0)
            impatient = writer.connector(
                deadline=0.25 * writer.patience if fault["kind"] == "timeout" else 10.0
            )
            (outcome,) = writer.deliver(impatient, replace(write, attempt=turn + 1))
            writer.sandbox.faults.clear()
            if outcome.ok:
                break
            assert len(_changing(writer)) > before
            assert (outcome.error.kind, outcome.error.transient) == ("unknown", True), outcome.error
            if not writer.creates and turn == 1:
                break
        (outcome,) = writer.deliver(writer.connector(), replace(write, attempt=20))
        assert outcome.ok, outcome.error
        assert writer.effects(write) == 1

    def test_an_unsent_write_is_no_lost_answer(self, writer):
        write = writer.write()
        for fault, kinds in (
            ({"kind": "status", "status": 503}, {"product_down"}),
            ({"kind": "status", "status": writer.rate_status}, {"rate"}),
            ({"kind": "revoked_token", "times": 3}, {"sign_in"}),
        ):
            writer.sandbox.faults.clear()
            writer.fault(**fault)
            (outcome,) = writer.deliver(writer.connector(), write)
            assert not outcome.ok and outcome.error.kind in kinds, (fault, outcome.error)
            assert writer.effects(write) == 0
        writer.sandbox.faults.clear()
        (outcome,) = writer.deliver(writer.connector(), replace(write, attempt=4))
        assert outcome.ok and writer.effects(write) == 1

    def test_a_gateway_that_gives_up_on_a_write(self, writer):
        write = writer.write()
        writer.fault("html", status=504, method=_writing_method(writer))
        (outcome,) = writer.deliver(writer.connector(), write)
        assert (outcome.ok, outcome.error.kind) == (False, "unknown"), outcome.error

    def test_one_bad_record_does_not_stop_the_others(self, writer):
        writes = [writer.write(number) for number in range(1, 6)]
        writes[2] = writer.bad_write(3)
        outcomes = writer.deliver(writer.connector(), *writes)
        assert [outcome.key for outcome in outcomes] == [write.key for write in writes]
        assert [outcome.ok for outcome in outcomes] == [True, True, False, True, True]
        assert outcomes[2].error.kind in ("data", "reference"), outcomes[2].error
        assert not outcomes[2].error.transient
        assert all(writer.effects(write) == 1 for write in writes[:2] + writes[3:])

    def test_the_same_write_twice_in_one_call(self, writer):
        write = writer.write()
        outcomes = writer.deliver(writer.connector(), write, write)
        assert [outcome.key for outcome in outcomes] == [write.key] * 2
        assert any(outcome.ok for outcome in outcomes)
        assert writer.effects(write) == 1

    @pytest.mark.parametrize("key", [key for key in HOSTILE if key.strip()])
    def test_a_hostile_id_of_a_write_reaches_no_other_address(self, writer, key):
        write = replace(writer.write(), operation="update", external_id=key)
        (outcome,) = writer.deliver(writer.connector(), write)
        assert not outcome.ok, "there is no such record"
        for call in writer.sandbox.journal:
            assert ".." not in call["path"] and "%2e" not in call["path"].lower()
            assert not {"\r", "\n", "'", " "} & set(unquote(call["path"]))

    def test_what_is_unknown_is_refused_here(self, writer):
        odd = replace(writer.write(), operation="explode")
        (outcome,) = writer.deliver(writer.connector(), odd)
        assert (outcome.ok, outcome.error.kind) == (False, "data")
        (outcome,) = writer.connector().deliver("no_such_entity", [writer.write()])
        assert (outcome.ok, outcome.error.kind) == (False, "data")
        assert not writer.sandbox.journal

    def test_an_expired_token_while_writing(self, writer):
        write = writer.write()
        writer.fault("expired_token")
        (outcome,) = writer.deliver(writer.connector(), write)
        if writer.renews:
            assert outcome.ok, outcome.error
        else:
            assert outcome.error.kind == "sign_in"
            (outcome,) = writer.deliver(writer.connector(), replace(write, attempt=2))
        assert outcome.ok and writer.effects(write) == 1

    # -- connecting -------------------------------------------------------------------------------------

    def test_the_connection_test_is_content_with_all_rights(self, product):
        items = product.connector().check()
        assert items and all(item.ok for item in items), [i for i in items if not i.ok]

    def test_the_connection_test_names_a_missing_secret(self, product):
        items = product.connector(secrets={}).check()
        assert not all(item.ok for item in items)
        assert any(item.params.get("kind") == "sign_in" for item in items if not item.ok)

    def test_the_connection_test_names_each_missing_right(self, product):
        for settings, wanted in product.missing_rights:
            product.sandbox.reset()
            product.sandbox.settings.update(settings)
            failed = [item for item in product.connector().check() if not item.ok]
            assert [
                item
                for item in failed
                if wanted.items() <= {**item.params, "code": item.code}.items()
            ], (settings, failed)

    def test_the_connection_test_sees_a_wrong_clock_and_another_account(self, product, now):
        connector = product.connector(clock=lambda: now + timedelta(minutes=10))
        failed = {item.code for item in connector.check() if not item.ok}
        assert failed == {"clock"}
        other = product.connector(settings={"account_id": product.other_account}).check()
        assert not all(item.ok for item in other)

    def test_a_key_of_the_other_environment_is_refused(self, product, now):
        if product.wrong_environment is None:
            pytest.skip(f"{product.product} has no sandbox of its own")
        settings, secrets = product.wrong_environment
        connector = product.connector(settings=settings, secrets={**product.secrets, **secrets})
        failed = [item for item in connector.check() if not item.ok]
        said = {item.code for item in failed} | {item.params.get("error") for item in failed}
        assert said & {"environment", "wrong_environment"}, failed

    def test_faults_while_testing_the_connection_are_lines_and_no_exceptions(self, product):
        for fault in (
            {"kind": "status", "status": 500, "times": 50},
            {"kind": "html", "status": 200, "times": 50},
            {"kind": "body", "body": "[]", "times": 50},
            {"kind": "body", "body": '{"a": 1}', "times": 50},
            {"kind": "reset_before", "times": 50},
            {"kind": "revoked_token", "times": 50},
        ):
            product.sandbox.faults.clear()
            product.fault(**fault)
            items = product.connector().check()
            assert items and not all(item.ok for item in items), fault

    # -- webhooks -----------------------------------------------------------------------------------------

    def test_nothing_unproved_comes_through_the_door(self, product, now):
        cls = type(product.connector())
        bodies = (b"", b"{}", b"[]", b"[" * 5000, b"<a>" * 5000, b"\xff\xfe", b"null", b"a" * 9000)
        for secrets in ([], [""], ["x"]):
            for body in bodies:
                request = WebhookRequest("POST", "https://hub.example/hub/webhook/x", {}, body)
                with pytest.raises((BadSignature, BadBody)) as caught:
                    cls.verify(request, secrets, product.settings, now)
                assert 400 <= caught.value.status < 500


def resident():
    """Bytes of memory of this process."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * 4096


def _changing(product):
    return [call for call in product.sandbox.journal if call["method"] not in ("GET", "HEAD")]


def _writing_method(product):
    return product.writing_method
