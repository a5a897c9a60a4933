from odoo import api, models
from odoo.fields import Command

from ...core.billing import exact, rounded
from ...core.problem import Problem, Term
from ..guard import called_by_people, own_code

# Canonical fields that a lead holds, and where.
LEAD_FIELDS = {
    "name": "name",
    "customer": "partner_id",
    "close_date": "date_deadline",
    "start_date": "hub_start_date",
    "owner_email": "hub_owner_email",
}


class HubHandlerOpportunity(models.AbstractModel):
    """Deals of the CRM: leads while they are open; contract, order and project once won."""

    _inherit = "hub.handler.opportunity"

    _hub_beside = {"amount": ("hub_amount", "hub_currency_id")}

    # --- write ------------------------------------------------------------------------------------

    @api.model
    def _hub_write(self, items):
        """Create and update leads, and start what was won."""
        items = [item for item in items if item.open]
        currencies = self._currencies(items)
        owners = self._owners(items)
        leads = self._leads(items)
        new, new_stages = [], []
        for item in items:
            lead = leads.get(self._known_id(item))
            new_stages.append(self._new_stage(item, lead))
            values = self._lead_values(item, lead, currencies, owners)
            if lead:
                item.res_id = lead.id
                if values:
                    own_code(lead).write(values)
            else:
                new.append((item, values))
        created = called_by_people(
            own_code(self.env["crm.lead"]).create([values for _item, values in new])
        )
        for (item, _values), lead in zip(new, created, strict=True):
            item.res_id = lead.id
            leads[lead.id] = lead
        self._set_stages(items, leads, new_stages)
        self._start(items, leads, currencies)
        self._follow(items, leads)

    @api.model
    def _owners(self, items):
        emails = {item.values.get("owner_email") for item in items} - {None, ""}
        users = self.env["res.users"].search(
            [
                ("share", "=", False),
                ("company_ids", "in", self.env.company.ids),
                "|",
                ("login", "in", list(emails)),
                ("email_normalized", "in", list(emails)),
            ]
        )
        owners = {}
        for user in users:
            for email in {user.login, user.email_normalized} & emails:
                owners[email] = user.id if email not in owners else False
        return owners

    @api.model
    def _lead_values(self, item, lead, currencies, owners):
        """What to write on the lead: all of a new one, what changed of a known one."""
        values, result = item.values, {}
        for name, field in LEAD_FIELDS.items():
            if name in values and (not lead or name in item.changed):
                result[field] = values[name]
        if "owner_email" in values and (not lead or "owner_email" in item.changed):
            owner = owners.get(values["owner_email"])
            if owner or not lead:
                result["user_id"] = owner or False
        currency = currencies.get(values.get("currency"))
        if (
            currency
            and values.get("amount") is not None
            and (not lead or {"amount", "currency"} & item.changed)
        ):
            company = self.env.company
            amount = float(values["amount"])
            result["hub_amount"] = amount
            result["hub_currency_id"] = currency.id
            result["expected_revenue"] = currency._convert(
                amount, company.currency_id, company, self._deal_day(item)
            )
        if not lead:
            result.update(type="opportunity", company_id=self.env.company.id)
        else:
            result = self._differing(lead, result)
        for name in values:
            if not lead or name in item.changed:
                item.audit.setdefault(name, (None, values[name]))
        return result

    @api.model
    def _differing(self, record, values):
        """``values`` without those that ``record`` has already: an unchanged write is noise."""
        result = {}
        for name, value in values.items():
            field = record._fields[name]
            old = record[name].id if field.relational else record[name]
            if (old or False) != (value or False):
                result[name] = value
        return result

    @api.model
    def _set_stages(self, items, leads, new_stages):
        won = lost = self.env["crm.lead"]
        stages = {}
        for item, stage in zip(items, new_stages, strict=True):
            lead = leads[item.res_id]
            if stage == "won" and lead.won_status != "won":
                won |= lead
                if item.values.get("won_at"):
                    lead.hub_won_at = item.values["won_at"].replace(tzinfo=None)  # UTC
            elif stage == "lost" and lead.won_status != "lost":
                lost |= lead
            elif stage == "open":
                target = self._open_stage(item)
                if lead.won_status != "pending" or (target and lead.stage_id.id != target):
                    stages.setdefault(target, self.env["crm.lead"])
                    stages[target] |= lead
        if won:
            won.action_set_won()
        if lost:
            lost.action_set_lost()
        for target, group in stages.items():
            group.filtered(lambda lead: not lead.active).action_unarchive()
            if target:
                group.write({"stage_id": target})

    @api.model
    def _open_stage(self, item):
        term = item.values.get("stage")
        if isinstance(term, Term) and term.res_model == "crm.stage":
            return term.res_id
        return None

    @api.model
    def _start(self, items, leads, currencies):
        """Contracts, orders and projects of the deals that are won and not yet started."""
        starting = [
            item
            for item in items
            if self._starts(item, leads[item.res_id]) and not leads[item.res_id].hub_contract_id
        ]
        if not starting:
            return
        contracts = called_by_people(
            own_code(self.env["hub.contract"]).create(
                [self._contract_values(item, leads[item.res_id], currencies) for item in starting]
            )
        )
        templates = {
            contract.id: self._template(item)
            for contract, item in zip(contracts, starting, strict=True)
        }
        contracts._hub_start(templates)
        self.env["hub.document"].create(
            [
                {
                    "name": self.env._("Signed: %s", contract.name),
                    "url": item.values["signed_document"],
                    "company_id": contract.company_id.id,
                    "contract_id": contract.id,
                }
                for contract, item in zip(contracts, starting, strict=True)
                if item.values.get("signed_document")
            ]
        )

    @api.model
    def _payment_terms(self, item):
        """What to write of agreed payment terms; nothing where they are the customer's own."""
        term = item.values.get("payment_terms")
        agreed = isinstance(term, Term) and term.res_model == "account.payment.term" and term.res_id
        return {"payment_term_id": agreed} if agreed else {}

    @api.model
    def _contract_values(self, item, lead, currencies):
        values = item.values
        return {
            "name": values["name"],
            "company_id": self.env.company.id,
            "currency_id": currencies[values["currency"]].id,
            "partner_id": values["customer"],
            "contact_ids": [Command.set(values.get("contacts") or [])],
            "lead_id": lead.id,
            "po_number": values.get("po_number"),
            "date_start": values.get("start_date"),
            "won_at": lead.hub_won_at,
            "line_ids": [
                Command.create(self._line_values(line, sequence))
                for sequence, line in enumerate(values["lines"])
            ],
            **self._payment_terms(item),
        }

    @api.model
    def _line_values(self, line, sequence):
        product = self._product(line)
        return {
            "sequence": sequence,
            "name": line.get("name") or product.display_name,
            "kind": self._kind(product),
            "product_id": product.id,
            "quantity": float(line["quantity"]),
            "unit_price": float(line["unit_price"]),
            "external_id": line.get("external_id"),
        }

    @api.model
    def _follow(self, items, leads):
        """Changes of a started deal that its contract takes over without asking."""
        for item in items:
            contract = leads[item.res_id].hub_contract_id
            if not contract or not item.link:
                continue
            values = {}
            if "po_number" in item.changed:
                values["po_number"] = item.values.get("po_number")
            if "contacts" in item.changed:
                values["contact_ids"] = [Command.set(item.values.get("contacts") or [])]
            if values:
                contract.write(values)
            if "po_number" in values and contract.sale_order_id:
                contract.sale_order_id.client_order_ref = values["po_number"]

    # --- delete and send --------------------------------------------------------------------------

    @api.model
    def _hub_delete(self, items):
        """A deal that disappears from the CRM takes nothing with it."""
        leads = self._leads(items)
        for item in items:
            lead = leads.get(self._known_id(item))
            contract = lead.hub_contract_id if lead else None
            if not item.open:
                continue
            if not item.link:
                item.skip = "not_linked"
                continue
            if contract:
                item.problem = Problem(
                    "deal_deleted_after_start", kind="conflict", **self._facts(contract)
                )
            else:
                item.problem = Problem(
                    "deleted_at_source",
                    kind="conflict",
                    name=lead.display_name if lead else item.external_id,
                )

    @api.model
    def _hub_roots(self, model, ids):
        """The deals behind changed invoices, contracts and projects."""
        if model == "crm.lead":
            return list(ids)
        path = {
            "hub.contract": "id",
            "account.move": "move_ids",
            "account.move.line": "move_ids.line_ids",
            "sale.order": "sale_order_id",
            "project.project": "project_id",
        }.get(model)
        if not path or not ids:
            return []
        # Asked with sudo: which deal an invoice belongs to does not depend on who paid it. Marks come
        # from all companies; those of others are left out.
        contracts = self.env["hub.contract"].sudo()
        served = ("company_id", "in", contracts.env.companies.ids)
        groups = contracts._read_group(
            [(path, "in", list(ids)), ("lead_id", "!=", False), served], ["lead_id"]
        )
        return [lead.id for (lead,) in groups]

    @api.model
    def _hub_compose(self, records, system):
        """Where each deal stands in contract, billing and payment."""
        contracts = records.hub_contract_id
        totals = contracts._hub_totals()
        result = {}
        for lead in records:
            contract = lead.hub_contract_id
            if not contract:
                continue
            sums = totals[contract.id]
            step = exact(contract.currency_id.rounding)
            result[lead.id] = {
                "contract_state": contract.state,
                "contracted_amount": rounded(contract.amount_total, step),
                "invoiced_amount": rounded(sums["invoiced_amount"], step),
                "paid_amount": rounded(sums["paid_amount"], step),
                "overdue_amount": rounded(sums["overdue_amount"], step),
                "last_invoice": sums["last_invoice"] or None,
                "last_invoice_date": sums["last_invoice_date"] or None,
                "next_due_date": sums["next_due_date"] or None,
                "project_code": contract.code,
            }
        return result
