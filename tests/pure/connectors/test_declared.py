"""A product that is only declared: reading, writing, webhooks, signing in. Bureau is its sandbox."""

import json
from datetime import datetime, timedelta, timezone

import pytest

from lead_to_cash_hub.connectors.declaration import BadDeclaration
from lead_to_cash_hub.connectors.declared import connector_class
from lead_to_cash_hub.connectors.declared_read import moment_of
from lead_to_cash_hub.connectors.declared_webhook import STANDARD, signature
from lead_to_cash_hub.connectors.errors import BadBody, BadSignature, ConnectorError
from lead_to_cash_hub.connectors.parts import WebhookRequest, Write


def drain(connector, entity, cursor, now):
    """Poll to the end, each page from a cursor that was stored as JSON."""
    seen, pages = [], 0
    while True:
        page = connector.poll(entity, json.loads(json.dumps(cursor or {})), now)
        seen += page.records
        cursor, pages = page.cursor, pages + 1
        if not page.more:
            return seen, cursor, pages


def part(bureau, kind, entity):
    return next(one for one in bureau.declaration[kind] if one["entity"] == entity)


def create(bureau, number=1, **values):
    return Write(f"key-{number}", "customer", "create", None, {"trading_name": "Mill", **values})


# -- reading ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "entity", "count"),
    [("clients", "customer", 120), ("bookings", "time_entry", 120), ("jobs", "project", 35),
     ("staff", "employee", 25)],
)  # fmt: skip
def test_every_way_of_paging_reads_each_record(bureau, now, kind, entity, count):
    numbers = bureau.sandbox.seed(**{kind: [{} for _ in range(count)]})[kind]
    records, _cursor, pages = drain(bureau.connector(), entity, None, now)
    assert {r.external_id for r in records} == set(numbers)
    assert pages > 1


def test_a_window_starts_before_the_last_one_began(bureau, now):
    first = bureau.sandbox.seed(clients=[{}])["clients"][0]
    connector = bureau.connector()
    _records, cursor, _pages = drain(connector, "customer", None, now)
    later = bureau.sandbox.seed(clients=[{"changed": "2020-01-01T00:00:00.000Z"}, {}])["clients"]
    records, _cursor, _pages = drain(connector, "customer", cursor, now)
    # what changed long before is not asked for again; what changed within the overlap is
    assert {r.external_id for r in records} == {first, later[1]}
    since = bureau.calls("GET", "/clients")[-1]["query"]
    assert "changed_after=" in since
    assert "Z" in since


def test_a_crash_between_pages_goes_on_at_the_stored_place(bureau, now):
    bureau.sandbox.seed(bookings=[{} for _ in range(120)])
    page = bureau.connector().poll("time_entry", None, now)
    records, _cursor, _pages = drain(bureau.connector(), "time_entry", page.cursor, now)
    assert len({r.external_id for r in [*page.records, *records]}) == 120


def test_a_stored_place_that_is_refused_is_read_anew(bureau, now):
    bureau.sandbox.seed(clients=[{} for _ in range(60)])
    page = bureau.connector().poll("customer", None, now)
    bureau.fault("status", status=404, path="/clients")
    again = bureau.connector().poll("customer", page.cursor, now)
    assert (again.records, again.more) == ([], True)
    records, _cursor, _pages = drain(bureau.connector(), "customer", again.cursor, now)
    assert len(records) == 60
    # not for ever: the second refusal is one
    bureau.fault("status", status=404, path="/clients", skip=1)
    page = bureau.connector().poll("customer", again.cursor, now)
    with pytest.raises(ConnectorError):
        bureau.connector().poll("customer", page.cursor, now)


def test_an_offset_does_not_skip_what_moves_up(bureau, now):
    numbers = bureau.sandbox.seed(jobs=[{} for _ in range(25)])["jobs"]
    connector = bureau.connector()
    page = connector.poll("project", None, now)
    # a row of the first page vanishes, all others move up by one
    del bureau.sandbox.rows["jobs"][numbers[0]]
    records, _cursor, _pages = drain(connector, "project", page.cursor, now)
    assert set(numbers) == {r.external_id for r in [*page.records, *records]}


