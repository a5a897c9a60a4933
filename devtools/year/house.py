"""One company of the year: what its people, customers and products do, over HTTP as everybody does."""

from collections import defaultdict
from datetime import datetime, time, timedelta, timezone

from ..steps import say
from ..story.world import World
from .judge import refund_of
from .plan import ABROAD, HOUSES

TASKS = {"CONS": "Consulting", "ARCH": "Architecture"}
PAID_AFTER = timedelta(days=5)
LINKED = """
    SELECT count(*) || '/' || count(*) FILTER (WHERE a.hub_approval = 'approved')
      FROM hub_link l
      JOIN hub_entity e ON e.id = l.entity_id AND e.code = 'time_entry'
      JOIN account_analytic_line a ON a.id = l.res_id
     WHERE l.system_id = %s
"""
SPENT = """
    SELECT count(*) FROM hub_link l JOIN hub_entity e ON e.id = l.entity_id AND e.code = 'expense'
     WHERE l.system_id = %s
"""
STARTED = """
    SELECT l.external_id, c.id, c.code, c.project_id, c.partner_id
      FROM hub_link l
      JOIN hub_entity e ON e.id = l.entity_id AND e.code = 'opportunity'
      JOIN crm_lead d ON d.id = l.res_id
      JOIN hub_contract c ON c.lead_id = d.id AND c.state = 'active'
     WHERE l.system_id = %s
"""


