"""HR data in files, as an admin and an HR officer bring them: from the list of products to records in Odoo."""

from datetime import date

from odoo.exceptions import AccessError
from odoo.fields import Command
from odoo.tests import Form, tagged

from .hub_common import HubCase
from .test_migration import migrate
from .test_upload import UploadMixin

PEOPLE = (
    "employee_number,first_name,last_name,work_email,status,job_title,role,company,weekly_hours,"
    "cost_rate,cost_currency,cost_valid_from\n"
)
ADA = (
    "1001,Ada,Berg,ada@firm.example,Active,Architect,Architect,Firm,40,{rate},{currency},{since}\n"
)
BEN = "1002,Ben,Costa,ben@firm.example,{status},Consultant,Architect,Firm,32,54.00,{currency},2026-01-01\n"
LEAVE = "leave_id,employee_number,from,to,type,status\n"
WORK = "assignment_id,project,employee_number,role,hours,booking,from,to,note\n"


class HrCase(UploadMixin, HubCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.hr = cls.env["hub.system"].create(
            {"name": "People", "product": "hr", "company_ids": [Command.set(cls.company.ids)]}
        )
        cls.currency = cls.company.currency_id.name
        cls.ada = cls.env["hr.employee"].create(
            {"name": "Ada Berg", "work_email": "Ada@firm.example", "company_id": cls.company.id}
        )
        cls.role = cls.env["project.role"].create({"name": "Architect"})
        cls._term("company", "Firm", cls.company)
        cls._term("role", "Architect", cls.role)
        cls.rita = cls._make_role(
            "hr-rita", "resolver", "hr.group_hr_user", "project.group_project_manager"
        )

    @classmethod
    def _term(cls, vocabulary, word, record):
        known = cls.env.ref(f"lead_to_cash_hub.vocabulary_{vocabulary}")
        return cls.env["hub.vocabulary.term"].create(
            {"vocabulary_id": known.id, "code": word.lower(), "name": word, "res_id": record.id}
        )

    def stream_of(self, entity):
        return self.hr.stream_ids.filtered(lambda s: s.entity_id.code == entity)

    def bring(self, entity, text, **options):
        """Upload a file as Rita and let it be applied; gives the messages in the order of its rows."""
        return self._upload(text, stream=self.stream_of(entity), **options).sorted("external_id")

    def people(self, *rows, rate="60.00", since="2026-01-01", status="Active"):
        text = PEOPLE + "".join(rows)
        return self.bring(
            "employee", text.format(rate=rate, since=since, status=status, currency=self.currency)
        )

    def person(self, key):
        return self.partner_of(key, "employee", self.hr)

    def rates(self, employee):
        return {str(r.date_from): r.hourly_cost for r in employee.hub_cost_rate_ids}


@tagged("post_install", "-at_install")
class TestHrFiles(HrCase):
    def test_from_the_list_of_products_to_a_system(self):
        manager = self._make_role("hr-connecter", "manager")
        self.company.resource_calendar_id.tz = "Europe/Berlin"
        form = Form(self.env["hub.connect"].with_user(manager))
        form.product = "hr"
        self.assertEqual(form.name, "HR data (files)")
        connect = form.save()
        connect.action_make()
        self.assertFalse(connect.secret_ids)
        connect.action_test()
        self.assertIn("nothing is called", connect.check_text)
        connect.action_exchange()
        self.assertEqual(
            connect.stream_ids.entity_id.mapped("code"), ["employee", "leave", "assignment"]
        )
        connect.action_choose()
        connect.action_try()
        connect.invalidate_recordset()
        self.assertIn("upload", connect.fault_text)
        connect.action_load()
        system = connect.system_id
        self.assertEqual((system.state, system.paused), ("connected", False))
        leave = system.mapping_ids.filtered(lambda m: m.entity_id.code == "leave")
        zones = {line.transform: line.argument for line in leave.line_ids}
        self.assertEqual(
            (zones["local_time"], zones["day_end"]), ("Europe/Berlin", "Europe/Berlin")
        )
        stream = system.stream_ids.filtered(lambda s: s.entity_id.code == "employee")
        wizard = Form(
            self.env["hub.upload.wizard"]
            .with_user(self.rita)
            .with_context(**stream.with_user(self.rita).action_upload()["context"])
        )
        self.assertTrue(wizard.columns_text.startswith("employee_number, first_name, last_name"))

    def test_people_leave_and_assignments_in_any_order_and_again(self):
        leave = self.bring(
            "leave",
            LEAVE
            + "L1,1001,2026-08-03,2026-08-07,Sick leave,Approved\n"
            + "L2,1002,2026-08-10,2026-08-10,Holiday,pending\n"
            + "L3,1002,2026-08-20,2026-08-12,Holiday,approved\n",
        )
        self.assertStates(leave, *["waiting:waits_for"] * 3)
        self.assertFalse(self.issues())
        people = self.people(ADA, BEN)
        self.assertStates(people, "done", "done")
        ben = self.person("1002")
        self.assertEqual(self.person("1001"), self.ada)
        self.assertEqual(
            (ben.name, ben.work_email, ben.company_id, ben.job_title, ben.hub_target_hours),
            ("Ben Costa", "ben@firm.example", self.company, "Consultant", 32),
        )
        self.assertFalse(ben.user_id, "who may sign in is decided in Odoo")
        self.assertEqual(self.role.hub_employee_ids, self.ada | ben)
        self.assertEqual(self.rates(ben), {"2026-01-01": 54.0})
        self.drain()
        self.assertStates(leave[:2], "done", "done")
        self.assertExplained(leave[2], "odoo_rule")
        away = self.partner_of("L1", "leave", self.hr)
        self.assertEqual((away.employee_id, away.kind), (self.ada, "Sick leave"))
        self.assertEqual(away.calendar_leave_id.name, "Time off", "why is for HR alone")
        self.assertFalse(self.partner_of("L2", "leave", self.hr).calendar_leave_id)

        project = self.env["project.project"].create(
            {"name": "Rollout", "company_id": self.company.id}
        )
        rows = "A1,Rollout,1001,,160,Firm,01.09.2026,30.10.2026,\nA2,Rollout,,Architect,80,,2026-09-01,2026-10-30,\n"
        work = self.bring("assignment", WORK + rows)
        issue = self.assertExplained(work[0], "unmapped_project").issue_id
        issue.with_user(self.rita)._fix_link(project)
        self.drain()
        self.assertStates(work, "done", "done")
        firm, soft = (self.partner_of(key, "assignment", self.hr) for key in ("A1", "A2"))
        self.assertEqual((firm.employee_id, firm.booking, firm.hours), (self.ada, "firm", 160))
        self.assertEqual((firm.date_start, firm.company_id), (date(2026, 9, 1), self.company))
        self.assertEqual((soft.role_id, soft.booking), (self.role, "soft"))

        for again in (
            self.people(ADA, BEN),
            self.bring("leave", LEAVE + "L1,1001,2026-08-03,2026-08-07,Sick leave,Approved\n"),
            self.bring("assignment", WORK + rows),
        ):
            self.assertEqual(set(again.mapped("reason")), {"unchanged"})
        self.assertEqual(self.env["hr.employee"].search_count([("name", "=", "Ben Costa")]), 1)
        self.assertEqual(self.rates(self.ada), {"2026-01-01": 60.0})

    def test_a_new_rate_from_a_day_on_and_a_corrected_one(self):
        self.people(ADA)
        self.people(ADA, rate="66.00", since="2026-07-01")
        self.assertEqual(self.rates(self.ada), {"2026-01-01": 60.0, "2026-07-01": 66.0})
        self.people(ADA, rate="68.00", since="2026-07-01")
        self.assertEqual(self.rates(self.ada), {"2026-01-01": 60.0, "2026-07-01": 68.0})
        self.assertEqual(self.ada._hub_cost_on(date(2026, 6, 30)), 60.0)

    def test_the_address_of_somebody_who_signs_in_is_changed_in_odoo_alone(self):
        admin = self._make_role("hr-admin", "base.group_system")
        admin.partner_id.email = "ada@firm.example"
        self.ada.user_id = admin
        self.assertStates(self.people(ADA), "done")
        message = self.people(ADA.replace("ada@firm", "x@evil"))
        self.assertExplained(message, "employee_login")
        self.assertNotIn("x@evil", message.exception_ids.sentence)
        self.assertEqual((admin.email, self.ada.work_email), ("ada@firm.example",) * 2)
        # Nor that of a user who is archived, whatever the employee says.
        self.ada.user_id = False
        admin.active = False
        self.assertEqual(self.ada.work_contact_id, admin.partner_id)
        self.assertExplained(self.people(ADA.replace("ada@firm", "y@evil")), "employee_login")
        self.assertEqual(admin.partner_id.email, "ada@firm.example")
        admin.partner_id.email = "ada@new.example"
        agreed = self.people(ADA.replace("ada@firm", "ada@new"))
        self.assertStates(agreed, "skipped:unchanged")  # Odoo says the same now
        self.people(BEN)
        self.assertStates(self.people(BEN.replace("ben@firm", "ben@new")), "done")
        self.assertEqual(self.person("1002").work_email, "ben@new.example", "who has no user")

    def test_another_role_takes_the_place_of_the_one_before(self):
        other, own = self.env["project.role"].create([{"name": "Lead"}, {"name": "Trainer"}])
        self._term("role", "Lead", other)
        own.hub_employee_ids = self.ada
        self.people(ADA)
        self.people(ADA.replace("Architect,Firm", "Lead,Firm"))
        self.assertFalse(self.role.hub_employee_ids)
        self.assertEqual((other | own).mapped("hub_employee_ids"), self.ada)
        self.assertEqual(own.hub_employee_ids, self.ada, "what Odoo alone says stays")

    def test_a_number_of_before_archives_nobody_who_works_here(self):
        old = ADA.replace("1001", "0901").replace("Active", "Inactive")
        messages = self.people(old, ADA)
        self.assertStates(messages, "skipped:no_match", "done")
        self.assertTrue(self.ada.active)
        self.assertEqual(self.person("1001"), self.ada)

    def test_who_left_is_archived_and_who_comes_back_is_the_same(self):
        self.people(BEN)
        ben = self.person("1002")
        self.assertStates(self.people(BEN, status="Inactive"), "done")
        self.assertEqual((ben.exists(), ben.active), (ben, False))
        self.assertEqual(self.rates(ben), {"2026-01-01": 54.0})
        ben.departure_date = date(2026, 6, 30)
        self.people(BEN, status="Active")
        self.assertEqual((ben.active, ben.departure_date), (True, False))
        self.assertStates(
            self.people(
                BEN.replace("1002,Ben", "1009,Zoe").replace("ben@", "zoe@"), status="Inactive"
            ),
            "skipped:no_match",
        )

    def test_each_wrong_row_is_named_and_the_good_ones_go_on(self):
        text = (
            PEOPLE
            + ADA
            + "".join(
                [
                    ",Ben,Costa,ben@firm.example,Active,,,Firm,,,,\n",
                    "1003,Cleo,Duarte,nobody,Active,,,Firm,,,,\n",
                    "1004,,,dan@firm.example,Active,,,Firm,,,,\n",
                    "1005,Eva,Ek,eva@firm.example,Perhaps,,,Firm,,,,\n",
                    '1006,Fay,Falk,fay@firm.example,Active,,,Firm,40,"1,234",,\n',
                    "1007,Gus,Gil,gus@firm.example,Active,,,Firm,40,50,,03/04/2026\n",
                ]
            )
        )
        wizard = self._wizard(
            text.format(rate="60", currency=self.currency, since="2026-01-01"),
            stream=self.stream_of("employee"),
        )
        self.assertEqual((wizard.good_count, wizard.bad_count), (1, 6))
        faults = {line.number: line.fault for line in wizard.line_ids if line.fault}
        words = {
            3: "no id",
            4: "nobody",
            5: "missing",
            6: "Perhaps",
            7: "two numbers",
            8: "two days",
        }
        for number, word in words.items():
            self.assertIn(word, faults[number])
        wizard.action_upload()
        self.drain()
        self.assertEqual(self.person("1001"), self.ada)
        no_id = self._wizard("first_name\nAnn\n", stream=self.stream_of("employee"))
        self.assertIn("employee_number", no_id.fault_text)

    def test_what_a_person_has_to_decide(self):
        other = self.env["res.company"].create({"name": "Sister"})
        self._term("company", "Sister", other)
        twin = self.env["hr.employee"].create({"name": "Ben Costa", "company_id": self.company.id})
        moved = ADA.replace(",Firm,", ",Sister,")
        messages = self.people(
            moved,
            BEN,
            BEN.replace("1002,Ben", "1003,Cleo")
            .replace("ben@", "cleo@")
            .replace("Architect", "Baker"),
            BEN.replace("1002,Ben", "1004,Dan")
            .replace("ben@", "dan@")
            .replace(",Firm,", ",Sister,"),
            BEN.replace("1002,Ben", "1005,Eva").replace("ben@", "eva@"),
            BEN.replace("1002,Ben", "1006,Fay").replace("ben@", "eva@"),
        )
        for message, code in zip(
            messages,
            ("employee_company", "possible_duplicate", "unknown_term", "company_unknown", None, "possible_duplicate"),
            strict=True,
        ):  # fmt: skip
            if code:
                self.assertExplained(message, code)
            else:
                self.assertStates(message, "done")
        self.assertEqual(self.ada.company_id, self.company)
        self.assertFalse(self.rates(self.ada))
        issue = messages[1].exception_ids.issue_id.with_user(self.rita)
        self.assertIn("Ben Costa", issue.sentence)
        issue._fix_link(twin.with_user(self.rita))
        self.drain()
        self.assertEqual(self.person("1002"), twin)
        self.assertEqual(twin.work_email, "ben@firm.example", "what was blank is filled")

    def test_only_who_keeps_people_makes_and_archives_them(self):
        lines = {"name": "name", "email": "email", "active": "active", "selling_company": "company"}
        entity = self.env.ref("lead_to_cash_hub.entity_employee")
        fields_ = {field.name: field.id for field in entity.field_ids}
        self.env["hub.mapping"].create(
            {
                "system_id": self.system.id,
                "entity_id": entity.id,
                "line_ids": [
                    Command.create({"field_id": fields_[name], "path": path})
                    for name, path in lines.items()
                ],
            }
        )
        self.env["hub.stream"].create(
            {"system_id": self.system.id, "entity_id": entity.id, "poll": False,
             "process_id": self.env.ref("lead_to_cash_hub.process_master_data").id}
        )  # fmt: skip
        ada = {"name": "Ada Berg", "email": "ada@firm.example", "active": False}
        self.assertStates(self.work(self._incoming("employee", "t1", ada)), "done")
        self.assertTrue(self.ada.active)
        zoe = {"name": "Zoe", "email": "zoe@firm.example", "active": True}
        self.assertStates(self.work(self._incoming("employee", "t2", zoe)), "skipped:no_match")
        self.system.keeps_people = True
        self.work(
            self._incoming("employee", "t2", zoe, 2),
            self._incoming("employee", "t1", ada | {"active": True}, 2),
        )
        made = self.partner_of("t2", "employee")
        self.assertEqual((made.name, made.company_id), ("Zoe", self.company))
        self.work(self._incoming("employee", "t1", ada, 3))
        self.assertFalse(self.ada.active)


@tagged("post_install", "-at_install")
class TestHrAccess(HrCase):
    """What people cost, and why they are away, is for those who may see it in Odoo."""

    def test_files_of_people_are_brought_by_who_keeps_them_in_odoo(self):
        resolver = self._make_role("hr-resolver", "resolver")
        planner = self._make_role("hr-planner", "resolver", "project.group_project_manager")
        upload = self.env["hub.upload"]
        for entity, may in (("employee", ()), ("leave", ()), ("assignment", (planner,))):
            stream = self.stream_of(entity)
            for user in (resolver, planner):
                with self.subTest(entity, user=user.login):
                    if user in may:
                        upload.with_user(user)._require(stream.with_user(user))
                    else:
                        with self.assertRaisesRegex(AccessError, "integration manager"):
                            upload.with_user(user)._require(stream.with_user(user))
            upload.with_user(self.rita)._require(stream.with_user(self.rita))

    def test_costs_and_reasons_are_shown_to_hr_alone(self):
        self.people(ADA, rate="61.35")
        self.bring("leave", LEAVE + "L1,1001,2026-08-03,2026-08-07,Sick leave,approved\n")
        bad = self.people(BEN.replace(",Firm,", ",Nobody,").replace("54.00", "54.21"))
        self.assertExplained(bad, "unknown_term")
        done = self.env["hub.message"].search(
            [("system_id", "=", self.hr.id), ("state", "=", "done")]
        )
        leave = self.partner_of("L1", "leave", self.hr)
        viewer = self._make_role("hr-viewer", "viewer", "project.group_project_manager")
        manager = self._make_role("hr-manager", "manager")
        officer = self._make_role("hr-officer", "manager", "hr.group_hr_user")
        for user in (viewer, manager):
            with self.subTest(user.login):
                for record in (self.ada.hub_cost_rate_ids, leave):
                    with self.assertRaises(AccessError):
                        record.with_user(user).read()
                with self.assertRaises(AccessError):
                    self.ada.with_user(user).read(["hub_target_hours"])
                for message in done:
                    with self.assertRaises(AccessError):
                        message.with_user(user).payload_id.mapped("text")
        with self.assertRaises(AccessError):
            bad.with_user(viewer).payload_id.mapped("text")
        # Who mends the row sees what is wrong with it, not what the person costs.
        text = bad.with_user(manager).payload_id.text
        self.assertIn("Nobody", text)
        self.assertNotIn("54.21", text)
        self.assertIn("54.21", bad.with_user(officer).payload_id.text)
        paid = done.filtered(lambda message: message.entity_id.code == "employee")
        self.assertIn("61.35", paid.with_user(officer).payload_id.text)
        calendar = leave.calendar_leave_id.with_user(viewer)
        self.assertEqual(calendar.name, "Time off")
        for message in bad | done:
            for shown in (message.exception_ids.sentence, message.explanation):
                self.assertNotRegex(shown or "", r"54\.21|61\.35")

    def test_the_classes_of_data(self):
        entities = self.env["hub.entity"].search([("code", "in", ("employee", "leave"))])
        classes = {f"{f.entity_id.code}.{f.name}": f.data_class for f in entities.field_ids}
        for name in ("employee.cost_rate", "employee.cost_from", "leave.kind"):
            self.assertEqual(classes[name], "confidential")
        for name in (
            "employee.name",
            "employee.email",
            "employee.target_hours",
            "leave.employee",
            "leave.starts_at",
        ):
            self.assertEqual(classes[name], "personal")

    def test_an_update_takes_the_reasons_of_leave_out_of_the_calendar(self):
        kind = self.env.ref("lead_to_cash_hub.field_leave_kind")
        kind.data_class = "personal"
        values = {"employee_id": self.ada.id, "kind": "Sick leave", "approval": "approved"}
        days = {"date_from": "2026-08-03 00:00:00", "date_to": "2026-08-07 20:00:00"}
        leave = self.env["hub.leave"].create(values | days)
        leave.calendar_leave_id.name = "Sick leave"
        migrate(self.env, "post-hr", "19.0.1.4.0")
        self.assertEqual((leave.kind, leave.calendar_leave_id.name), ("Sick leave", "Time off"))
        self.assertEqual(kind.data_class, "confidential")

    def test_an_employee_s_form_shows_target_and_rates_to_hr(self):
        self.people(ADA)
        with Form(self.ada.with_user(self.rita)) as form:
            self.assertEqual(form.hub_target_hours, 40)
            form.hub_target_hours = 36
            self.assertEqual(form.hub_cost_rate_ids[:].mapped("hourly_cost"), [60.0])
        self.assertEqual(self.ada.hub_target_hours, 36)
