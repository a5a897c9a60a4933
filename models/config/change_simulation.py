"""What a Change would do to stored messages and to what is sent, beside what today's configuration would do."""

import ast

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.tools import SQL

from ..flow.simulation import MOST_MESSAGES as MOST

# What was never looked at, or came too late to count, says nothing about a configuration.
NOT_SAMPLED = ("stale", "superseded", "duplicate")


class HubChange(models.Model):
    _inherit = "hub.change"

    sample = fields.Integer(
        default=200, string="Newest Records", help="So many records, each with its newest message."
    )
    message_domain = fields.Char(
        default="[]", string="Only These Messages", help="Narrows what is simulated."
    )
    simulation_ids = fields.One2many("hub.simulation", "change_id", readonly=True)
    simulation_id = fields.Many2one(
        "hub.simulation", compute="_compute_simulation", string="Last Simulation"
    )
    simulation_html = fields.Html(compute="_compute_simulation", sanitize=False)
    simulation_state = fields.Selection(
        [("none", "Not simulated"), ("old", "Edited since"), ("running", "Running"),
         ("part", "Simulated in part"), ("done", "Simulated")],
        compute="_compute_simulation",
    )  # fmt: skip
    unsent_text = fields.Char(
        compute="_compute_simulation",
        string="Not Simulated",
        help="Streams of which this Change can alter what is sent, and nothing was sent yet that could be looked at.",
    )

    @api.constrains("sample")
    def _check_sample(self):
        for change in self:
            if not 1 <= change.sample <= MOST:
                raise ValidationError(
                    self.env._("A simulation looks at 1 to %s records.", f"{MOST:,}")
                )

    @api.depends("simulation_ids.state", "item_ids", "apply_at")
    def _compute_simulation(self):
        for change in self:
            last = change.simulation_ids.sorted("id", reverse=True)[:1]
            change.simulation_id = last
            change.simulation_html = last.report_html if last.state != "running" else False
            unsent = change._outgoing() - last._streams()
            change.unsent_text = ", ".join(unsent.mapped("name"))
            change.simulation_state = (
                "none"
                if not last
                else "running"
                if last.state == "running"
                else "old"
                if last.change_digest != change._digest()
                else "part"
                if unsent
                else "done"
            )

    def action_simulate(self):
        """Show what would become of stored messages with this configuration; nothing is changed."""
        self.ensure_one()
        self.check_access("read")
        if not self.item_ids:
            raise UserError(self.env._("“%s” changes nothing yet.", self.name))
        ids = self._sampled()
        if not ids:
            raise UserError(
                self.env._("No stored message of these systems and entities could be looked at.")
            )
        query = self.env["hub.message"]._search([("id", "in", ids)])
        return self.env["hub.simulation"]._of(query, anew=True, change=self)._open()

    def _sampled(self):
        """The newest message of each of the newest records that the Change is about, of those that the
        caller may read; of events, which stand for themselves, all. Of what it sends, as many."""
        try:
            domain = fields.Domain(ast.literal_eval(self.message_domain or "[]"))
        except (ValueError, SyntaxError) as error:
            raise UserError(self.env._("The choice of messages cannot be read.")) from error
        incoming = domain & fields.Domain("direction", "=", "in")
        if self.system_ids:
            incoming &= fields.Domain("system_id", "in", self.system_ids.ids)
        if self.entity_ids:
            incoming &= fields.Domain("entity_id", "in", self._sampled_entities().ids)
        ids = self._newest(incoming, SQL("payload_id IS NOT NULL AND state <> 'held'"))
        if streams := self._outgoing():
            outgoing = domain & fields.Domain("direction", "=", "out")
            outgoing &= fields.Domain("stream_id", "in", streams.ids)
            ids += self._newest(outgoing, SQL("res_id IS NOT NULL"))
        return ids

    def _outgoing(self):
        """Outbound streams of which this Change can alter what is sent."""
        return self.env["hub.change.item"]._outgoing(self._items())

    def _newest(self, domain, whole):
        """:param whole: condition of messages that say enough to be looked at."""
        self.env.flush_all()
        self.env.cr.execute(
            SQL(
                """
                SELECT max(id) FROM hub_message
                 WHERE id IN %(messages)s AND %(whole)s AND kind <> 'notice' AND entity_id IS NOT NULL
                   AND state IN ('done', 'skipped', 'failed', 'dead', 'pending', 'waiting', 'held', 'sending')
                   AND NOT coalesce(reason = ANY(%(apart)s), FALSE)
                 GROUP BY order_key, CASE WHEN kind = 'event' THEN id END
                 ORDER BY max(id) DESC LIMIT %(most)s
                """,
                messages=self.env["hub.message"]._search(domain).subselect(),
                whole=whole,
                apart=list(NOT_SAMPLED),
                most=self.sample,
            )
        )
        return [row[0] for row in self.env.cr.fetchall()]

    def _sampled_entities(self):
        """Entities of the Change, and those whose records have these as lines."""
        return self.entity_ids._wholes()

    def action_view_simulation(self):
        self.ensure_one()
        return self.simulation_id._open()


class HubSimulation(models.Model):
    _inherit = "hub.simulation"

    change_id = fields.Many2one("hub.change", readonly=True, ondelete="cascade", index=True)
    change_digest = fields.Char(readonly=True, help="What the Change said when it was simulated.")

    @api.model
    def _of(self, messages_query, *, replay=None, anew=False, sends=False, change=None):
        simulation = super()._of(
            messages_query, replay=replay, anew=anew, sends=sends or bool(change)
        )
        if change:
            simulation._keep({"change_id": change.id, "change_digest": change._digest()})
        return simulation

    def _override(self):
        if not self.change_id:
            return super()._override()
        change_id, digest = self.change_id.id, self.change_digest

        def draft(env):
            change = (
                env["hub.change"].browse(change_id).sudo()
            )  # whoever may simulate it sees its effect
            if change._digest() != digest:
                raise UserError(env._("The Change was edited meanwhile: simulate it again."))
            change._put_in_force(env, change._plan())

        return draft
