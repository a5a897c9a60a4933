from odoo import api, fields, models, tools
from odoo.exceptions import UserError

from ...core.likeness import Thresholds
from ..guard import own_code


class HubLikeness(models.Model):
    """From how many points of likeness a customer is linked without asking, and from how many a person is
    asked. One row; without it the shipped figures count."""

    _name = "hub.likeness"
    _description = "Likeness of Customers"
    _inherit = ["hub.kept"]

    link_from = fields.Integer(default=Thresholds.link, required=True, readonly=True, copy=False)
    ask_from = fields.Integer(default=Thresholds.ask, required=True, readonly=True, copy=False)

    _points = models.Constraint(
        "CHECK (0 < ask_from AND ask_from <= link_from AND link_from <= 100)",
        "Questions begin at 1 point or more, links not below questions, and at 100 at most.",
    )
    _only_one = models.UniqueIndex("((TRUE))")

    @api.model
    @tools.ormcache()
    def _stored(self):
        # The engine's own configuration, whoever asks.
        self.env.cr.execute("SELECT link_from, ask_from FROM hub_likeness")
        return self.env.cr.fetchone() or (Thresholds.link, Thresholds.ask)

    @api.model
    def _thresholds(self):
        """What counts now."""
        return Thresholds(*self._stored())

    @api.model
    def _set(self, link_from, ask_from):
        """Let other figures count from now on; who did it is kept.

        :raise AccessError: the user is no integration manager.
        :raise UserError: they contradict each other.
        """
        row = self.search([], limit=1)
        row.check_access("write")
        self.check_access("create")
        if not 0 < ask_from <= link_from <= 100:
            raise UserError(
                self.env._(
                    "Questions begin at 1 point or more, links not below questions, and at 100 at most."
                )
            )
        before = self._stored()
        values = {"link_from": link_from, "ask_from": ask_from}
        if row:
            own_code(row).write(values)
        else:
            own_code(self).create(values)
        self.env["hub.audit"]._append(
            [
                {
                    "action": "likeness",
                    "values": {"before": list(before), "now": [link_from, ask_from]},
                }
            ]
        )

    @api.model_create_multi
    def create(self, vals_list):
        self.env.registry.clear_cache()
        return super().create(vals_list)

    def write(self, vals):
        self.env.registry.clear_cache()
        return super().write(vals)

    def unlink(self):
        self.env.registry.clear_cache()
        return super().unlink()
