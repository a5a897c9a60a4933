from odoo import api, fields, models


class HubSystem(models.Model):
    """What an admin needs from the product to connect it, in the product's own words."""

    _inherit = "hub.system"

    guide = fields.Text(compute="_compute_guide", string="What It Needs")

    @api.depends("product")
    @api.depends_context("lang")
    def _compute_guide(self):
        guides = self._guides()
        declared = self.env._(
            "This product is declared under Configuration, Connectors. Store its secret, test the connection, then "
            "look at a page of each stream, map it and switch it on."
        )
        for system in self:
            system.guide = declared if system.is_declared else guides.get(system.product, False)

    @api.model
    def _guides(self):
        """Sentences by product."""
        _ = self.env._
        return {
            "salesforce": _(
                "Salesforce: the address is your My Domain (https://….my.salesforce.com), the account is the "
                "Organization ID (Setup, Company Information). Create an external client app there; its consumer key "
                "is the client ID. Store its consumer secret, or a private key and the user name whose certificate "
                "the app knows. A production system takes no sandbox, and the other way round."
            ),
            "hubspot": _(
                "HubSpot: the account is the portal id (the number under your portal's name, or in its address). "
                "Create a private app there, store its access token and its client secret, and enter the webhook "
                "address in the app's webhook settings."
            ),
            "harvest": _(
                "Harvest: the account is the number that Harvest shows beside a personal access token (Harvest ID, "
                "Developers). Store the token of an administrator. Harvest asks for a contact e-mail in each request. "
                "It sends no webhooks: changes are read at an interval."
            ),
            "stripe": _(
                "Stripe: the account begins with “acct_”. Store a restricted key and the signing secret of the webhook "
                "endpoint (“whsec_…”). Choose the journal and the fee account of payments. A production system takes "
                "live keys only, a sandbox takes test keys only."
            ),
            "clockify": _(
                "Clockify: the account is the workspace id (in the address of its settings page). Store the API key of "
                "an administrator and the signing tokens of the webhooks. A workspace in a region has another "
                "address: https://euc1.clockify.me/api/v1 (or use2, euw2, apse2). The time zone is for people whose "
                "Clockify profile has none."
            ),
            "toggl": _(
                "Toggl Track: the account is the workspace id (in the address of its settings page). Store the API "
                "token of an administrator (Profile settings, API Token) and the secrets of the webhooks. Approved "
                "time needs a plan with approvals. The plan says how many calls an hour may be made: the free one's "
                "30 are too few. The time zone is for people whose profile has none."
            ),
            "tempo": _(
                "Tempo Timesheets: the address is your Jira site's (https://….atlassian.net), the account is the name "
                "of the site without https:// (….atlassian.net). Store a token of Tempo (Settings, API Integration) "
                "and an API token of Atlassian with the e-mail of its account. Both belong to one user, who may view "
                "all worklogs and administrate Tempo accounts. Tempo sends no webhooks: changes are read at an "
                "interval. A token of Tempo ends on the day that was chosen when it was made."
            ),
            "quickbooks": _(
                "QuickBooks Online: the account is the company ID (Account and settings, Billing & subscription)."
                " Store the app's client secret and the verifier token of its webhooks, then sign in there. A "
                "sandbox company has another address: https://sandbox-quickbooks.api.intuit.com. Only invoices "
                "from the start date on are sent; without one, from the day this system was made. Choose on which"
                " journal its payments are booked."
            ),
            "xero": _(
                "Xero: the account is the tenant id of the organisation. Store the app's client secret and its "
                "webhook key; sign in there, unless it is a custom connection. A demo company belongs to a "
                "sandbox system. Only invoices from the start date on are sent; without one, from the day this "
                "system was made. Choose on which journal its payments are booked."
            ),
            "odoo": _(
                "Another Odoo (19 or later): the address without a path; the account is the name of the database "
                "there. Make a user of its own there, with the rights that the connector's page names, and store its "
                "API key."
            ),
            "hr": _(
                "HR data: nothing is called. Export people, leave and assignments from the HR product as CSV and "
                "upload each file to its stream (Streams, Upload CSV), people first. The columns of a file are the "
                "paths of the mapping: change a path where a header has another name. Give your companies, and the "
                "roles of your teams, a term in the vocabularies Company and Role."
            ),
            "canonical": _(
                "Canonical API: another program pushes canonical records to the address of the API below. It signs "
                "with the secret that you store (Standard Webhooks), or sends the API key of a user whom you name "
                "here: a user of its own, without rights. What may be pushed: streams that are on, fields that are "
                "mapped. If it wants to be told of changes, enter the address where it takes events, store their "
                "signing secret, and switch on and grant what it may know."
            ),
        }
