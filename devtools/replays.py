"""`./hub replays`: many failed messages of three causes; two are mended, then all are planned, simulated,
replayed and taken back, in a browser and with real workers. Prints figures; takes pictures when asked to."""

import argparse
import json
import time

from .running import odoo_on_clone
from .screens import Screens
from .steps import say, step

FAILED = "[('state', '=', 'failed')]"
FILL = """
import hashlib
import json
from odoo.addons.lead_to_cash_hub.models.flow.cursors import short_cursor
from odoo.addons.lead_to_cash_hub.models.flow.receive import Incoming

count = %d
company = env.ref("base.main_company")
system = env["hub.system"].create({"name": "HubSpot", "product": "hubspot", "environment": "sandbox",
    "base_url": "https://api.hubapi.com", "account_ref": "1", "company_ids": [(6, 0, company.ids)]})
system.state = "connected"
system.stream_ids.poll = False
system.stream_ids.filtered(lambda stream: stream.direction == "out").active = False
env.cr.commit()

def one(entity, key, properties, **more):
    body = {"id": key, "properties": properties} | more
    return Incoming(entity, key, f"{entity}/{key}".encode(), "snapshot", "change", None,
                    "2026-03-01T00:00:00.000Z", json.dumps(body).encode())

def unlike(number):
    # names that resemble no other: those would be asked about
    return hashlib.sha256(str(number).encode()).hexdigest()[:16].title()

rows = [one("customer", f"c{n}", {"name": unlike(n), "domain": f"n{n}.example", "country": "Atlantis",
                                  "city": "Port Royal"}) for n in range(count * 4 // 10)]
rows += [one("customer", f"x{n}", {"domain": f"x{n}.example"}) for n in range(count * 3 // 10)]
rows += [one("opportunity", f"d{n}", {"dealname": f"Advice {n}", "amount": "1250.00", "deal_currency_code": "USD",
                                      "service_line": "advisory"}, pipeline_stage={"isWon": False}, line_items=[])
         for n in range(count - len(rows))]
for start in range(0, len(rows), 500):
    with short_cursor(env) as cr:
        env["hub.receive"]._store(cr, system.id, "1", rows[start:start + 500], lane=1)
env["hub.engine"]._wake()
"""
MEND = """
env["res.country"].create({"name": "Atlantis", "code": "QX"})
vocabulary = env["hub.vocabulary"].search([("code", "=", "service_line")])
term = vocabulary.term_ids[:1] or env["hub.vocabulary.term"].create(
    {"vocabulary_id": vocabulary.id, "code": "advisory", "name": "Advisory"})
env["hub.vocabulary.word"].create({"term_id": term.id, "word": "advisory",
    "system_id": env["hub.system"].search([], limit=1).id})
env.cr.commit()
"""


def replays(session, arguments):
    """Run it and return 0 when the result is what the causes say it must be."""
    parser = argparse.ArgumentParser(prog="hub replays")
    parser.add_argument("--count", type=int, default=1000, help="failed messages")
    options = parser.parse_args(arguments)
    with odoo_on_clone(session, "replays") as running:
        with step(f"{options.count} messages come and fail"):
            running.shell(FILL % options.count)
            _until(
                running, "SELECT count(*) FROM hub_message WHERE state = 'failed'", options.count
            )
            running.shell(MEND)
        screens = Screens(running.url)
        try:
            return _use(running, screens, options.count)
        finally:
            screens.close()


def _use(running, screens, count):
    screens.take("replay_1_issues", "/odoo/hub-issues")
    page = screens.page
    screens.take("replay_2_new", "/odoo/hub-replays/new")
    page.fill(".o_field_widget[name=why] input", "Country added, service line mapped")
    page.click("button[name=action_plan]")
    page.wait_for_selector("button[name=action_start]:visible", timeout=60_000)
    screens.shoot("replay_3_plan")
    began = time.monotonic()
    page.click("button[name=action_simulate]")
    page.wait_for_selector(".o_form_view .progress", timeout=30_000)
    page.wait_for_timeout(2500)
    screens.shoot("replay_4_simulating")
    page.wait_for_selector(".o_arrow_button_current:has-text('Finished')", timeout=120_000)
    seconds = time.monotonic() - began
    screens.shoot("replay_5_simulated")
    page.click("button[name=action_view_records]")
    page.wait_for_selector(".o_data_row, .o_group_header")
    screens.shoot("replay_6_differences")
    page.go_back()
    page.wait_for_selector("button[name=action_view_records]")
    page.go_back()
    page.wait_for_selector("button[name=action_start]:visible", timeout=60_000)
    began = time.monotonic()
    page.click("button[name=action_start]")
    page.wait_for_selector("button[name=action_cancel]:visible", timeout=60_000)
    screens.shoot("replay_7_running")
    page.wait_for_selector("button[name=action_undo]:visible", timeout=180_000)
    ran = time.monotonic() - began
    screens.shoot("replay_8_result")
    page.click("button[name=action_view_lines]")
    page.wait_for_selector(".o_group_header, .o_data_row")
    screens.shoot("replay_9_records")
    page.go_back()
    page.wait_for_selector("button[name=action_undo]:visible", timeout=60_000)
    page.click("button[name=action_undo]")
    page.wait_for_selector("button[name=action_start]:visible", timeout=120_000)
    screens.shoot("replay_10_undo_plan")
    page.fill(".o_field_widget[name=why] input", "Wrong country after all")
    page.click("button[name=action_start]")
    page.wait_for_selector(".o_arrow_button_current:has-text('Finished')", timeout=180_000)
    screens.shoot("replay_11_undone")
    seen = dict(running.sql("SELECT outcome, count(*) FROM hub_replay_line GROUP BY outcome"))
    missing = count * 3 // 10
    wanted = {"done": count - missing, "failed": missing}
    say(f"Simulated in {seconds:.1f} s, replayed in {ran:.1f} s: {json.dumps(seen)}")
    undone = dict(
        running.sql("SELECT coalesce(outcome, verdict), count(*) FROM hub_undo_line GROUP BY 1")
    )
    say(f"Taken back: {json.dumps(undone)}")
    if seen != wanted:
        say(f"✗ The result should be {json.dumps(wanted)}.")
    return 0 if seen == wanted else 1


def _until(running, query, wanted, seconds=180):
    """Wait until a count is reached; the engine's own workers do the work."""
    end = time.monotonic() + seconds
    while running.sql(query)[0][0] < wanted:
        if time.monotonic() > end:
            raise RuntimeError(f"{running.sql(query)[0][0]} of {wanted} after {seconds} s")
        time.sleep(0.5)
