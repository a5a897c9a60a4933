"""Calls that take several records: a record is named once in a round, and its changes keep their order."""

from hypothesis import given
from hypothesis import strategies as st

from lead_to_cash_hub.connectors.base import rounds
from lead_to_cash_hub.connectors.parts import Write

writes = st.lists(
    st.tuples(st.sampled_from(["create", "update"]), st.sampled_from("ABC")), max_size=30
).map(
    lambda rows: [
        Write(f"{kind}-{place}", "customer", kind, key if kind == "update" else None, {})
        for place, (kind, key) in enumerate(rows)
    ]
)


@given(writes, st.integers(1, 5))
def test_each_write_goes_once_and_the_changes_of_a_record_in_their_order(given_writes, size):
    seen = []
    for calls in rounds(given_writes, size):
        named = [write.external_id or write.key for part in calls for write in part]
        assert len(named) == len(set(named))
        for part in calls:
            assert 1 <= len(part) <= size
            assert len({write.operation for write in part}) == 1
            seen += part
    assert sorted(seen, key=given_writes.index) == given_writes
    for key in "ABC":
        own = [write for write in seen if write.external_id == key]
        assert own == [write for write in given_writes if write.external_id == key]


def test_a_key_is_sent_once():
    twice = [Write("k", "customer", "update", "A", {}), Write("k", "customer", "update", "A", {})]
    assert [part for calls in rounds(twice, 9) for part in calls] == [twice[:1]]
