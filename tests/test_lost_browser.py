"""A browser that dies in the middle of a test is started once more, and what its first life did is not there."""

from unittest.mock import patch

from odoo.tests import common, tagged

from .view_common import HubBrowser


@tagged("post_install", "-at_install")
class TestLostBrowser(HubBrowser):
    def test_a_browser_that_dies_starts_again_from_the_same_data(self):
        for step in ("_wait_ready", "_wait_code_ok"):
            with self.subTest(step):
                self._lose_a_browser(step)

    def _lose_a_browser(self, step):
        half_done = []
        plain = getattr(common.ChromeBrowser, step)

        def dying(browser, *args, **kwargs):
            if not half_done:
                with self.registry.cursor() as cr:  # as a request does, never beside one
                    partner = self.env(cr=cr)["res.partner"].create({"name": "Half done"})
                half_done.append(partner.id)
                browser._websocket_send("Browser.close")
                browser._receiver.join(60)
            return plain(browser, *args, **kwargs)

        with (
            patch.object(common.ChromeBrowser, step, dying),
            self.assertLogs("odoo.addons.lead_to_cash_hub.tests.view_common", "WARNING"),
        ):
            self.browser_js("/web/login", "console.log('test successful')")
        self.assertFalse(self.env["res.partner"].browse(half_done).exists())

    def test_a_script_that_fails_is_not_tried_again(self):
        with (
            self.assertRaisesRegex(AssertionError, "wrong"),
            self.assertNoLogs("odoo.addons.lead_to_cash_hub.tests.view_common", "WARNING"),
        ):
            self.browser_js("/web/login", "console.error('wrong')")
