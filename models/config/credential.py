import os
from datetime import datetime
from typing import NamedTuple

from odoo import api, fields, models, tools
from odoo.exceptions import UserError, ValidationError

from ... import connectors
from ...connectors.declared import SECRETS, WEBHOOK_SECRET
from ...core import envelope


class Sealed(NamedTuple):
    """A stored secret, still encrypted: the current one and, until a moment, the former one."""

    envelope: str
    previous: str | None
    previous_until: datetime | None
    binding: tuple

    def open(self, keys):
        """The secrets that count now.

        :raise envelope.NotBound, envelope.NoKey: they were made for another place, or their key is gone.
        """
        texts = [self.envelope]
        if self.previous and self.previous_until and self.previous_until > datetime.utcnow():
            texts.append(self.previous)
        return [envelope.open_(text, keys, **dict(self.binding)) for text in texts]


class HubCredential(models.Model):
    _name = "hub.credential"
    _description = "Credential"
    _inherit = ["hub.kept"]
    _order = "system_id, name"

    system_id = fields.Many2one("hub.system", required=True, ondelete="cascade", index=True)
    company_ids = fields.Many2many(related="system_id.company_ids")
    name = fields.Selection(selection="_selection_name", required=True, string="Secret")
    # Written, never shown: the stored value is the envelope.
    secret = fields.Char(compute="_compute_secret", inverse="_inverse_secret", string="Value")
    envelope = fields.Char(readonly=True, groups="base.group_system", copy=False)
    previous_envelope = fields.Char(readonly=True, groups="base.group_system", copy=False)
    previous_until = fields.Datetime(
        readonly=True,
        copy=False,
        help="Until then signatures made with the former secret are accepted.",
    )
    is_set = fields.Boolean(compute="_compute_is_set", string="Stored")
    changed_at = fields.Datetime(readonly=True, copy=False)
    expires_at = fields.Datetime()

    _name_unique = models.Constraint(
        "UNIQUE(system_id, name)", "This system already has that secret."
    )

    @api.model_create_multi
    def create(self, vals_list):
        credentials = super().create(vals_list)
        credentials._forget_doors()
        return credentials

    def write(self, vals):
        result = super().write(vals)
        self._forget_doors()
        return result

    def unlink(self):
        self._forget_doors()
        return super().unlink()

    def _forget_doors(self):
        """What doors keep in memory of the secrets that sign webhooks is old now."""
        if any(
            credential.name == credential.system_id._connector_class().webhook_secret_field
            for credential in self
        ):
            self.env["hub.receive"]._forget_doors()

    @api.model
    def _selection_name(self):
        labels = {}
        for product in connectors.PRODUCTS:
            for field in connectors.get_connector_class(product).auth:
                labels.setdefault(field.name, field.label)
        # of a declared product too: names that any product may have are called by what they are
        for secrets in (*SECRETS.values(), (WEBHOOK_SECRET,)):
            labels |= {field.name: field.label for field in secrets}
        return list(labels.items())

    @api.depends("envelope")
    def _compute_is_set(self):
        # Reading the envelope itself is for Settings admins; whether there is one is not a secret.
        for credential in self.sudo():
            credential.is_set = bool(credential.envelope)

    def _compute_secret(self):
        self.secret = False

    def _inverse_secret(self):
        for credential in self:
            if credential.secret:
                credential._store(credential.secret)

    @api.model
    def _keys(self):
        """Key versions from Odoo's configuration file or the environment, never from the database.

        :raise UserError: none is configured, or an entry cannot be read.
        """
        text = os.environ.get("HUB_KEYS") or tools.config.get("hub_keys")
        try:
            keys = envelope.parse_keys(text)
        except envelope.NoKey as error:
            raise UserError(
                self.env._("The encryption keys in Odoo's configuration cannot be read: %s", error)
            ) from error
        if not keys:
            raise UserError(
                self.env._(
                    "No encryption key is configured, so no secret can be stored. Add a line "
                    "“hub_keys = 1:<32 random bytes in base64>” to Odoo's configuration file, or set "
                    "HUB_KEYS in its environment, and restart Odoo."
                )
            )
        return keys

    def _sealed(self):
        """The envelopes with what they are bound to, as plain data.

        :return: :class:`Sealed`; read as superuser, who alone reads envelopes.
        """
        return Sealed(
            self.envelope,
            self.previous_envelope,
            self.previous_until,
            tuple(self._binding().items()),
        )

    def _binding(self):
        """What the envelope is bound to: another system, field or address cannot open it."""
        return {
            "system": self.system_id.uuid,
            "field": self.name,
            "origins": self.system_id._origins(),
        }

    def _store(self, secret, keep_previous=False):
        """Encrypt and keep one secret. ``keep_previous``: the former one is accepted for a day."""
        self.ensure_one()
        if len(secret) > 8000 or any(ord(char) < 32 for char in secret.strip()):
            raise ValidationError(self.env._("A secret is one line of text."))
        sealed = envelope.seal(secret.strip(), self._keys(), **self._binding())
        # The envelope is readable by Settings admins only; whoever may write this credential may
        # replace it, so sudo() widens nothing.
        vals = {"envelope": sealed, "changed_at": fields.Datetime.now()}
        signs_webhooks = self.name == self.system_id._connector_class().webhook_secret_field
        if (keep_previous or signs_webhooks) and self.sudo().envelope:
            vals |= {
                "previous_envelope": self.sudo().envelope,
                "previous_until": fields.Datetime.add(fields.Datetime.now(), days=1),
            }
        self.sudo().write(vals)
        self.system_id._audit("secret", {"secret": self.name})

    @api.model
    def _read_all(self, system):
        """Decrypted secrets of one system, for the connection only: ``{name: [current, former]}``.

        :raise UserError: no key is configured, or an envelope was made for another place.
        """
        result = {}
        # The technical user must not read envelopes through any screen or RPC: only here.
        credentials = self.sudo().search([("system_id", "=", system.id)])
        if not credentials.filtered("envelope"):
            return result
        keys = self._keys()
        for credential in credentials:
            if not credential.envelope:
                continue
            try:
                result[credential.name] = credential._sealed().open(keys)
            except (envelope.NotBound, envelope.NoKey) as error:
                raise UserError(
                    self.env._(
                        "The secret “%(secret)s” of %(system)s cannot be opened: its key is missing or it "
                        "was stored for another address. Enter it again.",
                        secret=dict(self._selection_name())[credential.name],
                        system=system.name,
                    )
                ) from error
        return result
