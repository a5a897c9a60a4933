"""What stands in the way of a payment or a refund."""

from .sentence_tools import listed, money


def _no_payment_journal(env, p):
    return (
        env._(
            "%(amount)s was paid, but %(system)s has no payment journal in %(company)s.",
            amount=money(env, p["amount"], p["currency"]),
            system=p["system"],
            company=p["company"],
        ),
        env._("Choose the journal in the system's form, then replay."),
    )


def _journal_not_ready(env, p):
    return (
        env._(
            "%(amount)s was paid, but journal %(journal)s books payments on a shared account, "
            "so its balance could never be the provider's.",
            amount=money(env, p["amount"], p["currency"]),
            journal=p["journal"],
        ),
        env._("Press “Use Own Account” on the journal, then replay."),
    )


def _no_fee_account(env, p):
    return (
        env._(
            "A fee of %(fee)s was kept, but %(system)s has no fee account.",
            fee=money(env, p["fee"], p["currency"]),
            system=p["system"],
        ),
        env._("Choose the fee account in the system's form, then replay."),
    )


def _settlement_currency(env, p):
    return (
        env._(
            "%(amount)s was settled in %(settled)s, but journal %(journal)s is in %(own)s.",
            amount=money(env, p["amount"], p["currency"]),
            settled=p["settlement_currency"],
            journal=p["journal"],
            own=p["journal_currency"],
        ),
        env._(
            "Connect the %(settled)s balance as a system with a journal in that currency.",
            settled=p["settlement_currency"],
        ),
    )


def _no_exchange_info(env, p):
    return (
        env._(
            "%(amount)s was settled in %(settled)s, but how much arrived is not known.",
            amount=money(env, p["amount"], p["currency"]),
            settled=p["settlement_currency"],
        ),
        env._("Fetch the payment again with its balance transaction, then replay."),
    )


def _payment_parts_differ(env, p):
    return (
        env._(
            "Paid %(amount)s, but net %(net)s and fee %(fee)s do not add up to it.",
            amount=money(env, p["amount"], p["currency"]),
            net=money(env, p["net"]),
            fee=money(env, p["fee"]),
        ),
        env._("Fetch the payment again; if it stays so, ask the provider."),
    )


def _period_closed(env, p):
    return (
        env._(
            "%(amount)s of %(date)s falls into a closed period of %(company)s: %(locks)s.",
            amount=money(env, p["amount"], p["currency"]),
            date=p["date"],
            company=p["company"],
            locks=p["locks"],
        ),
        env._(
            "Ask the controller for a lock exception for the hub's technical user, or book it "
            "by hand in an open period and skip with a reason."
        ),
    )


def _payment_currency_differs(env, p):
    return (
        env._(
            "%(amount)s was paid for %(invoice)s, which is in %(other)s (%(residual)s open).",
            amount=money(env, p["amount"], p["currency"]),
            invoice=p["invoice"],
            other=p["invoice_currency"],
            residual=money(env, p["residual"]),
        ),
        env._("Check with the customer which invoice was meant, then book it by hand."),
    )


def _invoice_already_paid(env, p):
    return (
        env._(
            "%(amount)s was paid for %(invoice)s of %(customer)s, which has nothing open.",
            amount=money(env, p["amount"], p["currency"]),
            invoice=p["invoice"],
            customer=p["customer"],
        ),
        env._("It may have been paid twice: refund it at the provider, or choose another invoice."),
    )


def _payment_unmatched(env, p):
    amount = money(env, p["amount"], p["currency"])
    who = p["customer"] or env._("a customer")
    if p["invoices"]:
        invoices = listed(
            f"{i['name']} {i['customer']} {money(env, i['residual'])}" for i in p["invoices"]
        )
        what = env._(
            "%(amount)s from %(who)s (%(reference)s) fits no single invoice. Open: %(invoices)s.",
            amount=amount,
            who=who,
            reference=p["reference"],
            invoices=invoices,
        )
    else:
        what = env._(
            "%(amount)s from %(who)s (%(reference)s) fits no open invoice. Number given: "
            "%(number)s.",
            amount=amount,
            who=who,
            reference=p["reference"],
            number=p["invoice_number"] or "–",
        )
    return what, env._("Choose the invoice; nothing was booked.")


