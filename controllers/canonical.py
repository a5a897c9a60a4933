from datetime import datetime, timezone

from odoo import http
from odoo.exceptions import AccessDenied, UserError
from odoo.http import request
from werkzeug.exceptions import Unauthorized

from ..connectors.errors import BadSignature
from ..connectors.parts import WebhookRequest
from ..core.envelope import NoKey, NotBound
from ..core.problem import Problem
from .body import read_body

MAX_BODY = 4_000_000
TYPES = ("application/json",)


class HubCanonical(http.Controller):
    """The canonical API in: prove who pushes, judge each item, store what is good, commit, answer."""

    @http.route(
        "/hub/v1/<string:entity>",
        type="http",
        auth="none",  # a signature or an API key, see _who
        methods=["POST"],
        csrf=False,
        save_session=False,
        readonly=False,
        max_content_length=MAX_BODY + 1,
    )
    def push(self, entity, system=None):
        push = request.env["hub.push"]
        body, status = read_body(TYPES, MAX_BODY)
        if status:
            code = "push_too_large" if status == 413 else "push_media_type"
            return self._answer(push._refused(status, Problem(code, limit=MAX_BODY)))
        try:
            door, call_key, author = self._who(system, body)
        except BadSignature as error:
            known = push._find(system)
            if known:
                request.env["hub.rejection"]._count(known.system_id, error.code)
            # An unknown system answers like a wrong key: it tells nothing.
            return self._answer(push._refused(error.status, Problem("push_unauthorized")))
        # as the door found it: what the key's user may see or do plays no part
        answer = push._take(door, entity, body, call_key, author)
        refused = [r for r in answer.content.get("results", ()) if r["status"] == "refused"]
        if answer.status >= 400 or refused:
            request.env["hub.rejection"]._count(door.system_id, self._reason(answer, refused))
        return self._answer(answer)

    def _who(self, token, body):
        """Who pushes: ``(door, key of the call, user id)``.

        :raise BadSignature: it is not proved, or that user may not.
        """
        headers = request.httprequest.headers
        push = request.env["hub.push"]
        if "Authorization" in headers:
            try:
                request.env["ir.http"]._auth_method_bearer()
            except (AccessDenied, Unauthorized):
                raise BadSignature("bad_key") from None
            door = push._find_of(request.env.uid, token)
            if not door:
                raise BadSignature("key_not_named")
            return door, headers.get("Idempotency-Key"), request.env.uid
        door = push._find(token)
        if not door:
            raise BadSignature("unknown")
        try:
            secrets = door.secrets(request.env["hub.credential"]._keys())
        except (UserError, NoKey, NotBound):
            raise BadSignature("no_secret") from None
        asked = WebhookRequest("POST", "", dict(headers), body)
        return door, door.connector.prove(asked, secrets, datetime.now(timezone.utc)), None

    @staticmethod
    def _reason(answer, refused):
        return answer.content["code"] if not refused else f"item_{refused[0]['code']}"

    def _answer(self, answer):
        return request.make_json_response(answer.content, status=answer.status)
