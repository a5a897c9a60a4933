import time

from odoo import api, fields, models

from .cursors import short_cursor

FLUSH_EVERY = 5.0  # seconds; a flood of bad requests costs one small write in that time

_counted: dict[tuple, int] = {}
_flushed: dict[tuple, float] = {}


class HubRejection(models.Model):
    """Webhooks that were refused, counted by day and reason; never a row each, never their content."""

    _name = "hub.rejection"
    _description = "Refused Webhooks"
    _log_access = False
    _order = "day desc, count desc"

    system_id = fields.Many2one("hub.system", required=True, readonly=True, ondelete="cascade")
    day = fields.Date(required=True, readonly=True)
    code = fields.Char(required=True, readonly=True)
    count = fields.Integer(readonly=True, string="Refused")
    last_at = fields.Datetime(readonly=True, string="Last Time")
    sentence = fields.Char(compute="_compute_sentence", string="Why")

    _day_unique = models.UniqueIndex("(system_id, day, code)")

    @api.depends("code")
    @api.depends_context("lang")
    def _compute_sentence(self):
        _ = self.env._
        known = {
            "mismatch": _("The signature is wrong: compare the signing secret."),
            "missing": _("There is no signature."),
            "malformed": _("The signature cannot be read."),
            "too_old": _("The signature is too old: it was replayed, or the clocks differ."),
            "in_the_future": _("The signature is from the future: the clocks differ."),
            "no_secret": _("No signing secret is stored, so nothing can be proved."),
            "other_account": _("The event is of another account."),
            "too_large": _("The body is too large."),
            "bad_key": _("The API key is not known, or has expired."),
            "key_not_named": _("The system does not name the user of the API key."),
        }
        for row in self:
            row.sentence = (
                known.get(row.code)
                or (
                    row.code.startswith("item_")
                    and _("Pushed items were refused (%s); the answer said which.", row.code[5:])
                )
                or _("The body cannot be read (%s).", row.code)
            )

    def _count(self, system_id, code):
        """Count one refusal of a system; written at once for the first, then every few seconds."""
        key = (self.env.cr.dbname, system_id, code)
        _counted[key] = _counted.get(key, 0) + 1
        now = time.monotonic()
        if now - _flushed.get(key, -FLUSH_EVERY) < FLUSH_EVERY:
            return
        _flushed[key] = now
        number = _counted.pop(key)
        with short_cursor(self.env) as cr:
            cr.execute(
                """
                INSERT INTO hub_rejection AS r (system_id, day, code, count, last_at)
                VALUES (%s, current_date, %s, %s, clock_timestamp() AT TIME ZONE 'UTC')
                ON CONFLICT (system_id, day, code) DO UPDATE
                   SET count = r.count + EXCLUDED.count, last_at = EXCLUDED.last_at
                """,
                [system_id, code, number],
            )
