"""What a billing run found, as sentences: ``code -> function(finding)``."""

from odoo.tools import format_date, formatLang


def _money(finding, amount=None):
    value = finding.amount if amount is None else amount
    return formatLang(finding.env, value, currency_obj=finding.currency_id)


def _figures(finding):
    return {
        "count": finding.count,
        "hours": f"{finding.hours:.2f}",
        "amount": _money(finding),
        **(finding.params or {}),
    }


def _purchase_order(finding):
    return finding.env._(
        "The customer needs its purchase order number on the invoice. Enter it on the contract, then propose again."
    )


def _po_used_up(finding):
    return finding.env._(
        "%(amount)s would be billed; the purchase orders that the contract has are out of date or too small "
        "(%(left)s left in all). Enter the customer's next one on the contract, then propose again.",
        amount=_money(finding),
        left=_money(finding, finding.params["left"]),
    )


def _over_cap(finding):
    return finding.env._(
        "%(count)s entries (%(hours)s h, %(amount)s) are over the cap of %(cap)s, of which %(used)s are billed. "
        "They are kept and not billed until the cap is raised by a change order.",
        count=finding.count,
        hours=f"{finding.hours:.2f}",
        amount=_money(finding),
        cap=_money(finding, finding.params["cap"]),
        used=_money(finding, finding.params["used"]),
    )


def _retainer_over(finding):
    return finding.env._(
        "%(count)s entries (%(hours)s h, %(amount)s) are beyond the retainer, which bills no overage. They are kept "
        "and wait for the next period's allowance, or until overage is allowed.",
        **_figures(finding),
    )


def _not_accepted(finding):
    return finding.env._(
        "Reached, but not accepted by the customer yet: %(amount)s (milestones: %(count)s). Enter the acceptance in "
        "the project's milestones, then propose again.",
        **_figures(finding),
    )


def _contact(finding):
    return finding.env._(
        "The billing address of %(customer)s lacks: %(missing)s. Complete the contact, then propose again.",
        **finding.params,
    )


def _no_contact(finding):
    return finding.env._(
        "The customer wants invoices sent to a billing contact, and none is named. Choose it as “Bill To” on the "
        "contract, then propose again."
    )


def _period(finding):
    return finding.env._(
        "%(date)s is in a locked period (%(locks)s). Discard this run and make one with a later invoice date, or "
        "ask for an exception to the lock.",
        **finding.params,
    )


def _held(finding):
    return finding.env._("Billing of this contract is held: %(reason)s", **finding.params)


def _disputed(finding):
    return finding.env._(
        "%(invoices)s is disputed (%(amount)s open). Settle it first, or take this in although it is.",
        **_figures(finding),
    )


def _minimum(finding):
    return finding.env._(
        "%(amount)s is less than the smallest invoice of the contract (%(least)s). It is billed with the next "
        "period, or when somebody takes it in.",
        amount=_money(finding),
        least=_money(finding, finding.params["least"]),
    )


def _service(finding):
    return finding.env._(
        "%(line)s has no service code. Give the product an internal reference, then propose again.",
        **finding.params,
    )


def _rate(finding):
    return finding.env._(
        "%(line)s would be billed at %(price)s; the contract says %(contract)s. Correct the order, then propose "
        "again; a renegotiated price needs a new contract.",
        line=finding.params["line"],
        price=_money(finding, finding.params["price"]),
        contract=_money(finding, finding.params["contract"]),
    )


def _unapproved(finding):
    return finding.env._(
        "Not approved, so not included: %(hours)s h, %(amount)s (entries: %(count)s, people: %(people)s).",
        **_figures(finding),
    )


def _no_rate(finding):
    return finding.env._(
        "%(count)s approved entries (%(hours)s h, by %(people)s) have no rate in %(card)s and are not included. Add or "
        "extend a rate, or plan these people with a role of the card, then propose again.",
        **_figures(finding),
    )


def _earlier(finding):
    return finding.env._(
        "%(count)s approved entries (%(hours)s h, %(amount)s) are from before the period and are not included. A "
        "run without a first day bills them.",
        **_figures(finding),
    )


def _other_run(finding):
    return finding.env._(
        "%(count)s entries (%(hours)s h, %(amount)s) wait for approval in %(runs)s and are not included.",
        **_figures(finding),
    )


def _negative(finding):
    return finding.env._(
        "%(line)s comes to %(hours)s, less than nothing, and is not included. Credit the customer instead.",
        line=finding.params["line"],
        hours=f"{finding.hours:.2f}",
    )


def _outside(finding):
    return finding.env._(
        "%(lines)s (%(amount)s): billed by what is ordered or delivered, not by approved work, so not by a run. "
        "Press Create Invoice on the order for it.",
        **_figures(finding),
    )


def _missed(finding):
    return finding.env._(
        "%(count)s instalments or periods (%(amount)s) were due before %(first)s and are billed now: %(names)s.",
        **{**_figures(finding), "first": format_date(finding.env, finding.params["first"])},
    )


def _unusual(finding):
    return finding.env._(
        "%(percent)s %% of what the last period came to (%(previous)s).",
        percent=finding.params["percent"],
        previous=_money(finding, finding.params["previous"]),
    )


FINDING_SENTENCES = {
    "purchase_order": _purchase_order,
    "customer_data": _contact,
    "po_used_up": _po_used_up,
    "billing_contact": _no_contact,
    "period_lock": _period,
    "service_code": _service,
    "rate": _rate,
    "held": _held,
    "disputed": _disputed,
    "minimum": _minimum,
    "unapproved": _unapproved,
    "not_accepted": _not_accepted,
    "no_rate": _no_rate,
    "earlier": _earlier,
    "other_run": _other_run,
    "over_cap": _over_cap,
    "retainer_over": _retainer_over,
    "negative": _negative,
    "outside": _outside,
    "missed": _missed,
    "unusual": _unusual,
}
