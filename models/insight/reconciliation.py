import json
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError, ValidationError

from ...connectors.errors import ConnectorError
from ...core.keys import fingerprint
from ...core.reconcile import compare, seal
from ..flow.fault import unforeseen

# kind → the model that reads both of its ledgers
LEDGERS = {
    "time": "hub.ledger.time",
    "billing": "hub.ledger.billing",
    "invoice": "hub.ledger.invoice",
    "contract": "hub.ledger.contract",
    "payment": "hub.ledger.payment",
    "books": "hub.ledger.books",
}
KEPT = 2000  # lines that are kept to look at; totals and counts are of all


def _as_kept(detail):
    """The detail of a difference as it comes back from the database."""
    return json.loads(json.dumps(detail))


class HubReconciliation(models.Model):
    """Two ledgers of a company compared over some days: control totals, and every difference with its reason.

    What the source says is read anew each time, by its own listing: what never arrived is seen too.
    """

    _name = "hub.reconciliation"
    _description = "Reconciliation"
    _inherit = ["hub.kept", "mail.thread"]
    _order = "date_to desc, id desc"
    _check_company_auto = True

    kind = fields.Selection(
        [
            ("time", "Approved time: tracker and Odoo"),
            ("billing", "Approved work and what was billed of it"),
            ("invoice", "Billing ledger and invoice lines"),
            ("contract", "Deals won and contracts"),
            ("payment", "Payments: provider and Odoo"),
            ("books", "Invoices: accounting ledger and Odoo"),
        ],
        required=True,
    )
    company_id = fields.Many2one(
        "res.company", required=True, index=True, default=lambda self: self.env.company
    )
    system_id = fields.Many2one("hub.system", string="Held Against", index=True, ondelete="cascade")
    date_from = fields.Date(string="From", required=True)
    date_to = fields.Date(string="Until", required=True)
    state = fields.Selection(
        [
            ("due", "To be compared"),
            ("agreed", "Agrees"),
            ("explained", "Explained"),
            ("different", "Differs"),
            ("failed", "Could not be compared"),
            ("signed", "Signed off"),
        ],
        default="due",
        required=True,
        readonly=True,
        copy=False,
        index=True,
        tracking=True,
    )
    compared_at = fields.Datetime(readonly=True, copy=False)
    agreed_count = fields.Integer(string="Agree", readonly=True, copy=False)
    difference_count = fields.Integer(string="Differ", readonly=True, copy=False)
    unexplained_count = fields.Integer(string="Unexplained", readonly=True, copy=False)
    proved = fields.Boolean(
        readonly=True,
        copy=False,
        help="The differences add up to the difference of the control totals, to the last step.",
    )
    fault = fields.Char(readonly=True, copy=False)
    total_ids = fields.One2many("hub.reconciliation.total", "reconciliation_id", readonly=True)
    line_ids = fields.One2many("hub.reconciliation.line", "reconciliation_id", readonly=True)
    seal = fields.Char(
        readonly=True, copy=False, help="Digest of totals and differences as they were compared."
    )
    signed_by_id = fields.Many2one("res.users", string="Signed Off By", readonly=True, copy=False)
    signed_at = fields.Datetime(readonly=True, copy=False)
    looked_at = fields.Datetime(readonly=True, copy=False)
    changed_at = fields.Datetime(
        string="Changed Since",
        readonly=True,
        copy=False,
        tracking=True,
        help="When it was first seen that the ledgers are no longer what was signed off.",
    )
    sentence = fields.Char(compute="_compute_sentence", string="Result")

    @api.depends("kind", "system_id", "date_from", "date_to")
    @api.depends_context("lang")
    def _compute_display_name(self):
        kinds = dict(self._fields["kind"]._description_selection(self.env))
        for run in self:
            days = " – ".join(dict.fromkeys(map(str, (run.date_from, run.date_to))))
            run.display_name = ", ".join(
                filter(None, (kinds.get(run.kind), run.system_id.name, days))
            )

    @api.constrains("date_from", "date_to", "kind", "system_id")
    def _check_window(self):
        for run in self:
            if run.date_from > run.date_to:
                raise ValidationError(self.env._("The last day lies before the first one."))
            if (run.date_to - run.date_from).days > 400:
                raise ValidationError(self.env._("At most 400 days are compared at once."))
            if not run._ledger()._entity:
                if run.system_id:
                    raise ValidationError(
                        self.env._("Both ledgers are Odoo's own: they are held against no system.")
                    )
                continue
            systems = run._ledger()._systems(run.company_id)
            if run.system_id.id not in systems.ids:
                raise ValidationError(
                    self.env._(
                        "Choose a connected system of %(company)s that lists such records. There are: %(systems)s.",
                        company=run.company_id.name,
                        systems=", ".join(systems.mapped("name")) or self.env._("none"),
                    )
                )

    @api.depends("state", "fault", "difference_count", "unexplained_count", "changed_at")
    @api.depends_context("lang")
    def _compute_sentence(self):
        _ = self.env._
        for run in self:
            if run.state == "due":
                run.sentence = _("It is compared as soon as a worker is free.")
            elif run.state == "failed":
                why = self.env["hub.sentence"]._sentence(run.fault, {"system": run.system_id.name})
                run.sentence = _("It could not be compared. %s", why)
            elif run.changed_at:
                run.sentence = _("The ledgers changed after they were signed off. Compare again.")
            elif run.unexplained_count:
                run.sentence = _(
                    "%(unexplained)s of %(all)s differences have no explanation yet.",
                    unexplained=run.unexplained_count,
                    all=run.difference_count,
                )
            elif run.difference_count:
                run.sentence = _(
                    "All %s differences are explained: nothing is left over.",
                    run.difference_count,
                )
            else:
                run.sentence = _("Both ledgers agree: %s records.", run.agreed_count)

    # -- rights ------------------------------------------------------------------------------------

    def write(self, vals):
        # Mail writes its own fields beside; everything else of a comparison is written by code.
        if not self.env.su and any(
            name in self._fields and name[:8] != "message_" for name in vals
        ):
            raise AccessError(self.env._("A comparison is not edited. Compare again instead."))
        return super().write(vals)

    def _require(self, *groups):
        if not any(self.env.user.has_group(f"lead_to_cash_hub.{group}") for group in groups):
            raise AccessError(
                self.env._("Your rights do not include this. Ask an administrator of the hub.")
            )

    def _ledger(self):
        return self.env[LEDGERS[self.kind]]

    # -- comparing ---------------------------------------------------------------------------------

    @api.model
    def _run(self):
        """Plan the comparisons of the night, make those that are due, look at what was signed. By a cron job."""
        self._plan()
        for run in self.search([("state", "=", "due")], order="id"):
            run._compare()
            if not self.env["ir.cron"]._commit_progress(1):
                return True
        for run in self._to_look_at():
            run._look_again()
            if not self.env["ir.cron"]._commit_progress(1):
                break
        return True

    @api.model
    def _plan(self, today=None):
        """Yesterday, and on the first of a month all of the month before; one of each."""
        today = today or fields.Date.context_today(self)
        windows = [(today - timedelta(days=1),) * 2]
        if today.day == 1:
            last = today - timedelta(days=1)
            windows.append((last.replace(day=1), last))
        wanted = [
            {
                "kind": kind,
                "company_id": company.id,
                "system_id": system.id,
                "date_from": since,
                "date_to": until,
            }
            for company in self.env["res.company"].search([])
            for kind, ledger in LEDGERS.items()
            for system in self._held_against(ledger, company)
            for since, until in windows
        ]
        known = {
            (run.kind, run.company_id.id, run.system_id.id, run.date_from, run.date_to)
            for run in self.search([("date_to", ">=", windows[0][0])])
        }
        # Planned by the scheduler for all companies: nobody's rights are meant.
        return self.sudo().create([vals for vals in wanted if tuple(vals.values()) not in known])

    @api.model
    def _held_against(self, ledger, company):
        """What a kind is compared with in a company: its systems; nothing where it does not concern it."""
        ledger = self.env[ledger]
        if ledger._entity:
            return ledger._systems(company)
        has_contracts = self.env["hub.contract"].search_count(
            [("company_id", "=", company.id)], limit=1
        )
        return [self.env["hub.system"]] if has_contracts else []

    def action_compare(self):
        """Compare now, or again; a listing is long, so a worker of the scheduler reads it."""
        self.check_access("read")
        self._require("group_hub_resolver", "group_hub_billing_approver")
        if any(run.state == "signed" and not run.changed_at for run in self):
            raise UserError(
                self.env._(
                    "It is signed off. Only if the ledgers change since, it is compared again."
                )
            )
        # The state is the engine's to write; who may ask for it was checked above.
        self.sudo().write({"state": "due"})
        self.env.ref("lead_to_cash_hub.cron_reconciliation").sudo()._trigger()
        return True

    def _compare(self):
        """Read both ledgers and store what differs. No business record is locked or written."""
        self.ensure_one()
        run = self.sudo().with_company(self.company_id)
        try:
            result, ledger = run._result()
        except (ConnectorError, UserError) as error:
            run.write({"state": "failed", "fault": getattr(error, "kind", "sign_in")})
            return
        except Exception as error:
            run.write({"state": "failed", "fault": unforeseen(error).kind})
            return
        run._store(result, ledger)

    def _result(self):
        ledger = self._ledger()
        there = ledger._there(self)  # first: reading a product takes long
        return compare(ledger._here(self, there), there, ledger._terms(self)), ledger

    def _store(self, result, ledger):
        accepted = {
            (line.reason, line.key, line.unit): line
            for line in self.line_ids
            if line.accepted_by_id
        }
        kept = result.differences[:KEPT]
        vals_list = self.env["hub.reconciliation.line"]._of(self, ledger, kept)
        for vals in vals_list:
            # What a person explained stays explained, as long as it is the same difference.
            former = accepted.get((vals["reason"], vals["key"], vals["unit"]))
            same = former and former.steps == vals["steps"]
            if same and (former.detail or []) == _as_kept(vals["detail"] or []):
                vals |= {
                    "accepted_by_id": former.accepted_by_id.id,
                    "accepted_at": former.accepted_at,
                    "note": former.note,
                }
        self.line_ids.unlink()
        self.total_ids.unlink()
        self.env["hub.reconciliation.line"].create(vals_list)
        currencies = ledger._currencies()
        self.env["hub.reconciliation.total"].create(
            [
                {
                    "reconciliation_id": self.id,
                    "unit": unit,
                    "currency_id": currencies[unit].id if unit in currencies else False,
                    "here_count": total.here_count,
                    "there_count": total.there_count,
                    "here_steps": str(total.here),
                    "there_steps": str(total.there),
                    "unexplained_steps": "0",
                }
                for unit, total in result.totals.items()
            ]
        )
        self.write(
            {
                "agreed_count": result.agreed,
                "difference_count": len(result.differences),
                "proved": result.proved,
                "seal": seal(result),
                "compared_at": fields.Datetime.now(),
                "fault": False,
                "changed_at": False,
                "signed_by_id": False,
                "signed_at": False,
            }
        )
        self._recount()

    def _recount(self):
        """What is still unexplained, from the lines, and the state that follows from it."""
        self.invalidate_recordset(["line_ids"])
        open_lines = self.line_ids.filtered(lambda line: not line.is_explained)
        left = dict.fromkeys(self.total_ids.mapped("unit"), 0)
        for line in open_lines:
            left[line.unit] = left.get(line.unit, 0) + abs(int(line.steps))
        for total in self.total_ids:
            total.unexplained_steps = str(left[total.unit])
        # What is not kept as a line was looked at by nobody.
        unexplained = len(open_lines) + self.difference_count - len(self.line_ids)
        agreed = "explained" if self.difference_count else "agreed"
        state = "different" if unexplained or not self.proved else agreed
        self.write({"unexplained_count": unexplained, "state": state})
        self._tell()

    def _tell(self):
        """What differs without an explanation is one issue for each company, kind and system, until it does not."""
        cause = fingerprint("reconciliation", self.company_id.id, self.kind, self.system_id.id)
        open_runs = self.search(
            [
                ("company_id", "=", self.company_id.id),
                ("kind", "=", self.kind),
                ("system_id", "=", self.system_id.id),
                "|",
                ("state", "=", "different"),
                ("changed_at", "!=", False),
            ]
        )
        if not open_runs:
            self.env["hub.issue"]._lift([cause])
            return
        process = (
            self.env["hub.stream"]
            .search([("system_id", "=", self.system_id.id), ("process_id", "!=", False)], limit=1)
            .process_id
        )
        self.env["hub.issue"]._stand(
            [
                {
                    "fingerprint": cause,
                    "code": "ledgers_differ",
                    "kind": "data",
                    "params": {
                        "company": self.company_id.name,
                        "count": sum(open_runs.mapped("unexplained_count")),
                        "days": ", ".join(sorted({str(run.date_to) for run in open_runs[:10]})),
                    },
                    "system_id": self.system_id.id or None,
                    "process_id": process.id,
                    "owner_id": process.owner_id.id or self.system_id.owner_id.id,
                    "impact": "high",
                }
            ]
        )
