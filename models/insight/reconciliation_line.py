from decimal import Decimal

from odoo import api, fields, models
from odoo.exceptions import UserError

from ...core.billing import SECONDS_PER_HOUR
from ...core.compare import ON_WAY
from ..flow.request import request_records

LANE = 1
FOUND_BY_ITSELF = ("on_way", "person", "left_out", "kept", "to_bill")


class HubReconciliationTotal(models.Model):
    """Control totals of one currency, or of hours."""

    _name = "hub.reconciliation.total"
    _description = "Control Total"
    _order = "unit"

    reconciliation_id = fields.Many2one(
        "hub.reconciliation", required=True, readonly=True, ondelete="cascade", index=True
    )
    unit = fields.Char(readonly=True, required=True)
    name = fields.Char(compute="_compute_amounts", string="Control Total")
    currency_id = fields.Many2one("res.currency", readonly=True)
    here_count = fields.Integer(string="Records in Odoo", readonly=True)
    there_count = fields.Integer(string="Records There", readonly=True)
    # Whole steps: nothing is rounded on the way.
    here_steps = fields.Char(readonly=True, required=True)
    there_steps = fields.Char(readonly=True, required=True)
    unexplained_steps = fields.Char(readonly=True, required=True)
    here = fields.Char(compute="_compute_amounts", string="In Odoo")
    there = fields.Char(compute="_compute_amounts")
    difference = fields.Char(compute="_compute_amounts")
    unexplained = fields.Char(compute="_compute_amounts")

    @api.depends("unit", "here_steps", "there_steps", "unexplained_steps")
    @api.depends_context("lang")
    def _compute_amounts(self):
        Line = self.env["hub.reconciliation.line"]
        for total in self:
            total.name = self.env._("Hours") if total.unit == "h" else total.unit
            here, there = int(total.here_steps or 0), int(total.there_steps or 0)
            for name, steps in (
                ("here", here),
                ("there", there),
                ("difference", here - there),
                ("unexplained", int(total.unexplained_steps or 0)),
            ):
                total[name] = Line._shown(steps, total.unit, total.currency_id)


