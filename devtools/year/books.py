"""The end of the year: the same figures as the plan, Odoo and the products have them, side by side."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from .judge import money
from .plan import HOUSES, YEAR

KINDS = {
    "contract": "crm",
    "time": "tracker",
    "billing": None,
    "invoice": None,
    "payment": "provider",
    "books": "books",
}
WINDOW = (date(YEAR, 1, 1), date(YEAR + 1, 1, 31))

# Each query answers rows of (currency, figure, …) of one company, named after the figures that it gives.
HOURS = {
    ("approved", "unapproved"): """
        SELECT u.name, sum(a.hub_source_hours::numeric) FILTER (WHERE a.hub_approval = 'approved'),
               sum(a.hub_source_hours::numeric) FILTER (WHERE a.hub_approval != 'approved')
          FROM account_analytic_line a
          JOIN project_project p ON p.id = a.project_id JOIN hub_contract c ON c.id = p.hub_contract_id
          JOIN res_currency u ON u.id = c.currency_id
         WHERE a.company_id = %s GROUP BY 1""",
    ("billed",): """
        SELECT u.name, sum(coalesce(nullif(b.worked, 0), b.quantity)::numeric - coalesce(b.consumed, 0)::numeric)
          FROM hub_billing b JOIN account_analytic_line a ON a.id = b.entry_id AND a.project_id IS NOT NULL
          JOIN res_currency u ON u.id = b.currency_id
         WHERE b.company_id = %s AND b.state NOT IN ('released', 'written_off') GROUP BY 1""",
    ("written off",): """
        SELECT u.name, sum(b.worked::numeric) FROM hub_billing b JOIN res_currency u ON u.id = b.currency_id
         WHERE b.company_id = %s AND b.state = 'written_off' GROUP BY 1""",
    ("over",): """
        SELECT u.name, sum(f.hours::numeric)
          FROM hub_billing_finding f JOIN hub_billing_batch_line l ON l.id = f.line_id
          JOIN res_currency u ON u.id = l.currency_id
         WHERE f.code IN ('over_cap', 'retainer_over')
           AND l.batch_id = (SELECT max(id) FROM hub_billing_batch WHERE company_id = %s) GROUP BY 1""",
    ("consumed", "not billable"): """
        SELECT name, sum(used), sum(free) FROM (
            SELECT u.name, r.used::numeric AS used, 0::numeric AS free
              FROM hub_retainer_period r JOIN hub_retainer t ON t.id = r.retainer_id
              JOIN hub_contract c ON c.id = t.contract_id JOIN res_currency u ON u.id = c.currency_id
             WHERE c.company_id = %(company)s
             UNION ALL
            SELECT u.name, CASE WHEN k.hourly THEN 0 ELSE a.hub_source_hours::numeric END,
                   CASE WHEN k.hourly THEN a.hub_source_hours::numeric ELSE 0 END
              FROM account_analytic_line a
              JOIN project_project p ON p.id = a.project_id JOIN hub_contract c ON c.id = p.hub_contract_id
              JOIN res_currency u ON u.id = c.currency_id
              CROSS JOIN LATERAL (SELECT EXISTS (SELECT 1 FROM hub_contract_line n
                                                  WHERE n.contract_id = c.id AND n.kind = 'time_material')) k(hourly)
             WHERE a.company_id = %(company)s AND a.hub_approval = 'approved' AND a.so_line IS NULL) x GROUP BY 1""",
    ("unbilled",): """
        SELECT u.name, sum(a.hub_source_hours::numeric)
          FROM account_analytic_line a JOIN sale_order_line s ON s.id = a.so_line
          JOIN sale_order o ON o.id = s.order_id JOIN res_currency u ON u.id = s.currency_id
         WHERE a.company_id = %s AND a.project_id IS NOT NULL AND a.hub_approval = 'approved'
           AND s.qty_delivered_method = 'timesheet'
           AND NOT EXISTS (SELECT 1 FROM hub_retainer r WHERE r.contract_id = o.hub_contract_id)
           AND NOT EXISTS (SELECT 1 FROM hub_billing b WHERE b.entry_id = a.id AND b.state != 'released')
         GROUP BY 1""",
}
MONEY = {
    ("invoices", "untaxed", "invoiced", "notes", "credited", "open"): """
        SELECT u.name, count(*) FILTER (WHERE m.move_type = 'out_invoice'),
               sum(m.amount_untaxed) FILTER (WHERE m.move_type = 'out_invoice'),
               sum(m.amount_total) FILTER (WHERE m.move_type = 'out_invoice'),
               count(*) FILTER (WHERE m.move_type = 'out_refund'),
               sum(m.amount_total) FILTER (WHERE m.move_type = 'out_refund'),
               sum(CASE WHEN m.move_type = 'out_invoice' THEN m.amount_residual ELSE -m.amount_residual END)
          FROM account_move m JOIN res_currency u ON u.id = m.currency_id
         WHERE m.company_id = %s AND m.state = 'posted' AND m.move_type IN ('out_invoice', 'out_refund')
         GROUP BY 1""",
    ("payments", "paid", "refunds", "refunded"): """
        SELECT u.name, count(*) FILTER (WHERE p.payment_type = 'inbound'),
               sum(p.hub_gross::numeric) FILTER (WHERE p.payment_type = 'inbound'),
               count(*) FILTER (WHERE p.payment_type = 'outbound'),
               sum(p.hub_gross::numeric) FILTER (WHERE p.payment_type = 'outbound')
          FROM account_payment p JOIN res_currency u ON u.id = p.hub_currency_id
         WHERE p.company_id = %s AND p.state IN ('in_process', 'paid') AND NOT coalesce(p.hub_payout, FALSE)
         GROUP BY 1""",
}
PAYOUTS = """
    SELECT count(*), coalesce(sum(hub_gross::numeric), 0) FROM account_payment
     WHERE journal_id = %s AND hub_payout AND state IN ('in_process', 'paid')
