from odoo import api, models

from ...core.reconcile import Entry


class HubLedgerContract(models.AbstractModel):
    """Deals won in the CRM against contracts, by the day they were won: what was sold is what was agreed."""

    _name = "hub.ledger.contract"
    _inherit = "hub.ledger"
    _description = "Contract Ledgers"

    _entity = "opportunity"

    @api.model
    def _there(self, run):
        """Deals that the CRM changed in the window, and those of the contracts won in it, as they are today."""
        known = [key for key, *_rest in self._contracts(run, ()) if key]
        # A listing tells which; what stands around a deal (its stage, its lines) only reading it tells.
        values = dict(self._fetched(run, dict.fromkeys([*self._listed_ids(run), *known])))
        own = self._companies(run, self._entity, values)
        entries, currencies = [], self._currencies()
        for key, v in values.items():
            currency = currencies.get(v.get("currency")) or run.company_id.currency_id
            if v.get("stage") != "won" or not self._is_ours(
                run, own.get(key) or self._selling(run, v)
            ):
                continue
            entries.append(
                Entry(
                    key,
                    self._steps(v.get("amount"), currency),
                    currency.name,
                    self._day(run, v.get("won_at") or v.get("close_date")),
                    reference=v.get("name"),
                )
            )
        return entries

    @api.model
    def _selling(self, run, values):
        """The company that a deal's own word names, None where it names none."""
        code = values.get("selling_company")
        if not code:
            return None
        terms = self.env["hub.vocabulary.term"].search(
            [("vocabulary_id.code", "=", "company"), ("code", "=", code)], limit=1
        )
        return terms.res_id or None

    @api.model
    def _contracts(self, run, keys):
        self.env["hub.contract"].flush_model()
        self.env.cr.execute(
            """
            SELECT l.external_id, k.id, k.amount_total::text, c.name, k.won_at, k.name
              FROM hub_contract k
              JOIN res_currency c ON c.id = k.currency_id
              LEFT JOIN hub_link l ON l.res_model = 'crm.lead' AND l.res_id = k.lead_id AND l.system_id = %s
             WHERE k.company_id = %s AND k.state != 'draft'
               AND (k.won_at >= %s::date - interval '1 day' AND k.won_at < %s::date + interval '2 days'
                    OR l.external_id = ANY(%s))
               AND (l.id IS NOT NULL OR k.lead_id IS NULL)
            """,
            [run.system_id.id, run.company_id.id, run.date_from, run.date_to, list(keys)],
        )
        return self.env.cr.fetchall()

    @api.model
    def _here(self, run, there):
        currencies = self._currencies()
        return [
            Entry(
                key or f"odoo:{contract}",
                self._steps(amount, currencies[currency]),
                currency,
                self._day(run, won_at),
                reference=name,
            )
            for key, contract, amount, currency, won_at, name in self._contracts(
                run, [entry.key for entry in there]
            )
        ]

    @api.model
    def _records(self, run, entries):
        rows = self._contracts(run, [entry.key for entry in entries])
        return {
            key or f"odoo:{contract}": ("hub.contract", contract) for key, contract, *_r in rows
        }
