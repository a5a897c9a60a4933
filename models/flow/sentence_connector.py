from odoo import models


class HubSentence(models.AbstractModel):
    """What a declared product answers: its own sentences, and what its declaration gets wrong."""

    _inherit = "hub.sentence"

    def _known(self, params):
        known = super()._known(params)
        named = (params or {}).get("object") or (params or {}).get("entity") or ""
        advice = self.env._("Correct the connector's declaration; it goes on by itself.")
        known.update(
            {
                "no_list": (
                    self.env._("%s: there is no list where the declaration says.", named), advice),
                "no_id": (self.env._("%s: a record has no id where the declaration says.", named), advice),
                "no_time_of_change": (
                    self.env._("%s: a record has no time of change where the declaration says.", named),
                    advice,
                ),
                "not_sorted": (
                    self.env._("%s: the list is not sorted by change, the oldest first.", named), advice),
                "same_instant": (
                    self.env._("%s: more than a page of records changed at one time.", named), advice),
                "endless_list": (self.env._("%s: the list does not end.", named), advice),
                "other_record": (
                    self.env._("%s: the product answered with another record.", named), advice),
                "foreign_link": (
                    self.env._("The next page lies at another address; it was not followed."), advice),
            }
        )  # fmt: skip
        return known

    def _find(self, code, params):
        """A declared error speaks in the words of its declaration; an answer of another form says which."""
        params = params or {}
        if params.get("sentence") and str(code).startswith("error_"):
            text = self.env._(
                "%(system)s: %(sentence)s", system=params.get("system"), sentence=params["sentence"]
            )
            known = super()._find(code, params)
            return (text, known[1] if known else "")
        if code == "error_schema" and params.get("code"):
            return self._known(params).get(params["code"]) or super()._find(code, params)
        return super()._find(code, params)
