"""Pictures of the pages that the story passes, for the README and for whoever wants to look."""

from . import browser, paths

FOLDER = paths.STATE / "screens"
# what shows that a page has its content
READY = (
    ".o_list_renderer, .o_kanban_renderer, .o_form_renderer, .o_hub_operations, .o_nocontent_help"
)


class Screens:
    """Takes pictures of Odoo's pages as the administrator sees them.

    :param url: address of Odoo
    """

    def __init__(self, url, login="admin", password="admin"):
        from playwright.sync_api import sync_playwright  # only where pictures are wanted

        self.url = url
        FOLDER.mkdir(exist_ok=True)
        self._playwright = sync_playwright().start()
        self._browser = self._playwright.chromium.launch(
            executable_path=str(browser.ensure()), args=["--no-sandbox", "--disable-gpu"]
        )
        self.page = self._browser.new_page(viewport={"width": 1400, "height": 900})
        self._who = (login, password)
        self._signed_in = False

    def take(self, name, path, ready=READY):
        """Open a page and save its picture as `<name>.png`."""
        if not self._signed_in:
            self._sign_in()
        self.page.goto(f"{self.url}{path}")
        try:
            self.page.wait_for_selector(ready, timeout=30_000)
            self.page.wait_for_selector(".o_loading_indicator", state="hidden", timeout=30_000)
        finally:
            self.page.screenshot(path=str(FOLDER / f"{name}.png"))

    def shoot(self, name):
        """Save a picture of the page as it stands, once it has come to rest."""
        self.page.wait_for_selector(".o_loading_indicator", state="hidden", timeout=30_000)
        self.page.screenshot(path=str(FOLDER / f"{name}.png"))

    def _sign_in(self):
        self.page.goto(f"{self.url}/web/login")
        self.page.fill("input[name=login]", self._who[0])
        self.page.fill("input[name=password]", self._who[1])
        self.page.click("button[type=submit]")
        self.page.wait_for_selector(".o_web_client .o_main_navbar", timeout=90_000)
        self._signed_in = True

    def close(self):
        """End the browser."""
        self._browser.close()
        self._playwright.stop()
