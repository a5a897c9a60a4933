"""`./hub declare`: a product that the hub has never heard of is connected in a browser alone, from its OpenAPI
file to records that flow both ways. Takes the pictures of docs/connectors/declared.md when asked to."""

import argparse
import json
import time
import urllib.request

from . import paths, sandboxes
from .running import odoo_on_clone
from .screens import FOLDER, Screens
from .steps import say, step

PICTURES = paths.ROOT / "docs" / "connectors" / "declared"
OPTIONS = {"workers": 2, "max_cron_threads": 2}
CLIENTS = [
    {"trading_name": "Mill Lane Brewery", "tax_id": None, "mail": "hello@milllane.example",
     "telephone": "+44 113 496 0000", "homepage": "https://milllane.example",
     "address": {"line1": "1 Mill Lane", "town": "Leeds", "post_code": "LS1 1AA", "nation": "GB"}},
    {"trading_name": "Harbour Freight Partners", "mail": "office@harbour.example",
     "telephone": "+49 40 555 0100", "homepage": "https://harbour.example",
     "address": {"line1": "Kai 4", "town": "Hamburg", "post_code": "20457", "nation": "DE"}},
]  # fmt: skip
# canonical field of a customer → where Bureau has it
PATHS = {
    "name": "trading_name",
    "email": "mail",
    "phone": "telephone",
    "website": "homepage",
    "street": "address.line1",
    "city": "address.town",
    "zip": "address.post_code",
    "country": "address.nation",
}

BOOKING_PATHS = {
    "project": "job_no",
    "employee": "staff_no",
    "date": "day",
    "hours": "hours",
    "note": "text",
    "approval": "status",
    "billable": "billable",
}
# Bureau's word for how far a booking has come → ours
WORDS = {"open": "Draft", "signed": "Approved"}


def declare(session, arguments):
    """Run it and return 0 when every step shows what it must show."""
    parser = argparse.ArgumentParser(prog="hub declare")
    parser.add_argument(
        "--pictures", action="store_true", help="renew the pictures of docs/connectors/declared.md"
    )
    options = parser.parse_args(arguments)
    with sandboxes.running("declare", ("bureau",)) as urls:
        url = urls["bureau"]
        host = url.removeprefix("http://")
        with odoo_on_clone(session, "declare", hub_local_hosts=host, **OPTIONS) as running:
            screens = Screens(running.url)
            try:
                _Story(running, screens, url).tell()
            except Exception:
                screens.page.screenshot(path=str(FOLDER / "stopped.png"))
                raise
            finally:
                screens.close()
    if options.pictures:
        _keep_pictures()
    say("✓ Connected in the browser alone; records flow both ways.")
    return 0


