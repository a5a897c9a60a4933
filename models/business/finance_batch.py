from collections import defaultdict

from markupsafe import Markup
from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tools import format_date

from ..guard import own_code
from .locked import locked

MOST_TOLD = 20


class HubFinanceBatch(models.Model):
    """Documents for one ledger that wait together until a person has looked at them: invoices, credit notes, payments
    and what is cancelled, of one company and system, up to a day.

    They are held by checkpoints that decide in batches; what a batch approves are those approvals, exactly as they
    were asked, with the checkpoint's four eyes. What has changed since it was gathered is not sent, but asked anew.
    """

    _name = "hub.finance.batch"
    _description = "Batch to a Ledger"
    _inherit = ["hub.kept", "mail.thread", "mail.activity.mixin"]
    _order = "date_to desc, id desc"
    _check_company_auto = True

    name = fields.Char(compute="_compute_name", store=True)
    company_id = fields.Many2one(
        "res.company", required=True, index=True, default=lambda self: self.env.company
    )
    system_id = fields.Many2one(
        "hub.system",
        required=True,
        index=True,
        ondelete="restrict",
        domain="[('company_ids', 'in', company_id)]",
        help="The ledger that gets the documents.",
    )
    date_to = fields.Date(
        string="Cut-off",
        required=True,
        default=fields.Date.context_today,
        help="Documents of a later day wait for the next batch.",
    )
    state = fields.Selection(
        [("open", "To Approve"), ("done", "Decided")],
        string="Status",
        default="open",
        required=True,
        readonly=True,
        copy=False,
        index=True,
        tracking=True,
    )
    line_ids = fields.One2many("hub.finance.batch.line", "batch_id", string="Documents")
    gathered_at = fields.Datetime(string="Gathered", readonly=True, copy=False)
    gathered_by_id = fields.Many2one("res.users", readonly=True, copy=False)
    approved_by_id = fields.Many2one("res.users", readonly=True, copy=False)
    approved_at = fields.Datetime(string="Approved", readonly=True, copy=False)
    line_count = fields.Integer(string="In the Batch", compute="_compute_counts")
    waiting_count = fields.Integer(string="To Approve", compute="_compute_counts")
    sent_count = fields.Integer(string="Sent", compute="_compute_counts")
    refused_count = fields.Integer(string="Refused", compute="_compute_counts")
    warning_count = fields.Integer(string="With Warnings", compute="_compute_counts")
    totals_html = fields.Html(string="Totals", compute="_compute_totals_html")
    left_html = fields.Html(string="Not in This Batch", compute="_compute_left_html")

    _open_once = models.UniqueIndex(
        "(company_id, system_id) WHERE state = 'open'",
        "A batch of this company and system is open already: decide about that one first, or gather it again.",
    )

    @api.depends("system_id", "date_to")
    def _compute_name(self):
        for batch in self:
            batch.name = self.env._(
                "%(system)s up to %(day)s",
                system=batch.system_id.name or "",
                day=format_date(self.env, batch.date_to) if batch.date_to else "",
            )

    @api.depends("line_ids")
    def _compute_counts(self):
        for batch in self:
            answers = batch.line_ids.mapped("answer")
            batch.line_count = len(answers)
            batch.waiting_count = answers.count("waiting")
            batch.sent_count = answers.count("sent")
            batch.refused_count = answers.count("refused")
            batch.warning_count = len(batch.line_ids.filtered("warning"))

    @api.depends("line_ids")
    @api.depends_context("lang")
    def _compute_totals_html(self):
        """What is to be sent by kind and currency, beside what the books say of the same documents today."""
        head = [
            self.env._("Kind"),
            self.env._("Documents"),
            self.env._("To be sent"),
            self.env._("In Odoo's books"),
            self.env._("Difference"),
        ]
        kinds = dict(
            self.env["hub.finance.batch.line"]._fields["kind"]._description_selection(self.env)
        )
        for batch in self:
            totals = defaultdict(lambda: [0, 0.0, 0.0])
            for line in batch.line_ids.filtered(lambda one: one.answer != "left_out"):
                row = totals[line.kind, line.currency_id]
                row[0] += 1
                row[1] += line.amount
                row[2] += line.amount_books
            rows = [
                (kinds[kind], str(count), *map(currency.format, (sent, books, sent - books)))
                for (kind, currency), (count, sent, books) in sorted(
                    totals.items(), key=lambda one: (list(kinds).index(one[0][0]), one[0][1].name)
                )
            ]
            batch.totals_html = _table(head, rows) if rows else False

    @api.constrains("company_id", "system_id")
    def _check_served(self):
        for batch in self:
            if batch.company_id not in batch.system_id.company_ids:
                raise ValidationError(
                    self.env._(
                        "%(system)s does not serve %(company)s.",
                        system=batch.system_id.name,
                        company=batch.company_id.name,
                    )
                )

    # -- writing -----------------------------------------------------------------------------------

    def write(self, vals):
        if {"company_id", "system_id"} & vals.keys() and any(batch.line_ids for batch in self):
            raise UserError(
                self.env._(
                    "What was gathered belongs to its company and system. Make another batch."
                )
            )
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_except_decided(self):
        if any(batch.state != "open" for batch in self):
            raise UserError(
                self.env._("A batch that was decided is kept: it says who approved what.")
            )

    def _keep(self, vals):
        # With sudo: what allows it was looked at by who calls; nobody writes this by hand.
        own_code(self.sudo()).write(vals)

    # -- what people do ----------------------------------------------------------------------------

    def _check_may_prepare(self):
        if not self.env.su and not any(
            self.env.user.has_group(f"lead_to_cash_hub.group_hub_{name}")
            for name in ("resolver", "billing_approver")
        ):
            raise AccessError(
                self.env._("Only resolvers and billing approvers prepare batches for a ledger.")
            )
        self.check_access("write")

    def action_gather(self):
        """Take in what waits for a batch now; what was left out by a person stays so."""
        for batch in self:
            batch._check_may_prepare()
            batch._require_open()
            batch._gather()
        return True

    def action_approve(self):
        """Send what waits here, as far as the user may decide about it; the rest waits for somebody else.

        :raise UserError: nothing waits any more; :raise AccessError: the user may decide about nothing of it.
        """
        for batch in self:
            batch.check_access("write")
            batch._require_open()
            batch._approve()
        return True

    def _require_open(self):
        """A second press waits for the first, and then finds the batch decided."""
        if not locked(self, "open"):
            raise UserError(
                self.env._(
                    "%(batch)s was decided already, by %(who)s.",
                    batch=self.name,
                    who=self.approved_by_id.name or self.env._("the approvers of its documents"),
                )
            )

    def _approve(self):
        lines = self.line_ids.filtered(lambda line: line.answer == "waiting")
        approvals = lines._approvals()
        if not approvals:
            raise UserError(
                self.env._("Nothing of %s waits for approval any more. Gather it again.", self.name)
            )
        mine, why = self.env["hub.approval"], ""
        for approval in approvals:
            principal, reason = approval._principal()
            if principal:
                mine |= approval
            why = why or reason
        if not mine:
            raise AccessError(why)
        mine.action_approve()
        self.env.flush_all()
        self._keep({"approved_by_id": self.env.uid, "approved_at": fields.Datetime.now()})
        self._settle()
        if self.state == "open":
            self.message_post(
                body=self.env._(
                    "%(who)s approved %(count)s documents. The others wait for somebody else: %(why)s",
                    who=self.env.user.name,
                    count=len(mine.message_id),
                    why=why,
                )
            )

    def _settle(self):
        """Decided, once nothing of it waits; what was left out waits for the next one."""
        self.line_ids.invalidate_recordset(["answer", "answer_text"])
        for batch in self:
            if batch.line_ids and "waiting" not in batch.line_ids.mapped("answer"):
                batch._keep({"state": "done"})
                # With sudo: activities of other approvers end too.
                batch.sudo().activity_unlink(["mail.mail_activity_data_todo"])

    def action_view_lines(self):
        """The documents in a list of their own."""
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "lead_to_cash_hub.hub_finance_batch_line_action"
        )
        return {**action, "domain": [("batch_id", "=", self.id)]}


def _table(head, rows):
    """Rows of text as a table; numbers to the right."""
    cells = Markup().join(Markup("<th%s>%s</th>") % (_side(n), text) for n, text in enumerate(head))
    body = Markup().join(
        Markup("<tr>%s</tr>")
        % Markup().join(Markup("<td%s>%s</td>") % (_side(n), text) for n, text in enumerate(row))
        for row in rows
    )
    return Markup(
        "<table class='table table-sm o_hub_totals'><thead><tr>%s</tr></thead><tbody>%s</tbody></table>"
    ) % (cells, body)


def _side(place):
    return Markup(" class='text-end'") if place else Markup()
