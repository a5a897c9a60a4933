from odoo import api, fields, models
from odoo.exceptions import UserError

from ...core.arrays import array
from ...core.keys import order_key

AGREED = ("base", "sent", "held", "unsettled")  # values of the linked record


class HubRecord(models.Model):
    """An Odoo record known to the hub, with the provenance of each field."""

    _name = "hub.record"
    _description = "Record"
    _log_access = False

    res_model = fields.Char(required=True, readonly=True)
    res_id = fields.Many2oneReference(model_field="res_model", required=True, readonly=True)
    entity_id = fields.Many2one("hub.entity", readonly=True, ondelete="cascade")
    company_id = fields.Many2one("res.company", readonly=True)
    provenance = fields.Json(
        readonly=True, help="Field → system, message and time of its last value."
    )
    link_ids = fields.One2many("hub.link", "record_id")

    _record_unique = models.UniqueIndex("(res_model, res_id)")

    def _stamps(self, cr, model, ids):
        """Provenance of records, in one query: ``{id: {field: stamp}}``."""
        cr.execute(
            "SELECT res_id, provenance FROM hub_record WHERE res_model = %s AND res_id = ANY(%s)",
            [model, list(ids)],
        )
        return {res_id: provenance or {} for res_id, provenance in cr.fetchall()}


