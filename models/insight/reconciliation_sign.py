from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError

from ...core.reconcile import former_seal, seal
from ..flow.fault import unforeseen

WATCHED_DAYS = 100  # so long a signed-off window is looked at again each night
AT_ONCE = 40  # signed-off windows that one night looks at


class HubSentence(models.AbstractModel):
    _inherit = "hub.sentence"

    def _known(self, params):
        _ = self.env._
        return super()._known(params) | {
            "ledgers_differ": (
                _(
                    "%(company)s: %(count)s differences between two ledgers have no explanation (%(days)s).",
                    company=params.get("company", ""),
                    count=params.get("count", 0),
                    days=params.get("days", ""),
                ),
                _(
                    "Open Billing > Reconciliation, look at each difference, and mend or explain it."
                ),
            ),
        }


class HubReconciliation(models.Model):
    """Signing days off, and seeing whether a ledger changes afterwards."""

    _inherit = "hub.reconciliation"

    def action_sign(self):
        """Say that these days are done. Refused while something has no explanation."""
        self.check_access("read")
        self._require("group_hub_billing_approver")
        for run in self:
            if run.state not in ("agreed", "explained"):
                raise UserError(
                    self.env._("%(run)s: %(why)s", run=run.display_name, why=run.sentence)
                )
        # Written by code: who signs was checked above.
        self.sudo().write(
            {
                "state": "signed",
                "signed_by_id": self.env.uid,
                "signed_at": fields.Datetime.now(),
                "looked_at": fields.Datetime.now(),
            }
        )
        self.env["hub.audit"]._append(
            [
                {
                    "action": "sign_off",
                    "system_id": run.system_id.id or None,
                    "company_id": run.company_id.id,
                    "res_model": run._name,
                    "res_id": run.id,
                    "values": {"seal": run.seal},
                }
                for run in self
            ]
        )
        return True

    @api.model
    def _to_look_at(self):
        """Signed-off windows, those first that were not looked at for longest."""
        return self.search(
            [
                ("state", "=", "signed"),
                ("changed_at", "=", False),
                ("date_to", ">=", fields.Date.today() - timedelta(days=WATCHED_DAYS)),
            ],
            order="looked_at, id",
            limit=AT_ONCE,
        )

    def _look_again(self):
        """Say so if the ledgers are no longer those that were signed off; what was signed stays to be seen."""
        self.ensure_one()
        run = self.sudo().with_company(self.company_id)
        now = fields.Datetime.now()
        try:
            result = run._result()[0]
        except Exception as error:
            unforeseen(error)  # logs its class and place; the next night tries again
            run.looked_at = now
            return
        changed = run.seal not in (seal(result), former_seal(result))
        run.write({"looked_at": now, **({"changed_at": now} if changed else {})})
        if changed:
            run._tell()
