from collections import defaultdict

from odoo import fields, models

from .billing_look import disputed


class AccountMove(models.Model):
    """What is looked at before an invoice of a contract is approved."""

    _inherit = "account.move"

    def _hub_run_checks(self):
        """Look at the documents in ``self`` that need an approval and keep what was found.

        :return: the new checks, those that are fine included.
        """
        moves = self._hub_governed()
        moves.filtered(lambda move: move.state == "draft")._hub_draw()
        waiting = moves._hub_unapproved_time()
        unapproved = self.env["hub.billing"]._unapproved(moves)
        held = moves._hub_held()
        edited = defaultdict(list)
        for line, quantity in self.env["hub.billing"]._differences(moves):
            edited[line.move_id].append((line, quantity))
        # With sudo: approvers outside the hub read only what is said of it.
        used = moves.hub_contract_id.sudo().filtered("cap_amount")._hub_cap_used()
        values = []
        for move in moves:
            for code, findings in (
                ("lines", move._hub_check_lines()),
                ("ledger", move._hub_check_ledger(edited[move])),
                ("service_code", move._hub_check_service()),
                ("rate", move._hub_check_rate()),
                ("tax", move._hub_check_tax()),
                ("customer_data", move._hub_check_customer()),
                ("approval", move._hub_check_approval(unapproved.get(move.id))),
                ("left_out", move._hub_check_left_out(waiting.get(move.id))),
                ("purchase_order", move._hub_check_purchase_order()),
                ("cap", move._hub_check_cap(used)),
                ("held", held.get(move)),
                ("period_lock", move._hub_check_period()),
            ):
                for severity, params in findings or [("ok", {})]:
                    values.append(
                        {"move_id": move.id, "code": code, "severity": severity, "params": params}
                    )
        # Written with sudo: findings are facts, nobody has the right to edit them.
        moves.sudo().hub_check_ids.unlink()
        return self.env["hub.invoice.check"].sudo().create(values).with_env(self.env)

    def _hub_product_lines(self):
        return self.invoice_line_ids.filtered(lambda line: line.display_type == "product")

    def _hub_check_lines(self):
        return [] if self._hub_product_lines() else [("blocking", {})]

    def _hub_check_ledger(self, edited):
        return [
            (
                "blocking",
                {"line": line.name, "quantity": f"{line.quantity:g}", "ledger": f"{quantity:g}"},
            )
            for line, quantity in edited
        ]

    def _hub_check_service(self):
        if self.move_type != "out_invoice":
            return []
        return [
            ("blocking", {"line": line.name})
            for line in self._hub_product_lines()
            if not line.product_id.default_code
        ]

    def _hub_check_rate(self):
        findings = []
        for line in self._hub_product_lines().filtered("sale_line_ids"):
            if self.move_type != "out_invoice":
                break
            agreed = line.sale_line_ids[:1]._hub_agreed_price()
            price = line.price_unit * (1 - (line.discount or 0.0) / 100)
            if self.currency_id.compare_amounts(price, agreed):
                findings.append(
                    (
                        "blocking",
                        {"line": line.name, "price": f"{price:,.2f}", "contract": f"{agreed:,.2f}"},
                    )
                )
        return findings

    def _hub_check_tax(self):
        """No tax needs a reason: a fiscal position that takes the service's own tax away.

        A service that has no tax at all is only a warning where the company charges none by
        default.
        """
        position = self.fiscal_position_id
        default = self.company_id.account_sale_tax_id
        findings = []
        for line in self._hub_product_lines():
            if line.tax_ids or line.currency_id.is_zero(line.price_subtotal):
                continue
            usual = line.product_id.taxes_id._filter_taxes_by_company(self.company_id) or default
            if usual and position and not position.map_tax(usual):
                continue
            severity = "blocking" if usual else "warning"
            findings.append(
                (severity, {"line": line.name, "customer": self.partner_id.display_name})
            )
        return findings

    def _hub_check_customer(self):
        partner = self.partner_id
        missing = partner._hub_missing_for_billing()
        if not missing:
            return []
        params = {"customer": partner.display_name, "missing": ", ".join(missing)}
        return [("blocking", params)]

    def _hub_check_approval(self, found):
        if not found:
            return []
        count, hours = found
        return [("blocking", {"count": count, "hours": f"{hours:.2f}"})]

    def _hub_unapproved_time(self):
        """Billable time of each document's contract and period that waits for approval.

        :return: ``{move id: {"count", "hours", "amount", "people", "currency"}}``; one query for
            each period, normally one.
        """
        result = {}
        drafts = self.filtered(lambda move: move.move_type == "out_invoice" and move.hub_period_to)
        periods = drafts.grouped(lambda move: (move.hub_period_from, move.hub_period_to))
        for (start, end), moves in periods.items():
            lines = moves.hub_contract_id.sudo().sale_order_id.order_line  # totals, not entries
            by_order = lines._hub_waiting_time(start, end)
            for move in moves:
                sums = by_order.get(move.hub_contract_id.sudo().sale_order_id)  # as above
                if sums:
                    result[move.id] = {
                        "count": sums["count"],
                        "hours": f"{sums['hours']:.2f}",
                        "amount": f"{sums['amount']:,.2f}",
                        "people": len(sums["people"]),
                        "currency": move.currency_id.name,
                    }
        return result

    def _hub_check_left_out(self, found):
        return [("warning", found)] if found else []

    def _hub_check_purchase_order(self):
        contract = self.hub_contract_id.sudo()  # approvers outside the hub read only this
        if self.move_type != "out_invoice":
            return []
        order = self.hub_purchase_order_id.sudo()  # as above
        if contract.purchase_order_ids:
            return self._hub_check_draw_down(contract, order)
        if not contract.po_required or contract.po_number:
            return []
        params = {"customer": contract.partner_id.display_name, "contract": contract.code}
        return [("blocking", params)]

    def _hub_check_draw_down(self, contract, order):
        """A contract with purchase orders bills from one that is valid and has enough left."""
        day = self.invoice_date or fields.Date.context_today(self)
        outside = order and (
            (order.date_from and day < order.date_from) or (order.date_to and day > order.date_to)
        )
        money = {"currency": self.currency_id.name, "contract": contract.code}
        if not order or outside:
            amount = f"{self.amount_untaxed:,.2f}"
            return [("blocking", {"number": "", "amount": amount, **money})]
        if order.amount and self.currency_id.compare_amounts(order.used, order.amount) > 0:
            over = f"{order.used - order.amount:,.2f}"
            return [("blocking", {"number": order.number, "amount": over, **money})]
        return []

    def _hub_held(self):
        """What holds new invoices by now: ``{move: [(severity, params)]}``; two queries.

        What somebody took in by a billing run although it is held was decided there.
        """
        drafts = self.filtered(
            lambda move: (
                move.move_type == "out_invoice" and move.hub_contract_id and not move.posted_before
            )
        )
        # With sudo: approvers outside the hub read only this.
        contracts, lines = drafts.hub_contract_id.sudo(), self.env["hub.billing.batch.line"].sudo()
        disputes = disputed(contracts)
        decided = [("move_id", "in", drafts.ids), ("taken_in_by_id", "!=", False)]
        found = {}
        for move in drafts - lines.search(decided).move_id:
            contract = move.hub_contract_id.sudo()  # as above
            params = {"contract": contract.code}
            if contract.billing_held:
                reason = contract.billing_held_reason or ""
                found[move] = [("blocking", {**params, "reason": reason})]
            elif contract.id in disputes:
                found[move] = [("warning", {**params, "invoices": disputes[contract.id][0]})]
        return found

    def _hub_check_cap(self, used):
        """Time is billed up to the cap, whatever became of a draft since it was made."""
        contract = self.hub_contract_id.sudo()  # approvers outside the hub read only this
        if self.move_type != "out_invoice" or not contract.cap_amount:
            return []
        used = used.get(contract.id, 0.0)
        over = used - contract.cap_amount
        if self.currency_id.compare_amounts(used, contract.cap_amount) <= 0:
            return []
        params = {
            "contract": contract.code,
            "cap": f"{contract.cap_amount:,.2f}",
            "over": f"{over:,.2f}",
            "currency": self.currency_id.name,
        }
        return [("blocking", params)]

    def _hub_check_period(self):
        """Odoo moves a locked date in silence; here it is a finding first."""
        date = self.invoice_date or fields.Date.context_today(self)
        violations = self._get_violated_lock_dates(date, self._affect_tax_report())
        if not violations:
            return []
        locks = self.env["res.company"]._format_lock_dates(violations)
        return [("blocking", {"date": fields.Date.to_string(date), "locks": locks})]
