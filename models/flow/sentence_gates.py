from odoo import api, models

from .sentence import _Params


class HubSentence(models.AbstractModel):
    """Sentences of rules, checkpoints and processes."""

    _inherit = "hub.sentence"

    def _known(self, params):
        _ = self.env._
        p = _Params(params)
        correct = _("Correct the rule.")
        return super()._known(params) | {
            "rule_block": (
                self._rule_sentence(p),
                _(
                    "Correct the record where it comes from: it comes back by itself. "
                    "Or change the rule, then replay."
                ),
            ),
            "held_for": (
                _("Waits for approval: %s.", self._gate_names(p)),
                _("Whoever may approve it finds it under “To Approve”."),
            ),
            "refused": (_("Refused by %(who)s: %(why)s", who=p["who"], why=p["why"]), ""),
            "rule_bad_bound": (
                _(
                    "“%(value)s” is no bound that can be compared; it should be %(expected)s.",
                    value=p["value"],
                    expected=_("a day (2026-12-31, today, today+30)")
                    if p["expected"] == "date"
                    else _("a number"),
                ),
                correct,
            ),
            "rule_empty_range": (
                _("Nothing lies between %(least)s and %(most)s.", least=p["least"], most=p["most"]),
                correct,
            ),
            "rule_wrong_type": (
                _(
                    "the field “%(field)s” cannot be compared that way; choose one that is %(expected)s.",
                    field=p["field"],
                    expected=p["expected"],
                ),
                correct,
            ),
            "rule_incomplete": (
                _(
                    "it is not complete: %s is missing.",
                    self._missing_words().get(p["what"], p["what"]),
                ),
                correct,
            ),
        }

    def _missing_words(self):
        _ = self.env._
        return {
            "field": _("the field"),
            "bound": _("a lower or an upper bound"),
            "words": _("what it may be"),
            "other field": _("the other field"),
            "formula": _("what one line is worth"),
            "expression": _("the expression"),
        }

    def _rule_sentence(self, p):
        if not p["rule"]:
            return ""
        # With sudo: the sentence of a rule is for whoever stands before what it stopped.
        rule = self.env["hub.rule"].sudo().browse(p["rule"]).exists()
        if not rule:
            return self.env._("A rule stopped it that is no longer there.")
        return rule._read_sentence(p["facts"] or {}, p["failed"])

    def _gate_names(self, p):
        names = []
        for kind, gate_id in p["gates"] or ():
            # With sudo: a name, for whoever wonders what a message waits for.
            gate = (
                self.env["hub.rule" if kind == "rule" else "hub.checkpoint"].sudo().browse(gate_id)
            )
            names.append(gate.exists().name or self.env._("(gone)"))
        return ", ".join(names)


class HubIssue(models.Model):
    """One rule that stops many records is one issue, named by the rule: the records differ."""

    _inherit = "hub.issue"

    @api.depends("code", "params", "exception_count", "state", "record_total")
    @api.depends_context("lang")
    def _compute_sentence(self):
        result = super()._compute_sentence()
        for issue in self.filtered(lambda i: i.code == "rule_block" and i._size()[0] > 1):
            # With sudo: see hub.sentence.
            rule = (
                self.env["hub.rule"].sudo().browse((issue.params or {}).get("rule") or ()).exists()
            )
            issue.sentence = self.env._(
                "%(rule)s: %(count)s records of %(system)s",
                rule=rule.name or self.env._("A rule that is gone"),
                count=issue._size()[0],
                system=issue.system_id.name,
            )
        return result
