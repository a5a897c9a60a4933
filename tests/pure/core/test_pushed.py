"""The canonical API's items: what is taken, and what is said of the rest."""

import pytest

from lead_to_cash_hub.core.problem import Problem
from lead_to_cash_hub.core.published import Field, inbound, json_schema
from lead_to_cash_hub.core.pushed import MOST_ITEMS, Judge, Pushed, Refused, version_of

FIELDS = [
    Field("name", "Name", "text", required=True),
    Field("note", "Note", "text"),
    Field("email", "E-mail", "email"),
    Field("amount", "Amount", "money"),
    Field("close_date", "Close date", "date"),
    Field("won_at", "Won at", "datetime"),
    Field("lines", "Lines", "lines:line"),
    Field("paid", "Paid", "money", direction="out"),
    Field("secret", "Not mapped", "text"),
]
LINES = [
    Field("service", "Service", "term:service_item", required=True),
    Field("quantity", "Quantity", "decimal"),
]
SCHEMA = inbound(
    json_schema("deal", "Deal", FIELDS, {"line": LINES}),
    {
        "deal": {"name", "note", "email", "amount", "close_date", "won_at", "lines", "paid"},
        "line": {"service", "quantity"},
    },
)


def judged(*items):
    return Judge(SCHEMA).items({"items": list(items)})


def one(values=(), /, **item):
    item = {"external_id": "D-1", "data": {"name": "Rollout", **dict(values)}, **item}
    (found,) = judged(item)
    return found


def test_a_good_item_is_taken():
    found = one({"amount": "12.50", "lines": [{"service": "dev"}]}, idempotency_key="k")
    assert isinstance(found, Pushed)
    assert (found.external_id, found.key, found.action) == ("D-1", "k", "change")
    assert found.data["amount"] == "12.50"


def test_a_moment_is_read_with_its_zone():
    found = one(changed_at="2026-03-01T10:00:00+01:00")
    assert found.changed_at.isoformat() == "2026-03-01T09:00:00+00:00"


@pytest.mark.parametrize(
    ("data", "field", "code"),
    [
        ({"email": "nobody"}, "data.email", "bad_value"),
        ({"amount": 12.5}, "data.amount", "bad_value"),
        ({"amount": "1,5"}, "data.amount", "bad_value"),
        ({"close_date": "2026-02-30"}, "data.close_date", "bad_value"),
        ({"won_at": "2026-02-28"}, "data.won_at", "bad_value"),
        ({"won_at": "2026-02-28T10:00:00"}, "data.won_at", "bad_value"),
        ({"won_at": "2026-02-28T25:00:00Z"}, "data.won_at", "bad_value"),
        ({"name": None}, "data.name", "missing_value"),
        ({"name": 5}, "data.name", "bad_value"),
        ({"note": {}}, "data.note", "bad_value"),
        ({"name": ""}, "data.name", "missing_value"),
        ({"name": "x" * 4001}, "data.name", "too_long"),
        ({"nickname": "x"}, "data.nickname", "unknown_field"),
        ({"paid": "1.00"}, "data.paid", "unknown_field"),
        ({"secret": "x"}, "data.secret", "unknown_field"),
        ({"lines": [{"service": "a"}, {}]}, "data.lines[1].service", "missing_value"),
        ({"lines": [{"service": "a", "quantity": "x"}]}, "data.lines[0].quantity", "bad_value"),
        ({"lines": {"service": "a"}}, "data.lines", "bad_value"),
        ({"lines": [5]}, "data.lines[0]", "bad_value"),
    ],
)
def test_what_is_wrong_is_named_by_its_place(data, field, code):
    found = one(data)
    assert isinstance(found, Refused)
    assert (found.index, found.external_id, found.field, found.problem.code) == (
        0,
        "D-1",
        field,
        code,
    )


@pytest.mark.parametrize(
    ("item", "field"),
    [
        ({"external_id": ""}, "external_id"),
        ({"external_id": 5}, "external_id"),
        ({"external_id": " x"}, "external_id"),
        ({"external_id": "x" * 201}, "external_id"),
        ({"idempotency_key": None}, "idempotency_key"),
        ({"action": "erase"}, "action"),
        ({"changed_at": "yesterday"}, "changed_at"),
        ({"data": []}, "data"),
        ({"other": 1}, "other"),
        ({"action": "delete"}, "data"),
        ({"merged_into": "D-2"}, "merged_into"),
    ],
)
def test_the_envelope_is_judged_too(item, field):
    found = one(**item)
    assert isinstance(found, Refused)
    assert found.field == field


@pytest.mark.parametrize("item", [None, 5, "x", [], {}])
def test_what_is_no_item_is_refused_alone(item):
    good, bad = judged({"external_id": "D-1", "data": {"name": "x"}}, item)
    assert isinstance(good, Pushed)
    assert isinstance(bad, Refused)
    assert bad.index == 1


def test_a_deletion_and_a_merge_say_nothing_about_values():
    deleted, merged = judged(
        {"external_id": "D-1", "action": "delete"},
        {"external_id": "D-2", "action": "merge", "merged_into": "D-1"},
    )
    assert (deleted.action, merged.action, merged.merged_into) == ("delete", "merge", "D-1")
    assert isinstance(judged({"external_id": "D-2", "action": "merge"})[0], Refused)


@pytest.mark.parametrize(
    "body", [None, [], {}, {"items": []}, {"items": {}}, {"items": [1], "x": 1}]
)
def test_a_body_of_another_shape_is_refused_whole(body):
    with pytest.raises(Problem) as caught:
        Judge(SCHEMA).items(body)
    assert caught.value.code == "push_shape"


def test_a_body_may_name_the_version_of_the_schema():
    items = [{"external_id": "C-1", "action": "delete"}]
    body = {"schema_version": 3, "items": items}
    assert version_of(body) == 3
    assert version_of({"items": items}) is None
    assert [item.external_id for item in Judge(SCHEMA).items(body)] == ["C-1"]
    for bad in (0, -1, "3", 1.0, True, 10**10, [3]):
        with pytest.raises(Problem) as caught:
            version_of({"schema_version": bad, "items": items})
        assert caught.value.code == "bad_value"


def test_more_items_than_a_call_may_hold_are_refused_whole():
    item = {"external_id": "D-1", "data": {"name": "x"}}
    assert len(judged(*[item] * MOST_ITEMS)) == MOST_ITEMS
    with pytest.raises(Problem) as caught:
        judged(*[item] * (MOST_ITEMS + 1))
    assert caught.value.code == "push_too_many"
