"""What is cancelled here is void in the ledger, or a person is asked."""

from odoo.tests import tagged

from .ledger_common import QuickBooksReceiptsCase, XeroReceiptsCase


class VoidsMixin:
    """The same story in both products."""

    def test_a_cancelled_invoice_is_void_there(self):
        move = self.document()
        self.settle()
        key = self._key(move)
        self.lose_answer_to_void()
        move.button_draft()
        self.settle()
        self.assertFalse(self.is_void(key), "a draft is being mended, and posted again")
        move.button_cancel()
        self.settle()
        self.assertTrue(self.is_void(key))
        self.assertEqual(self.message(move)[0].state, "done")
        self.assertQuiet()
        move.button_draft()
        move.action_post()
        self.settle()
        exception = self.assertExplained(self.message(move)[0], "error_identity")
        self.assertIn("is cancelled there", exception.sentence)

    def test_one_that_is_paid_there_is_asked_about_and_goes_once_that_is_mended(self):
        move = self.document()
        self.settle()
        key = self._key(move)
        for stream in self.ledger.stream_ids.filtered(lambda s: s.direction == "in"):
            stream.action_pause()
        self.sandbox.pay(key, amount=10)
        move.button_draft()
        move.button_cancel()
        self.settle()
        exception = self.assertExplained(self.message(move)[0], "error_conflict")
        self.assertIn("is paid there", exception.sentence)
        self.assertIn("Take back there what pays it", exception.advice)
        self.take_back_there()
        exception.message_id.action_replay()
        self.settle()
        self.assertTrue(self.is_void(key))
        self.assertQuiet()

    def test_one_of_a_closed_period_is_asked_about(self):
        move = self.document()
        self.settle()
        self.close_books()
        move.button_draft()
        move.button_cancel()
        self.settle()
        exception = self.assertExplained(self.message(move)[0], "error_data")
        self.assertIn("books are closed", exception.sentence)
        self.assertFalse(self.is_void(self._key(move)))

    def test_one_that_we_paid_there_is_void_once_its_payment_was_taken_back(self):
        move = self.document()
        self.registered(move)
        self.settle()
        self.assertEqual((move.hub_ledger_state, len(self.payments())), ("paid", 1))
        move.button_draft()
        move.button_cancel()
        self.settle()
        self.settle()
        self.assertEqual(self.payments(), [])
        self.assertTrue(self.is_void(self._key(move)))
        self.assertQuiet()

    def test_one_that_is_cancelled_before_it_was_sent_is_never_there(self):
        move = self.document()
        move.button_draft()
        move.button_cancel()
        self.settle()
        self.assertFalse(self.documents())


@tagged("post_install", "-at_install")
class TestQuickBooksVoids(VoidsMixin, QuickBooksReceiptsCase):
    """Voided by an operation of its own."""


@tagged("post_install", "-at_install")
class TestXeroVoids(VoidsMixin, XeroReceiptsCase):
    """Voided by a status."""
