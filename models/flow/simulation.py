import json
import time

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools import SQL

from .simulate import packs, simulate

STEP_SECONDS = 2.0  # of work in one step, that is in one request of the page
MOST_MESSAGES = 20_000
MOST_SLICE = 1000
DEPTH = 6  # records that wait for records that wait …
LEFT_OUT = ("out", "fetch")


class HubSimulation(models.Model):
    """What would happen to messages if they were applied now: everything is done in a transaction that
    is rolled back, and only this report stays."""

    _name = "hub.simulation"
    _description = "Simulation"
    _order = "id desc"

    name = fields.Char(compute="_compute_name")
    replay_id = fields.Many2one("hub.replay", readonly=True, ondelete="set null")
    anew = fields.Boolean(
        readonly=True,
        string="Look at Everything Anew",
        help="Also what was applied already, as a changed configuration would do it.",
    )
    company_ids = fields.Many2many(
        "res.company", readonly=True, help="What the user could see; who sees less sees no figures."
    )
    state = fields.Selection(
        [
            ("running", "Running"),
            ("done", "Finished"),
            ("cancelled", "Cancelled"),
        ],
        default="running",
        readonly=True,
        required=True,
    )
    started_at = fields.Datetime(readonly=True, default=fields.Datetime.now)
    ended_at = fields.Datetime(readonly=True)
    user_id = fields.Many2one(
        "res.users",
        readonly=True,
        default=lambda self: self.env.user,
        ondelete="restrict",
        string="By",
    )
    further_count = fields.Integer(
        readonly=True,
        string="Further Messages",
        help="Older messages of the same choice, which are not looked at.",
    )
    slice_size = fields.Integer(readonly=True, default=20)
    message_ids = fields.One2many("hub.simulation.message", "simulation_id", readonly=True)
    line_ids = fields.One2many("hub.simulation.line", "simulation_id", readonly=True)

    @api.depends("user_id", "started_at")
    def _compute_name(self):
        for simulation in self:
            simulation.name = self.env._("Simulation %s", simulation.id or "")

    def write(self, vals):
        raise UserError(self.env._("A simulation says what it saw; it is not edited."))

    @api.model_create_multi
    def create(self, vals_list):
        if not self.env.su:
            raise AccessError(
                self.env._("Simulate messages, an issue or a replay with their buttons.")
            )
        return super().create(vals_list)

    def _keep(self, vals):
        # With sudo: reports are written by these methods only, which have asked for the right.
        return super(HubSimulation, self.sudo()).write(vals)

    # -- made from -----------------------------------------------------------------------------------

    @api.model
    def _of(self, messages_query, *, replay=None, anew=False, sends=False):
        """A simulation that has not begun yet.

        :param messages_query: ``Query`` of ``hub.message``, of what the user may read.
        :param sends: look at outgoing ones too: what their records would be sent.
        """
        self.env["hub.message"]._require_resolver()
        # With sudo: see _keep.
        simulation = self.sudo().create(
            {
                "replay_id": replay.id if replay else False,
                "anew": anew,
                "company_ids": [fields.Command.set(self.env.companies.ids)],
                "user_id": self.env.uid,
            }
        )
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO hub_simulation_message (simulation_id, message_id, order_key, place, former_state, outcome)
                SELECT %(simulation)s, m.id, m.order_key, coalesce(e.sequence, 0), m.state,
                       CASE WHEN m.direction = 'out' THEN CASE WHEN NOT %(sends)s THEN 'out' END
                            WHEN m.payload_id IS NULL OR m.kind = 'notice' THEN 'fetch'
                            WHEN m.entity_id IS NULL OR m.action = 'ignored' THEN 'skipped' END
                  FROM hub_message m LEFT JOIN hub_entity e ON e.id = m.entity_id
                 WHERE m.id IN %(messages)s
                 ORDER BY m.id DESC LIMIT %(most)s
                """,
                simulation=simulation.id,
                sends=sends,
                messages=messages_query.subselect(),
                most=MOST_MESSAGES,
            )
        )
        if self.env.cr.rowcount == MOST_MESSAGES:
            chosen = messages_query.subselect()
            self.env.cr.execute(SQL("SELECT count(*) FROM hub_message WHERE id IN %s", chosen))
            simulation._keep({"further_count": self.env.cr.fetchone()[0] - MOST_MESSAGES})
        return simulation.sudo(False)

    def _open(self):
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Simulation"),
            "res_model": "hub.simulation",
            "res_id": self.id,
            "views": [[False, "form"]],
        }

    def _override(self):
        """A function that puts a draft configuration in force inside the transaction, or None."""
        return None

    # -- run -----------------------------------------------------------------------------------------

    def action_step(self):
        """Go on for some seconds; the page calls it until the simulation is finished."""
        self.ensure_one()
        self.env["hub.message"]._require_resolver()
        self.check_access("read")
        if self.user_id == self.env.user:  # with the rights of who began it
            self._step()
        return True

    def action_cancel(self):
        """Stop; what was seen so far stays."""
        self.ensure_one()
        self.env["hub.message"]._require_resolver()
        self.check_access("read")
        if self.state == "running":
            self._keep({"state": "cancelled", "ended_at": fields.Datetime.now()})
        return True

    def _run(self, override=None):
        """Go on until it is finished.

        :param override: see :func:`~.simulate.simulate`.
        """
        while self.state == "running":
            self._step(override=override)
        return self

    def _step(self, seconds=STEP_SECONDS, override=None):
        """Simulate slices for some seconds. What is done is kept with the report, so that a page which
        was closed can go on."""
        if self.state != "running":
            return
        override = override or self._override()
        self.env.flush_all()
        started = time.monotonic()
        size = self.slice_size
        while time.monotonic() - started < seconds:
            ids, given, needs = self._next(size)
            if not ids:
                self._finish()
                break
            began = time.monotonic()
            outcome = simulate(self.env, ids, given=given, override=override, anew=self.anew)
            if override:
                # What today's configuration would do as well is no effect of the draft.
                outcome.beside(simulate(self.env, ids, given=given, anew=self.anew))
            self._store(ids, outcome, needs)
            spent = max(time.monotonic() - began, 0.001)
            size = max(1, min(MOST_SLICE, 8 * size, int(size * seconds / spent)))
        self._keep({"slice_size": size})
        self.env["hub.simulation.message"].invalidate_model()
        self.env["hub.simulation.line"].invalidate_model()
        self.invalidate_recordset()

    def _next(self, size):
        """The next slice: ``(message ids, ids of what some wait for, {message id: order keys of those})``.

        What waits is looked at together with what it waits for, many at a time, each with its own.
        """
        cr = self.env.cr
        cr.execute(
            """SELECT message_id FROM hub_simulation_message WHERE simulation_id = %s AND outcome IS NULL
                ORDER BY place, message_id LIMIT %s""",
            [self.id, size],
        )
        ids = [row[0] for row in cr.fetchall()]
        if ids:
            return ids, (), {}
        cr.execute(
            """SELECT message_id, wait_key, coalesce(needs, '{}') FROM hub_simulation_message
                WHERE simulation_id = %s AND outcome = 'waiting' AND coalesce(cardinality(needs), 0) < %s
                ORDER BY place, message_id""",
            [self.id, DEPTH],
        )
        waiting = cr.fetchall()
        if not waiting:
            return [], (), {}
        cr.execute(
            """SELECT order_key, array_agg(message_id) FROM hub_simulation_message
                WHERE simulation_id = %s AND NOT outcome = ANY(%s) GROUP BY order_key""",
            [self.id, list(LEFT_OUT)],
        )
        keys = dict(cr.fetchall())
        needs, given = {}, {}
        for wanted, found in packs(waiting, keys).items():
            found = found[: size - len(needs)]
            first = [m for key in wanted for m in keys[key] if m not in found]
            if first:
                needs |= dict.fromkeys(found, wanted)
                given |= dict.fromkeys(first)
            if len(needs) >= size:
                break
        return list(needs), [m for m in given if m not in needs], needs

    def _store(self, ids, outcome, needs):
        cr = self.env.cr
        rows = [(message_id, outcome.messages[message_id]) for message_id in ids]
        cr.execute(
            """
            UPDATE hub_simulation_message s
               SET outcome = u.outcome, reason = u.reason, params = u.params, wait_key = u.wait_key,
                   amount_company = u.amount, currency_id = u.currency, company_id = u.company,
                   needs = u.needs::bigint[], today = u.today
              FROM unnest(%s::varchar[], %s::int[], %s::varchar[], %s::varchar[], %s::jsonb[], %s::bigint[],
                          %s::numeric[], %s::int[], %s::int[], %s::varchar[])
                   u(needs, id, outcome, reason, params, wait_key, amount, currency, company, today)
             WHERE s.simulation_id = %s AND s.message_id = u.id
            """,
            [
                [_array(needs.get(message_id, ())) for message_id, _row in rows],
                [message_id for message_id, _row in rows],
                [_outcome(row) for _id, row in rows],
                [row["reason"] for _id, row in rows],
                [json.dumps(row["params"]) if row["params"] else None for _id, row in rows],
                [row["wait_key"] for _id, row in rows],
                [row["amount"] for _id, row in rows],
                [row["currency_id"] for _id, row in rows],
                [row["company_id"] for _id, row in rows],
                [_outcome(row["today"]) if row.get("today") else None for _id, row in rows],
                self.id,
            ],
        )
        self.env["hub.simulation.line"]._append(self.id, outcome.changes)

    def _streams(self):
        """Streams of the messages of the simulation; one query, however many these are."""
        self.env.cr.execute(
            """SELECT DISTINCT m.stream_id FROM hub_simulation_message s JOIN hub_message m ON m.id = s.message_id
                WHERE s.simulation_id = ANY(%s) AND m.stream_id IS NOT NULL""",
            [self.ids],
        )
        return self.env["hub.stream"].browse([row[0] for row in self.env.cr.fetchall()])

    def _finish(self):
        self._keep({"state": "done", "ended_at": fields.Datetime.now()})

    def unlink(self):
        self.env["hub.message"]._require_resolver()
        return super().unlink()


def _array(numbers):
    """Numbers as the text of an array of PostgreSQL: arrays of unlike length are no array of arrays."""
    return f"{{{','.join(map(str, numbers))}}}"


def _outcome(row):
    """done, unchanged, skipped, waiting, held, retry, failed, locked, sent or unsent."""
    if row["state"] in ("failed", "dead"):
        return "failed"
    if row["state"] == "skipped" and row["reason"] == "unchanged":
        return "unchanged"
    return "retry" if row["state"] == "pending" else row["state"]
