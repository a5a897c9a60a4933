from datetime import date

from odoo import api, fields, models

from ...core.reconcile import Entry
from ..business.handler_invoice import KINDS

# how a document counts: what is no booking yet, or no more, amounts to nothing
DRAFT, BOOKED, VOID = "draft", "booked", "void"
_STATES = {"draft": DRAFT, "cancel": VOID}


class HubLedgerBooks(models.AbstractModel):
    """Customer invoices and credit notes in an accounting ledger against Odoo's own: total with tax, the tax as a part
    of it, currency, day and whether it counts. Credit notes are negative.

    From the day on which the system starts, as documents are sent from then on; and those before it that are linked.
    """

    _name = "hub.ledger.books"
    _inherit = "hub.ledger"
    _description = "Invoices in Books"

    _entity = "invoice"
    _days = True
    _late = True  # an invoice is paid, and thereby changed there, weeks after its day
    _sends = "account.move"

    @api.model
    def _systems(self, company):
        return (
            super()._systems(company).filtered(lambda system: system._connector_class().keeps_books)
        )

    # -- there -------------------------------------------------------------------------------------

    @api.model
    def _there(self, run):
        listed = dict(self._listed(run))
        due = [key for key in self._linked(run, window=True) if key not in listed]
        listed |= self._fetched(run, due)
        linked = self._linked(run, keys=list(listed))
        firsts = {}
        for key, (move, _type) in linked.items():
            firsts[move] = min(key, firsts.get(move, key))
        # Documents of other companies are linked as well, to what is not among ours.
        own = self._companies(run, self._entity, listed)
        currencies, begin = self._currencies(), self._begin(run)
        entries = []
        for key, values in listed.items():
            move, move_type = linked.get(key, (None, None))
            entry = self._foreign(run, key, values, move_type, currencies)
            if entry and move:
                # two documents there for one of ours are one, twice
                entries.append(entry._replace(key=firsts[move]))
            elif entry and entry.status == BOOKED and self._is_new(run, entry, begin, own.get(key)):
                entries.append(entry)
        return entries

    @api.model
    def _is_new(self, run, entry, begin, company_id):
        """Whether one that is linked to nothing of ours is a matter of this company's comparison."""
        after = entry.day is None or entry.day >= begin.isoformat()
        return after and self._is_ours(run, company_id)

    @api.model
    def _foreign(self, run, key, values, move_type, currencies):
        currency = currencies.get(values.get("currency")) or run.company_id.currency_id
        state = values.get("ledger_state")
        status = state if state in (DRAFT, VOID) else BOOKED
        credit = key.startswith(run.system_id._connector_class().credit_prefix or "\0")
        sign = -1 if move_type == "out_refund" or credit else 1
        counts = sign if status == BOOKED else 0
        day = values.get("ledger_date")
        return Entry(
            key,
            counts * abs(self._steps(values.get("total"), currency)),
            currency.name,
            day.isoformat() if isinstance(day, date) else None,
            part=counts * abs(self._steps(values.get("ledger_tax"), currency)),
            status=status,
            reference=values.get("number"),
        )

    # -- here --------------------------------------------------------------------------------------

    @api.model
    def _begin(self, run):
        """The first day whose documents are sent there."""
        return run.system_id.start_date or run.system_id.create_date.date()

    @api.model
    def _linked(self, run, keys=(), window=False):
        """Documents of the company that are linked: ``{external id: (move id, move type)}``.

        :param keys: of these external ids; :param window: or dated within the run's days.
        """
        self.env.cr.execute(
            """SELECT l.external_id, m.id, m.move_type
                 FROM hub_link l JOIN hub_entity e ON e.id = l.entity_id AND e.code = 'invoice'
                 JOIN account_move m ON m.id = l.res_id
                WHERE l.system_id = %s AND l.res_model = 'account.move' AND m.company_id = %s
                  AND m.move_type = ANY(%s)
                  AND (l.external_id = ANY(%s) OR %s AND m.invoice_date BETWEEN %s AND %s)""",
            [
                run.system_id.id,
                run.company_id.id,
                list(KINDS),
                list(keys),
                window,
                run.date_from,
                run.date_to,
            ],
        )
        return {key: (move, move_type) for key, move, move_type in self.env.cr.fetchall()}

    @api.model
    def _here(self, run, there):
        self.env["account.move"].flush_model()
        self.env.cr.execute(
            """
            SELECT m.id, l.external_id, CASE m.move_type WHEN 'out_refund' THEN -1 ELSE 1 END,
                   m.amount_total::text, m.amount_tax::text, c.name, m.invoice_date, m.state, m.name
              FROM account_move m
              JOIN res_currency c ON c.id = m.currency_id
              LEFT JOIN LATERAL (
                    SELECT min(l.external_id) external_id
                      FROM hub_link l JOIN hub_entity e ON e.id = l.entity_id AND e.code = 'invoice'
                     WHERE l.res_model = 'account.move' AND l.res_id = m.id AND l.system_id = %(system)s) l ON TRUE
             WHERE m.company_id = %(company)s AND m.move_type = ANY(%(types)s)
               AND (m.invoice_date BETWEEN %(since)s AND %(until)s AND m.state = 'posted'
                    AND (m.invoice_date >= %(begin)s OR l.external_id IS NOT NULL)
                    OR l.external_id = ANY(%(keys)s))
            """,
            {
                "system": run.system_id.id,
                "company": run.company_id.id,
                "types": list(KINDS),
                "since": run.date_from,
                "until": run.date_to,
                "begin": self._begin(run),
                "keys": [entry.key for entry in there],
            },
        )
        rows, currencies = self.env.cr.fetchall(), self._currencies()
        elsewhere = self._left_out(run, [move for move, key, *_rest in rows if not key])
        entries = []
        for move, key, sign, total, tax, unit, day, state, number in rows:
            if move in elsewhere:
                continue
            status = _STATES.get(state, BOOKED)
            counts = sign if status == BOOKED else 0
            entries.append(
                Entry(
                    key or f"odoo:{move}",
                    counts * self._steps(total, currencies[unit]),
                    unit,
                    fields.Date.to_string(day) or None,
                    part=counts * self._steps(tax, currencies[unit]),
                    status=status,
                    reference=number,
                )
            )
        return entries

    @api.model
    def _left_out(self, run, ids):
        """Documents that the stream's process is not switched on for: they are not sent."""
        stream = self.env["hub.stream"].search(
            [
                ("system_id", "=", run.system_id.id),
                ("direction", "=", "out"),
                ("entity_id.code", "=", self._entity),
            ],
            limit=1,
        )
        if not ids or not stream:
            return frozenset()
        entity = stream.entity_id
        gates = self.env["hub.gate"]._gates(run.system_id, entity, "out")
        scope = gates and gates.scopes.get(stream.process_id.id)
        if not scope:
            return frozenset()
        moves = self.env["account.move"].browse(ids)
        values = self.env["hub.handler.invoice"]._hub_compose(moves, self.env["hub.system"])
        rows = [{"res_id": key, "company_id": run.company_id.id} for key in values]
        self.env["hub.compose"]._leave_out(self.env, stream, scope, gates, rows, values)
        return frozenset(values).difference(row["res_id"] for row in rows)

    # -- what stands behind it ---------------------------------------------------------------------

    @api.model
    def _records(self, run, entries):
        found = {key: ("account.move", self._sent_id(key)) for key, *_rest in entries}
        linked = self._linked(run, keys=[entry.key for entry in entries])
        found |= {key: ("account.move", move) for key, (move, _type) in linked.items()}
        return {key: record for key, record in found.items() if record[1]}
