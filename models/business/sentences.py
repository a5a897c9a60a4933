"""What stands in the way of a deal, an hour or a payment, said to the person who can decide.

``BUSINESS_SENTENCES`` maps a code to ``function(env, params) -> (what happened, what to do)``;
amounts, hours and names are in the first sentence, because people decide by them.
"""

from odoo import models

from .sentence_tools import Facts, listed, money
from .sentences_deal import DEAL_SENTENCES
from .sentences_employee import EMPLOYEE_SENTENCES
from .sentences_identity import IDENTITY_SENTENCES
from .sentences_payment import PAYMENT_SENTENCES
from .sentences_payout import PAYOUT_SENTENCES

# --- time and expenses --------------------------------------------------------------------------


def _entry(env, p):
    return env._(
        "%(hours)s h by %(employee)s on %(project)s, %(date)s",
        hours=p["hours"],
        employee=p["employee"],
        project=p["project"],
        date=p["date"],
    )


def _negative_hours(env, p):
    return (
        env._("%(entry)s: an entry needs more than zero hours.", entry=_entry(env, p)),
        env._("Correct it in the time tracker, or delete it there and skip this."),
    )


def _employee_missing(env, p):
    return (
        env._("%(entry)s: the employee no longer exists in Odoo.", entry=_entry(env, p)),
        env._("Link the person of the time tracker to an employee, then replay."),
    )


def _employee_wrong_company(env, p):
    return (
        env._(
            "%(entry)s: %(employee)s works for %(other)s, the project belongs to %(company)s.",
            entry=_entry(env, p),
            employee=p["employee"],
            other=p["other"],
            company=p["company"],
        ),
        env._("Link the person's employee record of that company, or book the time elsewhere."),
    )


def _employee_left(env, p):
    return (
        env._(
            "%(entry)s is after the person's last day, %(left)s.",
            entry=_entry(env, p),
            left=p["left"],
        ),
        env._("Correct the day in the time tracker or in the personnel file, then replay."),
    )


def _employee_archived(env, p):
    return (
        env._(
            "%(entry)s: the employee is archived, and Odoo takes no time for archived people.",
            entry=_entry(env, p),
        ),
        env._("Reactivate the employee until the last entries are in, then replay them."),
    )


def _no_valid_contract(env, p):
    if p["hours"]:
        what = env._(
            "%(entry)s, task “%(task)s”, is billable, but no order line says at what rate.",
            entry=_entry(env, p),
            task=p["task"] or "–",
        )
    else:
        what = env._(
            "%(amount)s of expenses on %(project)s, %(date)s, are billable, but the "
            "project has no confirmed order.",
            amount=money(env, p["amount"], p["currency"]),
            project=p["project"],
            date=p["date"],
        )
    return what, env._(
        "Link the task to an order line, move it to another task, or mark it as "
        "not billable in the source."
    )


def _outside_contract(env, p):
    return (
        env._(
            "%(entry)s falls outside contract %(contract)s (%(start)s – %(end)s).",
            entry=_entry(env, p),
            contract=p["contract"],
            start=p["start"] or "…",
            end=p["end"] or "…",
        ),
        env._("Extend the contract, book it on another one, or mark it as not billable."),
    )


def _no_rate_in_card(env, p):
    names = {
        "entry": _entry(env, p),
        "card": p["card"],
        "service": p["service"],
        "roles": p["roles"] or env._("no role"),
    }
    if p["several"]:
        return (
            env._(
                "%(entry)s (%(service)s) has more than one rate in “%(card)s”: the person has the roles %(roles)s.",
                **names,
            ),
            env._(
                "Plan the person with one role on this project, or give the person a rate of his own, then replay."
            ),
        )
    if not p["ended"]:
        return (
            env._(
                "%(entry)s (%(service)s, %(roles)s) has no rate in “%(card)s” on that day.", **names
            ),
            env._("Add the rate to the card, or plan the person with another role, then replay."),
        )
    unit = env._("a day") if p["unit"] == "day" else env._("an hour")
    return (
        env._(
            "%(entry)s (%(service)s, %(roles)s) has no rate in “%(card)s” on that day; the last one ended on "
            "%(ended)s (%(price)s %(unit)s).",
            ended=p["ended"],
            price=money(env, p["price"], p["currency"]),
            unit=unit,
            **names,
        ),
        env._(
            "Extend the rate in the card, add the next one, or plan the person with another role, then replay."
        ),
    )


def _no_rate(env, p):
    if "card" in p:
        return _no_rate_in_card(env, p)
    return (
        env._(
            "%(entry)s would be billed by “%(line)s” of %(order)s, which has no price.",
            entry=_entry(env, p),
            line=p["line"],
            order=p["order"],
        ),
        env._("Enter the rate on the order line, then replay."),
    )


def _kept_as(env, p):
    """What the ledger says of an entry, and what to do where it is not billed: ``(words, advice or None)``."""
    if p["settled"] == "written_off":
        return (
            env._("it is written off (%s)", p["invoice"]),
            env._(
                "What is written off is kept. Make it billable again under Billing > Write-Offs and replay this, or "
                "skip it with a reason."
            ),
        )
    if p["settled"] == "consumed":
        return (
            env._("a closed period covered it (%s)", p["invoice"]),
            env._(
                "What a closed period covered does not change any more. Skip this with a reason; hours that are "
                "missing are booked on a later day."
            ),
        )
    amount = money(env, p["amount"], p["currency"])
    billed = env._("%(amount)s was billed on %(invoice)s", amount=amount, invoice=p["invoice"])
    return billed, None