def test_asking_anew_from_the_last_change_loses_nothing_while_rows_change(bureau, now):
    stream = part(bureau, "streams", "customer")
    stream["paging"] = {"kind": "since", "size_parameter": "limit", "size": 10}
    stream["since"]["format"] = "iso_ms"
    times = [f"2026-01-01T00:00:{n:02}.000Z" for n in range(40)]
    numbers = bureau.sandbox.seed(clients=[{"changed": t} for t in times])["clients"]
    connector = bureau.connector()
    page = connector.poll("customer", None, now)
    bureau.sandbox.change("clients", numbers[3], changed="2026-01-01T01:00:00.000Z")
    records, _cursor, pages = drain(connector, "customer", page.cursor, now)
    assert set(numbers) == {r.external_id for r in [*page.records, *records]}
    assert pages < 10


def test_more_than_a_page_of_one_instant_is_not_read_for_ever(bureau, now):
    stream = part(bureau, "streams", "customer")
    stream["paging"] = {"kind": "since", "size_parameter": "limit", "size": 10}
    same = "2026-01-01T00:00:00.000Z"
    bureau.sandbox.seed(clients=[{"changed": same} for _ in range(15)])
    with pytest.raises(ConnectorError) as error:
        drain(bureau.connector(), "customer", None, now)
    assert error.value.code == "same_instant"


def test_an_unsorted_list_is_no_list_by_change(bureau, now):
    stream = part(bureau, "streams", "project")
    stream["paging"] = {"kind": "since", "size_parameter": "limit", "size": 2}
    stream["since"] = {"parameter": "changed_after"}
    bureau.sandbox.seed(
        jobs=[
            {"job_no": "J-1", "changed": "2026-01-05T00:00:00Z"},
            {"job_no": "J-2", "changed": "2026-01-02T00:00:00Z"},
        ]
    )
    with pytest.raises(ConnectorError) as error:
        drain(bureau.connector(), "project", None, now)
    assert error.value.code == "not_sorted"


def test_a_next_link_to_another_host_is_not_followed(bureau, now):
    bureau.sandbox.seed(bookings=[{}])
    page = bureau.connector().poll("time_entry", None, now)
    assert not page.more
    for link in ("https://evil.example/steal", "http://127.0.0.1:1/x", "//evil.example/x",
                 "http://169.254.169.254/latest"):  # fmt: skip
        with pytest.raises(ConnectorError) as error:
            bureau.connector().poll("time_entry", {"since": None, "started": 0, "page": link}, now)
        assert error.value.code == "foreign_link", link
    assert len(bureau.calls()) == 1


@pytest.mark.parametrize("link", ["?after=0.", "/api/2/bookings?after=0.", "bookings?after=0."])
def test_a_next_link_may_be_relative(bureau, now, link):
    bureau.sandbox.seed(bookings=[{}, {}])
    cursor = {"since": None, "started": 0, "page": link}
    assert len(bureau.connector().poll("time_entry", cursor, now).records) == 2
    assert bureau.calls()[-1]["query"] == "after=0."


def test_deleted_and_versions_are_read_from_the_row(bureau, now):
    first, second = bureau.sandbox.seed(clients=[{}, {}])["clients"]
    bureau.sandbox.strike(second)
    records, _cursor, _pages = drain(bureau.connector(), "customer", None, now)
    found = {r.external_id: r for r in records}
    assert (found[first].deleted, found[second].deleted) == (False, True)
    assert found[first].version.endswith("Z")
    assert found[first].changed_at.tzinfo


def test_a_number_as_version_sorts_as_a_number(bureau, now):
    part(bureau, "streams", "time_entry")["version"] = "changed_ms"
    bureau.sandbox.seed(
        bookings=[{"changed_ms": 999_999_999_999}, {"changed_ms": 1_000_000_000_000}]
    )
    records, _cursor, _pages = drain(bureau.connector(), "time_entry", None, now)
    assert [r.version for r in records] == sorted(r.version for r in records)


