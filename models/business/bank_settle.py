from odoo import models
from odoo.exceptions import UserError
from odoo.fields import Command

from ...core.billing import exact


class AccountBankStatementLine(models.Model):
    """Bank lines settled by Odoo's own means: the suspense line makes way, and what stands instead is reconciled."""

    _inherit = "account.bank.statement.line"

    def _hub_settle(self, items, partners=None):
        """Settle lines of one company.

        What is paid less leaves the last document open; what is paid more, or is for no document at all, stays on the
        customer's account as unapplied cash.

        :param items: ``{line id: open journal items}``
        :param partners: ``{line id: customer}`` where there are no items.
        :raise UserError: a line is settled already, something is not open any more, or no customer is known.
        """
        taken, shares = self.env["account.move.line"], []
        for line in self:  # all is looked at before anything is written
            settled = items.get(line.id) or self.env["account.move.line"]
            if twice := settled & taken:
                raise UserError(
                    self.env._(
                        "%s would be settled by two of these bank lines. Settle one, and match the other again.",
                        ", ".join(twice.move_id.mapped("name")),
                    )
                )
            taken |= settled
            line._hub_check_open(settled)
            partner = (partners or {}).get(line.id) or self.env["res.partner"]
            shares.append((line, line._hub_parts(settled, partner)))
        plan = []
        for line, parts in shares:
            plan += line._hub_replace_suspense(parts)
        # Odoo reconciles many in one go.
        self.env["account.move.line"]._reconcile_plan(plan)

    def _hub_post_on(self, account, partner):
        """Post lines of one company on an account, where they settle no document.

        :raise UserError: a line is settled already, or its entry was edited by hand.
        """
        nothing = self.env["account.move.line"]
        for line in self:
            line._hub_check_open(nothing)
        for line in self:
            amount = exact(line.currency_id.round(line.amount))
            line._hub_replace_suspense([(account, partner, amount, nothing)])
            named = f"{account.with_company(line.company_id).code} {account.name}"
            line._hub_keep(
                "account", nothing, [("on_account", named), ("by_person", self.env.user.name)]
            )
        self._hub_audit("bank_post")

    def _hub_check_open(self, settled):
        if self.is_reconciled:
            raise UserError(
                self.env._("“%s” is matched already. Take that back first.", self.payment_ref or "")
            )
        gone = settled.filtered(lambda item: item.reconciled or item.parent_state != "posted")
        if gone:
            raise UserError(
                self.env._(
                    "%s is not open any more. Match the bank line again.",
                    ", ".join(gone.move_id.mapped("name")),
                )
            )
        foreign = settled.filtered(
            lambda item: item.company_id != self.company_id or item.currency_id != self.currency_id
        )
        if foreign:
            raise UserError(
                self.env._(
                    "%s has another company or currency than the bank line, and is not settled by it here.",
                    ", ".join(foreign.move_id.mapped("name")),
                )
            )

    def _hub_parts(self, settled, partner):
        """How the amount is shared out.

        :return: ``[(account, partner, amount, items)]``; without items it is unapplied cash.
        """
        left, parts = exact(self.currency_id.round(self.amount)), []
        groups = settled.grouped(lambda item: (item.move_id, item.account_id, item.partner_id))
        residuals = {
            key: exact(self.currency_id.round(sum(group.mapped("amount_residual_currency"))))
            for key, group in groups.items()
        }
        # Documents of the other sign first (credit notes, of what came in), which make room for the others; then what
        # was due first.
        with_line = left > 0
        order = sorted(
            groups,
            key=lambda key: (
                (residuals[key] > 0) == with_line,
                min(item.date_maturity or item.date for item in groups[key]),
                key[0].id,
            ),
        )
        for key in order:
            residual = residuals[key]
            part = residual
            if (residual > 0) == with_line and abs(residual) > abs(left):
                part = left
            if part:
                _move, account, owner = key
                parts.append((account, owner, part, groups[key]))
            left -= part
        if left and not settled and left < 0:
            raise UserError(
                self.env._(
                    "%(amount)s of “%(line)s” went out, so it is nobody's unapplied cash. Choose the credit note, "
                    "refund or unapplied cash that it pays back, or post it on an account.",
                    amount=self.currency_id.format(float(-left)),
                    line=self.payment_ref or "",
                )
            )
        if left:
            partner = partner or settled.partner_id
            if len(partner) != 1:
                raise UserError(
                    self.env._(
                        "Choose the customer to whom %(amount)s of “%(line)s” belongs.",
                        amount=self.currency_id.format(float(left)),
                        line=self.payment_ref or "",
                    )
                )
            owner = partner.commercial_partner_id.with_company(self.company_id)
            account = owner.property_account_receivable_id
            parts.append((account, owner, left, self.env["account.move.line"]))
        return parts

    def _hub_replace_suspense(self, parts):
        """Put what the parts settle in the place of the suspense line.

        :return: the groups of journal items that are to be reconciled.
        """
        liquidity, suspense, others = self._seek_for_lines()
        if others or not suspense:
            raise UserError(
                self.env._(
                    "The journal entry of “%s” was edited by hand. Settle it there.",
                    self.payment_ref or "",
                )
            )
        partners = self.env["res.partner"].union(*(part[1] for part in parts))
        rest = -sum(liquidity.mapped("balance"))
        commands = [Command.delete(line.id) for line in suspense]
        if len(partners) == 1:
            commands.append(Command.update(liquidity.id, {"partner_id": partners.id}))
        for number, (account, owner, amount, _items) in enumerate(parts, 1):
            values = self._prepare_counterpart_amounts_using_st_line_rate(
                self.currency_id, 0.0, -float(amount)
            )
            # The last one takes what rounding leaves, so that the entry is even.
            balance = rest if number == len(parts) else values["balance"]
            rest -= balance
            commands.append(
                Command.create(
                    {
                        "name": self.payment_ref,
                        "account_id": account.id,
                        "partner_id": owner.id,
                        "currency_id": self.currency_id.id,
                        "amount_currency": -float(amount),
                        "balance": balance,
                    }
                )
            )
        before = self.line_ids
        # As Odoo itself rewrites a posted bank entry (``action_undo_reconciliation``).
        self.with_context(force_delete=True, skip_readonly_check=True).write({"line_ids": commands})
        made = (self.line_ids - before).sorted("id")
        return [line | part[3] for line, part in zip(made, parts, strict=True) if part[3]]
