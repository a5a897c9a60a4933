"""What stands between a document of Odoo and an accounting ledger outside, in sentences."""

from odoo import models

from .sentence_tools import Facts, listed


def _word_missing(env, p):
    if p["named"]:
        what = env._(
            "%(number)s: %(system)s has no word for “%(record)s” in the vocabulary %(vocabulary)s.",
            number=p["number"],
            system=p["system"],
            record=p["record"],
            vocabulary=p["vocabulary"],
        )
        return what, env._(
            "Add a term for it with the ledger's word, then replay; all documents that wait go on."
        )
    what = env._(
        "%(number)s: the line “%(record)s” names nothing that %(system)s could book it on (%(vocabulary)s).",
        number=p["number"],
        system=p["system"],
        record=p["record"],
        vocabulary=p["vocabulary"],
    )
    if p["part"] in ("item", "account"):
        # there is no word for “no product”: a ledger books a line by its item
        return what, env._(
            "Give the line a product in Odoo that has a term there: credit the invoice and make it again, or enter "
            "the document in the ledger by hand."
        )
    return what, env._(
        "Give the line a tax in Odoo, or the term “none” (no tax) a word of this system; then replay."
    )


LEDGER_SENTENCES = {
    "invoice_void_outside": lambda env, p: (
        env._(
            "%(number)s is void in %(system)s, but posted in Odoo.",
            number=p["number"],
            system=p["system"],
        ),
        env._("Credit it in Odoo, or enter it there again; then skip this with a reason."),
    ),
    "ledger_cancelled_here": lambda env, p: (
        env._(
            "%(number)s was cancelled in Odoo, but stands in %(system)s.",
            number=p["number"],
            system=p["system"],
        ),
        env._("Void it there as well; then skip this with a reason."),
    ),
    "ledger_account_missing": lambda env, p: (
        env._(
            "%(number)s: %(system)s has no word for the account %(record)s, on which the money of %(journal)s is.",
            number=p["number"],
            system=p["system"],
            record=p["record"],
            journal=p["journal"],
        ),
        env._(
            "Add a term of %(vocabulary)s for it with the ledger's own bank account, then replay; all payments that "
            "wait go on.",
            vocabulary=p["vocabulary"],
        ),
    ),
    "receipt_currencies": lambda env, p: (
        env._(
            "%(number)s pays invoices in several currencies (%(currencies)s); a ledger takes one a payment.",
            number=p["number"],
            currencies=p["currencies"],
        ),
        env._("Enter it in the ledger by hand, then skip this with a reason."),
    ),
    "receipt_taken_back_outside": lambda env, p: (
        env._(
            "%(number)s was voided or deleted in %(system)s, but pays %(amount)s %(currency)s in Odoo.",
            number=p["number"],
            system=p["system"],
            amount=p["amount"],
            currency=p["currency"],
        ),
        env._(
            "Find out which is right: cancel the payment in Odoo or take back its matching, or enter it there again. "
            "Then skip this with a reason."
        ),
    ),
    "receipt_differs": lambda env, p: (
        env._(
            "%(number)s is %(theirs)s in %(system)s; Odoo sent %(ours)s.",
            number=p["number"],
            theirs=p["theirs"],
            ours=p["ours"],
            system=p["system"],
        ),
        env._("Find out which is right and correct the other; then skip this with a reason."),
    ),
    "receipt_in_doubt": lambda env, p: (
        env._(
            "A payment of %(invoice)s is on its way to %(system)s; whether this is that one is not known yet.",
            invoice=p["invoice"] or env._("this customer"),
            system=p["system"],
        ),
        env._("It is looked at again in a moment."),
    ),
    "sent_from_here": lambda env, p: (
        env._("It is a payment of Odoo that was sent there."),
        "",
    ),
    "ledger_word_missing": _word_missing,
    "ledger_taxes_several": lambda env, p: (
        env._(
            "%(number)s: the line “%(line)s” has several taxes (%(taxes)s); a ledger takes one a line.",
            number=p["number"],
            line=p["line"],
            taxes=p["taxes"],
        ),
        env._("Use a tax group in Odoo, or enter the document in the ledger by hand."),
    ),
    "ledger_lines_differ": lambda env, p: (
        env._(
            "%(number)s: its lines do not add up to its untaxed amount (a rounding line?).",
            number=p["number"],
        ),
        env._("Enter it in the ledger by hand, then skip this with a reason."),
    ),
}