def _refund_without_invoice(env, p):
    return (
        env._(
            "%(amount)s was refunded (%(reference)s), but its payment settles no single "
            "invoice: %(invoices)s.",
            amount=money(env, p["amount"], p["currency"]),
            reference=p["reference"],
            invoices=p["invoices"] or "–",
        ),
        env._("Match the payment first, then replay; or book refund and credit note by hand."),
    )


def _refund_exceeds_payment(env, p):
    return (
        env._(
            "%(amount)s was refunded, but of %(paid)s paid %(refunded)s was refunded before.",
            amount=money(env, p["amount"], p["currency"]),
            paid=money(env, p["paid"]),
            refunded=money(env, p["refunded"]),
        ),
        env._("Check the refunds at the provider."),
    )


def _fee_pending(env, p):
    return (
        env._(
            "%(amount)s was paid; the provider has not said yet what it keeps of it.",
            amount=money(env, p["amount"], p["currency"]),
        ),
        env._("Nothing to do: it is fetched and booked when the provider says so."),
    )


def _payment_changed(env, p):
    names = {
        "amount": env._("amount"),
        "fee": env._("fee"),
        "net": env._("net"),
        "currency": env._("currency"),
    }
    changes = listed(
        env._("%(name)s %(old)s to %(new)s", name=names.get(name, name), old=old, new=new)
        for name, old, new in p["changes"] or []
    )
    return (
        env._(
            "%(payment)s is booked, but the provider now says otherwise (%(reference)s, "
            "%(amount)s): %(changes)s.",
            payment=p["payment"],
            reference=p["reference"],
            amount=money(env, p["amount"], p["currency"]),
            changes=changes,
        ),
        env._("What is booked stays. Correct it in accounting, then skip with a reason."),
    )


def _refund_failed_after_booking(env, p):
    amount = money(env, p["amount"], p["currency"])
    if p["outbound"]:
        what = env._(
            "The refund of %(amount)s (%(reference)s) failed after it was booked as %(payment)s: "
            "the money did not leave, or came back.",
            amount=amount,
            reference=p["reference"],
            payment=p["payment"],
        )
        fix = env._(
            "Cancel the payment and its credit note, or refund the customer again. Once a payout carried it, do not "
            "cancel it: book what came back as a payment whose Memo is the movement's id (txn_…)."
        )
    else:
        what = env._(
            "The payment of %(amount)s (%(reference)s) failed after it was booked as "
            "%(payment)s: the money did not arrive.",
            amount=amount,
            reference=p["reference"],
            payment=p["payment"],
        )
        fix = env._(
            "Cancel the payment; its invoice is open again. Then tell the customer. Once a payout carried it, do not "
            "cancel it: book what went back as a payment whose Memo is the movement's id (txn_…)."
        )
    return what, fix


PAYMENT_SENTENCES = {
    "invoice_differs": lambda env, p: (
        env._(
            "Invoice %(number)s: the source says %(theirs)s, Odoo's books say %(ours)s.",
            number=p["number"],
            theirs=p["theirs"],
            ours=p["ours"],
        ),
        env._("Correct it at the source; the books are not changed from outside."),
    ),
    "fee_pending": _fee_pending,
    "payment_changed": _payment_changed,
    "refund_failed_after_booking": _refund_failed_after_booking,
    "no_payment_journal": _no_payment_journal,
    "journal_not_ready": _journal_not_ready,
    "no_fee_account": _no_fee_account,
    "settlement_currency": _settlement_currency,
    "no_exchange_info": _no_exchange_info,
    "payment_parts_differ": _payment_parts_differ,
    "period_closed": _period_closed,
    "payment_currency_differs": _payment_currency_differs,
    "invoice_already_paid": _invoice_already_paid,
    "payment_unmatched": _payment_unmatched,
    "refund_without_invoice": _refund_without_invoice,
    "refund_exceeds_payment": _refund_exceeds_payment,
}
