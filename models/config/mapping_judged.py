from odoo import models

from ...core.brief import MASK


class HubMapping(models.Model):
    """The mapping editor of what leaves: what rules, checkpoints and processes say of the record that is shown."""

    _inherit = "hub.mapping"

    def _verdict_shown(self, row, hidden):
        """What would become of the record on its way out, a sentence each.

        :param row: see ``hub.compose._verdict``.
        :param hidden: canonical fields whose values the user is not shown.
        :return: ``[{effect, text}]``; effect is ``block``, ``hold``, ``warn`` or ``process``.
        """
        _ = self.env._
        problem, found = row.get("problem"), []
        if problem is not None:
            said = self._rule_said(
                problem.params["rule"], problem.params["facts"], problem.params["failed"], hidden
            )
            found.append(("block", _("Blocked: %s", said)))
        for stop in row.get("stops") or ():
            # With sudo: a name, for whoever wonders what a record would wait for.
            gate = self.env[f"hub.{stop.kind}"].sudo().browse(stop.id)
            said = gate.name
            if stop.kind == "rule":
                said = self._rule_said(stop.id, stop.facts, stop.failed, hidden)
            found.append(("hold", _("Held until somebody approves: %s", said)))
        for one in () if problem is not None else row.get("warnings") or ():
            said = self._rule_said(one.rule.id, one.facts, one.failed, hidden)
            found.append(("warn", _("Sent with a warning: %s", said)))
        if row.get("reason") == "out_of_scope":
            found.append(
                ("process", _("Not sent: its process is not switched on for this record."))
            )
        elif row.get("reason") == "shadow":
            found.append(("process", _("Not sent: its process is in shadow.")))
        return [{"effect": effect, "text": text} for effect, text in found]

    def _rule_said(self, rule_id, facts, failed, hidden):
        """The name of a rule and its sentence, without values that the user is not shown."""
        # With sudo: the sentence of a rule is for whoever stands before what it stops.
        rule = self.env["hub.rule"].sudo().browse(rule_id)
        fields = set(self.entity_id.field_ids.mapped("name"))
        touched = hidden & {rule.field_id.name, rule.other_id.name}
        shown = {
            name: MASK if name in hidden or (touched and name not in fields) else value
            for name, value in facts.items()
        }
        return f"{rule.name} › {rule._read_sentence(shown, failed)}"
