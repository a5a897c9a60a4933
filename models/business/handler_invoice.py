from collections import defaultdict

from odoo import api, models

from ...core.billing import exact
from ...core.problem import Problem, Term
from ..guard import own_code

KINDS = {"out_invoice": "invoice", "out_refund": "credit_note"}


class HubHandlerInvoice(models.AbstractModel):
    """Customer invoices and credit notes: Odoo makes them, others learn of them and say what became of them."""

    _name = "hub.handler.invoice"
    _inherit = "hub.handler.known"
    _description = "Invoice Handler"

    _hub_domain = (("move_type", "in", tuple(KINDS)), ("state", "!=", "cancel"))

    @api.model
    def _hub_compared(self, entity):
        """Nothing of a posted document is merged: its number goes out as its other figures do."""
        return {}

    # -- in ----------------------------------------------------------------------------------------

    @api.model
    def _hub_write(self, items):
        """The books decide what an invoice amounts to: a source that says otherwise is a question.

        What a ledger says of its state and of what is open there is kept with the document.
        """
        moves = self.env["account.move"].browse([item.res_id for item in items if item.open])
        moves.fetch(["name", "amount_total", "currency_id", "state", *self._hub_told.values()])
        same = defaultdict(self.env["account.move"].browse)
        for item in items:
            if not item.open:
                continue
            move = moves.browse(item.res_id)
            self._hub_require_same(item, move)
            vals = self._hub_news(item, move)
            if vals:
                item.audit = {name: [move[name] or None, value] for name, value in vals.items()}
                same[tuple(sorted(vals.items()))] |= move
        for vals, some in same.items():
            own_code(some).write(dict(vals))

    # canonical field → where it is kept
    _hub_told = {"ledger_state": "hub_ledger_state", "ledger_open": "hub_ledger_open"}

    @api.model
    def _hub_news(self, item, move):
        vals = {}
        for name, column in self._hub_told.items():
            value = item.values.get(name)
            if value is None:
                continue
            value = value.code if isinstance(value, Term) else float(value)
            if (move[column] or False) != (value or False):
                vals[column] = value
        return vals

    @api.model
    def _hub_require_same(self, item, move):
        state = item.values.get("ledger_state")
        if isinstance(state, Term) and state.code == "void":
            if move.state != "posted":
                return
            raise Problem(
                "invoice_void_outside",
                kind="conflict",
                cause=move.name,
                number=move.name,
                system=self.env["hub.system"].browse(item.system_id).name,
            )
        total = item.values.get("total")
        if total is None:
            return
        currency = item.values.get("currency") or move.currency_id.name
        # a credit note is negative for some, and positive for others
        if currency != move.currency_id.name or exact(move.amount_total) != abs(total):
            raise Problem(
                "invoice_differs",
                kind="conflict",
                cause=move.name,
                number=move.name,
                theirs=f"{total} {currency}",
                ours=f"{exact(move.amount_total)} {move.currency_id.name}",
            )

    # -- out ---------------------------------------------------------------------------------------

    @api.model
    def _hub_roots(self, model, ids):
        return list(ids) if model == "account.move" else []

    @api.model
    def _hub_compose(self, records, system):
        """Posted customer invoices and credit notes, as the books have them."""
        records = records.filtered(lambda move: move.move_type in KINDS)
        documents = self._hub_wants_documents(system)
        moves = records.filtered(lambda move: move.state == "posted")
        result, voids = {}, {}
        if documents:
            voids = self._hub_voids(records.filtered(lambda m: m.state == "cancel"), system)
        for move in moves:
            sign = -1 if move.move_type == "out_refund" else 1
            result[move.id] = {
                "number": move.name,
                "contract": move.hub_contract_id.code or None,
                "date": move.invoice_date,
                "due_date": move.invoice_date_due or None,
                "currency": move.currency_id.name,
                "untaxed": sign * exact(move.amount_untaxed),
                "total": sign * exact(move.amount_total),
                "open": sign * exact(move.amount_residual),
                "payment_state": move.payment_state,
                "kind": KINDS[move.move_type],
                "journal": move.journal_id.code,
                # by its number, under which the other side has it
                "credits": move.reversed_entry_id.name
                if move.move_type == "out_refund" and move.reversed_entry_id.state == "posted"
                else None,
            }
        if result and documents:
            result = self._hub_compose_documents(moves, system, result)
        return result | voids

    @api.model
    def _hub_delivered(self, cr, ids, first):
        """The ledger has these since now. What pays them has waited for it; and one that was cancelled while it was
        on its way is looked at again."""
        cr.execute(
            """INSERT INTO hub_outbox (model, res_id)
               SELECT 'account.move', m.id FROM account_move m
                WHERE m.id = ANY(%(ids)s) AND m.state = 'cancel'
               UNION
               SELECT 'account.move', c.move_id
                 FROM account_move_line d
                 JOIN account_partial_reconcile p ON p.debit_move_id = d.id
                 JOIN account_move_line c ON c.id = p.credit_move_id
                 JOIN account_move m ON m.id = c.move_id AND m.move_type = 'entry'
                WHERE d.move_id = ANY(%(ids)s)""",
            {"ids": list(first)},
        )
