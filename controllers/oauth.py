from odoo import http
from odoo.exceptions import AccessError, UserError
from odoo.http import request


class HubOAuth(http.Controller):
    """The way back from a product's page of consent."""

    @http.route("/hub/oauth/return", type="http", auth="user", methods=["GET"], readonly=False)
    def back(self, state="", code="", error="", **more):
        """Take the code, test the connection, and go to where the person came from."""
        try:
            system = request.env["hub.consent"]._take(state)
        except (AccessError, UserError) as fault:
            return self._refused(fault, "/odoo/hub-systems", 403)
        place = f"/odoo/hub-systems/{system.id}"
        if error or not code:
            # What the product writes there is not shown: anybody can write an address.
            fault = request.env._(
                "%s did not let the hub in: nothing was stored. Sign in again if that was not meant.",
                system.name,
            )
            return self._refused(fault, place, 200)
        consent = system._connector_class().consent
        try:
            # All or nothing: of a sign-in that fails no part is kept.
            with request.env.cr.savepoint():
                account = more.get(consent.account) if consent.account else None
                system._admit(code, request.env["hub.consent"]._verifier(state), account)
        except UserError as fault:
            return self._refused(fault, place, 200)
        system.action_test_connection()
        return request.redirect(request.env["hub.connect"]._place_of(system) or place)

    def _refused(self, fault, place, status):
        response = request.render(
            "lead_to_cash_hub.consent_refused", {"sentence": str(fault), "place": place}
        )
        response.status_code = status
        return response