"""
BALANCE = """
    SELECT (SELECT sum(hub_fee::numeric) FROM account_payment
             WHERE journal_id = %(journal)s AND payment_type = 'inbound' AND state IN ('in_process', 'paid')),
           (SELECT sum(l.amount_currency) FROM account_move_line l
              JOIN account_journal j ON j.default_account_id = l.account_id
             WHERE j.id = %(journal)s AND l.parent_state = 'posted')
"""
FIGURES = (
    "approved h", "billed h", "waiting h", "written off h", "over cap h", "consumed h", "not billable h",
    "unapproved h", "invoices", "untaxed", "invoiced", "notes", "credited", "payments", "paid", "refunds",
    "refunded", "open",
)  # fmt: skip


@dataclass
class End:
    """How a year ended. :param rows: `(house, currency, figure, plan, Odoo, abroad, where)`, None where one has none
    :param compared: what the hub's own reconciliations say, `(house, kind, state, agreed, explained, unexplained)`
    :param left: messages that wait for a person, by cause
    """

    rows: list
    compared: list
    left: list
    seconds: float = 0.0
    memory: int = 0
    counts: dict = field(default_factory=dict)

    @property
    def agrees(self):
        """Whether nothing is left unexplained anywhere."""
        return (
            bool(self.rows)
            and not any(map(difference, self.rows))
            and not any(
                unexplained or state not in ("agreed", "explained")
                for _house, _kind, state, _agreed, _all, unexplained in self.compared
            )
            and not self.left
        )

    def text(self):
        """The ledgers side by side, as a table."""
        head = ("company", "", "figure", "expected", "Odoo", "abroad", "where", "difference")
        shown = [
            (*map(_shown, row[:6]), row[6] or "", f"{difference(row):.2f}") for row in self.rows
        ]
        shown = [head, *shown]
        widths = [max(len(row[column]) for row in shown) for column in range(len(head))]
        lines = [
            "  ".join(
                cell.rjust(width) if place in (3, 4, 5, 7) else cell.ljust(width)
                for place, (cell, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in shown
        ]
        lines += [
            "",
            *(
                f"{house}: {kind} {state}: {agreed} agree, {found} differ, {unexplained} unexplained"
                for house, kind, state, agreed, found, unexplained in self.compared
            ),
        ]
        lines += [f"left to a person: {count} × {code}" for code, count in self.left]
        total = sum(map(difference, self.rows), Decimal(0))
        lines += [
            "",
            f"{self.seconds:.0f} s, {self.memory} MB in Odoo's workers; unexplained difference {total:.2f}",
        ]
        return "\n".join(lines)


def difference(row):
    """How far the ledgers of a row are apart."""
    values = [Decimal(value) for value in row[3:6] if value is not None]
    return max(values) - min(values)


def _shown(value):
    if value is None:
        return "–"
    return f"{value:,.2f}" if isinstance(value, Decimal) else str(value)


def close(houses):
    """Wait for the books abroad, let the hub compare, and read all figures.

    :param houses: list of :class:`.house.House`
    :return: :class:`End`
    """
    for house in houses:
        house.quiet()
        house.world.context.eventually(lambda house=house: _sent(house), timeout=600, pause=1)
    compared = [row for house in houses for row in _compare(house)]
    rows = [row for house in houses for row in _rows(house)]
    left = houses[0].world.sql(
        "SELECT code, count(*) FROM hub_exception WHERE state = 'open' GROUP BY 1 ORDER BY 1"
    )
    return End(rows, compared, left)


def _sent(house):
    abroad = sum(count for count, _total in house.world.books.totals().values())
    posted = """SELECT count(*) FROM account_move WHERE company_id = %s AND state = 'posted'
                   AND move_type IN ('out_invoice', 'out_refund')"""
    return abroad == house.world.sql(posted, (house.company,))[0][0]


def _compare(house):
    """The hub's own reconciliations of the whole year."""
    values = [
        {
            "kind": kind,
            "company_id": house.company,
            "date_from": WINDOW[0].isoformat(),
            "date_to": WINDOW[1].isoformat(),
            **({"system_id": house.ids["systems"][player]} if player else {}),
        }
        for kind, player in KINDS.items()
    ]
    ids = house.call("hub.reconciliation", "create", vals_list=values, user="rita")
    house.call("hub.reconciliation", "action_compare", ids, user="rita")
    due = "SELECT count(*) FROM hub_reconciliation WHERE id = ANY(%s) AND state = 'due'"
    house.world.until(due, 0, (ids,), timeout=600)
    return house.world.sql(
        """SELECT %s, kind, state, agreed_count, difference_count, unexplained_count
             FROM hub_reconciliation WHERE id = ANY(%s) ORDER BY id""",
        (house.name, ids),
    )