def test_a_list_of_deleted_records_has_a_poll_of_its_own(bureau, now):
    stream = part(bureau, "streams", "customer")
    stream["deleted"] = {"list": "/clients"}
    bureau.sandbox.seed(clients=[{} for _ in range(60)])
    connector = bureau.connector()
    page = connector.poll_deleted("customer", {}, now)
    rest = connector.poll_deleted("customer", page.cursor, now)
    assert {r.deleted for r in [*page.records, *rest.records]} == {True}
    assert len({r.external_id for r in [*page.records, *rest.records]}) == 60


@pytest.mark.parametrize(
    "key", ["1/../../x", "..", "", "a b", "x?y", "%2e%2e", "a\r\nb", "a" * 200]
)
def test_an_id_that_is_none_reaches_no_path(bureau, key):
    assert bureau.connector().fetch("customer", [key]) == {}
    with pytest.raises(ConnectorError):
        bureau.connector().writes and _update(bureau, key)
    assert not bureau.calls()


def _update(bureau, key):
    write = Write("k", "customer", "update", key, {"trading_name": "x"})
    (outcome,) = bureau.connector().deliver("customer", [write])
    raise outcome.error


def test_fetch_reads_one_together_or_by_the_list(bureau):
    first, second = bureau.sandbox.seed(clients=[{}, {}])["clients"]
    assert set(bureau.connector().fetch("customer", [first, second, "C-0"])) == {first, second}
    del part(bureau, "streams", "customer")["read"]
    assert set(bureau.connector().fetch("customer", [second, "C-0"])) == {second}
    part(bureau, "streams", "customer")["read"] = {
        "path": "/clients/{id}", "together": "external_ref", "most": 10,
    }  # fmt: skip
    bureau.sandbox.change("clients", first, external_ref=first)
    assert set(bureau.connector().fetch("customer", [first])) == {first}
    assert connector_class(bureau.declaration).batch_read == 10


def test_a_read_that_answers_with_another_record_is_refused(bureau):
    first = bureau.sandbox.seed(clients=[{}])["clients"][0]
    part(bureau, "streams", "customer")["read"] = {"path": "/clients/{id}", "item": "address"}
    with pytest.raises(ConnectorError) as error:
        bureau.connector().fetch("customer", [first])
    assert error.value.kind == "schema"


def test_a_listing_is_what_changed_in_the_window(bureau, now):
    bureau.sandbox.seed(
        clients=[{"changed": f"2026-02-0{day}T00:00:00.000Z"} for day in (1, 2, 3, 4)]
    )
    since = datetime(2026, 2, 2, tzinfo=timezone.utc)
    parts = bureau.connector().listing("customer", since, since + timedelta(days=2))
    assert sum(len(one) for one in parts) == 2


@pytest.mark.parametrize(
    ("value", "iso"),
    [("2026-01-02T03:04:05Z", "2026-01-02T03:04:05"), (1767323045, "2026-01-02T03:04:05"),
     (1767323045000, "2026-01-02T03:04:05"), ("1767323045", "2026-01-02T03:04:05"),
     ("2026-01-02", "2026-01-02T00:00:00")],
)  # fmt: skip
def test_times_as_products_write_them(value, iso):
    assert moment_of(value).isoformat()[:19] == iso


# -- answers that are none -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "kind"),
    [({"kind": "html", "status": 200}, "schema"), ({"kind": "malformed"}, "schema"),
     ({"kind": "truncated"}, "connection"), ({"kind": "reset_before"}, "connection"),
     ({"kind": "status", "status": 503}, "product_down"), ({"kind": "status", "status": 401}, "sign_in"),
     ({"kind": "redirect", "location": "https://evil.example/"}, "schema")],
)  # fmt: skip
def test_bad_answers_have_a_class(bureau, now, fault, kind):
    bureau.sandbox.seed(clients=[{}])
    bureau.fault(**fault)
    with pytest.raises(ConnectorError) as error:
        bureau.connector().poll("customer", None, now)
    assert error.value.kind == kind


