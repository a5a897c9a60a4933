from odoo import http
from odoo.http import request


class HubHealth(http.Controller):
    @http.route(
        "/hub/health",
        type="http",
        auth="none",
        methods=["GET"],
        csrf=False,
        save_session=False,
        readonly=False,
    )
    def health(self):
        """For a load balancer or a monitor: 200 while drainers report, else 503. Counts only, no names."""
        health = request.env["hub.engine"]._health()
        return request.make_json_response(health, status=200 if health["ok"] else 503)
