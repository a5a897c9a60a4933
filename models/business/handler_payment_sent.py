"""Payments that a ledger shows and Odoo has sent there: they are Odoo's own, and are not booked a second time."""

from odoo import api, models

from ...core.billing import exact
from ...core.problem import Problem


class HubHandlerPaymentSent(models.AbstractModel):
    _inherit = "hub.handler.payment"

    @api.model
    def _hub_check(self, items):
        new = [item for item in items if item.open and not item.link and item.entity == "payment"]
        if new and self._system(new[0])._connector_class().keeps_books:
            self._hub_know_receipts(new)
        return super()._hub_check([item for item in items if item.open])

    @api.model
    def _hub_gone_there(self, items):
        """Payments that were sent from here and are deleted there."""
        system = self._system(items[0])
        if items[0].entity != "payment" or not system._connector_class().keeps_books:
            return
        sent = self._hub_receipts(system, [item.external_id for item in items])
        for item in items:
            if item.external_id in sent:
                self._hub_compare_receipt(item, *sent[item.external_id], system)

    @api.model
    def _hub_know_receipts(self, items):
        """Leave out what was sent from here; two queries. While a payment of the same invoice is on its way, nobody
        knows whether it is this one: it is looked at again in a moment."""
        system = self._system(items[0])
        sent = self._hub_receipts(system, [item.external_id for item in items])
        doubtful = self._hub_receipts_in_doubt(system)
        for item in items:
            found = sent.get(item.external_id)
            number = item.values.get("invoice_number")
            if found:
                self._hub_compare_receipt(item, *found, system)
            elif doubtful and (not number or number in doubtful):
                item.problem = Problem(
                    "receipt_in_doubt", kind="lock", invoice=number or "", system=system.name
                )

    @api.model
    def _hub_receipts(self, system, external_ids):
        """``{external id: (entry id, what was sent, whether more of it is on its way)}``"""
        self.env.cr.execute(
            """SELECT l.external_id, l.res_id,
                      -- what was sent last stands at the link that the record is known by, the last one
                      (SELECT coalesce(n.sent, '{}'::jsonb) FROM hub_link n
                        WHERE n.system_id = l.system_id AND n.entity_id = l.entity_id
                          AND n.res_model = l.res_model AND n.res_id = l.res_id
                        ORDER BY n.id DESC LIMIT 1), EXISTS (
                      SELECT 1 FROM hub_message m
                       WHERE m.system_id = l.system_id AND m.entity_id = l.entity_id AND m.direction = 'out'
                         AND m.res_model = l.res_model AND m.res_id = l.res_id
                         AND m.state IN ('pending', 'held', 'sending', 'failed', 'dead'))
                 FROM hub_link l JOIN hub_entity e ON e.id = l.entity_id AND e.code = 'receipt'
                WHERE l.system_id = %s AND l.external_id = ANY(%s)""",
            [system.id, list(external_ids)],
        )
        return {key: rest for key, *rest in self.env.cr.fetchall()}

    @api.model
    def _hub_receipts_in_doubt(self, system):
        """Numbers of invoices that receipts pay of which nobody knows yet whether the ledger has them."""
        self.env.cr.execute(
            """SELECT convert_from(q.body, 'UTF8')::jsonb
                 FROM hub_message m JOIN hub_payload q ON q.id = m.payload_id
                 JOIN hub_entity e ON e.id = m.entity_id AND e.code = 'receipt'
                WHERE m.system_id = %s AND m.direction = 'out'
                  AND (m.state = 'sending' OR m.maybe_sent AND m.state IN ('pending', 'failed', 'dead'))""",
            [system.id],
        )
        bodies = [row[0] for row in self.env.cr.fetchall()]
        return {
            part.get("invoice") for body in bodies for part in body.get("applied") or () if part
        }

    @api.model
    def _hub_compare_receipt(self, item, entry_id, sent, under_way, system):
        """One that says what was sent is left out; what somebody changed there is a question."""
        values, paid = item.values, sent.get("applied") or []
        number = values.get("invoice_number")
        ours = sum(
            (exact(p["amount"]) for p in paid if number in (None, p.get("invoice"))), exact(0)
        )
        taken_back = item.action == "delete" or self._state(item) != "succeeded"
        item.skip = "sent_from_here"
        if under_way or (ours == 0 if taken_back else ours == exact(values["amount"])):
            return
        facts = {
            "cause": str(sent.get("number")),
            "number": sent.get("number"),
            "system": system.name,
        }
        item.skip = None
        if taken_back:
            item.problem = Problem(
                "receipt_taken_back_outside",
                kind="conflict",
                amount=str(ours),
                currency=sent.get("currency"),
                **facts,
            )
            return
        item.problem = Problem(
            "receipt_differs",
            kind="conflict",
            theirs=f"{values['amount']} {values['currency']}",
            ours=f"{ours} {sent.get('currency')}",
            **facts,
        )
