from odoo import api, fields, models
from odoo.exceptions import UserError

STEPS = [
    ("product", "Product"),
    ("sign_in", "Sign In"),
    ("exchange", "What to Exchange"),
    ("try", "Try It"),
    ("load", "First Load"),
]
MONEY = ("payment", "refund", "payout", "dispute")


class HubConnect(models.TransientModel):
    """A system step by step: product, sign-in, what to exchange, a try on real records, the first load.

    The system is paused until the last step. What the try has read stays as pending messages, so that
    nothing of it is read for nothing, and nothing of it is applied before.
    """

    _name = "hub.connect"
    _description = "Connect a System"

    step = fields.Selection(STEPS, default="product", required=True, readonly=True)
    product = fields.Selection(selection="_selection_product")
    name = fields.Char(
        compute="_compute_name",
        store=True,
        readonly=False,
        precompute=True,
        string="Name in the Hub",
    )
    environment = fields.Selection(
        [("production", "Production"), ("sandbox", "Sandbox")], default="production", required=True
    )
    company_ids = fields.Many2many(
        "res.company", string="Companies", required=True, default=lambda self: self.env.company
    )
    address = fields.Char(
        compute="_compute_address",
        store=True,
        readonly=False,
        precompute=True,
        help="Where the product's API is. Most products have one address for all.",
    )
    system_id = fields.Many2one("hub.system", readonly=True, ondelete="cascade")
    state = fields.Selection(related="system_id.state")
    guide = fields.Text(related="system_id.guide")
    account_ref = fields.Char(related="system_id.account_ref", readonly=False)
    contact_email = fields.Char(related="system_id.contact_email", readonly=False)
    client_id = fields.Char(related="system_id.client_id", readonly=False)
    time_zone = fields.Selection(related="system_id.time_zone", readonly=False)
    webhook_url = fields.Char(related="system_id.webhook_url")
    by_file = fields.Boolean(related="system_id.by_file")
    asks_consent = fields.Boolean(related="system_id.asks_consent")
    edited_freely = fields.Boolean(related="system_id.edited_freely")
    redirect_url = fields.Char(related="system_id.redirect_url")
    has_webhooks = fields.Boolean(compute="_compute_has_webhooks")
    check_text = fields.Text(related="system_id.check_text")
    secret_ids = fields.One2many("hub.connect.secret", "connect_id")
    start_date = fields.Date(
        related="system_id.start_date",
        readonly=False,
        string="Read Changes Since",
        help="The day of the cut-over: what was changed before is not read. Empty: everything.",
    )
    stream_ids = fields.One2many("hub.connect.stream", "connect_id")
    takes_money = fields.Boolean(compute="_compute_takes_money")
    journal_id = fields.Many2one(
        related="system_id.journal_id", readonly=False, domain="[('type', 'in', ('bank', 'cash'))]"
    )
    fee_account_id = fields.Many2one(related="system_id.fee_account_id", readonly=False)
    simulation_id = fields.Many2one("hub.simulation", readonly=True, ondelete="set null")
    report_html = fields.Html(related="simulation_id.report_html", sanitize=False)
    fault_text = fields.Text(readonly=True)

    @api.model
    def _selection_product(self):
        return self.env["hub.system"]._selection_product()

    @api.depends("product")
    def _compute_name(self):
        labels = dict(self._selection_product())
        for connect in self:
            connect.name = labels.get(connect.product)

    @api.depends("product")
    def _compute_address(self):
        for connect in self:
            cls = connect.product and self.env["hub.system"]._class_of(connect.product)
            connect.address = cls.default_base_url if cls else False

    @api.depends("system_id")
    def _compute_has_webhooks(self):
        for connect in self:
            cls = connect.system_id and connect.system_id._connector_class()
            connect.has_webhooks = bool(cls and cls.webhook_secret_field)

    @api.depends("stream_ids.chosen")
    def _compute_takes_money(self):
        for connect in self:
            chosen = connect.stream_ids.filtered("chosen").stream_id.entity_id
            connect.takes_money = bool(set(chosen.mapped("code")) & set(MONEY))

    def _again(self):
        """The same page, as it is now."""
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Connect a System"),
            "res_model": self._name,
            "res_id": self.id,
            "views": [[False, "form"]],
        }

    def _go(self, step):
        self.step = step
        return self._again()

    def action_back(self):
        self.ensure_one()
        places = [code for code, _label in STEPS]
        return self._go(places[max(1, places.index(self.step) - 1)])

    # -- the steps ---------------------------------------------------------------------------------

    def action_make(self):
        """Make the system, paused, with the presets of its product."""
        self.ensure_one()
        if not self.product:
            raise UserError(self.env._("Choose a product first."))
        if not self.address:
            raise UserError(
                self.env._(
                    "%(product)s has an address of its own for each account: enter it, as in "
                    "https://example.my.product.com.",
                    product=dict(self._selection_product())[self.product],
                )
            )
        self.system_id = self.env["hub.system"].create(
            {
                "name": self.name,
                "product": self.product,
                "environment": self.environment,
                "base_url": self.address,
                "company_ids": [fields.Command.set(self.company_ids.ids)],
                "paused": True,
            }
        )
        return self._take_up()

    def _take_up(self):
        """Show the system's secrets and streams, and go to where it stands."""
        auth = self.system_id._connector_class().auth
        self.secret_ids = [
            fields.Command.create({"name": one.name, "label": one.label, "required": one.required})
            for one in auth
        ]
        inbound = self.system_id.all_stream_ids.filtered(lambda stream: stream.direction == "in")
        self.stream_ids = [
            fields.Command.create({"stream_id": stream.id, "chosen": stream.active})
            for stream in inbound
        ]
        return self._go("sign_in" if self.system_id.state != "connected" else "exchange")

    def action_test(self):
        """Ask the product what works; go on if all does."""
        self.ensure_one()
        missing = self.secret_ids.filtered(lambda one: one.required and not one.is_set)
        if missing:
            raise UserError(
                self.env._(
                    "Still missing: %s. Paste the value from the product and test again.",
                    ", ".join(missing.mapped("label")),
                )
            )
        self.system_id.action_test_connection()
        return self._again()

    def action_sign_in(self):
        """Go to the product's page, where a person lets the hub in; the way back leads here."""
        self.ensure_one()
        return self.system_id.action_sign_in()

    @api.model
    def _place_of(self, system):
        """The address of this user's open page for a system, or None."""
        found = self.search(
            [("system_id", "=", system.id), ("create_uid", "=", self.env.uid)],
            order="id desc",
            limit=1,
        )
        return f"/odoo/hub-connect/{found.id}" if found.step == "sign_in" else None

    def action_exchange(self):
        self.ensure_one()
        if self.state != "connected":
            raise UserError(
                self.env._("The connection does not work yet: see what the last test says.")
            )
        return self._go("exchange")

    def action_choose(self):
        """Switch the chosen streams on and the others off."""
        self.ensure_one()
        chosen = self.stream_ids.filtered("chosen").stream_id
        if not chosen:
            raise UserError(self.env._("Choose at least one kind of record."))
        if self.takes_money and not self.journal_id:
            raise UserError(
                self.env._("Payments are booked in a journal: choose the bank or cash journal.")
            )
        (self.stream_ids.stream_id - chosen).filtered("active").active = False
        chosen.filtered(lambda stream: not stream.active).active = True
        return self._go("try")

    def action_try(self):
        """Read some records of each stream and work out what would become of them; nothing is applied."""
        self.ensure_one()
        self.check_access("write")
        if not self.system_id.paused:
            raise UserError(
                self.env._("The system runs already: what it reads is applied, not tried.")
            )
        ids, faults = self.env["hub.connect.sample"]._read(
            self.stream_ids.filtered("chosen").stream_id
        )
        nothing = self._nothing_read()
        # What was stored a moment ago is seen by a new transaction only.
        with self.env.registry.cursor() as cr:
            connect = self.with_env(self.env(cr=cr))
            messages = connect.env["hub.message"]
            simulation = connect.env["hub.simulation"]
            if ids:
                simulation = simulation._of(messages._search([("id", "in", ids)]))._run()
            connect.write(
                {
                    "simulation_id": simulation.id,
                    "fault_text": "\n".join(faults) or (False if ids else nothing),
                }
            )
        return self._again()

    def _nothing_read(self):
        if self.system_id.by_file:
            return self.env._(
                "Records come in files: go live, then upload the first one on the system's page. Each file is shown "
                "row by row before anything of it is taken."
            )
        return self.env._("The product has no record to try yet.")

    def action_report(self):
        self.ensure_one()
        return self.simulation_id._open()

    def action_load(self):
        """Let it run: what was tried is applied, then all the rest is read and applied."""
        self.ensure_one()
        self.system_id.action_resume()
        self.stream_ids.filtered("chosen").stream_id.action_poll_now()
        return self._go("load")

    def action_look(self):
        """See how far the first load has come."""
        self.ensure_one()
        return self._again()

    def action_finish(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": "hub.system",
            "res_id": self.system_id.id,
            "views": [[False, "form"]],
        }


