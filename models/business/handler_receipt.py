"""What customers paid of our invoices, for an accounting ledger that has these invoices."""

from collections import defaultdict
from typing import NamedTuple

from odoo import api, models

from ...core.billing import exact
from ...core.problem import Problem
from .handler_invoice_lines import WORDS

# journals on whose entries money comes in
JOURNALS = ("bank", "cash", "credit")


class Applied(NamedTuple):
    """What one entry pays of one invoice, in the invoice's currency.

    :attr known: whether the ledger has the invoice; :attr ours: whether it is to have it.
    """

    invoice: str
    currency: str
    amount: str
    known: bool
    ours: bool


class HubHandlerReceipt(models.AbstractModel):
    """An entry of a bank, cash or provider's journal with the customer invoices that it pays: gross, as they are
    reconciled, whether a payment made it, a provider reported it or a bank line settled them.

    A receipt waits until the ledger has all invoices that it pays (``_hub_delivered`` of invoices marks it then). One
    that was sent and pays nothing any more goes out with nothing applied, so that it is taken back there. What the
    ledger reported itself is its own, and is never sent to it.
    """

    _name = "hub.handler.receipt"
    _inherit = "hub.handler"
    _description = "Receipts to a Ledger"

    @api.model
    def _hub_may_upload(self, entity):
        return False  # they are booked in Odoo, from payments and bank lines

    @api.model
    def _hub_new(self, records, system):
        """Entries of money since the cut-over, as documents are sent from then on."""
        begin = system.start_date or system.create_date.date()
        return self._hub_money(records).filtered(
            lambda entry: entry.state == "posted" and entry.date >= begin
        )

    @api.model
    def _hub_money(self, records):
        return records.filtered(
            lambda entry: entry.move_type == "entry" and entry.journal_id.type in JOURNALS
        )

    @api.model
    def _hub_compose(self, records, system):
        """Number, day, account there and what is applied; amounts exact to the currency.

        :raise Problem: ``receipt_currencies``, ``ledger_account_missing``.
        """
        entries = self._hub_money(records)
        entries -= self._hub_of_the_ledger(entries, system)
        known = self._hub_sent(entries, system)
        applied = self._hub_applied(entries, system)
        accounts = self._hub_accounts(entries, system)
        references = self._hub_references(entries)
        result = {}
        for entry in entries:
            parts = [part for part in applied.get(entry.id, ()) if part.known or part.ours]
            if not (parts or entry.id in known) or not all(part.known for part in parts):
                continue
            currencies = sorted({part.currency for part in parts})
            if len(currencies) > 1:
                raise Problem(
                    "receipt_currencies",
                    cause=entry.name,
                    number=entry.name,
                    currencies=", ".join(currencies),
                )
            account = accounts.get((entry.journal_id.default_account_id.id, entry.company_id.id))
            if parts and not account and "account" in system._connector_class().receipt_words:
                self._hub_no_account(entry, system)
            result[entry.id] = {
                "number": entry.name,
                "date": entry.date,
                "currency": currencies[0] if parts else entry.currency_id.name,
                "account": account or None,
                "reference": references.get(entry.id),
                "amount": sum((exact(part.amount) for part in parts), exact(0)),
                "applied": [
                    {"invoice": part.invoice, "amount": exact(part.amount)} for part in parts
                ],
            }
        return result

    @api.model
    def _hub_delivered(self, cr, ids, first):
        """Invoices of these customers that are cancelled here may have waited to be voided until nothing pays them."""
        cr.execute(
            """INSERT INTO hub_outbox (model, res_id)
               SELECT 'account.move', m.id FROM account_move m
                WHERE m.state = 'cancel' AND m.move_type = 'out_invoice' AND m.commercial_partner_id IN (
                      SELECT l.partner_id FROM account_move_line l WHERE l.move_id = ANY(%s))""",
            [list(ids)],
        )

    @api.model
    def _hub_of_the_ledger(self, entries, system):
        """Entries of payments that the ledger itself reported."""
        payments = entries.origin_payment_id
        self.env.cr.execute(
            """SELECT DISTINCT l.res_id FROM hub_link l
                 JOIN hub_entity e ON e.id = l.entity_id AND e.code IN ('payment', 'refund')
                WHERE l.system_id = %s AND l.res_model = 'account.payment' AND l.res_id = ANY(%s)""",
            [system.id, payments.ids],
        )
        own = {row[0] for row in self.env.cr.fetchall()}
        return entries.filtered(lambda entry: entry.origin_payment_id.id in own)

    @api.model
    def _hub_sent(self, entries, system):
        """Ids of entries that the system got as receipts."""
        self.env.cr.execute(
            """SELECT l.res_id FROM hub_link l JOIN hub_entity e ON e.id = l.entity_id AND e.code = 'receipt'
                WHERE l.system_id = %s AND l.res_model = 'account.move' AND l.res_id = ANY(%s)""",
            [system.id, entries.ids],
        )
        return {row[0] for row in self.env.cr.fetchall()}

    @api.model
    def _hub_applied(self, entries, system):
        """What entries pay of posted customer invoices, by number: ``{entry id: [Applied]}``, in one query."""
        for model in ("account.move", "account.move.line", "account.partial.reconcile"):
            self.env[model].flush_model()
        self.env.cr.execute(
            """
            SELECT c.move_id, i.name, u.name, round(sum(p.debit_amount_currency), u.decimal_places)::text,
                   bool_or(l.id IS NOT NULL), i.invoice_date >= %(begin)s
              FROM account_partial_reconcile p
              JOIN account_move_line c ON c.id = p.credit_move_id
              JOIN account_move_line d ON d.id = p.debit_move_id
              JOIN account_move i ON i.id = d.move_id AND i.move_type = 'out_invoice' AND i.state = 'posted'
              JOIN account_move m ON m.id = c.move_id AND m.state = 'posted'
              JOIN res_currency u ON u.id = i.currency_id
              LEFT JOIN LATERAL (
                   SELECT l.id FROM hub_link l JOIN hub_entity e ON e.id = l.entity_id AND e.code = 'invoice'
                    WHERE l.res_model = 'account.move' AND l.res_id = i.id AND l.system_id = %(system)s
                    LIMIT 1) l ON TRUE
             WHERE c.move_id = ANY(%(entries)s)
             GROUP BY c.move_id, i.id, u.id
             ORDER BY c.move_id, i.name
            """,
            {
                "begin": system.start_date or system.create_date.date(),
                "system": system.id,
                "entries": entries.ids,
            },
        )
        found = defaultdict(list)
        for entry, *rest in self.env.cr.fetchall():
            found[entry].append(Applied(*rest))
        return found

    @api.model
    def _hub_accounts(self, entries, system):
        """What the ledger calls the accounts that the money is on: ``{(account id, company id): word}``."""
        pairs = {(entry.journal_id.default_account_id.id, entry.company_id.id) for entry in entries}
        return self.env["hub.vocabulary.word"]._outward(system, WORDS["account"], pairs)

    @api.model
    def _hub_references(self, entries):
        """The provider's own id of a payment, for who looks for it there."""
        return {
            entry.id: entry.origin_payment_id.hub_reference
            for entry in entries
            if entry.origin_payment_id.hub_reference
        }

    @api.model
    def _hub_no_account(self, entry, system):
        account = entry.journal_id.default_account_id.with_company(entry.company_id)
        vocabulary = self.env["hub.vocabulary"].search([("code", "=", WORDS["account"])])
        raise Problem(
            "ledger_account_missing",
            kind="reference",
            cause=f"{WORDS['account']}:{account.id or ''}",
            number=entry.name,
            system=system.name,
            vocabulary=vocabulary.name,
            record=account.display_name or "",
            journal=entry.journal_id.name,
        )
