"""Blacken words wherever they stand in the hub's tables."""

import json
import re

from odoo import api, models

ERASED = "[erased]"
SEARCHED = ("text", "character varying", "jsonb", "json", "bytea")
# Names of systems and fields, sentences of the hub itself, ids: nothing a source says of a person.
KEPT = (
    "hub_entity", "hub_entity_field", "hub_entity_version", "hub_region", "hub_duty", "hub_credential", "hub_erasure",
    "hub_audit_value", "hub_cursor", "hub_token", "hub_seen",
)  # fmt: skip


def pattern_of(words):
    """One regular expression for these words, as text and as JSON writes them."""
    forms = set()
    for word in words:
        for text in (word, json.dumps(word)[1:-1], json.dumps(word, ensure_ascii=False)[1:-1]):
            forms.add(text)
    # The longest first: an address before the name in it.
    parts = [re.sub(r"([^\w\s])", r"\\\1", text) for text in sorted(forms, key=len, reverse=True)]
    return "|".join(parts)


class HubBlacken(models.AbstractModel):
    _name = "hub.blacken"
    _description = "Blacken Words"

    @api.model
    def _blacken(self, words):
        """Every other place of the hub in which one of the words stands: looked for, not listed, so that
        a table that is new is not forgotten.

        :return: number of rows that were changed.
        """
        pattern = pattern_of(words)
        if not pattern:
            return 0
        cr = self.env.cr
        cr.execute(
            """SELECT c.table_name, c.column_name, c.data_type
                 FROM information_schema.columns c JOIN information_schema.tables t USING (table_schema, table_name)
                WHERE c.table_schema = current_schema() AND t.table_type = 'BASE TABLE'
                  AND c.table_name LIKE 'hub\\_%%' AND c.data_type = ANY(%s) AND NOT c.table_name = ANY(%s)
                ORDER BY 1, 2""",
            [list(SEARCHED), list(KEPT)],
        )
        places = [(*row, "TRUE") for row in cr.fetchall()]
        # Notes, activities, changes of tracked fields and names of files that the hub's own records carry.
        posted = "mail_message_id IN (SELECT id FROM mail_message WHERE model LIKE 'hub.%')"
        places += [
            ("mail_message", "body", "text", "model LIKE 'hub.%'"),
            ("mail_message", "subject", "character varying", "model LIKE 'hub.%'"),
            ("mail_activity", "note", "text", "res_model LIKE 'hub.%'"),
            ("mail_activity", "summary", "character varying", "res_model LIKE 'hub.%'"),
            ("ir_attachment", "name", "character varying", "res_model LIKE 'hub.%'"),
            ("mail_tracking_value", "old_value_char", "character varying", posted),
            ("mail_tracking_value", "new_value_char", "character varying", posted),
            ("mail_tracking_value", "old_value_text", "text", posted),
            ("mail_tracking_value", "new_value_text", "text", posted),
        ]
        count = 0
        for table, column, kind, condition in places:
            count += self._blacken_column(table, column, kind, condition, pattern)
        return count

    @api.model
    def _blacken_column(self, table, column, kind, condition, pattern):
        cr = self.env.cr
        condition = condition.replace("%", "%%")  # it is part of a statement with parameters
        if kind == "bytea":
            if (table, column) != ("hub_payload", "body"):
                return 0  # files of forms, which their own cleaning removes
            return self._blacken_payloads(pattern)
        cast = f"::{kind}" if kind in ("jsonb", "json") else ""
        cr.execute(
            f"""UPDATE {table} SET "{column}" = regexp_replace("{column}"::text, %s, %s, 'gi'){cast}
                 WHERE {condition} AND "{column}"::text ~* %s""",
            [pattern, ERASED, pattern],
        )
        return cr.rowcount

    @api.model
    def _blacken_payloads(self, pattern):
        """Bytes that are no UTF-8 hold no word that could be found; they keep to their retention."""
        cr = self.env.cr
        matcher = re.compile(pattern, re.IGNORECASE)
        cr.execute("SELECT id, body FROM hub_payload WHERE body IS NOT NULL")
        changed = []
        while rows := cr.fetchmany(500):
            for payload, body in rows:
                try:
                    text = bytes(body).decode()
                except UnicodeDecodeError:
                    continue
                black = matcher.sub(ERASED, text)
                if black != text:
                    changed.append((payload, black.encode()))
        if changed:
            cr.execute(
                """UPDATE hub_payload q SET body = u.body
                     FROM unnest(%s::int[], %s::bytea[]) u(id, body) WHERE q.id = u.id""",
                [[row[0] for row in changed], [row[1] for row in changed]],
            )
        return len(changed)
