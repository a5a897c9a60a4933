from odoo import api, fields, models
from odoo.exceptions import UserError

from ...core import identity
from ..flow.outbox import WATCHED


class PartnerMerge(models.TransientModel):
    """Odoo merges partners in SQL and then deletes the losers: what the hub knows of them moves on first.

    Two valid tax numbers are two legal customers: they are merged only by who says so. What referred to a loser goes
    to the other systems again, because SQL marks nothing. Posted documents remember whom they were issued to.
    """

    _inherit = "base.partner.merge.automatic.wizard"

    hub_other_vat = fields.Boolean(
        string="One Legal Customer All the Same",
        help="Their tax numbers differ, and you have checked that they are one legal customer.",
    )
    hub_numbers_differ = fields.Boolean(compute="_compute_hub_numbers_differ")

    @api.depends("partner_ids")
    def _compute_hub_numbers_differ(self):
        for wizard in self:
            wizard.hub_numbers_differ = len(self._hub_numbers(wizard.partner_ids)) > 1

    @api.model
    def _hub_numbers(self, partners):
        """Their valid tax numbers."""
        return {identity.vat_key(p.vat, p.country_id.code) for p in partners} - {None}

    def action_start_automatic_process(self):
        """Merge without asking: those with different tax numbers are left out."""
        return super(
            PartnerMerge, self.with_context(hub_merge_unasked=True)
        ).action_start_automatic_process()

    def parent_migration_process_cb(self):
        """Merge without asking, too."""
        return super(
            PartnerMerge, self.with_context(hub_merge_unasked=True)
        ).parent_migration_process_cb()

    def _merge(self, partner_ids, dst_partner=None, extra_checks=True):
        partners = self.env["res.partner"].browse(partner_ids).exists()
        if len(partners) > 1:
            keep = dst_partner if dst_partner and dst_partner in partners else None
            keep = keep or self._get_ordered_partner(partners.ids)[-1]
            refusal = self._hub_refusal(partners, keep)
            if refusal and self.env.context.get("hub_merge_unasked"):
                return None
            if refusal:
                raise UserError(refusal)
        return super()._merge(partner_ids, dst_partner, extra_checks)

    def _hub_refusal(self, partners, keep):
        """Why these are not merged into ``keep``, as a sentence; None if nothing stands against it."""
        numbers = self._hub_numbers(partners)
        if len(numbers) > 1 and not self[:1].hub_other_vat:
            return self.env._(
                "They have different tax numbers (%s), so they are different legal customers. If they are one all the "
                "same, correct the wrong number first, or confirm it in the form.",
                ", ".join(sorted(numbers)),
            )
        # Entries of all companies count, also those that the user may not see: their seal would break.
        self.env["account.move.line"].flush_model(["partner_id"])
        self.env.cr.execute(
            """SELECT count(DISTINCT m.id) FROM account_move_line l JOIN account_move m ON m.id = l.move_id
                WHERE l.partner_id = ANY(%s) AND m.inalterable_hash IS NOT NULL""",
            [(partners - keep).ids],
        )
        sealed = self.env.cr.fetchone()[0]
        if sealed:
            return self.env._(
                "%(count)s sealed entries (inalterable hash) name a partner that would go, and a merge would break the "
                "seal. Keep that partner, or archive the other one instead of merging.",
                count=sealed,
            )
        return None

    @api.model
    def _update_foreign_keys(self, src_partners, dst_partner):
        self.env.flush_all()
        self._hub_keep_issued(src_partners, dst_partner)
        self._hub_mark_again(src_partners.ids)
        self._hub_follow(src_partners.ids, dst_partner.id)
        self.env["hub.credit.hold"]._merged(src_partners + dst_partner)
        self.env.flush_all()
        return super()._update_foreign_keys(src_partners, dst_partner)

    @api.model
    def _update_reference_fields(self, src_partners, dst_partner):
        result = super()._update_reference_fields(src_partners, dst_partner)
        self.env["res.partner"].browse(dst_partner.id)._hub_mark(dst_partner.ids)
        self.env["hub.audit"]._append(
            [
                {
                    "action": "merge",
                    "res_model": "res.partner",
                    "res_id": dst_partner.id,
                    "company_id": dst_partner.company_id.id or None,
                    "values": {"merged": src_partners.ids, "links": self._hub_links(dst_partner)},
                }
            ]
        )
        return result

    @api.model
    def _hub_links(self, partner):
        """Its ids in all systems after the merge, those of the merged ones among them."""
        self.env.cr.execute(
            """SELECT system_id, entity_id, external_id FROM hub_link
                WHERE res_model = 'res.partner' AND res_id = %s ORDER BY id""",
            [partner.id],
        )
        return [list(row) for row in self.env.cr.fetchall()]

    @api.model
    def _hub_keep_issued(self, losers, winner):
        """Posted documents keep the name and the tax number that they were issued to. Those of the winner
        too, where a loser's values take the place of its own."""
        concerned = losers.ids
        if self.env.context.get("hub_keeps_issued") or (
            not winner.vat and any(losers.mapped("vat"))
        ):
            concerned = [*concerned, winner.id]
        self.env.cr.execute(
            """
            UPDATE account_move m
               SET hub_issued_name = coalesce(m.hub_issued_name, m.invoice_partner_display_name, c.name),
                   hub_issued_vat = coalesce(m.hub_issued_vat, c.vat, '')
              FROM res_partner c
             WHERE c.id = m.commercial_partner_id AND c.id = ANY(%s) AND m.state = 'posted'
               AND m.move_type <> 'entry'
            """,
            [concerned],
        )

    @api.model
    def _hub_mark_again(self, losers):
        """What refers to a loser, or to a contact of one, is composed again."""
        mark = self.env["account.move"]
        if not mark._hub_outbound():
            return
        for name in WATCHED:
            model = self.env[name]
            columns = [
                field.name
                for field in model._fields.values()
                if field.type == "many2one" and field.comodel_name == "res.partner" and field.store
            ]
            if columns and name != "res.partner":
                # All companies' records, told apart again when they are composed.
                model._hub_mark(
                    model.sudo()
                    .with_context(active_test=False)
                    .search(["|"] * (len(columns) - 1) + [(c, "in", losers) for c in columns])
                    .ids
                )

    @api.model
    def _hub_follow(self, losers, winner):
        """Point links, keys, marks and messages of merged partners at the one that stays."""
        cr = self.env.cr
        cr.execute(
            """
            INSERT INTO hub_record (res_model, res_id, entity_id, company_id, provenance)
            SELECT res_model, %(winner)s, entity_id, company_id, provenance FROM hub_record
             WHERE res_model = 'res.partner' AND res_id = ANY(%(losers)s) ORDER BY id LIMIT 1
            ON CONFLICT (res_model, res_id) DO NOTHING;

            UPDATE hub_link
               SET res_id = %(winner)s,
                   record_id = (SELECT id FROM hub_record
                                 WHERE res_model = 'res.partner' AND res_id = %(winner)s)
             WHERE res_model = 'res.partner' AND res_id = ANY(%(losers)s);

            DELETE FROM hub_record WHERE res_model = 'res.partner' AND res_id = ANY(%(losers)s);

            UPDATE hub_identity SET res_id = %(winner)s
             WHERE res_id = ANY(%(losers)s)
               AND entity IN (SELECT code FROM hub_entity WHERE model_name = 'res.partner');

            UPDATE hub_edit SET res_id = %(winner)s
             WHERE res_model = 'res.partner' AND res_id = ANY(%(losers)s);

            UPDATE hub_outbox SET res_id = %(winner)s
             WHERE model = 'res.partner' AND res_id = ANY(%(losers)s);

            UPDATE hub_message SET res_id = %(winner)s
             WHERE res_model = 'res.partner' AND res_id = ANY(%(losers)s);

            -- What a person decided about a loser holds for the winner.
            UPDATE hub_message SET decision = decision || jsonb_build_object('link', %(winner)s)
             WHERE decision ? 'link' AND (decision ->> 'link')::int = ANY(%(losers)s)
               AND state NOT IN ('done', 'skipped')
               AND entity_id IN (SELECT id FROM hub_entity WHERE model_name = 'res.partner');

            WITH gone AS (
                DELETE FROM hub_distinct WHERE low = ANY(%(losers)s) OR high = ANY(%(losers)s)
                RETURNING CASE WHEN low = ANY(%(losers)s) THEN %(winner)s ELSE low END AS one,
                          CASE WHEN high = ANY(%(losers)s) THEN %(winner)s ELSE high END AS other, user_id, at)
            INSERT INTO hub_distinct (low, high, user_id, at)
            SELECT least(one, other), greatest(one, other), user_id, at FROM gone WHERE one <> other
            ON CONFLICT DO NOTHING;
            """,
            {"losers": losers, "winner": winner},
        )
        for model in ("hub.link", "hub.record", "hub.identity", "hub.message", "hub.distinct"):
            self.env[model].invalidate_model()
