"""Gathering a batch: what waits for it, what is to be looked at, and what is left out and why."""

import logging
from collections import defaultdict

from dateutil.relativedelta import relativedelta
from markupsafe import Markup
from odoo import api, fields, models

from ...core.billing import exact
from .finance_batch import MOST_TOLD
from .invoicing import class_and_place

MOST = 500  # documents of one batch; the rest comes with the next

_logger = logging.getLogger(__name__)


class HubFinanceBatch(models.Model):
    _inherit = "hub.finance.batch"

    def _gather(self):
        """Make the lines anew from what waits now; a query a step."""
        left = {line.message_id.id: line.left_by_id.id for line in self.line_ids if line.left_by_id}
        # With sudo: lines are written by code only.
        self.sudo().line_ids.unlink()
        rows = [row for row in self._held() if not row["date"] or row["date"] <= self.date_to]
        books = self._books(rows)
        warned = self._warned(rows, books)
        currencies = {c.name: c.id for c in self.env["res.currency"].search([])}
        lines = self.env["hub.finance.batch.line"].sudo()
        lines.create(
            [
                {
                    "batch_id": self.id,
                    "company_id": self.company_id.id,
                    "message_id": row["message_id"],
                    "move_id": row["move_id"],
                    "kind": row["kind"],
                    "number": row["number"],
                    "date": row["date"],
                    "partner_id": row["partner_id"],
                    "currency_id": currencies.get(row["currency"], self.company_id.currency_id.id),
                    "amount": float(row["amount"]),
                    "amount_books": float(books.get(row["move_id"], 0)),
                    "warnings": warned[row["message_id"]],
                    "rank": 0 if warned[row["message_id"]] else 1,
                    "left_by_id": left.get(row["message_id"]),
                }
                for row in rows[:MOST]
            ]
        )
        self._keep({"gathered_at": fields.Datetime.now(), "gathered_by_id": self.env.uid})

    def _held(self):
        """Documents that wait for a batch of this company and system, as they would be sent."""
        self.env.flush_all()
        self.env.cr.execute(
            """
            SELECT DISTINCT ON (m.id) m.id AS message_id, m.res_id AS move_id, e.code, a.shown, v.name, v.date,
                   v.invoice_date, v.commercial_partner_id AS partner_id, u.name AS currency
              FROM hub_approval a
              JOIN hub_checkpoint c ON c.id = a.checkpoint_id AND c.batch IS NOT NULL
              JOIN hub_message m ON m.id = a.message_id AND m.state = 'held' AND m.direction = 'out'
              JOIN hub_entity e ON e.id = m.entity_id
              JOIN account_move v ON v.id = m.res_id
              JOIN res_currency u ON u.id = v.currency_id
             WHERE a.state = 'waiting' AND m.res_model = 'account.move'
               AND a.system_id = %s AND v.company_id = %s
             ORDER BY m.id LIMIT %s
            """,
            [self.system_id.id, self.company_id.id, MOST + 1],
        )
        return [self._held_row(row) for row in self.env.cr.dictfetchall()]

    @api.model
    def _held_row(self, row):
        shown = {name: new for name, _old, new in row.pop("shown") or ()}
        row["number"] = shown.get("number") or row["name"]
        row["date"] = row["invoice_date"] or row["date"]
        row["currency"] = shown.get("currency") or row["currency"]
        if row["code"] == "receipt":
            row["kind"] = "payment" if shown.get("applied") else "taken_back"
            row["amount"] = exact(shown.get("amount") or 0)
        else:
            row["kind"] = "void" if shown.get("void") else shown.get("kind") or "invoice"
            row["amount"] = exact(shown.get("total") or 0)
        return row

    def _books(self, rows):
        """What Odoo's books say of these documents now, beside what is to be sent: ``{move id: amount}``."""
        # With sudo: control totals of the company whose batch it is, for who prepares it.
        moves = self.env["account.move"].sudo()
        documents = moves.browse(row["move_id"] for row in rows if row["code"] == "invoice")
        entries = moves.browse(row["move_id"] for row in rows if row["code"] == "receipt")
        books = {
            move.id: exact(move.currency_id.round(move.amount_total))
            * (-1 if move.move_type == "out_refund" else 1)
            * (move.state == "posted")
            for move in documents
        }
        applied = self.env["hub.handler.receipt"].sudo()._hub_applied(entries, self.system_id)
        for key in entries.ids:
            parts = [part for part in applied.get(key, ()) if part.known]
            books[key] = sum((exact(part.amount) for part in parts), exact(0))
        return books

    def _warned(self, rows, books):
        """What is to be looked at: ``{message id: [codes]}``."""
        known = self._known_customers({row["partner_id"] for row in rows})
        before = self.search(
            [
                ("system_id", "=", self.system_id.id),
                ("company_id", "=", self.company_id.id),
                ("state", "=", "done"),
            ],
            limit=1,
        ).date_to
        today = fields.Date.context_today(self)
        warned = defaultdict(list)
        for row in rows:
            found = warned[row["message_id"]]
            if row["kind"] in ("invoice", "credit_note") and row["partner_id"] not in known:
                found.append("new_customer")
            if row["amount"] != books.get(row["move_id"], row["amount"]):
                found.append("differs")
            if before and row["date"] and row["date"] <= before and row["kind"] != "void":
                found.append("late")
            if row["date"] and row["date"] > today:
                found.append("future")
        return warned

    def _known_customers(self, ids):
        self.env.cr.execute(
            """SELECT DISTINCT l.res_id FROM hub_link l
                 JOIN hub_entity e ON e.id = l.entity_id AND e.code = 'customer'
                WHERE l.system_id = %s AND l.res_model = 'res.partner' AND l.res_id = ANY(%s)""",
            [self.system_id.id, [key for key in ids if key]],
        )
        return {row[0] for row in self.env.cr.fetchall()}

    # -- left out ----------------------------------------------------------------------------------

    @api.depends("line_ids", "date_to", "system_id", "company_id")
    @api.depends_context("lang")
    def _compute_left_html(self):
        """What of the company's documents for this ledger the batch does not send, with the reason."""
        for batch in self:
            # A form that is not saved yet may name what its reader does not see.
            seen = batch.company_id in self.env.companies and batch.system_id
            said = batch._left_out() if seen and batch.state == "open" else []
            batch.left_html = (
                Markup("<ul>%s</ul>") % Markup().join(Markup("<li>%s</li>") % text for text in said)
                if said
                else False
            )

    def _left_out(self):
        """Sentences; the refused ones first."""
        self.env.cr.execute(
            """SELECT m.id, coalesce(v.name, '') FROM hub_message m JOIN hub_entity e ON e.id = m.entity_id
                 JOIN account_move v ON v.id = m.res_id AND v.company_id = %s
                WHERE m.system_id = %s AND m.direction = 'out' AND m.res_model = 'account.move'
                  AND e.code IN ('invoice', 'receipt') AND m.state IN ('failed', 'dead')
                ORDER BY m.id LIMIT %s""",
            [self.company_id.id, self.system_id.id, MOST_TOLD],
        )
        failed = self.env.cr.fetchall()
        # With sudo: the sentences of the documents that this batch is about.
        messages = self.env["hub.message"].sudo().browse(key for key, _number in failed)
        texts = {message.id: message.explanation for message in messages}
        said = [f"{number}: {texts[key]}" for key, number in failed]
        rows = self._held()
        later = [row for row in rows if row["date"] and row["date"] > self.date_to]
        if later:
            said.append(self.env._("Documents of a day after the cut-off: %s.", len(later)))
        new = {row["message_id"] for row in rows} - {row["message_id"] for row in later}
        new -= set(self.line_ids.message_id.ids)
        if new and self.gathered_at:
            said.append(self.env._("Documents that came since: %s. Gather again.", len(new)))
        waiting = self._payments_that_wait()
        if waiting:
            said.append(
                self.env._("Payments of invoices that the ledger does not have yet: %s.", waiting)
            )
        return said

    def _payments_that_wait(self):
        """How many entries of money pay an invoice that is to be sent and was not."""
        if "receipt" not in self.system_id._sent_entities():
            return 0
        self.env.cr.execute(
            """
            SELECT count(DISTINCT c.move_id)
              FROM account_move i
              JOIN account_move_line d ON d.move_id = i.id
              JOIN account_partial_reconcile p ON p.debit_move_id = d.id
              JOIN account_move_line c ON c.id = p.credit_move_id
              JOIN account_move m ON m.id = c.move_id AND m.move_type = 'entry' AND m.state = 'posted'
                                 AND m.date >= %(begin)s
              JOIN account_journal j ON j.id = m.journal_id AND j.type IN ('bank', 'cash', 'credit')
             WHERE i.move_type = 'out_invoice' AND i.state = 'posted' AND i.company_id = %(company)s
               AND i.invoice_date >= %(begin)s
               AND NOT EXISTS (
                   SELECT 1 FROM hub_link l JOIN hub_entity e ON e.id = l.entity_id AND e.code = 'invoice'
                    WHERE l.system_id = %(system)s AND l.res_model = 'account.move' AND l.res_id = i.id)
            """,
            {
                "begin": self.system_id.start_date or self.system_id.create_date.date(),
                "company": self.company_id.id,
                "system": self.system_id.id,
            },
        )
        return self.env.cr.fetchone()[0]

    # -- the clock ---------------------------------------------------------------------------------

    @api.model
    def _clock(self):
        """Gather what is due by its checkpoint's rhythm, once a day; keep what ledgers answered."""
        self._keep_answers()
        for system, company in self._due():
            try:
                with self.env.cr.savepoint():
                    self.with_company(company)._gather_due(system, company)
            except Exception as error:
                _logger.error(
                    "A batch could not be gathered, until the next turn: %s", class_and_place(error)
                )

    @api.model
    def _due(self):
        """``[(system, company)]`` with documents that wait for a batch that is due."""
        self.env.flush_all()
        self.env.cr.execute(
            """
            SELECT DISTINCT a.system_id, a.company_id, c.batch
              FROM hub_approval a JOIN hub_checkpoint c ON c.id = a.checkpoint_id AND c.batch <> 'hand'
              JOIN hub_message m ON m.id = a.message_id AND m.state = 'held'
             WHERE a.state = 'waiting' AND a.company_id IS NOT NULL
             ORDER BY a.system_id, a.company_id
            """
        )
        due = {}
        for system_id, company_id, rhythm in self.env.cr.fetchall():
            company = self.env["res.company"].browse(company_id)
            day = self._day_of(company)
            if (
                rhythm == "day"
                or (rhythm == "week" and day.weekday() == 0)
                or (rhythm == "month" and day.day == 1)
            ):
                due[system_id, company_id] = (self.env["hub.system"].browse(system_id), company)
        return list(due.values())

    @api.model
    def _day_of(self, company):
        """Today, where the company is."""
        return fields.Date.context_today(self.with_context(tz=company._hub_zone()))

    @api.model
    def _gather_due(self, system, company):
        day = self._day_of(company)
        batch = self.search(
            [("system_id", "=", system.id), ("company_id", "=", company.id), ("state", "=", "open")]
        )
        if batch and batch.gathered_at and batch.gathered_at.date() >= day:
            return
        last, made = day - relativedelta(days=1), not batch
        if made:
            batch = self.create({"system_id": system.id, "company_id": company.id, "date_to": last})
        batch.date_to = max(batch.date_to, last)
        batch._gather()
        if made and not batch.line_ids:
            batch.unlink()
        elif batch.line_ids and not batch.activity_ids:
            batch._ask()

    def _ask(self):
        """One activity an approver."""
        gates = self.line_ids._approvals().checkpoint_id
        people = gates.approver_ids | gates.approver_group_id.all_user_ids
        for user in people.filtered(lambda one: one.active and self.company_id in one.company_ids)[
            :MOST_TOLD
        ]:
            self.with_context(lang=user.lang).activity_schedule(
                "mail.mail_activity_data_todo",
                summary=self.with_context(lang=user.lang).env._("Approve the batch: %s", self.name),
                user_id=user.id,
            )

    @api.model
    def _keep_answers(self):
        """Messages are deleted after their time; what became of each document stays with its batch."""
        self.env.cr.execute(
            """UPDATE hub_finance_batch_line l
                  SET kept = jsonb_build_object('state', m.state, 'reason', m.reason, 'params', m.params)
                 FROM hub_message m
                WHERE m.id = l.message_id AND m.state IN ('done', 'skipped', 'failed', 'dead')
                  AND (l.kept IS NULL OR l.kept->>'state' <> m.state OR l.kept->>'reason' IS DISTINCT FROM m.reason)"""
        )
        self.env["hub.finance.batch.line"].invalidate_model(["kept"])
        self.search([("state", "=", "open")])._settle()
