"""Each process has its page for when something is wrong."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_every_process_has_a_runbook_that_is_listed():
    shipped = (ROOT / "data/hub_process.xml").read_text()
    kinds = re.findall(r'<field name="kind">(\w+)</field>', shipped)
    assert len(kinds) > 5
    listed = (ROOT / "docs/runbooks/README.md").read_text()
    for kind in kinds:
        page = f"{kind.replace('_', '-')}.md"
        assert f"({page})" in listed
        text = (ROOT / "docs/runbooks" / page).read_text()
        assert {"## By hand", "## Who decides"} <= set(text.splitlines())
