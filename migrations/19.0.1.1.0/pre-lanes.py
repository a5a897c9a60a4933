"""Lanes became rows that an admin edits; before, the table of that name held the engine's lock rows, and
a stream carried the lane's number as a word."""

from odoo.tools.sql import column_exists

MODULE = "lead_to_cash_hub"
# As shipped with this version: xml id, name, number, priority, messages a batch. Number: what messages carry.
LANES = [
    ("lane_real_time", "Real time", 0, 10, 100),
    ("lane_near_real_time", "Near real time", 1, 20, 1000),
    ("lane_batch", "Batch", 2, 30, 1000),
]


def migrate(cr, version):
    """Make the shipped lanes and give each stream the one it had, so that Odoo fills in no default."""
    if not column_exists(cr, "hub_lane", "part"):
        return  # a development database that has the lanes already
    _make_lanes(cr)
    _move_streams(cr)
    # Odoo keeps indexes that it does not ask for any more; `hub_message_stream` does what this one did.
    cr.execute("DROP INDEX IF EXISTS hub_message__stream_id_index")


def _make_lanes(cr):
    # Nothing is lost: the rows were only locked, never read. The new ones are in hub_lane_part.
    cr.execute(
        """
        DROP TABLE hub_lane;
        CREATE TABLE hub_lane (
            id serial PRIMARY KEY, name jsonb NOT NULL, number int4 NOT NULL, priority int4 NOT NULL,
            slice_size int4 NOT NULL, workers int4 NOT NULL, time_zone varchar NOT NULL);
        """
    )
    for xml_id, name, number, priority, slice_size in LANES:
        cr.execute(
            """
            WITH lane AS (
                INSERT INTO hub_lane (name, number, priority, slice_size, workers, time_zone)
                VALUES (jsonb_build_object('en_US', %s::text), %s, %s, %s, 2, 'UTC') RETURNING id)
            INSERT INTO ir_model_data (module, name, model, res_id, noupdate)
            SELECT %s, %s, 'hub.lane', id, TRUE FROM lane
            """,
            [name, number, priority, slice_size, MODULE, xml_id],
        )


def _move_streams(cr):
    cr.execute(
        """
        ALTER TABLE hub_stream ALTER COLUMN lane TYPE int4 USING lane::int4,
            ADD COLUMN lane_id int4, ADD COLUMN webhook_lane_id int4, ADD COLUMN webhook_lane int4;
        UPDATE hub_stream s SET lane_id = own.id, webhook_lane_id = hooks.id, webhook_lane = hooks.number
          FROM hub_lane own, hub_lane hooks
         WHERE own.number = s.lane AND hooks.number = 0;  -- until now all webhooks were real time
        ALTER TABLE hub_stream ALTER COLUMN lane_id SET NOT NULL,
            ALTER COLUMN webhook_lane_id SET NOT NULL;
        """
    )
    # The words of the former selection: Odoo would ask the number for what to do without them.
    cr.execute(
        """
        WITH gone AS (
            DELETE FROM ir_model_fields_selection USING ir_model_fields f
             WHERE f.id = field_id AND f.model = 'hub.stream' AND f.name = 'lane'
            RETURNING ir_model_fields_selection.id)
        DELETE FROM ir_model_data d USING gone
         WHERE d.model = 'ir.model.fields.selection' AND d.res_id = gone.id
        """
    )
