from contextlib import contextmanager

from odoo import SUPERUSER_ID, api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tools.misc import formatLang

from ..guard import called_by_people, is_own_code, own_code, refuse_guarded
from .account_move_issued import ISSUED
from .account_move_ledger import SAID_OUTSIDE
from .account_move_times import TIMES
from .billing import LEDGER_READERS

# What approval and billing rest on.
GUARDED = (
    "hub_approval",
    "hub_approved_by_id",
    "hub_approved_at",
    "hub_contract_id",
    "hub_period_from",
    "hub_period_to",
    "hub_refund_payment_id",
    "hub_correction_message_ids",
    "hub_author_ids",
    "hub_adjusts_id",
    "hub_adjusts_hours",
    *ISSUED,
    *SAID_OUTSIDE,
    *TIMES,
)
# Who changes one of these has a hand in what the document says.
CONTENT = {
    *("invoice_line_ids", "line_ids", "partner_id", "currency_id", "invoice_payment_term_id"),
    *("invoice_date", "invoice_date_due", "fiscal_position_id", "partner_bank_id"),
}
# What Odoo computes of an entry, keeps once it is billed, and would look at again when its invoice is posted.
KEPT_OF_BILLED = (
    *("partner_id", "project_id", "task_id", "parent_task_id"),
    *("so_line", "order_id", "timesheet_invoice_type"),
)


