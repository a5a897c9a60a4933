from unittest.mock import patch

from odoo.exceptions import AccessError
from odoo.tests import tagged

from ..models.flow.difference import AMOUNTS, Difference
from ..models.flow.simulate import packs, simulate
from .hub_common import HubCase

REPORT = ("hub_simulation", "hub_simulation_message", "hub_simulation_line")


@tagged("post_install", "-at_install")
class TestSimulation(HubCase):
    """What would happen is shown, and nothing does."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.resolver = cls._make_role("resolver", "resolver", "base.group_partner_manager")

    def query(self, messages):
        return self.env["hub.message"].search([("id", "in", messages.ids)])._as_query()

    def simulate(self, messages, user=None, **options):
        env = self.env(user=user) if user else self.env
        query = env["hub.message"]._search([("id", "in", messages.ids)])
        anew = options.pop("anew", False)
        return env["hub.simulation"]._of(query, anew=anew)._run(**options)

    def outcomes(self, simulation):
        return {row.message_id.external_id: row.outcome for row in simulation.message_ids}

    def lines(self, simulation, model="res.partner"):
        return simulation.line_ids.filtered(lambda line: line.res_model == model)

    def content(self):
        """Rows and checksum of every table but the report's."""
        self.env.flush_all()
        self.env.cr.execute(
            """SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
                  AND NOT relname = ANY(%s) ORDER BY relname""",
            [[*REPORT, "hub_simulation_res_company_rel"]],
        )
        found = {}
        for (table,) in self.env.cr.fetchall():
            self.env.cr.execute(
                f"""SELECT count(*), md5(string_agg(md5(t::text), '' ORDER BY md5(t::text))) FROM "{table}" t"""
            )
            found[table] = self.env.cr.fetchone()
        return found

    def test_only_what_is_written_from_now_on_is_looked_at(self):
        """What the same transaction wrote before costs nothing and is no difference."""
        partners = self.env["res.partner"].create([{"name": name} for name in "abc"])
        self.env.flush_all()
        difference = Difference(self.env, self.env)
        partners[1].city = "Boston"
        new = self.env["res.partner"].create({"name": "d"})
        difference.look()
        self.assertEqual(set(difference.rows["res.partner"]), {partners[1].id, new.id})

    def test_nothing_stays_but_the_report(self):
        self.work(self._company("1", 1, city="Boston"))
        messages = self.receive(
            self._company("1", 2, city="Austin"),
            self._company("2"),
            self._company("3", country="Atlantis"),
            self._contact("4", company="2"),
        )
        before = self.content()
        simulation = self.simulate(messages)
        self.assertEqual(self.content(), before)
        self.assertEqual(
            self.outcomes(simulation), {"1": "done", "2": "done", "3": "failed", "4": "done"}
        )
        self.drain()
        self.assertEqual(
            messages.filtered(lambda m: m.external_id != "3").mapped("state"), ["done"] * 3
        )

    def test_the_differences_are_those_that_the_run_then_makes(self):
        self.work(self._company("1", 1, city="Boston"))
        partner = self.partner_of("1")
        messages = self.receive(
            self._company("1", 2, city="Austin"), self._company("2", city="Rome")
        )
        simulation = self.simulate(messages)
        changed = self.lines(simulation).filtered(lambda line: line.kind == "write")
        self.assertEqual((changed.res_id, changed.record_name), (partner.id, partner.name))
        self.assertEqual(changed.values["city"], ["Boston", "Austin"])
        self.assertIn("Boston → Austin", changed.difference)
        created = self.lines(simulation).filtered(lambda line: line.kind == "create")
        self.assertEqual(
            (created.record_name, created.values["city"]), ("Company 2", [None, "Rome"])
        )
        self.assertFalse(self.env["res.partner"].browse(created.res_id).exists())
        self.drain()
        self.assertEqual(partner.city, "Austin")

    def test_records_that_wait_for_each_other_are_seen_together(self):
        contact = self.receive(self._contact("9", company="1"))
        company = self.receive(self._company("1"))
        simulation = self.env["hub.simulation"]._of(self.query(contact + company))
        simulation._keep({"slice_size": 1})
        simulation._run()
        self.assertEqual(self.outcomes(simulation), {"1": "done", "9": "done"})
        names = (
            self.lines(simulation)
            .filtered(lambda line: line.kind == "create")
            .mapped("record_name")
        )
        self.assertEqual(len(names), 2, names)
        alone = self.simulate(contact)
        self.assertEqual(self.outcomes(alone), {"9": "waiting"})

    def test_many_that_wait_each_for_its_own_are_seen_in_one_slice(self):
        """Else ten thousand contacts of ten thousand companies would take as many transactions."""
        messages = self.receive(*(self._contact(f"9{n}", company=str(n)) for n in range(6)))
        messages |= self.receive(*(self._company(str(n)) for n in range(6)))
        simulation = self.env["hub.simulation"]._of(self.query(messages))
        simulation._keep({"slice_size": 6})
        slices = []

        def count(env, ids, **options):
            slices.append((len(ids), len(options["given"])))
            return simulate(env, ids, **options)

        place = "odoo.addons.lead_to_cash_hub.models.flow.simulation"
        with patch(f"{place}.simulate", count), patch(f"{place}.MOST_SLICE", 6):
            simulation._run()
        self.assertEqual(slices, [(6, 0), (6, 0), (6, 6)])
        self.assertEqual(set(self.outcomes(simulation).values()), {"done"})

    def test_old_and_unchanged_ones_are_left_out_unless_everything_is_looked_at_anew(self):
        old = self.work(self._company("1", 1, city="Boston"))
        new = self.work(self._company("1", 2, city="Austin"))
        self.assertEqual(self.outcomes(self.simulate(old)), {"1": "skipped"})
        self.assertEqual(self.outcomes(self.simulate(new)), {"1": "unchanged"})
        again = self.simulate(old, anew=True)
        self.assertEqual(self.outcomes(again), {"1": "done"})
        self.assertEqual(self.lines(again).values["city"], ["Austin", "Boston"])
        self.assertEqual(self.partner_of("1").city, "Austin")

    def test_a_draft_configuration_is_in_force_inside_only(self):
        message = self.work(self._company("1", city="Boston"))
        mapping = self.env["hub.mapping"].search(
            [
                ("system_id", "=", self.system.id),
                ("entity_id.code", "=", "customer"),
                ("direction", "=", "in"),
            ]
        )
        line = mapping.line_ids.filtered(lambda one: one.field_id.name == "city")

        def draft(env):
            env["hub.mapping.line"].browse(line.id).write({"path": "properties.name"})

        before = self.content()
        simulation = self.simulate(message, anew=True, override=draft)
        self.assertEqual(self.content(), before)
        self.assertEqual(self.lines(simulation).values["city"], ["Boston", "Company 1"])
        self.env.invalidate_all()
        self.assertNotEqual(line.path, "properties.name")
        self.assertEqual(self.outcomes(self.simulate(message, anew=True)), {"1": "unchanged"})

    def test_failures_are_told_by_cause_and_cured_ones_are_named(self):
        failed = self.work(
            self._company("1", country="Atlantis"), self._company("2", country="Lemuria")
        )
        simulation = self.simulate(
            failed,
            override=lambda env: env["res.country"].create({"name": "Atlantis", "code": "QX"}),
        )
        self.assertEqual(self.outcomes(simulation), {"1": "done", "2": "failed"})
        self.assertIn("Would be applied; fails today", simulation.report_html)
        self.assertIn("Would fail again", simulation.report_html)
        self.assertIn("Lemuria", simulation.report_html)
        self.assertStates(failed, "failed", "failed")

    def test_no_call_and_no_mail_leaves_and_no_commit_stays(self):
        seen = []

        def call(handler):
            seen.append("call")
            handler.env["hub.http"]._session(handler.env["hub.system"].browse(self.system.id))

        def mail(handler):
            message = (
                handler.env["ir.mail_server"]
                .sudo()
                ._build_email__("a@x.example", ["b@x.example"], "s", "b")
            )
            seen.append(handler.env["ir.mail_server"].sudo().send_email(message))

        def commit(handler):
            seen.append("commit")
            handler.env.cr.commit()

        original = type(self.env["hub.handler.customer"])._hub_write
        for act, expected in ((call, "failed"), (mail, "done"), (commit, "failed")):
            with self.subTest(act.__name__):
                seen.clear()
                message = self.receive(self._company(f"7{act.__name__}"))

                def write(handler, items, act=act):
                    act(handler)
                    return original(handler, items)

                self._patch("hub.handler.customer", "_hub_write", write)
                before = self.content()
                simulation = self.simulate(message)
                self.assertEqual(list(self.outcomes(simulation).values()), [expected])
                self.assertTrue(seen[0])
                self.assertEqual(self.content(), before)

    def test_one_that_breaks_the_whole_batch_stands_alone(self):
        messages = self.receive(*(self._company(str(key)) for key in range(1, 6)))
        original = type(self.env["hub.handler.customer"])._hub_check

        def check(handler, items):
            if any(item.external_id == "3" for item in items):
                raise ValueError("personal data")
            return original(handler, items)

        self._patch("hub.handler.customer", "_hub_check", check)
        simulation = self.simulate(messages)
        outcomes = self.outcomes(simulation)
        self.assertEqual(outcomes.pop("3"), "failed")
        self.assertEqual(set(outcomes.values()), {"done"})
        self.assertNotIn("personal data", simulation.report_html)

    def test_outgoing_messages_and_notices_are_not_seen(self):
        notice = self.receive(self._notice("customer", "5"))
        self.assertEqual(self.outcomes(self.simulate(notice)), {"5": "fetch"})

    def test_it_can_be_stopped_and_goes_on_step_by_step(self):
        messages = self.receive(*(self._company(str(key)) for key in range(1, 6)))
        simulation = self.env["hub.simulation"]._of(self.query(messages))
        simulation._keep({"slice_size": 1})
        simulation._step(seconds=0.0001)
        self.assertEqual((simulation.state, simulation.progress), ("running", 20))
        simulation.action_cancel()
        simulation.action_step()
        self.assertEqual((simulation.state, simulation.progress), ("cancelled", 20))

    def test_how_many_are_not_looked_at_is_said(self):
        messages = self.receive(*(self._company(key) for key in "123"))
        with patch("odoo.addons.lead_to_cash_hub.models.flow.simulation.MOST_MESSAGES", 2):
            simulation = self.simulate(messages)
        self.assertEqual((len(simulation.message_ids), simulation.further_count), (2, 1))
        self.assertEqual(self.simulate(messages).further_count, 0)

    def test_what_a_reader_may_not_read_is_not_shown(self):
        self.work(self._company("1", 1, city="Boston"))
        messages = self.receive(
            self._company("1", 2, city="Austin"), self._company("2", city="Rome")
        )
        simulation = self.simulate(messages, user=self.resolver)
        mine = simulation.with_user(self.resolver)
        self.assertIn("Austin", str(mine.line_ids.mapped("difference")))
        self.assertIn("Rome", str(mine.line_ids.mapped("difference")))
        viewer = self._make_role("viewer", "viewer")
        theirs = simulation.with_user(viewer).line_ids.filtered(
            lambda line: line.res_model == "res.partner"
        )
        self.assertNotIn("Rome", str(theirs.mapped("difference")))
        self.env["ir.rule"].create(
            {
                "name": "no customers",
                "model_id": self.env.ref("base.model_res_partner").id,
                "domain_force": "[('id', '=', user.partner_id.id)]",
                "groups": [(4, self.env.ref("base.group_user").id)],
            }
        )
        self.env["ir.rule"].search(
            [
                ("model_id.model", "=", "res.partner"),
                ("groups", "!=", False),
                ("name", "!=", "no customers"),
            ]
        ).active = False
        self.env.invalidate_all()
        theirs = simulation.with_user(viewer).line_ids
        text = str(theirs.mapped("difference")) + str(theirs.mapped("record_name"))
        for secret in ("Austin", "Rome", "Company 2"):
            self.assertNotIn(secret, text)
        for field in ("values", "name", "amount_after"):
            with self.subTest(field), self.assertRaises(AccessError):
                theirs.search([(field, "!=", False)])

    def test_viewers_may_not_simulate_and_nobody_writes_a_report(self):
        messages = self.receive(self._company("1"))
        viewer = self._make_role("viewer", "viewer")
        with self.assertRaises(AccessError):
            messages.with_user(viewer).action_simulate()
        with self.assertRaises(AccessError):
            self.env["hub.simulation"].with_user(self.resolver).create({})

    def test_packs_of_what_waits_for_each_other(self):
        keys = {10: [1], 20: [2]}
        waiting = [(5, 10, ()), (6, 10, ()), (7, 30, ()), (8, 20, (10,)), (9, 10, (10,))]
        self.assertEqual(packs(waiting, keys), {(10,): [5, 6], (10, 20): [8]})

    def test_amount_fields_are_there(self):
        for model, field in AMOUNTS.items():
            self.assertTrue(self.env[model]._fields[field].store, f"{model}.{field}")

    def test_nothing_is_logged_and_a_lock_is_told(self):
        message = self.receive(self._company("1"))
        outcome = simulate(self.env, message.ids, override=self._locked)
        self.assertEqual(outcome.messages[message.id]["state"], "locked")

    def _locked(self, env):
        import psycopg2.errors

        raise psycopg2.errors.LockNotAvailable()
