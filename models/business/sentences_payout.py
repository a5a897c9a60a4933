"""What stands in the way of a payout or a dispute."""

from .sentence_tools import listed, money


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


PAYOUT_SENTENCES = {
    "dispute_without_invoice": _dispute_without_invoice,
    "dispute_movements": _dispute_movements,
    "payout_sum_differs": _payout_sum_differs,
    "payout_part_missing": _payout_part_missing,
    "no_transfer_account": _no_transfer_account,
}
