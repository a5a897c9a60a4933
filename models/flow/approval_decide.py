from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError

VIEWER = "lead_to_cash_hub.group_hub_viewer"
MAX_REASON = 500


class HubApproval(models.Model):
    """Who may decide, and what a decision does. Looked at by the server at the moment of the decision."""

    _inherit = "hub.approval"

    may_decide = fields.Boolean(compute="_compute_may_decide", search="_search_may_decide")
    refusal = fields.Char(compute="_compute_may_decide", string="Why Not You")

    # -- who ---------------------------------------------------------------------------------------

    def _approvers(self):
        """Who decides in their own right: those that the gate names, who see the record's company; once it
        is overdue also the one whom the gate tells."""
        self.ensure_one()
        gate = self._gate()
        users = gate.approver_ids | gate.approver_group_id.all_user_ids
        if gate.escalate_id and self.due_at and self.due_at < fields.Datetime.now():
            users |= gate.escalate_id
        return users.filtered(
            lambda user: (
                user.active
                and user.has_group(VIEWER)
                and (not self.company_id or self.company_id in user.company_ids)
            )
        )

    def _principal(self):
        """In whose name the user may decide.

        Four eyes hold for both: who typed does not approve, and neither does anybody in that person's name.

        :return: ``(res.users, "")``, or no user and the sentence why not.
        """
        self.ensure_one()
        me = self.env.user
        gate = self._gate()
        authors = set(self.sudo().authors or ()) if gate.four_eyes else set()
        if me.id in authors:
            return None, self.env._(
                "You typed, uploaded or decided about this record: another person approves it."
            )
        if self.company_id and self.company_id not in me.company_ids:
            return None, self.env._("The record belongs to a company that you do not see.")
        approvers = self._approvers()
        if me in approvers:
            return me, ""
        # With sudo: whom others let decide in their name is looked up, not shown.
        lent = self.env["hub.delegation"].sudo()._of(me, gate)
        free = (lent & approvers).filtered(lambda user: user.id not in authors)
        if free:
            return free[0], ""
        if lent & approvers:
            return None, self.env._(
                "%s typed, uploaded or decided about this record, so it is not approved in that name.",
                (lent & approvers)[0].name,
            )
        return None, self.env._("You are none of the approvers of “%s”.", gate.name)

    def _sees(self):
        """Whether the user may read what would be written: who decides, and who may read payloads."""
        user = self.env.user
        return (
            self.env.su
            or user.has_group("lead_to_cash_hub.group_hub_manager")
            or user.has_group("lead_to_cash_hub.group_hub_auditor")
            or self._principal()[0] is not None
            or user in self.sudo().decided_by_id
        )

    @api.depends("state")
    @api.depends_context("uid")
    def _compute_may_decide(self):
        for approval in self:
            if approval.state != "waiting":
                approval.may_decide = approval.refusal = False
                continue
            principal, why = approval._principal()
            approval.may_decide, approval.refusal = principal is not None, why

    def _search_may_decide(self, operator, value):
        if operator != "in":
            return NotImplemented
        # Few wait at any time; who may decide depends on dates, groups and authors.
        waiting = self.search([("state", "=", "waiting")])
        return [("id", "in", [a.id for a in waiting if a._principal()[0] is not None])]

    # -- decisions ---------------------------------------------------------------------------------

    def action_approve(self):
        """Let these pass, exactly as they are shown here."""
        self._decide("approved", "")
        return True

    def action_open_message(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": "hub.message",
            "res_id": self.message_id.id,
            "views": [[False, "form"]],
        }

    def action_refuse(self):
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Refuse"),
            "res_model": "hub.refuse",
            "views": [[False, "form"]],
            "target": "new",
            "context": {"default_approval_ids": self.ids},
        }

    def _decide(self, state, reason):
        """Approve or refuse, if the user may and the record still waits as it is shown.

        :raise AccessError: the user may not decide; :raise UserError: it was decided or has changed.
        """
        self.check_access("read")
        for approval in self.sorted("id"):
            # The message's row first, as everywhere: another decision or a newer version waits, or wins.
            self.env.cr.execute(
                "SELECT state FROM hub_message WHERE id = %s FOR NO KEY UPDATE",
                [approval.message_id.id],
            )
            row = self.env.cr.fetchone()
            approval.invalidate_recordset()
            if approval.state != "waiting" or not row or row[0] != "held":
                raise UserError(
                    self.env._(
                        "“%s” does not wait as you saw it any more: it was decided, or has changed since. "
                        "Look at the list again.",
                        approval.subject,
                    )
                )
            principal, why = approval._principal()
            if principal is None:
                raise AccessError(why)
            approval._keep(
                {
                    "state": state,
                    "reason": reason[:MAX_REASON] or False,
                    "decided_at": fields.Datetime.now(),
                    "decided_by_id": self.env.uid,
                    "in_name_of_id": principal.id if principal != self.env.user else False,
                }
            )
            approval._note_decision(principal)
            approval._put_away()
        self._carry_out(state, reason)
        self.env["hub.engine"]._wake_after_commit()

    def _note_decision(self, principal):
        self.env["hub.audit"]._append(
            [
                {
                    "action": "approve" if self.state == "approved" else "refuse",
                    "system_id": self.sudo().system_id.id,
                    "message_id": self.message_id.id,
                    "company_id": self.company_id.id or None,
                    "res_model": self._gate()._name,
                    "res_id": self._gate().id,
                    "values": {
                        "digest": self.digest,
                        "reason": self.reason or "",
                        "in_name_of": principal.login if principal != self.env.user else "",
                    },
                }
            ]
        )

    def _carry_out(self, state, reason):
        """A message goes on when nothing of it waits any more; one refusal ends it."""
        self.env.flush_all()
        cr = self.env.cr
        messages = self.message_id
        if state == "approved":
            cr.execute(
                """UPDATE hub_message m
                      SET state = 'pending', reason = NULL, params = NULL,
                          next_attempt_at = clock_timestamp() AT TIME ZONE 'UTC'
                    WHERE m.id = ANY(%s) AND m.state = 'held' AND NOT EXISTS (
                          SELECT 1 FROM hub_approval a WHERE a.message_id = m.id AND a.state = 'waiting')""",
                [messages.ids],
            )
        else:
            cr.execute(
                """UPDATE hub_message SET state = 'skipped', reason = 'refused',
                          params = jsonb_build_object('who', %s, 'why', %s),
                          done_at = clock_timestamp() AT TIME ZONE 'UTC'
                    WHERE id = ANY(%s) AND state = 'held'""",
                [self.env.user.name, reason, messages.ids],
            )
            others = self.sudo().search(
                [("message_id", "in", messages.ids), ("state", "=", "waiting")]
            )
            others._keep({"state": "void"})
            others._put_away()
        self.env["hub.message"].invalidate_model()
        self.invalidate_model()

    def _put_away(self):
        """Nobody is asked any more."""
        # With sudo: activities of other approvers end too.
        self.sudo().activity_unlink(["mail.mail_activity_data_todo"])
