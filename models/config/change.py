from odoo import SUPERUSER_ID, api, fields, models
from odoo.exceptions import AccessError, UserError

from ...core import change as rules
from ..flow.cursors import rolled_back_cursor
from .governed import CHANGE

APPROVER = "lead_to_cash_hub.group_hub_configuration_approver"
FINANCE = "lead_to_cash_hub.group_hub_billing_approver"
MANAGER = "lead_to_cash_hub.group_hub_manager"
EDITED = ("name", "why", "apply_at", "sample", "message_domain", "approver_id")
SECONDS = 60  # of one action that is tried as a proposal
OPEN = ("draft", "submitted", "approved")


class HubChange(models.Model):
    """A proposed configuration: what differs, what it would do, who approved it, and when it counts."""

    _name = "hub.change"
    _description = "Change"
    _inherit = ["hub.kept", "mail.thread", "mail.activity.mixin"]
    _order = "id desc"

    name = fields.Char(required=True, string="Title")
    why = fields.Text(string="Reason", help="Approvers read it; it is kept with the Change.")
    state = fields.Selection(
        [
            ("draft", "Draft"),
            ("submitted", "To approve"),
            ("approved", "Approved"),
            ("applied", "In force"),
            ("undone", "Undone"),
            ("refused", "Refused"),
            ("cancelled", "Cancelled"),
        ],
        default="draft",
        required=True,
        readonly=True,
        copy=False,
        tracking=True,
    )
    author_id = fields.Many2one(
        "res.users", default=lambda self: self.env.user, readonly=True, copy=False, required=True, ondelete="restrict"
    )  # fmt: skip
    # Everybody who had a hand in it: none of them approves it.
    author_ids = fields.Many2many(
        "res.users", "hub_change_author_rel", string="Proposed By", readonly=True, copy=False
    )
    approver_id = fields.Many2one(
        "res.users",
        string="Ask",
        domain=lambda self: [("all_group_ids", "in", self.env.ref(APPROVER).ids)],
        help="Gets an activity when the Change is submitted. Every configuration approver may approve.",
    )
    item_ids = fields.One2many(
        "hub.change.item", "change_id", readonly=True, copy=False, string="Differences"
    )
    approval_ids = fields.One2many("hub.change.approval", "change_id", readonly=True, copy=False)
    system_ids = fields.Many2many("hub.system", readonly=True, copy=False, string="Systems")
    entity_ids = fields.Many2many("hub.entity", readonly=True, copy=False, string="Entities")
    company_ids = fields.Many2many(
        "res.company", readonly=True, copy=False, help="Companies that the systems serve."
    )
    lang = fields.Char(
        readonly=True, copy=False, help="Language in which translated texts were proposed."
    )
    apply_at = fields.Datetime(
        string="In Force From",
        help="Empty: somebody puts it in force when it is approved. Else the engine does at this time.",
    )
    applied_at = fields.Datetime(readonly=True, copy=False, string="In Force Since")
    applied_by_id = fields.Many2one(
        "res.users", readonly=True, copy=False, ondelete="restrict", string="Put in Force By"
    )
    version = fields.Integer(readonly=True, copy=False, string="Configuration")
    problem = fields.Text(readonly=True, copy=False)
    undo_of_id = fields.Many2one(
        "hub.change", readonly=True, copy=False, ondelete="restrict", string="Undoes"
    )
    undone_by_id = fields.Many2one("hub.change", readonly=True, copy=False, ondelete="restrict")
    issue_ids = fields.Many2many(
        "hub.issue",
        "hub_change_issue_rel",
        readonly=True,
        copy=False,
        help="What goes on when this is in force.",
    )
    digest = fields.Char(compute="_compute_digest", help="What an approval is bound to.")
    rival_text = fields.Text(compute="_compute_rival_text")
    needs_finance = fields.Boolean(compute="_compute_approvals", string="Finance Approves Too")
    money_text = fields.Char(compute="_compute_approvals", string="Finance Approves Because Of")
    # Names of streams that the register flags once it is in force, as the last trial found them.
    flagged = fields.Json(readonly=True, copy=False)
    missing_text = fields.Char(compute="_compute_approvals", string="Still Missing")
    is_author = fields.Boolean(compute="_compute_can")
    can_edit = fields.Boolean(compute="_compute_can")
    can_approve = fields.Boolean(compute="_compute_can")
    can_refuse = fields.Boolean(compute="_compute_can")
    in_name_text = fields.Char(compute="_compute_can", string="In the Name Of")
    item_count = fields.Integer(compute="_compute_item_count")

    # -- computed ----------------------------------------------------------------------------------

    @api.depends("item_ids", "apply_at")
    def _compute_digest(self):
        for change in self:
            change.digest = change._digest()

    def _digest(self):
        """Of what is in the database: what is approved is what is carried out."""
        return rules.seal(self._items(), self.apply_at or "")

    def _compute_item_count(self):
        for change in self:
            change.item_count = len(change.item_ids)

    @api.depends("item_ids", "state")
    def _compute_rival_text(self):
        """Other open Changes that are about the same."""
        for change in self:
            lines = []
            for item in change.item_ids if change.state in OPEN else ():
                # With sudo: that somebody else changes the same has to be known before it is lost.
                for other in item.sudo()._rivals():
                    lines.append(
                        self.env._(
                            "%(what)s is also in “%(change)s” of %(user)s.",
                            what=item.name,
                            change=other.change_id.name,
                            user=other.change_id.author_id.name,
                        )
                    )
            change.rival_text = "\n".join(dict.fromkeys(lines))

    @api.depends("item_ids", "approval_ids", "state")
    def _compute_approvals(self):
        for change in self:
            # With sudo: whether finance is asked does not depend on who looks.
            items = change._all_items()
            reasons = {
                *(change.sudo().flagged or ()),
                *items._flagged(change._items()),
                *items._financial_fields().mapped("label"),
            }
            change.needs_finance = bool(reasons)
            change.money_text = ", ".join(sorted(reasons))
            change.missing_text = change._missing_text()

    @api.depends_context("uid")
    @api.depends("state", "author_ids", "approval_ids")
    def _compute_can(self):
        user = self.env.user
        for change in self:
            mine = user in change.author_ids | change.author_id
            change.is_author = mine
            change.can_edit = mine and change.state in OPEN
            decided = change.state in ("submitted", "approved")
            principals = change._principals(user) if decided else {}
            decides = bool(principals)
            others = {one.name for one in principals.values() if one != user}
            change.in_name_text = ", ".join(sorted(others))
            change.can_refuse = decides
            change.can_approve = decides and change.state == "submitted"

    def _all_items(self):
        """The items of all companies, in their order."""
        # With sudo, and searched: lists that were read with narrower rights may be in the cache.
        return self.env["hub.change.item"].sudo().search([("change_id", "in", self.ids)])

    def _items(self):
        """The items as the rules in ``core`` take them, in their order."""
        return [item._plain() for item in self._all_items()]

    # -- editing -----------------------------------------------------------------------------------

    @api.model_create_multi
    def create(self, vals_list):
        """An empty draft; what it changes is proposed from forms and editors."""
        for vals in vals_list:
            self._hub_refuse_kept(vals)
        if not self.env.su:
            vals_list = [{k: v for k, v in vals.items() if k in EDITED} for vals in vals_list]
        changes = super().create(vals_list)
        for change in changes.sudo():  # fields that only the hub writes
            change.author_ids = change.author_id
        return changes

    def write(self, vals):
        if not self.env.su:
            if set(vals) - set(EDITED) - {"message_follower_ids", "message_ids", "activity_ids"}:
                raise AccessError(self.env._("A Change is edited with its buttons and proposals."))
            if {"why", "name", "apply_at"} & set(vals):
                self._require_author()
        result = super().write(vals)
        if "apply_at" in vals:
            self._reset()
        return result

    def unlink(self):
        if any(change.state != "draft" for change in self):
            raise UserError(self.env._("Only a draft is deleted; other Changes are kept."))
        self._require_author()
        return super().unlink()

    def _require_author(self):
        if self.env.su:
            return
        for change in self:
            if self.env.user not in change.author_ids | change.author_id:
                raise AccessError(
                    self.env._("“%s” is edited by those who propose it.", change.name)
                )
            if change.state not in OPEN:
                raise UserError(self.env._("“%s” is closed: propose another Change.", change.name))

    def _reset(self):
        """What is edited after it was submitted or approved has to be approved anew."""
        for change in self.sudo():  # states and approvals are written by the hub alone
            if change.state in ("submitted", "approved"):
                change.approval_ids.unlink()
                change.write({"state": "draft", "problem": False})
                change.message_post(
                    body=self.env._("Edited: it has to be submitted and approved again.")
                )
                change.activity_unlink(["mail.mail_activity_data_todo"])

    def _keep_items(self, items):
        """Make these the items of the Change, in the caller's name."""
        self._require_author()
        change = self.sudo()  # items are written by the hub alone
        change.item_ids.unlink()
        self.env["hub.change.item"].sudo().create(
            [
                {
                    "change_id": self.id,
                    "sequence": number,
                    "kind": item["kind"],
                    "res_model": item["model"],
                    "res_id": item["id"],
                    "key": item["key"],
                    "values": item["values"],
                    "elevated": item["elevated"],
                    "name": item["name"],
                    "systems": item["systems"],
                    "entities": item["entities"],
                    "company_id": item["company"],
                }
                for number, item in enumerate(items)
            ]
        )
        systems = self.env["hub.system"].sudo().browse(
            {system for item in items for system in item["systems"]}
        ).exists()  # fmt: skip
        entities = {e for item in items for e in item["entities"] or ()}
        everything = any(item["entities"] is None for item in items)
        change.write(
            {
                "system_ids": [fields.Command.set(systems.ids)],
                "entity_ids": [fields.Command.set([] if everything else list(entities))],
                "company_ids": [fields.Command.set(systems.company_ids.ids)],
                "author_ids": [fields.Command.link(self.env.uid)],
                "problem": False,
            }
        )
        change._reset()
        self.invalidate_recordset()

    # -- proposing ---------------------------------------------------------------------------------

    @api.model
    def propose(self, model, method, ids, values):
        """Propose what a form would have saved.

        :param model: technical name of a governed model; :param method: create, write or unlink;
        :param ids: rows that are written or deleted; :param values: as for that method.
        :return: action that opens the Change.
        :raise UserError: it would change nothing, or the configuration itself refuses it.
        """
        if model not in self.env or not self.env["hub.governed"]._hub_is_governed(model):
            raise UserError(self.env._("%s is not under change control.", model))
        if method not in ("create", "write", "unlink"):
            raise UserError(self.env._("Only creating, writing and deleting can be proposed."))

        def act(env):
            rows = env[model].browse(ids)
            (rows or env[model]).check_access(method)
            if method == "create":
                env[model].create(values)
            elif method == "write":
                rows._hub_write(values)
            else:
                rows.unlink()

        return self._propose(act)._open()

    @api.model
    def _propose_here(self):
        """The button “Propose Instead” of a refusal."""
        wanted = self.env.context.get("hub_proposal") or {}
        return self.with_context(hub_proposal=None).propose(
            wanted.get("model"), wanted.get("method"), wanted.get("ids"), wanted.get("values")
        )

    @api.model
    def _carry_out(self, act, name=None):
        """Do what a person asked for; where it is under change control, make it a proposal.

        :param act: function of an environment.
        :return: the draft, or an empty recordset if it was done.
        """
        # With sudo: what rules a system is asked of all companies.
        controlled = set(self.env["hub.system"].sudo()._hub_under_control().ids)
        if controlled and self.env.uid != SUPERUSER_ID:
            items = self._record(act)
            if any(controlled & set(item["systems"]) for item in items):
                return self._draft(items, name)
        act(self.env)
        return self.browse()

    @api.model
    def _propose(self, act, name=None):
        """Record what ``act`` would do, in the caller's draft for the same systems or in a new one."""
        return self._draft(self._record(act), name)

    @api.model
    def _draft(self, items, name=None, join=True):
        """:param join: add them to a draft of the caller for the same systems, if there is one."""
        if not items:
            raise UserError(self.env._("This would change nothing."))
        systems = {system for item in items for system in item["systems"]}
        drafts = self.search(
            [("state", "=", "draft"), ("author_id", "=", self.env.uid), ("undo_of_id", "=", False)]
        )
        draft = drafts.filtered(lambda c: join and set(c.system_ids.ids) & systems)[:1]
        if not draft:
            # With sudo: a resolver may propose; that is all the right he has here.
            draft = self.sudo().create(
                {"name": name or items[0]["name"], "author_id": self.env.uid, "lang": self.env.lang}
            ).sudo(False)  # fmt: skip
        draft._keep_items(rules.joined(draft._items(), items))
        draft._look()
        return draft

    @api.model
    def _record(self, act):
        """What ``act`` does to the configuration, tried in a transaction that is rolled back.

        :return: items as ``core.change`` has them.
        """
        recording = rules.Recording()
        self.env.flush_all()
        with rolled_back_cursor(self.env, SECONDS) as cr:
            context = {**self.env.context, CHANGE: recording}
            env = api.Environment(cr, self.env.uid, context, self.env.su)
            act(env)
            env.flush_all()
        return recording.result()

    def action_remove_items(self, item_ids):
        """Take differences out of the draft."""
        self.ensure_one()
        self._require_author()
        items = self._items()
        for item in [item for item in items if item["row"] in item_ids]:
            items = rules.without(items, item)
        self._keep_items(items)
        self._look()
        return True

    def _open(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Change"),
            "res_model": "hub.change",
            "res_id": self.id,
            "views": [[False, "form"]],
        }
