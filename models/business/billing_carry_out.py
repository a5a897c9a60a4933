from odoo import fields, models
from odoo.exceptions import AccessError, UserError
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY
from odoo.tools import SQL
from odoo.tools.misc import formatLang

from ..guard import called_by_people, own_code
from .billing_look import disputed, holds
from .chosen import Chosen, only
from .locked import locked

AT_ONCE = 25  # invoices made while the approver waits; more are made in the background
GROUP = 25  # contracts invoiced and posted together


class HubBillingBatchLine(models.Model):
    """Approving proposed invoices and making them, exactly as they were proposed."""

    _inherit = "hub.billing.batch.line"

    # --- deciding ---------------------------------------------------------------------------------

    def action_approve(self):
        """Approve these and have them billed: made and posted as the user who approves."""
        if not self.env["account.move"]._hub_may_decide():
            raise AccessError(self.env._("Only billing approvers approve hub invoices."))
        self.check_access("read")
        waiting = locked(self, "proposed")
        if not waiting:
            raise UserError(self.env._("None of these waits for approval any more. Look again."))
        for batch, lines in waiting.grouped("batch_id").items():
            lines._refuse_author(batch)
        waiting._keep(
            {
                "state": "approved",
                "approved_by_id": self.env.uid,
                "approved_at": fields.Datetime.now(),
                "failure": False,
            }
        )
        if len(waiting) <= AT_ONCE:
            waiting._bill()
            waiting.batch_id._settle()
            missed = waiting.filtered(lambda line: line.state != "billed")
            return not missed or self._notice(
                "warning",
                self.env._(
                    "%(count)s of %(all)s invoices were not made; the reason stands on each.",
                    count=len(missed),
                    all=len(waiting),
                ),
            )
        waiting.batch_id._settle()
        # With sudo: whoever may approve may have it carried out.
        self.env.ref("lead_to_cash_hub.cron_billing").sudo()._trigger()
        return self._notice(
            "info",
            self.env._(
                "%(count)s invoices are made and posted in the background, in your name.",
                count=len(waiting),
            ),
        )

    def _notice(self, kind, message):
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": kind,
                "message": message,
                "next": {"type": "ir.actions.client", "tag": "soft_reload"},
            },
        }

    def _refuse_author(self, batch):
        """From the company's limit on, whoever proposed does not approve: for the run and for each invoice.

        What was approved of the run before counts too, so that it does not help to approve piece by piece.
        """
        limit = batch.company_id.hub_four_eyes_limit
        mine = self.filtered(lambda line: self.env.uid in line._authors())
        if not limit or not mine:
            return
        before = batch.line_ids.filtered(lambda line: line.state in ("approved", "billed"))
        total = sum((self | before).mapped("total_company"))
        if total >= limit:
            raise AccessError(
                self.env._(
                    "You proposed %(run)s, which comes to %(total)s. From %(limit)s on another billing "
                    "approver approves it.",
                    run=batch.name,
                    total=formatLang(self.env, total, currency_obj=batch.currency_id),
                    limit=formatLang(self.env, limit, currency_obj=batch.currency_id),
                )
            )

    # --- billing ----------------------------------------------------------------------------------

    def _bill(self):
        """Make and post the invoices of these approved lines, as the user of the environment."""
        for batch, lines in self.grouped("batch_id").items():
            lines = lines.with_company(batch.company_id)
            changed = lines._changed()
            for line, count in changed.items():
                line._fail(
                    self.env._(
                        "%(count)s of its %(all)s entries, expenses and milestones were changed, withdrawn or "
                        "billed elsewhere since this was proposed. Propose again.",
                        count=count,
                        all=line.source_count,
                    )
                )
            rest = lines - self.browse().union(*changed)
            closed = rest.filtered(lambda line: line.contract_id.state != "active")
            closed._fail(
                self.env._("The contract is closed: nothing more of it is billed. Leave it out.")
            )
            rest -= closed
            rest -= rest._leave_out_held()
            self.env["hub.billing.turn"]._take(rest.contract_id)
            for start in range(0, len(rest), GROUP):
                rest[start : start + GROUP]._bill_group()

    def _changed(self):
        """Lines whose sources are not as they were proposed: ``{line: number of sources}``; one query."""
        self.env.flush_all()
        rows = self.env.execute_query(
            SQL(
                """
                SELECT s.line_id, COUNT(*)
                  FROM hub_billing_batch_source s
             LEFT JOIN account_analytic_line a ON a.id = s.entry_id
             LEFT JOIN project_milestone m ON m.id = s.milestone_id
                 WHERE s.line_id = ANY(%(ids)s)
                   AND NOT COALESCE(
                       a.hub_approval = 'approved' AND a.hub_billable_quantity = s.worked
                           AND a.so_line = s.sale_line_id AND a.date = s.date
                           AND (a.employee_id = s.employee_id OR s.employee_id IS NULL)
                           AND NOT EXISTS (SELECT 1 FROM hub_billing b
                                            WHERE b.entry_id = a.id AND b.state != 'released')
                    OR m.is_reached AND m.sale_line_id = s.sale_line_id
                           AND NOT EXISTS (SELECT 1 FROM hub_billing b
                                            WHERE b.milestone_id = m.id AND b.state != 'released'), FALSE)
              GROUP BY s.line_id
                """,
                ids=self.ids,
            )
        )
        return {self.browse(line): count for line, count in rows}

    def _leave_out_held(self):
        """Leave out what is held, disputed or too small by now, and was not when somebody decided; those lines."""
        disputes = disputed(self.contract_id)
        held, found = self.browse(), []
        for line in self:
            # With sudo: amounts of a contract are not shown to everybody who approves.
            now = holds(line.contract_id.sudo(), line.amount, disputes)
            known = [(finding.code, finding.params) for finding in line.finding_ids]
            new = [finding for finding in now if (finding["code"], finding["params"]) not in known]
            if new:
                held += line
                found.append(now)
        # As a new proposal would say it; with sudo, as there.
        held.sudo().finding_ids.filtered(lambda finding: finding.severity == "hold").unlink()
        self.batch_id._keep_findings(held, found)
        held._keep({"state": "left_out", "rank": 1, "has_warning": 1})
        return held

    def _bill_group(self):
        """Bill these together; on an error halve them, until the one that fails stands alone."""
        if not self:
            return
        try:
            with self.env.cr.savepoint():
                self._make()
                return
        except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
            raise  # a savepoint keeps the stale snapshot: all of it begins again
        except Exception as error:
            why = self.env["hub.invoicing"]._why(error)
        self.env.invalidate_all()
        if len(self) == 1:
            self._fail(why)
            return
        middle = len(self) // 2
        self[:middle]._bill_group()
        self[middle:]._bill_group()

    def _fail(self, why):
        self._keep({"state": "failed", "failure": why, "rank": 0})

    def _make(self):
        """Invoices of exactly the sources of these lines, posted; all or nothing."""
        batch = self.batch_id
        invoicing = self.env["hub.invoicing"]
        orders = invoicing._orders(self.contract_id, batch.date_from, batch.date_to)
        # Our own code makes them: the approver is not their author, those who proposed are.
        orders = own_code(only(orders, self._chosen()))
        orders = orders.with_context(raise_if_nothing_to_invoice=False)  # said below, by contract
        orders.order_line._recompute_qty_to_invoice(batch.date_from, batch.date_to)
        moves = orders._create_invoices(grouped=True)
        self.env.add_to_compute(
            orders.order_line._fields["qty_to_invoice"], orders.order_line.with_env(self.env)
        )
        by_contract = {move.hub_contract_id: move for move in moves}
        for line in self:
            move = by_contract.get(line.contract_id)
            if not move:
                raise UserError(
                    self.env._(
                        "Nothing of what was proposed for %(contract)s can be billed now: its order is not "
                        "confirmed any more, or its cap or retainer leaves nothing. Propose again.",
                        contract=line.contract_id.display_name,
                    )
                )
            line._agree(move)
            values = {
                "hub_period_from": batch.date_from,
                "hub_period_to": batch.date_to,
                "hub_author_ids": line._author_commands(),
            }
            if batch.invoice_date:
                values["invoice_date"] = batch.invoice_date
            move.write(values)
            line._keep({"state": "billed", "move_id": move.id})
        mine = called_by_people(self.env["account.move"].browse(moves.ids))
        mine.action_hub_approve()

    def _chosen(self):
        """The ids of all sources of ``self``; one query."""
        rows = self.env.execute_query(
            SQL(
                "SELECT entry_id, milestone_id FROM hub_billing_batch_source WHERE line_id = ANY(%s)",
                self.ids,
            )
        )
        return Chosen(
            [entry for entry, _m in rows if entry],
            [milestone for _e, milestone in rows if milestone],
        )

    def _agree(self, move):
        """Raise unless the draft bills as many sources for as much as was proposed."""
        rows = self.env["hub.billing"].sudo().search_count([("move_id", "=", move.id)])  # a number
        if rows != self.source_count or self.currency_id.compare_amounts(
            move.amount_untaxed, self.amount
        ):
            raise UserError(
                self.env._(
                    "%(contract)s would come to %(now)s for %(rows)s sources; proposed were %(amount)s for "
                    "%(sources)s. Propose again.",
                    contract=self.contract_id.display_name,
                    now=formatLang(self.env, move.amount_untaxed, currency_obj=self.currency_id),
                    rows=rows,
                    amount=formatLang(self.env, self.amount, currency_obj=self.currency_id),
                    sources=self.source_count,
                )
            )
