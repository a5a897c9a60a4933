import re
import secrets
import uuid
from urllib.parse import urlsplit

from odoo import api, fields, models
from odoo.addons.base.models.res_partner import _tz_get
from odoo.exceptions import UserError, ValidationError

from ... import connectors
from ...connectors.errors import ConnectorError
from ..guard import own_code


class HubSystem(models.Model):
    _name = "hub.system"
    _description = "System"
    _inherit = ["mail.thread"]
    _order = "sequence, name"
    _check_company_auto = True

    name = fields.Char(required=True, tracking=True)
    sequence = fields.Integer(default=10)
    active = fields.Boolean(default=True)
    uuid = fields.Char(
        default=lambda self: str(uuid.uuid4()), readonly=True, copy=False, required=True
    )
    product = fields.Selection(selection="_selection_product", required=True)
    environment = fields.Selection(
        [("production", "Production"), ("sandbox", "Sandbox")],
        default="production",
        required=True,
        tracking=True,
    )
    state = fields.Selection(
        [("draft", "Not connected"), ("connected", "Connected"), ("error", "Sign-in failed")],
        default="draft",
        readonly=True,
        copy=False,
        tracking=True,
    )
    paused = fields.Boolean(
        tracking=True, copy=False, help="Nothing is read or sent; what arrives is kept."
    )
    base_url = fields.Char(
        string="Address",
        required=True,
        compute="_compute_base_url",
        precompute=True,
        store=True,
        readonly=False,
        tracking=True,
    )
    account_ref = fields.Char(
        string="Account",
        tracking=True,
        help="The product's own account, portal or organisation number. Events of another account are refused.",
    )
    contact_email = fields.Char(
        help="Named in requests to products that ask for a contact (Harvest)."
    )
    start_date = fields.Date(help="Changes before this day are not read.")
    time_zone = fields.Selection(
        _tz_get,
        help="Time zone of the account: its daily limits begin anew at midnight there. With Clockify and Toggl "
        "Track, the zone of people whose profile has none.",
    )
    client_id = fields.Char(string="OAuth Client ID")
    company_ids = fields.Many2many(
        "res.company",
        string="Companies",
        required=True,
        default=lambda self: self.env.company,
        help="With several, a mapped “selling_company” decides for each record; if it cannot, a person is asked.",
    )
    user_id = fields.Many2one(
        "res.users",
        string="Technical User",
        required=True,
        tracking=True,
        default=lambda self: self.env.ref("lead_to_cash_hub.user_hub", raise_if_not_found=False),
        help="Messages are applied with this user's rights, in the record's company. It needs no more than that.",
    )
    owner_id = fields.Many2one("res.users", default=lambda self: self.env.user, tracking=True)
    journal_id = fields.Many2one(
        "account.journal",
        string="Payment Journal",
        domain="[('type', 'in', ('bank', 'cash'))]",
        help="Where payments of this system are booked.",
    )
    fee_account_id = fields.Many2one(
        "account.account", help="Expense account for the provider's fees."
    )
    credential_ids = fields.One2many(
        "hub.credential",
        "system_id",
        string="Credentials",
        groups="lead_to_cash_hub.group_hub_manager",
    )
    stream_ids = fields.One2many("hub.stream", "system_id", string="Streams")
    limit_ids = fields.One2many("hub.pace.limit", "system_id", string="Call Limits")
    rejection_ids = fields.One2many("hub.rejection", "system_id", string="Refused Webhooks")
    mapping_ids = fields.One2many("hub.mapping", "system_id", string="Mappings")
    webhook_token = fields.Char(
        default=lambda self: secrets.token_urlsafe(24), readonly=True, copy=False, required=True
    )
    is_copy = fields.Boolean(compute="_compute_is_copy")
    webhook_url = fields.Char(compute="_compute_webhook_url", string="Webhook Address")
    checked_at = fields.Datetime(readonly=True, copy=False, string="Last Test")
    check_result = fields.Json(readonly=True, copy=False)
    check_text = fields.Text(compute="_compute_check_text", string="Result of the Last Test")

    _token_unique = models.UniqueIndex("(webhook_token)", "This webhook address is taken.")

    @api.model
    def _selection_product(self):
        declared = self.env["hub.connector"]._labels()
        return [*connectors.PRODUCTS.items(), *declared.items()]

    @api.depends("product")
    def _compute_base_url(self):
        for system in self:
            if system.product and not system.base_url:
                system.base_url = system._connector_class().default_base_url

    @api.depends("webhook_token", "product")
    def _compute_webhook_url(self):
        base = self._public_url()
        for system in self:
            system.webhook_url = f"{base}/hub/webhook/{system.webhook_token}"

    def _compute_is_copy(self):
        self.is_copy = self.env["hub.epoch"]._is_copy()

    @api.depends("check_result")
    def _compute_check_text(self):
        sentences = self.env["hub.sentence"]
        for system in self:
            lines = []
            for item in system.check_result or []:
                mark = "✓" if item["ok"] else "✗"
                lines.append(f"{mark} {sentences._check_sentence(item['code'], item['params'])}")
            system.check_text = "\n".join(lines)

    @api.model
    def _public_url(self):
        """The address that products call, from the configuration and never from a request's headers."""
        parameters = self.env[
            "ir.config_parameter"
        ].sudo()  # an address, no secret; readable by all
        url = parameters.get_param("lead_to_cash_hub.public_url") or parameters.get_param(
            "web.base.url"
        )
        return (url or "").rstrip("/")

    @api.constrains("base_url")
    def _check_base_url(self):
        for system in self:
            parts = urlsplit(system.base_url or "")
            if (
                parts.scheme not in ("https", "http")
                or not parts.hostname
                or parts.username
                or parts.query
            ):
                raise ValidationError(
                    self.env._(
                        "“%(url)s” is not an address of an API (https://host/…).",
                        url=system.base_url,
                    )
                )

    @api.constrains("user_id")
    def _check_technical_user(self):
        for system in self:
            if system.user_id.id == api.SUPERUSER_ID or system.user_id.has_group(
                "base.group_system"
            ):
                raise ValidationError(
                    self.env._(
                        "%(user)s has the Settings right. Messages are applied with the technical user's rights, "
                        "so it must be a user with no more than the records need.",
                        user=system.user_id.name,
                    )
                )

    @api.constrains("company_ids", "user_id")
    def _check_companies(self):
        for system in self:
            missing = system.company_ids - system.user_id.sudo().company_ids  # only to compare
            if missing:
                raise ValidationError(
                    self.env._(
                        "The technical user %(user)s may not work in %(companies)s.",
                        user=system.user_id.name,
                        companies=", ".join(missing.mapped("name")),
                    )
                )

    @api.model_create_multi
    def create(self, vals_list):
        systems = super().create(vals_list)
        systems._load_presets()
        self.env["hub.receive"]._forget_doors()
        for system in systems:
            system._audit("create", {"product": system.product, "environment": system.environment})
        return systems

    def write(self, vals):
        moved = self.browse()
        if "base_url" in vals:
            moved = self.filtered(
                lambda system: system._origin_of(vals["base_url"]) not in system._origins()
            )
            if moved and not self.env.user.has_group("base.group_system") and not self.env.su:
                raise UserError(
                    self.env._(
                        "A new address has to be approved: ask a user with the Settings right."
                    )
                )
        result = super().write(vals)
        if moved:
            # Secrets were stored for the former address; they must never travel to another one.
            moved.credential_ids.sudo().write({"envelope": False, "previous_envelope": False})
            super(HubSystem, own_code(moved)).write({"state": "draft"})
        self.env["hub.receive"]._forget_doors()
        return result

    def unlink(self):
        self.env["hub.receive"]._forget_doors()
        return super().unlink()

    @api.model
    def _origin_of(self, url):
        parts = urlsplit(url or "")
        return f"{parts.scheme}://{parts.netloc}".lower()

    def _origins(self):
        """Addresses that may see this system's secrets."""
        self.ensure_one()
        return [self._origin_of(self.base_url), *self._connector_class().origins]

    def _load_presets(self):
        """Copy the product's shipped mappings, streams and call limits to a new system."""
        self.env["hub.pace.limit"]._ensure(self)
        for system in self:
            presets = self.env["hub.mapping"].search(
                [("product", "=", system.product), ("system_id", "=", False)]
            )
            for preset in presets:
                preset.copy({"system_id": system.id, "product": False})
            # One that is shipped switched off is there, to be switched on.
            streams = (
                self.env["hub.stream"]
                .with_context(active_test=False)
                .search([("product", "=", system.product), ("system_id", "=", False)])
            )
            for stream in streams:
                # What was only declared stays off until a person has looked at its mapping.
                active = stream.active and system.product in connectors.PRODUCTS
                stream.copy({"system_id": system.id, "product": False, "active": active})
        self._add_declared_streams()

    # -- connection -------------------------------------------------------------------------------

    def _settings(self):
        """What a connector needs to know of this account, without secrets."""
        self.ensure_one()
        return {
            "account_id": self.account_ref or "",
            "live_mode": self.environment == "production",
            "contact_email": self.contact_email or "",
            "start_date": fields.Date.to_string(self.start_date) if self.start_date else "",
            "client_id": self.client_id or "",
            "time_zone": self.time_zone or "",
            "properties": self._mapped_properties(),
            "written": self._written_properties(),
            "sent": self._sent_entities(),
            "hub_url": self._public_url(),
            "database": self.env.cr.dbname,
        }

    def _mapped_properties(self):
        """What the mappings need of each entity, so that a product is asked for that and no more.

        :return: ``{entity: [property name]}`` as the product's paths name them; those of a line
            entity count for the object that the product calls ``line_items``.
        """
        result = {}
        names = re.compile(self._connector_class().mapped_names)
        for line in self.mapping_ids.filtered(lambda m: m.direction == "in").line_ids:
            code = "line_items" if line.entity_id.code == "deal_line" else line.entity_id.code
            result.setdefault(code, []).extend(names.findall(line.path or ""))
        return result

    def _sent_entities(self):
        """Codes of the entities that are sent to this system."""
        streams = self.stream_ids.filtered(lambda s: s.active and s.direction == "out")
        return streams.entity_id.mapped("code")

    def _written_properties(self):
        """What the outbound mappings write: ``{entity: [property name]}``, for the connection test."""
        result = {}
        for line in self.mapping_ids.filtered(lambda m: m.direction == "out").line_ids:
            if line.path:
                result.setdefault(line.entity_id.code, []).append(line.path)
        return result

    def _connector_class(self):
        """How this product speaks: by its code, or as an admin declared it.

        :raise UserError: nothing speaks for it.
        """
        return self._class_of(self.product)

    @api.model
    def _class_of(self, product):
        """The same, of a product."""
        if product in connectors.PRODUCTS:
            return connectors.get_connector_class(product)
        return self.env["hub.connector"]._class_of(product)

    def _connector(self):
        """The connector of this system, signed in with its stored secrets.

        :raise ConnectorError: an expired OAuth token cannot be renewed.
        :raise UserError: this database may not send, or a secret cannot be opened.
        """
        self.ensure_one()
        self.env["hub.epoch"]._require()
        tokens = self.env["hub.token"]
        connector = self._connector_with(tokens._secrets(self))
        connector.renew = lambda: tokens._secrets(self, connector.secrets.get("access_token"))
        return connector

    def _connector_with(self, secrets_by_name):
        self.ensure_one()
        http = self.env["hub.http"]
        return self._connector_class()(
            http._session(self), self.base_url, self._settings(), secrets_by_name, http._clock
        )

    def action_test_connection(self):
        """Ask the product, item by item, what works; show it in the form."""
        self.check_access("write")
        for system in self:
            system.env["hub.epoch"]._require(confirm=True)
            try:
                items = [
                    {"ok": item.ok, "code": item.code, "params": dict(item.params)}
                    for item in system._connector().check()
                ]
            except ConnectorError as error:
                # Only the class of the fault is shown: never what the other side answered.
                known = {"status": error.status, "error": error.code, **error.params}
                items = [{"ok": False, "code": f"error_{error.kind}", "params": known}]
            ok = bool(items) and all(item["ok"] for item in items)
            own_code(system).write(
                {
                    "check_result": items,
                    "checked_at": fields.Datetime.now(),
                    "state": "connected" if ok else "error",
                }
            )
            if ok:
                system.env["hub.outage"]._mended(system)
        return True

    def action_pause(self):
        self.write({"paused": True})
        for system in self:
            system._audit("pause", {})

    def action_resume(self):
        self.write({"paused": False})
        for system in self:
            system._audit("resume", {})
        self.env["hub.engine"]._wake_after_commit()

    def action_confirm_database(self):
        """This copied or restored database is the live one now."""
        self.check_access("write")
        self.env["hub.epoch"]._confirm()
        self.env["hub.engine"]._wake_after_commit()

    def _audit(self, action, values):
        self.ensure_one()
        self.env["hub.audit"]._append(
            [
                {
                    "action": action,
                    "system_id": self.id,
                    "res_model": self._name,
                    "res_id": self.id,
                    "values": values,
                }
            ]
        )
