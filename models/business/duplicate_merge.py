from odoo import fields, models
from odoo.exceptions import UserError

from ...core import identity
from .duplicate_compare import CHOICES, ONE_STEP
from .sentence_tools import listed


class HubDuplicate(models.Model):
    """The merge itself: Odoo's own, in steps, with the values that a person chose."""

    _inherit = "hub.duplicate"

    def merge_partners(self, survivor_id, choices, other_vat=False):
        """Merge a group into one of its customers. It cannot be taken back.

        :param survivor_id: the partner that stays
        :param choices: ``{name of CHOICES: id of the partner whose value is kept}``
        :param other_vat: the user has checked that different tax numbers are one legal customer
        :raise UserError: something stands against it; then nothing was changed
        """
        partners = self._require_open()
        keep = partners.filtered(lambda partner: partner.id == survivor_id)
        if not keep:
            raise UserError(self.env._("Choose the customer that stays."))
        vals = self._chosen(partners, choices)
        losers = partners - keep
        names, kept_name = losers.mapped("display_name"), keep.display_name
        messages = self._waiting_for(partners)
        # Odoo's merge of customers with different e-mail addresses is the administrator's, lest somebody get the
        # portal account of another. Where no account is concerned, who sees them side by side may decide.
        strict = bool(partners.with_context(active_test=False).sudo().user_ids)
        kept_vals = {name: keep[name] for name in ("name", "vat")}
        wizard = (
            self.env["base.partner.merge.automatic.wizard"]
            .with_context(hub_keeps_issued=any(vals.get(n, v) != v for n, v in kept_vals.items()))
            .create({"hub_other_vat": bool(other_vat)})
        )
        refusal = wizard._hub_refusal(partners, keep)
        if refusal:
            raise UserError(refusal)
        step = ONE_STEP - 1
        for start in range(0, len(losers), step):
            wizard._merge([keep.id, *losers[start : start + step].ids], keep, extra_checks=strict)
        changed = {
            name: value
            for name, value in vals.items()
            if (keep[name].id if isinstance(keep[name], models.BaseModel) else keep[name]) != value
        }
        if changed:
            keep.write(changed)
        self._decided(
            "merged",
            self.env._("%(losers)s merged into %(keep)s", losers=listed(names), keep=kept_name),
        )
        if messages.exists():
            messages._replay(self.env._("Customers were merged in Odoo"))
        return {"name": keep.display_name, "count": len(names)}

    def _chosen(self, partners, choices):
        """Values to write, read from the partners themselves before they are gone."""
        by_id = {partner.id: partner for partner in partners}
        vals = {}
        for name, key in (choices if isinstance(choices, dict) else {}).items():
            if name not in CHOICES or not isinstance(key, int) or key not in by_id:
                raise UserError(self.env._("This value belongs to none of the customers."))
            source = by_id[key]
            for field in CHOICES[name]:
                value = source[field]
                vals[field] = value.id if isinstance(value, models.BaseModel) else value
        numbers = {identity.vat_key(p.vat, p.country_id.code) for p in partners} - {None}
        if numbers and "vat" in vals and not vals["vat"]:
            raise UserError(self.env._("The tax number would be lost: choose one that is there."))
        return vals

    def _waiting_for(self, partners):
        """Messages that ask which of these a record is; they go on once there is one."""
        exceptions = self.env["hub.exception"].search(
            [
                ("state", "=", "open"),
                ("code", "in", ("possible_duplicate", "ambiguous_match", "merged_at_source")),
                ("entity_id.model_name", "=", "res.partner"),
            ]
        )
        ids = set(partners.ids)
        return exceptions.filtered(
            lambda e: ids & set((e.params or {}).get("candidates") or ())
        ).message_id

    def _of_partners(self, partners, evidence=()):
        """A group made on the spot, for a question that names its customers; the open one if there is."""
        ids = set(partners.ids)
        for group in self.sudo().search(
            [("state", "=", "open"), ("line_ids.partner_id", "in", list(ids))]
        ):
            if set(group.line_ids.partner_id.ids) == ids:
                return group.sudo(False)
        # The group says no more than the question that the user may read.
        numbers = {identity.vat_key(p.vat, p.country_id.code) for p in partners} - {None}
        companies = partners.company_id
        group = self.sudo().create(
            {
                "company_id": companies.id if len(companies) == 1 else False,
                "score": 100,
                "evidence": list(evidence),
                "other_vat": len(numbers) > 1,
                "line_count": len(ids),
                "found_at": fields.Datetime.now(),
                "line_ids": [fields.Command.create({"partner_id": key}) for key in partners.ids],
            }
        )
        return group.sudo(False)
