from dateutil.relativedelta import relativedelta
from odoo import fields, models
from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tools import format_date, formatLang

from .approvers import APPROVER
from .locked import locked

# What of a position was decided about.
SHOWN = ("method", "earned", "billed", "booked", "closing_company", "exchange_company")


class HubRevenueRun(models.Model):
    """Deciding: what was shown is posted by Odoo's own entries, or refused with the reason.

    Odoo's accrual wizard accrues what its orders call to be invoiced, above zero, in one currency; its wizard for
    another period moves parts of single invoices. Neither knows a position. What they post is what is posted here: a
    balanced entry, and its reversal on the next day, by the same methods.
    """

    _inherit = "hub.revenue.run"

    def _check_may_decide(self):
        if not self.env.user.has_group(APPROVER):
            raise AccessError(self.env._("Only billing approvers decide about revenue runs."))
        self.check_access("write")

    def action_approve(self):
        """Post what was shown, as the user who approves."""
        self._check_may_decide()
        for run in locked(self, "proposed"):
            run._refuse_early()
            run._refuse_author()
            run._refuse_blocked()
            run._refuse_earlier()
            run._refuse_changed()
            run._post_entries()
            run._keep(
                {
                    "state": "posted",
                    "approved_by_id": self.env.uid,
                    "approved_at": fields.Datetime.now(),
                }
            )
        return True

    def action_undo(self):
        """Take the entries of the last month back: cancelled by Odoo's own buttons; the month can be run anew."""
        self._check_may_decide()
        for run in locked(self, "posted"):
            if run != run._last_posted():
                raise UserError(
                    self.env._(
                        "Later months rest on %(month)s. Take back the last one first.",
                        month=run.name,
                    )
                )
            run._refuse_locked()
            # With sudo: the entries are the run's, and whoever posted them may take them back; the user stays the same.
            moves = (run.move_id | run.reversal_id | run.exchange_move_id).sudo()
            moves.filtered(lambda move: move.state == "posted").button_draft()
            moves.filtered(lambda move: move.state != "cancel").button_cancel()
            run._keep({"state": "undone"})
        return True

    # --- refusals -----------------------------------------------------------------------------------

    def _refuse_early(self):
        if self.date_to > fields.Date.context_today(self):
            raise UserError(
                self.env._(
                    "%(month)s is not over: its revenue is posted on its last day at the earliest.",
                    month=self.name,
                )
            )

    def _refuse_author(self):
        """From the company's limit on, who proposed it does not approve it."""
        company = self.company_id
        limit = company.hub_four_eyes_limit
        mine = self.env.uid in self.sudo().author_ids.ids  # also where names are not readable
        # Clearing a position leaves none: what is recognised by it counts as well.
        total = max(
            self.accrued + self.deferred,
            sum(abs(line.recognised_company) for line in self.sudo().line_ids),
        )
        if limit and mine and total >= limit:
            raise AccessError(
                self.env._(
                    "You proposed %(run)s, which comes to %(total)s. From %(limit)s on another billing approver "
                    "approves it.",
                    run=self.name,
                    total=formatLang(self.env, total, currency_obj=company.currency_id),
                    limit=formatLang(self.env, limit, currency_obj=company.currency_id),
                )
            )

    def _refuse_blocked(self):
        self._refuse_locked()  # first: it depends on who approves, and when
        blocking = self.finding_ids.filtered(
            lambda finding: finding.severity == "blocking" and finding.code != "period_lock"
        )
        if blocking:
            raise UserError(
                "\n".join(
                    f"{finding.contract_id.display_name or self.name}: {finding.sentence}"
                    for finding in blocking
                )
            )

    def _refuse_locked(self):
        lock = self._lock()
        if lock:
            raise UserError(
                self.env._(
                    "%(day)s is in a locked period (%(locks)s), and nothing is moved to another day in silence. Ask "
                    "for an exception to the lock.",
                    day=format_date(self.env, lock["date"]),
                    locks=lock["locks"],
                )
            )

    def _refuse_earlier(self):
        last = self._last_posted()
        if last and last.date_to >= self.date_to:
            raise UserError(
                self.env._(
                    "%(later)s is posted already and rests on what was known then: what belongs to %(month)s is in it. "
                    "Discard this run, or take back %(later)s first.",
                    later=last.name,
                    month=self.name,
                )
            )

    def _refuse_changed(self):
        """What was shown is what is posted: everything is worked out once more."""
        run = self.sudo().with_company(self.company_id)  # as it was proposed
        carried = {line.contract_line_id.id: line.carried_by_id for line in run.line_ids}
        now = {values["contract_line_id"]: values for values in run._positions(carried)[0]}
        shown = {line.contract_line_id.id: line for line in run.line_ids}
        changed = self.env["hub.contract"].sudo()  # names of contracts, in a refusal
        for key in now.keys() | shown.keys():
            line, values = shown.get(key), now.get(key)
            if not line or not values or _differ(line, values):
                line = self.env["hub.contract.line"].sudo().browse(key)  # as above
                changed |= line.contract_id
        if changed:
            raise UserError(
                self.env._(
                    "Time, invoices, milestones or terms of %(contracts)s changed since this was proposed. Propose "
                    "again and look at the figures.",
                    contracts=", ".join(changed.mapped("display_name")),
                )
            )

    # --- entries ------------------------------------------------------------------------------------

    def _post_entries(self):
        """The entry of the month's end, its reversal on the next day, and what exchange gained or lost."""
        # With sudo: who approves need not be an accountant. The user stays the same, and so do the locks.
        run = self.sudo().with_company(self.company_id)
        moves = self.env["account.move"].sudo().with_company(run.company_id)  # as above
        move = moves.create(run._entry(run._accrual_items())) if any(run._amounts()) else moves
        exchange = run._exchange_items()
        exchange_move = moves.create(run._entry(exchange)) if exchange else moves
        (move | exchange_move)._post()
        reversal = moves
        if move:
            reversal = move._reverse_moves(
                [
                    {
                        "ref": self.env._("Reversal of %s", move.ref),
                        "date": run.date_to + relativedelta(days=1),
                    }
                ]
            )
            reversal._post()
        run.write(
            {
                "move_id": move.id,
                "reversal_id": reversal.id,
                "exchange_move_id": exchange_move.id,
            }
        )

    def _amounts(self):
        return [line.closing_company or line.position for line in self.line_ids]

    def _entry(self, items):
        return {
            "move_type": "entry",
            "journal_id": self.journal_id.id,
            "date": self.date_to,
            "ref": self.env._("Revenue %s", self.name),
            "line_ids": [Command.create(item) for item in items],
        }

    def _accrual_items(self):
        """Two journal items a position: on its account, and against revenue with the project's analytics."""
        items = []
        for line in self.line_ids:
            if not (line.closing_company or line.position):
                continue
            account = self.accrued_account_id if line.position > 0 else self.deferred_account_id
            shared = {
                "name": f"{line.contract_id.code} {line.contract_line_id.name}",
                "partner_id": line.partner_id.id,
                "currency_id": line.currency_id.id,
                "tax_ids": [Command.clear()],
            }
            items += [
                {
                    **shared,
                    "account_id": account.id,
                    "balance": line.closing_company,
                    "amount_currency": line.position,
                },
                {
                    **shared,
                    "account_id": line.income_account_id.id,
                    "balance": -line.closing_company,
                    "amount_currency": -line.position,
                    "analytic_distribution": line.contract_line_id.sale_line_id.analytic_distribution,
                },
            ]
        return items

    def _exchange_items(self):
        """What exchange gained is no revenue: it leaves the accounts that the entry puts it on, for good."""
        company = self.company_id
        items = []
        for line in self.line_ids.filtered("exchange_company"):
            gain = line.exchange_company
            account = (
                company.income_currency_exchange_account_id
                if gain > 0
                else company.expense_currency_exchange_account_id
            )
            shared = {
                "name": self.env._(
                    "Exchange of accrued income: %(code)s %(line)s",
                    code=line.contract_id.code,
                    line=line.contract_line_id.name,
                ),
                "partner_id": line.partner_id.id,
                "tax_ids": [Command.clear()],
            }
            items += [
                {**shared, "account_id": line.income_account_id.id, "balance": gain},
                {**shared, "account_id": account.id, "balance": -gain},
            ]
        return items


def _differ(line, values):
    """Whether a position is another one by now."""
    if line.method != values["method"]:
        return True
    contract, company = line.currency_id, line.company_currency_id
    return any(
        (contract if name in ("earned", "billed") else company).compare_amounts(
            line[name], values[name]
        )
        for name in SHOWN[1:]
    )
