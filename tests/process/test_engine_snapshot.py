"""An old snapshot is held open while many messages are processed: a claim stays cheap."""

import json

import pytest

from devtools import databases
from devtools.running import Running
from devtools.supervisor import Supervisor

pytestmark = pytest.mark.alone

MESSAGES, BATCH = 150_000, 1_000

SCRIPT = r"""
import json, statistics, time
from odoo.tools import SQL
from odoo.addons.lead_to_cash_hub.models.flow.cursors import short_cursor

COUNT, BATCH = PARAMS
LANE, PARTS = 1, list(range(64))
claim, low_water = env["hub.claim"], env["hub.low.water"]
env["hub.lane"].search([]).workers = 1
env.cr.commit()


def pending(first, count):
    with short_cursor(env) as cr:
        cr.execute(
            "INSERT INTO hub_message (direction, kind, action, state, external_id, order_key, part, lane)"
            " SELECT 'in', 'snapshot', 'change', 'pending', n, n, n & 63, %s FROM generate_series(%s, %s) n",
            [LANE, first, first + count - 1])


def process():
    # as a drainer does, but for what becomes of the messages
    with env.registry.cursor() as cr:
        ids = [row["id"] for row in claim._claim(cr, LANE, PARTS, BATCH)]
        cr.execute("UPDATE hub_message SET state = 'done' WHERE id = ANY(%s)", [ids])
    return len(ids)


class Explained:
    # a cursor that explains the statements on messages instead of giving their rows
    def __init__(self, cr):
        self.cr, self.pages = cr, 0

    def execute(self, query, params=None, **_options):
        if "hub_message" not in getattr(query, "code", query):
            return self.cr.execute(query, params)
        self.cr.execute(SQL("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) %s", query))
        plan = self.cr.fetchone()[0][0]["Plan"]
        self.pages += plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]

    def dictfetchall(self):
        return []

    def __getattr__(self, name):
        return getattr(self.cr, name)


def measured():
    # milliseconds (best, median) and pages of locking the partitions and claiming from them
    took = []
    for _turn in range(7):
        started = time.perf_counter()
        with short_cursor(env) as lock:
            parts = claim._lock_parts(lock, LANE)
            with env.registry.cursor() as cr:
                rows = claim._claim(cr, LANE, parts, BATCH)
                cr.rollback()
        took.append(1000 * (time.perf_counter() - started))
        assert len(rows) == 128, len(rows)
    with env.registry.cursor() as cr:
        explained = Explained(cr)
        claim._claim(explained, LANE, PARTS, BATCH)
        cr.rollback()
    return min(took), statistics.median(took), explained.pages


old = env.registry.cursor()
old.execute("SELECT count(*) FROM hub_message")  # a dump, a report: it only reads
pending(1, COUNT)
env.cr.execute("ANALYZE hub_message")
env.cr.commit()
done = turn = 0
while count := process():
    done += count
    turn += 1
    if turn % 4 == 0:
        low_water._raise()
low_water._raise()
pending(COUNT + 1, 128)
held = measured()
with short_cursor(env) as cr:
    cr.execute("UPDATE hub_lane_part SET low_water = NULL")
without = measured()
old.close()
print("RESULT" + json.dumps([done, held, without]))
"""


@pytest.fixture(scope="module")
def running(hub_env):
    """A database without a server."""
    with databases.lent(hub_env, "process") as name:
        odoo = Supervisor(hub_env, name)
        yield Running(odoo)
        odoo.stop()


def test_an_old_snapshot_does_not_make_the_claim_slow(running):
    printed = running.shell(SCRIPT.replace("PARAMS", repr((MESSAGES, BATCH))))
    done, held, without = json.loads(printed.split("RESULT", 1)[1].splitlines()[0])
    print(f"claim (best ms, median ms, pages): {held}; from the beginning: {without}")
    assert done == MESSAGES
    assert held[0] < 25, "milliseconds, the best of seven: the machine is shared"
    assert held[2] < without[2] / 10, "pages that the claim looks at"
