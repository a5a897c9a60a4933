from odoo import api, models


class PartnerMerge(models.TransientModel):
    """Odoo merges partners in SQL and then deletes the losers: what the hub knows of them moves on."""

    _inherit = "base.partner.merge.automatic.wizard"

    @api.model
    def _update_foreign_keys(self, src_partners, dst_partner):
        result = super()._update_foreign_keys(src_partners, dst_partner)
        self._hub_follow(src_partners.ids, dst_partner.id)
        return result

    @api.model
    def _hub_follow(self, losers, winner):
        """Point links, keys and messages of merged partners at the one that stays."""
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

            UPDATE hub_message SET res_id = %(winner)s
             WHERE res_model = 'res.partner' AND res_id = ANY(%(losers)s);
            """,
            {"losers": losers, "winner": winner},
        )
        for model in ("hub.link", "hub.record", "hub.identity", "hub.message"):
            self.env[model].invalidate_model()
