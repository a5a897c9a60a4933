from odoo import api, models

from ...core.reconcile import Entry

COUNTS = (
    "succeeded",
    None,
)  # states of a payment in which money moved; None where the mapping tells none


class HubLedgerPayment(models.AbstractModel):
    """Payments, refunds, disputes and payouts of a provider against what is booked in its journal: gross, and the fee
    as a part of it."""

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
        for entity in self._others(run):
            for key, values in self._listed(run, entity):
                entries.append(self._foreign(run, entity, key, values, currencies))
        if "dispute" in self._read_here(run):
            for key, values in self._all_disputes(run):
                entries += self._disputed(run, key, values, currencies)
        return [entry for entry in entries if entry]

    @api.model
    def _read_here(self, run):
        """Entities of the system that are listed there and read here."""
        streams = self.env["hub.stream"].search(
            [("system_id", "=", run.system_id.id), ("direction", "=", "in")]
        )
        return set(run.system_id._connector_class().lists) & {
            "refund",  # as long as payments are
            *streams.entity_id.mapped("code"),
        }

    @api.model
    def _others(self, run):
        """What else of one movement each changes the provider's balance."""
        return [name for name in ("refund", "payout") if name in self._read_here(run)]

    @api.model
    def _all_disputes(self, run):
        """Disputes of the window, and older ones of which money moved in it."""
        listed = self._listed(run, "dispute")
        moved = [
            ("date", ">=", run.date_from),
            ("date", "<=", run.date_to),
            ("journal_id", "=", run.system_id.journal_id.id),
        ]
        payments = self.env["account.payment"].search(moved)
        older = self.env["hub.dispute"].search(
            [
                "|",
                ("withdrawal_id", "in", payments.ids),
                ("reinstatement_id", "in", payments.ids),
                ("reference", "not in", [key for key, _values in listed]),
            ]
        )
        return listed + self._fetched(run, older.mapped("reference"), "dispute")

    @api.model
    def _disputed(self, run, key, values, currencies):
        """What a dispute took, and what came back of it: movements of their own, each on its day."""
        currency = currencies.get(values.get("settlement_currency"))
        return [
            Entry(
                f"dispute:{key}:{name}",
                self._steps(
                    (values.get(f"{name}_net") or 0) + (values.get(f"{name}_fee") or 0), currency
                ),
                currency.name,
                self._day(run, values.get(f"{name}_at")),
                reference=values[f"{name}_reference"],
            )
            for name in ("withdrawn", "reinstated")
            if currency and values.get(f"{name}_reference")
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
        self.env["hub.dispute"].flush_model()
        self.env.cr.execute(
            """
            WITH disputed (payment_id, key) AS (
                SELECT withdrawal_id, 'dispute:' || reference || ':withdrawn' FROM hub_dispute
                 WHERE withdrawal_id IS NOT NULL
                 UNION ALL
                SELECT reinstatement_id, 'dispute:' || reference || ':reinstated' FROM hub_dispute
                 WHERE reinstatement_id IS NOT NULL)
            SELECT p.id, coalesce(e.code || ':' || l.external_id, d.key),
                   CASE WHEN p.payment_type = 'inbound' AND p.hub_payout IS NOT TRUE THEN 1 ELSE -1 END,
                   coalesce(nullif(p.hub_gross, 0), p.amount)::text, coalesce(g.name, c.name),
                   CASE WHEN p.hub_currency_id = p.currency_id THEN p.hub_fee ELSE 0 END::text,
                   p.date, coalesce(p.hub_reference, p.name)
              FROM account_payment p
              JOIN res_currency c ON c.id = p.currency_id
              LEFT JOIN res_currency g ON g.id = p.hub_currency_id
              LEFT JOIN hub_link l ON l.res_model = 'account.payment' AND l.res_id = p.id AND l.system_id = %(system)s
              LEFT JOIN hub_entity e ON e.id = l.entity_id
              LEFT JOIN disputed d ON d.payment_id = p.id
             WHERE p.company_id = %(company)s AND p.journal_id = %(journal)s
               AND p.state IN ('in_process', 'paid')
               -- what was sent to a ledger stands there as a receipt
               AND NOT EXISTS (
                   SELECT FROM hub_link r JOIN hub_entity re ON re.id = r.entity_id AND re.code = 'receipt'
                    WHERE r.res_model = 'account.move' AND r.res_id = p.move_id AND r.system_id = %(system)s)
               -- what the bank sent back counts on neither side
               AND NOT (p.hub_payout IS TRUE AND (p.hub_original_payment_id IS NOT NULL OR EXISTS (
                        SELECT FROM account_payment r WHERE r.hub_original_payment_id = p.id)))
               AND (p.date BETWEEN %(since)s AND %(until)s
                    OR coalesce(e.code || ':' || l.external_id, d.key) = ANY(%(keys)s))
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
        if entity == "dispute":
            external_id = external_id.rpartition(":")[0]
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
