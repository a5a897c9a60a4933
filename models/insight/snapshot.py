from odoo import api, fields, models


class HubSnapshot(models.Model):
    """Pipeline and backlog as they stood each night: history that cannot be made later."""

    _name = "hub.snapshot"
    _description = "Nightly Snapshot"
    _log_access = False
    _order = "date desc, id"

    date = fields.Date(required=True, readonly=True, index=True)
    kind = fields.Selection(
        [("pipeline", "Pipeline"), ("backlog", "Backlog")], required=True, readonly=True
    )
    company_id = fields.Many2one("res.company", readonly=True, ondelete="cascade")
    currency_id = fields.Many2one("res.currency", readonly=True)
    lead_id = fields.Many2one("crm.lead", readonly=True, ondelete="set null")
    contract_id = fields.Many2one("hub.contract", readonly=True, ondelete="set null")
    stage = fields.Char(readonly=True)
    probability = fields.Float(readonly=True)
    amount = fields.Monetary(readonly=True)
    invoiced = fields.Monetary(readonly=True)
    remaining = fields.Monetary(readonly=True)

    _once_a_day = models.UniqueIndex("(date, kind, COALESCE(lead_id, 0), COALESCE(contract_id, 0))")

    @api.model
    def _take(self):
        """Write today's rows; a second run on the same day changes nothing.

        Runs nightly as OdooBot over all companies: it copies figures, each row with its company.
        """
        today = fields.Date.context_today(self)
        self.env.flush_all()
        self.env.cr.execute(
            """
            INSERT INTO hub_snapshot (date, kind, company_id, currency_id, lead_id, stage,
                                      probability, amount, invoiced, remaining)
            SELECT %(today)s, 'pipeline', l.company_id, c.currency_id, l.id, s.name ->> 'en_US', l.probability,
                   l.expected_revenue, 0, l.expected_revenue
              FROM crm_lead l
              LEFT JOIN crm_stage s ON s.id = l.stage_id
              LEFT JOIN res_company c ON c.id = l.company_id
             WHERE l.active AND l.type = 'opportunity' AND NOT coalesce(s.is_won, FALSE)
            ON CONFLICT DO NOTHING
            """,
            {"today": today},
        )
        contracts = self.env["hub.contract"].search([("state", "=", "active")])
        taken = set(self.search([("date", "=", today), ("kind", "=", "backlog")]).contract_id.ids)
        invoiced = self._invoiced_untaxed(contracts)
        self.create(
            [
                {
                    "date": today,
                    "kind": "backlog",
                    "company_id": contract.company_id.id,
                    "currency_id": contract.currency_id.id,
                    "contract_id": contract.id,
                    "lead_id": contract.lead_id.id,
                    "stage": contract.state,
                    "amount": contract.amount_total,
                    "invoiced": invoiced.get(contract.id, 0.0),
                    "remaining": contract.amount_total - invoiced.get(contract.id, 0.0),
                }
                for contract in contracts
                if contract.id not in taken
            ]
        )
        # What is overdue changes with the day, not with a write.
        self.env["hub.compose"]._mark_all("hub.contract", contracts.ids)
        return True

    @api.model
    def _invoiced_untaxed(self, contracts):
        """What was invoiced before taxes, less credits, by contract id: backlog is a net value."""
        groups = self.env["account.move"]._read_group(
            [
                ("hub_contract_id", "in", contracts.ids),
                ("state", "=", "posted"),
                ("move_type", "in", ("out_invoice", "out_refund")),
            ],
            ["hub_contract_id", "move_type"],
            ["amount_untaxed:sum"],
        )
        result = {}
        for contract, move_type, amount in groups:
            sign = -1 if move_type == "out_refund" else 1
            result[contract.id] = result.get(contract.id, 0.0) + sign * amount
        return result
