"""What the merge decided about the fields of a record, in sentences."""

from odoo import models


class HubSentence(models.AbstractModel):
    _inherit = "hub.sentence"

    def _find(self, code, params):
        params = params or {}
        if code == "merge_conflict":
            system = params.get("system") or ""
            if "count" in params:  # the issue that all of them share
                what = self.env._(
                    "Records that changed both in Odoo and in %(system)s since they last agreed: "
                    "%(count)s (%(entity)s).",
                    system=system,
                    count=params["count"],
                    entity=params.get("entity") or "",
                )
            else:
                what = self.env._(
                    "%(fields)s changed both in Odoo and in %(system)s since they last agreed.",
                    fields=", ".join(self._labels(params, params.get("fields") or ())),
                    system=system,
                )
            return what, self.env._(
                "Choose a value for each field. All other fields of the record were applied."
            )
        if code in ("kept", "applied") and params.get("kept"):
            start = self.env._("Applied.") + " " if code == "applied" else ""
            return start + self._kept(params), ""
        if code == "kept":
            return self.env._("Odoo keeps its own values."), ""
        return super()._find(code, params)

    def _kept(self, params):
        """“Kept in Odoo: Street (…), Phone (…).”"""
        reasons = self._merge_reasons()
        kept = params["kept"]
        labels = self._labels(params, sorted(kept))
        parts = [
            self.env._("%(field)s (%(why)s)", field=label, why=reasons.get(kept[name], kept[name]))
            for name, label in zip(sorted(kept), labels, strict=True)
        ]
        return self.env._("Kept as it is in Odoo: %(fields)s.", fields=", ".join(parts))

    def _merge_reasons(self):
        """Why a field is as it is, in a few words: also shown as its provenance."""
        _ = self.env._
        return {
            "new": _("came with the record"),
            "filled": _("was blank in Odoo"),
            "owner": _("the system owns it"),
            "only_change": _("changed there only"),
            "newer": _("changed there last"),
            "first": _("filled there first"),
            "same": _("both hold the same"),
            "chosen": _("chosen by a person"),
            "released": _("released by a person"),
            "not_exchanged": _("not exchanged"),
            "odoo_owns": _("Odoo owns it"),
            "other_owner": _("another system owns it"),
            "blank": _("blank in the source"),
            "edited": _("typed by a person"),
            "not_first": _("was filled elsewhere first"),
            "older": _("changed in Odoo later"),
            "first_link": _("Odoo had it before it was linked"),
            "both_changed": _("changed on both sides"),
            "cleared": _("emptied in the source"),
            "with_other": _("belongs to another field that was kept"),
        }

    def _labels(self, params, names):
        """Labels of canonical fields in the reader's language."""
        fields = self.env["hub.entity.field"].search(
            [("entity_id.code", "=", params.get("entity_code")), ("name", "in", list(names))]
        )
        labels = {field.name: field.label for field in fields}
        return [labels.get(name) or name.replace("_", " ") for name in names]
