from collections import defaultdict
from contextlib import contextmanager

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.tools import format_date, formatLang

from ...core.rates import Rate, Work, deciding, ended, overlapping
from .contract import SEE_MONEY

# What says which work a rate is the price of, and what the price is.
DECIDES = {"card_id", "employee_id", "role_id", "product_id", "date_from", "date_to", "price", "unit"}  # fmt: skip


class HubRateCard(models.Model):
    """Prices of time that were agreed with a customer: by role, person or service, from day to day."""

    _name = "hub.rate.card"
    _description = "Rate Card"
    _inherit = ["mail.thread"]
    _order = "name, id"
    _check_company_auto = True

    name = fields.Char(required=True, tracking=True)
    company_id = fields.Many2one(
        "res.company", required=True, index=True, default=lambda self: self.env.company
    )
    currency_id = fields.Many2one(
        "res.currency",
        required=True,
        tracking=True,
        default=lambda self: self.env.company.currency_id,
    )
    partner_id = fields.Many2one(
        "res.partner",
        string="Customer",
        index="btree_not_null",
        check_company=True,
        tracking=True,
        help="Empty: for contracts of any customer.",
    )
    agreement_id = fields.Many2one(
        "hub.agreement",
        index="btree_not_null",
        check_company=True,
        tracking=True,
        help="Contracts that are signed under it take this card, where they have no card of their own.",
    )
    line_ids = fields.One2many("hub.rate.line", "card_id", string="Rates", copy=True)
    contract_ids = fields.One2many("hub.contract", "rate_card_id", string="Contracts")
    active = fields.Boolean(default=True)

    @api.constrains("currency_id", "partner_id", "company_id")
    def _check_contracts(self):
        self.sudo().contract_ids._check_rate_card()  # all of them, whoever edits the card

    def _hub_fits(self, contract):
        """Whether the card is of this contract's company, currency and customer."""
        self.ensure_one()
        customer = self.partner_id.commercial_partner_id
        return (
            self.company_id == contract.company_id
            and self.currency_id == contract.currency_id
            and (not customer or customer == contract.partner_id.commercial_partner_id)
        )

    # --- which rate decides -----------------------------------------------------------------------

    @api.model
    def _hub_decide(self, works):
        """The rate of each piece of work.

        With sudo: the price of time does not depend on who books it. Three queries, however many.

        :param works: list of ``(rate card, project, employee, product, day)``
        :return: list of ``(decisive rates, the last one that ended before, roles of the person)``, in order; no rate,
            one, or several where a person has several roles
        """
        works = [
            (card.sudo(), project, employee, product, day)
            for card, project, employee, product, day in works
        ]
        cards = self.sudo().union(*(card for card, *_rest in works))
        rates = {card: [line._hub_rate() for line in card.line_ids] for card in cards}
        roles = self._hub_roles([work[1:3] for work in works]) if cards.line_ids.role_id else {}
        lines, role = self.env["hub.rate.line"].sudo(), self.env["project.role"].sudo()
        found = []
        for card, project, employee, product, day in works:
            own = roles.get((project.id, employee.id), ((), frozenset()))
            planned = {one for first, last, one in own[0] if first <= day <= last}
            work = Work(day, employee.id, frozenset(planned or own[1]), product.id)
            last = ended(rates[card], work)
            found.append(
                (
                    lines.browse(rate.key for rate in deciding(rates[card], work)),
                    lines.browse(last.key if last else ()),
                    role.browse(sorted(work.roles)),
                )
            )
        return found

    @api.model
    def _hub_roles(self, places):
        """What people are on projects: as they are planned there, else as they are anyway.

        :param places: list of ``(project, employee)``
        :return: ``{(project id, employee id): ([(first day, last day, role id)], role ids)}``; two queries
        """
        people = list({employee.id for _project, employee in places})
        planned, general = defaultdict(list), defaultdict(set)
        for one in self.env["hub.assignment"].search_fetch(
            [
                ("project_id", "in", list({project.id for project, _employee in places})),
                ("employee_id", "in", people),
                ("role_id", "!=", False),
            ],
            ["project_id", "employee_id", "role_id", "date_start", "date_end"],
        ):
            place = one.project_id.id, one.employee_id.id
            planned[place].append((one.date_start, one.date_end, one.role_id.id))
        # Who is archived by now, or whose role is, worked as what they were.
        roles = self.env["project.role"].with_context(active_test=False)
        for role in roles.search([("hub_employee_ids", "in", people)]):
            for employee in role.hub_employee_ids:
                general[employee.id].add(role.id)
        return {
            (project.id, employee.id): (
                planned[project.id, employee.id],
                frozenset(general[employee.id]),
            )
            for project, employee in places
        }

    # --- what was billed --------------------------------------------------------------------------

    def _hub_billed(self):
        """The prices of work under these cards that is billed or on a draft: ``{ledger row: [(price, unit)]}``."""
        rows = self.env["hub.billing"].search(
            [
                ("contract_id.rate_card_id", "in", self.ids),
                ("state", "in", ("draft", "posted")),
                ("entry_id.project_id", "!=", False),
                ("sale_line_id.qty_delivered_method", "=", "timesheet"),
            ]
        )
        decided = self._hub_decide(
            [
                (
                    row.contract_id.rate_card_id,
                    row.entry_id.project_id,
                    row.entry_id.employee_id,
                    row.sale_line_id.product_id,
                    row.entry_id.date,
                )
                for row in rows
            ]
        )
        return {
            row: [(line.price, line.unit) for line in lines]
            for row, (lines, _last, _roles) in zip(rows, decided, strict=True)
        }

    @contextmanager
    def _hub_changing(self, stays):
        """Change rates of these cards inside; what is billed already keeps its price, and only if somebody said so.

        :param stays: whether somebody said so
        :raise UserError: with the billed work that would have another price
        """
        cards = self.sudo()  # all that was billed, whoever edits the card
        before = cards._hub_billed()
        yield
        cards.env.flush_all()
        after = cards._hub_billed()
        rows = self.env["hub.billing"].sudo().union(*(r for r in before if before[r] != after[r]))
        if not rows:
            return
        params = {
            "count": len(rows),
            "hours": f"{sum(rows.mapped('worked')):.2f}",
            "first": format_date(self.env, min(rows.mapped("date"))),
            "last": format_date(self.env, max(rows.mapped("date"))),
            "invoices": ", ".join(sorted(set(rows.move_id.mapped("display_name")))),
        }
        if not stays:
            raise UserError(
                self.env._(
                    "%(count)s entries (%(hours)s h, %(first)s to %(last)s) on %(invoices)s are billed at another "
                    "price than this would give them. Let the rate begin later; or tick “Keep Billed”: "
                    "then only work that is not billed yet takes the new price. To bill it anew, credit the invoice "
                    "(hours are billable again) first.",
                    **params,
                )
            )
        for card in rows.contract_id.rate_card_id & cards:
            card.message_post(
                body=self.env._(
                    "Rates were changed; %(count)s entries (%(hours)s h, %(first)s to %(last)s) on %(invoices)s keep "
                    "the price they were billed at.",
                    **params,
                )
            )


