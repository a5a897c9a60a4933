from collections import defaultdict

from dateutil.relativedelta import relativedelta
from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import plaintext2html

from ...core.billing import exact
from ...core.schedule import instalments, periods
from ..guard import is_own_code, own_code
from .apart import apart
from .contract import SEE_MONEY
from .schedule_terms import SCHEDULED


class HubContract(models.Model):
    """When instalments and periods are due: order lines and reached milestones, made by code."""

    _inherit = "hub.contract"

    instalment_count = fields.Integer(
        compute="_compute_instalments", compute_sudo=True, string="Instalments and Periods"
    )
    to_come_amount = fields.Monetary(
        string="Scheduled and Not Billed",
        compute="_compute_instalments",
        compute_sudo=True,
        groups=SEE_MONEY,
        help="Instalments and opened periods that are neither billed nor dropped, untaxed.",
    )

    @api.depends(
        "line_ids.instalment_ids.amount", "line_ids.instalment_ids.dropped", "billing_ids.state"
    )
    def _compute_instalments(self):
        rows = self.line_ids.instalment_ids.grouped("contract_id")
        for contract in self:
            own = rows.get(contract, self.env["hub.instalment"])
            contract.instalment_count = len(own)
            contract.to_come_amount = sum(own._hub_open().mapped("amount"))

    def action_view_instalments(self):
        """What is billed of this contract by day, and what comes."""
        self.ensure_one()
        action = self.env["ir.actions.actions"]._for_xml_id(
            "lead_to_cash_hub.hub_instalment_action"
        )
        action["domain"] = [("contract_id", "=", self.id)]
        action["context"] = {}
        return action

    # --- the state of a contract --------------------------------------------------------------------

    def write(self, vals):
        starting = self.browse()
        if vals.get("state") == "active":
            starting = self.filtered(lambda contract: contract.state == "draft")
            starting._hub_check_schedules()
        if vals.get("state") == "closed" and not is_own_code(self.env):
            self._hub_refuse_rest()
        if "date_end" not in vals:
            return super().write(vals)
        # A service without a day of its own ends with its contract. With sudo: lines are not shown to everybody.
        lines = self.filtered(lambda contract: contract.state == "active").sudo().line_ids
        lines = lines.filtered(lambda line: line.kind == "recurring")
        before = lines._hub_billed_beyond()
        result = super().write(vals)
        if lines:
            lines._hub_follow_change(before)
        return result

    def action_activate(self):
        result = super().action_activate()
        self._hub_open_due(None)
        return result

    def _hub_start(self, templates):
        result = super()._hub_start(templates)
        self._hub_open_due(None)
        return result

    def action_close(self):
        """Close; where instalments or a service are left, ask what becomes of them first."""
        if len(self) == 1 and self._hub_has_rest():
            return {
                "type": "ir.actions.act_window",
                "name": self.env._("Close %s", self.code),
                "res_model": "hub.contract.close",
                "view_mode": "form",
                "target": "new",
                "context": {"default_contract_id": self.id},
            }
        return super().action_close()

    def _hub_has_rest(self):
        """Whether instalments are not billed, or a service still runs."""
        self.ensure_one()
        lines = self.sudo().line_ids  # to look only: lines are not shown to everybody
        today = fields.Date.context_today(self)
        self._hub_open_due(today)  # also what was not opened yet is left
        runs = lines.filtered(
            lambda line: line.kind == "recurring" and (not line.ends_on or line.ends_on > today)
        )
        return bool(runs or lines.instalment_ids._hub_open())

    def _hub_refuse_rest(self):
        left = self.filtered(
            lambda contract: contract.state == "active" and contract._hub_has_rest()
        )
        if left:
            raise UserError(
                self.env._(
                    "%s: instalments or a service are left. Press Close on the contract and say what becomes of them.",
                    ", ".join(left.mapped("display_name")),
                )
            )

    def _hub_check_schedules(self):
        """Nothing starts with half a schedule; what instalments come to is what is written now."""
        for contract in self:
            # With sudo: whoever starts a contract starts all of it.
            lines = contract.sudo().line_ids.filtered(lambda line: line.kind in SCHEDULED)
            if not lines:
                continue
            faults = [fault for fault in (line._hub_incomplete() for line in lines) if fault]
            if not contract.sale_order_id or not contract.project_id:
                faults.append(
                    self.env._("name its order and its project, on which instalments are billed.")
                )
            if faults:
                raise UserError(
                    "\n".join(
                        self.env._(
                            "%(contract)s: %(fault)s", contract=contract.display_name, fault=fault
                        )
                        for fault in faults
                    )
                )
            for line in lines.filtered(lambda line: line.kind == "schedule"):
                rows = line.instalment_ids._hub_by_day()
                step = exact(line.currency_id.rounding)
                for row, part in zip(
                    rows, instalments(line.amount, rows._hub_shares(), step), strict=True
                ):
                    row.amount = float(part)

    # --- what is due --------------------------------------------------------------------------------

    def _hub_open_due(self, day):
        """Put instalments on the order, open the periods that are due by ``day``, and mark both as reached.

        Nothing that is due later than in a month: who proposes a run for next year opens no year of periods.

        With sudo: order lines and milestones of a started contract are made by code.

        :param day: None: only what is planned
        """
        contracts = self.sudo().filtered(
            lambda contract: (
                contract.state == "active" and contract.sale_order_id and contract.project_id
            )
        )
        lines = own_code(contracts.line_ids.filtered(lambda line: line.kind in SCHEDULED))
        if not lines:
            return
        day = day and min(day, fields.Date.context_today(self) + relativedelta(months=1))
        if day:
            lines._hub_agree(day)
        rows = lines.instalment_ids.filtered(lambda row: not row.dropped)
        rows.filtered(lambda row: not row.milestone_id)._hub_put_on_order()
        if day:
            rows.filtered(
                lambda row: row.date <= day and not row.milestone_id.is_reached
            )._hub_reach()

    def _hub_open_due_apart(self, day):
        """The same; one that fails stands alone, and who answers for it is told.

        :return: those that failed
        """
        return apart(self, lambda some: some._hub_open_due(day), type(self)._hub_tell_unopened)

    def _hub_tell_unopened(self, error):
        summary = self.env._("Instalments could not be opened")
        if summary in self.activity_ids.mapped("summary"):
            return
        self._hub_tell(
            summary,
            plaintext2html(
                self.env._(
                    "%s Until it is mended, the contract is left out of billing runs.",
                    self.env["hub.invoicing"]._why(error),
                )
            ),
        )


