"""CRMs: people sell there, and look there for what became of it."""

from .player import Player, renamed

SERVICE_LINE = "implementation"


class Crm(Player):
    """A CRM.

    A company is a dict of `name`, `domain`, `vat`, `street`, `city`, `state`, `zip`, `country`, `phone`; a contact
    one of `first`, `last`, `email`, `phone`, `country`, `title`, `language`; a line is `(code, name, quantity,
    price)`. What a deal or company is told later goes by the names of Odoo's canonical fields.
    """

    kind = "crm"

    def hire(self, first, last, email):
        """Somebody who owns the deals."""
        raise NotImplementedError

    def deal(self, name, company, lines, contacts=(), start=None, currency="USD"):
        """An open deal with its company (a dict, or the id of one that is there) and contacts.

        :return: their ids: `deal`, `company`, `contacts`
        """
        raise NotImplementedError

    def win(self, made, touch_company=True, **options):
        """The deal is won, the company gets a telephone number, and the webhooks are sent with these options."""
        if touch_company:
            self.phone(made["company"], "+1 617 555 0142")
        self.close(made["deal"])
        return self.deliver(**options)

    def phone(self, company, number):
        """Somebody changes a company's telephone number."""
        raise NotImplementedError

    def close(self, deal, day="2026-11-02"):
        """Somebody wins a deal, on a day."""
        raise NotImplementedError

    def record(self, kind, key):
        """What stands there: the fields of a `deal` or a `company`."""
        raise NotImplementedError

    def field(self, name):
        """Its own name of one of Odoo's figures."""
        raise NotImplementedError

    def figures(self, made, kind, names):
        """What it shows of a deal's or company's figures."""
        row = self.record(kind, made[kind])
        return {name: row.get(self.field(name)) for name in names}


class HubSpot(Crm):
    """A portal: deals, companies, contacts with associations."""

    name, label = "hubspot", "HubSpot"
    account = "49648261"
    company_names = {
        **{name: name for name in ("name", "domain", "city", "state", "zip", "country", "phone")},
        "vat": "vat_number",
        "street": "address",
    }
    contact_names = {
        **{name: name for name in ("email", "phone", "country")},
        "first": "firstname",
        "last": "lastname",
        "title": "jobtitle",
        "language": "hs_language",
    }
    owner = "42"

    @classmethod
    def secrets(cls, url):
        return {"access_token": "pat-na1-sandbox-token", "client_secret": "sandbox-client-secret"}

    def hire(self, first, last, email):
        self.seed(owners=[{"id": self.owner, "email": email, "firstName": first, "lastName": last}])

    def deal(self, name, company, lines, contacts=(), start=None, currency="USD"):
        made = self._make("contacts", [renamed(self.contact_names, one) for one in contacts])
        if isinstance(company, dict):
            (company,) = self._make("companies", [renamed(self.company_names, company)])
        for contact in made:
            self.control(
                "associate",
                {
                    "type": "contacts",
                    "id": contact,
                    "other": "companies",
                    "other_id": company,
                    "primary": True,
                },
            )
        properties = {
            "dealname": name,
            "amount": f"{sum(line[2] * line[3] for line in lines):.2f}",
            "deal_currency_code": currency,
            "dealstage": "contractsent",
            "pipeline": "default",
            "hubspot_owner_id": self.owner,
            "service_line": SERVICE_LINE,
        }
        if start:
            properties["service_start_date"] = start
        rows = [
            {"hs_sku": code, "name": text, "quantity": str(quantity), "price": str(price)}
            for code, text, quantity, price in lines
        ]
        more = {"companies": [company], "contacts": made, "line_items": rows}
        (key,) = self._make("deals", [properties], **more)
        return {"deal": key, "company": company, "contacts": made}

    def _make(self, kind, rows, **more):
        objects = [{"type": kind, "properties": row, **more} for row in rows]
        return self.seed(objects=objects)["ids"]

    def _change(self, kind, key, **properties):
        self.control("update", {"type": kind, "id": key, "properties": properties})

    def phone(self, company, number):
        self._change("companies", company, phone=number)

    def close(self, deal, day="2026-11-02"):
        self._change("deals", deal, dealstage="closedwon", closedate=f"{day}T15:00:00Z")

    def record(self, kind, key):
        kind = {"deal": "deals", "company": "companies"}[kind]
        return self.control("state")["objects"][kind][str(key)]["properties"]

    def field(self, name):
        return f"odoo_{name}"


class Salesforce(Crm):
    """An org: opportunities with products, accounts, contacts with roles."""

    name, label = "salesforce", "Salesforce"
    account = "00DHs000000sbx1MAA"
    settings = {"client_id": "3MVG9.sandbox.consumer"}
    company_names = {
        "name": "Name",
        "domain": "Website",
        "vat": "VAT_Number__c",
        "street": "BillingStreet",
        "city": "BillingCity",
        "state": "BillingState",
        "zip": "BillingPostalCode",
        "country": "BillingCountry",
        "phone": "Phone",
    }
    contact_names = {
        "first": "FirstName",
        "last": "LastName",
        "email": "Email",
        "phone": "Phone",
        "country": "MailingCountry",
        "title": "Title",
    }

    @classmethod
    def secrets(cls, url):
        return {"consumer_secret": "sandbox-consumer-secret"}

    def __init__(self, world):
        super().__init__(world)
        self.owner = None
        self.products = {}

    def hire(self, first, last, email):
        self.owner = self._make("User", FirstName=first, LastName=last, Email=email)

    def deal(self, name, company, lines, contacts=(), start=None, currency="USD"):
        if isinstance(company, dict):
            company = self._make("Account", **renamed(self.company_names, company))
        people = [
            self._make("Contact", AccountId=company, **renamed(self.contact_names, one))
            for one in contacts
        ]
        key = self._make(
            "Opportunity",
            Name=name,
            AccountId=company,
            OwnerId=self.owner,
            CurrencyIsoCode=currency,
            CloseDate="2026-11-30",
            StageName="Negotiation/Review",
            Service_Line__c=SERVICE_LINE,
            Service_Start_Date__c=start,
        )
        for code, text, quantity, price in lines:
            if code not in self.products:
                self.products[code] = self._make("Product2", Name=text, ProductCode=code)
            self._make(
                "OpportunityLineItem",
                OpportunityId=key,
                Product2Id=self.products[code],
                Quantity=quantity,
                UnitPrice=price,
            )
        for place, contact in enumerate(people):
            self._make(
                "OpportunityContactRole",
                OpportunityId=key,
                ContactId=contact,
                IsPrimary=place == 0,
            )
        return {"deal": key, "company": company, "contacts": people}

    def _make(self, kind, **fields):
        return self.seed(objects=[{"type": kind, "fields": fields}])["ids"][0]

    def _change(self, kind, key, **fields):
        self.control("update", {"type": kind, "id": key, "fields": fields})

    def phone(self, company, number):
        self._change("Account", company, Phone=number)

    def close(self, deal, day="2026-11-02"):
        self._change("Opportunity", deal, StageName="Closed Won", CloseDate=day)

    def record(self, kind, key):
        kind = {"deal": "Opportunity", "company": "Account"}[kind]
        return self.control("state")[kind][key]

    def field(self, name):
        return f"Odoo_{name.title()}__c"
