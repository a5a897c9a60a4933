"""A field given back to its owner: once, and from what the source said last."""

from odoo.tests import tagged

from .test_ownership import OwnershipCase

A, B, C, TYPED, AGAIN = (f"+1617555{n:04}" for n in (101, 102, 103, 104, 105))


@tagged("post_install", "-at_install")
class TestOwnershipRelease(OwnershipCase):
    def setUp(self):
        super().setUp()
        self.rule("phone", "system")
        self.rule("website", "system")

    def release(self, name):
        self.env["hub.origins"].with_user(self.ann).release(self.link_of("1").id, name)
        self.drain()

    def verdict(self, message):
        return self.env["hub.replay"].with_user(self.ann)._of(message, why="test").line_ids.verdict

    def test_what_is_typed_after_a_release_is_kept(self):
        message = self.work(self._company("1", 1, phone=A, website="https://theirs.example"))
        partner = self.partner_of("1")
        self.types(partner, phone=TYPED)
        self.release("phone")
        self.assertEqual(partner.phone, A)
        self.assertNotIn("release", message.decision)
        self.types(partner, phone=AGAIN, website="https://ours.example")
        self.release("website")
        self.assertEqual((partner.website, partner.phone), ("https://theirs.example", AGAIN))
        self.types(partner, website="https://ours.example")
        message.with_user(self.ann).action_replay()
        self.drain()
        self.assertEqual((partner.website, partner.phone), ("https://ours.example", AGAIN))

    def test_a_release_that_comes_with_a_dispute_holds_once_too(self):
        self.work(self._company("1", 1, phone=A, city="Ulm"))
        partner = self.partner_of("1")
        self.types(partner, phone=TYPED, city="Bonn")
        message = self.work(self._company("1", 2, phone=A, city="Bern"))
        self.assertExplained(message, "merge_conflict")
        self.release("phone")
        self.assertEqual(partner.phone, A)
        self.types(partner, phone=AGAIN)
        message.with_user(self.ann).action_replay()
        self.drain()
        self.assertEqual((partner.phone, partner.city), (AGAIN, "Bonn"))

    def test_a_file_without_version_gives_way_to_a_version_that_came_after_it(self):
        self.work(self._company("1", 1, phone=A))
        file = self.work(self._company("1", None, phone=B))
        self.work(self._company("1", 2, phone=C))
        partner = self.partner_of("1")
        self.assertEqual(partner.phone, C)
        self.types(partner, phone=TYPED)
        self.release("phone")
        self.assertEqual(partner.phone, C)
        self.assertEqual(self.verdict(file), "newer")

    def test_a_file_that_came_last_is_what_the_source_said_last(self):
        first = self.work(self._company("1", 1, phone=A))
        file = self.work(self._company("1", None, phone=B))
        partner = self.partner_of("1")
        self.assertEqual(partner.phone, B)
        self.types(partner, phone=TYPED)
        self.release("phone")
        self.assertEqual(partner.phone, B)
        self.assertEqual((self.verdict(first), self.verdict(file)), ("newer", "apply"))