class HubConnectSecret(models.TransientModel):
    """A secret that the product asks for. Its value goes to the system's credentials and stays nowhere else."""

    _name = "hub.connect.secret"
    _description = "Secret to Enter"

    connect_id = fields.Many2one("hub.connect", required=True, ondelete="cascade", index=True)
    name = fields.Char(required=True, readonly=True)
    label = fields.Char(readonly=True, string="Secret")
    required = fields.Boolean(readonly=True)
    secret = fields.Char(compute="_compute_secret", inverse="_inverse_secret", string="Value")
    is_set = fields.Boolean(compute="_compute_is_set", string="Stored")

    def _stored(self):
        return {(one.system_id, one.name): one for one in self.connect_id.system_id.credential_ids}

    def _compute_secret(self):
        self.secret = False

    def _compute_is_set(self):
        stored = self._stored()
        for line in self:
            credential = stored.get((line.connect_id.system_id, line.name))
            line.is_set = bool(credential and credential.is_set)

    def _inverse_secret(self):
        stored = self._stored()
        for line in self.filtered("secret"):
            system = line.connect_id.system_id
            if credential := stored.get((system, line.name)):
                credential.secret = line.secret
            else:
                self.env["hub.credential"].create(
                    {"system_id": system.id, "name": line.name, "secret": line.secret}
                )
        self.invalidate_recordset(["is_set"])


