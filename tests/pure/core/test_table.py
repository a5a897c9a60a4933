import pytest
from hypothesis import given
from hypothesis import strategies as st

from lead_to_cash_hub.core.problem import Problem
from lead_to_cash_hub.core.table import (
    MOST_ROWS,
    Columns,
    flat,
    plain_number,
    read_table,
    safe_cell,
    write_table,
)

FIELDS = {"name": "text", "amount": "money", "lines.product": "text", "lines.quantity": "decimal"}
PATHS = {
    "properties.name": ("text", "none"),
    "amount": ("money", "minor_units"),
    "companies[0]": ("ref:customer", "none"),
}


def refused(function, *arguments, **more):
    with pytest.raises(Problem) as caught:
        function(*arguments, **more)
    return caught.value.code


@pytest.mark.parametrize(
    ("data", "delimiter", "encoding"),
    [
        (b"id,name\n1,Ann\n", ",", "utf-8-sig"),
        ("\ufeffid;name\n1;Ann\n".encode(), ";", "utf-8-sig"),
        ("id\tname\n1\tÄnn\n".encode("cp1252"), "\t", "cp1252"),
        ("id|name\n1|Ann\n".encode("utf-16"), "|", "utf-16"),
        (b'id,name\r\n1,"Lee, Ann"\r\n', ",", "utf-8-sig"),
        (b"\n\nid,name\n\n1,Ann\n,\n", ",", "utf-8-sig"),
    ],
)
def test_files_as_people_save_them(data, delimiter, encoding):
    table = read_table(data)
    assert (table.header, table.delimiter, table.encoding) == (["id", "name"], delimiter, encoding)
    assert len(table.rows) == 1 and table.rows[0][1]["id"] == "1"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "table_empty"),
        (b"id,name\n", "table_empty"),
        (b"id,id\n1,2\n", "table_column_twice"),
        (b"id,name\n1,2,3\n", "table_ragged"),
        (b'id,name\n1,"2\n', "table_unreadable"),
        (b"id\0,name\n1,2\n", "table_unreadable"),
        (b"\x81\x8d\n\x81", "table_encoding"),
        (b"id,name\n" + b"1,2\n" * (MOST_ROWS + 1), "table_too_many_rows"),
        (b"x" * 10_000_001, "table_too_large"),
        (b"," * 300 + b"\n1\n", "table_empty"),
        (b"a," * 300 + b"\n1\n", "table_too_wide"),
    ],
)
def test_files_that_are_no_table_are_refused_with_a_reason(data, code):
    assert refused(read_table, data) == code


@pytest.mark.parametrize(
    ("text", "decimal", "number"),
    [
        ("1234.5", "", "1234.5"),
        ("1.234,50", "", "1234.50"),
        ("1,234.50", "", "1234.50"),
        ("1 234,50", "", "1234.50"),
        ("1'234.50", "", "1234.50"),
        ("12,5", "", "12.5"),
        ("1,234", ",", "1.234"),
        ("1,234", ".", "1234"),
        ("-7", "", "-7"),
    ],
)
def test_numbers_as_people_write_them(text, decimal, number):
    assert plain_number(text, decimal) == number


def test_a_number_that_could_mean_two_things_is_refused():
    assert refused(plain_number, "1,234") == "number_unclear"


@given(st.decimals(-(10**9), 10**9, places=2), st.sampled_from([",", "."]))
def test_what_is_written_with_either_mark_is_read_back(value, decimal):
    other = "." if decimal == "," else ","
    text = f"{value:,.2f}".replace(",", "#").replace(".", decimal).replace("#", other)
    assert plain_number(text, decimal) == f"{value:.2f}"


def entries(text, form="", decimal="."):
    table = read_table(text.encode())
    columns = Columns(table.header, FIELDS, PATHS, form)
    return columns, columns.entries(table, decimal)


def test_canonical_columns():
    columns, (entry,) = entries("external_id,name,amount,note\n7,Ann,10.50,x\n")
    assert (columns.form, columns.unused) == ("canonical", ["note"])
    assert (entry.key, entry.values) == ("7", {"name": "Ann", "amount": "10.50"})


def test_external_paths_make_the_payload_of_the_product():
    columns, (entry,) = entries("id,properties.name,amount\n7,Ann,1050\n")
    assert columns.form == "external"
    assert entry.values == {"properties": {"name": "Ann"}, "amount": 1050}
    columns, _entries = entries("id,amount,companies[0]\n7,1,2\n", "external")
    assert columns.unused == ["companies[0]"], "a path that is more than keys cannot be filled"


def test_rows_of_one_id_are_one_record_with_its_lines():
    _columns, (entry,) = entries("id,name,lines.product,lines.quantity\n7,Ann,A,1\n7,Ann,B,2\n")
    assert entry.values["lines"] == [
        {"product": "A", "quantity": "1"},
        {"product": "B", "quantity": "2"},
    ]


def test_the_same_row_twice_is_once_and_two_versions_are_refused():
    _columns, (entry,) = entries("id,name\n7,Ann\n7,Ann\n")
    assert entry.problem is None and entry.values == {"name": "Ann"}
    _columns, (entry,) = entries("id,name\n7,Ann\n7,Bob\n")
    assert (entry.problem.code, entry.problem.params["line"]) == ("table_twice", 3)


def test_each_bad_line_is_told_and_the_others_are_kept():
    _columns, found = entries('id,amount\n1,5\n,6\n3,"1,234"\n', decimal="")
    assert [entry.problem.code if entry.problem else None for entry in found] == [
        None,
        "table_no_key",
        "number_unclear",
    ]
    assert found[2].problem.params["field"] == "amount"


def test_a_table_without_id_or_known_columns_is_refused():
    assert refused(entries, "name\nAnn\n") == "table_no_id"
    assert refused(entries, "id,colour\n1,red\n") == "table_no_columns"


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("=HYPERLINK(1)", "'=HYPERLINK(1)"),
        ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"),
        ("-2+3", "'-2+3"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\tx", "'\tx"),
        ("\rx", "'\rx"),
        ("-12.50", "-12.50"),
        ("+49", "+49"),
        ("plain", "plain"),
        (None, ""),
        (0, "0"),
    ],
)
def test_no_cell_is_a_formula(value, cell):
    assert safe_cell(value) == cell


def test_what_is_written_is_read_back():
    rows = [{"id": "1", "a.b": 'x,"y"\nz', "c.0": "ü"}]
    assert flat({"id": "1", "a": {"b": 'x,"y"\nz'}, "c": ["ü"]}) == rows[0]
    data = write_table(["id", "a.b", "c.0"], rows)
    assert read_table(data).rows[0][1] == rows[0]


@given(st.text(st.characters(codec="utf-8"), max_size=12))
def test_a_cell_never_begins_like_a_formula_unless_it_is_a_number(text):
    cell = safe_cell(text)
    if cell[:1] in ("=", "+", "-", "@", "\t", "\r"):
        float(cell.replace(",", "."))
