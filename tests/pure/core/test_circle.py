from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lead_to_cash_hub.core.circle import circle


@pytest.mark.parametrize(
    ("needs", "expected"),
    [
        ({}, ()),
        ({"a": "b", "b": "c"}, ()),
        ({"a": "a"}, ()),
        ({"a": "ab", "b": "c"}, ()),
        ({"a": "b", "b": "a"}, ("a", "b", "a")),
        ({"a": "b", "b": "c", "c": "a"}, ("a", "b", "c", "a")),
        ({"a": "bc", "b": "c", "c": "a"}, ("a", "c", "a")),
        ({"a": "b", "b": "c", "c": "b"}, ()),
    ],
)
def test_the_shortest_way_back(needs, expected):
    assert circle(needs, "a") == expected


NAMES = "abcdef"
GRAPHS = st.dictionaries(st.sampled_from(NAMES), st.sets(st.sampled_from(NAMES), max_size=4))


@given(GRAPHS, st.sampled_from(NAMES))
def test_each_step_is_one_that_is_needed_and_nothing_is_overlooked(needs, start):
    found = circle(needs, start)
    assert all(needed in needs[one] for one, needed in pairwise(found))
    reached, ahead = set(), [one for one in needs.get(start, ()) if one != start]
    while ahead:
        at = ahead.pop()
        if at not in reached:
            reached.add(at)
            ahead += needs.get(at, ())
    assert bool(found) == (start in reached)
