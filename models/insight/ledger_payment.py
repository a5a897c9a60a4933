from odoo import api, models

from ...core.reconcile import Entry

COUNTS = (
    "succeeded",
    None,
)  # states of a payment in which money moved; None where the mapping tells none


class HubLedgerPayment(models.AbstractModel):
    """Payments, refunds and payouts of a provider against what is booked in its journal: gross, and the fee as
    a part of it."""

    _name = "hub.ledger.payment"
    _inherit = "hub.ledger"
    _description = "Payment Ledgers"

    _entity = "payment"
    _days = True

    @api.model
    def _systems(self, company):
        return (
            super()
            ._systems(company)
            .filtered(lambda system: system.journal_id.company_id == company)
        )

    @api.model
    def _there(self, run):
        currencies = self._currencies()
        entries = [
            self._foreign(run, "payment", key, v, currencies) for key, v in self._listed(run)
        ]
        for entity in self._gone_out(run):
            entries += [
                self._foreign(run, entity, key, v, currencies)
                for key, v in self._listed(run, entity)
            ]
        return [entry for entry in entries if entry]

    @api.model
    def _gone_out(self, run):
        """What else moves the provider's balance, as far as it is read here."""
        lists = run.system_id._connector_class().lists
        streams = self.env["hub.stream"].search(
            [
                ("system_id", "=", run.system_id.id),
                ("direction", "=", "in"),
                ("entity_id.code", "=", "payout"),
            ]
        )
        return [
            entity
            for entity in ("refund", "payout")
            if entity in lists and (entity == "refund" or streams)
        ]

    @api.model
    def _foreign(self, run, entity, key, values, currencies):
        currency = currencies.get(values.get("currency"))
        if values.get("status") not in COUNTS or not currency:
            return None
        sign = 1 if entity == "payment" else -1
        # A fee in another currency than the payment's is no part of this amount.
        same = values.get("settlement_currency") in (None, currency.name)
        return Entry(
            f"{entity}:{key}",
            sign * self._steps(values.get("amount"), currency),
            currency.name,
            self._day(run, values.get("date")),
            part=self._steps(values.get("fee"), currency) if same and entity == "payment" else 0,
            reference=values.get("reference"),
        )

    @api.model
    def _here(self, run, there):
        self.env["account.payment"].flush_model()
        self.env.cr.execute(
            """
            SELECT p.id, e.code || ':' || l.external_id,
                   CASE WHEN p.payment_type = 'inbound' AND p.hub_payout IS NOT TRUE THEN 1 ELSE -1 END,
                   coalesce(nullif(p.hub_gross, 0), p.amount)::text, coalesce(g.name, c.name),
                   CASE WHEN p.hub_currency_id = p.currency_id THEN p.hub_fee ELSE 0 END::text,
                   p.date, coalesce(p.hub_reference, p.name)
              FROM account_payment p
              JOIN res_currency c ON c.id = p.currency_id
              LEFT JOIN res_currency g ON g.id = p.hub_currency_id
              LEFT JOIN hub_link l ON l.res_model = 'account.payment' AND l.res_id = p.id AND l.system_id = %(system)s
              LEFT JOIN hub_entity e ON e.id = l.entity_id
             WHERE p.company_id = %(company)s AND p.journal_id = %(journal)s
               AND p.state IN ('in_process', 'paid')
               -- what the bank sent back counts on neither side
               AND NOT (p.hub_payout IS TRUE AND (p.hub_original_payment_id IS NOT NULL OR EXISTS (
                        SELECT FROM account_payment r WHERE r.hub_original_payment_id = p.id)))
               AND (p.date BETWEEN %(since)s AND %(until)s OR e.code || ':' || l.external_id = ANY(%(keys)s))
            """,
            {
                "system": run.system_id.id,
                "company": run.company_id.id,
                "journal": run.system_id.journal_id.id,
                "since": run.date_from,
                "until": run.date_to,
                "keys": [entry.key for entry in there],
            },
        )
        rows, currencies = self.env.cr.fetchall(), self._currencies()
        return [
            Entry(
                # What was typed into the journal has no counterpart at the provider, and must be seen.
                key or f"odoo:{payment}",
                sign * self._steps(amount, currencies[unit]),
                unit,
                day.isoformat(),
                part=self._steps(fee, currencies[unit]) if sign > 0 else 0,
                reference=reference,
            )
            for payment, key, sign, amount, unit, fee, day, reference in rows
        ]

    @api.model
    def _source_id(self, key):
        entity, _colon, external_id = key.partition(":")
        return None if entity == "odoo" else (entity, external_id)

    @api.model
    def _records(self, run, entries):
        found = {
            entry.key: ("account.payment", int(entry.key[5:]))
            for entry in entries
            if entry.key.startswith("odoo:")
        }
        self.env.cr.execute(
            """SELECT e.code || ':' || l.external_id, l.res_id
                 FROM hub_link l JOIN hub_entity e ON e.id = l.entity_id
                WHERE l.system_id = %s AND l.res_model = 'account.payment'
                  AND e.code || ':' || l.external_id = ANY(%s)""",
            [run.system_id.id, [entry.key for entry in entries]],
        )
        return found | {key: ("account.payment", res_id) for key, res_id in self.env.cr.fetchall()}
