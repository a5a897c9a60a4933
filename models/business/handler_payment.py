import pytz
from odoo import api, fields, models

from ...core.billing import exact
from ...core.problem import Money, Problem, Term
from ..guard import called_by_people, own_code


class HubHandlerPayment(models.AbstractModel):
    """Money that customers paid through a provider: booked net, with its fee, and matched.

    The payment is booked for what the provider keeps for us (net), its fee on the fee account,
    and the customer's account is credited with what the customer paid (gross). The journal's
    balance is then the provider's balance to the cent.
    """

    _name = "hub.handler.payment"
    _inherit = "hub.handler"
    _description = "Lead-to-Cash Hub: Payments"

    @api.model
    def _hub_may_upload(self, entity):
        return self.env["account.payment"].has_access("create")

    # --- match ------------------------------------------------------------------------------------

    @api.model
    def _hub_match(self, items):
        """A payment that Odoo made itself (a payment link) is found by the provider's reference."""
        # Odoo's own provider keeps the payment's id at the provider; hub_reference is the charge's.
        by_reference = {}
        for item in items:
            if item.open and not item.res_id:
                for reference in (item.external_id, item.values.get("reference")):
                    if reference:
                        by_reference[reference] = item
        if not by_reference:
            return
        references = list(by_reference)
        payments = self.env["account.payment"].search(
            [
                ("hub_reference", "in", references),
                ("company_id", "=", self.env.company.id),
                ("payment_type", "=", "inbound"),
            ]
        )
        for payment in payments:
            by_reference[payment.hub_reference].res_id = payment.id
        # Transactions are read with sudo: only the reference and the payment behind it.
        transactions = (
            self.env["payment.transaction"]
            .sudo()
            .search(
                [
                    ("provider_reference", "in", references),
                    ("company_id", "=", self.env.company.id),
                    ("state", "in", ("pending", "authorized", "done")),
                ]
            )
        )
        for transaction in transactions:
            item = by_reference[transaction.provider_reference]
            if transaction.payment_id:
                item.res_id = item.res_id or transaction.payment_id.id
            elif not item.res_id:
                # Odoo is about to book it: looked at again in a moment, never booked beside it.
                item.problem = Problem("odoo_books_it", kind="lock", reference=item.external_id)

    # --- check ------------------------------------------------------------------------------------

    @api.model
    def _hub_check(self, items):
        """What can be known before anything is booked."""
        items = [item for item in items if item.open]
        currencies = self._currencies(items)
        for item in items:
            values = item.values
            item.at_risk = Money(exact(values["amount"]), values["currency"])
            state = self._state(item)
            try:
                if item.link or item.res_id:
                    self._check_booked(item, state)
                elif state == "succeeded":
                    self._check_payment(item, currencies)
            except Problem as problem:
                item.problem = problem
                continue
            if state != "succeeded":
                item.skip = f"payment_{state}"

    @api.model
    def _state(self, item):
        status = item.values["status"]
        return status.code if isinstance(status, Term) else status

    # What was booked, beside what the provider says now.
    _booked = (("amount", "hub_gross"), ("fee", "hub_fee"), ("net", "hub_net"))

    @api.model
    def _check_booked(self, item, state):
        """A booked payment is never changed or taken back in silence: a person decides."""
        values = item.values
        payment = self.env["account.payment"].browse(item.link.res_id if item.link else item.res_id)
        if not payment.exists() or payment.state in ("draft", "canceled", "rejected"):
            return
        facts = {
            "amount": str(values["amount"]),
            "currency": values["currency"],
            "reference": values.get("reference") or item.external_id,
            "payment": payment.display_name,
            "outbound": payment.payment_type == "outbound",
        }
        if state in ("failed", "canceled"):
            raise Problem("refund_failed_after_booking", kind="conflict", **facts)
        if state != "succeeded" or not payment.hub_gross:
            return  # one that Odoo booked itself keeps no parts to compare with
        differs = {
            name: (str(exact(payment[field])), str(exact(values[name])))
            for name, field in self._booked
            if values.get(name) is not None
            # a source that knows of no fee cannot say what is left of it
            and (name == "amount" or values.get("fee") is not None)
            and exact(payment[field]) != exact(values[name])
        }
        if payment.hub_currency_id and payment.hub_currency_id.name != values["currency"]:
            differs["currency"] = (payment.hub_currency_id.name, values["currency"])
        if differs:
            raise Problem(
                "payment_changed",
                kind="conflict",
                changes=[[name, old, new] for name, (old, new) in sorted(differs.items())],
                **facts,
            )

    @api.model
    def _currencies(self, items):
        codes = set()
        for item in items:
            codes |= {item.values.get("currency"), item.values.get("settlement_currency")}
        found = self.env["res.currency"].search([("name", "in", list(codes - {None, ""}))])
        return {currency.name: currency for currency in found}

    @api.model
    def _system(self, item):
        return self.env["hub.system"].browse(item.system_id)

    @api.model
    def _check_payment(self, item, currencies, payment_type="inbound"):
        values, system = item.values, self._system(item)
        paid = {"amount": str(values["amount"]), "currency": values["currency"]}
        reference = values.get("reference") or item.external_id
        journal = system.journal_id._filtered_access("read")  # another company's is none
        if not journal or journal.company_id != self.env.company:
            raise Problem(
                "no_payment_journal",
                kind="rule",
                cause=str(self.env.company.id),
                company=self.env.company.name,
                system=system.display_name,
                **paid,
            )
        if not journal._hub_method_line(payment_type):
            raise Problem(
                "journal_not_ready",
                kind="rule",
                cause=str(journal.id),
                journal=journal.display_name,
                **paid,
            )
        for code in (values["currency"], values.get("settlement_currency")):
            if code and code not in currencies:
                raise Problem("currency_not_active", cause=code, currency=code)
        self._check_settlement(item, journal, currencies)
        fee = exact(values.get("fee") or 0)
        if fee and not system.fee_account_id:
            raise Problem(
                "no_fee_account",
                kind="rule",
                cause=str(system.id),
                fee=str(fee),
                system=system.display_name,
                **paid,
            )
        self._check_period(journal, self._day(item), reference=reference, **paid)

    @api.model
    def _check_settlement(self, item, journal, currencies):
        """The provider's own figures have to add up in the currency of the journal."""
        values = item.values
        settled = values.get("settlement_currency") or values["currency"]
        own = (journal.currency_id or journal.company_id.currency_id).name
        figures = {
            "amount": str(values["amount"]),
            "currency": values["currency"],
            "fee": str(values.get("fee") or 0),
            "net": str(values.get("net") or ""),
            "settlement_currency": settled,
            "journal": journal.display_name,
            "journal_currency": own,
        }
        if values.get("net") is None and settled == values["currency"]:
            # The provider has not said yet what it keeps: looked at again in a while.
            raise Problem("fee_pending", kind="lock", **figures)
        if settled != own:
            raise Problem("settlement_currency", kind="rule", cause=settled, **figures)
        gross, fee = exact(values["amount"]), exact(values.get("fee") or 0)
        if values.get("net") is None:
            raise Problem("no_exchange_info", kind="data", **figures)
        if settled == values["currency"] and exact(values["net"]) + fee != gross:
            raise Problem("payment_parts_differ", kind="data", **figures)

    @api.model
    def _check_period(self, journal, day, **params):
        """Odoo would book a payment of a locked day on another one, in silence."""
        violations = journal.company_id._get_lock_date_violations(
            day, fiscalyear=True, sale=False, purchase=False, tax=False, hard=True
        )
        if violations:
            raise Problem(
                "period_closed",
                kind="rule",
                cause=str(day),
                date=str(day),
                company=journal.company_id.name,
                locks=self.env["res.company"]._format_lock_dates(violations),
                **params,
            )

    @api.model
    def _day(self, item):
        """The local day of the selling company, from the provider's moment in UTC."""
        return self._local_day(item.values["date"])

    @api.model
    def _local_day(self, moment):
        if hasattr(moment, "tzinfo"):
            zone = self.env.company._hub_zone()
            if moment.tzinfo is None:
                moment = pytz.utc.localize(moment)
            return moment.astimezone(pytz.timezone(zone)).date()
        return fields.Date.to_date(moment)

    # --- write ------------------------------------------------------------------------------------

    @api.model
    def _hub_write(self, items):
        """Book the payments in one batch and settle the invoices they are for."""
        new = []
        for item in items:
            if not item.open:
                continue
            if item.link or item.res_id:
                self._known(item)
            else:
                new.append(item)
        if not new:
            return
        currencies = self._currencies(new)
        invoices = self._match_invoices(new, currencies)
        payments = called_by_people(
            own_code(self.env["account.payment"]).create(
                [self._payment_values(item, invoices[item.message_id], currencies) for item in new]
            )
        )
        payments.action_post()
        for item, payment in zip(new, payments, strict=True):
            item.res_id = payment.id
            self._settle(payment, invoices[item.message_id])
            names = ", ".join(invoices[item.message_id].mapped("name"))
            item.audit.update(amount=(None, item.values["amount"]), invoice=(None, names))

    @api.model
    def _known(self, item):
        """A payment that is booked already: nothing is booked twice."""
        item.res_id = item.link.res_id if item.link else item.res_id
        payment = self.env["account.payment"].browse(item.res_id)
        reference = item.values.get("reference")
        if reference and not payment.hub_reference:
            # A payment link's own payment, seen for the first time.
            own_code(payment).hub_reference = reference
        if not item.changed and item.link:
            item.skip = "unchanged"

    @api.model
    def _payment_values(self, item, invoices, currencies):
        values, system = item.values, self._system(item)
        journal = system.journal_id
        paid_in = currencies[values["currency"]]
        settled_in = currencies[values.get("settlement_currency") or values["currency"]]
        fee = exact(values.get("fee") or 0)
        gross = exact(values["amount"])
        net = exact(values["net"]) if values.get("net") is not None else gross - fee
        partner = invoices[:1].commercial_partner_id
        result = {
            "payment_type": "inbound",
            "partner_type": "customer",
            "partner_id": partner.id,
            "journal_id": journal.id,
            "payment_method_line_id": journal._hub_method_line("inbound").id,
            "currency_id": settled_in.id,
            "amount": float(net),
            "date": self._day(item),
            "memo": ", ".join(invoices.mapped("name")),
            "payment_reference": values.get("reference"),
            "hub_reference": values.get("reference"),
            "hub_gross": float(gross),
            "hub_currency_id": paid_in.id,
            "hub_fee": float(fee),
            "hub_net": float(net),
        }
        receivable = invoices.line_ids.filtered(
            lambda line: line.account_id.account_type == "asset_receivable"
        ).account_id[:1]
        if receivable:
            result["destination_account_id"] = receivable.id
        self._add_fee(result, item, system, paid_in, settled_in, receivable)
        return result

    @api.model
    def _add_fee(self, result, item, system, paid_in, settled_in, receivable):
        """The fee as a line of its own, and the customer's side in the currency that was paid."""
        day, company = result["date"], self.env.company

        def in_company(amount):
            return settled_in._convert(amount, company.currency_id, company, day)

        fee, net, gross = result["hub_fee"], result["hub_net"], result["hub_gross"]
        fee_line = {
            "name": self.env._("Fee %(reference)s", reference=item.values.get("reference") or ""),
            "account_id": system.fee_account_id.id,
            "partner_id": result["partner_id"],
            "currency_id": settled_in.id,
            "amount_currency": fee,
            "balance": in_company(fee),
        }
        if paid_in == settled_in:
            if fee:
                result["write_off_line_vals"] = [fee_line]
            return
        # Paid in one currency, settled in another: net and fee are what the provider credited and
        # kept, so gross stands at exactly their sum and no rate of ours takes part in it.
        total = in_company(net) + in_company(fee)
        lines = [
            {
                "name": result["memo"],
                "account_id": system.journal_id.default_account_id.id,
                "partner_id": result["partner_id"],
                "currency_id": settled_in.id,
                "amount_currency": net,
                "balance": in_company(net),
            },
            {
                "name": result["memo"],
                "account_id": receivable.id,
                "partner_id": result["partner_id"],
                "currency_id": paid_in.id,
                "amount_currency": -gross,
                "balance": -total,
            },
        ]
        if fee:
            lines.append(fee_line)
        result["line_ids"] = [fields.Command.create(line) for line in lines]

    @api.model
    def _settle(self, payment, invoices):
        """Reconcile: only this makes the invoice paid, a link alone does not."""
        account = payment.destination_account_id
        lines = (payment.move_id.line_ids | invoices.line_ids).filtered(
            lambda line: (
                line.account_id == account and not line.reconciled and line.parent_state == "posted"
            )
        )
        lines.reconcile()

    @api.model
    def _hub_roots(self, model, ids):
        return list(ids) if model == "account.payment" else []
