"""HR data in files: nothing is called, and the sample files of the documentation are what the presets read."""

from datetime import date, datetime, timezone
from decimal import Decimal
from pathlib import Path
from xml.etree import ElementTree

import pytest

from lead_to_cash_hub.connectors import get_connector_class
from lead_to_cash_hub.connectors.base import Connector
from lead_to_cash_hub.core.mapping import Line, to_canonical
from lead_to_cash_hub.core.schema import Ref, Word
from lead_to_cash_hub.core.table import Columns, read_table

ROOT = Path(__file__).parents[3]
SAMPLES = {"employee": "employees", "leave": "leave", "assignment": "assignments"}


def records(model):
    for record in ElementTree.parse(ROOT / "data/hub_hr.xml").iter("record"):
        if record.get("model") == model:
            yield {f.get("name"): f.text or f.get("ref") or f.get("eval") for f in record}


def kinds(entity):
    """The canonical fields of an entity, as the addon ships them."""
    found = {}
    for line in (ROOT / "data/hub.entity.field.csv").read_text().splitlines():
        cells = line.split(",")
        if cells[1] == f"entity_{entity}":
            found[cells[0]] = (cells[3], cells[5], cells[6] == "True")
    for record in ElementTree.parse(ROOT / "data/hub_entities.xml").iter("record"):
        values = {f.get("name"): f.text or f.get("ref") or f.get("eval") for f in record}
        if values.get("entity_id") == f"entity_{entity}":
            found[record.get("id")] = (values["name"], values["kind"], "required" in values)
    return found


def lines(entity):
    fields = kinds(entity)
    for line in records("hub.mapping.line"):
        if line["mapping_id"] == f"mapping_hr_{entity}_in":
            name, kind, required = fields[line["field_id"]]
            yield Line(
                name, kind, line["path"], line.get("transform", "none"), line.get("argument", ""), required
            )  # fmt: skip


def read(entity, data):
    """Rows of a file as canonical values: ``[(id, values, problems)]``, with the columns nobody reads."""
    mapped = list(lines(entity))
    (stream,) = [s for s in records("hub.stream") if s["entity_id"] == f"entity_{entity}"]
    table = read_table(data)
    columns = Columns(
        table.header,
        {name: kind for name, kind, _required in kinds(entity).values()},
        {line.path: (line.kind, line.transform) for line in mapped},
        key=stream["key_columns"].split(","),
    )
    assert columns.form == "external"
    return columns, [
        (entry.key, *to_canonical(mapped, entry.values)) for entry in columns.entries(table)
    ]


@pytest.mark.parametrize("entity", SAMPLES)
def test_a_sample_is_read_whole_by_the_presets(entity):
    data = (ROOT / "docs/connectors/hr" / f"{SAMPLES[entity]}.csv").read_bytes()
    columns, found = read(entity, data)
    assert not columns.unused, "each column of the sample is mapped"
    assert len(found) == 3
    for key, values, problems in found:
        assert key and values and not problems
    mapped = {line.field for line in lines(entity)}
    said = {name for name in mapped if any(values[name] is not None for _k, values, _p in found)}
    assert said == mapped, "the sample shows each of them"


def test_what_a_person_becomes():
    data = (ROOT / "docs/connectors/hr/employees.csv").read_bytes()
    _columns, ((key, ada, _), _ben, (_key, cleo, _p)) = read("employee", data)
    assert key == "1001"
    assert ada == {
        "name": "Ada Berg", "email": "ada.berg@firm.example", "active": True, "job_title": "Senior Architect",
        "role": Word("role", "Architect"), "selling_company": Word("company", "Firm GmbH"),
        "target_hours": Decimal(40), "cost_rate": Decimal("72.50"), "currency": "EUR", "cost_from": date(2026, 1, 1),
    }  # fmt: skip
    assert cleo["active"] is False


def test_a_leave_ends_with_its_last_day_and_may_begin_at_noon():
    data = (ROOT / "docs/connectors/hr/leave.csv").read_bytes()
    _columns, ((_key, whole, _), _sick, (_k, half, _p)) = read("leave", data)
    utc = timezone.utc
    assert whole["employee"] == Ref("employee", "1001")
    assert whole["starts_at"] == datetime(2026, 8, 3, tzinfo=utc)
    assert whole["ends_at"] == datetime(2026, 8, 7, 23, 59, 59, tzinfo=utc)
    assert half["starts_at"] == datetime(2026, 12, 23, 13, tzinfo=utc)


@pytest.mark.parametrize(
    ("entity", "text", "field", "expected"),
    [
        ("employee", "employee_number,first_name,work_email\n1,Ann,nobody\n", "email", "e-mail address"),
        ("employee", "employee_number,first_name,status\n1,Ann,Perhaps\n", "active", "listed choice"),
        ("employee", "employee_number,first_name,cost_rate\n1,Ann,much\n", "cost_rate", "number"),
        ("employee", "employee_number,first_name,cost_valid_from\n1,Ann,soon\n", "cost_from", "date"),
        ("employee", "employee_number,status\n1,Active\n", "name", None),
        ("leave", "leave_id,employee_number,from,to,status\n1,2,2026-02-30,2026-03-01,approved\n", "starts_at",
         "date and time"),
        ("leave", "leave_id,employee_number,from,to\n1,2,2026-02-01,2026-03-01\n", "approval", None),
        ("assignment", "assignment_id,project,hours,from,to,booking\n1,P,8,2026-02-01,2026-03-01,maybe\n", "booking",
         "listed choice"),
    ],
)  # fmt: skip
def test_a_fault_names_its_field_and_what_should_be_there(entity, text, field, expected):
    _columns, ((_key, _values, (problem,)),) = read(entity, text.encode())
    assert problem.params["field"] == field
    if expected:
        assert problem.params["expected"] == expected


def test_nothing_is_called():
    product = get_connector_class("hr")(None, None, {}, {}, lambda: datetime.now(timezone.utc))
    (item,) = product.check()
    assert (item.ok, item.code) == (True, "uploaded_only")
    assert product.account_id() == "" and product.fetch("employee", ["1"]) == {}
    page = product.poll("employee", None, datetime.now(timezone.utc))
    assert (list(page.records), page.more) == ([], False)
    assert (product.asks, product.by_file) == (False, True)
    assert (Connector.asks, Connector.by_file) == (True, False)
