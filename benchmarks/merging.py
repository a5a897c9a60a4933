"""Line: the three-way merge of whole records in ``core``, beside reading the same three sides from JSON."""

import json
import random
import time
from datetime import datetime, timedelta

from core.merge import View, couple, merge, next_base
from core.ownership import RULES, Book

from .frame import Line

FIELDS = [f"field_{number}" for number in range(12)]
SYSTEM = 1


def _record(chance):
    """One record of 12 fields: what was agreed, what each side says now; a third of them changed."""
    base = {name: f"value {chance.randrange(1000)}" for name in FIELDS}
    source, odoo = dict(base), dict(base)
    for side in (source, odoo):
        for name in chance.sample(FIELDS, 4):
            side[name] = f"value {chance.randrange(1000)}"
    return base, source, odoo


def _merge(book, record, when):
    base, source, odoo = record
    outcomes = {
        name: merge(
            book.of(name),
            SYSTEM,
            View(
                incoming=source[name],
                base=base[name],
                odoo=odoo[name],
                held=base[name],
                changed_at=when,
                odoo_at=when - timedelta(hours=1),
            ),
        )
        for name in FIELDS
    }
    couple(outcomes, (FIELDS[:2],))
    return next_base(base, source, outcomes)


def bench_merge(bench):
    """Records of 12 fields, every rule among them."""
    n = bench.size(50_000, 500)
    chance = random.Random(1)
    records = [_record(chance) for _number in range(n)]
    texts = [json.dumps(record) for record in records]
    book = Book(
        dict.fromkeys(FIELDS, "both"),
        [(name, None, RULES[place % len(RULES)], None) for place, name in enumerate(FIELDS)],
    )
    when = datetime(2026, 3, 1)

    def ours(_number):
        began = time.perf_counter()
        for record in records:
            _merge(book, record, when)
        return n / (time.perf_counter() - began)

    def reference(_number):
        began = time.perf_counter()
        for text in texts:
            json.loads(text)
        return n / (time.perf_counter() - began)

    return bench.alternate(ours, reference, unit="records/s", n=n)


# No ratio to reach: the reference only says how fast this machine is.
LINES = {
    "merge": Line(bench_merge, "three-way merges of records of 12 fields, beside reading them")
}
