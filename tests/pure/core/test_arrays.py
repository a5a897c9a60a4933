import json

from core.arrays import array


def test_values_of_one_kind():
    assert array([1, None, -3]) == "{1,NULL,-3}"
    assert array([0.5, None]) == "{0.5,NULL}"
    assert array([]) == "{}"


def test_texts_are_quoted_whatever_they_hold():
    assert array(["a,b", "NULL", "", None]) == '{"a,b","NULL","",NULL}'
    assert array(['say "x"', "back\\slash", "{1}"]) == r'{"say \"x\"","back\\slash","{1}"}'
    assert array([json.dumps({"n": 'a"b'})]) == r'{"{\"n\": \"a\\\"b\"}"}'
