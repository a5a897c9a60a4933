from odoo import models
from odoo.exceptions import UserError, ValidationError

from ...connectors.errors import ConnectorError
from ...core.keys import order_key
from .request import request_records

MOST_ID = 200  # characters of an external id
LANE = 1


class HubLink(models.Model):
    """A document made by hand says which record of a product it is, so that it is not doubled later."""

    _inherit = "hub.link"

    def _claim(self, record, system, entity, external_id):
        """Link ``record`` to an id of ``system``; what arrives for that id is applied to it.

        :raise AccessError: the user may not write the record, or may not decide in the hub.
        :raise UserError: the record or the id is linked already, or belongs to another company.
        """
        self.env["hub.message"]._require_resolver()
        system.check_access("read")
        record.check_access("write")
        external_id = self._checked_id(external_id)
        if record._name != entity.model_name:
            raise UserError(
                self.env._(
                    "%(record)s is no %(entity)s.", record=record.display_name, entity=entity.name
                )
            )
        company = record.company_id if "company_id" in record else self.env["res.company"]
        if company and company not in system.company_ids:
            raise UserError(
                self.env._(
                    "%(system)s does not serve %(company)s, the company of this record.",
                    system=system.name,
                    company=company.name,
                )
            )
        self._refuse_second(record, system, entity, external_id)
        key = order_key(system.id, entity.code, external_id)
        shared = entity.company_mode == "shared"
        self._insert(
            record, system, entity, external_id, key, None if shared else company.id or None
        )
        self.env["hub.audit"]._append(
            [
                {
                    "action": "claim",
                    "system_id": system.id,
                    "company_id": company.id or None,
                    "res_model": record._name,
                    "res_id": record.id,
                    "values": {"entity": entity.code, "external_id": external_id},
                }
            ]
        )
        self._go_on(record, system, entity, external_id, key)

    def _checked_id(self, external_id):
        text = (external_id or "").strip()
        if not text or len(text) > MOST_ID or any(ord(c) < 32 for c in text):
            raise ValidationError(
                self.env._("An id has 1 to %s characters, and no line breaks.", MOST_ID)
            )
        return text

    def _refuse_second(self, record, system, entity, external_id):
        """Neither the id nor the record may have a partner already; says which one and by whom."""
        # Ids of links are no secret, and a link that the user cannot see is taken nevertheless.
        links = self.sudo().search(
            [
                ("system_id", "=", system.id),
                ("entity_id", "=", entity.id),
                "|",
                ("external_id", "=", external_id),
                "&",
                ("res_model", "=", record._name),
                ("res_id", "=", record.id),
            ]
        )
        for link in links:
            same = link.res_id == record.id
            if same:
                raise UserError(
                    self.env._(
                        "This record is %(entity)s %(id)s in %(system)s already.",
                        entity=entity.name,
                        id=link.external_id,
                        system=system.name,
                    )
                )
            raise UserError(
                self.env._(
                    "%(entity)s %(id)s in %(system)s is linked to %(other)s already, %(whom)s.",
                    entity=entity.name,
                    id=external_id,
                    system=system.name,
                    other=self._name_of(link),
                    whom=self._linked_by(link),
                )
            )

    def _name_of(self, link):
        """The other record as far as the user may know it."""
        other = self.env[link.res_model].browse(link.res_id).exists()._filtered_access("read")
        return f"“{other.display_name}”" if other else self.env._("a record that you may not read")

    def _linked_by(self, link):
        audit = (
            self.env["hub.audit"]
            .sudo()
            .search(  # who decided is told to whom it stops
                [
                    ("res_model", "=", link.res_model),
                    ("res_id", "=", link.res_id),
                    ("system_id", "=", link.system_id.id),
                    ("action", "in", ("claim", "decide")),
                ],
                limit=1,
            )
        )
        if audit:
            return self.env._("by %(who)s on %(day)s", who=audit.user_id.name, day=audit.at.date())
        return self.env._("by the hub on %s", link.linked_at.date() if link.linked_at else "")

    def _insert(self, record, system, entity, external_id, key, company_id):
        self.env.cr.execute(
            """INSERT INTO hub_record (res_model, res_id, entity_id, company_id)
               VALUES (%s, %s, %s, %s) ON CONFLICT (res_model, res_id) DO NOTHING""",
            [record._name, record.id, entity.id, company_id],
        )
        self.env.cr.execute(
            """
            INSERT INTO hub_link (system_id, entity_id, record_id, company_id, external_id, res_model,
                                  res_id, order_key)
            SELECT %s, %s, r.id, %s, %s, r.res_model, r.res_id, %s FROM hub_record r
             WHERE r.res_model = %s AND r.res_id = %s
            ON CONFLICT (system_id, entity_id, external_id) DO NOTHING
            """,
            [system.id, entity.id, company_id, external_id, key, record._name, record.id],
        )
        if not self.env.cr.rowcount:
            raise UserError(self.env._("Somebody has just linked this id. Look again."))
        self.invalidate_model()

    def _go_on(self, record, system, entity, external_id, key):
        """What waited for this id goes on, what failed about it is tried again, and the record itself is
        read, so that both sides agree on its values from now on."""
        self.env.cr.execute(
            """UPDATE hub_message
                  SET state = 'pending', next_attempt_at = clock_timestamp() AT TIME ZONE 'UTC'
                WHERE state = 'waiting' AND wait_key = %s""",
            [key],
        )
        failed = self.env["hub.message"].search(
            [
                ("system_id", "=", system.id),
                ("entity_id", "=", entity.id),
                ("external_id", "=", external_id),
                ("direction", "=", "in"),
                ("state", "in", ("failed", "dead")),
            ]
        )
        if failed:
            failed._note_author()
            failed._replay(self.env._("%s was linked to it by hand", record.display_name))
        elif entity.code in system._connector_class().entities_in:
            request_records(self.env.cr, system.id, [(entity.id, entity.code, external_id, LANE)])
        self.env["hub.engine"]._wake_after_commit()

    def _look_up(self, system, entity, external_id):
        """Ask the product whether it has this record.

        :raise UserError: it has not, or it cannot be asked.
        """
        external_id = self._checked_id(external_id)
        try:
            # With sudo: asking needs the system's secrets, which the user never sees.
            found = system.sudo()._connector().fetch(entity.code, [external_id])
        except ConnectorError as error:
            why = self.env["hub.sentence"]._sentence(f"error_{error.kind}", error.params)
            raise UserError(
                self.env._("%(system)s could not be asked. %(why)s", system=system.name, why=why)
            ) from error
        if external_id not in found:
            raise UserError(
                self.env._(
                    "%(system)s has no %(entity)s %(id)s.",
                    system=system.name,
                    entity=entity.name,
                    id=external_id,
                )
            )