class HubReconciliationLine(models.Model):
    """One difference between two ledgers, with its reason, what is known of its cause, and who accepted it."""

    _name = "hub.reconciliation.line"
    _description = "Difference"
    _order = "is_explained, sequence, id"

    reconciliation_id = fields.Many2one(
        "hub.reconciliation", required=True, readonly=True, ondelete="cascade", index=True
    )
    company_id = fields.Many2one(related="reconciliation_id.company_id", store=True, index=True)
    sequence = fields.Integer(readonly=True)
    reason = fields.Selection(
        [
            ("missing_here", "Missing in Odoo"),
            ("missing_there", "Missing there"),
            ("duplicate_here", "Twice in Odoo"),
            ("duplicate_there", "Twice there"),
            ("reference", "Another reference"),
            ("currency", "Another currency"),
            ("amount", "Another amount"),
            ("part", "Another tax or fee"),
            ("rounding", "Rounding"),
            ("period", "Another period"),
            ("date", "Another day"),
            ("status", "Another state"),
        ],
        required=True,
        readonly=True,
    )
    key = fields.Char(string="Record There", readonly=True)
    reference = fields.Char(readonly=True)
    day = fields.Char(readonly=True)
    unit = fields.Char(readonly=True)
    currency_id = fields.Many2one("res.currency", readonly=True)
    steps = fields.Char(readonly=True, required=True)
    here_steps = fields.Char(readonly=True)
    there_steps = fields.Char(readonly=True)
    detail = fields.Json(readonly=True)
    here = fields.Char(compute="_compute_amounts", string="In Odoo")
    there = fields.Char(compute="_compute_amounts")
    difference = fields.Char(compute="_compute_amounts")
    res_model = fields.Char(readonly=True)
    res_id = fields.Many2oneReference(model_field="res_model", readonly=True)
    message_id = fields.Many2one(
        "hub.message", readonly=True, ondelete="set null", index="btree_not_null"
    )
    cause = fields.Selection(
        [
            ("on_way", "On its way"),
            ("person", "Before a person"),
            ("left_out", "Left out with a reason"),
            ("kept", "Kept as it is in Odoo"),
            ("to_bill", "Waits for its invoice"),
        ],
        readonly=True,
    )
    accepted_by_id = fields.Many2one("res.users", readonly=True)
    accepted_at = fields.Datetime(readonly=True)
    note = fields.Char(readonly=True, string="Explanation")
    is_explained = fields.Boolean(compute="_compute_is_explained", store=True, string="Explained")
    sentence = fields.Char(compute="_compute_sentence", string="What Is Known")

    @api.depends("reason", "cause", "accepted_by_id")
    def _compute_is_explained(self):
        for line in self:
            line.is_explained = bool(line.reason == "rounding" or line.cause or line.accepted_by_id)

    @api.depends("unit", "steps", "here_steps", "there_steps")
    @api.depends_context("lang")
    def _compute_amounts(self):
        for line in self:
            for name, steps in (
                ("here", line.here_steps),
                ("there", line.there_steps),
                ("difference", line.steps),
            ):
                line[name] = steps and self._shown(int(steps), line.unit, line.currency_id)

    @api.depends("reason", "cause", "note", "message_id", "detail")
    @api.depends_context("lang")
    def _compute_sentence(self):
        _ = self.env._
        for line in self:
            if line.accepted_by_id:
                text = _("%(who)s: %(note)s", who=line.accepted_by_id.name, note=line.note)
            elif line.cause in ("person", "left_out"):
                # Readers of the reconciliation see what the message says only if they may see the message.
                message = line.message_id._filtered_access("read")
                text = message.explanation or line._why()
            elif line.cause:
                text = line._why()
            elif line.reason in ("period", "date", "status", "part", "reference") and line.detail:
                here, there = line.detail[:2]
                if line.reason == "part":
                    here, there = (
                        self._shown(steps, line.unit, line.currency_id) for steps in (here, there)
                    )
                text = _("In Odoo %(here)s, there %(there)s.", here=here, there=there)
            elif line.reconciliation_id._ledger()._sent_id(line.key):
                text = _("It was never sent there, or its message is gone. “Ask Again” sends it.")
            elif line.key.startswith("odoo:"):
                text = _("Entered by hand in Odoo: nothing there stands for it.")
            else:
                text = line._why()
            line.sentence = text

    def _why(self):
        _ = self.env._
        return {
            "on_way": _("It was received and is not finished yet."),
            "person": _("A person has to decide about it."),
            "left_out": _("It was left out with a reason."),
            "kept": _("A rule of ownership, or a person, kept Odoo's value."),
            "to_bill": _("Approved, and not on an invoice yet."),
            "missing_here": _("It never arrived. “Ask Again” fetches it."),
            "missing_there": _(
                "The other side does not list it: deleted there, or another account."
            ),
            "duplicate_here": _("The same record stands twice in Odoo."),
            "duplicate_there": _("The other side lists the same record twice."),
            "currency": _("Both sides name another currency."),
            "amount": _("The amounts differ, and no message tells why."),
            "rounding": _("A difference of rounding."),
        }.get(self.cause or self.reason, "")

    @api.model
    def _shown(self, steps, unit, currency):
        """An amount for reading: ``1,250.00 USD`` or ``31.50 h``."""
        if unit == "h":
            hours = (Decimal(steps) / SECONDS_PER_HOUR).quantize(Decimal("0.0001"))
            return self.env._("%s h", f"{hours:,.4f}".rstrip("0").rstrip("."))
        digits = currency.decimal_places if currency else 2
        amount = Decimal(steps) * Decimal(str(currency.rounding or 0.01) if currency else "0.01")
        return f"{amount:,.{digits}f} {unit}"

    # -- what a comparison found -------------------------------------------------------------------

    @api.model
    def _of(self, run, ledger, differences):
        """Values of the lines of a comparison. One query for the records behind them, one for their messages.

        :return: list of values, in the order of ``differences``.
        """
        entries = [d.here for d in differences if d.here]
        records = ledger._records(run, entries) if entries else {}
        sources = {d.key: ledger._source_id(d.key) for d in differences}
        messages = self._last_messages(run, {pair for pair in sources.values() if pair})
        sent = self._last_sent(run, ledger, [d.key for d in differences])
        currencies = ledger._currencies()
        result = []
        for number, one in enumerate(differences):
            entry = one.here or one.there
            model, res_id = records.get(one.key, (False, False))
            message, cause = sent.get(one.key) or messages.get(sources[one.key], (False, False))
            result.append(
                {
                    "reconciliation_id": run.id,
                    "sequence": number,
                    "reason": one.reason,
                    "key": one.key,
                    "reference": entry.reference,
                    "day": entry.day,
                    "unit": one.unit,
                    "currency_id": currencies[one.unit].id if one.unit in currencies else False,
                    "steps": str(one.amount),
                    "here_steps": str(one.here.amount) if one.here else False,
                    "there_steps": str(one.there.amount) if one.there else False,
                    "detail": list(one.detail) or False,
                    "res_model": model,
                    "res_id": res_id,
                    "message_id": message,
                    "cause": ledger._own_cause(one) or cause,
                }
            )
        return result

    @api.model
    def _last_messages(self, run, sources):
        """The last message about each record of the source, and the cause that its state is.

        :param sources: ``{(entity code, external id)}``.
        :return: ``{(entity code, external id): (message id, cause or False)}``.
        """
        if not sources:
            return {}
        codes, ids = zip(*sorted(sources), strict=True)
        self.env.cr.execute(
            """
            SELECT u.code, u.key, m.id, m.state, m.reason, m.params -> 'kept' IS NOT NULL
              FROM unnest(%s::varchar[], %s::varchar[]) u(code, key)
              JOIN hub_entity e ON e.code = u.code
              JOIN LATERAL (
                    SELECT id, state, reason, params FROM hub_message
                     WHERE external_id = u.key AND system_id = %s AND entity_id = e.id AND direction = 'in'
                     ORDER BY id DESC LIMIT 1) m ON TRUE
            """,
            [list(codes), list(ids), run.system_id.id],
        )
        return {
            (code, key): (message, self._cause_of(state, reason, kept))
            for code, key, message, state, reason, kept in self.env.cr.fetchall()
        }

    @api.model
    def _last_sent(self, run, ledger, keys):
        """The last message to the other side about each record that it should have got; as :meth:`_last_messages`."""
        ids = {res_id: key for key in keys if (res_id := ledger._sent_id(key))}
        if not ids:
            return {}
        self.env.cr.execute(
            """SELECT DISTINCT ON (res_id) res_id, id, state, reason FROM hub_message
                WHERE res_model = %s AND res_id = ANY(%s) AND system_id = %s AND direction = 'out'
                ORDER BY res_id, id DESC""",
            [ledger._sends, list(ids), run.system_id.id],
        )
        return {
            ids[res_id]: (message, self._cause_of(state, reason, False))
            for res_id, message, state, reason in self.env.cr.fetchall()
        }

    @api.model
    def _cause_of(self, state, reason, kept):
        if state in ON_WAY:
            return "on_way"
        if state in ("failed", "dead"):
            return "person"
        if kept or reason == "kept":
            return "kept"
        if state == "skipped" and reason not in ("unchanged", "stale", "superseded", "no_stream"):
            return "left_out"
        return False

    # -- what a person does ------------------------------------------------------------------------

    def action_open(self):
        """The Odoo record, else the message."""
        self.ensure_one()
        model, res_id = self.res_model, self.res_id
        if not model and self.message_id:
            model, res_id = "hub.message", self.message_id.id
        if not model:
            raise UserError(self.env._("Odoo has no record of it. “Ask Again” fetches it."))
        return {
            "type": "ir.actions.act_window",
            "res_model": model,
            "res_id": res_id,
            "views": [[False, "form"]],
        }

    def action_ask_again(self):
        """Fetch what is missing or differs, and apply it like everything that arrives; what never went out is sent."""
        self.check_access("read")
        self.env["hub.message"]._require_resolver()
        Entity = self.env["hub.entity"]
        entities = {entity.code: entity.id for entity in Entity.search([])}
        for run, lines in self.grouped("reconciliation_id").items():
            ledger = run._ledger()
            sources = filter(None, (ledger._source_id(line.key) for line in lines))
            wanted = [
                (entities[code], code, key, LANE) for code, key in sources if code in entities
            ]
            sent = list(filter(None, (ledger._sent_id(line.key) for line in lines)))
            if sent:
                self.env["hub.compose"]._mark_all(ledger._sends, sent)
            if not wanted and not sent:
                raise UserError(
                    self.env._("Both ledgers are Odoo's own: there is nothing to fetch.")
                )
            if wanted:
                request_records(self.env.cr, run.system_id.id, wanted)
        self.env["hub.engine"]._wake_after_commit()
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "success",
                "message": self.env._("Asked for. Compare again when it has arrived."),
            },
        }

    def action_accept(self):
        """Open the form that asks why a difference is right as it is."""
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Explain"),
            "res_model": "hub.reconciliation.accept",
            "views": [[False, "form"]],
            "target": "new",
            "context": {"default_line_ids": self.ids},
        }

    def _accept(self, note):
        """A person explains differences; the note is kept with name and time."""
        self.check_access("read")
        self.env["hub.message"]._require_resolver()
        runs = self.reconciliation_id
        if any(run.state == "signed" for run in runs):
            raise UserError(self.env._("It is signed off."))
        # Written by code: rights were checked above, and nobody may edit a comparison by hand.
        self.sudo().write(
            {
                "accepted_by_id": self.env.uid,
                "accepted_at": fields.Datetime.now(),
                "note": note,
            }
        )
        for run in runs.sudo():
            run._recount()
