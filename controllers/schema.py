from odoo import http
from odoo.http import request


class HubSchema(http.Controller):
    """The canonical model for other programs, as JSON Schema."""

    @http.route(
        "/hub/v1/schema/<string:entity>",
        type="http",
        auth="bearer",
        methods=["GET"],
        save_session=False,
        readonly=False,  # a version that was never asked for is kept now
    )
    def schema(self, entity, version=None):
        """JSON Schema (2020-12) of an entity: its newest version, or ``?version=<number>``.

        Asked with an API key (``Authorization: Bearer``) or a signed-in browser, by a user of the hub.
        """
        if not request.env.user.has_group("lead_to_cash_hub.group_hub_viewer"):
            return self._answer({"error": "forbidden"}, 403)
        found = request.env["hub.entity"].search([("code", "=", entity)])
        if not found:
            return self._answer({"error": "unknown_entity"}, 404)
        Version = request.env["hub.entity.version"]
        newest = Version._publish(found)[found.id]
        if version is not None:
            if not version.isdecimal() or len(version) > 9:
                return self._answer({"error": "unknown_version"}, 404)
            newest = Version.search([("entity_id", "=", found.id), ("number", "=", int(version))])
            if not newest:
                return self._answer({"error": "unknown_version"}, 404)
        base = request.env["hub.system"]._public_url()
        address = f"{base}/hub/v1/schema/{found.code}?version={newest.number}"
        return self._answer({"$id": address, "x-hub-version": newest.number, **newest.schema}, 200)

    def _answer(self, content, status):
        kind = "application/schema+json" if status == 200 else "application/json"
        return request.make_json_response(content, headers=[("Content-Type", kind)], status=status)
