"""Erasing what the hub keeps of one person, and doing it again after a restore."""

import json
import uuid

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError

from .blacken import pattern_of
from .cursors import short_cursor

# Canonical types whose text names one person wherever it stands.
TELLING = ("email", "phone")
SHORTEST = 6  # characters of a word that may be looked for in everybody's data
MANAGER = "lead_to_cash_hub.group_hub_manager"


class HubErasure(models.Model):
    """That a person was erased: when, by whom, why, and under which ids. Never who it was."""

    _name = "hub.erasure"
    _description = "Erasure"
    _order = "id desc"
    _log_access = False

    uuid = fields.Char(readonly=True, required=True, default=lambda self: str(uuid.uuid4()))
    res_model = fields.Char(readonly=True, required=True, string="Model")
    res_id = fields.Many2oneReference(
        model_field="res_model", readonly=True, required=True, string="Record Number"
    )
    reason = fields.Char(readonly=True, required=True)
    keys = fields.Json(
        readonly=True, help="Under which ids the systems knew the person: system, entity, id."
    )
    counts = fields.Json(readonly=True)
    result = fields.Text(compute="_compute_result")
    done_by = fields.Many2one("res.users", readonly=True, ondelete="restrict", string="Erased By")
    done_at = fields.Datetime(readonly=True, string="Erased")
    again_at = fields.Datetime(readonly=True, string="Last Looked Again")

    _uuid_unique = models.Constraint("UNIQUE(uuid)", "This erasure is known already.")

    @api.depends("counts")
    @api.depends_context("lang")
    def _compute_result(self):
        _ = self.env._
        labels = {
            "payloads": _("payloads removed"),
            "messages": _("messages emptied"),
            "links": _("links emptied"),
            "audit": _("audit rows without their values now"),
            "other": _("rows in which a name or an address was blackened"),
        }
        for erasure in self:
            erasure.result = "\n".join(
                f"{count} {labels[name]}"
                for name, count in (erasure.counts or {}).items()
                if count and name in labels
            )

    @api.depends("res_model", "res_id")
    @api.depends_context("lang")
    def _compute_display_name(self):
        """A word and a number, never a name: the name is what was erased."""
        for erasure in self:
            kind = self.env["ir.model"]._get(erasure.res_model).name or erasure.res_model
            erasure.display_name = self.env._(
                "%(kind)s no. %(number)s", kind=kind, number=erasure.res_id
            )

    def write(self, vals):
        raise UserError(self.env._("What was erased is kept as it is."))

    def unlink(self):
        raise UserError(
            self.env._("What was erased is kept: a restored backup is erased again by it.")
        )

    # -- what is known of a person -----------------------------------------------------------------

    @api.model
    def _require(self, model, res_id):
        """Whoever erases is an integration manager who may change that record."""
        if not self.env.user.has_group(MANAGER):
            raise AccessError(
                self.env._("Ask an integration manager to erase what is kept of a person.")
            )
        if model in self.env:
            self.env[model].browse(res_id).exists().check_access("write")

    @api.model
    def _keys_of(self, model, res_id):
        """Under which ids systems know a record: ``[[system uuid, entity code, external id]]``."""
        # Of every company: a person who is erased is erased everywhere.
        links = (
            self.env["hub.link"].sudo().search([("res_model", "=", model), ("res_id", "=", res_id)])
        )
        return [[link.system_id.uuid, link.entity_id.code, link.external_id] for link in links]

    @api.model
    def _words_of(self, model, res_id):
        """Texts that name this person wherever they stand: addresses, numbers, the full name.

        Taken from what both sides agreed on, what was written (the audit) and the record itself; a
        single first name is none, since others have it too.
        """
        links = (
            self.env["hub.link"].sudo().search([("res_model", "=", model), ("res_id", "=", res_id)])
        )
        entities = links.entity_id or self.env["hub.entity"].sudo().search(
            [("model_name", "=", model)]
        )
        personal = entities.field_ids.filtered(
            lambda f: f.data_class == "personal" or f.name == "name"
        )
        values = []
        for link in links:
            for side in (link.base, link.sent, link.held):
                values += [(f.kind, (side or {}).get(f.name)) for f in personal]
        record = self.env[model].browse(res_id).sudo().exists() if model in self.env else None
        if record:
            values += [
                (f.kind, record[f.odoo_field])
                for f in personal
                if f.odoo_field in record._fields
                and record._fields[f.odoo_field].type in ("char", "text")
            ]
        by_column = {f.odoo_field: f.kind for f in personal if f.odoo_field}
        self.env.cr.execute(
            """SELECT v.body FROM hub_audit_value v JOIN hub_audit a ON a.id = v.audit_id
                WHERE a.res_model = %s AND a.res_id = %s AND v.body IS NOT NULL""",
            [model, res_id],
        )
        for (body,) in self.env.cr.fetchall():
            for name, pair in (body or {}).items():
                kind = by_column.get(name)
                if kind:
                    values += [
                        (kind, value) for value in (pair if isinstance(pair, list) else [pair])
                    ]
        words = set()
        for kind, value in values:
            text = value.strip() if isinstance(value, str) else ""
            if len(text) >= SHORTEST and (kind in TELLING or " " in text):
                words.add(text)
        return words

    # -- erasing -----------------------------------------------------------------------------------

    @api.model
    def _erase(self, model, res_id, reason, words=(), number=None, keys=None):
        """Erase what the hub keeps of a person.

        The Odoo record itself is not touched: that is for whoever decides about it (Odoo's own Privacy
        Lookup). Audit rows stay with the digest of what they said; their values go.

        :param words: further texts to be blackened, chosen by a person.
        :param number: uuid of an erasure that was done before in another copy of this database.
        :return: the ``hub.erasure`` record.
        """
        self.env.flush_all()
        keys = keys if keys is not None else self._keys_of(model, res_id)
        words = self._words_of(model, res_id) | {
            w.strip() for w in words if len(w.strip()) >= SHORTEST
        }
        counts = self._empty(model, res_id, keys, words)
        self.env.cr.execute(
            """INSERT INTO hub_erasure (uuid, res_model, res_id, reason, keys, counts, done_by, done_at)
               VALUES (%s, %s, %s, %s, %s, %s, %s, clock_timestamp() AT TIME ZONE 'UTC') RETURNING id""",
            [number or str(uuid.uuid4()), model, res_id, reason, json.dumps(keys), json.dumps(counts), self.env.uid],
        )  # fmt: skip
        erasure = self.browse(self.env.cr.fetchone()[0])
        self.env["hub.audit"]._append(
            [{"action": "erase", "res_model": model, "res_id": res_id,
              "values": {"why": reason, "erasure": erasure.uuid, **counts}}]
        )  # fmt: skip
        self.env.invalidate_all()
        return erasure

    @api.model
    def _empty(self, model, res_id, keys, words):
        cr = self.env.cr
        own = self._own_messages(model, res_id, keys)
        counts = {}
        # Bytes that only these messages have; what they share is blackened with the rest.
        cr.execute(
            """DELETE FROM hub_payload q USING hub_message m
                WHERE m.payload_id = q.id AND m.id = ANY(%(own)s)
                  AND NOT EXISTS (SELECT 1 FROM hub_message o WHERE o.payload_id = q.id
                                     AND NOT o.id = ANY(%(own)s))""",
            {"own": own},
        )
        counts["payloads"] = cr.rowcount
        cr.execute(
            """UPDATE hub_message
                  SET params = NULL, decision = NULL, offers = NULL,
                      state = CASE WHEN state IN ('done', 'skipped') THEN state ELSE 'skipped' END,
                      reason = CASE WHEN state = 'done' THEN reason ELSE 'erased' END,
                      done_at = coalesce(done_at, clock_timestamp() AT TIME ZONE 'UTC'), wait_key = NULL
                WHERE id = ANY(%s) AND state <> 'sending'""",
            [own],
        )
        counts["messages"] = cr.rowcount
        self.env["hub.exception"]._close(cr, own, "erased")
        cr.execute("UPDATE hub_exception SET params = '{}' WHERE message_id = ANY(%s)", [own])
        cr.execute("UPDATE hub_attempt SET params = '{}' WHERE message_id = ANY(%s)", [own])
        cr.execute(
            """UPDATE hub_issue i SET params = '{}'
                WHERE i.id IN (SELECT issue_id FROM hub_exception WHERE message_id = ANY(%(own)s))
                  AND NOT EXISTS (SELECT 1 FROM hub_exception e WHERE e.issue_id = i.id
                                     AND NOT e.message_id = ANY(%(own)s))""",
            {"own": own},
        )
        counts["links"] = self._empty_links(model, res_id)
        counts["audit"] = self._empty_audit(model, res_id, own, words)
        counts["other"] = self.env["hub.blacken"]._blacken(words)
        return counts

    @api.model
    def _own_messages(self, model, res_id, keys):
        """Messages about the person itself, in and out."""
        self.env.cr.execute(
            """SELECT m.id FROM hub_message m WHERE m.res_model = %s AND m.res_id = %s
               UNION
               SELECT m.id FROM hub_message m
                 JOIN hub_system y ON y.id = m.system_id JOIN hub_entity e ON e.id = m.entity_id
                 JOIN unnest(%s::varchar[], %s::varchar[], %s::varchar[]) k(system, entity, external_id)
                   ON k.system = y.uuid AND k.entity = e.code AND k.external_id = m.external_id""",
            [model, res_id, *([key[n] for key in keys] for n in range(3))],
        )
        return [row[0] for row in self.env.cr.fetchall()]

    @api.model
    def _empty_links(self, model, res_id):
        """What both sides agreed on goes; that there is a link stays, and says that nothing is read."""
        cr = self.env.cr
        cr.execute(
            """UPDATE hub_link SET base = '{}', sent = NULL, held = NULL, unsettled = NULL,
                      payload_digest = NULL, erased = TRUE
                WHERE res_model = %s AND res_id = %s""",
            [model, res_id],
        )
        count = cr.rowcount
        cr.execute(
            "UPDATE hub_record SET provenance = '{}' WHERE res_model = %s AND res_id = %s",
            [model, res_id],
        )
        cr.execute(
            """DELETE FROM hub_identity k USING hub_entity e
                WHERE e.code = k.entity AND e.model_name = %s AND k.res_id = %s""",
            [model, res_id],
        )
        cr.execute("DELETE FROM hub_edit WHERE res_model = %s AND res_id = %s", [model, res_id])
        return count

    @api.model
    def _empty_audit(self, model, res_id, own, words):
        """Values go as a whole, so that none of them is half of what its digest stands for."""
        self.env.cr.execute(
            """UPDATE hub_audit_value v SET body = NULL, trace = NULL, erased = TRUE
                 FROM hub_audit a
                WHERE a.id = v.audit_id AND v.body IS NOT NULL AND a.action <> 'erase'
                  AND ((a.res_model = %(model)s AND a.res_id = %(res)s) OR a.message_id = ANY(%(own)s)
                       OR (%(pattern)s <> '' AND (v.body::text ~* %(pattern)s OR v.trace::text ~* %(pattern)s)))""",
            {"model": model, "res": res_id, "own": own, "pattern": pattern_of(words)},
        )
        return self.env.cr.rowcount

    # -- again -------------------------------------------------------------------------------------

    @api.model
    def _export(self):
        """All erasures as a file that is kept apart from the backups: what a restored one needs."""
        rows = self.sudo().search([], order="id")  # of every company: a backup holds them all
        return json.dumps(
            [
                {"uuid": row.uuid, "model": row.res_model, "id": row.res_id, "reason": row.reason,
                 "keys": row.keys}
                for row in rows
            ],
            indent=1,
        ).encode()  # fmt: skip

    @api.model
    def _again(self, data):
        """Erase in this database what was erased in the one that the file is from.

        :param data: what :meth:`_export` gave.
        :return: the new ``hub.erasure`` records.
        :raise UserError: the file is none of these.
        """
        if not self.env.user.has_group(MANAGER):
            raise AccessError(
                self.env._("Ask an integration manager to erase what is kept of a person.")
            )
        try:
            rows = json.loads(data)
            if not isinstance(rows, list):
                raise ValueError
            entries = [
                (str(r["uuid"]), str(r["model"]), int(r["id"]), str(r["reason"]),
                 [[str(part) for part in key] for key in r["keys"]])
                for r in rows
            ]  # fmt: skip
            if any(len(key) != 3 for entry in entries for key in entry[4]):
                raise ValueError
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(self.env._("This file is no list of erasures of the hub.")) from error
        known = set(self.sudo().search([]).mapped("uuid"))
        done = self.browse()
        for number, model, res_id, reason, keys in entries:
            if number not in known:
                known.add(number)
                done |= self._erase(model, res_id, reason, number=number, keys=keys)
        return done

    @api.model
    def _keep_erased(self):
        """What came of erased persons since goes too. Nightly."""
        with short_cursor(self.env) as cr:
            cr.execute(
                """DELETE FROM hub_payload q USING hub_message m
                    WHERE m.payload_id = q.id AND m.state = 'skipped' AND m.reason = 'erased'"""
            )
            cr.execute("UPDATE hub_erasure SET again_at = clock_timestamp() AT TIME ZONE 'UTC'")
        return True

    def action_export(self):
        """Give the list of all erasures as a file, and take the one of another copy."""
        return self.env["hub.erase.again"].create({})._open()
