from odoo import api, fields, models

from ...connectors import declaration, documents
from ...connectors.declared_webhook import TOLERANCE
from . import connector_shape as shape

# Where calls and secrets go is for Settings administrators alone.
ADDRESSES = ("base_url", "token_url", "authorize_url")
ALL = {"active_test": False}  # in the form, what is not used is seen as well


class HubConnector(models.Model):
    """A REST product that has no code: how it speaks, declared in a form.

    The records are only for editing. What speaks is ``connectors/declared.py``, by the declaration that
    these records give; it is checked as a whole with every change.
    """

    _name = "hub.connector"
    _description = "Connector"
    _inherit = ["mail.thread", "hub.governed"]
    _order = "name"
    _hub_free = frozenset(["note"])
    _hub_key = ("code",)
    # Where a product is differs between environments.
    _hub_portable = (
        *(name for name in shape.CONNECTOR if name not in (*ADDRESSES, "code")),
        "headers",
    )

    name = fields.Char(required=True, string="Product")
    code = fields.Char(
        required=True,
        copy=False,
        help="Technical word for systems, presets and vocabularies: small letters, digits and “_”. It never changes.",
    )
    active = fields.Boolean(default=True)
    base_url = fields.Char(
        required=True,
        string="Address",
        help="Where the API is, with its version if that is part of the address. Every path below is added to it. "
        "Only a user with the Settings right may set it.",
    )
    headers = fields.Text(
        string="Fixed Headers",
        help="One a line, “Name: value”, for example a version. Never a secret: those are stored at the system.",
    )
    note = fields.Text(
        string="To Do", help="What a file could not say, and other things to remember."
    )

    sign_in_kind = fields.Selection(
        [
            ("none", "None"),
            ("header", "API key in a header"),
            ("query", "API key in the address"),
            ("bearer", "Access token (Bearer)"),
            ("basic", "User name and password (Basic)"),
            ("client_credentials", "OAuth 2: client credentials"),
            ("authorization_code", "OAuth 2: a person signs in"),
        ],
        default="header",
        required=True,
        string="Sign-in",
    )
    sign_in_name = fields.Char(string="Name of the Key", help="Name of the header or parameter.")
    sign_in_prefix = fields.Char(
        string="In Front of the Key", help="For example “Token ”, with its space. Empty: nothing, or “Bearer ”."
    )  # fmt: skip
    token_url = fields.Char(string="Token Address")
    authorize_url = fields.Char(string="Authorization Address")
    scope = fields.Char(string="Scopes")
    client_in = fields.Selection(
        [("form", "in the form"), ("basic", "in the header (Basic)")], string="Client Id and Secret"
    )
    test_path = fields.Char(
        string="Path for Testing", help="A GET that answers to everyone who is signed in, like /me."
    )
    test_account = fields.Char(
        string="Account Found At",
        help="Path into that answer (JMESPath) where the number of the account stands.",
    )

    stream_ids = fields.One2many(
        "hub.connector.stream", "connector_id", string="Reads", copy=True, context=ALL
    )
    write_ids = fields.One2many(
        "hub.connector.write", "connector_id", string="Writes", copy=True, context=ALL
    )

    webhook_kind = fields.Selection(
        [
            ("none", "None"),
            ("hmac", "Signed (HMAC)"),
            ("standard", "Standard Webhooks"),
            ("secret", "Fixed secret in a header"),
        ],
        default="none",
        required=True,
        string="Webhooks",
    )
    webhook_header = fields.Char(string="Header", help="Header with the signature or the secret.")
    webhook_algorithm = fields.Selection(
        [("sha256", "SHA-256"), ("sha512", "SHA-512"), ("sha1", "SHA-1")], string="Algorithm"
    )
    webhook_encoding = fields.Selection(
        [("hex", "Hexadecimal"), ("base64", "Base64")], string="Written As"
    )
    webhook_prefix = fields.Char(
        string="In Front of the Signature", help="For example “sha256=” or “v1=”."
    )
    webhook_key = fields.Selection(
        [("text", "as it is"), ("base64", "decoded from base64"), ("hex", "decoded from hex")],
        string="The Secret Is Used",
    )
    webhook_signed = fields.Char(
        string="What Is Signed",
        help="{body}, with {timestamp}, {url} or {method} where the product signs them too, like "
        "{timestamp}.{body}. Empty: {body}.",
    )
    webhook_time_header = fields.Char(string="Header with the Time")
    webhook_time_part = fields.Char(
        string="Time in the Signature",
        help="Where both stand in one header, t=…,v1=…: the letter before the time.",
    )
    webhook_time_unit = fields.Selection(
        [("s", "Seconds"), ("ms", "Milliseconds")], string="Time In"
    )
    webhook_tolerance = fields.Integer(
        default=TOLERANCE, string="At Most So Old (s)", help="In both directions."
    )
    webhook_events = fields.Char(
        string="Events Found At", help="Path to the list of events. Empty: the body is one."
    )
    webhook_event_id = fields.Char(string="Event Id At")
    webhook_type = fields.Char(string="Type At")
    webhook_object_id = fields.Char(string="Record Id At")
    webhook_occurred_at = fields.Char(string="Time At")
    webhook_account = fields.Char(
        string="Account At", help="An event of another account is refused."
    )
    type_ids = fields.One2many(
        "hub.connector.type", "connector_id", string="Event Types", copy=True
    )

    pace_calls = fields.Integer(string="Calls", default=5)
    pace_seconds = fields.Float(string="In Seconds", default=1.0)
    pace_retry_unit = fields.Selection(
        [("s", "Seconds"), ("ms", "Milliseconds")], string="Retry-After Counts"
    )
    pace_remaining = fields.Char(string="Header: Calls Left")
    pace_limit = fields.Char(string="Header: Calls Allowed")
    pace_reset = fields.Char(string="Header: Until")
    pace_reset_kind = fields.Selection(
        [("seconds", "Seconds from now"), ("epoch", "Seconds since 1970"), ("epoch_ms", "Milliseconds since 1970")],
        string="Until Is Given In",
    )  # fmt: skip
    error_ids = fields.One2many(
        "hub.connector.error", "connector_id", string="Errors", copy=True, context=ALL
    )

    # What counts: the last declaration that was found good. Its stamp names it for ever.
    declaration = fields.Json(readonly=True, copy=False)
    stamp = fields.Char(readonly=True, copy=False)
    text = fields.Text(compute="_compute_text", string="As a File")
    system_count = fields.Integer(compute="_compute_system_count")

    _code_unique = models.Constraint("UNIQUE(code)", "There is already a connector with this code.")

    @api.depends("declaration")
    def _compute_text(self):
        for connector in self:
            document = connector.declaration
            connector.text = documents.write_yaml(document) if document else False

    def _compute_system_count(self):
        counts = self._count_systems()
        for connector in self:
            connector.system_count = counts.get(connector.code, 0)

    def _count_systems(self):
        """``{code: number of systems}``; one query."""
        # Asked for all companies: a connector in use anywhere stays.
        groups = (
            self.env["hub.system"]
            .sudo()
            .with_context(active_test=False)
            ._read_group([("product", "in", self.mapped("code"))], ["product"], ["__count"])
        )
        return dict(groups)

    # -- change control ----------------------------------------------------------------------------

    def _hub_systems(self):
        """All systems that speak by it."""
        return self.env["hub.system"].search([("product", "in", self.mapped("code"))])

    def _hub_entities(self):
        return self.stream_ids.entity_id | self.write_ids.entity_id

    # -- as plain data -----------------------------------------------------------------------------

    def _document(self):
        """The declaration that the forms say now."""
        self.ensure_one()
        values = {name: self[name] for name in shape.CONNECTOR}
        document = {"hub_connector": declaration.VERSION} | shape.nested(shape.CONNECTOR, values)
        headers = {}
        for line in (self.headers or "").splitlines():
            name, _sep, value = line.partition(":")
            if line.strip():
                headers[name.strip()] = value.strip()
        if headers:
            document["headers"] = headers
        for name, parts in (
            ("streams", self.stream_ids),
            ("writes", self.write_ids),
            ("errors", self.error_ids),
        ):
            found = [part._part() for part in parts if part.active]
            if found:
                document[name] = found
        if document.get("webhook", {}).get("kind") in (None, "none"):
            document.pop("webhook", None)
        elif self.type_ids:
            document["webhook"]["types"] = [part._part() for part in self.type_ids]
        return document

    @api.model
    def _vals_of(self, document):
        """What to create a connector with. Entities must exist; a part whose entity does not is left out
        of use.

        :param document: a checked declaration.
        """
        entities = {entity.code: entity.id for entity in self.env["hub.entity"].search([])}
        vals = shape.flat(shape.CONNECTOR, document)
        vals |= {
            "webhook_kind": vals["webhook_kind"] or "none",
            "webhook_tolerance": vals["webhook_tolerance"] or TOLERANCE,
            "headers": "\n".join(
                f"{name}: {value}" for name, value in (document.get("headers") or {}).items()
            ),
        }
        for name, field, model in (
            ("streams", "stream_ids", "hub.connector.stream"),
            ("writes", "write_ids", "hub.connector.write"),
            ("errors", "error_ids", "hub.connector.error"),
        ):
            parts = document.get(name) or []
            vals[field] = [
                fields.Command.create(self.env[model]._vals_of(part, entities)) for part in parts
            ]
        types = (document.get("webhook") or {}).get("types") or []
        vals["type_ids"] = [
            fields.Command.create(self.env["hub.connector.type"]._vals_of(part, entities))
            for part in types
        ]
        return vals
