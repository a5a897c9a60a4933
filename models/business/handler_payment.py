import pytz
from odoo import api, fields, models

from ...core.billing import exact
from ...core.problem import Money, Problem, Term


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

    @api.model
    def _match_reference(self, items, model, name, domain=()):
        """What stands in the books already under the provider's own name of it."""
        items = [item for item in items if item.open and not item.res_id]
        records = self.env[model].search(
            [
                (name, "in", [self._reference(item) for item in items]),
                ("company_id", "=", self.env.company.id),
                *domain,
            ]
        )
        known = {record[name]: record.id for record in records}
        for item in items:
            item.res_id = known.get(self._reference(item))

    @api.model
    def _reference(self, item):
        return item.values.get("reference") or item.external_id

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
            "reference": self._reference(item),
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
        reference = self._reference(item)
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
    def _check_own_currency(self, item, journal, settled):
        """Of what is booked as it moves: paid and settled in the one currency of the journal."""
        own = (journal.currency_id or journal.company_id.currency_id).name
        paid = item.values["currency"]
        if not paid == settled == own:
            raise Problem(
                "settlement_currency",
                kind="rule",
                cause=settled,
                amount=str(item.values["amount"]),
                currency=paid,
                journal=journal.display_name,
                settlement_currency=settled,
                journal_currency=own,
            )

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

    @api.model
    def _hub_roots(self, model, ids):
        return list(ids) if model == "account.payment" else []