class HubContractLine(models.Model):
    _inherit = "hub.contract.line"

    def _hub_agree(self, day):
        """Let the periods of recurring services be what is agreed: open, follow or drop what is not billed.

        A period that is billed, or that somebody dropped, stays what it was.
        """
        rows_of = self.env["hub.instalment"]
        made, gone, followed = [], rows_of, rows_of
        for line in self.filtered(lambda line: line.kind == "recurring"):
            known = {row.date_from: row for row in line.instalment_ids}
            terms, until = line._hub_terms(), max([day, *line.instalment_ids.mapped("date")])
            for period in periods(terms, until) if terms else ():
                row = known.get(period.start)
                if not period.amount or (not row and period.due > day):
                    continue
                known.pop(period.start, None)
                values = {
                    "name": line._hub_period_name(period),
                    "date": period.due,
                    "date_from": period.start,
                    "date_to": period.end,
                    "fixed": float(period.amount),
                }
                if not row:
                    made.append({"line_id": line.id, **values})
                elif not row._hub_settled():
                    new = {name: value for name, value in values.items() if row[name] != value}
                    if row.dropped:
                        new.update(dropped=False, reason=False)
                    if new:
                        row.write(new)
                        followed |= row
            gone |= rows_of.union(*known.values())
        gone.filtered(lambda row: not row._hub_settled() and not row.dropped)._hub_drop(
            self.env._("Not agreed any more")
        )
        followed._hub_follow()
        if made:
            # Two runs at once would open the same periods: the second begins again.
            contracts = self.browse({values["line_id"] for values in made}).contract_id
            self.env["hub.billing.turn"]._begin(contracts)
            rows_of.create(made)

    def _hub_billed_beyond(self):
        """What of the billed periods is more than is agreed now: ``{line: amount}``."""
        beyond = defaultdict(float)
        for line in self.sudo().filtered(lambda line: line.kind == "recurring" and line.started):
            billed = line.instalment_ids.filtered("milestone_id.hub_billing_id")
            if not billed:
                continue
            agreed = {
                p.start: p.amount for p in periods(line._hub_terms(), max(billed.mapped("date")))
            }
            for row in billed:
                beyond[line.id] += row.amount - float(agreed.get(row.date_from, 0))
        return beyond

    def _hub_follow_change(self, before):
        """After a change: what is not billed follows; of what is billed, somebody is told.

        :param before: what :meth:`_hub_billed_beyond` said before it
        """
        self.contract_id._hub_open_due(fields.Date.context_today(self))
        after = self._hub_billed_beyond()
        for line in self:
            more = line.currency_id.round(after.get(line.id, 0.0) - before.get(line.id, 0.0))
            if not more:
                continue
            sentence = (
                self.env._(
                    "Periods of “%(line)s” that are billed come to %(amount)s more than is agreed now. They stay as "
                    "they are: credit the customer.",
                    line=line.name,
                    amount=line._hub_money(more),
                )
                if more > 0
                else self.env._(
                    "Periods of “%(line)s” that are billed come to %(amount)s less than is agreed now. They stay as "
                    "they are: credit them and bill them again, or let it go.",
                    line=line.name,
                    amount=line._hub_money(-more),
                )
            )
            line.contract_id._hub_tell(self.env._("Billed otherwise than agreed"), sentence)