class HubLink(models.Model):
    """The id of an Odoo record in one system, with the last values both sides agreed on."""

    _name = "hub.link"
    _description = "Link"
    _log_access = False
    _order = "id desc"
    _rec_name = "external_id"

    system_id = fields.Many2one(
        "hub.system", required=True, readonly=True, ondelete="restrict", index=True
    )
    entity_id = fields.Many2one("hub.entity", required=True, readonly=True, ondelete="restrict")
    record_id = fields.Many2one("hub.record", readonly=True, ondelete="cascade", index=True)
    company_id = fields.Many2one("res.company", readonly=True)
    external_id = fields.Char(required=True, readonly=True)
    res_model = fields.Char(required=True, readonly=True)
    res_id = fields.Many2oneReference(
        model_field="res_model", required=True, readonly=True, string="Odoo Record"
    )
    record_name = fields.Char(compute="_compute_record_name")
    base = fields.Json(
        readonly=True,
        prefetch=False,
        groups="lead_to_cash_hub.group_hub_manager,lead_to_cash_hub.group_hub_auditor",
    )
    sent = fields.Json(
        readonly=True,
        prefetch=False,
        groups="lead_to_cash_hub.group_hub_manager,lead_to_cash_hub.group_hub_auditor",
    )
    held = fields.Json(
        readonly=True,
        prefetch=False,
        groups="lead_to_cash_hub.group_hub_manager,lead_to_cash_hub.group_hub_auditor",
        help="Odoo's value of each field when both sides last agreed.",
    )
    unsettled = fields.Json(
        readonly=True,
        prefetch=False,
        groups="lead_to_cash_hub.group_hub_manager,lead_to_cash_hub.group_hub_auditor",
        help="What is open: disputed fields with the incoming value, fields whose value in Odoo is owed "
        "to the system, and what was sent and has not come back.",
    )
    erased = fields.Boolean(
        readonly=True, help="The person was erased: nothing of it is read or sent any more."
    )
    version = fields.Char(readonly=True)
    merged_into = fields.Char(
        readonly=True, help="The id that this one was merged into at the source: it lives on there."
    )
    linked_at = fields.Datetime(readonly=True)
    synced_at = fields.Datetime(readonly=True)

    _external_unique = models.UniqueIndex("(system_id, entity_id, external_id)")
    _record_index = models.Index("(res_model, res_id)")

    def init(self):
        self.env.cr.execute(
            """
            ALTER TABLE hub_link ADD COLUMN IF NOT EXISTS order_key bigint,
                ADD COLUMN IF NOT EXISTS payload_digest varchar,
                ALTER COLUMN linked_at SET DEFAULT (clock_timestamp() AT TIME ZONE 'UTC');
            CREATE INDEX IF NOT EXISTS hub_link_order_key ON hub_link(order_key);
            """
        )

    @api.depends("res_model", "res_id")
    def _compute_record_name(self):
        """Names under the reader's own rights, with one read a model."""
        for link in self:
            link.record_name = False
        for model, links in self.grouped("res_model").items():
            if model not in self.env:
                continue
            records = (
                self.env[model].browse(links.mapped("res_id")).exists()._filtered_access("read")
            )
            names = {record.id: record.display_name for record in records}
            for link in links:
                link.record_name = names.get(link.res_id)

    def _fetch_query(self, query, fields):
        """The agreed values are those of the linked record: who may not read it, may not read them."""
        if not self.env.su and any(field.name in AGREED for field in fields):
            readable = set()
            # The model and id of a link are no secret; the values of its record are.
            found = self.browse(query.get_result_ids())
            for model, links in found.sudo().grouped("res_model").items():
                if model in self.env:
                    records = self.env[model].browse(links.mapped("res_id")).exists()
                    allowed = set(records._filtered_access("read").ids)
                    readable.update(link.id for link in links if link.res_id in allowed)
            query = found.filtered(lambda link: link.id in readable)._as_query(ordered=True)
        return super()._fetch_query(query, fields)

    def write(self, vals):
        raise UserError(
            self.env._(
                "Links are not edited: link or unlink the record from its exception or form."
            )
        )

    def action_open_record(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": self.res_model,
            "res_id": self.res_id,
            "views": [[False, "form"]],
        }

    # -- the engine's own ------------------------------------------------------------------------

    def _load(self, cr, keys):
        """Links by (system, entity, external id), in one query.

        :param keys: iterable of ``(system_id, entity_id, external_id)``.
        :return: ``{key: {id, res_model, res_id, base, version, payload_digest, company_id, held,
            unsettled, merged_into, erased}}``.
        """
        keys = sorted(set(keys))
        if not keys:
            return {}
        cr.execute(
            """
            SELECT l.system_id, l.entity_id, l.external_id, l.id, l.res_model, l.res_id, l.base, l.version,
                   l.payload_digest, l.company_id, l.held, l.unsettled, l.merged_into, l.erased
              FROM unnest(%s::int[], %s::int[], %s::varchar[]) k(system_id, entity_id, external_id)
             CROSS JOIN LATERAL (  -- each by the index, whatever the planner thinks of the table's size
                   SELECT * FROM hub_link h
                    WHERE h.system_id = k.system_id AND h.entity_id = k.entity_id
                      AND h.external_id = k.external_id OFFSET 0) l
            """,
            [array(column) for column in zip(*keys, strict=True)],
        )
        names = ("id", "res_model", "res_id", "base", "version", "payload_digest", "company_id")
        names += ("held", "unsettled", "merged_into", "erased")
        return {row[:3]: dict(zip(names, row[3:], strict=True)) for row in cr.fetchall()}

    def _offered(self, cr, message_ids):
        """What these messages carried is known to the other side now, and comes back from it later."""
        cr.execute(
            """
            UPDATE hub_link l
               SET held = coalesce(l.held, '{}'::jsonb) || m.offers,
                   unsettled = jsonb_build_object(
                       'disputed', coalesce(l.unsettled -> 'disputed', '{}'::jsonb),
                       'owed', coalesce(l.unsettled -> 'owed', '[]'::jsonb)
                               - ARRAY(SELECT jsonb_object_keys(m.offers)),
                       'sent', coalesce(l.unsettled -> 'sent', '{}'::jsonb) || m.offers)
              FROM hub_message m
             WHERE m.id = ANY(%s) AND m.offers IS NOT NULL AND l.system_id = m.system_id
               AND l.entity_id = m.entity_id AND l.res_model = m.res_model AND l.res_id = m.res_id
               AND (m.external_id IS NULL OR l.external_id = m.external_id)
            """,
            [list(message_ids)],
        )

    def _store(self, cr, rows):
        """Insert or renew links in one statement, their records too.

        :param rows: dicts with system_id, entity_id, entity (code), external_id, company_id, res_model,
            res_id, base (JSON text), version, payload_digest, provenance, merged_into, held and unsettled
            (JSON text). ``held`` adds to what is there; ``unsettled`` takes its place where a base is given.
        """
        if not rows:
            return
        records = {(row["res_model"], row["res_id"]): row for row in rows}
        cr.execute(
            """
            INSERT INTO hub_record AS r (res_model, res_id, entity_id, company_id, provenance)
            SELECT * FROM unnest(%s::varchar[], %s::int[], %s::int[], %s::int[], %s::jsonb[])
            ON CONFLICT (res_model, res_id) DO UPDATE
               SET provenance = coalesce(r.provenance, '{}'::jsonb) || EXCLUDED.provenance
            RETURNING res_model, res_id, id
            """,
            [
                array(key[0] for key in records),
                array(key[1] for key in records),
                array(row["entity_id"] for row in records.values()),
                array(row["company_id"] for row in records.values()),
                array(row.get("provenance") or "{}" for row in records.values()),
            ],
            log_exceptions=False,
        )
        record_ids = {row[:2]: row[2] for row in cr.fetchall()}
        rows = list(
            {(row["system_id"], row["entity_id"], row["external_id"]): row for row in rows}.values()
        )
        cr.execute(
            """
            INSERT INTO hub_link AS l (system_id, entity_id, record_id, company_id, external_id, res_model, res_id,
                                       base, version, payload_digest, order_key, held, unsettled, merged_into,
                                       synced_at)
            SELECT u.*, clock_timestamp() AT TIME ZONE 'UTC'
              FROM unnest(%s::int[], %s::int[], %s::int[], %s::int[], %s::varchar[], %s::varchar[], %s::int[],
                          %s::jsonb[], %s::varchar[], %s::varchar[], %s::bigint[], %s::jsonb[], %s::jsonb[],
                          %s::varchar[]) u
            ON CONFLICT (system_id, entity_id, external_id) DO UPDATE
               SET res_model = EXCLUDED.res_model, res_id = EXCLUDED.res_id, record_id = EXCLUDED.record_id,
                   base = coalesce(EXCLUDED.base, l.base), version = coalesce(EXCLUDED.version, l.version),
                   company_id = coalesce(EXCLUDED.company_id, l.company_id),
                   payload_digest = EXCLUDED.payload_digest, synced_at = EXCLUDED.synced_at,
                   merged_into = EXCLUDED.merged_into,
                   held = CASE WHEN l.held IS NULL THEN EXCLUDED.held
                               WHEN EXCLUDED.held IS NULL THEN l.held ELSE l.held || EXCLUDED.held END,
                   unsettled = CASE WHEN EXCLUDED.base IS NULL THEN l.unsettled ELSE EXCLUDED.unsettled END
            """,
            [
                array(row["system_id"] for row in rows),
                array(row["entity_id"] for row in rows),
                array(record_ids[row["res_model"], row["res_id"]] for row in rows),
                array(row["company_id"] for row in rows),
                array(row["external_id"] for row in rows),
                array(row["res_model"] for row in rows),
                array(row["res_id"] for row in rows),
                array(row.get("base") for row in rows),
                array(row.get("version") for row in rows),
                array(row.get("payload_digest") for row in rows),
                array(
                    order_key(row["system_id"], row["entity"], row["external_id"]) for row in rows
                ),
                array(row.get("held") for row in rows),
                array(row.get("unsettled") for row in rows),
                array(row.get("merged_into") for row in rows),
            ],
            log_exceptions=False,
        )

    def _renew(self, cr, rows):
        """Note that records came again without a change: their version, and when.

        :param rows: tuples of link id, version, payload digest.
        """
        if rows:
            cr.execute(
                """
                UPDATE hub_link l
                   SET version = coalesce(u.version, l.version), payload_digest = u.payload_digest,
                       synced_at = clock_timestamp() AT TIME ZONE 'UTC'
                  FROM unnest(%s::int[], %s::varchar[], %s::varchar[]) u(id, version, payload_digest)
                 WHERE l.id = u.id
                """,
                [array(column) for column in zip(*rows, strict=True)],
                log_exceptions=False,
            )
