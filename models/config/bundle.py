import os
import uuid

from odoo import api, fields, models, tools
from odoo.exceptions import AccessError, UserError
from odoo.modules.module import get_manifest

from ...core import bundle
from ...core.problem import Problem
from .portable import Exporter, Importer, fields_of

MANAGER = "lead_to_cash_hub.group_hub_manager"
# Changes that came to nothing: their bundle may be taken again.
VAIN = ("refused", "cancelled")


class HubBundle(models.Model):
    """Configuration that left for another database, or came from one as a Change."""

    _name = "hub.bundle"
    _description = "Bundle"
    _order = "id desc"
    _log_access = False
    _rec_name = "title"

    title = fields.Char(required=True, readonly=True)
    direction = fields.Selection(
        [("out", "Exported"), ("in", "Imported")], required=True, readonly=True
    )
    uid = fields.Char(required=True, readonly=True, string="Identifier")
    number = fields.Integer(
        required=True, readonly=True, help="Configuration of the source that it was made of."
    )
    source = fields.Char(required=True, readonly=True, string="From")
    target = fields.Char(required=True, readonly=True, string="For")
    key_name = fields.Char(readonly=True, string="Signed By")
    system_id = fields.Many2one("hub.system", readonly=True, ondelete="cascade", index=True)
    user_id = fields.Many2one("res.users", readonly=True, ondelete="restrict", string="By")
    at = fields.Datetime(readonly=True, default=fields.Datetime.now)
    change_id = fields.Many2one("hub.change", readonly=True, ondelete="set null")

    def write(self, vals):
        raise UserError(self.env._("What was exported and imported is kept as it was."))

    def unlink(self):
        raise UserError(self.env._("What was exported and imported is kept as it was."))

    # -- keys --------------------------------------------------------------------------------------

    @api.model
    def _setting(self, name):
        """From Odoo's configuration file or the environment, never from the database."""
        return os.environ.get(name.upper()) or tools.config.get(name)

    @api.model
    def _database(self):
        """By which name bundles know this database."""
        # With sudo: an identifier, no secret.
        return self.env["ir.config_parameter"].sudo().get_param("database.uuid")

    @api.model
    def _release(self):
        return get_manifest("lead_to_cash_hub")["version"]

    @api.model
    def _require_manager(self):
        if not self.env.user.has_group(MANAGER):
            raise AccessError(self.env._("Ask an integration manager."))

    # -- out ---------------------------------------------------------------------------------------

    @api.model
    def _export(self, system, database, environment, title):
        """The signed configuration of a system, for another database.

        :return: ``(bytes, names of rows left out)``
        :raise UserError: no key is configured, or it holds an address.
        """
        self._require_manager()
        system.check_access("read")
        exporter = Exporter(system.sudo())  # whole, whatever companies the user has switched on
        try:
            name, key = bundle.signing_key(self._setting("hub_bundle_key"))
            content = {
                "format": bundle.FORMAT,
                "release": self._release(),
                "id": str(uuid.uuid4()),
                "number": self.env["hub.version"].search([], limit=1).id or 0,
                "made_at": fields.Datetime.now().isoformat(),
                "source": self._database(),
                "target": {"database": database, "environment": environment, "product": system.product},
                "title": title,
                "rows": exporter.rows(),
            }  # fmt: skip
            if exporter.alike:
                raise bundle.refused("alike", names=", ".join(sorted(set(exporter.alike))))
            raw = bundle.sign(content, name, key)
        except Problem as problem:
            raise UserError(self._sentence_of(problem)) from problem
        self._keep("out", content, name, system)
        return raw, exporter.left_out

    @api.model
    def _keep(self, direction, content, key_name, system, change=None):
        # With sudo: written by the hub alone.
        self.sudo().create(
            {
                "title": content["title"],
                "direction": direction,
                "uid": content["id"],
                "number": content["number"],
                "source": content["source"],
                "target": content["target"]["database"],
                "key_name": key_name,
                "system_id": system.id,
                "user_id": self.env.uid,
                "change_id": change.id if change else False,
            }
        )
        self.env["hub.audit"]._append(
            [
                {
                    "action": "export_bundle" if direction == "out" else "import_bundle",
                    "system_id": system.id,
                    "res_model": "hub.system",
                    "res_id": system.id,
                    "values": {
                        name: content[name] for name in ("id", "number", "source", "target")
                    },
                }
            ]
        )

    # -- in ----------------------------------------------------------------------------------------

    @api.model
    def _import(self, raw, system):
        """Propose what a bundle says as a Change of ``system``.

        :return: ``(hub.change record, texts of what is missing)``: one of them is empty.
        :raise UserError: the bundle is refused, with the reason; or the configuration refuses what it says.
        """
        self._require_manager()
        system.check_access("write")
        try:
            trusted = bundle.trusted_keys(self._setting("hub_bundle_trusted"))
            content, key_name = bundle.read(raw, trusted)
            bundle.check(
                content,
                release=self._release(),
                database=self._database(),
                product=system.product,
                environment=system.environment,
                portable=fields_of(self.env),
            )
            self._check_new(content, system)
        except Problem as problem:
            raise UserError(self._sentence_of(problem)) from problem
        missing = []

        def put(env):
            importer = Importer(system.with_env(env))
            importer.run(content["rows"])
            missing.extend(importer.missing)

        items = self.env["hub.change"]._record(put)
        if missing:
            return self.env["hub.change"], missing
        change = self.env["hub.change"]._draft(items, content["title"], join=False)
        self._keep("in", content, key_name, system, change)
        return change, []

    @api.model
    def _check_new(self, content, system):
        """Refuse what was taken already, and what is older than what came into force from there."""
        # With sudo: of all companies.
        former = self.sudo().search([("direction", "=", "in"), ("source", "=", content["source"])])
        same = former.filtered(
            lambda row: row.uid == content["id"] and row.change_id.state not in (*VAIN, False)
        )
        if same:
            raise bundle.refused("replayed", title=same[0].title)
        newest = max(
            former.filtered(
                lambda row: row.system_id == system and row.change_id.state in ("applied", "undone")
            ).mapped("number"),
            default=0,
        )
        if content["number"] < newest:
            raise bundle.refused("older", number=content["number"], newest=newest)

    @api.model
    def _sentence_of(self, problem):
        _ = self.env._
        params = problem.params
        return {
            "bundle_bad_key": _(
                "A key for bundles in Odoo's configuration cannot be read: it is NAME:BASE64 of 32 bytes."
            ),
            "bundle_no_key": _(
                "This database has no key to sign bundles with. Add “hub_bundle_key = NAME:BASE64 of 32 random "
                "bytes” to Odoo's configuration file, and restart Odoo."
            ),
            "bundle_too_large": _("This file is too large for a bundle."),
            "bundle_unreadable": _("This file is no bundle, or a part of it is missing."),
            "bundle_unknown_key": _(
                "The bundle is signed by “%(key)s”, which is not trusted here. Trusted keys are in Odoo's "
                "configuration file (hub_bundle_trusted).",
                key=params.get("key"),
            ),
            "bundle_tampered": _(
                "The bundle was changed after it was signed. Nothing of it was taken."
            ),
            "bundle_newer": _(
                "The bundle was made by a newer release (%(release)s). Update this database first.",
                release=params.get("release"),
            ),
            "bundle_other_target": _("The bundle was made for another database than this one."),
            "bundle_other_product": _(
                "The bundle is for a system of %(product)s.", product=params.get("product")
            ),
            "bundle_other_environment": _(
                "The bundle is for the environment “%(environment)s”.",
                environment=params.get("environment"),
            ),
            "bundle_forbidden": _(
                "The bundle holds %(what)s, which no bundle may change. Nothing of it was taken.",
                what=params.get("what"),
            ),
            "bundle_address": _(
                "“%(text)s” is an address. Addresses differ between environments and do not travel.",
                text=params.get("text"),
            ),
            "bundle_alike": _(
                "Another database could not tell these apart: %(names)s. Give each a name of its own, "
                "then export again.",
                names=params.get("names"),
            ),
            "bundle_replayed": _("This bundle was imported already, as “%s”.", params.get("title")),
            "bundle_older": _(
                "The bundle is older (configuration %(number)s) than what came from the same database before "
                "(configuration %(newest)s).",
                number=params.get("number"),
                newest=params.get("newest"),
            ),
        }[problem.code]