def _answers(env, p):
    """What a ledger answered: its code → (what happened, what to do)."""
    system, said = p["system"], p["message"]
    named = listed(p["properties"])
    again = env._("Then replay.")
    return {
        "ledger_period_closed": (
            env._("%(system)s: the books are closed for this date.", system=system),
            env._(
                "Open the period there and replay. Or book it in an open period there, by hand or with a new document "
                "here, and skip this with a reason."
            ),
        ),
        "ledger_number_taken": (
            env._(
                "%(system)s has another document with the number %(number)s: %(theirs)s there, %(ours)s here.",
                system=system,
                number=p["number"],
                theirs=p["theirs"],
                ours=p["ours"],
            )
            if p["theirs"]
            else env._("%(system)s has another document with this number.", system=system),
            env._("Find out which is right. Change or remove the one there, then replay."),
        ),
        "ledger_name_taken": (
            env._(
                "%(system)s already has a customer, vendor or employee of this name.", system=system
            ),
            env._("Link the customer, or rename one of them there. Then replay."),
        ),
        "ledger_void": (
            env._("%(system)s: %(number)s is cancelled there.", system=system, number=p["number"]),
            env._("Find out which is right; then replay, or skip this with a reason."),
        ),
        "ledger_paid": (
            env._(
                "%(system)s: %(number)s is paid there, at least in part, and is not changed any more.",
                system=system,
                number=p["number"],
            ),
            env._(
                "Take back there what pays it and replay; or credit it here, and skip this with a reason."
            ),
        ),
        "ledger_settled": (
            env._(
                "%(system)s expects %(theirs)s of %(number)s; %(ours)s were to be paid there.",
                system=system,
                number=p["number"],
                theirs=p["theirs"],
                ours=p["ours"],
            )
            if p["number"]
            else env._("%(system)s expects less of this invoice than was paid.", system=system),
            env._(
                "Somebody entered the payment or a credit there as well. Take one of them away there and replay, or "
                "skip this with a reason."
            ),
        ),
        "ledger_payers": (
            env._(
                "%(system)s: the invoices of %(number)s belong to several customers there (%(what)s).",
                system=system,
                number=p["number"],
                what=named,
            ),
            env._("Enter it there as one payment a customer, then skip this with a reason."),
        ),
        "ledger_void_by_hand": (
            env._(
                "%(number)s was cancelled in Odoo. %(system)s lets nobody but a person cancel its credit memo.",
                number=p["number"],
                system=system,
            ),
            env._("Void or delete it there, then skip this with a reason."),
        ),
        "odoo_incomplete": (
            env._("%(system)s does not know: %(what)s.", system=system, what=named),
            env._(
                "Let its employees and projects be read, and link those that are not known yet. Then replay."
            ),
        ),
        "ledger_archived": (
            env._("%(system)s: the contact of this name is archived.", system=system),
            env._("Restore it there, or rename it. Then replay."),
        ),
        "ledger_word": (
            env._(
                "%(system)s knows no “%(word)s” (%(object)s).",
                system=system,
                word=p["word"],
                object=p["object"],
            )
            if p["object"]
            else env._("%(system)s: %(said)s", system=system, said=said),
            env._("Correct the word in the vocabulary, or make it there. Then replay."),
        ),
        "ledger_number_long": (
            env._(
                "%(number)s is longer than the %(limit)s characters that %(system)s takes.",
                number=p["number"],
                limit=p["limit"],
                system=system,
            ),
            env._("Shorten the numbers of the journal's sequence, for the next documents."),
        ),
        "ledger_incomplete": (
            env._("Nothing was sent to %(system)s: %(what)s is missing.", system=system, what=named),
            env._("Map and grant these fields for write-back: a document goes whole or not at all."),
        ),
        "ledger_stale": (
            env._("It was changed in %(system)s at the same moment.", system=system),
            env._("Look at it there, then replay."),
        ),
        "ledger_not_found": (
            env._("%(system)s does not have it any more: %(said)s", system=system, said=said),
            env._("Look there whether it was deleted or made inactive. Then replay."),
        ),
        "ledger_not_allowed": (
            env._("%(system)s: the user who connected has no access to this.", system=system),
            env._("Give that user access there, or connect again as another one. Then replay."),
        ),
        "ledger_subscription": (
            env._("%(system)s: the subscription has ended or is not paid.", system=system),
            env._("Renew it there, then replay."),
        ),
        "ledger_deposited": (
            env._("%(system)s: the payment was deposited already.", system=system),
            env._("Take it out of the deposit there first. Then replay."),
        ),
        "ledger_refused": (
            env._("%(system)s refused it: %(said)s", system=system, said=said or p["reason"]),
            env._("Correct it here or there. Then replay."),
        ),
        "ledger_amounts": (
            env._("%(system)s reckons the amounts of a line in another way.", system=system),
            env._("Enter the document there by hand, then skip this with a reason."),
        ),
        **dict.fromkeys(
            ("ledger_rule", "ledger_bad_field", "ledger_field_missing", "ledger_too_long"),
            (
                env._("%(system)s refused it: %(said)s %(what)s", system=system, said=said, what=named),
                again,
            ),
        ),
        "ledger_account_type": (
            env._("%(system)s: this account cannot be used here.", system=system),
            env._("Choose another account in the vocabulary. Then replay."),
        ),
    }  # fmt: skip


class HubSentence(models.AbstractModel):
    _inherit = "hub.sentence"

    def _find(self, code, params):
        facts = Facts(params or {})
        if code in LEDGER_SENTENCES:
            return LEDGER_SENTENCES[code](self.env, facts)
        said = str(facts["code"])
        if str(code).startswith("error_") and said.startswith(("ledger_", "odoo_")):
            return _answers(self.env, facts).get(said) or super()._find(code, params)
        return super()._find(code, params)
