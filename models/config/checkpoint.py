from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ...core.expression import compile_expression
from ...core.expression_functions import Failed
from ...core.problem import Problem
from .gate import HubGate


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint on plain data.

    :attr limit: amounts below it, in the company's currency, pass; None: the amount does not matter.
    :attr fields: a record passes where none of these changes; empty: whatever changes.
    """

    id: int
    when: Any
    limit: Decimal | None
    amount: str
    fields: frozenset
    process: int | None
    company: int | None
    system: int | None

    def applies(self, company, process, system):
        return (
            self.company in (None, company)
            and self.process in (None, process)
            and self.system in (None, system)
        )

    def stops(self, record, changed, worth):
        """Whether a record waits here. What cannot be told waits: nobody else would ask.

        :param record: as ``core.rule.facts_of`` gives it; :param changed: names of its fields that change.
        :param worth: function that gives its amount in the company's currency, or None.
        """
        if self.fields and self.fields.isdisjoint(changed):
            return False
        if self.when is not None:
            try:
                if self.when(None, record) is False:
                    return False
            except Failed:
                return True
        if self.limit is None:
            return True
        amount = worth()
        return amount is None or abs(Decimal(str(amount))) >= self.limit


# Entities of which records that are sent can be decided in finance batches.
IN_BATCHES = ("invoice", "receipt")


def _never_false(_value, _record):
    """In place of a condition that cannot be read any more."""
    return True


class HubCheckpoint(models.Model):
    """A place where records of money or master data wait until somebody approves them."""

    _name = "hub.checkpoint"
    _description = "Checkpoint"
    _inherit = ["hub.gate", "mail.thread"]
    _hub_portable = (
        *HubGate._gate_portable,
        "by_amount",
        "limit",
        "amount_id",
        "field_ids",
        "note",
        "batch",
    )

    by_amount = fields.Boolean(string="From an Amount On")
    limit = fields.Monetary(
        string="Amount",
        currency_field="currency_id",
        help="In the currency of the record's company. Records whose amount is not known wait too.",
    )
    currency_id = fields.Many2one("res.currency", compute="_compute_currency_id")
    amount_id = fields.Many2one(
        "hub.entity.field",
        string="Amount Is",
        ondelete="cascade",
        domain="[('entity_id', '=', entity_id), ('kind', 'in', ('money', 'decimal'))]",
        help="Empty: what the record is worth.",
    )
    field_ids = fields.Many2many(
        "hub.entity.field",
        relation="hub_checkpoint_field_rel",
        string="Only If One Changes",
        domain="[('entity_id', '=', entity_id)]",
        help="Records in which none of these fields changes pass. Empty: every change waits.",
    )
    note = fields.Text(translate=True, string="What to Look At", help="Shown to who approves.")
    batch = fields.Selection(
        [
            ("hand", "When somebody gathers them"),
            ("day", "Each night"),
            ("week", "On Mondays"),
            ("month", "On the first of the month"),
        ],
        string="Decided in Batches",
        help="Documents for a ledger that wait here are gathered, by company and system, and decided together "
        "under Billing > Batches to the Ledger. Empty: one by one.",
    )

    @api.depends("company_id")
    @api.depends_context("company")
    def _compute_currency_id(self):
        for point in self:
            point.currency_id = (point.company_id or self.env.company).currency_id

    @api.constrains(
        *("entity_id", "by_amount", "limit", "amount_id", "field_ids"),
        *("approver_ids", "approver_group_id", "batch", "direction"),
    )
    def _check_checkpoint(self):
        for point in self:
            point._require_approvers()
            if point.batch and (point.direction != "out" or point.entity_id.code not in IN_BATCHES):
                raise ValidationError(
                    self.env._(
                        "%s: only invoices and receipts that go from Odoo to a system are decided in batches.",
                        point.name,
                    )
                )
            if point.by_amount and point.limit <= 0:
                raise ValidationError(
                    self.env._("%s: the amount from which on it holds is more than 0.", point.name)
                )
            if (point.field_ids | point.amount_id).entity_id - point.entity_id:
                raise ValidationError(
                    self.env._(
                        "%(field)s is no field of %(entity)s.",
                        field=", ".join((point.field_ids | point.amount_id).mapped("label")),
                        entity=point.entity_id.name,
                    )
                )

    def _plain(self):
        self.ensure_one()
        when = None
        if self.when:
            try:
                when = compile_expression(self.when)
            except Problem:
                when = _never_false
        return Checkpoint(
            id=self.id,
            when=when,
            limit=Decimal(str(self.limit)) if self.by_amount else None,
            amount=self.amount_id.name or "",
            fields=frozenset(self.field_ids.mapped("name")),
            process=self.process_id.id or None,
            company=self.company_id.id or None,
            system=self.system_id.id or None,
        )
