"""The benchmark works: lines run in their small form, and says what the JSON has to say."""

import json

from devtools import bench

# Not those that start servers, fetch a peer or last a minute.
LINES = ["inbound_update", "timesheet_create", "memory", "growth"]


def test_the_small_form_measures(hub_env, tmp_path, capsys):
    path = tmp_path / "figures.json"
    assert (
        bench.bench(hub_env, [*LINES, "--quick", "--json", str(path), "--plots", str(tmp_path)])
        == 0
    )
    figures = json.loads(path.read_text())
    assert [figure["name"] for figure in figures] == LINES
    for figure in figures:
        assert set(figure) == {"name", "value", "reference", "ratio", "unit", "n"}
        assert figure["n"] > 0 and figure["reference"] > 0
    assert (tmp_path / "growth.svg").read_text().startswith("<svg")
    table = capsys.readouterr().out
    assert all(line in table for line in LINES) and "load average" in table
