"""What speaks for a match as sentences: ``code -> function(env, value)``."""

SAYS = {
    "reference": lambda env, value: env._("“%s” is named.", value),
    "reference_shared": lambda env, value: env._(
        "“%s” is named, which other open documents have too.", value
    ),
    "amount_exact": lambda env, value: env._("The amount is exactly what is open."),
    "amount_together": lambda env, value: env._(
        "Only these documents of the customer come to this amount together."
    ),
    "amount_only": lambda env, value: env._(
        "No reference, no known payer: it is the only open document of this amount."
    ),
    "paid_less": lambda env, value: env._("%s less than what is open; that stays open.", value),
    "paid_more": lambda env, value: env._(
        "%s more than what is open; that stays as unapplied cash.", value
    ),
    "payment": lambda env, value: env._(
        "A payment with the reference “%s” is in Odoo already and waits for the bank.", value
    ),
    "payment_amount": lambda env, value: env._(
        "A payment of exactly this amount is in Odoo already and waits for the bank."
    ),
    "account_known": lambda env, value: env._("It came from the customer's bank account."),
    "account_of_other": lambda env, value: env._(
        "Look at it: it came from the bank account of somebody else than the document's customer."
    ),
    "name_same": lambda env, value: env._("The payer, “%s”, has the customer's name.", value),
    "several_customers": lambda env, value: env._(
        "Look at it: the documents are of several customers."
    ),
    "reversal": lambda env, value: env._(
        "Look at it: the bank takes an earlier movement back with it."
    ),
    "early": lambda env, value: env._(
        "Look at it: the document is dated %s, long after the movement.", value
    ),
    "wanted_twice": lambda env, value: env._(
        "Look at it: another movement names the same document."
    ),
    "refused": lambda env, value: env._("It could not be settled by itself: %s", value),
    "undone": lambda env, value: env._("%s took the match back.", value),
    "on_account": lambda env, value: env._("Posted on %s.", value),
    "by_person": lambda env, value: env._("Chosen by %s.", value),
    "nothing": lambda env, value: env._(
        "Nothing that is open fits. Choose documents, the customer whose money it is, or an account to post it on."
    ),
}


def explain(env, evidence):
    """Sentences of what was found, one a line."""
    return "\n".join(SAYS[code](env, value) for code, value in evidence if code in SAYS)
