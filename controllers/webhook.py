from datetime import datetime, timezone
from urllib.parse import urlsplit

from odoo import http
from odoo.exceptions import UserError
from odoo.http import request
from werkzeug.exceptions import RequestEntityTooLarge

from ..connectors.base import WebhookRequest
from ..connectors.errors import BadBody, BadSignature

MAX_BODY = 1_000_000
TYPES = (
    "application/json",
    "application/cloudevents+json",
    "application/cloudevents-batch+json",
    "text/xml",
    "application/xml",
)


class HubWebhook(http.Controller):
    """The door: prove who speaks, store what was said, commit, answer. All else comes later."""

    @http.route(
        "/hub/webhook/<string:token>",
        type="http",
        auth="none",
        methods=["POST"],
        csrf=False,
        save_session=False,
        readonly=False,
        max_content_length=MAX_BODY + 1,
    )
    def receive(self, token):
        httprequest = request.httprequest
        if httprequest.content_encoding or httprequest.mimetype not in TYPES:
            return self._answer(415)
        try:
            # A chunked body over the limit would be cut silently: one byte more than allowed tells.
            body = httprequest.get_data(cache=False)
        except RequestEntityTooLarge:
            return self._answer(413)
        if len(body) > MAX_BODY:
            return self._answer(413)
        receive = request.env["hub.receive"]
        system = receive._find(token)
        if not system:
            # An unknown address answers like a wrong signature: it tells nothing.
            return self._answer(401)
        connector = system._connector_class()
        if len(body) > connector.max_body:
            return self._answer(413)
        path = urlsplit(httprequest.url)
        url = system._public_url() + path.path + (f"?{path.query}" if path.query else "")
        try:
            secrets = (
                system.env["hub.credential"]
                ._read_all(system)
                .get(connector.webhook_secret_field, [])
            )
            notices = connector.verify(
                WebhookRequest(httprequest.method, url, dict(httprequest.headers), body),
                secrets,
                system._settings(),
                datetime.now(timezone.utc),
            )
        except (BadSignature, BadBody) as error:
            request.env["hub.rejection"]._count(system.id, error.code)
            return self._answer(error.status)
        except UserError:
            # No key, or a secret that cannot be opened: fail closed; the provider tries again.
            request.env["hub.rejection"]._count(system.id, "no_secret")
            return self._answer(connector.bad_signature_status)
        receive._receive(system.id, system.account_ref or "", notices)
        return self._answer(connector.ok_status, connector.ok_body)

    def _answer(self, status, body=b""):
        """A provider's answer: no page, no cookie."""
        return request.make_response(
            body, status=status, headers=[("Content-Type", "text/plain; charset=utf-8")]
        )
