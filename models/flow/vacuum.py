from odoo import models
from odoo.tools import SQL

# Tables whose rows are updated all the time stay small when their pages have room (fillfactor) and are
# cleaned early, not after a fifth of a large table has died.
SETTINGS = {
    "hub_message": "fillfactor=80, autovacuum_vacuum_scale_factor=0.01",
    "hub_payload": "autovacuum_vacuum_scale_factor=0.02, autovacuum_vacuum_insert_scale_factor=0.05",
    "hub_attempt": "autovacuum_vacuum_scale_factor=0.02",
    "hub_seen": "autovacuum_vacuum_scale_factor=0.02",
    "hub_link": "fillfactor=85, autovacuum_vacuum_scale_factor=0.02",
    "hub_record": "fillfactor=85, autovacuum_vacuum_scale_factor=0.02",
    "hub_outbox": "autovacuum_vacuum_scale_factor=0, autovacuum_vacuum_threshold=1000",
    "hub_run": "autovacuum_vacuum_scale_factor=0, autovacuum_vacuum_threshold=200",
    "hub_lane_part": "fillfactor=50, autovacuum_vacuum_scale_factor=0, autovacuum_vacuum_threshold=200",
    "hub_cursor": "fillfactor=50, autovacuum_vacuum_scale_factor=0, autovacuum_vacuum_threshold=200",
    "hub_drainer": "fillfactor=50, autovacuum_vacuum_scale_factor=0, autovacuum_vacuum_threshold=200",
    "hub_place": "fillfactor=50, autovacuum_vacuum_scale_factor=0, autovacuum_vacuum_threshold=200",
    "hub_pace": "fillfactor=50, autovacuum_vacuum_scale_factor=0, autovacuum_vacuum_threshold=200",
    "hub_circuit": "fillfactor=50, autovacuum_vacuum_scale_factor=0, autovacuum_vacuum_threshold=200",
}


class HubVacuum(models.AbstractModel):
    """How PostgreSQL keeps the hub's tables; loaded after the models whose tables these are."""

    _name = "hub.vacuum"
    _description = "Table Settings"

    def init(self):
        for table, settings in SETTINGS.items():
            self.env.cr.execute(
                SQL("ALTER TABLE %s SET (%s)", SQL.identifier(table), SQL(settings))
            )
