"""The findings of the invoice checks as sentences: ``code -> function(env, params, ok)``."""


def _ledger(env, params, ok):
    if ok:
        return env._("Every quantity is what the billing ledger holds.")
    return env._(
        "%(line)s: the draft says %(quantity)s, the billing ledger %(ledger)s. Restore the "
        "quantities, or take the entries off the invoice.",
        **params,
    )


def _service(env, params, ok):
    if ok:
        return env._("Every line has a service code.")
    return env._("%(line)s has no service code. Give the product an internal reference.", **params)


def _rate(env, params, ok):
    if ok:
        return env._("Every price is the price of the contract.")
    return env._(
        "%(line)s is billed at %(price)s; the contract says %(contract)s. Correct the line; "
        "a renegotiated price needs a new contract.",
        **params,
    )


def _tax(env, params, ok):
    if ok:
        return env._("Every line has its tax.")
    return env._(
        "%(line)s has no tax, and no fiscal position says why. Set the tax, or the fiscal position "
        "of %(customer)s.",
        **params,
    )


def _customer(env, params, ok):
    if ok:
        return env._("The billing address is complete.")
    return env._(
        "The billing address of %(customer)s lacks: %(missing)s. Complete the contact.", **params
    )


def _approval(env, params, ok):
    if ok:
        return env._("All billed time is approved.")
    return env._(
        "%(count)s billed entries (%(hours)s h) are not approved. Approve them, or take them off "
        "the invoice.",
        **params,
    )


def _left_out(env, params, ok):
    if ok:
        return env._("No time of the period waits for approval.")
    return env._(
        "%(count)s entries (%(hours)s h, %(amount)s %(currency)s) of %(people)s people in this "
        "period are not approved and are left out. They are billed with the next run once they "
        "are approved.",
        **params,
    )


def _purchase_order(env, params, ok):
    if ok:
        return env._("The purchase order number is given, or none is needed.")
    if "number" in params:
        if params["number"]:
            return env._(
                "Purchase order %(number)s is overdrawn by %(amount)s %(currency)s. Enter the customer's next one "
                "on contract %(contract)s.",
                **params,
            )
        return env._(
            "No purchase order of contract %(contract)s is valid on the day of the invoice and has %(amount)s "
            "%(currency)s left. Enter the customer's next one on the contract.",
            **params,
        )
    return env._(
        "%(customer)s needs its purchase order number on the invoice. Enter it on contract "
        "%(contract)s.",
        **params,
    )


def _period(env, params, ok):
    if ok:
        return env._("The period is open.")
    return env._(
        "%(date)s is in a locked period (%(locks)s). Choose a later invoice date, or ask for an "
        "exception to the lock.",
        **params,
    )


def _cap(env, params, ok):
    if ok:
        return env._("The time is within the cap, or there is none.")
    return env._(
        "With this invoice %(over)s %(currency)s more than the cap of %(contract)s (%(cap)s %(currency)s) are "
        "billed. Take time off the invoice, or raise the cap.",
        **params,
    )


def _held(env, params, ok):
    if ok:
        return env._("Billing of the contract is neither held nor disputed.")
    if "invoices" in params:
        return env._(
            "%(invoices)s of %(contract)s is disputed. Settle it first, or approve this although it is.",
            **params,
        )
    return env._(
        "Billing of %(contract)s is held: %(reason)s. Take the hold off first, or delete this draft and take the "
        "contract in by a billing run.",
        **params,
    )


def _lines(env, params, ok):
    if ok:
        return env._("There is something to bill.")
    return env._("Nothing is left on this document. Delete it.")


CHECK_SENTENCES = {
    "lines": _lines,
    "ledger": _ledger,
    "service_code": _service,
    "rate": _rate,
    "tax": _tax,
    "customer_data": _customer,
    "approval": _approval,
    "left_out": _left_out,
    "purchase_order": _purchase_order,
    "period_lock": _period,
    "cap": _cap,
    "held": _held,
}
