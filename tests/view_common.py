"""What the tests of the screens share: a system, messages in several states, and people by role."""

import json
import logging
from datetime import datetime, timezone
from unittest import SkipTest
from unittest.mock import patch

from odoo.fields import Command
from odoo.tests import HttpCase, common
from odoo.tests.common import new_test_user

from ..models.flow.receive import Incoming

VIEWER = "lead_to_cash_hub.group_hub_viewer"
RESOLVER = "lead_to_cash_hub.group_hub_resolver"
MANAGER = "lead_to_cash_hub.group_hub_manager"
AUDITOR = "lead_to_cash_hub.group_hub_auditor"
BILLING_APPROVER = "lead_to_cash_hub.group_hub_billing_approver"
NOON = datetime(2026, 3, 2, 12, tzinfo=timezone.utc)

_logger = logging.getLogger(__name__)


class HubBrowser(HttpCase):
    """Browser tests for machines that do much at once: a browser starts slowly there, now and then it dies."""

    # what Odoo's assertions say of a page that never came up, and of a browser whose connection ended
    LOST = ("was always falsy", "Unknown error")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.startClassPatcher(patch.object(common, "CHECK_BROWSER_ITERATIONS", 900))

    def browser_js(self, *args, **kwargs):
        """As Odoo's; a browser that was lost is started once more, from the data that the first one found."""
        try:
            with self.env.cr.savepoint():
                return super().browser_js(*args, **kwargs)
        except SkipTest:
            raise
        except Exception as error:
            if isinstance(error, AssertionError) and not any(
                sign in str(error) for sign in self.LOST
            ):
                raise
            _logger.warning("The browser was lost (%r) and is started once more.", error)
        self.env.invalidate_all(flush=False)
        return super().browser_js(*args, **kwargs)


class HubScreens:
    """Builders for test cases; everything is stored by the models' own functions."""

    @classmethod
    def make_people(cls):
        cls.viewer = new_test_user(cls.env, "hub_viewer", groups=VIEWER)
        cls.resolver = new_test_user(cls.env, "hub_resolver", groups=RESOLVER)
        cls.manager = new_test_user(cls.env, "hub_manager", groups=MANAGER)
        cls.auditor = new_test_user(cls.env, "hub_auditor", groups=AUDITOR)
        cls.approver = new_test_user(cls.env, "hub_approver", groups=BILLING_APPROVER)

    @classmethod
    def make_system(cls, name="Tour system", company=None):
        company = company or cls.env.company
        user = cls.env.ref("lead_to_cash_hub.user_hub")
        user.company_ids = [Command.link(company.id)]
        return cls.env["hub.system"].create(
            {
                "name": name,
                "product": "hubspot",
                "environment": "sandbox",
                "base_url": "https://hubspot.invalid",
                "account_ref": "1",
                "company_ids": [Command.set(company.ids)],
            }
        )

    @classmethod
    def receive(cls, system, entity, *external_ids, kind="snapshot"):
        """Messages as a poll stores them."""
        cls.env.flush_all()
        cls.env["hub.receive"]._store(
            cls.env.cr,
            system.id,
            "1",
            [
                Incoming(
                    entity=entity,
                    external_id=external_id,
                    provider_key=f"{entity}/{external_id}".encode(),
                    kind=kind,
                    action="changed",
                    changed_at=NOON,
                    version=None,
                    payload=json.dumps(
                        {"id": external_id, "properties": {"name": "Ädam"}}
                    ).encode(),
                )
                for external_id in external_ids
            ],
        )
        return cls.env["hub.message"].search(
            [("system_id", "=", system.id), ("external_id", "in", external_ids)], order="id"
        )

    @classmethod
    def need_person(cls, messages, code, params, amount=100.0, process="deal_to_project"):
        """Let ``messages`` need a person, all for one cause."""
        company = messages[0].system_id.company_ids[:1]
        cls.env.cr.execute(
            """UPDATE hub_message SET state = 'failed', reason = %s, params = %s, company_id = %s
                WHERE id = ANY(%s)""",
            [code, json.dumps(params), company.id, messages.ids],
        )
        cls.env["hub.exception"]._open(
            cls.env.cr,
            [
                {
                    "message_id": message.id,
                    "fingerprint": f"{code}/{message.system_id.id}/{sorted(params.items())}",
                    "code": code,
                    "kind": "data",
                    "params": json.dumps(params),
                    "issue_params": json.dumps(params),
                    "system_id": message.system_id.id,
                    "entity_id": message.entity_id.id,
                    "process_id": cls.env.ref(f"lead_to_cash_hub.process_{process}").id,
                    "company_id": company.id,
                    "owner_id": None,
                    "amount": amount,
                    "currency_id": company.currency_id.id,
                    "amount_company": amount,
                    "company_currency_id": company.currency_id.id,
                }
                for message in messages
            ],
        )
        cls.env["hub.issue"]._refresh()
        cls.env.invalidate_all()
        exceptions = cls.env["hub.exception"].search([("message_id", "in", messages.ids)])
        return exceptions.issue_id

    @classmethod
    def unknown_word(cls, system, *external_ids, amount=100.0):
        """An issue that one decision solves: a word of the CRM that no term stands for."""
        return cls.need_person(
            cls.receive(system, "opportunity", *external_ids),
            "unknown_term",
            {
                "word": "Signed off",
                "vocabulary": "Deal stage",
                "vocabulary_code": "deal_stage",
            },
            amount=amount,
        )

    @classmethod
    def link(cls, system, entity, external_id, record):
        found = cls.env["hub.entity"].search([("code", "=", entity)])
        cls.env["hub.link"]._store(
            cls.env.cr,
            [
                {
                    "system_id": system.id,
                    "entity_id": found.id,
                    "entity": entity,
                    "external_id": external_id,
                    "company_id": None,
                    "res_model": record._name,
                    "res_id": record.id,
                    "base": json.dumps({"name": record.display_name}),
                }
            ],
        )
        cls.env.invalidate_all()
