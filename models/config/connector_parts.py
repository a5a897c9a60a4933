"""The parts of a declared connector: what is read, what is written, events, errors."""

from odoo import api, fields, models

from ...connectors.declaration import ERROR_KINDS
from ...connectors.declared_read import OVERLAP
from . import connector_shape as shape
from .connector_changes import WHOLE, Together


class HubConnectorPart(models.AbstractModel):
    """A part is no thing of its own: changing it changes its connector, which is judged as a whole."""

    _name = "hub.connector.part"
    _description = "Part of a Connector"
    _inherit = ["hub.governed"]
    _shape = {}

    def _hub_systems(self):
        return self.connector_id._hub_systems()

    def _hub_named(self):
        return f"{self.connector_id.name} › {self._part_name()}"

    def _part_name(self):
        """What a person calls this part."""
        return self.entity_id.name or ""

    @api.model_create_multi
    def create(self, vals_list):
        parts = super().create(vals_list)
        parts.connector_id._judge()
        return parts

    def write(self, vals):
        # A part that changes its connector changes two.
        connectors = self.connector_id
        result = super().write(vals)
        (connectors | self.connector_id)._judge()
        return result

    def unlink(self):
        connectors = self.connector_id
        result = super().unlink()
        together = self.env.context.get(WHOLE)
        if isinstance(together, Together):
            together.ids.update(connectors.ids)  # judged at the end, if they are there then
        else:
            connectors.exists()._judge()
        return result

    def _part(self):
        """This part of the declaration."""
        self.ensure_one()
        values = {name: self[name] for name in self._shape if name != "entity"}
        if "entity" in self._shape:
            values["entity"] = self.entity_id.code
        return shape.nested(self._shape, values)

    @api.model
    def _vals_of(self, part, entities):
        """What to create it with.

        :param entities: ``{code: id}``.
        """
        vals = shape.flat(self._shape, part)
        if "entity" in self._shape:
            vals["entity_id"] = entities.get(vals.pop("entity"), False)
            if "active" in self._fields and not vals["entity_id"]:
                vals["active"] = False
        return vals


