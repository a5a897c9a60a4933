from odoo import api, fields, models


class HubBillingTurn(models.Model):
    """Contracts whose time shares something that runs out: a cap, a retainer, a purchase order, a day that is rounded.

    What is left of it is read and used in one transaction. Two at once would both see the same rest, each in its own
    snapshot, and a lock alone does not help there: whoever waited for it goes on with what was read before. So both
    write one row, and the second begins again and sees what the first has used.
    """

    _name = "hub.billing.turn"
    _description = "Turn of Billing"
    _log_access = False

    # No foreign key, as with the keys of hub.identity: the contract itself is not touched.
    contract_id = fields.Integer(required=True, readonly=True)
    turns = fields.Integer(readonly=True)

    _contract_unique = models.UniqueIndex("(contract_id)")

    @api.model
    def _take(self, contracts):
        """Be the only one who uses what is left of these contracts until the transaction ends; one statement.

        Rows are taken in one order, so that two never wait for each other.

        :raise SerializationFailure: when somebody else used it since this transaction began; it is done again
        """
        # With sudo: terms of a contract, whoever bills it.
        limited = contracts.sudo().filtered("id")._hub_shares_a_limit()
        if limited:
            self._begin(limited)

    @api.model
    def _begin(self, contracts):
        """The same, whatever they share; one statement."""
        self.env.cr.execute(
            """INSERT INTO hub_billing_turn (contract_id, turns)
               SELECT c, 1 FROM unnest(%s) c ORDER BY c
               ON CONFLICT (contract_id) DO UPDATE SET turns = (hub_billing_turn.turns + 1) %% 1000000""",
            [sorted(contracts.ids)],
            log_exceptions=False,  # expected: Odoo does it again
        )


class HubContract(models.Model):
    _inherit = "hub.contract"

    def _hub_shares_a_limit(self):
        """Those of ``self`` in which one document leaves less for the next."""
        return self.filtered(
            lambda contract: (
                contract.cap_amount
                or contract.round_level == "day"
                or contract.retainer_ids
                or contract.purchase_order_ids
            )
        )


class HubBilling(models.Model):
    _inherit = "hub.billing"

    @api.model
    def _enter(self, rows):
        contracts = self.env["hub.contract"].browse({row["contract_id"] for row in rows})
        self.env["hub.billing.turn"]._take(contracts)
        return super()._enter(rows)
