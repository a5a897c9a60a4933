from odoo import models
from odoo.exceptions import UserError

from ...core.bank_match import INVOICE, PAYMENT, Item, Movement, Open
from ...core.billing import exact

# Modules that bring a screen of their own for bank lines: there, matching is theirs.
OTHERS = ("account_accountant", "account_reconcile_oca")


def money(value, currency):
    """An amount of Odoo with the digits of its currency."""
    return exact(f"{currency.round(value):.{currency.decimal_places}f}")


class AccountBankStatementLine(models.Model):
    """Bank lines held against what is open in Odoo."""

    _inherit = "account.bank.statement.line"

    def _hub_propose(self, settle=True):
        """Find what each line settles; settle what is certain, keep the rest as proposals.

        :param settle: whether what is certain is settled at once.
        """
        # Only the names of installed modules are read.
        installed = self.env["ir.module.module"].sudo()
        if installed.search_count([("name", "in", OTHERS), ("state", "=", "installed")], limit=1):
            return
        for company, lines in self.grouped("company_id").items():
            lines.with_company(company)._hub_propose_one(settle)

    def _hub_propose_one(self, settle):
        found = self._hub_matches()
        items = {line.id: found[line.id][1] for line in self}
        certain = self.filtered(lambda line: settle and found[line.id][0].certain)
        # What is kept beside a match is what was open before it was settled.
        amounts = {line.id: line._hub_open_of(items[line.id]) for line in self}
        refused = certain._hub_settle_some(items)
        for line in self:
            match = found[line.id][0]
            evidence = match.evidence or [("nothing", "")]
            state = "proposed" if match.keys else "open"
            if line.id in refused:
                evidence = [*evidence, ("refused", refused[line.id])]
            elif line in certain:
                state = "matched"
            line._hub_keep(state, items[line.id], evidence, amounts[line.id])
        certain.filtered(lambda line: line.id not in refused)._hub_audit("bank_match")

    def _hub_open_of(self, items):
        return self.currency_id.round(sum(items.mapped("amount_residual_currency")))

    def _hub_settle_some(self, items):
        """Settle all lines together; where Odoo refuses one, each by itself.

        :return: ``{line id: why it was refused}``
        """
        if not self:
            return {}
        try:
            with self.env.cr.savepoint():
                self._hub_settle(items)
        except UserError as error:
            if len(self) == 1:
                return {self.id: str(error)}
            half = len(self) // 2
            return self[:half]._hub_settle_some(items) | self[half:]._hub_settle_some(items)
        return {}

    def _hub_matches(self):
        """
        :return: ``{line id: (Match, open journal items)}``: all items of a document, or the one of a payment.
        """
        result = {}
        payers = self._hub_payers()
        for (journal, currency), lines in self.grouped(
            lambda line: (line.journal_id, line.currency_id)
        ).items():
            open_items = journal._hub_open_items(currency)
            movements = [
                Movement(
                    amount=money(line.amount, currency),
                    day=line.date,
                    texts=(line.payment_ref or "", *line._hub_said("texts")),
                    references=tuple(line._hub_said("references")),
                    name=line.partner_name or "",
                    payers=payers.get(line.account_number, frozenset()),
                    reversal=bool((line.transaction_details or {}).get("reversal")),
                )
                for line in lines
            ]
            found = Open(item for item, _ids in open_items.values()).match(movements)
            for line, match in zip(lines, found, strict=True):
                ids = [item for key in match.keys for item in open_items[key][1]]
                result[line.id] = match, self.env["account.move.line"].browse(ids)
        return result

    def _hub_said(self, name):
        return (self.transaction_details or {}).get(name) or []

    def _hub_payers(self):
        """Who has the accounts that the money came from: ``{account number: ids of customers}``."""
        numbers = [number for number in set(self.mapped("account_number")) if number]
        accounts = self.env["res.partner.bank"].search(
            [
                ("sanitized_acc_number", "in", numbers),
                ("company_id", "in", [False, self.env.company.id]),
            ]
        )
        result = {}
        for account in accounts:
            owner = account.partner_id.commercial_partner_id.id
            number = account.sanitized_acc_number
            result[number] = result.get(number, frozenset()) | {owner}
        return result


class AccountJournal(models.Model):
    _inherit = "account.journal"

    def _hub_open_items(self, currency):
        """What a movement on this account could settle: documents of customers, payments of this journal that no
        bank line has confirmed, and payouts of providers that are on their way to a bank.

        :return: ``{key: (Item, ids of its journal items)}``
        """
        common = [
            ("company_id", "=", self.company_id.id),
            ("currency_id", "=", currency.id),
            ("parent_state", "=", "posted"),
            ("reconciled", "=", False),
        ]
        entries = self.env["account.move.line"]
        documents = entries.search(
            [
                *common,
                ("account_id.account_type", "=", "asset_receivable"),
                ("move_id.move_type", "in", ("out_invoice", "out_refund")),
                ("move_id.payment_state", "!=", "blocked"),
                ("move_id.hub_dispute_ids", "not any", [("state", "=", "open")]),
            ],
            order="date_maturity, id",
        )
        waiting = entries.search(
            [
                *common,
                ("payment_id.journal_id", "=", self.id),
                ("payment_id.is_matched", "=", False),
                ("account_id.reconcile", "=", True),
                ("account_id.account_type", "not in", ("asset_receivable", "liability_payable")),
            ]
        )
        waiting |= entries.search(
            [
                *common,
                ("payment_id.hub_payout", "=", True),
                ("payment_id.journal_id", "!=", self.id),
                ("account_id", "=", self.company_id.transfer_account_id.id),
            ]
        )
        result = {}
        for move, lines in documents.grouped("move_id").items():
            own = [move.name, move.payment_reference]
            result[move.id] = self._hub_item(
                move.id, INVOICE, currency, lines, own, [move.ref], move.invoice_date
            )
        for line in waiting:
            payment = line.payment_id
            own = [payment.name, payment.memo, payment.payment_reference, payment.hub_reference]
            own.append(payment.hub_trace)
            # Keys of payments are negative, so that they are none of a document.
            result[-line.id] = self._hub_item(
                -line.id,
                PAYMENT,
                currency,
                line,
                own,
                payment.invoice_ids.mapped("name"),
                line.date,
            )
        return result

    def _hub_item(self, key, kind, currency, lines, own, shared, day):
        partner = lines.partner_id.commercial_partner_id[:1]
        item = Item(
            key=key,
            kind=kind,
            amount=money(sum(lines.mapped("amount_residual_currency")), currency),
            own=tuple(name for name in own if name and name != "/"),
            shared=tuple(name for name in shared if name),
            partner=partner.id or None,
            name=partner.name or "",
            day=day or None,
        )
        return item, lines.ids
