"""What the tests of schedules share: a contract by hand with its order and project, and billing runs of it."""

from datetime import date

from odoo.fields import Command

from .business_common import BusinessCase


def day(text):
    return date.fromisoformat(text)


class ScheduleCase(BusinessCase):
    """Contracts written by hand; today is long after what they agree."""

    def _currency(self, name):
        currency = self.env.ref(f"base.{name}")
        currency.active = True
        if currency != self.company.currency_id:
            self.env["res.currency.rate"].create(
                {
                    "currency_id": currency.id,
                    "company_id": self.company.id,
                    "name": "2025-01-01",
                    "rate": 2.0,
                }
            )
        return currency

    def _draft(self, *lines, currency="USD", **values):
        """A contract with a confirmed order without lines and a project."""
        currency = self._currency(currency)
        contracts = self.env["hub.contract"].with_company(self.company)
        order = self.env["sale.order"].create(
            {
                "partner_id": self.customer.id,
                "company_id": self.company.id,
                "pricelist_id": contracts._hub_pricelist(currency).id,
            }
        )
        order.action_confirm()
        project = self.env["project.project"].create(
            {
                "name": "By hand",
                "partner_id": self.customer.id,
                "company_id": self.company.id,
                "allow_billable": True,
            }
        )
        return contracts.create(
            {
                "name": "By hand",
                "company_id": self.company.id,
                "partner_id": self.customer.id,
                "currency_id": currency.id,
                "sale_order_id": order.id,
                "project_id": project.id,
                "line_ids": [
                    Command.create({"product_id": self.milestone_service.id, **line})
                    for line in lines
                ],
                **values,
            }
        )

    def _contract(self, *lines, **values):
        contract = self._draft(*lines, **values)
        contract.with_user(self.resolver).action_activate()
        return self._fresh(contract)

    def _milestone_service(self, tax):
        return self.env["product.product"].create(
            {
                "name": "Service",
                "default_code": "SRV",
                "type": "service",
                "uom_id": self.unit.id,
                "invoice_policy": "delivery",
                "service_type": "milestones",
                "taxes_id": [Command.set(tax.ids)],
            }
        )

    def _fee(self, amount, *shares, **values):
        """A fee by schedule; shares as ``(day, label, {"percent" or "fixed": figure, …})``."""
        return {
            "kind": "schedule",
            "name": "Rollout",
            "unit_price": amount,
            "instalment_ids": [
                Command.create({"date": on, "name": name, **figures})
                for on, name, figures in shares
            ],
            **values,
        }

    def _service(self, price, first, last=None, **values):
        return {
            "kind": "recurring",
            "name": "Support",
            "unit_price": price,
            "billed_from": first,
            "billed_to": last,
            **values,
        }

    def _change(self, line, kind, first, **values):
        """What is agreed later of a service, by a resolver."""
        values = {"kind": kind, "date_from": first, "reason": "Letter of May", **values}
        change = self.env["hub.recurring.change"].with_user(self.resolver)
        return change.create({"line_id": line.id, **values})

    def _run(self, cut_off, first=None, contract=None):
        """Lines of a new run by a resolver, who discards what he proposed before."""
        batches = self.env["hub.billing.batch"].with_user(self.resolver)
        batches.search([("state", "=", "proposed")]).action_discard()
        batch = batches.create(
            {
                "company_id": self.company.id,
                "date_from": first,
                "date_to": cut_off,
                "contract_domain": f"[('id', '=', {contract.id})]" if contract else "[]",
            }
        )
        batch.action_propose()
        return self._fresh(batch).line_ids

    def _post(self, line):
        line.with_user(self.approver).action_approve()
        self._fresh(line)
        self.assertEqual(line.state, "billed", line.failure)
        return line.move_id

    def _credit(self, move, kind="hours"):
        """A posted credit note of all of an invoice."""
        note = move._reverse_moves([{"hub_credit_kind": kind, "invoice_date": move.invoice_date}])
        note.with_user(self.approver).action_hub_approve()
        self._fresh(note)
        self.assertEqual(note.state, "posted")
        return note

    def _fresh(self, records):
        self.env.flush_all()
        self.env.invalidate_all()
        return records.with_env(self.env)

    def _rows(self, records):
        rows = self._fresh(records).instalment_ids
        return [(str(row.date), row.amount, row.state) for row in rows.sorted("date")]