def test_too_many_calls_say_when_to_come_back(bureau, now):
    bureau.fault("status", status=429, headers={"Retry-After": "7000"})
    with pytest.raises(ConnectorError) as error:
        bureau.connector().poll("customer", None, now)
    assert (error.value.kind, error.value.retry_after) == ("rate", 7000)
    bureau.declaration["pace"]["retry_after_unit"] = "ms"
    bureau.fault("status", status=429, headers={"Retry-After": "7000"})
    with pytest.raises(ConnectorError) as error:
        bureau.connector().poll("customer", None, now)
    assert error.value.retry_after == 7


def test_headers_tell_what_is_left(bureau, now):
    bureau.connector().poll("customer", None, now)
    (left,) = bureau.reports[-1].allowances
    assert left.most == 60
    assert 0 <= left.remaining < 60
    assert left.seconds == 10


def test_the_declared_table_of_errors_comes_first(bureau):
    (outcome,) = bureau.connector().deliver("customer", [create(bureau, trading_name="")])
    assert (outcome.error.kind, outcome.error.code) == ("data", "E-NAME")
    assert outcome.error.params == {"sentence": "Bureau wants a trading name."}


def test_an_error_inside_a_good_answer_can_be_declared(bureau, now):
    bureau.sandbox.seed(clients=[{}])
    bureau.declaration["errors"] = [
        {"status": 200, "path": "paging.total", "code": "1", "kind": "product_down"}
    ]
    with pytest.raises(ConnectorError) as error:
        bureau.connector().poll("customer", None, now)
    assert error.value.kind == "product_down"


# -- writing ---------------------------------------------------------------------------------------


def test_create_and_update(bureau):
    (made,) = bureau.connector().deliver("customer", [create(bureau)])
    assert made.ok
    change = Write("k2", "customer", "update", made.external_id, {"address": {"town": "Leeds"}})
    (done,) = bureau.connector().deliver("customer", [change])
    row = bureau.sandbox.rows["clients"][made.external_id]
    assert done.ok
    assert (row["trading_name"], row["address"]["town"]) == ("Mill", "Leeds")


@pytest.mark.parametrize("fault", ["reset_after", "malformed", "truncated"])
def test_a_create_whose_answer_is_lost_is_found_again(bureau, fault):
    bureau.fault(fault, method="POST")
    (lost,) = bureau.connector().deliver("customer", [create(bureau)])
    assert lost.error.kind == "unknown"
    again = Write("key-1", "customer", "create", None, {"trading_name": "Mill"}, attempt=2)
    (found,) = bureau.connector().deliver("customer", [again])
    assert found.ok
    assert list(bureau.sandbox.rows["clients"]) == [found.external_id]


def test_a_create_that_never_arrived_is_made(bureau):
    bureau.fault("reset_before", method="POST")
    (lost,) = bureau.connector().deliver("customer", [create(bureau)])
    assert lost.error.kind == "unknown"
    again = Write("key-1", "customer", "create", None, {"trading_name": "Mill"}, attempt=2)
    (found,) = bureau.connector().deliver("customer", [again])
    assert found.ok
    assert len(bureau.sandbox.rows["clients"]) == 1


@pytest.mark.parametrize("fault", ["reset_after", "reset_before"])
def test_not_there_is_believed_when_the_declared_time_has_passed(bureau, fault):
    """The product finds what it has made only seconds later."""
    bureau.sandbox.settings["search_lag"] = 5
    part(bureau, "writes", "customer")["look_up"]["lag"] = 8
    bureau.fault(fault, method="POST")
    (lost,) = bureau.connector().deliver("customer", [create(bureau)])
    assert lost.error.retry_after > 8, "a look-up before would say nothing"
    made = len(bureau.sandbox.rows["clients"])

    def again(waited):
        values = {"trading_name": "Mill"}
        write = Write("key-1", "customer", "create", None, values, attempt=2, waited=waited)
        return bureau.connector().deliver("customer", [write])[0]

    early = again(2.0)  # its worker was killed, or a person was quick
    assert (early.error.kind, early.error.code) == ("unknown", "not_there_yet")
    assert early.error.retry_after > 8
    assert len(bureau.sandbox.rows["clients"]) == made
    bureau.sandbox.offset += timedelta(seconds=9)
    found = again(9.0)
    assert found.ok
    assert list(bureau.sandbox.rows["clients"]) == [found.external_id]


