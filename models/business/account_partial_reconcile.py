from odoo import api, models


class AccountPartialReconcile(models.Model):
    """What pays what. A payment changes by being applied and un-applied, though none of its own columns does."""

    _inherit = "account.partial.reconcile"

    @api.model_create_multi
    def create(self, vals_list):
        partials = super().create(vals_list)
        partials._hub_mark_entries()
        return partials

    def unlink(self):
        self._hub_mark_entries()
        return super().unlink()

    def _hub_mark_entries(self):
        moves = self.env["account.move"]
        if moves._hub_outbound():
            # With sudo: who may reconcile need not read both entries; only their ids are marked.
            both = self.sudo().debit_move_id.move_id | self.sudo().credit_move_id.move_id
            moves._hub_mark(both.filtered(lambda move: move.move_type == "entry").ids)
