from datetime import datetime, timezone
from urllib.parse import urlsplit

from odoo import http
from odoo.exceptions import UserError
from odoo.http import request

from ..connectors.errors import BadBody, BadSignature
from ..connectors.parts import WebhookRequest
from ..core.envelope import NoKey, NotBound
from .body import read_body

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
        body, refused = read_body(TYPES, MAX_BODY)
        if refused:
            return self._answer(refused)
        env = request.env
        door = env["hub.receive"]._find(token)
        if not door:
            # An unknown address answers like a wrong signature: it tells nothing.
            return self._answer(BadSignature.status)
        # What products sign is the address that they were given, however a proxy writes it.
        query = urlsplit(httprequest.url).query
        url = f"{env['hub.system']._public_url()}/hub/webhook/{token}" + (query and f"?{query}")
        call = WebhookRequest(httprequest.method, url, dict(httprequest.headers), body)
        try:
            notices = door.connector.verify(
                call,
                door.secrets(env["hub.credential"]._keys()),
                dict(door.settings),
                datetime.now(timezone.utc),
            )
        except (BadSignature, BadBody) as error:
            env["hub.rejection"]._count(door.system_id, error.code)
            return self._answer(error.status)
        except (UserError, NoKey, NotBound):
            # No key, or a secret that cannot be opened: fail closed; the provider tries again.
            env["hub.rejection"]._count(door.system_id, "no_secret")
            return self._answer(BadSignature.status)
        env["hub.receive"]._receive(door, notices)
        return self._answer(*door.connector.reply(call))

    def _answer(self, status, body=b"", kind="text/plain; charset=utf-8"):
        """A provider's answer: no page, no cookie."""
        return request.make_response(body, status=status, headers=[("Content-Type", kind)])
