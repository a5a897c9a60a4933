from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lead_to_cash_hub.core.compare import CLASSES, Known, Tally, classify

LINKED = Known(linked=True, version="2", amount=Decimal("10"), state="done", heard="2")


@pytest.mark.parametrize(
    ("version", "amount", "known", "word"),
    [
        ("2", Decimal("10.00"), LINKED, "agreed"),
        (None, None, LINKED, "agreed"),
        (None, Decimal("11"), LINKED, "stale"),
        ("3", Decimal("10"), LINKED, "stale"),
        ("1", Decimal("10"), LINKED, "agreed"),
        ("1", None, Known(), "missing"),
        ("1", None, Known(state="pending"), "on_way"),
        ("1", None, Known(state="waiting"), "on_way"),
        ("1", None, Known(state="failed", heard="1"), "person"),
        ("1", None, Known(state="dead", heard="1"), "person"),
        ("1", None, Known(state="skipped", reason="not_final", heard="1"), "left_out"),
        ("2", None, Known(state="skipped", reason="not_final", heard="1"), "missing"),
        ("1", None, Known(state="skipped", reason="no_stream", heard="1"), "missing"),
        # decided by a person for this version: not asked for again each night
        ("3", None, Known(True, "2", None, "skipped", "by_person", "3"), "left_out"),
        ("4", None, Known(True, "2", None, "skipped", "by_person", "3"), "stale"),
    ],
)
def test_each_record_has_one_class(version, amount, known, word):
    assert classify(version, amount, known) == word


def test_totals_and_what_is_asked_for():
    tally = Tally()
    tally.add("1", "2", Decimal("10"), LINKED)
    tally.add("2", "2", Decimal("5.5"), Known())
    tally.add("3", "9", Decimal("7"), LINKED)
    assert (tally.source_count, tally.source_total, tally.hub_total) == (
        3,
        Decimal("22.5"),
        Decimal("20"),
    )
    assert tally.gaps == ["2", "3"]


KNOWN = st.builds(
    Known,
    st.booleans(),
    st.none() | st.sampled_from("123"),
    st.none() | st.decimals(0, 9, places=1),
    st.none() | st.sampled_from(["pending", "failed", "done", "skipped"]),
    st.none() | st.sampled_from(["unchanged", "no_stream", "by_person"]),
    st.none() | st.sampled_from("123"),
)


@given(st.lists(st.tuples(st.sampled_from("123"), st.decimals(0, 9, places=1), KNOWN)))
def test_every_record_is_counted_once(rows):
    tally = Tally()
    for number, (version, amount, known) in enumerate(rows):
        assert tally.add(str(number), version, amount, known) in CLASSES
    assert tally.source_count == len(rows)
    assert tally.source_total == sum(amount for _version, amount, _known in rows)
    assert len(tally.gaps) == tally.counts["missing"] + tally.counts["stale"]
