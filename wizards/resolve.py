from odoo import api, fields, models
from odoo.exceptions import UserError


class HubResolve(models.TransientModel):
    """The fix of an issue: one decision for everything that shares the cause."""

    _name = "hub.resolve"
    _description = "Resolve an Issue"

    issue_id = fields.Many2one("hub.issue", required=True, readonly=True)
    mode = fields.Selection(
        [("map", "Map"), ("link", "Link"), ("create", "Create"), ("skip", "Skip")],
        required=True,
        readonly=True,
    )
    sentence = fields.Char(related="issue_id.sentence")
    exception_count = fields.Integer(related="issue_id.exception_count")
    waiting_count = fields.Integer(related="issue_id.waiting_count")
    vocabulary_id = fields.Many2one("hub.vocabulary", compute="_compute_target")
    term_id = fields.Many2one(
        "hub.vocabulary.term", domain="[('vocabulary_id', '=', vocabulary_id)]"
    )
    model_name = fields.Char(compute="_compute_target")
    record_ref = fields.Reference(selection="_selection_model", string="Odoo Record")
    candidate_text = fields.Char(compute="_compute_target", string="Looks Like")
    why = fields.Char(string="Reason")

    @api.model
    def _selection_model(self):
        names = set(self.env["hub.entity"].search([]).mapped("model_name")) - {False}
        return [(name, self.env[name]._description) for name in sorted(names) if name in self.env]

    @api.depends("issue_id", "mode")
    def _compute_target(self):
        for wizard in self:
            params = wizard.issue_id.params or {}
            wizard.vocabulary_id = self.env["hub.vocabulary"].search(
                [("code", "=", params.get("vocabulary_code"))], limit=1
            )
            entity = wizard.issue_id.entity_id
            if params.get("entity_code"):
                entity = self.env["hub.entity"].search(
                    [("code", "=", params["entity_code"])], limit=1
                )
            wizard.model_name = entity.model_name
            wizard.candidate_text = params.get("candidate_names")

    @api.model
    def default_get(self, fields_list):
        values = super().default_get(fields_list)
        issue = self.env["hub.issue"].browse(values.get("issue_id") or ())
        if issue and values.get("mode") == "link":
            params = issue.params or {}
            entity = issue.entity_id
            if params.get("entity_code"):
                entity = self.env["hub.entity"].search(
                    [("code", "=", params["entity_code"])], limit=1
                )
            candidates = params.get("candidates") or []
            if candidates and entity.model_name:
                record = (
                    self.env[entity.model_name]
                    .browse(candidates[0])
                    .exists()
                    ._filtered_access("read")
                )
                if record:
                    values["record_ref"] = f"{record._name},{record.id}"
        return values

    def action_confirm(self):
        """Carry out the decision; everything that shares the cause goes on."""
        self.ensure_one()
        issue = self.issue_id
        if self.mode == "map":
            if not self.term_id:
                raise UserError(self.env._("Choose the term that this word stands for."))
            return self._closed(issue._fix_map(self.term_id))
        elif self.mode == "link":
            if not self.record_ref:
                raise UserError(self.env._("Choose the record in Odoo."))
            issue._fix_link(self.record_ref)
        elif self.mode == "create":
            issue._fix_create()
        else:
            if not (self.why or "").strip():
                raise UserError(self.env._("Give a reason; it is kept with the messages."))
            issue.env["hub.message"]._require_resolver()
            issue._messages()._skip(self.why.strip())
        return self._closed()

    @api.model
    def _closed(self, change=None):
        """Close the wizard; what is only proposed yet is shown."""
        return change._open() if change else {"type": "ir.actions.act_window_close"}
