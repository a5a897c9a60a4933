from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError

from ...core.billing import exact
from ..guard import own_code, refuse_guarded
from .bank_sentences import explain

CASH = "lead_to_cash_hub.group_hub_cash"
GUARDED = (
    "hub_entry_key",
    "hub_bank_id",
    "hub_match",
    "hub_item_ids",
    "hub_evidence",
    "hub_open_amount",
)
DONE = ("matched", "accepted", "unapplied", "account")


class AccountBankStatementLine(models.Model):
    """A movement on the bank account: where it came from, and what it was matched with and why."""

    _inherit = "account.bank.statement.line"

    hub_entry_key = fields.Char(
        readonly=True,
        copy=False,
        help="What the entry says, and its number among equal ones: it is imported once.",
    )
    hub_bank_id = fields.Char(string="Id of the Bank", readonly=True, copy=False)
    hub_match = fields.Selection(
        [
            ("open", "To decide"),
            ("proposed", "Proposed"),
            ("matched", "Matched by itself"),
            ("accepted", "Accepted"),
            ("unapplied", "Unapplied cash"),
            ("account", "On an account"),
        ],
        string="Match",
        readonly=True,
        copy=False,
        index="btree_not_null",
    )
    hub_item_ids = fields.Many2many(
        "account.move.line",
        "hub_bank_line_item_rel",
        "statement_line_id",
        "item_id",
        string="Matched Items",
        readonly=True,
        copy=False,
    )
    hub_evidence = fields.Json(readonly=True, copy=False)
    hub_open_amount = fields.Monetary(
        string="Open", readonly=True, copy=False, help="What was open of it when it was proposed."
    )
    hub_explanation = fields.Text(string="Why", compute="_compute_hub_explanation")
    hub_documents = fields.Char(string="Settles", compute="_compute_hub_documents")
    hub_customers = fields.Char(string="Customer", compute="_compute_hub_documents")

    hub_unapplied = fields.Monetary(
        string="Unapplied",
        compute="_compute_hub_unapplied",
        help="What is open of it on the customer's account: Odoo offers it on the customer's next invoice.",
    )

    _hub_entry_once = models.UniqueIndex(
        "(journal_id, hub_entry_key) WHERE hub_entry_key IS NOT NULL",
        "This movement is in the journal already.",
    )

    @api.depends("hub_evidence")
    @api.depends_context("lang")
    def _compute_hub_explanation(self):
        for line in self:
            line.hub_explanation = explain(self.env, line.hub_evidence or [])

    @api.depends("hub_item_ids", "partner_id")
    def _compute_hub_documents(self):
        for line in self:
            moves = line.hub_item_ids.move_id
            line.hub_documents = ", ".join(
                move.origin_payment_id.name or move.name or "" for move in moves
            )
            partners = line.hub_item_ids.partner_id or line.partner_id
            line.hub_customers = ", ".join(partners.mapped("display_name")) or line.partner_name

    @api.depends("move_id.line_ids.amount_residual_currency", "move_id.line_ids.account_id")
    def _compute_hub_unapplied(self):
        for line in self:
            credits = line.line_ids.filtered(
                lambda item: (
                    item.account_id.account_type == "asset_receivable" and item.amount_residual < 0
                )
            )
            line.hub_unapplied = -sum(credits.mapped("amount_residual_currency"))

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            refuse_guarded(self, vals, GUARDED)
        return super().create(vals_list)

    def write(self, vals):
        refuse_guarded(self, vals, GUARDED)
        return super().write(vals)

    def _hub_keep(self, state, items, evidence, open_amount=0.0):
        """What was found or decided about one line."""
        own_code(self).write(
            {
                "hub_match": state,
                "hub_item_ids": [fields.Command.set(items.ids)],
                "hub_evidence": [list(one) for one in evidence],
                "hub_open_amount": open_amount,
            }
        )

    # --- what people do ---------------------------------------------------------------------------

    @api.model
    def _hub_check_may(self):
        if not self.env.su and not self.env.user.has_group(CASH):
            raise AccessError(
                self.env._("Ask a user with the right “Bank and Cash” of the Lead-to-Cash Hub.")
            )
        self.check_access("write")

    def action_hub_accept(self):
        """Settle what is proposed, as it is shown."""
        self._hub_check_may()
        lines = self.filtered(lambda line: line.hub_match == "proposed" and line.hub_item_ids)
        if not lines:
            raise UserError(
                self.env._("Nothing is proposed here. Choose documents or a customer instead.")
            )
        for line in lines:
            if line.currency_id.compare_amounts(
                line._hub_open_of(line.hub_item_ids), line.hub_open_amount
            ):
                raise UserError(
                    self.env._(
                        "“%s”: what is open has changed since it was proposed. Match it again, then accept.",
                        line.payment_ref or "",
                    )
                )
        lines._hub_settle({line.id: line.hub_item_ids for line in lines})
        own_code(lines).write({"hub_match": "accepted"})
        lines._hub_audit("bank_accept")
        return True

    def action_hub_choose(self):
        """Choose documents, or the customer whose money it is."""
        self.ensure_one()
        self._hub_check_may()
        # It begins with what is proposed, as far as that is open still.
        items = self.hub_item_ids.filtered(lambda item: not item.reconciled)
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Choose What It Settles"),
            "res_model": "hub.bank.choose",
            "view_mode": "form",
            "target": "new",
            "context": {
                "default_line_id": self.id,
                "default_item_ids": items.ids,
                "default_partner_id": (items.partner_id or self.partner_id)[:1].id,
            },
        }

    def action_hub_post(self):
        """Post what concerns no customer's document on an account: fees, salaries, vendors."""
        self._hub_check_may()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Post on an Account"),
            "res_model": "hub.bank.post",
            "view_mode": "form",
            "target": "new",
            "context": {"active_model": self._name, "active_ids": self.ids},
        }

    def action_hub_undo(self):
        """Take matches back, by Odoo's own method."""
        self._hub_check_may()
        lines = self.filtered(lambda line: line.hub_match in DONE)
        if not lines:
            raise UserError(self.env._("Nothing was matched here that could be taken back."))
        lines.action_undo_reconciliation()
        return True

    def action_undo_reconciliation(self):
        """Whatever screen takes a match back, the line is to be decided again."""
        lines = self.filtered(lambda line: line.hub_match in DONE)
        lines._hub_audit("bank_undo")
        result = super().action_undo_reconciliation()
        for line in lines:
            line._hub_keep("open", line.hub_item_ids.browse(), [("undone", self.env.user.name)])
        return result

    def action_hub_match(self):
        """Look again for what the lines settle; only proposed, nothing is settled."""
        self._hub_check_may()
        self.filtered(lambda line: not line.is_reconciled)._hub_propose(settle=False)
        return True

    def action_hub_documents(self):
        """The documents that the line settles, or would."""
        moves = self.hub_item_ids.move_id
        action = {
            "type": "ir.actions.act_window",
            "name": self.env._("Documents"),
            "res_model": "account.move",
            "view_mode": "list,form",
            "domain": [("id", "in", moves.ids)],
        }
        return action | ({"view_mode": "form", "res_id": moves.id} if len(moves) == 1 else {})

    def action_hub_open(self):
        """The journal entry of the line."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": "account.move",
            "res_id": self.move_id.id,
            "view_mode": "form",
        }

    def _hub_audit(self, action):
        self.env["hub.audit"]._append(
            [
                {
                    "action": action,
                    "company_id": line.company_id.id,
                    "res_model": line._name,
                    "res_id": line.id,
                    "values": {
                        "amount": str(exact(line.amount)),
                        "documents": line.hub_documents,
                        "customer": line.hub_customers,
                        "evidence": line.hub_evidence,
                    },
                }
                for line in self
            ]
        )
