"""Mapping and validation in `core/`, beside reading the same JSON."""

import csv
import json
import time

from core import strict_json
from core.mapping import Line as MappedField
from core.mapping import compile_all
from devtools import paths

from . import payloads
from .frame import Line


def _preset(mapping):
    """The lines of a shipped preset, as the hub reads them."""
    kinds = {
        row["id"]: (row["name"], row["kind"], row["required"] == "True")
        for row in _rows("hub.entity.field.csv")
    }
    return [
        MappedField(
            *kinds[row["field_id/id"]][:2],
            row["path"],
            row["transform"],
            row["argument"],
            kinds[row["field_id/id"]][2],
        )
        for row in _rows("hub.mapping.line.csv")
        if row["mapping_id/id"] == mapping
    ]


def _rows(name):
    with (paths.ROOT / "data" / name).open(newline="") as file:
        return list(csv.DictReader(file))


def bench_map(bench):
    """Payloads a second from JSON to checked canonical values; the reference only reads the JSON."""
    count = bench.size(20_000, 500)
    bodies = [json.dumps(payloads.company(number)).encode() for number in range(count)]
    mapping = compile_all({"customer": _preset("mapping_hubspot_customer_in")})["customer"]

    def ours(_round):
        started = time.perf_counter()
        for body in bodies:
            _values, problems = mapping.canonical(strict_json.loads(body))
            if problems:
                raise AssertionError(problems[0].code)
        return count / (time.perf_counter() - started)

    def reference(_round):
        started = time.perf_counter()
        for body in bodies:
            json.loads(body)
        return count / (time.perf_counter() - started)

    return bench.alternate(ours, reference, unit="payloads/s", n=count)


LINES = {"map": Line(bench_map, "JSON to checked canonical values, beside json.loads of the same")}
