"""What stands in the way of a deal."""

from .sentence_tools import listed, money


def _deal_incomplete(env, p):
    labels = {
        "name": env._("name"),
        "customer": env._("customer"),
        "amount": env._("amount"),
        "currency": env._("currency"),
        "lines": env._("line items"),
        "service_line": env._("service line with a project template"),
    }
    missing = listed(labels.get(name, name) for name in p["missing"])
    return (
        env._(
            "“%(name)s”, %(amount)s, is won, but it lacks: %(missing)s. Owner: %(owner)s.",
            name=p["name"],
            amount=money(env, p["amount"], p["currency"]),
            missing=missing,
            owner=p["owner"] or env._("unknown"),
        ),
        env._("Fill it in in the CRM; nothing was started, and it comes back by itself."),
    )


def _schedule_incomplete(env, p):
    whys = {
        "interval": env._("it is billed each “%(value)s”, and month, quarter or year is known"),
        "billed_in": env._("it is billed in “%(value)s”, and advance or arrears is known"),
        "periods": env._("it does not say for how many periods (1 to 600)"),
        "first_day": env._("it does not say from which day on, and the deal has no start date"),
        "service": env._("its service is not billed by milestones"),
        "both": env._("it is billed by instalments and by periods"),
        "sum": env._("its instalments come to %(value)s, and it is worth %(fee)s"),
        "nothing": env._("one of its instalments comes to nothing"),
        "service_days": env._(
            "“%(value)s” gives one day of its service only, or ends before it begins"
        ),
        "line": env._("the instalment “%(value)s” names no line of the deal"),
    }
    figures = {
        "value": money(env, p["value"], p["currency"]) if p["why"] == "sum" else p["value"],
        "fee": money(env, p["fee"], p["currency"]) if p["fee"] else "",
    }
    return (
        env._(
            "“%(name)s” is won, but “%(line)s” cannot be billed as it says: %(why)s.",
            name=p["name"],
            line=p["line"] or env._("a schedule"),
            why=whys[p["why"]] % figures,
        ),
        env._("Mend it in the CRM; nothing was started, and it comes back by itself."),
    )


def _negative_deal(env, p):
    return (
        env._(
            "“%(name)s” has a line that cannot be sold: “%(line)s”, %(quantity)s × %(price)s.",
            name=p["name"],
            line=p["line"],
            quantity=p["quantity"],
            price=p["price"],
        ),
        env._("Correct the line in the CRM; the deal comes back by itself."),
    )


def _deal_total_differs(env, p):
    if p["order_currency"] != p["currency"]:
        return (
            env._(
                "“%(name)s” is in %(currency)s, but its order would be in %(other)s.",
                name=p["name"],
                currency=p["currency"],
                other=p["order_currency"],
            ),
            env._("Create a price list in that currency without prices, then replay."),
        )
    return (
        env._(
            "“%(name)s” says %(amount)s, but its lines come to %(lines)s.",
            name=p["name"],
            amount=money(env, p["amount"], p["currency"]),
            lines=money(env, p["lines"], p["currency"]),
        ),
        env._(
            "Make amount and lines agree in the CRM. If they do, prices include tax in Odoo: "
            "use taxes that are added to the price."
        ),
    )


def _service_not_billable(env, p):
    return (
        env._(
            "“%(name)s” in “%(deal)s” stands for %(product)s, which is billed neither by "
            "timesheets nor by milestones nor as an expense.",
            name=p["name"],
            deal=p["deal"],
            product=p["product"],
        ),
        env._("Set the product's invoicing policy, or map the service to another product."),
    )


def _no_exchange_rate(env, p):
    return (
        env._(
            "%(company)s has no %(currency)s rate for %(date)s; amounts are never taken 1:1 "
            "into %(own)s.",
            company=p["company"],
            currency=p["currency"],
            date=p["date"],
            own=p["company_currency"],
        ),
        env._("Enter the rate of that day; everything that waits for it goes on."),
    )


def _currency_not_active(env, p):
    return (
        env._("The currency %(currency)s is not active in Odoo.", currency=p["currency"]),
        env._("Activate it and enter its rate, then replay."),
    )


def _wrong_company(env, p):
    return (
        env._(
            "%(name)s belongs to %(other)s, but %(company)s is selling.",
            name=p["name"],
            other=p["other"],
            company=p["company"],
        ),
        env._("Correct the selling company in the source, or share the record between companies."),
    )


def _deal_state(env, p):
    return env._(
        "%(contract)s “%(name)s”: %(amount)s signed, %(invoiced)s invoiced, %(hours)s h worked "
        "(cost %(cost)s)",
        contract=p["contract"],
        name=p["name"],
        amount=money(env, p["old"], p["currency"]),
        invoiced=money(env, p["invoiced"], p["currency"]),
        hours=p["hours"],
        cost=money(env, p["cost"], p["company_currency"]),
    )


def _deal_reopened(env, p):
    return (
        env._(
            "The deal was re-opened after its project had started. %(state)s. Nothing was undone.",
            state=_deal_state(env, p),
        ),
        env._("Keep it as it is (skip with a reason), or close the contract with a final invoice."),
    )


def _deal_lost_after_start(env, p):
    return (
        env._(
            "The deal was set to lost after its project had started. %(state)s. Nothing was "
            "undone.",
            state=_deal_state(env, p),
        ),
        env._(
            "Correct the stage in the CRM, or close the contract with a final invoice or credit."
        ),
    )


def _deal_deleted_after_start(env, p):
    return (
        env._(
            "The deal was deleted in the CRM after its project had started. %(state)s. Nothing "
            "was undone.",
            state=_deal_state(env, p),
        ),
        env._("Restore it there, or skip with a reason; the contract stays."),
    )


def _amount_changed_after_start(env, p):
    return (
        env._(
            "The amount changed to %(new)s after the start. %(state)s.",
            new=money(env, p["new"], p["new_currency"]),
            state=_deal_state(env, p),
        ),
        env._(
            "Agree a change order and adjust contract and order, or correct the CRM. What is "
            "posted stays."
        ),
    )


def _lines_changed_after_start(env, p):
    return (
        env._(
            "The line items changed after the start, the amount did not. %(state)s.",
            state=_deal_state(env, p),
        ),
        env._("Adjust contract and order, or correct the CRM."),
    )


def _terms_changed_after_start(env, p):
    return (
        env._(
            "The CRM says the payment terms “%(theirs)s” after the start; the contract has “%(ours)s”. %(state)s.",
            theirs=p["theirs"],
            ours=p["ours"] or env._("none"),
            state=_deal_state(env, p),
        ),
        env._("Agree them and set them on contract and order, then replay; or correct the CRM."),
    )


DEAL_SENTENCES = {
    "deal_incomplete": _deal_incomplete,
    "deal_total_differs": _deal_total_differs,
    "schedule_incomplete": _schedule_incomplete,
    "negative_deal": _negative_deal,
    "service_not_billable": _service_not_billable,
    "no_exchange_rate": _no_exchange_rate,
    "currency_not_active": _currency_not_active,
    "wrong_company": _wrong_company,
    "deal_reopened": _deal_reopened,
    "deal_lost_after_start": _deal_lost_after_start,
    "deal_deleted_after_start": _deal_deleted_after_start,
    "amount_changed_after_start": _amount_changed_after_start,
    "lines_changed_after_start": _lines_changed_after_start,
    "terms_changed_after_start": _terms_changed_after_start,
}
