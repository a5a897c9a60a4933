"""Suggestions for fields that nobody mapped: by name, and only where the value fits."""

from hypothesis import given
from hypothesis import strategies as st

from lead_to_cash_hub.core.paths import reader
from lead_to_cash_hub.core.suggest import Wanted, leaves, suggest

PAYLOAD = {
    "id": 7,
    "properties": {
        "firstName": "Ann", "e-mail": "ann@firm.example", "deal_amount": "1.234,50", "closed on": "31.12.2026",
    },
    "billing": {"country": "Germany", "city": "Ulm"},
    "owners": [{"email": "not an address"}],
}  # fmt: skip


def found(*fields, taken=()):
    return {
        one.field: (one.path, one.transform, one.argument)
        for one in suggest([Wanted(*field) for field in fields], PAYLOAD, taken)
    }


def test_names_that_resemble_and_values_that_fit():
    assert found(
        ("first_name", "First name", "text"), ("email", "E-mail", "email"), ("amount", "Amount", "money"),
        ("country", "Country", "country"), ("closed_on", "Closed on", "date"), ("po_number", "PO number", "text"),
    ) == {
        "first_name": ("properties.firstName", "none", ""),
        "email": ('properties."e-mail"', "none", ""),
        "amount": ("properties.deal_amount", "number", "1.234,56"),
        "country": ("billing.country", "country_code", ""),
        "closed_on": ('properties."closed on"', "date_format", "DD.MM.YYYY"),
    }  # fmt: skip


def test_a_path_that_is_read_already_is_not_suggested():
    assert found(("city", "City", "text"), taken=["billing.city"]) == {}


KEYS = st.text(max_size=6)
TREES = st.dictionaries(
    KEYS,
    st.recursive(
        st.none() | st.integers() | st.text(max_size=4),
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(KEYS, inner, max_size=3),
        max_leaves=8,
    ),
    max_size=4,
)


@given(TREES)
def test_every_path_of_a_payload_reads_its_value(tree):
    for path, value in leaves(tree):
        if len(path) < 200:
            assert reader(path)(tree) == value


@given(TREES)
def test_no_payload_breaks_a_suggestion(tree):
    suggest([Wanted("name", "Name", "text"), Wanted("a", "A", "date")], tree)
