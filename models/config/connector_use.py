import base64

from odoo import api, fields, models, tools
from odoo.exceptions import UserError

from ...connectors import documents
from ...connectors.declared import connector_class


class HubConnector(models.Model):
    """A declared connector at work, and its buttons."""

    _inherit = "hub.connector"

    # -- for the engine ----------------------------------------------------------------------------

    @api.model
    def _named(self, code):
        """The connector with that code, archived or not.

        How a product speaks is no secret of its readers: the engine's users, who see no configuration,
        need it as well.
        """
        return self.sudo().with_context(active_test=False).search([("code", "=", code)], limit=1)

    @api.model
    def _class_of(self, code):
        """The class that speaks for a declared product, as of today.

        :raise UserError: there is none any more.
        """
        connector = self._named(code)
        if not connector.declaration:
            raise UserError(self.env._("No connector speaks for “%s” any more.", code))
        return self._class_for(connector.id, connector.stamp)

    @api.model
    @tools.ormcache("connector_id", "stamp")
    def _class_for(self, connector_id, stamp):
        return connector_class(self.sudo().browse(connector_id).declaration)

    @api.model
    def _labels(self):
        """``{code: name}`` of the declared products."""
        # Names of products, for a list to choose from; as in _named.
        return {c.code: c.name for c in self.sudo().search([])}

    # -- buttons -----------------------------------------------------------------------------------

    def action_new_system(self):
        """Connect an account of this product."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": "hub.system",
            "views": [[False, "form"]],
            "context": {"default_product": self.code, "default_name": self.name},
        }

    def action_view_systems(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Systems of %s", self.name),
            "res_model": "hub.system",
            "views": [[False, "list"], [False, "form"]],
            "domain": [("product", "=", self.code)],
        }

    def action_export(self):
        """Download the declaration as YAML, with what systems of the product begin with. It holds no secret."""
        self.ensure_one()
        self.check_access("read")
        presets = self._presets()
        text = documents.write_yaml(
            (self.declaration or {}) | ({"presets": presets} if presets else {})
        )
        wizard = self.env["hub.connector.export"].create(
            {
                "file": base64.b64encode(text.encode()),
                "file_name": f"{self.code}.yaml",
            }
        )
        return {
            "type": "ir.actions.act_url",
            "target": "download",
            "url": f"/web/content/{wizard._name}/{wizard.id}/file?filename_field=file_name&download=true",
        }


class HubConnectorExport(models.TransientModel):
    _name = "hub.connector.export"
    _description = "Connector as a File"

    file = fields.Binary(readonly=True, attachment=False)
    file_name = fields.Char(readonly=True)
