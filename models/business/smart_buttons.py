"""From a business record to its journey: links, messages and open exceptions across systems."""

from collections import defaultdict

from odoo import api, fields, models
from odoo.fields import Domain

VIEWER = "lead_to_cash_hub.group_hub_viewer"


class HubJourneyMixin(models.AbstractModel):
    """Counts and short ways of a record that the hub exchanges with other systems.

    The figures are those of the reader: record rules of links and messages apply. A batch of
    records costs one query for links and two for messages, whatever its size.
    """

    _name = "hub.journey.mixin"
    _description = "Journey Across Systems"

    hub_link_count = fields.Integer(
        string="Links Across Systems", compute="_compute_hub_journey", groups=VIEWER
    )
    hub_message_count = fields.Integer(
        string="Messages Across Systems", compute="_compute_hub_journey", groups=VIEWER
    )
    hub_exception_count = fields.Integer(
        string="Exceptions Across Systems", compute="_compute_hub_journey", groups=VIEWER
    )

    def _hub_journey(self):
        """Which records belong to the journey of each record of ``self``.

        :return: ``{id: {(model, id), …}}``; at least the record itself.
        """
        return {record.id: {(record._name, record.id)} for record in self}

    @api.depends_context("uid", "allowed_company_ids")
    def _compute_hub_journey(self):
        journeys = self._hub_journey()
        targets = set().union(*journeys.values()) if journeys else set()
        links = self._hub_counts("hub.link", targets)
        messages = self._hub_counts("hub.message", targets)
        exceptions = self._hub_exceptions(targets)
        for record in self:
            journey = journeys.get(record.id, ())
            record.hub_link_count = sum(links[key] for key in journey)
            record.hub_message_count = sum(messages[key] for key in journey)
            found = set().union(*(exceptions[key] for key in journey)) if journey else set()
            record.hub_exception_count = len(found)

    @api.model
    def _hub_counts(self, model, targets):
        counts = defaultdict(int)
        if targets and any(res_id for _model, res_id in targets):
            groups = self.env[model]._read_group(
                _hub_domain(targets), ["res_model", "res_id"], ["__count"]
            )
            counts.update({(name, res_id): count for name, res_id, count in groups})
        return counts

    @api.model
    def _hub_exceptions(self, targets):
        """Open exceptions of messages about ``targets``, also of those that never reached them.

        A message that failed has written no record; it is known by the key of the source's record,
        which the link of the Odoo record carries too.

        :return: ``{(model, id): {exception ids}}``
        """
        result = defaultdict(set)
        by_model = _hub_by_model(targets)
        if not by_model:
            return result
        self.env.cr.execute(
            """
            WITH target AS (
                SELECT * FROM unnest(%s::varchar[], %s::int[]) t(res_model, res_id)
            ), message AS (
                SELECT t.res_model, t.res_id, m.id
                  FROM target t
                  JOIN hub_link l USING (res_model, res_id)
                  JOIN hub_message m ON m.order_key = l.order_key AND m.state IN ('failed', 'dead')
                UNION
                SELECT t.res_model, t.res_id, m.id
                  FROM target t
                  JOIN hub_message m USING (res_model, res_id)
                 WHERE m.state IN ('failed', 'dead')
            )
            SELECT message.res_model, message.res_id, e.id
              FROM message JOIN hub_exception e ON e.message_id = message.id AND e.state = 'open'
            """,
            [
                [model for model, ids in by_model.items() for _id in ids],
                [res_id for ids in by_model.values() for res_id in ids],
            ],
        )
        rows = self.env.cr.fetchall()
        if rows:
            readable = set(
                self.env["hub.exception"].search([("id", "in", [r[2] for r in rows])]).ids
            )
            for model, res_id, exception_id in rows:
                if exception_id in readable:
                    result[model, res_id].add(exception_id)
        return result

    # --- short ways -----------------------------------------------------------------------------

    def _hub_targets(self):
        return set().union(*self._hub_journey().values())

    def action_hub_messages(self):
        """Open what came and went about this record."""
        return self._hub_open_list(
            self.env._("Messages"), "hub.message", list(_hub_domain(self._hub_targets()))
        )

    def action_hub_links(self):
        """Open where else this record is known."""
        return self._hub_open_list(
            self.env._("Links"), "hub.link", list(_hub_domain(self._hub_targets()))
        )

    def action_hub_exceptions(self):
        """Open what needs a person."""
        found = self._hub_exceptions(self._hub_targets())
        ids = sorted(set().union(*found.values()) if found else set())
        return self._hub_open_list(self.env._("Exceptions"), "hub.exception", [("id", "in", ids)])

    def _hub_open_list(self, name, model, domain):
        return {
            "type": "ir.actions.act_window",
            "name": name,
            "res_model": model,
            "views": [[False, "list"], [False, "form"]],
            "domain": domain,
        }


def _hub_by_model(targets):
    by_model = defaultdict(list)
    for model, res_id in sorted(targets, key=str):
        if isinstance(res_id, int) and res_id:  # a record that is being typed has no messages
            by_model[model].append(res_id)
    return by_model


def _hub_domain(targets):
    """Domain on ``res_model`` and ``res_id`` that holds for exactly these records."""
    return Domain.OR(
        Domain("res_model", "=", model) & Domain("res_id", "in", ids)
        for model, ids in _hub_by_model(targets).items()
    )


class HubContract(models.Model):
    _name = "hub.contract"
    _inherit = ["hub.contract", "hub.journey.mixin"]

    def _hub_journey(self):
        """A contract is one journey with its deal, order, project and invoices."""
        journeys = super()._hub_journey()
        # Only ids are taken, to count; what the reader opens is under his own rights.
        for contract in self.sudo():
            related = contract.lead_id, contract.sale_order_id, contract.project_id
            for records in (*related, contract.move_ids):
                journeys[contract.id] |= {(records._name, record.id) for record in records}
        return journeys


class HubContractJourneyMixin(models.AbstractModel):
    """Records of a contract share its journey."""

    _name = "hub.contract.journey.mixin"
    _inherit = ["hub.journey.mixin"]
    _description = "Journey of a Contract"

    def _hub_journey(self):
        journeys = super()._hub_journey()
        contracts = {record.id: record.sudo().hub_contract_id for record in self}  # ids, to count
        shared = self.env["hub.contract"].union(*contracts.values()).with_env(self.env)
        by_contract = shared._hub_journey()
        for record_id, contract in contracts.items():
            journeys[record_id] |= by_contract.get(contract.id, set())
        return journeys


class ResPartner(models.Model):
    _name = "res.partner"
    _inherit = ["res.partner", "hub.journey.mixin"]


class CrmLead(models.Model):
    _name = "crm.lead"
    _inherit = ["crm.lead", "hub.contract.journey.mixin"]


class SaleOrder(models.Model):
    _name = "sale.order"
    _inherit = ["sale.order", "hub.contract.journey.mixin"]


class ProjectProject(models.Model):
    _name = "project.project"
    _inherit = ["project.project", "hub.contract.journey.mixin"]


class AccountMove(models.Model):
    _name = "account.move"
    _inherit = ["account.move", "hub.contract.journey.mixin"]


class AccountPayment(models.Model):
    _name = "account.payment"
    _inherit = ["account.payment", "hub.journey.mixin"]
