import psycopg2
from odoo import models
from odoo.exceptions import AccessError, UserError

from .change import APPROVER, FINANCE


class Busy(UserError):
    """Somebody else decides about the Change at this moment."""


class HubChange(models.Model):
    """Submitted by its authors, approved by another person: of exactly what it says then."""

    _inherit = "hub.change"

    def _asked_roles(self):
        """``{role: right that it takes}``, of those that this Change needs."""
        self.ensure_one()
        return {"configuration": APPROVER, **({"finance": FINANCE} if self.needs_finance else {})}

    def _principals(self, user):
        """In whose names ``user`` may approve this Change: ``{role: res.users}``.

        Nobody who proposed a part of it approves it, and nobody does in the name of such a person.
        """
        self.ensure_one()
        change = self.sudo()  # authors, and who lets whom decide, are looked at, not shown
        authors = change.author_ids | change.author_id
        if user in authors:
            return {}
        lent = self.env["hub.delegation"].sudo()._of_changes(user) - authors
        lent = lent.filtered(lambda one, change=change: change._sees_all(one))
        found = {}
        for role, group in self._asked_roles().items():
            able = (
                user if user.has_group(group) else lent.filtered(lambda u, g=group: u.has_group(g))
            )
            if able:
                found[role] = able[0]
        return found

    def _sees_all(self, user):
        """Whether ``user`` sees every difference, as the record rules have it: a deputy may not approve more
        than the person whose name it is."""
        own = user.company_ids
        return (
            user.active
            and self._all_items().company_id <= own
            and bool(not self.company_ids or self.company_ids & own)
        )

    def _missing(self):
        """Roles whose approval of exactly this content is missing; each by somebody else than the authors,
        and whoever gave it, or in whose name it was given, has that right today."""
        self.ensure_one()
        change = self.sudo()  # approvals and rights of others are looked at
        digest, authors = change._digest(), change.author_ids | change.author_id
        needed = change._asked_roles()
        given = {
            approval.role
            for approval in change.approval_ids
            if approval.digest == digest
            and approval.role in needed
            and not (approval.user_id | approval.in_name_of_id) & authors
            and approval.user_id.active
            and (approval.in_name_of_id or approval.user_id).active
            and (approval.in_name_of_id or approval.user_id).has_group(needed[approval.role])
        }
        return [role for role in needed if role not in given]

    def _missing_text(self):
        roles = dict(
            self.env["hub.change.approval"]._fields["role"]._description_selection(self.env)
        )
        return ", ".join(roles[role] for role in self._missing())

    def action_submit(self):
        """Ask for approval of what the draft says now."""
        for change in self:
            change._require_author()
            if change.state != "draft":
                raise UserError(self.env._("“%s” was submitted already.", change.name))
            if not change.item_ids:
                raise UserError(
                    self.env._("“%s” changes nothing yet: propose something first.", change.name)
                )
            if not (change.why or "").strip():
                raise UserError(self.env._("Give a reason: it is what approvers read."))
            change._look()
            if change.problem:
                raise UserError(change.problem)
            change._note("submit")
            change.sudo().write({"state": "submitted"})  # states are the hub's
            # With sudo: who decides for whom is a matter of those two.
            asked = change.sudo().approver_id
            asked |= self.env["hub.delegation"].sudo()._change_deputies(asked)
            for user in asked - change.sudo().author_ids:
                change.sudo().activity_schedule(
                    "mail.mail_activity_data_todo",
                    summary=self.env._("Approve the Change “%s”", change.name),
                    user_id=user.id,
                )
        return True

    def action_approve(self):
        """Approve what the Change says now, in the roles that the caller has."""
        for change in self:
            change.check_access("read")
            change._lock()
            if change.state != "submitted":
                raise UserError(self.env._("“%s” does not wait for an approval.", change.name))
            user = self.env.user
            if user in change.author_ids | change.author_id:
                raise UserError(
                    self.env._("You proposed this Change. Another person has to approve it.")
                )
            seen = self.env["hub.change.item"].search_count([("change_id", "=", change.id)])
            if seen != len(change._all_items()):
                raise AccessError(
                    self.env._(
                        "Part of it is about companies that you may not see: ask somebody else."
                    )
                )
            missing = change._missing()
            roles = {r: who for r, who in change._principals(user).items() if r in missing}
            if not roles or not user._is_internal() or self.env.su:
                raise AccessError(
                    self.env._(
                        "Ask a configuration approver; where money is touched, a billing approver as well."
                    )
                )
            approvals = self.env["hub.change.approval"].sudo()  # given by this method only
            approvals.search([("change_id", "=", change.id), ("role", "in", list(roles))]).unlink()
            approvals.create(
                [
                    {"change_id": change.id, "user_id": user.id, "role": role, "digest": change._digest(),
                     "in_name_of_id": principal.id if principal != user else False}
                    for role, principal in roles.items()
                ]
            )  # fmt: skip
            change._note(
                "approve_change",
                {
                    "roles": list(roles),
                    "in_name_of": sorted({one.login for one in roles.values() if one != user}),
                },
            )
            change.invalidate_recordset()
            if not change._missing():
                change.sudo().write({"state": "approved"})
                change.sudo().activity_unlink(["mail.mail_activity_data_todo"])
                if change.apply_at:
                    self.env["hub.engine"]._wake_after_commit()
        return True

    def action_refuse(self):
        """Give it back to its authors, as it is."""
        for change in self:
            change.check_access("read")
            if change.state not in ("submitted", "approved") or not change._principals(
                self.env.user
            ):
                raise AccessError(self.env._("Ask a configuration approver."))
            change._end("refused")
        return True

    def action_cancel(self):
        """Withdraw it; it is kept."""
        self._require_author()
        self._end("cancelled")
        return True

    def action_draft(self):
        """Take it up again after it was refused or withdrawn."""
        for change in self:
            if change.state not in ("refused", "cancelled", "submitted", "approved"):
                raise UserError(self.env._("“%s” cannot be edited any more.", change.name))
            if self.env.user not in change.author_ids | change.author_id:
                raise AccessError(
                    self.env._("“%s” is edited by those who propose it.", change.name)
                )
            change.sudo().approval_ids.unlink()
            change.sudo().write({"state": "draft", "problem": False})
        return True

    def _end(self, state):
        for change in self.sudo():  # states are the hub's
            change.approval_ids.unlink()
            change.write({"state": state})
            change.activity_unlink(["mail.mail_activity_data_todo"])
        self._note(state)

    def _lock(self):
        """One person at a time decides about a Change; what is read afterwards is what counts."""
        self.env.flush_all()
        try:
            with self.env.cr.savepoint(flush=False):
                self.env.cr.execute(
                    "SELECT id FROM hub_change WHERE id = ANY(%s) FOR NO KEY UPDATE NOWAIT",
                    [self.ids],
                )
        except psycopg2.errors.LockNotAvailable as error:
            raise Busy(self.env._("Somebody else is deciding about this Change.")) from error
        self.invalidate_recordset()

    def _note(self, action, values=None):
        """The audit keeps who did what."""
        self.env["hub.audit"]._append(
            [
                {
                    "action": action,
                    "system_id": change.system_ids[:1].id or None,
                    "res_model": "hub.change",
                    "res_id": change.id,
                    "values": {"title": change.name, "digest": change._digest(), **(values or {})},
                }
                for change in self.sudo()  # what it says is for auditors
            ]
        )
