from odoo import fields, models

from ...core.change import Recording
from ..flow.cursors import is_simulated

_LOCK = 4810203  # of all changes of the configuration, so that a later version is committed later


class HubVersion(models.Model):
    """A version of the configuration: each transaction that changes some of it begins a new one.

    A message keeps the number of the version that treated it, which is one value for a whole batch.
    """

    _name = "hub.version"
    _description = "Version of the Configuration"
    _log_access = False
    _order = "id desc"

    at = fields.Datetime(readonly=True, string="Since")
    user_id = fields.Many2one("res.users", readonly=True, ondelete="restrict", string="By")
    change_id = fields.Many2one("hub.change", readonly=True, ondelete="set null", index=True)
    rows = fields.Json(readonly=True)
    what = fields.Char(compute="_compute_what", string="What Changed")

    def init(self):
        self.env.cr.execute(
            """ALTER TABLE hub_version ADD COLUMN IF NOT EXISTS xid xid8;
               CREATE UNIQUE INDEX IF NOT EXISTS hub_version_xid ON hub_version(xid);"""
        )

    def _compute_display_name(self):
        for version in self:
            version.display_name = self.env._("Configuration %s", version.id)

    def _compute_what(self):
        """Which kinds of rows, and how many; what they said is for the Change and the audit."""
        for version in self:
            counts = version.rows or {}
            version.what = ", ".join(
                f"{self.env[model]._description} ({count})"
                for model, count in sorted(counts.items())
                if model in self.env
            )

    def _open(self):
        """The Change that began this version, else the list of versions."""
        self.ensure_one()
        if self.change_id:
            return self.change_id._open()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Versions of the Configuration"),
            "res_model": "hub.version",
            "views": [[False, "list"]],
            "domain": [("id", "<=", self.id)],
        }

    def _begin(self, rows):
        """The version of this transaction, which changes ``rows``; simulated ones make none."""
        if not rows or is_simulated(self.env.cr) or isinstance(rows._hub_at_work(), Recording):
            return
        cr = self.env.cr
        cr.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        cr.execute(
            """
            INSERT INTO hub_version AS v (id, at, user_id, xid, rows)
            SELECT coalesce((SELECT id FROM hub_version WHERE xid = pg_current_xact_id()),
                            nextval('hub_version_id_seq')),
                   clock_timestamp() AT TIME ZONE 'UTC', %(user)s, pg_current_xact_id(),
                   jsonb_build_object(%(model)s::text, %(count)s::int)
            ON CONFLICT (id) DO UPDATE
               SET rows = v.rows || jsonb_build_object(
                       %(model)s::text, coalesce((v.rows->>%(model)s)::int, 0) + %(count)s::int)
            """,
            {"user": self.env.uid, "model": rows._name, "count": len(rows)},
        )

    def _of_change(self, change):
        """Name the Change that this transaction carries out.

        :return: number of the version.
        """
        self.env.cr.execute(
            "UPDATE hub_version SET change_id = %s WHERE xid = pg_current_xact_id() RETURNING id",
            [change.id],
        )
        row = self.env.cr.fetchone()
        return row[0] if row else 0
