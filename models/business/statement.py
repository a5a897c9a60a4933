from collections import defaultdict

from odoo import api, fields, models


class HubReceivable(models.Model):
    _inherit = "hub.receivable"

    @api.model
    def _statements(self, partners, company):
        """What these customers owe to a company today, by currency. One query for all.

        :param partners: commercial partners
        :return: ``{partner id: [{"currency", "items", "loose", "buckets", "total"}]}``: what is owed by invoice or
            entry and what is not applied, each the oldest first; what is owed in each bucket; all of it together
        """
        rows = self.search(
            [("company_id", "=", company.id), ("partner_id", "in", partners.ids)], order="due, id"
        )
        result = defaultdict(list)
        for partner, of_partner in rows.grouped("partner_id").items():
            for currency, mine in of_partner.grouped("currency_id").items():
                loose = mine.filtered(lambda row: row.kind == "credit")
                items = mine - loose
                buckets = dict.fromkeys(self._fields["bucket"].get_values(self.env), 0.0)
                for row in items:
                    buckets[row.bucket] += row.residual
                result[partner.id].append(
                    {
                        "currency": currency,
                        "items": items,
                        "loose": loose,
                        "buckets": {name: currency.round(v) for name, v in buckets.items()},
                        "unapplied": currency.round(sum(loose.mapped("residual"))),
                        "total": currency.round(sum(mine.mapped("residual"))),
                    }
                )
        return result


class CustomerStatement(models.AbstractModel):
    """The statement of account: open items, what is not applied, and their age, of one company."""

    _name = "report.lead_to_cash_hub.customer_statement"
    _description = "Statement of Account"

    @api.model
    def _get_report_values(self, docids, data=None):
        """Values of the document; who may not see receivables is refused by them."""
        company = self.env.company
        partners = self.env["res.partner"].browse(docids).commercial_partner_id
        receivables = self.env["hub.receivable"]
        return {
            "docs": partners,
            "company": company,
            "today": fields.Date.context_today(self),
            "statements": receivables._statements(partners, company),
        }


class ResPartner(models.Model):
    _inherit = "res.partner"

    def action_hub_statement(self):
        """Print what the customer owes to the company that is switched on."""
        self.env["hub.receivable"].check_access("read")
        report = self.env.ref("lead_to_cash_hub.customer_statement_report")
        return report.report_action(self.commercial_partner_id)


class HubDunningLevel(models.Model):
    _inherit = "hub.dunning.level"

    statement = fields.Boolean(
        string="Attach the Statement of Account",
        help="The mail brings the customer's statement of account as a document.",
    )


class HubDunningReminder(models.Model):
    _inherit = "hub.dunning.reminder"

    def _mail(self, template):
        """With the statement of account, where the level asks for it."""
        mails = super()._mail(template)
        wanted = self.filtered(lambda reminder: reminder.level_id.statement)
        by_id = {mail.res_id: mail for mail in mails}
        for reminder in wanted:
            by_id[reminder.id].attachment_ids = [fields.Command.create(reminder._statement())]
        return mails

    def _statement(self):
        """The customer's statement of account as an attachment of this reminder."""
        here = self.with_company(self.company_id)
        content, kind = here.env["ir.actions.report"]._render_qweb_pdf(
            "lead_to_cash_hub.customer_statement_report", self.partner_id.ids
        )
        name = self.with_context(lang=self.partner_id.lang).env._("Statement of account")
        return {
            "name": f"{name} {fields.Date.to_string(fields.Date.context_today(self))}.{kind}",
            "raw": content,
            "res_model": self._name,
            "res_id": self.id,
        }