class AccountMove(models.Model):
    """Invoices of a contract: prepared by the hub, decided by a person.

    A document of a contract waits for approval whoever made it. The approver is the one who posts
    it, so that lock dates and their exceptions are those of the person who decided.
    """

    _inherit = "account.move"

    hub_contract_id = fields.Many2one(
        "hub.contract",
        string="Contract",
        index="btree_not_null",
        check_company=True,
        readonly=True,
        ondelete="restrict",
    )
    hub_approval = fields.Selection(
        [("none", "Not needed"), ("to_approve", "To approve"), ("approved", "Approved")],
        default="none",
        required=True,
        readonly=True,
        copy=False,
        index=True,
        tracking=True,
    )
    hub_approved_by_id = fields.Many2one(
        "res.users", string="Approved By", readonly=True, copy=False
    )
    hub_approved_at = fields.Datetime(string="Approved On", readonly=True, copy=False)
    hub_author_ids = fields.Many2many(
        "res.users",
        relation="hub_move_author_rel",
        string="Prepared or Changed By",
        readonly=True,
        copy=False,
    )
    hub_period_from = fields.Date(string="Billed From", readonly=True, copy=False)
    hub_period_to = fields.Date(string="Billed To", readonly=True, copy=False)
    hub_check_ids = fields.One2many(
        "hub.invoice.check",
        "move_id",
        string="Checks",
        groups="lead_to_cash_hub.group_hub_viewer,account.group_account_invoice",
    )
    # Numbers, for whoever sees the document.
    hub_blocking_count = fields.Integer(compute="_compute_hub_check_counts", compute_sudo=True)
    hub_warning_count = fields.Integer(compute="_compute_hub_check_counts", compute_sudo=True)
    hub_billing_ids = fields.One2many(
        "hub.billing", "move_id", string="Billing Ledger", groups=LEDGER_READERS
    )
    hub_edited = fields.Boolean(
        string="Differs From the Ledger",
        compute="_compute_hub_edited",
        compute_sudo=True,  # said to whoever sees the draft
        help="A quantity of this draft was changed by hand and is not what the ledger holds.",
    )

    @api.depends("hub_check_ids.severity")
    def _compute_hub_check_counts(self):
        for move in self:
            severities = move.hub_check_ids.mapped("severity")
            move.hub_blocking_count = severities.count("blocking")
            move.hub_warning_count = severities.count("warning")

    @api.depends("invoice_line_ids.quantity", "invoice_line_ids.hub_billing_ids.state")
    def _compute_hub_edited(self):
        drafts = self.filtered(lambda move: move.hub_contract_id and move.state == "draft")
        edited = {line.move_id for line, _q in self.env["hub.billing"]._differences(drafts)}
        for move in self:
            move.hub_edited = move in edited

    # --- who may decide ---------------------------------------------------------------------------

    def _hub_may_decide(self):
        return self.env.su or self.env.user.has_group("lead_to_cash_hub.group_hub_billing_approver")

    def _hub_governed(self):
        """The documents of ``self`` that are posted with an approval only."""
        return self.filtered(
            lambda move: (
                move.hub_contract_id or move.hub_refund_payment_id or move.hub_approval != "none"
            )
        )

    @api.model_create_multi
    def create(self, vals_list):
        refuse_guarded(self, {}, GUARDED)
        for vals in vals_list:
            # A copy or a credit note of a contract's invoice stays with the contract, and waits.
            refuse_guarded(self, vals, set(GUARDED) - {"hub_contract_id", "hub_approval"})
            if vals.get("hub_contract_id") or vals.get("hub_refund_payment_id"):
                vals["hub_approval"] = "to_approve"
            elif not self.env.su:
                vals.pop("hub_approval", None)
        moves = super().create(vals_list)
        moves._hub_note_author()
        return moves

    def write(self, vals):
        refuse_guarded(self, vals, GUARDED)
        if "state" in vals and not is_own_code(self.env):
            # Odoo's own posting comes through _post below, after the checks.
            governed = self._hub_governed().filtered(lambda move: move.state != vals["state"])
            if governed:
                raise UserError(
                    self.env._(
                        "%(names)s: the status of a hub document is changed by its buttons only.",
                        names=", ".join(governed.mapped("display_name")),
                    )
                )
        if CONTENT & vals.keys():
            self._hub_note_author()
        return super().write(vals)

    def _hub_note_author(self):
        """Whoever has a hand in a document that waits is one of its authors, for good."""
        if is_own_code(self.env) or self.env.uid == SUPERUSER_ID:
            return
        waiting = self.filtered(lambda move: move.hub_approval == "to_approve")
        # With sudo: nobody writes this by hand.
        new = waiting.sudo().filtered(lambda move: self.env.uid not in move.hub_author_ids.ids)
        if new:
            super(AccountMove, new).write({"hub_author_ids": [Command.link(self.env.uid)]})

    @api.constrains("hub_contract_id", "currency_id")
    def _check_hub_currency(self):
        for move in self.filtered("hub_contract_id"):
            contract = move.hub_contract_id
            if move.currency_id != contract.currency_id:
                raise UserError(
                    self.env._(
                        "Contract %(code)s was signed in %(currency)s; its invoices cannot be in "
                        "%(other)s.",
                        code=contract.code,
                        currency=contract.currency_id.name,
                        other=move.currency_id.name,
                    )
                )

    # --- approval ---------------------------------------------------------------------------------

    def action_hub_run_checks(self):
        """Look again at what the checks look at."""
        self._hub_run_checks()
        return True

    def action_hub_approve(self):
        """Approve and post, as the user who does it."""
        if not self._hub_may_decide():
            raise AccessError(self.env._("Only billing approvers approve hub invoices."))
        waiting = self.filtered(lambda move: move.hub_approval == "to_approve")
        waiting._hub_refuse_author()
        # Written with sudo: what allows it was looked at above, and nobody writes it by hand. Posting runs the checks.
        waiting.sudo().write(
            {
                "hub_approval": "approved",
                "hub_approved_by_id": self.env.uid,
                "hub_approved_at": fields.Datetime.now(),
            }
        )
        waiting.action_post()
        return True

    def _hub_refuse_author(self):
        """From the company's limit on, whoever prepared or changed a document does not approve it."""
        for move in self:
            limit = move.company_id.hub_four_eyes_limit
            mine = (
                self.env.uid in move.sudo().hub_author_ids.ids
            )  # also where names are not readable
            if limit and mine and abs(move.amount_total_signed) >= limit:
                raise AccessError(
                    self.env._(
                        "You prepared or changed %(name)s. From %(limit)s on another billing approver "
                        "approves it.",
                        name=move.display_name,
                        limit=formatLang(self.env, limit, currency_obj=move.company_id.currency_id),
                    )
                )

    def _hub_refuse_blocked(self):
        """Raise the sentences of all blocking checks of ``self``, looked at afresh."""
        checks = self._hub_run_checks().filtered(lambda check: check.severity == "blocking")
        if checks:
            raise UserError(
                "\n".join(f"{check.move_id.display_name}: {check.sentence}" for check in checks)
            )

    def _post(self, soft=True):
        """Post what was approved; the ledger follows the document."""
        hub = self._hub_governed()
        waiting = hub.filtered(lambda move: move.hub_approval != "approved")
        if waiting:
            raise UserError(
                self.env._(
                    "%(names)s: invoices of a contract and credit notes of refunds are approved "
                    "before they are posted. Ask a billing approver to press Approve.",
                    names=", ".join(waiting.mapped("display_name")),
                )
            )
        hub._hub_refuse_blocked()
        with hub._hub_entries_stay():
            posted = called_by_people(super(AccountMove, own_code(self))._post(soft))
        self.env["hub.billing"]._posted(posted)
        posted._hub_apply_credit()
        return posted

    @contextmanager
    def _hub_entries_stay(self):
        """Post without working out anew whose, of what and how billable each entry is.

        Odoo marks it for each entry when its invoice's state changes, and then leaves those that are billed as they
        are (``_is_not_billed``): before and after posting.
        """
        entries = self.sudo().timesheet_ids  # whoever posts
        with self.env.protecting([entries._fields[name] for name in KEPT_OF_BILLED], entries):
            yield

    def button_draft(self):
        """Back in draft, a document is approved again before it is posted again."""
        self._hub_take_back_credit()
        self._hub_refuse_credited()
        result = super(AccountMove, own_code(self)).button_draft()
        hub = self._hub_governed().sudo()  # takes rights away, gives none
        hub.write(
            {"hub_approval": "to_approve", "hub_approved_by_id": False, "hub_approved_at": False}
        )
        hub.hub_billing_ids.filtered(lambda row: row.state == "posted").write({"state": "draft"})
        return result

    def _hub_refuse_credited(self):
        """A credit note that says what became of the work on an invoice would stand on nothing."""
        notes = self.sudo().hub_billing_ids.credit_id  # to look, whoever asks
        notes = notes.filtered(lambda note: note.state == "posted")
        if notes:
            raise UserError(
                self.env._(
                    "%(notes)s credited work of %(invoices)s. Reset the credit note to draft first.",
                    notes=", ".join(notes.mapped("display_name")),
                    invoices=", ".join(self.mapped("display_name")),
                )
            )

    def button_cancel(self):
        """What a cancelled document billed is billable again."""
        self._hub_refuse_credited()
        result = super(AccountMove, own_code(self)).button_cancel()
        self.sudo().hub_billing_ids._release(self.env._("document cancelled"))  # code only
        return result

    # --- the ledger -------------------------------------------------------------------------------

    def _link_timesheets_to_invoice(self, start_date=None, end_date=None):
        """Bill exact entries on documents of a contract; leave others to Odoo."""
        hub = self.filtered("hub_contract_id")
        if hub:
            hub.sudo()._hub_bill(start_date, end_date)  # invoices come from here with sudo anyway
        return super(AccountMove, self - hub)._link_timesheets_to_invoice(start_date, end_date)

    def _hub_bill(self, start_date=None, end_date=None, only_lines=None):
        """Write down what the lines of these drafts bill, and set their quantities by it."""
        by_sale_line = {}
        lines = only_lines if only_lines is not None else self.invoice_line_ids
        for line in lines.filtered("hub_ledger"):
            for sale_line in line.sale_line_ids._hub_in_ledger():
                by_sale_line.setdefault(sale_line, line)
        sale_lines = self.env["sale.order.line"].union(*by_sale_line)
        billable = sale_lines._hub_billable(start_date, end_date)
        rows = []
        for sale_line, line in by_sale_line.items():
            sources = billable.get(sale_line.id, [])
            quantity = sale_line._hub_round(sum(amount for _f, _r, amount in sources))
            if sale_line.product_uom_id.compare(line.quantity, quantity):
                line.quantity = quantity
            rows += self.env["hub.billing"]._bill(line, sources)
        self.env["hub.billing"]._enter(rows)
        if start_date or end_date:
            self.write({"hub_period_from": start_date, "hub_period_to": end_date})

    def _hub_rebill(self, invoice_lines, entries):
        """Recompute drafts after ``entries`` were taken off ``invoice_lines`` and changed."""
        moves = self.sudo()  # a draft follows the time it bills, whoever changed the time
        lines = invoice_lines.exists()
        for move in moves:
            move_lines = lines.filtered(lambda line, move=move: line.move_id == move)
            sale_lines = move_lines.sale_line_ids._hub_of_entries()
            again = entries.filtered(
                lambda entry, sale_lines=sale_lines, move=move: (
                    entry.hub_approval == "approved"
                    and not entry.hub_billing_id
                    and entry.so_line in sale_lines
                    and (not move.hub_period_from or entry.date >= move.hub_period_from)
                    and (not move.hub_period_to or entry.date <= move.hub_period_to)
                )
            )
            kept = move_lines.hub_billing_ids.filtered(lambda row: row.state == "draft")
            for line in move_lines:
                line._hub_refill(
                    kept.filtered(lambda row, line=line: row.invoice_line_id == line),
                    again.filtered(lambda entry, line=line: entry.so_line in line.sale_line_ids),
                )
        empty = moves.filtered(
            lambda move: (
                not move.invoice_line_ids.filtered(lambda line: line.display_type == "product")
                and not move.posted_before
            )
        )
        left = moves - empty
        empty.unlink()
        left.write(
            {"hub_approval": "to_approve", "hub_approved_by_id": False, "hub_approved_at": False}
        )
        left._hub_run_checks()

    def action_hub_restore_quantities(self):
        """Undo edits by hand: each line bills what the ledger holds for it."""
        drafts = self.filtered(lambda move: move.state == "draft")
        for line, quantity in self.env["hub.billing"]._differences(drafts):
            line.quantity = quantity
        drafts._hub_run_checks()
        return True