def _rows(house):
    here, there = defaultdict(dict), _abroad(house)
    for queries in (HOURS, MONEY):
        for names, query in queries.items():
            parameters = {"company": house.company} if "%(" in query else (house.company,)
            for currency, *values in house.world.sql(query, parameters):
                here[currency].update(zip(names, values, strict=True))
    wanted = money(house.plan, house.verdict)
    currencies = sorted({one.currency for one in house.contracts.values()})
    for currency in currencies:
        own, booked = here[currency], wanted[house.name, currency]
        own["waiting"] = (own.get("unbilled") or 0) - _capped(house, currency)
        for figure in FIGURES:
            name = figure.removesuffix(" h").replace("over cap", "over")
            hours = figure.endswith(" h")
            expected = (
                house.verdict.hours[house.name, currency][name] if hours else getattr(booked, name)
            )
            whole = isinstance(expected, int) and not hours
            where, abroad = there.get((name, currency), (None, None))
            if name in NAMED and abroad is None:
                where, abroad = NAMED[name].format(house.world.books.label), 0
            values = [expected, own.get(name) or 0, abroad]
            if not whole:
                values = [
                    None if v is None else Decimal(v).quantize(Decimal("0.01")) for v in values
                ]
            yield (house.name, currency, figure, *values, where)
    home, provider, journal = HOUSES[house.name][0], house.world.provider, house.ids["journal"]
    fee, net = (Decimal(v or 0) for v in house.world.sql(BALANCE, {"journal": journal})[0])
    count, arrived = house.world.sql(PAYOUTS, (journal,))[0]
    paid_out = provider.paid_out()
    for figure, value, abroad in (
        ("fees", fee, provider.balance("fee")),
        ("paid out", arrived, sum(paid_out)),
        ("balance", net, provider.balance("net")),
    ):
        value, abroad = Decimal(value).quantize(Decimal("0.01")), Decimal(abroad) / 100
        yield (house.name, home, figure, None, value, abroad, "Stripe")
    yield (house.name, home, "payouts", None, count, len(paid_out), "Stripe")


# Figures that a product has as well, and which; nothing there is 0.
NAMED = {
    "approved": "Harvest",
    "unapproved": "Harvest",
    "invoices": "{}",
    "invoiced": "{}",
    "notes": "{}",
    "credited": "{}",
    "payments": "Stripe",
    "paid": "Stripe",
    "refunds": "Stripe",
    "refunded": "Stripe",
}


def _capped(house, currency):
    """Hours over caps, which are not in the ledger either: no retainer's."""
    query = """SELECT coalesce(sum(f.hours::numeric), 0)
                 FROM hub_billing_finding f JOIN hub_billing_batch_line l ON l.id = f.line_id
                 JOIN res_currency u ON u.id = l.currency_id
                WHERE f.code = 'over_cap' AND l.batch_id = %s AND u.name = %s"""
    return house.world.sql(query, (house.batch, currency))[0][0]


def _abroad(house):
    """What the products have: `{(figure, currency): (product, value)}`."""
    found = defaultdict(int)
    world, label = house.world, house.world.books.label
    projects = {place[0]: house.contracts[key].currency for key, place in house.places.items()}
    for row in world.tracker.rows("time_entries"):
        name = "approved" if row["approval_status"] == "approved" else "unapproved"
        found[name, projects[row["project"]["id"]], "Harvest"] += Decimal(str(row["hours"]))
    for (kind, currency), (count, total) in world.books.totals().items():
        note = kind.startswith("Credit")
        found["notes" if note else "invoices", currency, label] += count
        found["credited" if note else "invoiced", currency, label] += total
    state = world.provider.control("state")
    for kind, names in (
        ("payment_intents", ("payments", "paid")),
        ("refunds", ("refunds", "refunded")),
    ):
        for row in state[kind].values():
            if row["status"] == "succeeded":
                currency = row["currency"].upper()
                found[names[0], currency, "Stripe"] += 1
                found[names[1], currency, "Stripe"] += Decimal(row["amount"]) / 100
    return {(name, currency): (where, value) for (name, currency, where), value in found.items()}
