"""What the tests of declared connectors share: Bureau, which the hub knows nothing of, connected in forms."""

import base64
import json
from unittest.mock import patch

from odoo import tools
from odoo.fields import Command
from odoo.tests import Form

from sandbox.bureau import BureauSandbox

from .hub_common import HubMixin

KEY, SIGNING = "bureau-sandbox-key", "bureau-note-secret"


class DeclaredMixin(HubMixin):
    """An admin with the Settings right connects Bureau by its OpenAPI file and the forms' models."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env = cls.env(context={**cls.env.context, "no_reset_password": True})
        cls.company = cls.env.ref("base.main_company")
        cls.admin = cls._make_role("declarer", "manager", "base.group_system")
        cls.manager = cls._make_role("integrator", "manager")

    def _serve_bureau(self):
        running = BureauSandbox().start()
        self.addCleanup(running.stop)
        allowed = patch.dict(tools.config.options, {"hub_local_hosts": running.host})
        allowed.start()
        self.addCleanup(allowed.stop)
        self.bureau, self.url = running.sandbox, running.url
        return running.sandbox

    def _import(self, document, user=None, **values):
        """Upload a file; gives the connector."""
        raw = document if isinstance(document, bytes) else json.dumps(document).encode()
        env = self.env(user=user or self.admin)
        wizard = env["hub.connector.import"].create({"file": base64.b64encode(raw), **values})
        return env["hub.connector"].browse(wizard.action_read()["res_id"])

    def _declare(self):
        """Bureau's connector: what its file says, and what a person adds."""
        connector = self._import(self.bureau.openapi(self.url))
        form = Form(connector)
        form.test_account = "office.number"
        form.webhook_kind = "hmac"
        form.webhook_header = "X-Bureau-Signature"
        form.webhook_prefix = "sha256="
        form.webhook_signed = "{timestamp}.{body}"
        form.webhook_time_header = "X-Bureau-Time"
        form.webhook_events = "notes"
        form.webhook_type = "about"
        form.webhook_object_id = "number"
        form.webhook_event_id = "note_no"
        form.webhook_account = "office"
        form.pace_calls, form.pace_seconds = 60, 10
        form.note = False
        with form.type_ids.new() as kind:
            kind.name, kind.action = "client.*", "change"
            kind.entity_id = self._entity("customer")
        with form.error_ids.new() as error:
            error.status, error.path, error.kind = 422, "fault.no", "data"
            error.sentence = "Bureau does not take the name."
        form.save()
        customers = connector.stream_ids.filtered(lambda s: s.entity_id.code == "customer")
        customers.deleted_path = "struck_off"
        return connector

    def _connect(self, connector):
        """A system of Bureau: its secrets, its test."""
        action = connector.action_new_system()
        env = connector.env
        form = Form(env["hub.system"].with_context(**action["context"]))
        form.environment = "sandbox"
        form.account_ref = "OFFICE-7"
        system = form.save()
        for credential in system.credential_ids:
            credential.secret = {"api_key": KEY, "webhook_secret": SIGNING}[credential.name]
        system.action_test_connection()
        return system

    def _entity(self, code):
        return self.env["hub.entity"].search([("code", "=", code)])

    def _stream(self, system, code, direction="in"):
        return system.all_stream_ids.filtered(
            lambda s: s.entity_id.code == code and s.direction == direction
        )

    def _map(self, system, code, direction="in", **paths):
        """Set lines of a mapping, as its form does."""
        mapping = system.mapping_ids.filtered(
            lambda m: m.entity_id.code == code and m.direction == direction
        )
        for name, path in paths.items():
            line = mapping.line_ids.filtered(lambda line, name=name: line.field_id.name == name)
            if line:
                line.path = path
                continue
            field = mapping.entity_id.field_ids.filtered(lambda f, name=name: f.name == name)
            mapping.line_ids = [Command.create({"field_id": field.id, "path": path})]
        return mapping