def test_what_is_found_early_is_an_answer(bureau):
    part(bureau, "writes", "customer")["look_up"]["lag"] = 8
    bureau.fault("reset_after", method="POST")
    bureau.connector().deliver("customer", [create(bureau)])
    again = Write("key-1", "customer", "create", None, {}, attempt=2, waited=0.5)
    (found,) = bureau.connector().deliver("customer", [again])
    assert list(bureau.sandbox.rows["clients"]) == [found.external_id]


def test_a_product_that_ignores_the_look_up_creates_no_wrong_link(bureau):
    bureau.sandbox.seed(clients=[{}, {}])
    part(bureau, "writes", "customer")["look_up"]["parameter"] = "unheard_of"
    again = Write("key-1", "customer", "create", None, {"trading_name": "Mill"}, attempt=2)
    (outcome,) = bureau.connector().deliver("customer", [again])
    assert outcome.ok
    assert len(bureau.sandbox.rows["clients"]) == 3


def test_two_records_with_our_key_are_a_question(bureau):
    bureau.sandbox.seed(clients=[{"external_ref": "key-1"}, {"external_ref": "key-1"}])
    again = Write("key-1", "customer", "create", None, {"trading_name": "Mill"}, attempt=2)
    (outcome,) = bureau.connector().deliver("customer", [again])
    assert outcome.error.kind == "identity"


def test_an_idempotency_key_stays_the_same(bureau):
    write = Write("key-9", "project", "create", None, {"title": "Rollout"})
    bureau.fault("reset_after", method="POST")
    (lost,) = bureau.connector().deliver("project", [write])
    (done,) = bureau.connector().deliver("project", [write])
    assert (lost.error.kind, done.ok) == ("unknown", True)
    assert list(bureau.sandbox.rows["jobs"]) == [done.external_id]


def test_what_is_not_declared_is_not_sent(bureau):
    write = Write("k", "project", "update", "J-1", {"title": "x"})
    (outcome,) = bureau.connector().deliver("project", [write])
    (other,) = bureau.connector().deliver("employee", [write])
    assert {outcome.error.code, other.error.code} == {"not_supported"}
    assert not bureau.calls()


def test_line_breaks_in_values_stay_values(bureau):
    text = "Mill\r\nX-Bureau-Key: stolen\r\n\r\n{}"
    (made,) = bureau.connector().deliver("customer", [create(bureau, trading_name=text)])
    assert bureau.sandbox.rows["clients"][made.external_id]["trading_name"] == text
    assert len(bureau.calls()) == 1


# -- signing in ------------------------------------------------------------------------------------


def test_client_credentials_give_a_token(bureau, now):
    url = bureau.declaration["base_url"] + "/token"
    bureau.declaration["sign_in"] = {"kind": "client_credentials", "token_url": url}
    cls = connector_class(bureau.declaration)
    secrets = {"client_secret": "bureau-client-secret"}
    assert cls.renews_with == ("client_secret",)
    token = bureau.connector(secrets=secrets).refresh(secrets)
    secrets["access_token"] = token.access
    assert bureau.connector(secrets=secrets).poll("customer", None, now).records == []
    # a token that ended is renewed in the middle of a run
    connector = bureau.connector(secrets=dict(secrets))
    connector.renew = lambda: {**secrets, "access_token": connector.refresh(secrets).access}
    bureau.sandbox.tokens.clear()
    assert connector.poll("customer", None, now).records == []
    wrong = {"client_secret": "no"}
    with pytest.raises(ConnectorError) as error:
        bureau.connector(secrets=wrong).refresh(wrong)
    assert error.value.kind == "sign_in"