def _changed_after_billing(env, p):
    kept, advice = _kept_as(env, p)
    if p["new_amount"]:
        change = env._("to %(amount)s", amount=money(env, p["new_amount"]))
    else:
        change = env._("%(old)s h to %(new)s h", old=p["old_hours"], new=p["new_hours"])
    return (
        env._(
            "Time or expenses of %(employee)s on %(project)s, %(date)s, changed (%(fields)s; "
            "%(change)s), but %(kept)s.",
            employee=p["employee"] or "–",
            project=p["project"],
            date=p["date"],
            fields=listed(p["fields"]),
            change=change,
            kept=kept,
        ),
        advice
        or env._(
            "The billed version is kept. Choose under Correct: credit and bill again, adjust with the next invoice, or "
            "leave the invoice as it is."
        ),
    )


def _approval_withdrawn_after_billing(env, p):
    kept, advice = _kept_as(env, p)
    return (
        env._(
            "The approval of %(old)s h by %(employee)s on %(project)s, %(date)s, was taken "
            "back, but %(kept)s.",
            old=p["old_hours"] or "–",
            employee=p["employee"] or "–",
            project=p["project"],
            date=p["date"],
            kept=kept,
        ),
        advice
        or env._(
            "Approve it again unchanged and this closes by itself, or choose Correct to credit it."
        ),
    )


def _deleted_at_source(env, p):
    if p["hours"]:
        what = env._(
            "%(hours)s h by %(employee)s, %(date)s, were deleted in the source.",
            hours=p["hours"],
            employee=p["employee"],
            date=p["date"],
        )
    else:
        what = env._("“%(name)s” was deleted in the source.", name=p["name"] or p["id"])
    if p["invoice"]:
        what += " " + env._("They are on %(invoice)s.", invoice=p["invoice"])
    return what, env._(
        "Nothing was deleted in Odoo. Keep it (skip with a reason), or remove it here yourself."
    )


def _negative_expense(env, p):
    return (
        env._(
            "An expense of %(amount)s on %(project)s, %(date)s, is not above zero.",
            amount=money(env, p["amount"], p["currency"]),
            project=p["project"],
            date=p["date"],
        ),
        env._("Correct it in the source; a repayment is a credit note."),
    )


def _order_locked(env, p):
    return (
        env._(
            "%(amount)s of expenses cannot be added: order %(order)s is locked.",
            amount=money(env, p["amount"], p["currency"]),
            order=p["order"],
        ),
        env._("Unlock the order, then replay."),
    )


def _expense_moved(env, p):
    return (
        env._(
            "Expense “%(name)s” of %(date)s (%(amount)s) is already in Odoo; in the source it "
            "changed since: %(fields)s (project %(project)s).",
            name=p["name"],
            date=p["date"],
            amount=money(env, p["amount"], p["currency"]),
            fields=listed(p["fields"]),
            project=p["project"],
        ),
        env._("Nothing was changed. Correct its order line and entry, then skip with a reason."),
    )


def _no_reimbursable_line(env, p):
    return (
        env._(
            "%(amount)s of expenses on %(project)s: contract %(contract)s has no line for "
            "expenses, and the source names no expense service.",
            amount=money(env, p["amount"], p["currency"]),
            project=p["project"],
            contract=p["contract"],
        ),
        env._("Map the expense category to an expense product, or mark it as not billable."),
    )


# --- why something was left out -----------------------------------------------------------------

SKIPPED = {
    "payment_pending": lambda env: env._("The payment is not final yet."),
    "payment_failed": lambda env: env._("The payment failed; no money moved."),
    "payment_canceled": lambda env: env._("The payment was canceled; no money moved."),
    "refund_pending": lambda env: env._("The refund is not final yet."),
    "refund_failed": lambda env: env._("The refund failed; no money moved."),
    "refund_canceled": lambda env: env._("The refund was canceled; no money moved."),
    "payout_pending": lambda env: env._(
        "The payout is not at the bank yet, or its parts are not known yet."
    ),
    "payout_failed": lambda env: env._("The payout failed before any money left."),
    "payout_canceled": lambda env: env._("The payout was canceled before any money left."),
    "not_approved": lambda env: env._("The expense is not approved yet."),
    "odoo_owns": lambda env: env._("Odoo owns projects; what a tracker says of them is not read."),
    "unknown": lambda env: env._("Odoo does not have it, so there is nothing to take back."),
}

BUSINESS_SENTENCES = {
    **DEAL_SENTENCES,
    **EMPLOYEE_SENTENCES,
    **IDENTITY_SENTENCES,
    **PAYMENT_SENTENCES,
    **PAYOUT_SENTENCES,
    "negative_hours": _negative_hours,
    "employee_missing": _employee_missing,
    "employee_wrong_company": _employee_wrong_company,
    "employee_left": _employee_left,
    "employee_archived": _employee_archived,
    "no_valid_contract": _no_valid_contract,
    "outside_contract": _outside_contract,
    "no_rate": _no_rate,
    "changed_after_billing": _changed_after_billing,
    "approval_withdrawn_after_billing": _approval_withdrawn_after_billing,
    "deleted_at_source": _deleted_at_source,
    "negative_expense": _negative_expense,
    "order_locked": _order_locked,
    "expense_moved": _expense_moved,
    "no_reimbursable_line": _no_reimbursable_line,
}


class HubSentence(models.AbstractModel):
    _inherit = "hub.sentence"

    def _find(self, code, params):
        if code in BUSINESS_SENTENCES:
            return BUSINESS_SENTENCES[code](self.env, Facts(params or {}))
        if code in SKIPPED:
            return SKIPPED[code](self.env), ""
        return super()._find(code, params)
