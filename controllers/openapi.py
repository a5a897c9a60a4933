from odoo import http
from odoo.http import request

from ..core.described import openapi


class HubOpenApi(http.Controller):
    @http.route(
        "/hub/v1/openapi.json",
        type="http",
        auth="bearer",
        methods=["GET"],
        save_session=False,
    )
    def openapi(self, system=None):
        """The canonical API as OpenAPI 3.1: what a system may push today.

        Asked with an API key (``Authorization: Bearer``) or a signed-in browser.

        :param system: of which system; may be left out by a user whom one system alone names.
        """
        push = request.env["hub.push"]
        door = push._find_of(request.env.uid, system)
        if not door and request.env.user.has_group("lead_to_cash_hub.group_hub_viewer"):
            door = push._find(system)
        if not door:
            return request.make_json_response({"error": "forbidden"}, status=403)
        content = openapi(request.env["hub.system"]._public_url(), push._schemas(door.system_id))
        return request.make_json_response(content)
