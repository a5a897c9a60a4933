"""What is edited in a production system without a Change: kept in the audit."""

from odoo import models

from ..flow.cursors import is_simulated


def _pairs(before, after):
    """``{field: [before, after]}`` of what differs."""
    return {
        name: [before.get(name), after.get(name)]
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
    }


class HubGoverned(models.AbstractModel):
    _inherit = "hub.governed"

    def _hub_in_production(self):
        """Production systems that these rule, whose edits are kept with what they said before; none while
        the addon itself is installed or updated, and where all is rolled back."""
        if not self or not self.env.registry.ready or is_simulated(self.env.cr):
            return self.env["hub.system"]
        # With sudo: systems of all companies.
        return self.sudo()._hub_systems().filtered(lambda one: one.environment == "production")

    def _hub_keep(self, kind, systems, before, after):
        """Keep in the audit what an edit changed; a Change that is carried out keeps it itself.

        :param before: ``{id: {field: value}}``, as ``after``; rows that say what they said are left out,
            a row that is not there says nothing.
        """
        values = {
            row_id: _pairs(before.get(row_id, {}), after.get(row_id, {})) for row_id in self.ids
        }
        system = systems.id if len(systems) == 1 else None
        self.env["hub.audit"]._append(
            [
                {
                    "action": "configure",
                    "system_id": system,
                    "company_id": row.company_id.id or None if "company_id" in row else None,
                    "res_model": self._name,
                    "res_id": row.id,
                    "values": {"name": row._hub_named(), "kind": kind, "values": values[row.id]},
                }
                for row in self.sudo()  # named whole; its values are for auditors
                if values[row.id]
            ]
        )