class HubConnectorStream(models.Model):
    """One list that is read."""

    _name = "hub.connector.stream"
    _description = "Declared Read"
    _inherit = ["hub.connector.part"]
    _order = "connector_id, sequence, id"
    _shape = shape.STREAM
    _hub_key = ("connector_id", "entity_id", "active")
    _hub_portable = (*(name for name in shape.STREAM if name != "entity"), "query", "sequence")

    connector_id = fields.Many2one("hub.connector", required=True, ondelete="cascade", index=True)
    sequence = fields.Integer(default=10)
    active = fields.Boolean(default=True, string="Used")
    entity_id = fields.Many2one(
        "hub.entity", ondelete="restrict", help="What its records are to the hub."
    )
    path = fields.Char(required=True, help="GET, below the address of the product: /clients")
    query = fields.Char(
        string="Always Asked With", help="Parameters that are always sent: status=all&sort=changed"
    )
    items = fields.Char(
        string="List Found At",
        help="Path into the answer (JMESPath). Empty: the answer is the list.",
    )
    id_path = fields.Char(string="Id At", default="id", required=True)
    changed_at = fields.Char(
        string="Time of Change At", help="ISO text, or seconds or milliseconds since 1970."
    )
    version = fields.Char(
        string="Version At",
        help="Where a counter says more than the time. Empty: the time of change.",
    )
    paging_kind = fields.Selection(
        [
            ("none", "All in one answer"),
            ("page", "Page by number"),
            ("offset", "By offset"),
            ("token", "By a token of the last answer"),
            ("link", "By a link in the answer"),
            ("since", "Anew from the last change (list sorted by change, oldest first)"),
        ],
        default="none",
        required=True,
        string="Pages",
    )
    paging_parameter = fields.Char(string="Page Parameter")
    paging_first = fields.Selection([("1", "1"), ("0", "0")], string="First Page")
    paging_next = fields.Char(
        string="Next At", help="Path to the token or link; it is empty after the last page."
    )
    paging_size_parameter = fields.Char(string="Size Parameter")
    paging_size = fields.Integer(string="Rows a Page")
    since_parameter = fields.Char(
        string="Changes Since", help="Parameter. Empty: all is read each time."
    )
    since_format = fields.Selection(
        [
            ("iso", "2026-01-31T09:00:00Z"),
            ("iso_ms", "2026-01-31T09:00:00.000Z"),
            ("date", "2026-01-31"),
            ("epoch", "Seconds since 1970"),
            ("epoch_ms", "Milliseconds since 1970"),
        ],
        string="Written As",
    )
    since_overlap = fields.Integer(
        default=OVERLAP,
        string="Looks Back (s)",
        help="So far before the start of the last reading the next one begins, for rows that show late.",
    )
    read_path = fields.Char(string="One Record", help="GET of one record: /clients/{id}")
    read_item = fields.Char(string="Record Found At")
    read_together = fields.Char(
        string="Several by Parameter",
        help="Parameter of the list that takes ids, separated by commas.",
    )
    read_most = fields.Integer(string="Ids a Call")
    deleted_path = fields.Char(string="Deleted If", help="Path into the record: is_deleted")
    deleted_value = fields.Char(
        string="Has the Value", help="Empty: anything but no, 0 or nothing."
    )
    deleted_list = fields.Char(
        string="List of Deleted", help="Path of a list of deleted records, read like this one."
    )
    merged_into = fields.Char(
        string="Merged Into At", help="Path to the id of the record that goes on."
    )
    sample = fields.Json(
        readonly=True, copy=False, help="A record as the product's file describes it."
    )

    def _part(self):
        part = super()._part()
        query = {}
        for pair in (self.query or "").split("&"):
            name, _sep, value = pair.partition("=")
            if pair.strip():
                query[name.strip()] = value.strip()
        return part | ({"query": query} if query else {})

    @api.model
    def _vals_of(self, part, entities):
        query = "&".join(f"{name}={value}" for name, value in (part.get("query") or {}).items())
        vals = super()._vals_of(part, entities) | {"query": query}
        vals["since_overlap"] = vals["since_overlap"] or OVERLAP
        return vals


class HubConnectorWrite(models.Model):
    """One entity that is sent."""

    _name = "hub.connector.write"
    _description = "Declared Write"
    _inherit = ["hub.connector.part"]
    _order = "connector_id, sequence, id"
    _shape = shape.WRITE
    _hub_key = ("connector_id", "entity_id", "active")
    _hub_portable = (*(name for name in shape.WRITE if name != "entity"), "sequence")

    connector_id = fields.Many2one("hub.connector", required=True, ondelete="cascade", index=True)
    sequence = fields.Integer(default=10)
    active = fields.Boolean(default=True, string="Used")
    entity_id = fields.Many2one("hub.entity", ondelete="restrict")
    create_method = fields.Selection(
        [("POST", "POST"), ("PUT", "PUT")], string="Create By", default="POST"
    )
    create_path = fields.Char(
        string="Create At",
        help="/clients. A PUT names the record by a value that is sent: /clients/{code}. Empty: nothing is created.",
    )
    update_method = fields.Selection(
        [("PATCH", "PATCH"), ("PUT", "PUT"), ("POST", "POST")], string="Update By", default="PATCH"
    )
    update_path = fields.Char(string="Update At", help="/clients/{id}. Empty: nothing is updated.")
    update_together = fields.Char(
        string="Several At", help="POST of many changes in one call: /clients/batch"
    )
    update_list = fields.Char(string="List Named", help="Key of the list in that body: inputs")
    update_id = fields.Char(string="Id Named", help="Key of the id in each entry: id")
    update_most = fields.Integer(string="At Most")
    update_results = fields.Char(string="Results At")
    update_error = fields.Char(
        string="Error At", help="Path into one result; what stands there refuses it."
    )
    wrap = fields.Char(
        string="Wrapped In", help="Key around the values, where the product wants {“client”: {…}}."
    )
    id_path = fields.Char(string="Id At", default="id", help="Path into the answer of a create.")
    idempotency_header = fields.Char(
        help="The product answers a repetition under the same key with the same record.",
    )
    look_up_path = fields.Char(string="Look For It At", help="A list: /clients")
    look_up_parameter = fields.Char(string="By Parameter")
    look_up_field = fields.Char(
        string="Value Of", help="Field of the record whose value is looked for."
    )
    look_up_ours = fields.Boolean(
        string="Filled by the Hub",
        help="The hub writes a key of its own into this field when it creates a record.",
    )
    look_up_items = fields.Char(string="List Found At")
    look_up_id = fields.Char(string="Id Found At")
    look_up_lag = fields.Integer(
        string="Found After",
        help="Seconds until the product finds a record that it has just made. When an answer was lost, the hub "
        "waits so long before it believes that the record is not there, and makes it again. Empty: at once.",
    )


