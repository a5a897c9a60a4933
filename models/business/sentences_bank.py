from odoo import models


class HubSentence(models.AbstractModel):
    """Why a bank's file is not taken."""

    _inherit = "hub.sentence"

    def _known(self, params):
        _ = self.env._
        p = {"why": "", "value": "", "account": "", "journal": "", "own": "", "currency": ""}
        p |= {"limit": "", "message": "", "line": "", "columns": "", "day": "", "company": ""}
        p |= {"locks": "", "amount": "", "entry": "", "encoding": ""} | (params or {})
        whole = _("Download the file again, as your bank offers it.")
        return super()._known(params) | {
            "bank_empty": (_("The file holds no statement."), whole),
            "bank_too_large": (
                _("The file is larger than %(limit)s MB.", limit=p["limit"]),
                _("Download fewer days at a time."),
            ),
            "bank_too_many": (
                _("The file has more than %(limit)s movements.", limit=p["limit"]),
                _("Download fewer days at a time."),
            ),
            "bank_packed": (_("The file is packed."), _("Unpack it and choose what is inside.")),
            "bank_unknown_kind": (
                _("The file is neither CAMT.053 nor OFX."),
                _("For a CSV file, choose its layout."),
            ),
            "bank_wrong_kind": (
                _("The file is “%(kind)s”, not CAMT.053.", kind=p["message"]),
                _("Ask the bank for the end-of-day statement; other messages are not final."),
            ),
            "bank_unreadable": (
                _("The file is damaged or holds what is not read here (%(why)s).", why=p["why"]),
                whole,
            ),
            "bank_cut": (_("The file ends too early."), whole),
            "bank_encoding": (
                _(
                    "The characters of the file cannot be read as %(encoding)s.",
                    encoding=p["encoding"],
                ),
                whole,
            ),
            "bank_amount": (_("“%(value)s” is no amount.", value=p["value"]), whole),
            "bank_day": (_("“%(value)s” is no date.", value=p["value"]), whole),
            "bank_no_day": (
                _("The movement of %(value)s has no booking date.", value=p["value"]),
                whole,
            ),
            "bank_currency": (_("“%(value)s” is no currency.", value=p["value"]), whole),
            "bank_no_currency": (_("The file does not say its currency."), whole),
            "bank_currencies": (
                _(
                    "The account is in %(account)s, but an amount in the file is in %(entry)s.",
                    account=p["account"],
                    entry=p["entry"],
                ),
                _("Ask the bank: amounts of a statement are in the currency of its account."),
            ),
            "bank_direction": (
                _("The file does not say of an amount whether it came in or went out."),
                whole,
            ),
            "bank_correction": (
                _(
                    "The bank corrects its earlier movement “%(value)s” in this file.",
                    value=p["value"],
                ),
                _("Correct that line in Odoo, and import a file without the correction."),
            ),
            "bank_line": (
                _("Line %(line)s cannot be read (“%(value)s”).", line=p["line"], value=p["value"]),
                _("Look at the layout's date format and decimal mark, or correct the file."),
            ),
            "bank_no_header": (
                _(
                    "No line of the file has all the columns of the layout: %(columns)s.",
                    columns=p["columns"],
                ),
                _("Correct the layout, its delimiter first."),
            ),
            "bank_no_journal": (
                _(
                    "No bank journal of your companies has the account %(account)s (%(currency)s).",
                    account=p["account"] or "?",
                    currency=p["currency"] or "?",
                ),
                _("Set it as the bank account of the journal, or choose the journal here."),
            ),
            "bank_journals": (
                _("Several journals have the account %(account)s.", account=p["account"]),
                _("Choose the journal."),
            ),
            "bank_accounts": (
                _("The file is of several accounts."),
                _("Choose no journal: each is found by its account."),
            ),
            "bank_other_account": (
                _(
                    "The file is of the account %(account)s, the journal %(journal)s has %(own)s.",
                    account=p["account"],
                    journal=p["journal"],
                    own=p["own"],
                ),
                _("Choose another journal, or none: it is found by the account."),
            ),
            "bank_other_currency": (
                _(
                    "The file is in %(currency)s, the journal %(journal)s in %(own)s.",
                    currency=p["currency"],
                    journal=p["journal"],
                    own=p["own"],
                ),
                _("Choose or make a journal in the currency of the account."),
            ),
            "bank_digits": (
                _(
                    "%(amount)s has more digits than Odoo's currency %(currency)s.",
                    amount=p["amount"],
                    currency=p["currency"],
                ),
                _("Set the rounding of the currency in Odoo as the bank has it."),
            ),
            "bank_period": (
                _(
                    "A movement of %(day)s lies in a closed period of %(company)s: %(locks)s.",
                    day=p["day"],
                    company=p["company"],
                    locks=p["locks"],
                ),
                _("Ask accounting to open the period, or download only later days."),
            ),
        }
