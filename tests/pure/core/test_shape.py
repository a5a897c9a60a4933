"""Schema drift: what appears, vanishes or changes its type in a source."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from lead_to_cash_hub.core.shape import ENOUGH, Drift, learn, look, shape

OLD = {"id": 1, "p": {"name": "Ann", "amount": Decimal("1.5"), "note": None}}


def known(*payloads, times=ENOUGH):
    return learn({}, [shape(payload) for payload in payloads] * times)


def compare(before, shapes):
    """What one look says."""
    return look(before, {}, shapes)[0]


def test_equal_payloads_do_not_drift():
    assert compare(known(OLD), [shape(OLD)] * ENOUGH) == []


def test_what_appears_vanishes_or_changes_its_type():
    new = {"id": 1, "p": {"amount": "1,50", "city": "Ulm", "note": "x"}}
    assert compare(known(OLD), [shape(new)] * ENOUGH) == [
        Drift("p.amount", "type", "number", "text"),
        Drift("p.city", "appeared", "", "text"),
        Drift("p.name", "vanished", "text", ""),
    ]


def test_a_few_payloads_prove_nothing():
    new = {"id": 1, "p": {"amount": 2}}
    assert compare(known(OLD, times=ENOUGH - 1), [shape(new)] * ENOUGH) == []
    assert compare(known(OLD), [shape(new)] * (ENOUGH - 1)) == []


def test_few_payloads_a_look_say_at_once_what_is_new_and_in_time_what_is_gone():
    before, recent, said = known(OLD), {}, []
    new = {"id": 1, "p": {"amount": 2, "note": "", "city": "Ulm"}}
    for _hour in range(ENOUGH):
        found, before, recent = look(before, recent, [shape(new)])
        said.append(found)
    assert said[0] == [Drift("p.city", "appeared", "", "text")]
    assert said[1:-1] == [[]] * (ENOUGH - 2)
    assert said[-1] == [Drift("p.name", "vanished", "text", "")]
    assert (before["count"], recent) == (2 * ENOUGH, {})


def test_what_was_there_sometimes_only_does_not_vanish():
    assert compare(known(OLD, {"id": 1}), [shape({"id": 2})] * ENOUGH) == []


def test_an_empty_value_has_no_type():
    assert compare(known(OLD), [shape({"id": None, "p": {"name": "", "amount": None}})]) == []


PAYLOADS = st.lists(
    st.dictionaries(st.sampled_from("abc"), st.none() | st.integers() | st.text(max_size=2)),
    max_size=30,
)


@given(PAYLOADS, PAYLOADS)
def test_what_was_learned_does_not_drift_again(first, second):
    shapes = [shape(payload) for payload in second]
    after = learn(learn({}, map_shapes(first)), shapes)
    assert after["count"] == len(first) + len(second)
    assert [d for d in compare(after, shapes) if d.change != "vanished"] == []


@given(PAYLOADS, st.lists(PAYLOADS, max_size=5))
def test_in_however_many_looks_the_same_is_known(first, hours):
    before, recent = learn({}, map_shapes(first)), {}
    for payloads in hours:
        _found, before, recent = look(before, recent, map_shapes(payloads))
    together = learn({}, map_shapes(first + [one for payloads in hours for one in payloads]))
    assert before.get("count", 0) + recent.get("count", 0) == together["count"]
    assert (
        before.get("paths", {}).keys() | recent.get("paths", {}).keys() == together["paths"].keys()
    )


def map_shapes(payloads):
    return [shape(payload) for payload in payloads]