class HubConnectorType(models.Model):
    """What an event of a webhook says."""

    _name = "hub.connector.type"
    _description = "Declared Event Type"
    _inherit = ["hub.connector.part"]
    _order = "connector_id, sequence, id"
    _shape = shape.TYPE
    _hub_key = ("connector_id", "name")
    _hub_portable = ("entity_id", "action", "sequence")

    connector_id = fields.Many2one("hub.connector", required=True, ondelete="cascade", index=True)
    sequence = fields.Integer(default=10)
    name = fields.Char(
        required=True,
        string="Type",
        help="As the product writes it; client.* is all that begin so.",
    )
    action = fields.Selection(
        [("change", "Read the record"), ("delete", "It was deleted"), ("ignored", "Leave it")],
        default="change",
        required=True,
    )
    entity_id = fields.Many2one("hub.entity", ondelete="restrict")

    def _part_name(self):
        return self.name or ""


class HubConnectorError(models.Model):
    """What an answer of the product means. The first that fits counts."""

    _name = "hub.connector.error"
    _description = "Declared Error"
    _inherit = ["hub.connector.part"]
    _order = "connector_id, sequence, id"
    _shape = shape.ERROR
    _hub_key = ("connector_id", "status", "path", "error_code", "active")
    _hub_portable = ("kind", "sentence", "sequence")

    connector_id = fields.Many2one("hub.connector", required=True, ondelete="cascade", index=True)
    sequence = fields.Integer(default=10)
    active = fields.Boolean(default=True)
    status = fields.Integer(string="HTTP Status", help="Empty: any that is an error.")
    path = fields.Char(string="Code At", help="Path into the answer.")
    error_code = fields.Char(string="Code", help="Empty: anything at that path.")
    kind = fields.Selection(selection="_selection_kind", required=True, string="Means")
    sentence = fields.Char(help="What the person reads who has to mend it.")

    def _part_name(self):
        return " ".join(filter(None, [str(self.status or ""), self.error_code])) or self.kind

    def _hub_entities(self):
        return None

    @api.model
    def _selection_kind(self):
        labels = {
            "data": self.env._("The record is refused: a person corrects it"),
            "reference": self.env._("A record that it names is unknown"),
            "identity": self.env._("It is ambiguous"),
            "conflict": self.env._("It changed meanwhile"),
            "permission": self.env._("The account may not do this"),
            "sign_in": self.env._("The sign-in is refused"),
            "rate": self.env._("Too many calls: later"),
            "product_down": self.env._("The product has a fault: later"),
            "connection": self.env._("Not reached: later"),
            "schema": self.env._("An answer of another form"),
        }
        return [(kind, labels[kind]) for kind in ERROR_KINDS if kind in labels]
