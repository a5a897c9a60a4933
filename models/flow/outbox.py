import logging

from odoo import api, models, tools

_logger = logging.getLogger(__name__)

# Stored columns whose change concerns another system. Marked where every stored change passes:
# `write` misses what is recomputed (an invoice paid by reconciliation, an address copied to a child).
WATCHED = {
    "account.analytic.line": {
        "unit_amount",
        "date",
        "name",
        "project_id",
        "task_id",
        "employee_id",
    },
    "account.move": {
        "state",
        "payment_state",
        "amount_residual",
        "amount_total",
        "invoice_date_due",
        "hub_contract_id",
    },
    "crm.lead": {"stage_id", "partner_id", "active"},
    "hub.contract": {"state", "project_id", "code", "sale_order_id"},
    "project.project": {"name", "active", "partner_id", "account_id"},
    "project.task": {"name", "project_id", "sale_line_id", "active"},
    "res.partner": {"name", "vat"},
    "sale.order": {"state", "amount_total", "amount_untaxed"},
}


class HubOutboxMark(models.AbstractModel):
    """Mark a record in the transaction that changes it, if an outbound stream may want to know."""

    _name = "hub.outbox.mark"
    _description = "Outbox Mark"

    @api.model
    @tools.ormcache()
    def _hub_outbound(self):
        """Whether any outbound stream is on; without one a mark would only grow a table."""
        # One EXISTS on the hub's own configuration, whoever writes the record.
        self.env.cr.execute(
            "SELECT EXISTS (SELECT 1 FROM hub_stream WHERE direction = 'out' AND active AND system_id IS NOT NULL)"
        )
        return self.env.cr.fetchone()[0]

    @api.model
    @tools.ormcache("self._name")
    def _hub_watched(self):
        """Columns of this model whose change concerns another system: the shipped ones, and those that
        an admin bound to an outbound field or granted for write-back."""
        # The hub's own configuration, whoever writes the record.
        self.env.cr.execute(
            """SELECT DISTINCT f.odoo_field FROM hub_entity_field f JOIN hub_entity e ON e.id = f.entity_id
                WHERE e.model_name = %s AND f.odoo_field IS NOT NULL AND f.direction IN ('out', 'both')
                  AND (f.binding = 'field' OR EXISTS (
                       SELECT 1 FROM hub_grant g WHERE g.field_id = f.id AND g.revoked_at IS NULL))""",
            [self._name],
        )
        return frozenset(WATCHED[self._name]).union(row[0] for row in self.env.cr.fetchall())

    def _hub_mark(self, ids, users=()):
        """:param users: ids of who changed each, where that is known better than by the environment."""
        if ids and self._hub_outbound():
            # Raw and insert-only: this runs inside flush, and must never make a user's write fail.
            self.env.cr.execute(
                """INSERT INTO hub_outbox (model, res_id, user_id)
                   SELECT %s, u.id, coalesce(u.who, %s) FROM unnest(%s::int[], %s::int[]) u(id, who)""",
                [self._name, self.env.uid, list(ids), list(users)],
            )
            # Else it would be looked at with the next message that comes in, or in a minute.
            callbacks = self.env.cr.postcommit
            if not callbacks.data.get("lead_to_cash_hub.wake"):
                callbacks.data["lead_to_cash_hub.wake"] = True
                callbacks.add(self._hub_wake)

    def _hub_wake(self):
        """Somebody sends it soon. What a person wrote is committed: nothing here may say otherwise."""
        try:
            self.env["hub.engine"]._wake()
        except Exception as error:
            # Class only: the text of an error can hold personal data.
            _logger.warning("No drainer could be woken: %s", type(error).__name__)

    def _write_multi(self, vals_list):
        # While modules load, the hub's own columns may not be there yet.
        watched = self._hub_watched() if self.env.registry.ready else WATCHED[self._name]
        changed = [
            (record_id, vals.get("write_uid"))
            for record_id, vals in zip(self._ids, vals_list, strict=True)
            if not watched.isdisjoint(vals)
        ]
        # Whoever flushes may be another than who wrote.
        self._hub_mark([key for key, _who in changed], [who for _key, who in changed])
        return super()._write_multi(vals_list)

    @api.model_create_multi
    def create(self, vals_list):
        records = super().create(vals_list)
        self._hub_mark(records._ids)
        return records


class AccountAnalyticLine(models.Model):
    _name = "account.analytic.line"
    _inherit = ["account.analytic.line", "hub.outbox.mark"]

    @api.model
    @tools.ormcache()
    def _hub_outbound(self):
        """Whether time or expenses are sent anywhere. Most firms only read them, by the thousands, and a mark
        that nobody wants would cost each of them a row."""
        # As above.
        self.env.cr.execute(
            """SELECT EXISTS (
                   SELECT 1 FROM hub_stream s JOIN hub_entity e ON e.id = s.entity_id
                    WHERE s.direction = 'out' AND s.active AND s.system_id IS NOT NULL
                      AND e.model_name = 'account.analytic.line')"""
        )
        return self.env.cr.fetchone()[0]


class AccountMove(models.Model):
    _name = "account.move"
    _inherit = ["account.move", "hub.outbox.mark"]


class CrmLead(models.Model):
    _name = "crm.lead"
    _inherit = ["crm.lead", "hub.outbox.mark"]


class HubContract(models.Model):
    _name = "hub.contract"
    _inherit = ["hub.contract", "hub.outbox.mark"]


class ProjectProject(models.Model):
    _name = "project.project"
    _inherit = ["project.project", "hub.outbox.mark"]


class ProjectTask(models.Model):
    _name = "project.task"
    _inherit = ["project.task", "hub.outbox.mark"]


class ResPartner(models.Model):
    _name = "res.partner"
    _inherit = ["res.partner", "hub.outbox.mark"]


class SaleOrder(models.Model):
    _name = "sale.order"
    _inherit = ["sale.order", "hub.outbox.mark"]
