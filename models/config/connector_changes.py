import uuid

from odoo import api, models
from odoo.exceptions import AccessError, UserError, ValidationError

from ...connectors import PRODUCTS, declaration
from ..guard import own_code
from .connector import ADDRESSES
from .connector_words import fault_sentence
from .governed import CHANGE, Applying

WHOLE = "hub_connector_whole"  # context: parts are being changed together; judged at the end
OWN = ("declaration", "stamp")  # follow from the forms


class Together:
    """Parts of connectors are being changed together, and judged at the end. As an object: no caller from
    outside can send one.

    :attr ids: of the connectors that have to be judged.
    """

    def __init__(self):
        self.ids = set()

    def judge(self, env):
        """Judge each of them as a whole, with the rights of ``env``."""
        connectors = env["hub.connector"].with_context(**{WHOLE: None})
        connectors.browse(self.ids).exists()._judge()


class HubConnector(models.Model):
    """A declared connector that changes: judged as a whole, kept with a stamp, with what follows from it."""

    _inherit = "hub.connector"

    @api.model_create_multi
    def create(self, vals_list):
        self._require_settings()
        self._refuse_own({name for vals in vals_list for name in vals})
        connectors = self.browse(super(HubConnector, self._whole()).create(vals_list).ids)
        connectors._judge()
        return connectors

    def write(self, vals):
        self._refuse_own(vals)
        if any(
            (connector[name] or "") != (vals[name] or "")
            for name in ADDRESSES
            if name in vals
            for connector in self
        ):
            self._require_settings()
        if "code" in vals and any(connector.code != vals["code"] for connector in self):
            raise UserError(
                self.env._("The code of a connector never changes: systems and presets name it.")
            )
        if vals.get("active") is False:
            self._require_unused()
        result = super(HubConnector, self._whole()).write(vals)
        self._judge()
        return result

    def _whole(self):
        """These, with their parts changed together."""
        if isinstance(self.env.context.get(WHOLE), Together):
            return self
        return self.with_context(**{WHOLE: Together()})

    def unlink(self):
        self._require_unused()
        codes = self.mapped("code")
        # Presets have no other owner; systems of this product there are none.
        for model in ("hub.stream", "hub.mapping", "hub.vocabulary.word"):
            self.env[model].search([("product", "in", codes), ("system_id", "=", False)]).unlink()
        return super().unlink()

    def copy_data(self, default=None):
        default = dict(default or {})
        result = super().copy_data(default)
        for connector, vals in zip(self, result, strict=True):
            vals.setdefault("code", f"{connector.code[:30]}_{uuid.uuid4().hex[:6]}")
            vals.setdefault("name", self.env._("%s (copy)", connector.name)[:60])
        return result

    def _refuse_own(self, names):
        if set(OWN) & set(names):
            raise AccessError(self.env._("What a connector declares follows from its form."))

    @api.model
    def _require_settings(self):
        """Where a product is, and where secrets go, is decided by Settings administrators alone."""
        if not (self.env.su or self.env.user.has_group("base.group_system")):
            raise AccessError(
                self.env._(
                    "A connector's addresses are for users with the Settings right: calls and secrets go there."
                )
            )

    def _require_unused(self):
        counts = self._count_systems()
        for connector in self:
            if connector.code in counts:
                raise UserError(
                    self.env._(
                        "%(name)s speaks for %(count)s systems. Remove or change those first.",
                        name=connector.name,
                        count=counts[connector.code],
                    )
                )

    def _judge(self):
        """Check what the forms say now; if it is good, it counts from here on, and the change is kept.

        :raise ValidationError: all that is wrong, a sentence each.
        """
        together = self.env.context.get(WHOLE)
        if isinstance(together, Together):
            together.ids.update(self.ids)
            return
        for connector in self:
            document = connector._document()
            faults = declaration.faults(document)
            if faults:
                sentences = [f"• {fault_sentence(self.env, connector, fault)}" for fault in faults]
                raise ValidationError("\n".join([connector.name or "", *sentences]))
            if connector.code in PRODUCTS:
                raise ValidationError(
                    self.env._("“%s” is a product that has code of its own.", connector.code)
                )
            if document != connector.declaration:
                connector._keep(document)

    def _keep(self, document):
        self.ensure_one()
        before = self.declaration or {}
        changed = sorted(
            name for name in {*before, *document} if before.get(name) != document.get(name)
        )
        own = super(HubConnector, own_code(self))
        own.write({"declaration": document, "stamp": uuid.uuid4().hex})
        self.env["hub.audit"]._append(
            [
                {
                    "action": "declare",
                    "res_model": self._name,
                    "res_id": self.id,
                    "values": {name: [before.get(name), document.get(name)] for name in changed},
                }
            ]
        )
        if before:
            self.message_post(
                body=self.env._("Changed: %s. The audit has the former values.", ", ".join(changed))
            )
        self.env["hub.receive"]._forget_doors()
        # Every system of the product, whoever may see it, speaks differently now.
        systems = self.env["hub.system"].sudo().search([("product", "=", self.code)])
        work = self._hub_at_work()
        if work is not None:
            # What follows from a declaration is no difference of its own: it follows again in force.
            systems = systems.with_context(**{CHANGE: Applying(self.env.uid)})
        if before and declaration.origins(before) != declaration.origins(document):
            # Secrets were sealed for the former addresses, and must not travel to another one.
            systems.credential_ids.write({"envelope": False, "previous_envelope": False})
            systems.write({"state": "draft"})
        return systems._add_declared_streams()