class _Story:
    """The steps, in the order of the page in the documentation."""

    def __init__(self, running, screens, url):
        self.running, self.screens, self.url = running, screens, url
        self.page = screens.page

    def tell(self):
        self._control("objects", {"clients": CLIENTS})
        with step("The OpenAPI file is read"):
            self._read_file()
        with step("What it does not say is entered"):
            self._complete()
        with step("An account is connected and tested"):
            self._connect()
        with step("A page is looked at, mapped and switched on"):
            self._customers_in()
        with step("A signed webhook changes a customer"):
            self._webhook()
        with step("Time comes in: its words are decided once, and a process says what takes part"):
            self._project_and_person()
            self._time_in()
        with step("A customer of Odoo goes out"):
            self._customers_out()

    # -- hands ------------------------------------------------------------------------------------

    def _control(self, name, body=None):
        """Bureau's own control plane: what happens there while nobody looks."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            f"{self.url}/__sandbox__/{name}", data, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def _fill(self, name, value, within=""):
        self.page.fill(f"{within} .o_field_widget[name='{name}'] :is(input, textarea)", value)

    def _pick(self, name, label, within=""):
        """Choose in a selection."""
        box = self.page.locator(f"{within} .o_field_widget[name='{name}']").first
        if box.locator("select").count():
            box.locator("select").select_option(label=label)
            return
        box.locator("input").click()
        self.page.click(
            f".o_select_menu_item:has-text('{label}'), .dropdown-item:has-text('{label}')"
        )

    def _tab(self, title):
        self.page.click(f".o_notebook .nav-link:has-text('{title}')")
        self.page.wait_for_selector(f".o_notebook .nav-link.active:has-text('{title}')")
        self.page.wait_for_timeout(400)  # it fades in

    def _save(self):
        self.page.click(".o_form_button_save")
        self.page.wait_for_selector(".o_form_button_save", state="hidden", timeout=30_000)

    def _open(self, path, ready):
        self.page.goto(f"{self.running.url}{path}")
        self.page.wait_for_selector(ready, timeout=60_000)

    def _until(self, query, seconds=90):
        """Wait until a question to the database is answered with something true."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            rows = self.running.sql(query)
            if rows and rows[0][0]:
                return rows[0][0]
            time.sleep(0.5)
        raise RuntimeError(f"Not so after {seconds} s: {query}")

    # -- steps ------------------------------------------------------------------------------------

    def _read_file(self):
        page, screens = self.page, self.screens
        file = FOLDER / "bureau-openapi.json"
        with urllib.request.urlopen(f"{self.url}/api/2/openapi.json", timeout=10) as answer:
            file.write_bytes(answer.read())
        screens.take("declared_0_list", "/odoo/hub-connectors")
        page.click("button:has-text('From a File')")
        page.wait_for_selector(".modal .o_field_widget[name=file]")
        page.set_input_files(".modal .o_field_widget[name=file] input[type=file]", str(file))
        page.wait_for_selector(".modal .o_field_widget[name=file] .o_input[readonly]")
        screens.shoot("declared_1_file")
        page.click(".modal button[name=action_read]")
        page.wait_for_selector(".o_form_view .o_field_widget[name=note]", timeout=60_000)
        screens.shoot("declared_2_read")

    def _complete(self):
        page, screens = self.page, self.screens
        self._fill("test_account", "office.number")
        self._tab("Reads")
        page.click(
            ".o_field_widget[name=stream_ids] .o_data_row:has-text('/clients') td[name=path]"
        )
        page.wait_for_selector(".modal .o_field_widget[name=deleted_path]")
        self._fill("deleted_path", "struck_off", ".modal")
        screens.shoot("declared_3_stream")
        page.click(".modal .o_form_button_save")
        page.wait_for_selector(".modal", state="detached")
        self._tab("Webhooks")
        self._pick("webhook_kind", "Signed (HMAC)")
        page.wait_for_selector(".o_field_widget[name=webhook_header]")
        for name, value in {
            "webhook_header": "X-Bureau-Signature",
            "webhook_prefix": "sha256=",
            "webhook_signed": "{timestamp}.{body}",
            "webhook_time_header": "X-Bureau-Time",
            "webhook_events": "notes",
            "webhook_type": "about",
            "webhook_object_id": "number",
            "webhook_event_id": "note_no",
            "webhook_account": "office",
        }.items():
            self._fill(name, value)
        page.click(".o_field_widget[name=type_ids] .o_field_x2many_list_row_add a")
        row = ".o_field_widget[name=type_ids] .o_selected_row"
        self._fill("name", "client.*", row)
        page.fill(f"{row} .o_field_widget[name=entity_id] input", "Customer")
        page.click(".o-autocomplete--dropdown-item:has-text('Customer') >> nth=0")
        screens.shoot("declared_4_webhooks")
        self._fill("note", "")
        self._save()

    def _connect(self):
        page, screens = self.page, self.screens
        page.click("button[name=action_new_system]")
        page.wait_for_selector(".o_field_widget[name=account_ref]", timeout=30_000)
        self._pick("environment", "Sandbox")
        self._fill("account_ref", "OFFICE-7")
        self._save()
        self._tab("Credentials")
        for label, secret in (
            ("API key", "bureau-sandbox-key"),
            ("Webhook signing secret", "bureau-note-secret"),
        ):
            row = f".o_field_widget[name=credential_ids] .o_data_row:has-text('{label}')"
            page.click(f"{row} td[name=secret]")
            page.fill(
                ".o_field_widget[name=credential_ids] .o_selected_row [name=secret] input", secret
            )
        self._save()
        page.click("button[name=action_test_connection]")
        self._tab("Connection")
        page.wait_for_selector(".o_arrow_button_current:has-text('Connected')", timeout=60_000)
        screens.shoot("declared_5_connected")
        self.system = self._until("SELECT id FROM hub_system WHERE product = 'bureau'")

    def _system(self, tab):
        self._open(f"/odoo/hub-systems/{self.system}", ".o_form_view .o_notebook")
        self._tab(tab)

    def _row(self, direction, entity="Customer"):
        return (f".o_field_widget[name=all_stream_ids] .o_data_row:has-text('{entity}')"
                f":has-text('{direction}')")  # fmt: skip

    def _look(self, entity, shows, picture=None):
        """One page of a stream, and the mapping editor beside it."""
        page, screens = self.page, self.screens
        self._system("Streams")
        page.click(f"{self._row('Inbound', entity)} button[name=action_look]")
        page.wait_for_selector(f".modal .o_data_row:has-text('{shows}')", timeout=60_000)
        if picture:
            screens.shoot(picture)
        page.click(".modal button[name=action_map]")
        page.wait_for_selector(".o_hub_mapping .o_hub_node", timeout=60_000)

    def _map(self, paths):
        for field, path in paths.items():
            self.page.fill(f".o_hub_mapping tr[data-field='{field}'] .o_hub_path", path)

    def _keep_map(self):
        self.page.click(".o_hub_save:not(:disabled)")
        self.page.wait_for_selector(".o_hub_save:disabled")

    def _switch_on(self, entity):
        self._system("Streams")
        self.page.click(f"{self._row('Inbound', entity)} button[name=action_switch_on]")

    def _choose(self, name, label, within=""):
        """Choose a record by its name."""
        box = f"{within} .o_field_widget[name='{name}'] input"
        self.page.fill(box, label)
        self.page.click(f".o-autocomplete--dropdown-item:has-text('{label}') >> nth=0")

    def _customers_in(self):
        page, screens = self.page, self.screens
        self._system("Streams")
        screens.shoot("declared_6_streams")
        self._look("Customer", "Mill Lane", "declared_7_look")
        self._map(PATHS)
        page.wait_for_selector(".o_hub_mapping tr[data-field='country'] .o_hub_canonical:has-text('GB'),"
                               ".o_hub_mapping tr[data-field='country'] .o_hub_canonical:has-text('DE')")  # fmt: skip
        screens.shoot("declared_8_mapping")
        self._keep_map()
        self._switch_on("Customer")
        self._until("SELECT count(*) = 2 FROM hub_link WHERE external_id LIKE 'C-%%'")
        self._open("/odoo/hub-messages", ".o_data_row")
        screens.shoot("declared_9_messages")

    def _webhook(self):
        token = self.running.sql(
            "SELECT webhook_token FROM hub_system WHERE id = %s", [self.system]
        )[0][0]
        number = next(iter(self._control("state")["clients"]))
        self._control("change", {"kind": "clients", "number": number, "address": {"town": "York"}})
        self._control("note", {"about": "client.changed", "number": number})
        public = self.running.url
        sent = self._control("deliver", {"url": f"{public}/hub/webhook/{token}"})
        if [one["status"] for one in sent["deliveries"]] != [200]:
            raise RuntimeError(f"The webhook was not taken: {sent}")
        self._until("SELECT count(*) FROM res_partner WHERE city = 'York'")

    def _project_and_person(self):
        """A project of Odoo's own is a job of Bureau; a person is found by the e-mail address."""
        page, screens = self.page, self.screens
        self.numbers = self._control("objects", {
            "staff": [{"full_name": "Ada Quill", "mail": "ada@firm.example"}],
            "jobs": [{"title": "Cellar survey"}],
        })  # fmt: skip
        job, person = self.numbers["jobs"][0], self.numbers["staff"][0]
        booking = {
            "job_no": job,
            "staff_no": person,
            "hours": "2.50",
            "text": "Cellar, north side",
            "billable": False,
        }
        self._control("objects", {"bookings": [
            {**booking, "status": "signed"},
            {**booking, "status": "open", "hours": "1.00", "text": "Cellar, south side"},
            {**booking, "status": "signed", "hours": "0.50", "text": "Cellar, stairs"},
        ]})  # fmt: skip
        self._open("/odoo/m-hr.employee/new", ".o_form_view .o_field_widget[name=name]")
        self._fill("name", "Ada Quill")
        self._fill("work_email", "ada@firm.example")
        self._save()
        self._open("/odoo/m-project.project/new", ".o_form_view .o_field_widget[name=name]")
        self._fill("name", "Cellar survey")
        self._save()
        page.click(".o_cp_action_menus .dropdown-toggle")
        page.click(".o-dropdown-item:has-text('Link to a Product')")
        page.wait_for_selector(".modal .o_field_widget[name=external_id]")
        self._choose("system_id", "Bureau", ".modal")
        self._fill("external_id", job, ".modal")
        screens.shoot("declared_10_claim")
        page.click(".modal button[name=action_claim]")
        page.wait_for_selector(".modal", state="detached", timeout=30_000)
        self._look("Employee", "Ada Quill")
        self._map({"name": "full_name", "email": "mail"})
        self._keep_map()
        self._switch_on("Employee")
        self._until(f"SELECT count(*) = 1 FROM hub_link WHERE external_id = '{person}'")

    def _time_in(self):
        page, screens = self.page, self.screens
        self._look("Time Entry", "B-")
        self._map(BOOKING_PATHS)
        self._keep_map()
        stream = self._until(
            f"""SELECT s.id FROM hub_stream s JOIN hub_entity e ON e.id = s.entity_id
                 WHERE s.system_id = {self.system} AND e.code = 'time_entry' AND s.direction = 'in'"""
        )
        self._open(f"/odoo/hub-streams/{stream}", ".o_form_view .o_field_widget[name=process_id]")
        self._choose("process_id", "Time to invoice")
        screens.shoot("declared_11_process")
        self._save()
        self._open("/odoo/hub-processes", ".o_data_row")
        page.click(".o_data_row td[name=name]:has-text('Time to invoice')")
        self._tab("Filters")
        page.click(".o_field_widget[name=filter_ids] .o_field_x2many_list_row_add a")
        row = ".o_field_widget[name=filter_ids] .o_selected_row"
        self._choose("entity_id", "Time Entry", row)
        self._fill("when", 'record["approval"] == "approved"', row)
        screens.shoot("declared_12_filter")
        self._save()
        self._switch_on("Time Entry")
        self._until(
            "SELECT count(*) = 1 FROM hub_issue WHERE code = 'unknown_term' AND exception_count = 3"
        )
        self._open("/odoo/hub-issues", ".o_data_row")
        page.click(".o_data_row td[name=sentence]")
        page.click("button[name=action_map]")
        page.wait_for_selector(".modal .o_field_widget[name=word_ids] .o_data_row")
        for word, term in WORDS.items():
            page.click(f".modal .o_data_row:has(td[name=word]:text-is('{word}')) td[name=term_id]")
            self._choose("term_id", term, ".modal .o_selected_row")
        screens.shoot("declared_13_words")
        page.click(".modal button[name=action_confirm] >> visible=true")
        page.wait_for_selector(".modal", state="detached", timeout=30_000)
        self._until("SELECT count(*) = 2 FROM hub_link WHERE external_id LIKE 'B-%%'")
        self._until(
            "SELECT sum(unit_amount) = 3.0 FROM account_analytic_line WHERE name LIKE 'Cellar%%'"
        )
        self._until("SELECT count(*) = 1 FROM hub_message WHERE reason = 'out_of_scope'")
        self._open("/odoo/hub-messages", ".o_data_row")
        screens.shoot("declared_14_time")

    def _customers_out(self):
        page, screens = self.page, self.screens
        # what may be written back is a decision: the name goes both ways from now on
        self._open("/odoo/hub-entities", ".o_data_row")
        page.click(".o_data_row td[name=code]:text-is('customer')")
        page.wait_for_selector(".o_field_widget[name=field_ids] .o_data_row")
        page.click(
            ".o_field_widget[name=field_ids] .o_data_row:has(td[name=name]:text-is('name')) td[name=label]"
        )
        where = ".modal" if page.locator(".modal").count() else ".o_selected_row"
        self._pick("direction", "Both", where)
        if where == ".modal":
            page.click(".modal .o_form_button_save")
            page.wait_for_selector(".modal", state="detached")
        self._save()
        self._open("/odoo/hub-ownership-rules", ".o_group_header")
        page.click(".o_group_header:has-text('Customer')")
        named = ".o_data_row:has(td[name=field_id]:text-is('Name (name)'))"
        page.click(f"{named} td[name=rule]")
        self._pick("rule", "Both; a person decides when both changed", ".o_selected_row")
        page.click(".o_list_button_save")
        self._system("Streams")
        page.click(f"{self._row('Outbound')} button[name=action_map]")
        page.wait_for_selector(".o_field_widget[name=line_ids]")
        page.click(".o_field_widget[name=line_ids] .o_field_x2many_list_row_add a")
        row = ".o_field_widget[name=line_ids] .o_selected_row"
        page.fill(f"{row} .o_field_widget[name=field_id] input", "Name")
        page.click(".o-autocomplete--dropdown-item:has-text('Name') >> nth=0")
        self._fill("path", "trading_name", row)
        self._save()
        self._system("Write-back")
        page.click("button[name=action_grant_write_back]")
        page.click(".modal .modal-footer .btn-primary")
        page.wait_for_selector(".o_field_widget[name=grant_ids] .o_data_row")
        screens.shoot("declared_15_granted")
        self._system("Streams")
        page.click(f"{self._row('Outbound')} button[name=action_switch_on]")
        page.wait_for_selector(
            f"{self._row('Outbound')} button[name=action_switch_on]", state="detached"
        )
        self._open("/odoo/contacts/new", ".o_field_widget[name=name]")
        page.click(".o_field_widget[name=company_type] input[data-value=company]")
        page.fill(
            ".o_field_widget[name=name] :is(input, textarea) >> visible=true",
            "Northern Tide Consulting",
        )
        self._save()
        end = time.monotonic() + 20  # a change in Odoo waits for no cron's minute
        while time.monotonic() < end:
            names = [row["trading_name"] for row in self._control("state")["clients"].values()]
            if names.count("Northern Tide Consulting") == 1:
                break
            time.sleep(0.5)
        else:
            raise RuntimeError(f"It did not reach the product: {names}")
        self._open(f"/odoo/hub-systems/{self.system}", ".o_form_view .o_notebook")
        self._tab("Streams")
        screens.shoot("declared_16_flowing")


def _keep_pictures():
    """Small copies for the documentation."""
    from PIL import Image  # only where pictures are wanted

    PICTURES.mkdir(exist_ok=True)
    for file in sorted(FOLDER.glob("declared_*.png")):
        target = PICTURES / file.name.removeprefix("declared_")
        with Image.open(file) as image:
            small = image.convert("RGB").resize((1000, round(1000 * image.height / image.width)))
            small.quantize(64).save(target, optimize=True)
