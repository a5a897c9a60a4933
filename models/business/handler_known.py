"""What is made in Odoo and nowhere else: found by its number, never created."""

from odoo import api, models

from ...core.billing import exact
from ...core.merge import plain
from ...core.problem import Problem
from ..guard import own_code


class HubHandlerKnown(models.AbstractModel):
    """An entity whose records Odoo makes. A source that names one is linked to it."""

    _name = "hub.handler.known"
    _inherit = "hub.handler"
    _description = "Found by Its Number"

    _hub_number = ("number", "name")  # canonical field, Odoo field
    _hub_domain = ()

    @api.model
    def _hub_model(self, items):
        entity = self.env["hub.entity"].search([("code", "=", items[0].entity)])
        return self.env[entity.model_name]

    @api.model
    def _hub_match(self, items):
        """One query for all numbers; what Odoo does not know is left out with that reason."""
        canonical, column = self._hub_number
        model = self._hub_model(items)
        numbers = {str(item.values.get(canonical) or "").strip() for item in items} - {""}
        records = model.search([(column, "in", list(numbers)), *self._hub_domain])
        found = records.grouped(column)
        for item in items:
            same = found.get(str(item.values.get(canonical) or "").strip(), model)
            if item.company_id:
                same = same.filtered(lambda r, item=item: r.company_id.id == item.company_id)
            if len(same) == 1:
                item.res_id = same.id
            elif same:
                item.problem = Problem(
                    "ambiguous_match",
                    kind="identity",
                    cause=f"{canonical}:{item.values[canonical]}",
                    name=item.values[canonical],
                    count=len(same),
                    key=canonical,
                    candidates=same.ids,
                )
            else:
                item.skip = "made_in_odoo"

    @api.model
    def _hub_write(self, items):
        """Nothing to write: the link is the result."""


class HubHandlerContract(models.AbstractModel):
    """Contracts are made of won deals; another system may add what it knows, and gets the terms."""

    _name = "hub.handler.contract"
    _inherit = "hub.handler.known"
    _description = "Contract Handler"

    _hub_number = ("code", "code")
    # what a source may say of a contract that was signed; the terms themselves stay as signed
    _hub_plain = {
        "po_number": "po_number",
        "end_date": "date_end",
        "agreement": "agreement_id",
        "end_client": "end_client_id",
    }
    # what it states of terms, which is kept beside those that were signed
    _hub_stated = ("stated_retainers", "stated_change_orders")

    @api.model
    def _hub_write(self, items):
        contracts = self.env["hub.contract"].browse([item.res_id for item in items if item.open])
        contracts.fetch([*self._hub_plain.values(), *self._hub_stated])
        for item in items:
            if not item.open:
                continue
            contract = contracts.browse(item.res_id)
            vals = {}
            for name, column in self._hub_plain.items():
                if name not in item.changed:
                    continue
                value = item.values.get(name) or False
                now = contract[column]
                now = now.id if isinstance(now, models.BaseModel) else now
                if (now or False) != value:
                    vals[column] = value
                    item.audit = {
                        **item.audit,
                        column: [str(now or "") or None, str(value or "") or None],
                    }
            for name in self._hub_stated:
                stated = plain(item.values.get(name)) or False
                if name in item.changed and (contract[name] or False) != stated:
                    vals[name] = stated
                    item.audit = {**item.audit, name: [contract[name] or None, stated or None]}
            if vals:
                own_code(contract).write(vals)

    @api.model
    def _hub_roots(self, model, ids):
        path = {
            "hub.contract": "id",
            "project.milestone": "project_id.milestone_ids",
            "sale.order": "sale_order_id",
        }.get(model)
        if not path or not ids:
            return []
        # Asked with sudo: what has to be sent does not depend on who changed it.
        contracts = self.env["hub.contract"].sudo()
        served = ("company_id", "in", contracts.env.companies.ids)
        return contracts.search([(path, "in", list(ids)), served]).ids

    @api.model
    def _hub_compose(self, records, system):
        """Terms as signed: lines with their rates, milestones with what was reached, the retainer."""
        retainers = self.env["hub.retainer"].search([("contract_id", "in", records.ids)])
        retainers = retainers.grouped("contract_id")
        result = {}
        for contract in records:
            result[contract.id] = {
                "code": contract.code,
                "name": contract.name,
                "state": contract.state,
                "sold_to": {"key": contract.partner_id.id, "name": contract.partner_id.name},
                "bill_to": {
                    "key": contract.bill_partner_id.id,
                    "name": contract.bill_partner_id.name,
                }
                if contract.bill_partner_id
                else None,
                "agreement_number": contract.agreement_id.code or None,
                "currency": contract.currency_id.name,
                "amount": exact(contract.amount_total),
                "start_date": contract.date_start or None,
                "end_date": contract.date_end or None,
                "po_number": contract.po_number or None,
                "payment_terms": contract.payment_term_id.name or None,
                "lines": [
                    {
                        "name": line.name,
                        "kind": line.kind,
                        "service": line.product_id.default_code or line.product_id.name,
                        "quantity": exact(line.quantity),
                        "unit_price": exact(line.unit_price),
                        "amount": exact(line.amount),
                        "reached": bool(line.sale_line_id.reached_milestones_ids)
                        if line.kind == "milestone"
                        else None,
                    }
                    for line in contract.line_ids
                ],
                "retainers": [
                    {
                        "name": retainer.product_id.name,
                        "service": retainer.product_id.default_code or retainer.product_id.name,
                        "period": retainer.period,
                        "basis": retainer.basis,
                        "amount": exact(retainer.fee),
                        "included": exact(retainer.allowance),
                        "carried_over": retainer.carry_periods if retainer.carry != "none" else 0,
                        "start_date": retainer.date_from,
                        "end_date": retainer.date_to or None,
                    }
                    for retainer in retainers.get(contract, ())
                ],
            }
        return result
