"""A person is erased: everywhere in the hub, once more after a restore, and the audit still verifies."""

import json

from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from ..core.keys import digest
from .hub_common import HubCase

SECRETS = ("pat.longname@firm.example", "Patricia Longname", "+49301234567")


class ErasureCase(HubCase):
    def setUp(self):
        super().setUp()
        self._use_stub()
        self.boss = self._make_role("erase-boss", "manager", "base.group_partner_manager")
        self.work(self._company("1", name="Acme"))
        self.contact = self.work(self.person("7"))
        self.partner = self.partner_of("7", "contact")
        self.assertEqual(self.partner.email, SECRETS[0])
        # a change, a failure, a mention in another record, words of people, a simulation
        self.work(self.person("7", 2, jobtitle="Boss"))
        self.failed = self.work(
            self._contact("8", email="odd", firstname="Patricia", lastname="Longname")
        )
        self.mention = self.work(self._company("2", name="Beta", city=f"c/o {SECRETS[1]}"))
        self.env["hub.audit"]._append(
            [
                {
                    "action": "skip",
                    "system_id": self.system.id,
                    "values": {"why": f"asked {SECRETS[0]}"},
                }
            ]
        )
        self.contact.action_simulate()
        self.system.message_post(body=f"{SECRETS[1]} called")
        self.env.flush_all()

    def person(self, key, number=1, **more):
        return self._contact(
            key, number=number, email=SECRETS[0], firstname="Patricia", lastname="Longname",
            phone=SECRETS[2], **more,
        )  # fmt: skip

    def erase(self, **more):
        return (
            self.env["hub.erasure"]
            .with_user(self.boss)
            ._erase("res.partner", self.partner.id, "Case 71", **more)
        )

    def everywhere(self):
        """Where in the hub's tables, and in what is posted on its records, one of the secrets stands."""
        self.env.flush_all()
        self.env.cr.execute(
            """SELECT table_name, column_name, data_type FROM information_schema.columns
                WHERE table_schema = current_schema() AND table_name LIKE 'hub\\_%'
                  AND data_type IN ('text', 'character varying', 'jsonb', 'json', 'bytea')"""
        )
        found = []
        for table, column, kind in self.env.cr.fetchall():
            text = f"encode(\"{column}\", 'escape')" if kind == "bytea" else f'"{column}"::text'
            for secret in SECRETS:
                self.env.cr.execute(
                    f"SELECT count(*) FROM {table} WHERE strpos(lower({text}), lower(%s)) > 0",
                    [secret],
                )
                if self.env.cr.fetchone()[0]:
                    found.append(f"{table}.{column}: {secret}")
        self.env.cr.execute(
            "SELECT count(*) FROM mail_message WHERE model LIKE 'hub.%%' AND body ILIKE %s", [f"%{SECRETS[1]}%"]
        )  # fmt: skip
        if self.env.cr.fetchone()[0]:
            found.append("mail_message")
        self.env.cr.execute(
            """SELECT 'tracked' FROM mail_tracking_value v JOIN mail_message m ON m.id = v.mail_message_id
                WHERE m.model LIKE 'hub.%%' AND v::text ILIKE %(word)s
               UNION SELECT 'file' FROM ir_attachment WHERE res_model LIKE 'hub.%%' AND name ILIKE %(word)s""",
            {"word": f"%{SECRETS[1]}%"},
        )
        return found + [name for (name,) in self.env.cr.fetchall()]


