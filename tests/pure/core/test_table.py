import pytest
from hypothesis import given
from hypothesis import strategies as st

from lead_to_cash_hub.core.problem import Problem
from lead_to_cash_hub.core.table import (
    MOST_ROWS,
    Columns,
    flat,
    plain_day,
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


@pytest.mark.parametrize(
    ("text", "order", "day"),
    [
        ("2026-03-04", "", "2026-03-04"),
        ("2026-03-04T08:00:00Z", "mdy", "2026-03-04T08:00:00Z"),
        ("2026/3/4", "", "2026-03-04"),
        ("04.03.2026", "", "2026-03-04"),
        ("4.3.2026 13:00", "", "2026-03-04 13:00"),
        ("31/12/2026", "", "2026-12-31"),
        ("12/31/2026", "", "2026-12-31"),
        ("3/3/2026", "", "2026-03-03"),
        ("03/04/2026", "dmy", "2026-04-03"),
        ("03/04/2026", "mdy", "2026-03-04"),
        ("03/04.2026", "", "03/04.2026"),
        ("soon", "", "soon"),
        ("1.2.20265", "", "1.2.20265"),
    ],
)
def test_days_as_people_write_them(text, order, day):
    assert plain_day(text, order) == day


def test_a_day_that_could_be_two_is_refused():
    assert refused(plain_day, "03/04/2026") == "day_unclear"


@given(st.dates(), st.sampled_from([("dmy", "%d/%m/%Y"), ("mdy", "%m/%d/%Y"), ("", "%d.%m.%Y")]))
def test_a_day_that_is_written_in_an_order_is_read_back(day, how):
    order, notation = how
    text = day.strftime(notation.replace("%Y", f"{day.year:04}"))
    assert plain_day(text, order) == day.isoformat()


def entries(text, form="", decimal=".", fields=FIELDS, paths=PATHS, key=(), days=""):
    table = read_table(text.encode())
    columns = Columns(table.header, fields, paths, form, key)
    return columns, columns.entries(table, decimal, days)


PEOPLE = {
    '[first, "Last Name"] | [?@]': ("text", "join"),
    '"Employee #"': ("ref:employee", "none"),
    "since": ("date", "none"),
    "until": ("datetime", "day_end"),
    "born": ("date", "date_format"),
    "pay.rate": ("money", "none"),
    "tags[0]": ("text", "none"),
}


def people(text, **more):
    return entries(text, "external", fields={}, paths=PEOPLE, **more)


def test_headers_in_words_and_parts_of_an_expression_are_columns():
    columns, (entry,) = people(
        'id,first,Last Name,Employee #,pay.rate,tags,tags[0]\n7,Ann,Lee,12,"10,5",a,b\n', decimal=""
    )
    assert columns.unused == ["tags", "tags[0]"], "a list stands in no column"
    assert entry.values == {
        "first": "Ann", "Last Name": "Lee", "Employee #": "12", "pay": {"rate": "10.5"},
    }  # fmt: skip


def test_days_are_read_unless_the_mapping_does():
    text = "id,since,until,born\n7,01.02.2026,03.02.2026,04.05.1990\n"
    _columns, (entry,) = people(text)
    assert entry.values == {"since": "2026-02-01", "until": "2026-02-03", "born": "04.05.1990"}
    _columns, (entry,) = people("id,since\n7,01/02/2026\n")
    assert (entry.problem.code, entry.problem.params["field"]) == ("day_unclear", "since")
    _columns, (entry,) = people("id,since\n7,01/02/2026\n", days="mdy")
    assert entry.values == {"since": "2026-01-02"}


def test_several_columns_name_a_record_together():
    key = ("Employee #", "since")
    columns, found = people(
        "employee #,since,until\n12,2026-02-01,2026-02-03\n12,2026-03-01,2026-03-02\n,2026-04-01,\n",
        key=key,
    )
    assert [entry.key for entry in found[:2]] == ["12/2026-02-01", "12/2026-03-01"]
    assert found[0].values == {"since": "2026-02-01", "until": "2026-02-03"}
    assert found[2].problem.code == "table_no_key" and not columns.unused
    columns, (entry,) = people("id,since\n7,2026-02-01\n", key=key)
    assert (columns.key, entry.key) == (["id"], "7"), "a file that has an id of its own is taken"
    with pytest.raises(Problem) as caught:
        people("since\n2026-02-01\n", key=key)
    assert caught.value.params["wanted"] == list(key)


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
