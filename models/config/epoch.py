from odoo import api, models
from odoo.exceptions import AccessError, UserError

PARAMETER = "lead_to_cash_hub.database"


class HubEpoch(models.AbstractModel):
    """Which database this is. A copy or a restored backup must not send what its original sent."""

    _name = "hub.epoch"
    _description = "Database Identity"

    @api.model
    def _current(self):
        """The cluster, the database in it, and its timeline (a restored cluster starts a new one)."""
        self.env.cr.execute(
            """SELECT (SELECT system_identifier FROM pg_control_system()) || ':' ||
                      (SELECT oid FROM pg_database WHERE datname = current_database()) || ':' ||
                      (SELECT timeline_id FROM pg_control_checkpoint())"""
        )
        return self.env.cr.fetchone()[0]

    @api.model
    def _require(self, confirm=False):
        """Refuse to read or send in a neutralized or copied database.

        :param confirm: a person connects a system: a database that was never confirmed now is.
        """
        parameters = self.env["ir.config_parameter"].sudo()  # flags of this database, no secret
        if parameters.get_param("database.is_neutralized"):
            raise UserError(
                self.env._("This is a neutralized copy of a database: nothing is read or sent.")
            )
        known, current = parameters.get_param(PARAMETER), self._current()
        if not known and confirm:
            parameters.set_param(PARAMETER, current)
        elif known and known != current:
            raise UserError(
                self.env._(
                    "This database is a copy or was restored, so nothing is read or sent: the original may have "
                    "sent it already. If this is the live one now, confirm it on a system's form."
                )
            )

    @api.model
    def _is_copy(self):
        known = self.env["ir.config_parameter"].sudo().get_param(PARAMETER)  # a flag, no secret
        return bool(known and known != self._current())

    @api.model
    def _held(self):
        """Whether nothing may be read or sent from this database."""
        parameters = self.env["ir.config_parameter"].sudo()  # a flag, no secret
        return bool(parameters.get_param("database.is_neutralized")) or self._is_copy()

    @api.model
    def _confirm(self, reason=""):
        """A person says that this database is the live one from now on, or that it was restored where nothing
        shows it: it reads again, and sends stream by stream, each after a comparison with its product.

        :param reason: how they know, for the audit.
        """
        if not self.env.user.has_group("lead_to_cash_hub.group_hub_manager"):
            raise AccessError(self.env._("Ask an integration manager to confirm this database."))
        self.env["ir.config_parameter"].sudo().set_param(PARAMETER, self._current())
        self.env["hub.stream"]._close_after_restore()
        self.env["hub.audit"]._append(
            [{"action": "confirm_database", "values": {"reason": reason} if reason else {}}]
        )
