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


def _dispute_without_invoice(env, p):
    return (
        env._(
            "%(amount)s is disputed (%(reference)s), but its payment settles no single invoice: %(invoices)s.",
            amount=money(env, p["amount"], p["currency"]),
            reference=p["reference"],
            invoices=p["invoices"] or "–",
        ),
        env._(
            "Match the payment first, then replay; or book the withdrawal by hand, with %(movement)s as Memo of the "
            "payment (its payout finds it by that), and skip with a reason.",
            movement=p["movement"] or "txn_…",
        ),
    )


def _dispute_movements(env, p):
    return (
        env._(
            "Dispute %(reference)s of %(amount)s moved money more than once in one direction: %(movements)s.",
            amount=money(env, p["amount"], p["currency"]),
            reference=p["reference"],
            movements=p["movements"],
        ),
        env._(
            "Book those that are not in Odoo by hand, each with its id as Memo of the payment (its payout finds it by "
            "that), and skip with a reason."
        ),
    )


def _payout_sum_differs(env, p):
    return (
        env._(
            "Payout %(reference)s of %(amount)s: its %(count)s parts come to %(parts)s, so %(difference)s has no part.",
            reference=p["reference"],
            amount=money(env, p["amount"], p["currency"]),
            count=p["count"],
            parts=money(env, p["parts"]),
            difference=money(env, p["difference"]),
        )
        + (
            env._(" In another currency, or twice: %(others)s.", others=listed(p["others"]))
            if p["others"]
            else ""
        ),
        env._("Fetch the payout again; if it stays so, ask the provider."),
    )


def part_kinds(env):
    """Parts of a payout in words, by kind."""
    return {
        "charge": env._("payment"),
        "refund": env._("refund"),
        "fee": env._("fee"),
        "dispute": env._("dispute"),
        "dispute_reversal": env._("dispute won"),
        "payout_reversal": env._("payout returned"),
        "adjustment": env._("adjustment"),
    }


def _payout_part_missing(env, p):
    kinds = part_kinds(env)

    def said(part):
        words = {
            "kind": kinds.get(part["kind"], part["kind"]),
            "reference": part["reference"],
            "net": money(env, part["net"]),
        }
        if part["booked"] is None:
            return env._("%(kind)s %(reference)s of %(net)s (%(key)s)", key=part["key"], **words)
        return env._(
            "%(kind)s %(reference)s of %(net)s, booked as %(booked)s",
            booked=money(env, part["booked"]),
            **words,
        )

    parts = [said(part) for part in p["parts"] or []]
    more = int(p["count"] or 0) - len(parts)
    return (
        env._(
            "Payout %(reference)s of %(amount)s: of its %(all)s parts, these are not in Odoo: %(parts)s. "
            "Together %(rest)s.",
            reference=p["reference"],
            amount=money(env, p["amount"], p["currency"]),
            all=p["all"],
            parts=listed(parts + ([env._("%s more", more)] if more > 0 else [])),
            rest=money(env, p["rest"]),
        ),
        env._(
            "Settle what is open about them: the payout goes on by itself once they are booked. What you booked by "
            "hand is found by its Memo: put the id in brackets (txn_…) there. Or choose the account that takes them, "
            "for what will never be booked otherwise."
        ),
    )


def _no_transfer_account(env, p):
    return (
        env._(
            "A payout of %(amount)s left the provider, but %(company)s has no account of internal transfers that can "
            "be reconciled.",
            amount=money(env, p["amount"], p["currency"]),
            company=p["company"],
        ),
        env._("Choose it in Odoo's accounting settings (Internal Transfer), then replay."),
    )


PAYMENT_SENTENCES = {
    "dispute_without_invoice": _dispute_without_invoice,
    "dispute_movements": _dispute_movements,
    "payout_sum_differs": _payout_sum_differs,
    "payout_part_missing": _payout_part_missing,
    "no_transfer_account": _no_transfer_account,
    "cost_currency": lambda env, p: (
        env._(
            "The cost rate of %(name)s is in %(theirs)s, but Odoo keeps this person's cost in %(ours)s.",
            name=p["name"],
            theirs=p["theirs"],
            ours=p["ours"],
        ),
        env._(
            "Give the rate in that currency at the source, or leave the rate out of the mapping."
        ),
    ),
    "employee_company": lambda env, p: (
        env._(
            "%(name)s works for %(theirs)s at the source, and for %(ours)s in Odoo.",
            name=p["name"],
            theirs=p["theirs"],
            ours=p["ours"],
        ),
        env._(
            "Change the company of the employee in Odoo, or the word at the source; then replay."
        ),
    ),
    "employee_login": lambda env, p: (
        env._(
            "%(name)s has another e-mail address at the source, and signs in to Odoo.",
            name=p["name"],
        ),
        env._(
            "Ask the person whose address it is; then let an administrator change it in the user, or correct the "
            "source, and replay."
        ),
    ),
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