class House:
    """A company of the firm.

    :param context: :class:`devtools.context.Context` with its own sandboxes
    :param name: as in :data:`.plan.HOUSES`
    :param ids: what :func:`.firm.set_up` returned for it
    """

    def __init__(self, context, name, ids, plan, verdict):
        self.name, self.plan, self.verdict = name, plan, verdict
        self.world = World(context, ids)
        self.company = ids["company"]
        self.ids = ids
        self.contracts = {one.key: one for one in plan.of(name)}
        self.started = {}  # contract → its row in Odoo
        self.places = {}  # contract → project and tasks in the tracker
        self.keys = {}  # entry → its id in the tracker
        self.assigned = set()  # people on projects there
        self.sent = self.approved = self.spent = 0
        self.disputed = {}  # contract → (invoice, run) whose payment is held
        self.entries, self.expenses = defaultdict(list), defaultdict(list)
        for kept, rows in ((self.entries, plan.entries), (self.expenses, plan.expenses)):
            for row in rows:
                if row.contract in self.contracts:
                    kept[row.turn].append(row)

    def call(self, model, method, ids=None, user="admin", **more):
        """Call Odoo as a user, in this company."""
        more.setdefault("context", {"allowed_company_ids": [self.company]})
        return self.world.call(model, method, ids, user=user, **more)

    def read(self, model, domain, fields, user="ben"):
        return self.call(model, "search_read", domain=domain, fields=fields, user=user)

    def quiet(self):
        """Wait until the hub has done all that it can do by itself."""
        if not self.world.quiet(timeout=600):
            say(f"  {self.name}: the hub does not come to rest")

    # -- contracts -----------------------------------------------------------------------------

    def sign(self):
        """Connect the products; win all deals, told twice and shuffled; enter the terms that no deal has."""
        world = self.world
        world.crm.hire("Rita", "Resolver", "rita@firm.example")
        world.tracker.hire(self.plan.people[self.name])
        self.call("hub.system", "action_test_connection", list(self.ids["systems"].values()))
        deals, (_currency, _code, country, state, *_rest) = {}, HOUSES[self.name]
        for number, one in enumerate(self.contracts.values()):
            slug = one.customer.replace(" ", "").lower()
            company = {
                "name": one.customer,
                "domain": f"{slug}.example",
                "street": f"{number + 1} {one.customer.split()[0]} Street",
                "city": one.customer.split()[1],
                "zip": f"{10000 + number * 7}",
                "country": country if one.at_home else ABROAD,
            }
            if state and one.at_home:
                company["state"] = state
            name = f"{one.customer} {one.kind}"
            made = world.crm.deal(
                name, company, one.lines, start=one.won.isoformat(), currency=one.currency
            )
            deals[str(made["deal"])] = one.key
            world.crm.close(made["deal"], one.won.isoformat())
        world.crm.deliver(duplicate=1, shuffle=self.plan.seed + 1, split=1)
        rows = []

        def started():
            rows[:] = world.sql(STARTED, (world.crm.system,))
            return len(rows) == len(deals)

        world.context.eventually(started, timeout=120)
        for deal, contract, code, project, partner in rows:
            self.started[deals[deal]] = {
                "id": contract, "code": code, "project": project, "partner": partner,
            }  # fmt: skip
        for key, row in self.started.items():
            mail = f"ap@{self.contracts[key].customer.replace(' ', '').lower()}.example"
            self.call("res.partner", "write", [row["partner"]], vals={"email": mail})
            self._enter_terms(self.contracts[key], row)
        self.quiet()
        for key, row in self.started.items():
            found = world.context.eventually(lambda row=row: self._place_of(row), timeout=120)
            self.places[key] = found
            self.assigned |= {(found[0], user) for user in found[2]}

    def _place_of(self, row):
        """The project of a contract in the tracker, once it has its tasks."""
        found = self.world.tracker.projects(row["code"])
        return found[0] if found and set(TASKS.values()) <= found[0][1].keys() else None

    def _enter_terms(self, one, row):
        """Terms that a person enters in Odoo, for no deal states them."""
        terms = {}
        if one.cap:
            terms["cap_amount"] = float(one.cap)
        if one.rounding:
            terms |= {"round_level": "entry", "round_minutes": one.rounding}
        if terms:
            self.call("hub.contract", "write", [row["id"]], vals=terms)
        for number, since, until in one.orders:
            values = {
                "contract_id": row["id"],
                "number": number,
                "date_from": since.isoformat(),
                "date_to": until.isoformat(),
            }
            self.call("hub.purchase.order", "create", vals_list=[values])
        if one.retainer:
            values = {
                "contract_id": row["id"],
                "allowance": one.retainer["hours"],
                "fee": float(one.retainer["fee"]),
                "product_id": self.ids["mile"],
                "date_from": self.plan.first.isoformat(),
                "date_to": self.plan.cutoffs[-1].isoformat(),
                "overage_allowed": one.retainer["overage"],
                "carry": "limited" if one.retainer["carry"] else "none",
                "carry_limit": one.retainer["carry"],
            }
            self.call("hub.retainer", "create", vals_list=[values])

    # -- work ----------------------------------------------------------------------------------

    def work(self, turn):
        """Time and costs of a period appear in the tracker; what was late is approved; milestones are reached."""
        tracker, entries = self.world.tracker, self.entries[turn]
        wanted = {(self._place(entry)[0], tracker.users[entry.who]) for entry in entries}
        wanted |= {(self._place(cost)[0], tracker.users[cost.who]) for cost in self.expenses[turn]}
        new, self.assigned = sorted(wanted - self.assigned), self.assigned | wanted
        made = tracker.seed(
            user_assignments=[{"project": p, "user": u} for p, u in new],
            time_entries=[self._time(entry) for entry in entries],
            expenses=[
                {
                    "user": tracker.users[cost.who],
                    "project": self._place(cost)[0],
                    "expense_category": {"id": 9, "name": "Travel"},
                    "spent_date": cost.day.isoformat(),
                    "total_cost": float(cost.amount),
                    "notes": "On site",
                    "approval_status": "approved",
                }
                for cost in self.expenses[turn]
            ],
        )
        for entry, key in zip(entries, made["time_entries"], strict=True):
            self.keys[entry.key] = key
        late = [
            self.keys[entry.key]
            for entry in self.entries[turn - 1]
            if turn and entry.approved == turn
        ]
        if late:
            tracker.control("approve", {"ids": late})
        self.sent += len(entries)
        self.spent += len(self.expenses[turn])
        self.approved += len(late) + sum(entry.approved == turn for entry in entries)
        self._reach(turn)

    def arrive(self):
        """Wait until all of that stands in Odoo."""
        system = self.world.tracker.system
        wanted = f"{self.sent}/{self.approved}"
        seen = self.world.until(LINKED, wanted, (system,), timeout=600)
        if seen != wanted:
            say(f"  {self.name}: {seen} entries arrived, of {wanted}")
        self.world.until(SPENT, self.spent, (system,))

    def _place(self, row):
        return self.places[row.contract]

    def _time(self, entry):
        project, tasks, _people = self._place(entry)
        return {
            "user": self.world.tracker.users[entry.who],
            "project": project,
            "task": tasks[TASKS[entry.code]],
            "spent_date": entry.day.isoformat(),
            "hours": float(entry.hours),
            "billable": entry.billable,
            "notes": f"Work {entry.key}",
            "approval_status": "approved" if entry.approved == entry.turn else "submitted",
        }

    def _reach(self, turn):
        since = self.plan.cutoffs[turn - 1] if turn else self.plan.first
        for key, row in self.started.items():
            for name, day in self.contracts[key].milestones.items():
                if since < day <= self.plan.cutoffs[turn]:
                    domain = [("project_id", "=", row["project"]), ("name", "=", name)]
                    ids = [m["id"] for m in self.read("project.milestone", domain, [], "admin")]
                    # Reaching it says today; the day is corrected afterwards.
                    for vals in ({"is_reached": True}, {"reached_date": day.isoformat()}):
                        self.call("project.milestone", "write", ids, vals=vals)

    # -- bill ----------------------------------------------------------------------------------

    def bill(self, turn):
        """A resolver proposes the run, an approver approves all of it."""
        last = self.plan.cutoffs[turn].isoformat()
        batch = self.call(
            "hub.billing.batch",
            "create",
            vals_list=[{"company_id": self.company, "date_to": last, "invoice_date": last}],
            user="rita",
        )
        self.call("hub.billing.batch", "action_propose", batch, user="rita")
        lines = (
            "SELECT count(*) FROM hub_billing_batch_line WHERE batch_id = %s AND state = ANY(%s)"
        )
        if self.world.sql(lines, (batch[0], ["proposed"]))[0][0]:
            self.call("hub.billing.batch", "action_approve", batch, user="ben")
            self.world.until(lines, 0, (batch[0], ["proposed", "approved"]), timeout=900)
        self.batch = batch[0]

    # -- pay -----------------------------------------------------------------------------------

    def pay(self, turn):
        """Customers pay what they were billed by the plan's figures; some dispute it first."""
        last = self.plan.cutoffs[turn]
        domain = [
            ("hub_contract_id", "in", [row["id"] for row in self.started.values()]),
            ("move_type", "=", "out_invoice"),
            ("state", "=", "posted"),
            ("invoice_date", "=", last.isoformat()),
        ]
        moves = {
            move["hub_contract_id"][0]: move
            for move in self.read("account.move", domain, ["name", "hub_contract_id"])
        }
        settled, self.disputed = self.disputed, {}
        for key, (number, move, then) in settled.items():
            self.call("account.move", "action_toggle_block_payment", [move], user="rita")
            self._pay(key, then, number, "whole")
        refunds = []
        for key, row in self.started.items():
            move = moves.get(row["id"])
            if not move or (key, turn) not in self.verdict.invoices:
                continue
            how = self.plan.paying[key, turn]
            if how == "disputed":
                self.call("account.move", "action_toggle_block_payment", [move["id"]], user="rita")
                self.disputed[key] = (move["name"], move["id"], turn)
            elif how != "open":
                paid = self._pay(key, turn, move["name"], how)
                if how == "refunded":
                    refunds.append((key, paid))
        self.world.provider.deliver(duplicate=1, shuffle=self.plan.seed + turn + 1)
        if refunds:
            self.quiet()
            self._refund(turn, refunds)
        self._pay_out(turn)

    def _pay(self, key, turn, number, how):
        """:return: id of the (last) payment"""
        total = round(self.verdict.invoices[key, turn].total * 100)
        parts = [total // 3, total - total // 3] if how == "parts" else [total]
        currency = self.contracts[key].currency.lower()
        when = self._moment(turn, PAID_AFTER)
        ids = [self.world.provider.pay(part, number, currency, created=when) for part in parts]
        return ids[-1]

    def _pay_out(self, turn):
        """What is in the balance goes to the bank, days after it was paid."""
        self.quiet()
        if self.world.provider.balance("net") > 0:
            when = self._moment(turn, PAID_AFTER + timedelta(days=4))
            self.world.provider.pay_out(HOUSES[self.name][0].lower(), created=when)
            self.world.provider.deliver(duplicate=1, shuffle=self.plan.seed + turn)

    def _moment(self, turn, later):
        day = self.plan.cutoffs[turn] + later
        return int(datetime.combine(day, time(12), timezone.utc).timestamp())

    def _refund(self, turn, refunds):
        for key, payment in refunds:
            amount = refund_of(self.verdict.invoices[key, turn])
            when = self._moment(turn, PAID_AFTER + timedelta(days=2))
            self.world.provider.refund(payment, round(amount * 100), created=when)
        self.world.provider.deliver(duplicate=1, shuffle=self.plan.seed)
        self.quiet()
        domain = [("move_type", "=", "out_refund"), ("hub_approval", "=", "to_approve")]
        notes = [note["id"] for note in self.read("account.move", domain, [])]
        if notes:
            self.call("account.move", "action_hub_approve", notes, user="ben")
