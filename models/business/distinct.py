from odoo import api, fields, models


class HubDistinct(models.Model):
    """Two partners that look alike and are two: a person said so, and is not asked again."""

    _name = "hub.distinct"
    _description = "Partners That Are Not the Same"
    _log_access = False
    _order = "id desc"

    # Plain numbers, the lower one first: Odoo's merge changes foreign keys in SQL and stumbles over a pair of
    # one partner. `partner_merge.py` follows.
    low = fields.Integer(required=True, readonly=True)
    high = fields.Integer(required=True, readonly=True)
    user_id = fields.Many2one("res.users", readonly=True, ondelete="set null")
    at = fields.Datetime(readonly=True)

    _pair_unique = models.UniqueIndex("(low, high)")
    _high_index = models.Index("(high)")

    @api.model
    def _remember(self, pairs, users=None):
        """Note pairs of partner ids.

        :param users: who said so, for each pair; the user if not given
        """
        users = users or [self.env.uid] * len(pairs)
        rows = {
            (min(pair), max(pair)): user
            for pair, user in zip(pairs, users, strict=True)
            if pair[0] != pair[1]
        }
        if rows:
            self.env.cr.execute(
                """INSERT INTO hub_distinct (low, high, user_id, at)
                   SELECT u.*, clock_timestamp() AT TIME ZONE 'UTC'
                     FROM unnest(%s::int[], %s::int[], %s::int[]) u ON CONFLICT DO NOTHING""",
                [
                    [low for low, _high in rows],
                    [high for _low, high in rows],
                    [user or None for user in rows.values()],
                ],
            )

    @api.model
    def _among(self, ids):
        """Which pairs of these partners are two: ``{(low, high)}``."""
        self.env.cr.execute(
            "SELECT low, high FROM hub_distinct WHERE low = ANY(%s) AND high = ANY(%s)",
            [list(ids), list(ids)],
        )
        return set(self.env.cr.fetchall())
