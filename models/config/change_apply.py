import psycopg2
from odoo import api, fields, models
from odoo.exceptions import AccessError, MissingError, RedirectWarning, UserError, ValidationError

from ...core import change as rules
from ..flow.cursors import business_cursor, rolled_back_cursor
from .change import APPROVER, MANAGER, SECONDS
from .change_approve import Busy
from .connector_changes import WHOLE, Together
from .governed import CHANGE, Applying

REFUSALS = (UserError, AccessError, MissingError, ValidationError, RedirectWarning)


class Conflict(Exception):
    """What a Change was made for stands otherwise now."""


class HubChange(models.Model):
    """A Change in force: at once or at its time, and taken back."""

    _inherit = "hub.change"

    # -- in force ----------------------------------------------------------------------------------

    def action_apply(self):
        """Put an approved Change in force now."""
        for change in self:
            change.check_access("read")
            user = self.env.user
            if not (user.has_group(MANAGER) or user.has_group(APPROVER)):
                raise AccessError(
                    self.env._("Ask an integration manager or a configuration approver.")
                )
            change._apply()
            if change.problem:
                return change._open()
        return True

    def _apply(self):
        """Carry it out as its author, if it is approved as it stands and nothing has moved meanwhile.

        What hinders it is kept as ``problem``; then nothing of it was done.
        """
        self.ensure_one()
        self._lock()
        if self.state != "approved":
            raise UserError(self.env._("“%s” is not approved.", self.name))
        if not self.author_id.active:
            self._stuck(Conflict(self.env._("%s is not active any more.", self.author_id.name)))
            return
        if self._missing():
            text = self.env._(
                "The approval does not hold any more (%s): it was edited since, or who approved it has lost "
                "the right. Submit it again.",
                self._missing_text(),
            )
            self._reset()
            self._stuck(Conflict(text))
            return
        try:
            with self.env.cr.savepoint():
                made = self._put_in_force(self.env, self._plan())
        except (*REFUSALS, Conflict, psycopg2.IntegrityError) as error:
            self.env.invalidate_all(flush=False)
            self._stuck(error)
            return
        self._in_force(made)

    def _in_force(self, made):
        """Keep that it was carried out.

        :param made: ``{key: id}`` of the rows that it created.
        """
        change = self.sudo()  # the hub's own fields
        items = change._all_items()
        for item in items.filtered("key"):
            item.res_id = made.get(item.key, item.res_id)
        self.env.flush_all()
        change.write(
            {
                "state": "applied",
                "applied_at": fields.Datetime.now(),
                "applied_by_id": self.env.uid,
                "version": self.env["hub.version"]._of_change(self),
                "problem": False,
            }
        )
        self._note("apply_change", {"items": change._items()})
        words = items.filtered(
            lambda item: item.res_model == "hub.vocabulary.word" and item.kind == "create"
        )
        words = self.env["hub.vocabulary.word"].browse(words.mapped("res_id"))
        for issue in change.issue_ids.filtered(lambda one: one.state == "open"):
            # In the name of who decided what the words mean.
            issue.with_user(change.author_id)._words_taught(
                words.with_user(change.author_id).sudo().filtered(
                    lambda word, issue=issue: word.system_id == issue.system_id
                )
            )  # fmt: skip

    def _plan(self):
        """What carrying it out needs to know, as plain data: another transaction may not see it yet."""
        self.ensure_one()
        change = self.sudo()  # approvals are read, whoever may see them
        approval = change.approval_ids.filtered(lambda one: one.role == "configuration")
        return {
            "items": change._items(),
            "author": change.author_id.id,
            "approver": approval.user_id.id or self.env.uid,
            "lang": change.lang or None,
        }

    @api.model
    def _put_in_force(self, env, plan):
        """Do what a plan says, with the rights of its author, in the transaction of ``env``.

        :return: ``{key: id}`` of rows that were created.
        :raise Conflict: rows differ from what the Change was made for.
        """
        author = (
            env["res.users"].sudo().browse(plan["author"])
        )  # time zone and companies, to act as
        connectors = Together()  # a connector is judged as a whole, when all of it is as proposed
        author_env = env(
            user=author.id,
            su=False,
            context={
                "lang": plan["lang"],
                "tz": author.tz,
                "allowed_company_ids": author.company_ids.ids,
                CHANGE: Applying(plan["approver"]),
                WHOLE: connectors,
            },
        )
        self.with_env(env)._refuse_conflicts(plan["items"])
        made = {}
        for item in plan["items"]:
            model = author_env[item["model"]]
            # What the hub did for a person without the right it does again; see hub.change.item.
            model = model.sudo() if item["elevated"] else model
            values = model._hub_given(
                {name: _real(value, made) for name, value in rules.new(item).items()}
            )
            if item["kind"] == rules.CREATE:
                made[item["key"]] = model.create(values).id
            elif item["kind"] == rules.WRITE:
                model.browse(item["id"])._hub_write(values)
            else:
                model.browse(item["id"]).exists()._hub_unlink()
        connectors.judge(author_env)
        author_env.flush_all()
        return made

    def _refuse_conflicts(self, items):
        """Compare each row with what it was when the Change was proposed."""
        lines = []
        for item in items:
            if item["kind"] == rules.CREATE:
                continue
            row = self.env[item["model"]].sudo().browse(item["id"]).exists()
            now = row._hub_values(item["values"])[row.id] if row else None
            for name, expected, found in rules.differing(item, now):
                lines.append(self._conflict_line(item, name, expected, found))
        if lines:
            raise Conflict("\n".join(lines))

    def _conflict_line(self, item, name, expected, found):
        if not name:
            return self.env._("%s does not exist any more.", item["name"])
        shown = self.env["hub.change.item"].browse(item["row"])
        field = self.env[item["model"]]._fields[name]
        return self.env._(
            "%(where)s: %(field)s was %(old)s when this was proposed, and is %(new)s now.",
            where=item["name"],
            field=field._description_string(self.env),
            old=shown._word(field, expected),
            new=shown._word(field, found),
        )

    def _stuck(self, error):
        """It could not be carried out: say why, and ask its author."""
        problem = self._problem_of(error)
        change = self.sudo()  # what is kept here is the hub's
        change.write({"problem": problem})
        change.message_post(body=self.env._("Not in force: %s", problem))
        if self.env.context.get("hub_scheduled"):
            change.approval_ids.unlink()
            change.write({"state": "draft"})
            change.activity_schedule(
                "mail.mail_activity_data_warning",
                summary=self.env._("“%s” did not come into force at its time", self.name),
                user_id=self.author_id.id,
            )

    def _problem_of(self, error):
        if isinstance(error, psycopg2.Error):
            return self.env._(
                "Something of it exists by now, or is used elsewhere. Look at the rows, and propose it anew."
            )
        return str(error.args[0] if error.args else "") or self.env._(
            "It is not approved any more."
        )

    def _look(self):
        """Try the whole Change in a transaction that is rolled back; keep what hinders it."""
        self.ensure_one()
        self.env.flush_all()
        problem, plan, flagged = False, self._plan(), []
        try:
            with rolled_back_cursor(self.env, SECONDS) as cr:
                env = api.Environment(cr, self.env.uid, self.env.context)
                self._put_in_force(env, plan)
                flagged = env["hub.change.item"]._flagged(plan["items"])
        except (*REFUSALS, Conflict, psycopg2.IntegrityError) as error:
            problem = self._problem_of(error)
        if problem != self.problem or flagged != (self.flagged or []):
            self.sudo().write({"problem": problem, "flagged": flagged})  # the hub's own fields
        return not problem

    def action_renew(self):
        """After somebody else changed the same: take what stands now as the “today” of this Change."""
        self.ensure_one()
        self._require_author()
        items = []
        for item in self._items():
            if item["kind"] != rules.CREATE:
                row = self.env[item["model"]].sudo().browse(item["id"]).exists()
                if not row:
                    continue
                now = row._hub_values(item["values"])[row.id]
                item["values"] = {
                    name: [now[name], pair[1]]
                    for name, pair in item["values"].items()
                    if item["kind"] == rules.DELETE or now[name] != pair[1]
                }
            if item["values"]:
                items.append(item)
        self._keep_items(items)
        self._look()
        return True

    @api.model
    def _apply_due(self):
        """Put in force what is approved for a time that has come; a chore of the engine.

        Each in a transaction of its own. What cannot be done goes back to a person: it is never tried in
        silence, and never lost.
        """
        due = self.search([("state", "=", "approved"), ("apply_at", "<=", fields.Datetime.now())])
        for change_id in due.ids:
            with business_cursor(self.env) as cr:
                env = self.env(cr=cr, context={**self.env.context, "hub_scheduled": True})
                change = env["hub.change"].browse(change_id)
                try:
                    with cr.savepoint():
                        change._apply()
                except Busy:
                    continue  # the next turn looks again
                except Exception as error:
                    # Class only: the text of an error can hold what others may not read.
                    text = env._("An unexpected error (%s).", type(error).__name__)
                    change._stuck(Conflict(text))
                env.flush_all()
                cr.hub_commit()

    # -- undo --------------------------------------------------------------------------------------

    def action_undo(self):
        """Put back what this Change replaced, at once: that configuration was in force before.

        :raise UserError: somebody has changed the same since; it says what.
        """
        self.ensure_one()
        self.check_access("read")
        user = self.env.user
        if not (user.has_group(MANAGER) or user.has_group(APPROVER)):
            raise AccessError(self.env._("Ask an integration manager or a configuration approver."))
        self._lock()
        if self.state != "applied":
            raise UserError(self.env._("“%s” is not in force.", self.name))
        # With sudo: the record of the undo is written by this method only.
        back = self.sudo().create(
            {
                "name": self.env._("Undo: %s", self.name),
                "why": self.env._("Taken back by %s", user.name),
                "author_id": user.id,
                "undo_of_id": self.id,
            }
        )
        back._keep_items(rules.reverse(self._items(), self._target))
        # With sudo: what was in force before comes back, whoever presses the button may do just that.
        back._all_items().elevated = True
        try:
            with self.env.cr.savepoint():
                made = back._put_in_force(self.env, back._plan())
        except Conflict as error:
            raise UserError(
                self.env._(
                    "“%(change)s” cannot be undone: the same was changed since.\n%(what)s",
                    change=self.name,
                    what=error.args[0],
                )
            ) from error
        except psycopg2.IntegrityError as error:
            raise UserError(self._problem_of(error)) from error
        back.with_user(user)._in_force(made)
        self.sudo().write({"state": "undone", "undone_by_id": back.id})
        self._note("undo_change", {"by": back.id})
        return True

    @api.model
    def _target(self, model, name):
        """The model that a field refers to, if to one."""
        field = self.env[model]._fields.get(name)
        return field.comodel_name if field is not None and field.type == "many2one" else None


def _real(value, made):
    """The id of a row that the Change has created, for a reference to it."""
    return made[value["new"]] if rules.is_new(value) else value
