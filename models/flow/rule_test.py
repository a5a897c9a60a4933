from markupsafe import Markup
from odoo import api, fields, models

from ...core.problem import Problem
from ...core.rule import ASKING, Check
from .apply_batch import ApplyBatch
from .context import HUB_CONTEXT


class HubRule(models.Model):
    """The live test of a rule, against a message that is stored: nothing is written."""

    _inherit = "hub.rule"

    # Chosen in the form and forgotten with it.
    test_message_id = fields.Many2one(
        "hub.message",
        string="Try It On",
        store=False,
        domain="[('entity_id', '=', entity_id), ('direction', '=', 'in'), ('kind', '!=', 'notice')]",
    )
    test_html = fields.Html(compute="_compute_test_html", string="Result")

    @api.depends(
        *("test_message_id", "test", "effect", "field_id", "least", "most", "term_ids", "words"),
        *("operator", "other_id", "formula", "tolerance", "when", "sentence", "entity_id"),
        *("model_id", "match_field", "model_domain", "own_field", "most_others", "needed"),
    )
    def _compute_test_html(self):
        for rule in self:
            rule.test_html = rule._try_on(rule.test_message_id) if rule.test_message_id else False

    def _try_on(self, message):
        """What the rule says of a message, and the record as rules see it.

        The user's own right to read the payload holds, and the message's record rules.
        """
        message = message._origin or message
        message.check_access("read")
        if not message.payload_id or message.entity_id != self.entity_id:
            return self._test_box(
                self.env._("Choose a message of this entity whose bytes are kept."), "info"
            )
        try:
            check = Check(self._plain())
        except Problem as problem:
            reason = self.env["hub.sentence"]._sentence(problem.code, problem.params)
            return self._test_box(reason, "warning")
        batch, item = self._read_message(message)
        if item.problem is not None:
            reason = self.env["hub.sentence"]._sentence(item.problem.code, item.problem.params)
            return self._test_box(self.env._("The rule is not asked: %s", reason), "warning")
        record = batch.record_of(item)
        answer = None
        if self.test in ASKING and check.concerns(record):
            env = batch._handler(item.company_id).env
            answer = self._ask_odoo(env, check.rule, [item]).get(item.message_id)
        found = check.judge(record, fields.Date.today(), answer)
        if found is None:
            text = self.env._("Right: the record would pass, or the rule does not concern it.")
            return self._test_box(text, "success") + self._record_table(record)
        effects = dict(self._fields["effect"]._description_selection(self.env))
        text = f"{effects[self.effect]} {self._read_sentence(found.facts, found.failed)}"
        return self._test_box(text, "danger") + self._record_table(record)

    def _read_message(self, message):
        """A batch of this one message, read up to where rules are asked."""
        technical = api.Environment(self.env.cr, message.system_id.user_id.id, dict(HUB_CONTEXT))
        batch = ApplyBatch(technical, message.system_id.id, message.entity_id.id, anew=True)
        batch.read(technical["hub.claim"]._read(self.env.cr, message.ids))
        return batch, batch.items[0]

    @api.model
    def _test_box(self, text, kind):
        return Markup("<div class='alert alert-%s mb-2'>%s</div>") % (kind, text)

    @api.model
    def _record_table(self, record):
        rows = Markup().join(
            Markup("<tr><td><code>%s</code></td><td>%s</td></tr>") % (name, self._test_value(value))
            for name, value in record.items()
        )
        return Markup("<table class='table table-sm'><tbody>%s</tbody></table>") % rows

    @api.model
    def _test_value(self, value):
        if value is None:
            return Markup("<span class='text-muted'>%s</span>") % self.env._("blank")
        if isinstance(value, list):
            return Markup("<br/>").join(self._test_value(entry) for entry in value[:20])
        if isinstance(value, dict):
            return ", ".join(f"{name}: {'' if v is None else v}" for name, v in value.items())
        return str(value)[:200]