class HubRateLine(models.Model):
    """One price of a rate card: of an hour or a day, for whom, of which service, from when to when."""

    _name = "hub.rate.line"
    _description = "Rate"
    _order = "card_id, role_id, employee_id, product_id, date_from desc, id"
    _check_company_auto = True

    card_id = fields.Many2one(
        "hub.rate.card", required=True, ondelete="cascade", index=True, check_company=True
    )
    company_id = fields.Many2one(related="card_id.company_id", store=True, index=True)
    currency_id = fields.Many2one(related="card_id.currency_id")
    role_id = fields.Many2one(
        "project.role",
        ondelete="restrict",
        help="For people who are planned with this role on the project, else for people who have it. Empty: any role.",
    )
    employee_id = fields.Many2one(
        "hr.employee",
        string="Person",
        ondelete="restrict",
        check_company=True,
        help="Goes before a role. Empty: anybody.",
    )
    product_id = fields.Many2one(
        "product.product",
        string="Service",
        ondelete="restrict",
        check_company=True,
        domain=[("type", "=", "service")],
        help="The service of the contract's line. Empty: any.",
    )
    price = fields.Monetary(required=True, help="Before the discount of the contract's line.")
    unit = fields.Selection(
        [("hour", "an hour"), ("day", "a day")], string="For", required=True, default="hour"
    )
    date_from = fields.Date(string="Valid From", required=True)
    date_to = fields.Date(string="Valid To", help="The last day. Empty: until further notice.")
    keep_billed = fields.Boolean(
        store=False,
        help="Work that is billed already keeps its price. Said once, with a change that would give it another.",
    )

    @api.depends("card_id", "role_id", "employee_id", "product_id")
    def _compute_display_name(self):
        for line in self:
            line.display_name = f"{line.card_id.name}: {line._hub_whose()}"

    def _hub_whose(self):
        """For whom and what it is, in words."""
        # With sudo: names, for whoever sees the price.
        line = self.sudo()
        names = (line.employee_id.name, line.role_id.name, line.product_id.name)
        return ", ".join(name for name in names if name) or self.env._("all time")

    def _hub_said(self):
        """The rate in words, as it stands on what is billed by it."""
        self.ensure_one()
        price = formatLang(self.env, self.price, currency_obj=self.currency_id)
        return self.env._(
            "%(rate)s, %(price)s %(unit)s from %(day)s",
            rate=self.display_name,
            price=price,
            unit=dict(self._fields["unit"]._description_selection(self.env))[self.unit],
            day=format_date(self.env, self.date_from),
        )

    def _hub_rate(self):
        return Rate(
            self.id,
            self.date_from,
            self.date_to or None,
            self.employee_id.id or None,
            self.role_id.id or None,
            self.product_id.id or None,
        )

    # --- what is refused --------------------------------------------------------------------------

    @api.constrains("price", "date_from", "date_to")
    def _check_rate(self):
        for line in self:
            if line.price <= 0:
                raise ValidationError(
                    self.env._(
                        "%s: a rate is more than nothing. Work that costs nothing is not billable.",
                        line.display_name,
                    )
                )
            if line.date_to and line.date_to < line.date_from:
                raise ValidationError(
                    self.env._("%s: a rate ends after it begins.", line.display_name)
                )

    @api.constrains("card_id", "employee_id", "role_id", "product_id", "date_from", "date_to")
    def _check_overlap(self):
        for card in self.card_id:
            pairs = overlapping([line._hub_rate() for line in card.line_ids])
            for one, other in pairs[:1]:
                raise ValidationError(
                    self.env._(
                        "%(rate)s: the rates from %(one)s and from %(other)s overlap, and nothing says which one "
                        "counts. Let the earlier one end the day before the later one begins.",
                        rate=self.browse(one.key).display_name,
                        one=format_date(self.env, one.start),
                        other=format_date(self.env, other.start),
                    )
                )

    @api.model_create_multi
    def create(self, vals_list):
        vals_list = [dict(vals) for vals in vals_list]
        said = [vals.pop("keep_billed", False) for vals in vals_list]
        cards = self.env["hub.rate.card"].browse(
            {vals["card_id"] for vals in vals_list if vals.get("card_id")}
        )
        with cards._hub_changing(all(said)):
            return super().create(vals_list)

    def write(self, vals):
        vals = dict(vals)
        stays = vals.pop("keep_billed", False)
        if not DECIDES & vals.keys():
            return super().write(vals)
        cards = self.card_id | self.card_id.browse(vals.get("card_id") or ())
        with cards._hub_changing(stays):
            return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_except_used(self):
        # With sudo: to look only.
        if self.env["sale.order.line"].sudo().search_count([("hub_rate_line_id", "in", self.ids)]):
            raise UserError(
                self.env._("A rate that time was priced by is kept. Let it end on its last day.")
            )


