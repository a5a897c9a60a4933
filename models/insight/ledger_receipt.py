from odoo import api, models

from ...core.billing import exact
from ...core.reconcile import Entry


class HubLedgerReceipt(models.AbstractModel):
    """Payments that Odoo has sent to an accounting ledger, as they stand there, against what their entries pay today.

    One that the ledger keeps as several counts as one, under the first of its ids.
    """

    _inherit = "hub.ledger.payment"

    @api.model
    def _there(self, run):
        entries = super()._there(run)
        firsts = self._receipts(run, [entry.key.partition(":")[2] for entry in entries])
        found, sent = [], {}
        for entry in entries:
            first = firsts.get(entry.key.partition(":")[2])
            if not first or not entry.key.startswith("payment:"):
                found.append(entry)
                continue
            key, _move, number = first
            before = sent.get(key)
            steps = entry.amount + (before.amount if before else 0)
            sent[key] = entry._replace(key=f"payment:{key}", amount=steps, reference=number)
        return found + list(sent.values())

    @api.model
    def _here(self, run, there):
        entries = super()._here(run, there)
        named = [entry.key.partition(":")[2] for entry in there]
        receipts = self._receipts(run, named, window=True)
        moves = self.env["account.move"].browse({move for _key, move, _number in receipts.values()})
        applied = self.env["hub.handler.receipt"]._hub_applied(moves, run.system_id)
        currencies, told = self._currencies(), set()
        for key, move_id, number in receipts.values():
            parts = [part for part in applied.get(move_id, ()) if part.known]
            if move_id in told or not parts:
                continue
            told.add(move_id)
            currency = currencies[parts[0].currency]
            entries.append(
                Entry(
                    f"payment:{key}",
                    self._steps(sum(exact(part.amount) for part in parts), currency),
                    currency.name,
                    moves.browse(move_id).date.isoformat(),
                    reference=number,
                )
            )
        return entries

    @api.model
    def _receipts(self, run, external_ids, window=False):
        """Receipts of the company by each of their ids there: ``{external id: (first id, entry id, number)}``.

        :param window: those dated within the run's days as well.
        """
        self.env["account.move"].flush_model()
        self.env.cr.execute(
            """
            WITH links AS (
                SELECT l.external_id, l.res_id, m.name, m.date,
                       min(l.external_id) OVER (PARTITION BY l.res_id) AS first
                  FROM hub_link l JOIN hub_entity e ON e.id = l.entity_id AND e.code = 'receipt'
                  JOIN account_move m ON m.id = l.res_id AND m.company_id = %s
                 WHERE l.system_id = %s AND l.res_model = 'account.move')
            SELECT external_id, first, res_id, name FROM links
             WHERE external_id = ANY(%s) OR %s AND date BETWEEN %s AND %s
            """,
            [
                run.company_id.id,
                run.system_id.id,
                list(external_ids),
                window,
                run.date_from,
                run.date_to,
            ],
        )
        return {key: tuple(rest) for key, *rest in self.env.cr.fetchall()}

    @api.model
    def _records(self, run, entries):
        found = super()._records(run, entries)
        receipts = self._receipts(run, [entry.key.partition(":")[2] for entry in entries])
        for entry in entries:
            known = receipts.get(entry.key.partition(":")[2])
            if known and entry.key.startswith("payment:"):
                found[entry.key] = ("account.move", known[1])
        return found
