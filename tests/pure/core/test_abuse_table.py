"""The table of abuse cases in the documentation names tests that exist."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
# `tests/test_x.py::test_name`, `…::test_name_…`, `TestClass`
NAMED = re.compile(r"(?:^|::)((?:test_|Test)\w+)(…?)$")


def test_each_abuse_case_names_tests_that_are_there():
    files, names = set(), set()
    for path in (ROOT / "tests").rglob("*.py"):
        files.add(path.name)
        names.update(re.findall(r"^\s*(?:def|class) (\w+)", path.read_text(), re.M))
    text = (ROOT / "docs/security.md").read_text().partition("## Abuse cases and their tests")[2]
    cited = re.findall(r"`([^`]+)`", text)
    assert len(cited) > 100
    wrong = []
    for one in cited:
        file = re.match(r"(?:\S+/)?(\w+\.py)(?:::|$)", one)
        if file and file[1] not in files:
            wrong.append(one)
        if named := NAMED.search(one.removesuffix(".py") if "::" in one else one):
            name, more = named.groups()
            if not any(real.startswith(name) if more else real == name for real in names):
                wrong.append(one)
    assert not wrong
