from odoo import http
from odoo.http import request

ROUTE = {
    "type": "http",
    "auth": "none",
    "methods": ["POST"],
    "csrf": False,
    "save_session": False,
    "readonly": False,
}


class HubBench(http.Controller):
    """What a door is measured beside: the same server, without what makes it a door."""

    @http.route("/hub_bench/raw", **ROUTE)
    def raw(self):
        """One raw INSERT of the body into the table where doors keep bodies."""
        request.env.cr.execute(
            "INSERT INTO hub_payload (body) VALUES (%s)", [request.httprequest.get_data()]
        )
        return self._answer()

    @http.route("/hub_bench/empty", **ROUTE)
    def empty(self):
        """Nothing but the answer."""
        request.httprequest.get_data()
        return self._answer()

    def _answer(self):
        return request.make_response(b"", headers=[("Content-Type", "text/plain; charset=utf-8")])
