from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ...connectors.bank_csv import DATE_FORMATS, Layout


class HubBankLayout(models.Model):
    """How a bank writes its CSV files, described once."""

    _name = "hub.bank.layout"
    _description = "Layout of a Bank's CSV File"
    _order = "name"
    _check_company_auto = True

    name = fields.Char(required=True)
    active = fields.Boolean(default=True)
    company_id = fields.Many2one(
        "res.company", required=True, index=True, default=lambda self: self.env.company
    )
    journal_id = fields.Many2one(
        "account.journal",
        check_company=True,
        domain="[('type', 'in', ('bank', 'credit')), ('company_id', '=', company_id)]",
        help="For files that do not say their account.",
    )
    delimiter = fields.Selection(
        [(";", "Semicolon"), (",", "Comma"), ("\t", "Tab"), ("|", "Bar")],
        required=True,
        default=";",
    )
    encoding = fields.Selection(
        [("utf-8-sig", "UTF-8"), ("cp1252", "Windows-1252"), ("utf-16", "UTF-16")],
        help="Empty: UTF-8, or Windows-1252 where it is not.",
    )
    date_format = fields.Selection(
        [(key, example) for key, (_format, example) in DATE_FORMATS.items()],
        string="Dates Look Like",
        required=True,
        default="ymd",
    )
    decimal = fields.Selection(
        [(".", "Point: 1,234.50"), (",", "Comma: 1.234,50")],
        string="Decimal Mark",
        required=True,
        default=".",
    )
    day_column = fields.Char(string="Booking Day", required=True)
    value_day_column = fields.Char(string="Value Day")
    amount_column = fields.Char(string="Amount", help="With its sign. Else fill the two below.")
    in_column = fields.Char(string="Came In")
    out_column = fields.Char(string="Went Out")
    text_columns = fields.Char(string="Text", help="Several columns with | between them.")
    reference_columns = fields.Char(
        string="References", help="Several columns with | between them."
    )
    name_column = fields.Char(string="Name of the Other Side")
    account_column = fields.Char(string="Account of the Other Side")
    id_column = fields.Char(string="Bank's Id")
    balance_column = fields.Char(
        string="Balance", help="After the movement: proves that no line is missing."
    )
    currency_column = fields.Char(string="Currency")
    own_account_column = fields.Char(string="Own Account")

    @api.constrains("amount_column", "in_column", "out_column")
    def _check_amount(self):
        for layout in self:
            both = bool(layout.in_column) + bool(layout.out_column)
            if bool(layout.amount_column) == bool(both) or both == 1:
                raise ValidationError(
                    self.env._(
                        "Name the column of the amount, or the two columns of what came in and what went out."
                    )
                )

    def _layout(self):
        """This layout as the reader takes it."""
        self.ensure_one()

        def several(text):
            return tuple(name.strip() for name in (text or "").split("|") if name.strip())

        return Layout(
            day=self.day_column,
            date_format=self.date_format,
            decimal=self.decimal,
            delimiter=self.delimiter,
            encoding=self.encoding or "",
            amount=self.amount_column or "",
            came_in=self.in_column or "",
            went_out=self.out_column or "",
            texts=several(self.text_columns),
            references=several(self.reference_columns),
            name=self.name_column or "",
            account=self.account_column or "",
            bank_id=self.id_column or "",
            value_day=self.value_day_column or "",
            balance=self.balance_column or "",
            currency=self.currency_column or "",
            own_account=self.own_account_column or "",
        )
