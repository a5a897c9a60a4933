from odoo import fields, models
from odoo.tools import SQL


class ResPartner(models.Model):
    _inherit = "res.partner"

    hub_po_required = fields.Boolean(
        string="Purchase Order Required",
        help="Contracts of this customer are not invoiced without its purchase order number.",
    )

    def _hub_missing_for_billing(self):
        """What this billing address lacks for an invoice, as words a person reads."""
        self.ensure_one()
        whole = self.commercial_partner_id
        needed = {
            self.env._("name"): self.name or whole.name,
            self.env._("street"): self.street,
            self.env._("city"): self.city,
            self.env._("country"): self.country_id,
            self.env._("e-mail"): self.email or whole.email,
        }
        return [label for label, value in needed.items() if not value]

    def _hub_balance(self):
        """What these customers owe to the company of the environment, taxes included.

        Credits count against it; drafts do not. One query for all.

        :return: ``{partner id: {"balance": amount, "overdue": amount}}`` in the company's
            currency; the figures of a contact are those of its commercial partner.
        """
        lines = self.env["account.move.line"]
        lines.flush_model(
            [
                "partner_id",
                "account_id",
                "amount_residual",
                "parent_state",
                "date_maturity",
                "company_id",
            ]
        )
        commercial = self.commercial_partner_id
        rows = self.env.execute_query(
            SQL(
                """
                SELECT l.partner_id,
                       SUM(l.amount_residual),
                       COALESCE(SUM(l.amount_residual)
                                FILTER (WHERE COALESCE(l.date_maturity, l.date) < %(today)s), 0)
                  FROM account_move_line l
                  JOIN account_account a ON a.id = l.account_id
                 WHERE l.partner_id IN %(partners)s
                   AND l.company_id = %(company)s
                   AND l.parent_state = 'posted'
                   AND a.account_type = 'asset_receivable'
              GROUP BY l.partner_id
                """,
                partners=tuple(commercial.ids) or (0,),
                company=self.env.company.id,
                today=fields.Date.context_today(self),
            )
        )
        found = {partner: (balance, overdue) for partner, balance, overdue in rows}
        result = {}
        for partner in self:
            balance, overdue = found.get(partner.commercial_partner_id.id, (0, 0))
            result[partner.id] = {"balance": balance, "overdue": overdue}
        return result
