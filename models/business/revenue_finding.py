from odoo import api, fields, models
from odoo.tools import format_date, formatLang

CODES = [
    ("no_account", "Accounts not set"),
    ("no_income", "No revenue account"),
    ("no_exchange_account", "Exchange accounts not set"),
    ("period_lock", "Closed period"),
    ("no_rate", "No exchange rate"),
    ("no_period", "No service period"),
    ("no_estimate", "No estimate"),
    ("old_estimate", "Old estimate"),
    ("ledger", "Unlike the accounts"),
    ("gap", "Months left out"),
    ("over_price", "More billed than agreed"),
    ("changed", "Earned otherwise than before"),
    ("closed", "Contract closed"),
    ("carried", "Left as it was"),
    ("unapproved", "Not approved"),
    ("elsewhere", "Billed on no contract line"),
]


def _money(finding, amount=None):
    return formatLang(
        finding.env,
        finding.amount if amount is None else amount,
        currency_obj=finding.currency_id,
    )


def _no_account(finding):
    return finding.env._(
        "%(company)s has no %(missing)s. Choose it in the company's settings (group “Revenue”), then propose again.",
        company=finding.company_id.sudo().name,  # a name
        missing=", ".join(
            finding.company_id._fields[name]._description_string(finding.env)
            for name in finding.params["fields"]
        ),
    )


def _no_income(finding):
    return finding.env._(
        "%(service)s has no income account. Choose one on the service or its category, then propose again.",
        **finding.params,
    )


def _no_exchange_account(finding):
    return finding.env._(
        "%(amount)s of exchange are to be booked, and the company has no accounts for gain and loss on exchange. "
        "Choose them in Odoo's accounting settings, then propose again.",
        amount=_money(finding),
    )


def _period_lock(finding):
    return finding.env._(
        "%(date)s is in a locked period (%(locks)s), and the entry is not moved to another day in silence. Ask for an "
        "exception to the lock, then propose again; or discard this run: the next one catches up.",
        date=format_date(finding.env, finding.params["date"]),
        locks=finding.params["locks"],
    )


def _no_rate(finding):
    return finding.env._(
        "There is no exchange rate of %(currency)s of %(day)s, nor one of the %(age)s days before, and it never counts "
        "1:1. Enter it in Odoo, then propose again.",
        currency=finding.params["currency"],
        day=format_date(finding.env, finding.params["day"]),
        age=finding.params["age"],
    )


def _no_period(finding):
    return finding.env._(
        "It is earned straight over its service period, and none is known. Press Change on the line and enter the "
        "days, or give the contract a start and an end; then propose again. Or leave the line as it was."
    )


def _no_estimate(finding):
    return finding.env._(
        "It is earned by hours (%(hours)s h are approved), and nobody has said how many it will take more. Enter the "
        "hours to complete on the line, then propose again. Or leave the line as it was.",
        hours=f"{finding.params['hours']:g}",
    )


def _old_estimate(finding):
    return finding.env._(
        "The hours to complete (%(hours)s h) were estimated on %(day)s, before this month. Ask whoever leads the "
        "project whether they still hold.",
        hours=f"{finding.params['hours']:g}",
        day=format_date(finding.env, finding.params["day"]),
    )


def _ledger(finding):
    return finding.env._(
        "The accounts of accrued and deferred income hold %(amount)s on the last day of the month that no run "
        "explains: an entry by hand, a reversal that is not posted, or an entry of a run that was changed. Look at "
        "their items and book it elsewhere, else the closing balance will not agree.",
        amount=_money(finding),
    )


def _gap(finding):
    return finding.env._(
        "The last month posted is %(last)s. What was earned since then is recognised in this one.",
        last=format_date(finding.env, finding.params["last"], date_format="MMMM yyyy"),
    )


def _over_price(finding):
    return finding.env._(
        "%(amount)s more is billed than the line was signed for (less what was credited of its price). It stays "
        "deferred until it is credited, or a change order raises the price.",
        amount=_money(finding),
    )


def _changed(finding):
    return finding.env._(
        "It is earned otherwise than in the last month posted; the contract says who changed it, and why. What that "
        "makes of earlier months is recognised in this one."
    )


def _closed(finding):
    return finding.env._(
        "The contract is closed: nothing more of it is billed. Its position of %(amount)s is cleared, and all that is "
        "billed is earned. If work or bills are still to come, open it again first.",
        amount=_money(finding),
    )


def _carried(finding):
    return finding.env._(
        "%(user)s decided that nothing more is earned of it this month.", **finding.params
    )


def _unapproved(finding):
    return finding.env._(
        "%(count)s entries (%(hours)s h, %(amount)s) wait for approval; they are not earned before.",
        count=finding.params["count"],
        hours=f"{finding.params['hours']:.2f}",
        amount=_money(finding),
    )


def _elsewhere(finding):
    return finding.env._(
        "%(amount)s were billed under %(contract)s this month on no line of it (a retainer's fee, a line by hand, a "
        "refund). They are revenue as they were billed.",
        amount=_money(finding),
        contract=finding.contract_id.display_name,
    )


SENTENCES = {
    "no_account": _no_account,
    "no_income": _no_income,
    "no_exchange_account": _no_exchange_account,
    "period_lock": _period_lock,
    "no_rate": _no_rate,
    "no_period": _no_period,
    "no_estimate": _no_estimate,
    "old_estimate": _old_estimate,
    "ledger": _ledger,
    "gap": _gap,
    "over_price": _over_price,
    "changed": _changed,
    "closed": _closed,
    "carried": _carried,
    "unapproved": _unapproved,
    "elsewhere": _elsewhere,
}


class HubRevenueFinding(models.Model):
    """What was seen when revenue was proposed: what has to be mended first, what to look at."""

    _name = "hub.revenue.finding"
    _description = "Finding of a Revenue Run"
    _order = "rank, id"
    _rec_name = "code"

    run_id = fields.Many2one(
        "hub.revenue.run", required=True, readonly=True, ondelete="cascade", index=True
    )
    line_id = fields.Many2one(
        "hub.revenue.line", readonly=True, ondelete="cascade", index="btree_not_null"
    )
    company_id = fields.Many2one(related="run_id.company_id", store=True, index=True)
    contract_id = fields.Many2one("hub.contract", readonly=True, ondelete="restrict", index=True)
    currency_id = fields.Many2one("res.currency", readonly=True)
    code = fields.Selection(CODES, string="Reason", required=True, readonly=True)
    severity = fields.Selection(
        [("blocking", "Blocks"), ("warning", "Look at it")],
        required=True,
        readonly=True,
        help="Blocks: nothing is posted before it is mended. Look at it: it is posted all the same.",
    )
    rank = fields.Integer(compute="_compute_rank", store=True)
    amount = fields.Monetary(readonly=True)
    params = fields.Json(readonly=True)
    sentence = fields.Text(compute="_compute_sentence", string="Finding")

    @api.depends("severity")
    def _compute_rank(self):
        for finding in self:
            finding.rank = 0 if finding.severity == "blocking" else 1

    @api.depends("code", "params", "amount")
    @api.depends_context("lang")
    def _compute_sentence(self):
        for finding in self:
            finding.sentence = SENTENCES[finding.code](finding)

    def action_open(self):
        """Where it is mended: the lines of the contract; what concerns the whole run is mended elsewhere."""
        self.ensure_one()
        return self.contract_id.action_view_revenue() if self.contract_id else False