@pytest.mark.parametrize(
    ("sign_in", "secrets", "seen"),
    [({"kind": "basic"}, {"username": "ann", "password": "x"}, "Basic YW5uOng="),
     ({"kind": "bearer"}, {"access_token": "t0k"}, "Bearer t0k"),
     ({"kind": "bearer", "prefix": "Token "}, {"access_token": "t0k"}, "Token t0k")],
)  # fmt: skip
def test_ways_of_signing_in(bureau, sign_in, secrets, seen):
    bureau.declaration["sign_in"] = sign_in
    assert bureau.connector(secrets=secrets)._sign_in_headers() == {"Authorization": seen}


def test_a_key_in_the_query_is_in_no_report(bureau, now):
    bureau.declaration["sign_in"] = {"kind": "query", "name": "key"}
    with pytest.raises(ConnectorError):
        bureau.connector(secrets={"api_key": "s3cr3t"}).poll("customer", None, now)
    assert "key=s3cr3t" in bureau.calls()[0]["query"]
    assert "s3cr3t" not in str(bureau.reports)


def test_without_its_secret_nothing_is_sent(bureau, now):
    with pytest.raises(ConnectorError) as error:
        bureau.connector(secrets={}).poll("customer", None, now)
    assert error.value.code == "secret_missing"
    assert not bureau.calls()


def test_a_test_of_the_connection_says_each_thing(bureau):
    items = {(i.code, i.params.get("entity")): i.ok for i in bureau.connector().check()}
    assert items[("account", None)]
    assert items[("read", "customer")]
    assert not items[("webhook_secret", None)]
    other = bureau.connector(settings={"account_id": "OFFICE-8"}).check()
    assert not next(i for i in other if i.code == "account").ok
    part(bureau, "streams", "customer")["items"] = "nothing_here"
    wrong = next(i for i in bureau.connector().check() if i.code == "no_list")
    assert wrong.params["entity"] == "customer"


# -- webhooks --------------------------------------------------------------------------------------


def request(bureau, notes, secret="bureau-note-secret", moment=None, office="OFFICE-7"):
    body = json.dumps({"office": office, "notes": notes}).encode()
    moment = moment or datetime.now(timezone.utc)
    headers = bureau.sandbox.webhook_headers("", body, moment, secret)
    return WebhookRequest("POST", "https://odoo.example/hub/webhook/x", headers, body)


def verify(bureau, asked, secrets=("bureau-note-secret",), account="OFFICE-7"):
    return connector_class(bureau.declaration).verify(
        asked, secrets, {"account_id": account}, datetime.now(timezone.utc)
    )


NOTE = {"note_no": "n1", "about": "client.changed", "number": "C-1", "when": "2026-01-02T03:04:05Z"}


def test_a_signed_note_becomes_a_notice(bureau):
    (notice,) = verify(bureau, request(bureau, [NOTE]))
    assert (notice.entity, notice.external_id, notice.kind) == ("customer", "C-1", "notice")
    (again,) = verify(bureau, request(bureau, [{**NOTE}]))
    assert again.event_key == notice.event_key


@pytest.mark.parametrize(
    ("how", "code"),
    [({"secret": "wrong"}, "mismatch"),
     ({"moment": datetime(2020, 1, 1, tzinfo=timezone.utc)}, "too_old"),
     ({"moment": datetime(2099, 1, 1, tzinfo=timezone.utc)}, "in_the_future")],
)  # fmt: skip
def test_what_is_not_proved_is_refused(bureau, how, code):
    with pytest.raises(BadSignature) as error:
        verify(bureau, request(bureau, [NOTE], **how))
    assert error.value.code == code


def test_webhooks_fail_closed(bureau):
    with pytest.raises(BadSignature) as error:
        verify(bureau, request(bureau, [NOTE]), secrets=())
    assert error.value.code == "no_secret"
    with pytest.raises(BadSignature):
        verify(bureau, WebhookRequest("POST", "https://x/", {}, b"{}"))
    del bureau.declaration["webhook"]
    with pytest.raises(BadSignature) as error:
        verify(bureau, request(bureau, [NOTE]))
    assert error.value.code == "no_webhooks"


