from datetime import timedelta

from odoo import SUPERUSER_ID, api, fields, models

from .cursors import short_cursor
from .rests import Busy

BATCH = 50
MOST = 2000  # messages of one report
DAYS = 7


class HubShadow(models.AbstractModel):
    """Processes in shadow: what comes in is applied in transactions that are rolled back, and told."""

    _name = "hub.shadow"
    _description = "Processes in Shadow"

    def _slice(self):
        """Try the next messages of one process in shadow.

        One worker at a time: what it tries leaves no trace that another one would see.

        :return: number of messages that were tried.
        """
        with short_cursor(self.env) as lock:
            lock.execute(
                "SELECT id FROM hub_process WHERE mode = 'shadow' AND NOT coalesce(paused, FALSE)"
            )
            processes = [row[0] for row in lock.fetchall()]
            if not processes:
                return 0
            lock.execute("SELECT pg_try_advisory_xact_lock(hashtext('hub.shadow'))")
            if not lock.fetchone()[0]:
                raise Busy(1.0)
            for process_id in processes:
                ids = self._due(lock, process_id)
                if ids:
                    self._try(process_id, ids)
                    return len(ids)
        return 0

    def _due(self, cr, process_id):
        cr.execute(
            """
            SELECT m.id FROM hub_message m
              JOIN hub_stream s ON s.id = m.stream_id AND s.direction = 'in' AND NOT coalesce(s.paused, FALSE)
              JOIN hub_entity e ON e.id = m.entity_id
              JOIN hub_system y ON y.id = m.system_id AND NOT coalesce(y.paused, FALSE)
             WHERE s.process_id = %s AND m.state = 'pending' AND m.direction = 'in'
               AND m.next_attempt_at <= clock_timestamp() AT TIME ZONE 'UTC'
             ORDER BY e.sequence, m.id LIMIT %s
            """,
            [process_id, BATCH],
        )
        return [row[0] for row in cr.fetchall()]

    def _try(self, process_id, ids):
        with self.env.registry.cursor() as cr:
            env = api.Environment(cr, SUPERUSER_ID, {})
            simulation = self._report(env, process_id)
            simulation._look_at(ids)
            simulation._run()
            self._store(cr, simulation, ids)

    def _report(self, env, process_id):
        """The running report of a process: of what came before, later messages may need the outcome."""
        since = fields.Datetime.now() - timedelta(days=DAYS)
        simulations = env["hub.simulation"]
        last = simulations.search(
            [("process_id", "=", process_id), ("started_at", ">", since)], limit=1
        )
        if last and len(last.message_ids) < MOST:
            return last
        process = env["hub.process"].browse(process_id)
        systems = process.stream_ids.system_id
        return simulations.create(
            {
                "process_id": process_id,
                "company_ids": [fields.Command.set(systems.company_ids.ids)],
                "user_id": systems[:1].user_id.id or SUPERUSER_ID,
                "anew": True,
            }
        )

    def _store(self, cr, simulation, ids):
        """Each message says what would have become of it, and can be replayed when the process is live."""
        cr.execute(
            """
            UPDATE hub_message m
               SET state = 'skipped', reason = 'shadow', done_at = clock_timestamp() AT TIME ZONE 'UTC',
                   params = jsonb_build_object('outcome', s.outcome, 'reason', s.reason, 'then', s.params)
              FROM hub_simulation_message s
             WHERE s.simulation_id = %s AND s.message_id = m.id AND m.id = ANY(%s) AND m.state = 'pending'
               AND s.outcome NOT IN ('locked', 'retry')
            """,
            [simulation.id, ids],
        )
        cr.execute(
            """UPDATE hub_message SET next_attempt_at = clock_timestamp() AT TIME ZONE 'UTC' + interval '1 minute'
                WHERE id = ANY(%s) AND state = 'pending'""",
            [ids],
        )
        # What could not be told is tried again.
        cr.execute(
            """DELETE FROM hub_simulation_message
                WHERE simulation_id = %s AND message_id = ANY(%s) AND outcome IN ('locked', 'retry')""",
            [simulation.id, ids],
        )


class HubSimulation(models.Model):
    _inherit = "hub.simulation"

    process_id = fields.Many2one(
        "hub.process", readonly=True, ondelete="cascade", index="btree_not_null", string="In Shadow"
    )

    @api.depends("process_id")
    def _compute_name(self):
        result = super()._compute_name()
        for simulation in self.filtered("process_id"):
            simulation.name = self.env._(
                "%(process)s in shadow", process=simulation.sudo().process_id.name
            )
        return result

    def _look_at(self, message_ids):
        """Take further messages into a report of a process in shadow, with earlier ones that they wait for."""
        self._keep({"state": "running", "ended_at": False})
        self.env.cr.execute(
            """
            INSERT INTO hub_simulation_message (simulation_id, message_id, order_key, place, former_state, outcome)
            SELECT %(simulation)s, m.id, m.order_key, coalesce(e.sequence, 0), m.state,
                   CASE WHEN m.entity_id IS NULL OR m.action = 'ignored' THEN 'skipped'
                        WHEN m.payload_id IS NULL THEN 'fetch' END
              FROM hub_message m LEFT JOIN hub_entity e ON e.id = m.entity_id
             WHERE m.id = ANY(%(ids)s)
             ORDER BY m.id
            """,
            {"simulation": self.id, "ids": list(message_ids)},
        )


class HubMessage(models.Model):
    _inherit = "hub.message"

    shadow_id = fields.Many2one(
        "hub.simulation", compute="_compute_shadow_id", string="What It Would Have Done"
    )

    def _compute_shadow_id(self):
        """The report of a message that a process in shadow has tried."""
        tried = self.filtered(lambda m: m.reason == "shadow" and m.direction == "in")
        rows = self.env["hub.simulation.message"].search(
            [("message_id", "in", tried.ids), ("simulation_id.process_id", "!=", False)], order="id"
        )
        by_message = {row.message_id.id: row.simulation_id for row in rows}
        for message in self:
            message.shadow_id = by_message.get(message.id, False)

    def action_open_shadow(self):
        self.ensure_one()
        return self.shadow_id._open()


class HubSentence(models.AbstractModel):
    _inherit = "hub.sentence"

    def _known(self, params):
        known = super()._known(params)
        p = params or {}
        if p.get("outcome"):
            # What would have become of it, in its own sentence.
            what, advice = known.get(p.get("reason")) or ("", "")
            if p.get("then"):
                what = self._sentence(p.get("reason"), p["then"])
                advice = self._advice(p.get("reason"), p["then"])
            labels = dict(
                self.env["hub.simulation.message"]
                ._fields["outcome"]
                ._description_selection(self.env)
            )
            label = labels.get(p["outcome"], p["outcome"])
            text = f"{label}. {what}" if what and p["outcome"] != "done" else f"{label}."
        else:
            text, advice = self.env._("It would have been sent."), ""
        process = self.env["hub.process"].sudo().browse(p.get("process") or ()).exists()  # a name
        return known | {
            "shadow": (
                self.env._("The process is in shadow, nothing was written. %s", text),
                advice or self.env._("Set the process live, then replay what it left out."),
            ),
            "out_of_scope": (
                self.env._(
                    "“%(process)s” is not switched on for it yet (%(what)s).",
                    process=process.name or "",
                    what=self._scope_words().get(p.get("what"), ""),
                ),
                self.env._("It can be replayed from the process once it is."),
            ),
        }

    def _scope_words(self):
        return {
            "company": self.env._("its company"),
            "country": self.env._("the customer's country"),
            "team": self.env._("its business unit"),
            "filter": self.env._("its values"),
        }
