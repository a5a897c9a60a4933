from decimal import Decimal

import pytest

from lead_to_cash_hub.core import strict_json


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", "empty"),
        (b"  \n", "empty"),
        (b"\xef\xbb\xbf{}", "bom"),
        ("{}".encode("utf-16"), "nul"),
        (b'{"a":"\xff"}', "encoding"),
        (b'{"a":"\xed\xa0\x80"}', "encoding"),
        (b'{"a":"\\ud800"}', "surrogate"),
        (b'{"a\\u0000":1}', "nul"),
        (b'{"a":"x\\u0000y"}', "nul"),
        (b'{"a":1,"a":2}', "duplicate_key"),
        (b'{"a":{"b":1,"\\u0062":2}}', "duplicate_key"),
        (b'{"a":NaN}', "constant"),
        (b"[Infinity]", "constant"),
        (b"[-Infinity]", "constant"),
        (b"[1e999999]", "number"),
        (b"[1e31]", "number"),
        (b"[1e-31]", "number"),
        (b"[" + b"9" * 5000 + b"]", "number"),
        (b"[0." + b"9" * 5000 + b"]", "number"),
        (b"[" * 101 + b"]" * 101, "depth"),
        (b"[" * 10_000 + b"]" * 10_000, "depth"),
        (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, "depth"),
        (b"{", "syntax"),
        (b'{"a":1}x', "syntax"),
        (b"{'a':1}", "syntax"),
        (b'{"a":"\n"}', "syntax"),
    ],
)
def test_refuses(raw, code):
    with pytest.raises(strict_json.BadJson) as caught:
        strict_json.loads(raw)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b'\xef\xbb\xbf{"a":1}', {"a": 1}),
        (b'{"a":"x\\u0000y"}', {"a": "x\ufffdy"}),
        (b'{"a":"x\x00y"}', {"a": "x\ufffdy"}),
        (b'{"\\u0000":1}', {"\ufffd": 1}),
        (b'[{"a":["\\ud800", "\\ud83d\\ude00"]}]', [{"a": ["\ufffd", "\U0001f600"]}]),
        (b'{"a":"\xff"}', {"a": "\ufffd"}),
        (b"[1e999999]", ["1e999999"]),
        (b"[" + b"9" * 50 + b"]", ["9" * 50]),
        (b"[NaN, -Infinity]", ["NaN", "-Infinity"]),
        (b'{"a":1,"a":2}', {"a": 2}),
        (b'{"a":0.10}', {"a": Decimal("0.10")}),
    ],
)
def test_repairs_what_one_record_of_many_may_hold(raw, value):
    assert strict_json.loads(raw, repair=True) == value
    assert strict_json.loads(strict_json.dumps(value)) == value


@pytest.mark.parametrize("raw", [b"", b"{", b"[" * 10_000 + b"]" * 10_000, b"<html>", b"{}\x00"])
def test_what_is_no_json_is_not_repaired(raw):
    with pytest.raises(strict_json.BadJson):
        strict_json.loads(raw, repair=True)


def test_brackets_inside_strings_are_no_depth():
    assert strict_json.loads(b'["' + b"[" * 500 + b'\\"{"]') == ["[" * 500 + '"{']


@pytest.mark.parametrize("raw", [b'["' + b'\\"' * 400_000, b'"' * 500_001, b"[" + b"\\" * 500_000])
def test_a_broken_megabyte_is_refused_in_linear_time(raw):
    with pytest.raises(strict_json.BadJson):
        strict_json.loads(raw)


def test_numbers_keep_every_digit():
    value = strict_json.loads(b'{"a":0.1,"b":1.50,"c":12345678901234567890,"d":1e3}')
    assert value == {
        "a": Decimal("0.1"),
        "b": Decimal("1.50"),
        "c": 12345678901234567890,
        "d": Decimal("1e3"),
    }
    assert strict_json.dumps(value) == b'{"a":0.1,"b":1.50,"c":12345678901234567890,"d":1000}'


def test_writing_is_canonical():
    left = strict_json.dumps({"b": [1, None, True], "a": "é\u2028\n"})
    right = strict_json.dumps({"a": "é\u2028\n", "b": (1, None, True)})
    assert left == right == '{"a":"é\u2028\\n","b":[1,null,true]}'.encode()
    assert strict_json.loads(left) == {"b": [1, None, True], "a": "é\u2028\n"}


@pytest.mark.parametrize("value", [float("nan"), Decimal("Infinity"), Decimal("1e500"), "\ud800"])
def test_writing_refuses_what_cannot_be_read(value):
    with pytest.raises(strict_json.BadJson):
        strict_json.dumps([value])


@pytest.mark.parametrize("value", [object(), {1: 2}, {"a": b"x"}])
def test_writing_refuses_what_is_no_json(value):
    with pytest.raises(TypeError):
        strict_json.dumps(value)