def test_another_account_under_the_same_secret_is_refused(bureau):
    with pytest.raises(BadBody) as error:
        verify(bureau, request(bureau, [NOTE], office="OFFICE-8"))
    assert (error.value.status, error.value.code) == (403, "other_account")
    with pytest.raises(BadBody):
        verify(bureau, request(bureau, [NOTE]), account="")


def test_events_that_nobody_declared_are_ignored_with_a_reason(bureau):
    notes = [{**NOTE, "about": "office.painted"}, {**NOTE, "number": None}, {"note_no": "n3"}]
    found = verify(bureau, request(bureau, notes))
    assert [one.action for one in found] == ["ignored"] * 3
    assert found[0].reason == "office.painted"


def test_standard_webhooks_by_the_published_vector(bureau):
    declared = {"kind": "standard"}
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    message = b'msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{"test": 2432232314}'
    expected = "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert signature({**declared, **STANDARD}, secret, message) == expected
    bureau.declaration["webhook"] |= declared
    bureau.declaration["webhook"].pop("account")
    now = datetime.now(timezone.utc)
    stamp, body = str(int(now.timestamp())), json.dumps({"notes": [NOTE]}).encode()
    signed = signature({**declared, **STANDARD}, secret, b"m1." + stamp.encode() + b"." + body)
    headers = {
        "webhook-id": "m1",
        "webhook-timestamp": stamp,
        "webhook-signature": f"v1,AAAA v1,{signed}",
    }
    asked = WebhookRequest("POST", "https://x/", headers, body)
    assert len(verify(bureau, asked, [secret])) == 1
    with pytest.raises(BadSignature):
        verify(
            bureau,
            WebhookRequest("POST", "https://x/", {**headers, "webhook-id": "m2"}, body),
            [secret],
        )


def test_a_time_inside_the_signature_header(bureau):
    bureau.declaration["webhook"] |= {"time_part": "t", "prefix": "v1=", "time_header": None}
    now = datetime.now(timezone.utc)
    asked = request(bureau, [NOTE], moment=now)
    stamp = asked.headers["X-Bureau-Time"]
    digest = asked.headers["X-Bureau-Signature"].removeprefix("sha256=")
    headers = {"X-Bureau-Signature": f"t={stamp},v1=00,v1={digest}"}
    assert verify(bureau, WebhookRequest("POST", asked.url, headers, asked.body))


def test_a_fixed_secret_in_a_header(bureau):
    bureau.declaration["webhook"] |= {"kind": "secret", "prefix": ""}
    headers = {"X-Bureau-Signature": "bureau-note-secret"}
    body = request(bureau, [NOTE]).body
    assert verify(bureau, WebhookRequest("POST", "https://x/", headers, body))
    with pytest.raises(BadSignature):
        verify(bureau, WebhookRequest("POST", "https://x/", {"X-Bureau-Signature": "x"}, body))


@pytest.mark.parametrize("body", [b"", b"[]]", b'{"notes": 5}', b"\xff", b'{"a":1,"a":2}'])
def test_a_signed_body_that_cannot_be_read_is_refused(bureau, body):
    moment = datetime.now(timezone.utc)
    headers = bureau.sandbox.webhook_headers("", body, moment, "bureau-note-secret")
    with pytest.raises(BadBody):
        verify(bureau, WebhookRequest("POST", "https://x/", headers, body))


def test_a_class_is_made_only_of_a_good_declaration(bureau):
    cls = connector_class(bureau.declaration)
    assert (cls.label, cls.batch_read, cls.webhook_secret_field) == ("Bureau", 1, "webhook_secret")
    assert cls.pace == {"default": (60, 10.0)}
    with pytest.raises(BadDeclaration):
        connector_class({**bureau.declaration, "base_url": "file:///etc/passwd"})