class HubAgreement(models.Model):
    _inherit = "hub.agreement"

    rate_card_ids = fields.One2many(
        "hub.rate.card", "agreement_id", string="Rate Cards", groups=SEE_MONEY
    )


class HubContract(models.Model):
    _inherit = "hub.contract"

    rate_card_id = fields.Many2one(
        "hub.rate.card",
        check_company=True,
        index="btree_not_null",
        tracking=True,
        compute="_compute_rate_card_id",
        store=True,
        readonly=False,
        groups=SEE_MONEY,
        ondelete="restrict",
        help="Time of this contract costs what the card says on the day of the work. What is billed already keeps its "
        "price. Empty: the prices of the contract's lines.",
    )

    @api.depends("agreement_id")
    def _compute_rate_card_id(self):
        for contract in self:
            cards = contract.agreement_id.rate_card_ids.filtered(
                lambda card, contract=contract: card._hub_fits(contract)
            )
            contract.rate_card_id = contract.rate_card_id or cards[:1]

    @api.constrains("rate_card_id", "currency_id", "partner_id", "company_id")
    def _check_rate_card(self):
        for contract in self.sudo():  # shown to those who see money only
            card = contract.rate_card_id
            if card and not card._hub_fits(contract):
                raise ValidationError(
                    self.env._(
                        "Rate card %(card)s (%(currency)s, %(customer)s) does not fit contract %(contract)s "
                        "(%(own)s, %(partner)s). Choose a card of its currency and customer.",
                        card=card.name,
                        currency=card.currency_id.name,
                        customer=card.partner_id.display_name or self.env._("any customer"),
                        contract=contract.display_name,
                        own=contract.currency_id.name,
                        partner=contract.partner_id.display_name,
                    )
                )
