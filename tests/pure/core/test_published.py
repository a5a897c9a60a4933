"""What is published as JSON Schema is what the mapping enforces: the two judge every record alike."""

import json
from datetime import date, datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from lead_to_cash_hub.core.mapping import CompiledMapping, Line
from lead_to_cash_hub.core.merge import plain
from lead_to_cash_hub.core.published import Field, json_schema
from lead_to_cash_hub.core.schema import TYPES, Ref, Word

KINDS = [
    "text", "integer", "decimal", "money", "date", "boolean", "currency", "email", "url", "phone", "country",
    "language", "vat", "ref:customer", "refs:contact", "term:stage", "lines:part",
]  # fmt: skip
FIELDS = [Field(kind.partition(":")[0], kind, kind) for kind in KINDS]
FIELDS += [Field("needed", "Needed", "text", required=True)]
PARTS = [Field("quantity", "Quantity", "decimal", required=True), Field("note", "Note", "text")]
SCHEMA = json_schema("thing", "Thing", FIELDS, {"part": PARTS})
VALIDATOR = Draft202012Validator(SCHEMA)


def lines(fields):
    return [Line(f.name, f.kind, f.name, required=f.required) for f in fields]


MAPPING = CompiledMapping(lines(FIELDS), {"part": CompiledMapping(lines(PARTS))})


def external(value):
    """References and words as the texts that they came from."""
    if isinstance(value, Ref):
        return value.external_id
    if isinstance(value, Word):
        return value.text
    if isinstance(value, list):
        return [external(entry) for entry in value]
    if isinstance(value, dict):
        return {key: external(entry) for key, entry in value.items()}
    return plain(value)


def written(record):
    """What the mapping makes of a record, as JSON; None where it refuses it."""
    values, problems = MAPPING.canonical(record)
    return None if problems else external(values)


TEXTS = st.sampled_from(
    ["", "x", " x ", "12", "-1.50", "1,5", "1e5", "2026-02-30", "2026-02-28", "EUR", "eur", "a@b.de", "A@B.de", "a@b",
     "+4930901820", "true", "https://a.b", "data:x", "x" * 61, "x" * 41, "y" * 201, "z" * 4001, "0" * 19]
)  # fmt: skip
VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**33), 2**33), TEXTS,
    st.lists(TEXTS, max_size=2),
    st.lists(st.fixed_dictionaries({"quantity": TEXTS}, optional={"note": TEXTS}), max_size=2),
)  # fmt: skip
RECORDS = st.fixed_dictionaries({}, optional={field.name: VALUES for field in FIELDS})


def test_the_schema_itself_is_one():
    Draft202012Validator.check_schema(SCHEMA)
    assert {kind.partition(":")[0] for kind in KINDS} | {"datetime"} == set(TYPES)


@given(RECORDS)
def test_what_is_written_is_what_the_schema_says(record):
    """Everything that the mapping lets through is valid; and what is valid comes through unchanged."""
    found = written(record)
    if found is not None:
        assert not list(VALIDATOR.iter_errors(found)), found
    if not list(VALIDATOR.iter_errors(record)) and not _stripped(record):
        assert found is not None
        kept = {key: value for key, value in found.items() if value not in (None, [])}
        assert kept == {key: value for key, value in record.items() if value not in (None, [])}


def _stripped(value):
    """Text with outer blanks, and days that no calendar has, are beyond what a schema can say."""
    if isinstance(value, dict):
        return any(_stripped(entry) for entry in value.values())
    if isinstance(value, list):
        return any(_stripped(entry) for entry in value)
    return isinstance(value, str) and (value != value.strip() or value == "2026-02-30")


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("lines:part",)])
@given(value=VALUES)
def test_each_type_judges_as_its_schema_does(kind, value):
    name = kind.partition(":")[0]
    alone = Draft202012Validator({**SCHEMA, "required": []})
    found, problems = CompiledMapping([Line(name, kind, name)]).canonical({name: value})
    if not problems:
        assert not list(alone.iter_errors({name: external(found[name])}))


@given(
    st.dates(date(1, 1, 1)),
    st.datetimes(datetime(1971, 1, 1), datetime(2100, 1, 1), timezones=st.just(timezone.utc)),
)
def test_days_and_moments_are_written_as_the_schema_says(day, moment):
    validator = Draft202012Validator(
        json_schema("t", "T", [Field("d", "D", "date"), Field("m", "M", "datetime")], {}),
        format_checker=Draft202012Validator.FORMAT_CHECKER,
    )
    values, problems = CompiledMapping(
        [Line("d", "date", "d"), Line("m", "datetime", "m")]
    ).canonical({"d": day.isoformat(), "m": moment.isoformat()})
    assert not problems
    assert not list(
        validator.iter_errors({"d": values["d"].isoformat(), "m": values["m"].isoformat()})
    )


def test_what_no_field_names_is_refused():
    assert list(VALIDATOR.iter_errors({"needed": "x", "secret": "y"}))
    assert json.loads(json.dumps(SCHEMA)) == SCHEMA
