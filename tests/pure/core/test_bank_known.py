"""What is known of a bank's file: files that overlap, in any order and again, come to the same set."""

from datetime import date, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from lead_to_cash_hub.connectors.bank import Entry
from lead_to_cash_hub.core.bank_known import KNOWN, LIKELY, NEW, Kept, content, sort_out

DAY = date(2026, 3, 1)


def entry(amount="10.00", bank_id="", text="x", day=0, **more):
    return Entry(DAY + timedelta(day), Decimal(amount), bank_id, (text,), **more)


def kept(one, number=1):
    return Kept(one.bank_id, one.day, one.amount, content(one), number)


def states(entries, known):
    return [state for state, _content, _number in sort_out(entries, known)]


def test_the_same_id_day_and_amount_is_known_even_with_another_text():
    assert states([entry(bank_id="A", text="y")], [kept(entry(bank_id="A"))]) == [KNOWN]


def test_an_id_given_twice_is_no_proof():
    old = kept(entry("10.00", "A"))
    assert states([entry("11.00", "A")], [old]) == [NEW]
    assert states([entry("10.00", "A", day=1)], [old]) == [NEW]
    assert states([entry("10.00", "A"), entry("10.00", "A", text="y")], [old]) == [KNOWN, NEW]


def test_without_an_id_equal_ones_are_counted():
    one = entry()
    assert states([one, one, one], [kept(one), kept(one, 2)]) == [KNOWN, KNOWN, NEW]
    assert [n for _s, _c, n in sort_out([one, one, one], [kept(one, 2)])] == [0, 1, 3]


def test_another_id_is_asked_about_and_a_missing_one_is_not():
    assert states([entry(bank_id="B")], [kept(entry(bank_id="A"))]) == [LIKELY]
    assert states([entry(bank_id="B")], [kept(entry())]) == [KNOWN]
    assert states([entry()], [kept(entry(bank_id="A"))]) == [KNOWN]
    # The sure one takes its place first.
    both = [entry(bank_id="B"), entry(bank_id="A")]
    assert states(both, [kept(entry(bank_id="A"))]) == [NEW, KNOWN]


def test_spaces_and_punctuation_of_a_text_do_not_matter():
    assert content(entry(text="INV/2026/12 thanks")) == content(
        entry("10.0", text="inv 2026-12THANKS")
    )


def imported(files):
    """What is in the books after files, one after the other."""
    books = []
    for file in files:
        for one, (state, text, number) in zip(file, sort_out(file, books), strict=True):
            if state == NEW:
                books.append(Kept(one.bank_id, one.day, one.amount, text, number))
    return books


LEDGER = st.lists(
    st.tuples(st.integers(0, 5), st.sampled_from(["1.00", "-1.00", "2.50"]), st.sampled_from("ab")),
    max_size=25,
)


@given(
    LEDGER,
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=5),
    st.sampled_from(["none", "stable", "reused", "anew"]),
    st.randoms(use_true_random=False),
)
def test_files_of_whole_days_in_any_order_come_to_the_same_set(ledger, windows, ids, random):
    """Whatever the bank does with its ids: gives none, good ones, the same to all, or others with each file."""

    def file(number, first, last):
        rows = []
        for place, (day, amount, text) in enumerate(ledger):
            name = {
                "none": "",
                "stable": f"i{place}",
                "reused": "same",
                "anew": f"{number}-{place}",
            }[ids]
            if first <= day <= last:
                rows.append(entry(amount, name, text, day))
        random.shuffle(rows)
        return rows

    files = [file(n, min(w), max(w)) for n, w in enumerate(windows)]
    shown = sorted(
        (e.day, e.amount, e.texts)
        for e in file(99, 0, 5)
        if any(min(w) <= (e.day - DAY).days <= max(w) for w in windows)
    )
    once = imported(files)
    assert sorted((k.day, k.amount) for k in once) == [(day, amount) for day, amount, _t in shown]
    assert len({(k.content, k.number) for k in once}) == len(once)
    random.shuffle(files)
    again = imported([*files, *files])
    assert sorted((k.content, k.number) for k in again) == sorted(
        (k.content, k.number) for k in once
    )