class HubConnectStream(models.TransientModel):
    """A kind of record that can be read, and how far its first load has come."""

    _name = "hub.connect.stream"
    _description = "Stream to Choose"

    connect_id = fields.Many2one("hub.connect", required=True, ondelete="cascade", index=True)
    stream_id = fields.Many2one("hub.stream", required=True, ondelete="cascade")
    entity_id = fields.Many2one(related="stream_id.entity_id")
    process_id = fields.Many2one(related="stream_id.process_id")
    chosen = fields.Boolean()
    reading = fields.Boolean(compute="_compute_counts", string="Still Reading")
    read_count = fields.Integer(compute="_compute_counts", string="Read")
    done_count = fields.Integer(compute="_compute_counts", string="Decided")
    open_count = fields.Integer(compute="_compute_counts", string="In the Queue")
    asked_count = fields.Integer(compute="_compute_counts", string="Need a Person")

    def _compute_counts(self):
        self.env.cr.execute(
            """
            SELECT s.id, coalesce(c.position ->> 'phase', '') = '', count(m.id),
                   count(m.id) FILTER (WHERE m.state IN ('done', 'skipped', 'superseded', 'cancelled')),
                   count(m.id) FILTER (WHERE m.state IN ('failed', 'dead'))
              FROM hub_stream s
              LEFT JOIN hub_cursor c ON c.stream_id = s.id
              LEFT JOIN hub_message m ON m.stream_id = s.id
             WHERE s.id = ANY(%s) GROUP BY 1, 2
            """,
            [self.stream_id.ids],
        )
        counts = {row[0]: row[1:] for row in self.env.cr.fetchall()}
        for line in self:
            reading, read, done, asked = counts.get(line.stream_id.id, (False, 0, 0, 0))
            line.reading, line.read_count, line.done_count, line.asked_count = (
                reading,
                read,
                done,
                asked,
            )
            line.open_count = read - done - asked


class HubSystem(models.Model):
    _inherit = "hub.system"

    def action_connect(self):
        """Go on step by step where connecting this system stands."""
        self.ensure_one()
        self.check_access("write")
        connect = self.env["hub.connect"].create(
            {
                "product": self.product,
                "name": self.name,
                "address": self.base_url,
                "environment": self.environment,
                "company_ids": [fields.Command.set(self.company_ids.ids)],
                "system_id": self.id,
            }
        )
        return connect._take_up()
