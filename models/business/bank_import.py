from collections import defaultdict
from dataclasses import dataclass, field

from odoo import models
from odoo.fields import Command
from odoo.tools import format_date

from ...connectors import bank
from ...core.bank_known import KNOWN, LIKELY, NEW, Kept, sort_out
from ...core.billing import exact
from ..guard import called_by_people, own_code


@dataclass
class Look:
    """What a statement of a file would bring into a journal.

    :param entries: by day, with ``states`` beside them: ``(new, known or likely, content, number)``.
    :param remarks: sentences of what a person should know before importing.
    """

    statement: bank.Statement
    journal: models.BaseModel
    entries: list
    states: list
    remarks: list = field(default_factory=list)

    def count(self, state):
        return sum(one[0] == state for one in self.states)

    def chosen(self, take_likely):
        """Places of the entries that are imported."""
        wanted = (NEW, LIKELY) if take_likely else (NEW,)
        return [place for place, one in enumerate(self.states) if one[0] in wanted]

    def balances(self, chosen):
        """Opening and closing of what is imported: the bank's, less what is known before and after it."""
        amounts = [entry.amount for entry in self.entries]
        opening, closing = self.statement.opening, self.statement.closing
        new = sum(amounts[place] for place in chosen)
        if closing is None and opening is not None:
            closing = opening + sum(amounts)
        if closing is None:
            return None, None
        end = closing - sum(amounts[chosen[-1] + 1 :])
        start = end - new if opening is None else opening + sum(amounts[: chosen[0]])
        return start, end


