import ast
import json

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.fields import Domain

STATES = [
    ("draft", "New"),
    ("planned", "Planned"),
    ("running", "Running"),
    ("done", "Finished"),
    ("cancelled", "Cancelled"),
]


class HubReplay(models.Model):
    """A run of replay: which messages are tried again, who wanted it and why, and what came of it.

    The plan (``replay_plan.py``) decides what is done with each message and keeps it as a line; the run
    (``replay_run.py``) brings these lines back into the flow, and the engine does the rest.
    """

    _name = "hub.replay"
    _description = "Replay"
    _inherit = ["hub.kept"]
    _order = "id desc"
    _rec_name = "why"

    why = fields.Char(string="Reason", help="Kept with the run and with each message.")
    domain = fields.Char(string="Filter", default="[('state', 'in', ('failed', 'dead'))]")
    chosen = fields.Boolean(
        readonly=True, copy=False, help="Whether single messages were chosen, instead of a filter."
    )
    issue_id = fields.Many2one("hub.issue", readonly=True, copy=False, ondelete="set null")
    company_ids = fields.Many2many(
        "res.company",
        readonly=True,
        copy=False,
        help="What the planner could see; who sees less sees no figures.",
    )
    state = fields.Selection(STATES, default="draft", readonly=True, copy=False, required=True)
    planned_at = fields.Datetime(readonly=True, copy=False)
    started_at = fields.Datetime(readonly=True, copy=False)
    started_by = fields.Many2one("res.users", readonly=True, copy=False, ondelete="restrict")
    ended_at = fields.Datetime(readonly=True, copy=False)
    cancelled_by = fields.Many2one("res.users", readonly=True, copy=False, ondelete="restrict")
    after_id = fields.Integer(
        readonly=True, copy=False
    )  # messages above it were composed because of this run
    line_ids = fields.One2many("hub.replay.line", "replay_id", readonly=True, copy=False)

    @api.depends("why", "create_date")
    def _compute_display_name(self):
        for replay in self:
            replay.display_name = replay.why or self.env._("Replay %s", replay.id or "")

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            self._refuse_readonly(vals)
        replays = super().create(vals_list)
        for replay in replays:
            replay._keep({"company_ids": self.env.companies.ids})
        return replays

    def write(self, vals):
        """Another filter needs another plan; a run that was started is evidence."""
        self._refuse_readonly(vals)
        if any(replay.state not in ("draft", "planned") for replay in self):
            raise UserError(
                self.env._("This replay was started; it is kept as it is. Make a new one.")
            )
        result = super().write(vals)
        if "domain" in vals:
            for replay in self.filtered(lambda r: r.state == "planned"):
                replay._forget_plan()
        return result

    def unlink(self):
        if any(replay.state not in ("draft", "planned") for replay in self):
            raise UserError(
                self.env._("A replay that was started is kept: it says who did it and why.")
            )
        return super().unlink()

    def _refuse_readonly(self, vals):
        if not self.env.su and any(
            self._fields[name].readonly for name in vals if name in self._fields
        ):
            raise AccessError(self.env._("A replay is planned and started with its buttons."))

    def _keep(self, vals):
        """Write what only these methods decide; the user's own right to this replay was checked."""
        self.check_access("write")
        return super(HubReplay, self.sudo()).write(vals)

    # -- made from -----------------------------------------------------------------------------------

    @api.model
    def _of(self, messages, why=None, issue=None):
        """A planned replay of single messages.

        :param messages: ``hub.message`` records; others than readable ones are never taken.
        """
        messages._require_resolver()
        replay = self.create({"domain": repr([("id", "in", messages.ids)]), "why": why})
        replay._keep({"chosen": True, "issue_id": issue.id if issue else False})
        replay._make_plan()
        return replay

    def _open(self):
        """The action that shows this replay."""
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Replay"),
            "res_model": "hub.replay",
            "res_id": self.id,
            "views": [[False, "form"]],
        }

    def _messages_query(self):
        """The messages that the filter names and the user may read, as a query."""
        try:
            domain = Domain(ast.literal_eval(self.domain or "[]"))
            return self.env["hub.message"]._search(domain)
        except (ValueError, SyntaxError, TypeError, KeyError) as error:
            raise UserError(self.env._("The filter cannot be read: %s", error)) from error

    # -- buttons -------------------------------------------------------------------------------------

    def action_plan(self):
        """Work out what a start would do."""
        self.ensure_one()
        self.env["hub.message"]._require_resolver()
        self.check_access("write")
        if self.state not in ("draft", "planned"):
            raise UserError(
                self.env._("This replay was started; it is kept as it is. Make a new one.")
            )
        self._make_plan()
        return True

    def action_start(self):
        """Bring the planned messages back into the flow."""
        self.ensure_one()
        self.env["hub.message"]._require_resolver()
        self.check_access("write")
        if self.state != "planned":
            raise UserError(self.env._("Make the plan first; it says what a start would do."))
        if not (self.why or "").strip():
            raise UserError(self.env._("Give a reason; it is kept with the messages."))
        self._start()
        return True

    def action_cancel(self):
        """Give back what was not tried yet, as it was before."""
        self.ensure_one()
        self.env["hub.message"]._require_resolver()
        self.check_access("write")
        if self.state != "running":
            raise UserError(self.env._("Only a running replay can be cancelled."))
        self._cancel()
        return True

    def action_refresh(self):
        """Look how far it is; a run whose messages all came to an end is finished."""
        self.check_access("read")
        self._settle()
        self.invalidate_recordset()
        return True

    def action_view_lines(self):
        """Open the single records of this run."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Records of this Replay"),
            "res_model": "hub.replay.line",
            "views": [[False, "list"]],
            "domain": [("replay_id", "=", self.id)],
            "context": {
                "search_default_group_verdict": self.state == "planned",
                "search_default_group_outcome": self.state != "planned",
            },
        }

    def _log(self, action, values):
        self.env["hub.audit"]._append(
            [
                {
                    "action": action,
                    "res_model": self._name,
                    "res_id": self.id,
                    "company_id": self.company_ids.id if len(self.company_ids) == 1 else None,
                    "values": json.loads(json.dumps(values, default=str)),
                }
            ]
        )
