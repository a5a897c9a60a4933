from odoo import api, fields, models, tools


class HubEdit(models.Model):
    """Somebody typed over a field that the hub exchanges: who and when, until both sides agree again.

    Insert-only, in the transaction of whoever edits; the value itself stays in the record.
    """

    _name = "hub.edit"
    _description = "Edit Over an Exchanged Field"
    _log_access = False
    _order = "id desc"

    res_model = fields.Char(required=True, readonly=True)
    res_id = fields.Many2oneReference(model_field="res_model", required=True, readonly=True)
    name = fields.Char(required=True, readonly=True, help="Field of the Odoo model.")
    user_id = fields.Many2one("res.users", readonly=True, ondelete="set null")
    at = fields.Datetime(readonly=True)

    _record_index = models.Index("(res_model, res_id, name, id)")

    @api.model
    @tools.ormcache("model")
    def _columns(self, model):
        """Fields of an Odoo model that canonical fields become."""
        self.env.cr.execute(
            """SELECT DISTINCT f.odoo_field FROM hub_entity_field f JOIN hub_entity e ON e.id = f.entity_id
                WHERE e.model_name = %s AND f.odoo_field IS NOT NULL AND e.active""",
            [model],
        )
        return frozenset(row[0] for row in self.env.cr.fetchall())

    @api.model
    def _mark(self, records, names):
        """Remember an edit of records that the hub knows: one statement."""
        if not self.env.registry.ready:
            return  # while modules load, the hub's own tables may not be there yet
        names = self._columns(records._name).intersection(names)
        if not names or not records.ids or hasattr(self.env.cr, "hub_commit"):
            return  # in the engine's own transaction it is a system that writes, not a person
        if records.env.context.get("hub_creating"):
            return  # Odoo completes what it just made: nobody typed over anything
        self.env.cr.execute(
            """
            INSERT INTO hub_edit (res_model, res_id, name, user_id, at)
            SELECT r.res_model, r.res_id, u.name, %s, clock_timestamp() AT TIME ZONE 'UTC'
              FROM hub_record r CROSS JOIN unnest(%s::varchar[]) u(name)
             WHERE r.res_model = %s AND r.res_id = ANY(%s)
            """,
            [self.env.uid, sorted(names), records._name, records.ids],
        )

    @api.model
    def _of(self, model, ids):
        """The last edit of each field of records: ``{(id, Odoo field): (time, user id)}``, one query."""
        self.env.cr.execute(
            """SELECT DISTINCT ON (res_id, name) res_id, name, at, user_id FROM hub_edit
                WHERE res_model = %s AND res_id = ANY(%s) ORDER BY res_id, name, id DESC""",
            [model, list(ids)],
        )
        return {(res_id, name): (at, user) for res_id, name, at, user in self.env.cr.fetchall()}

    @api.model
    def _settle(self, model, fields_by_id):
        """Both sides agree on these fields again; edits that this transaction sees are over."""
        pairs = [(res_id, name) for res_id, names in fields_by_id.items() for name in names]
        if pairs:
            self.env.cr.execute(
                """DELETE FROM hub_edit e USING unnest(%s::int[], %s::varchar[]) u(res_id, name)
                    WHERE e.res_model = %s AND e.res_id = u.res_id AND e.name = u.name""",
                [[pair[0] for pair in pairs], [pair[1] for pair in pairs], model],
            )

    @api.autovacuum
    def _gc_former(self):
        """Of several edits of one field the last one counts, and those of records that are unknown now."""
        self.env.cr.execute(
            """
            DELETE FROM hub_edit e
             WHERE EXISTS (SELECT 1 FROM hub_edit n
                            WHERE n.res_model = e.res_model AND n.res_id = e.res_id
                              AND n.name = e.name AND n.id > e.id)
                OR NOT EXISTS (SELECT 1 FROM hub_record r
                                WHERE r.res_model = e.res_model AND r.res_id = e.res_id)
            """
        )


class HubEditMark(models.AbstractModel):
    """Models in whose forms people type over what a system owns."""

    _name = "hub.edit.mark"
    _description = "Mark of Edits"

    def write(self, vals):
        result = super().write(vals)
        self.env["hub.edit"]._mark(self, vals)
        return result


class ResPartner(models.Model):
    _name = "res.partner"
    _inherit = ["res.partner", "hub.edit.mark"]


class CrmLead(models.Model):
    _name = "crm.lead"
    _inherit = ["crm.lead", "hub.edit.mark"]


class AccountAnalyticLine(models.Model):
    _name = "account.analytic.line"
    _inherit = ["account.analytic.line", "hub.edit.mark"]


# In other models an edit is known by the value alone, not by who made it.
MARKED = ("res.partner", "crm.lead", "account.analytic.line")