class HubBank(models.AbstractModel):
    """Statements of a bank's file on their way into Odoo's own: looked at, then booked once."""

    _name = "hub.bank"
    _description = "Bank Files"

    def _look(self, statements, journal=None):
        """What would be imported.

        :param journal: chosen by a person; else found by account number and currency.
        :return: ``[Look]``; statements of one account one after the other.
        :raise Problem: no journal fits, or amounts cannot be booked in it.
        """
        looks, taken = [], defaultdict(list)
        if journal and len({statement.account for statement in statements}) > 1:
            raise bank.bad("accounts")
        for statement in statements:
            ours = self._journal(statement, journal)
            currency = ours.currency_id or ours.company_id.currency_id
            entries = sorted(statement.entries, key=lambda entry: entry.day)
            for entry in entries:
                if exact(currency.round(float(entry.amount))) != entry.amount:
                    raise bank.bad("digits", amount=str(entry.amount), currency=currency.name)
            kept = [*self._kept(ours, entries), *taken[ours.id]]
            look = Look(statement, ours, entries, sort_out(entries, kept))
            # A file may say the same twice, in two statements.
            taken[ours.id] += [
                Kept(entry.bank_id, entry.day, entry.amount, text, number)
                for entry, (state, text, number) in zip(entries, look.states, strict=True)
                if state == NEW
            ]
            look.remarks = self._remarks(look)
            looks.append(look)
        return looks

    def _journal(self, statement, chosen):
        """The journal of a statement's account.

        :raise Problem: ``bank_no_journal``, ``bank_journals``, ``bank_other_account``, ``bank_other_currency``.
        """
        found = chosen
        if not found:
            found = self.env["account.journal"].search(
                [
                    ("type", "in", ("bank", "credit")),
                    ("company_id", "in", self.env.companies.ids),
                    ("bank_account_id.sanitized_acc_number", "=", statement.account or "?"),
                ]
            )
            if len(found) > 1:
                found = found.filtered(
                    lambda one: (
                        (one.currency_id or one.company_id.currency_id).name == statement.currency
                    )
                )
        if len(found) != 1 or found.type not in ("bank", "credit"):
            code = "journals" if len(found) > 1 else "no_journal"
            raise bank.bad(code, account=statement.account, currency=statement.currency)
        number = found.bank_account_id.sanitized_acc_number
        if number and statement.account and not number.upper().endswith(statement.account):
            raise bank.bad(
                "other_account",
                account=statement.account,
                journal=found.display_name,
                own=number,
            )
        own = (found.currency_id or found.company_id.currency_id).name
        if statement.currency and statement.currency != own:
            raise bank.bad(
                "other_currency", currency=statement.currency, journal=found.display_name, own=own
            )
        return found

    def _kept(self, journal, entries):
        """What the journal has of these days, as far as it came from a file."""
        if not entries:
            return []
        rows = self.env["account.bank.statement.line"].search_fetch(
            [
                ("journal_id", "=", journal.id),
                ("date", ">=", entries[0].day),
                ("date", "<=", entries[-1].day),
                ("hub_entry_key", "!=", False),
            ],
            ["hub_entry_key", "hub_bank_id", "date", "amount"],
        )
        kept = []
        for row in rows:
            text, _colon, number = row.hub_entry_key.rpartition(":")
            kept.append(Kept(row.hub_bank_id or "", row.date, exact(row.amount), text, int(number)))
        return kept

    # --- what a person should know ----------------------------------------------------------------

    def _remarks(self, look):
        _ = self.env._
        statement, journal, remarks = look.statement, look.journal, []
        currency = journal.currency_id or journal.company_id.currency_id

        def money(value):
            return currency.format(float(value))

        if statement.difference:
            remarks.append(
                _(
                    "Opening balance and movements come to %(sum)s, the closing balance is %(closing)s: "
                    "%(difference)s is missing in the file. Ask the bank for the whole statement.",
                    sum=money(statement.opening + statement.total),
                    closing=money(statement.closing),
                    difference=money(statement.difference),
                )
            )
        elif statement.difference is None and statement.entries:
            remarks.append(
                _("The file does not say both balances, so it cannot be proved to be complete.")
            )
        if statement.pending:
            remarks.append(
                _("%s movements are not booked by the bank yet and left out.", statement.pending)
            )
        if look.count(LIKELY):
            remarks.append(
                _(
                    "%s movements are equal to known ones but for the bank's id. They are left out, unless you "
                    "take them in.",
                    look.count(LIKELY),
                )
            )
        if not journal.bank_account_id:
            remarks.append(
                _(
                    "The journal has no bank account: set it to %s, and the journal is found by itself.",
                    statement.account or _("its number"),
                )
            )
        chosen = look.chosen(False)
        if chosen:
            remarks += self._gap(look, chosen, money)
            by_hand = self._by_hand(look, chosen)
            if by_hand:
                remarks.append(
                    _(
                        "%s of the new movements have the same day and amount as a line of the journal that came "
                        "from no file. Look whether they were entered by hand.",
                        by_hand,
                    )
                )
        return remarks

    def _gap(self, look, chosen, money):
        """A difference to where the statement before ends."""
        start, _end = look.balances(chosen)
        first = look.entries[chosen[0]].day
        before = self.env["account.bank.statement"].search(
            [
                ("journal_id", "=", look.journal.id),
                ("first_line_index", "<", first.strftime("%Y%m%d") + "9" * 20),
            ],
            order="first_line_index desc",
            limit=1,
        )
        if start is None or not before:
            return []
        ends = exact(before.currency_id.round(before.balance_end_real))
        if ends == start:
            return []
        return [
            self.env._(
                "The statement before (%(name)s, %(day)s) ends at %(ends)s, this one begins at %(start)s: "
                "%(difference)s lies between them. Import what is missing first.",
                name=before.name or "",
                day=format_date(self.env, before.date),
                ends=money(ends),
                start=money(start),
                difference=money(start - ends),
            )
        ]

    def _by_hand(self, look, chosen):
        """How many new entries look like lines of the journal that came from no file."""
        rows = self.env["account.bank.statement.line"].search_fetch(
            [
                ("journal_id", "=", look.journal.id),
                ("date", ">=", look.entries[0].day),
                ("date", "<=", look.entries[-1].day),
                ("hub_entry_key", "=", False),
                ("state", "=", "posted"),
            ],
            ["date", "amount"],
        )
        there = {(row.date, exact(row.amount)) for row in rows}
        return sum((look.entries[n].day, look.entries[n].amount) in there for n in chosen)

    # --- booking ----------------------------------------------------------------------------------

    def _book(self, looks, take_likely=False, name="", digest=""):
        """Import what is new; match it.

        :return: the lines.
        :raise Problem: ``bank_period``: a movement lies in a closed period.
        """
        self.env["account.bank.statement.line"]._hub_check_may()
        made = self.env["account.bank.statement.line"]
        for look in looks:
            chosen = look.chosen(take_likely)
            if not chosen:
                continue
            company = look.journal.company_id
            first = look.entries[chosen[0]].day
            # Odoo would book a line of a closed day on another one, in silence.
            violations = company._get_lock_date_violations(
                first, fiscalyear=True, sale=False, purchase=False, tax=False, hard=True
            )
            if violations:
                raise bank.bad(
                    "period",
                    day=str(first),
                    company=company.name,
                    locks=self.env["res.company"]._format_lock_dates(violations),
                )
            made |= self.with_company(company)._book_one(look, chosen, name, digest)
        made._hub_propose()
        return made

    def _book_one(self, look, chosen, name, digest):
        start, end = look.balances(chosen)
        lines = called_by_people(
            own_code(self.env["account.bank.statement.line"]).create(
                [self._line_values(look, place) for place in chosen]
            )
        )
        values = {
            "name": " ".join(
                part for part in (look.journal.code, look.statement.name or name) if part
            ),
            "reference": name,
            "line_ids": [Command.set(lines.ids)],
        }
        if end is not None:
            values |= {"balance_start": float(start), "balance_end_real": float(end)}
        statement = self.env["account.bank.statement"].create(values)
        self.env["hub.audit"]._append(
            [
                {
                    "action": "bank_import",
                    "company_id": look.journal.company_id.id,
                    "res_model": statement._name,
                    "res_id": statement.id,
                    "values": {
                        "file": name,
                        "digest": digest,
                        "journal": look.journal.display_name,
                        "new": len(chosen),
                        "known": look.count(KNOWN),
                        "opening": look.statement.opening,
                        "closing": look.statement.closing,
                    },
                }
            ]
        )
        return lines

    def _line_values(self, look, place):
        entry, (_state, text, number) = look.entries[place], look.states[place]
        label = " ".join(entry.texts) or " ".join(entry.references) or entry.name
        return {
            "journal_id": look.journal.id,
            "date": entry.day,
            "amount": float(entry.amount),
            "payment_ref": label or self.env._("Without text"),
            "partner_name": entry.name or False,
            "account_number": entry.account or False,
            "transaction_type": entry.kind or False,
            "transaction_details": {
                "texts": list(entry.texts),
                "references": list(entry.references),
                "value_day": str(entry.value_day or ""),
                "reversal": entry.reversal,
                "original": [str(part) for part in entry.original or ()],
            },
            "hub_entry_key": f"{text}:{number}",
            "hub_bank_id": entry.bank_id or False,
        }