@tagged("post_install", "-at_install")
class TestErasure(ErasureCase):
    def test_the_person_is_gone_from_every_table_and_the_act_is_kept(self):
        system = self.system.with_context(tracking_disable=False)
        system.name = f"HubSpot of {SECRETS[1]}"  # a tracked field
        self.env["ir.attachment"].create(
            {"name": f"{SECRETS[1]}.txt", "res_model": "hub.system", "res_id": self.system.id}
        )
        self.env.cr.precommit.run()  # where Odoo writes tracked changes
        system.name = "HubSpot"
        self.env.cr.precommit.run()
        before = self.everywhere()
        self.assertGreater(len(before), 5, "it is there before")
        self.assertLessEqual({"tracked", "file"}, set(before))
        erasure = self.erase()
        self.assertEqual(self.everywhere(), [])
        self.assertEqual((erasure.res_id, erasure.reason), (self.partner.id, "Case 71"))
        self.assertEqual(erasure.done_by, self.boss)
        self.assertIn([self.system.uuid, "contact", "7"], erasure.keys)
        self.assertTrue(erasure.result)
        self.assertTrue(self.env["hub.audit"].search([("action", "=", "erase")]))
        self.assertEqual(
            self.partner.email, SECRETS[0], "the record itself is Odoo's own to decide about"
        )

    def test_what_is_left_of_the_audit_still_verifies(self):
        self.env.cr.execute(
            """SELECT a.id, a.commitment, v.body FROM hub_audit a JOIN hub_audit_value v ON v.audit_id = a.id"""
        )
        before = self.env.cr.fetchall()
        self.erase()
        self.env.cr.execute(
            """SELECT a.id, a.commitment, v.body, v.erased FROM hub_audit a
                 JOIN hub_audit_value v ON v.audit_id = a.id"""
        )
        after = {row[0]: row[1:] for row in self.env.cr.fetchall()}
        gone = 0
        for audit, commitment, _body in before:
            kept, body, erased = after[audit]
            self.assertEqual(kept, commitment, "what was committed to is not touched")
            if erased:
                self.assertIsNone(body)
                gone += 1
            else:
                self.assertEqual(digest(json.dumps(body, default=str, sort_keys=True)), kept)
        self.assertTrue(gone)

    def test_others_keep_what_is_theirs(self):
        self.erase()
        self.assertEqual(self.partner_of("1").name, "Acme")
        link = self.env["hub.link"].search(
            [("external_id", "=", "2"), ("entity_id.code", "=", "customer")]
        )
        self.assertEqual(link.base["name"], "Beta")
        payload = self.mention.payload_id.with_user(self.boss)
        self.assertIn("[erased]", payload.text)
        self.assertEqual(json.loads(payload.text)["properties"]["name"], "Beta")

    def test_what_comes_later_of_the_person_is_not_read(self):
        self.erase()
        again = self.work(self.person("7", 3, jobtitle="Again"))
        self.assertStates(again, "skipped:erased")
        self.env["hub.erasure"]._keep_erased()
        self.env.invalidate_all()
        self.assertFalse(again.payload_id)
        self.assertEqual(self.everywhere(), [])

    def test_a_replay_of_what_was_erased_brings_nothing_back(self):
        self.erase()
        self.env["hub.replay"]._run(self.contact, "Again")
        self.drain()
        self.assertEqual(self.everywhere(), [])

    def test_a_restored_backup_is_erased_again_by_the_list(self):
        self.env.flush_all()
        with self.env.cr.savepoint() as backup:
            self.erase()
            listed = self.env["hub.erasure"]._export()
            backup.rollback()
        self.env.invalidate_all()
        self.assertFalse(self.env["hub.erasure"].search([]))
        self.assertTrue(self.everywhere(), "the backup has it again")
        for secret in SECRETS:
            self.assertNotIn(secret, listed.decode(), "the list itself names nobody")
        done = self.env["hub.erasure"].with_user(self.boss)._again(listed)
        self.assertEqual(len(done), 1)
        self.assertEqual(self.everywhere(), [])
        self.assertFalse(
            self.env["hub.erasure"].with_user(self.boss)._again(listed), "once is enough"
        )
        for bad in (b"", b"{}", b"[1]", b'[{"uuid": "x"}]'):
            with self.assertRaises(UserError):
                self.env["hub.erasure"].with_user(self.boss)._again(bad)

    def test_further_words_and_a_person_that_odoo_has_no_more(self):
        partner = self.partner.id
        self.partner.unlink()
        self.env["hub.erasure"].with_user(self.boss)._erase(
            "res.partner", partner, "Case 72", words=[SECRETS[1], "x"]
        )
        self.assertEqual(self.everywhere(), [])

    def test_who_may(self):
        for role in ("viewer", "resolver", "auditor"):
            user = self._make_role(f"erase-{role}", role)
            with self.subTest(role), self.assertRaises(AccessError):
                self.env["hub.erase"].with_user(user).create(
                    {"res_model": "res.partner", "res_id": self.partner.id, "reason": "x"}
                )
        wizard = self.env["hub.erase"].with_user(self.boss).with_context(
            active_model="res.partner", active_id=self.partner.id
        ).create({"reason": "Case 73"})  # fmt: skip
        self.assertIn(SECRETS[0], wizard.found)
        with self.assertRaises(UserError):
            wizard.action_erase()  # not sure
        wizard.sure = True
        action = wizard.action_erase()
        erasure = self.env["hub.erasure"].browse(action["res_id"])
        with self.assertRaises(UserError):
            erasure.write({"reason": "other"})
        with self.assertRaises(UserError):
            erasure.unlink()
