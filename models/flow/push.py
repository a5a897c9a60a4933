from typing import NamedTuple

from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.tools import ormcache

from ...connectors.canonical import Canonical
from ...connectors.times import iso
from ...core import strict_json
from ...core.problem import Problem
from ...core.published import inbound
from ...core.pushed import Judge, Pushed, version_of
from .cursors import own_transaction
from .receive import Incoming
from .sentence import _Params


class Answer(NamedTuple):
    """What a push is answered with: an HTTP status and the content."""

    status: int
    content: dict


class HubPush(models.AbstractModel):
    """The canonical API in: records that another program pushes take the way of all messages."""

    _name = "hub.push"
    _description = "Pushed Records"

    # -- who pushes ------------------------------------------------------------------------------

    def _find(self, token):
        """The door of a system of the canonical API behind an address; None for any other."""
        door = self.env["hub.receive"]._find(token) if token else None
        return door if door and issubclass(door.connector, Canonical) else None

    def _find_of(self, user_id, token):
        """The door for a user with an API key.

        :param token: of the system; may be left out by a user whom one system alone names.
        :return: a door that names the user, or None.
        """
        if not token:
            tokens = self._tokens(user_id)
            token = tokens[0] if len(tokens) == 1 else None
        door = self._find(token)
        return door if door and user_id in door.users else None

    @api.model
    @ormcache("user_id")
    def _tokens(self, user_id):
        # A door's user need not see systems; only addresses of those that name it are read.
        systems = self.env["hub.system"].sudo()
        domain = [("product", "=", Canonical.product), ("api_user_ids", "in", user_id)]
        return tuple(systems.search(domain).mapped("webhook_token"))

    # -- what is taken ---------------------------------------------------------------------------

    @api.model
    @ormcache("system_id")
    def _schemas(self, system_id):
        """``{entity code: JSON Schema}`` of what a system may push: entities whose inbound stream is on,
        fields that are mapped. Forgotten with each change of entities, mappings and streams."""
        # With sudo: the same for everyone who may push.
        system = self.env["hub.system"].sudo().browse(system_id)
        mapped = self._mapped(system)
        streams = system.stream_ids.filtered(lambda s: s.direction == "in" and s.active)
        return {
            entity.code: inbound(entity._json_schema(), mapped)
            for entity in streams.entity_id.sorted()
            if entity.code in mapped
        }

    def _mapped(self, system):
        """Names of the fields that are mapped inbound, by entity."""
        mappings = system.mapping_ids.filtered(lambda m: m.direction == "in")
        return {m.entity_id.code: set(m.line_ids.field_id.mapped("name")) for m in mappings}

    @api.model
    @ormcache("system_id", "code")
    def _judge(self, system_id, code):
        """What judges items by today's schema, and the number that it is published as; None if the system
        may not push the entity."""
        schema = self._schemas(system_id).get(code)
        if not schema:
            return None
        return Judge(schema), self.env["hub.entity.version"]._numbered(code).number or None

    @api.model
    @ormcache("system_id", "code", "number")
    def _judge_of(self, system_id, code, number):
        """The same by the schema of a published version: what it had, as far as that is mapped today.

        :raise Problem: ``push_no_version``; that is not kept, or strangers could fill the cache.
        """
        versions = self.env["hub.entity.version"]
        version = versions._numbered(code, number)
        if not version:
            newest = versions._numbered(code).number
            raise Problem("push_no_version", entity=code, version=number, newest=newest)
        system = self.env["hub.system"].sudo().browse(system_id)  # as _schemas
        return Judge(inbound(version.schema, self._mapped(system))), number

    # -- taking ----------------------------------------------------------------------------------

    def _take(self, door, entity, raw, call_key, author=None):
        """Judge the items of a body and store what is good, in one statement.

        :param call_key: names the call; an item without a key of its own is named by its place in it.
        :param author: id of the user who pushes, if one is known.
        :return: :class:`Answer`. What it calls accepted or duplicate is stored.
        """
        judge = self._judge(door.system_id, entity)
        if judge is None:
            return self._refused(404, Problem("push_no_entity", entity=entity))
        try:
            content = strict_json.loads(raw)
            if number := version_of(content):
                judge = self._judge_of(door.system_id, entity, number)
            judge, number = judge
            items = judge.items(content)
        except strict_json.BadJson as error:
            return self._refused(400, Problem("push_bad_json", reason=error.code))
        except Problem as problem:
            return self._refused(413 if problem.code == "push_too_many" else 400, problem)
        results, incoming = [], {}
        for item in items:
            result = {"index": item.index, "external_id": item.external_id}
            results.append(result)
            if not isinstance(item, Pushed):
                result |= {"status": "refused", **self._explained(item.problem, item.field)}
                continue
            key = item.key or (call_key and f"{call_key}:{item.index}")
            if not key:
                field = "idempotency_key"
                problem = Problem("missing_value", field=field)
                result |= {"status": "refused", **self._explained(problem, field)}
                continue
            key = f"push:{entity}:{key}".encode()
            result["status"] = "duplicate" if key in incoming else key
            incoming.setdefault(key, self._incoming(entity, item, key))
        with own_transaction(self.env.cr) as settling:
            new = self.env["hub.receive"]._store(
                self.env.cr,
                door.system_id,
                door.account,
                list(incoming.values()),
                webhook=True,
                settling=settling,
                author=author,
                schema=number,
                tell=True,
            )
        if new:
            self.env["hub.engine"]._wake(self.env.cr)
        for result in results:
            if isinstance(result["status"], bytes):
                result["status"] = "accepted" if result["status"] in new else "duplicate"
        refused = sum(result["status"] == "refused" for result in results)
        status = 202 if not refused else 422 if refused == len(results) else 207
        return Answer(status, {"results": results})

    @staticmethod
    def _incoming(entity, item, key):
        return Incoming(
            entity,
            item.external_id,
            key,
            "snapshot" if item.action == "change" else "event",
            item.action,
            item.changed_at,
            iso(item.changed_at) if item.changed_at else None,
            strict_json.dumps(item.data),
            merged_into=item.merged_into,
        )

    def _refused(self, status, problem):
        return Answer(status, self._explained(problem))

    def _explained(self, problem, field=None):
        """A refusal for the other program (code, field) and for the person who reads its log (message)."""
        found = {
            "code": problem.code,
            "message": self.env["hub.sentence"]._sentence(problem.code, problem.params),
        }
        return {**found, "field": field} if field else found


class HubSystem(models.Model):
    _inherit = "hub.system"

    api_user_ids = fields.Many2many(
        "res.users",
        "hub_system_api_user_rel",
        string="Users with API Keys",
        copy=False,
        tracking=True,
        help="An API key of these users may push records. They need no rights: what is pushed is applied with "
        "those of the technical user.",
    )
    push_url = fields.Char(compute="_compute_push_url", string="Address of the API")

    @api.depends("webhook_token", "product")
    def _compute_push_url(self):
        base = self._public_url()
        for system in self:
            system.push_url = f"{base}/hub/v1/{{entity}}?system={system.webhook_token}"

    @api.constrains("api_user_ids")
    def _check_api_users(self):
        """A key lies in another program: it must not open more than this door."""
        for user in self.api_user_ids.sudo():  # only to look at its rights
            if user.id == api.SUPERUSER_ID or user.has_group("base.group_system"):
                raise ValidationError(
                    self.env._(
                        "%s has the Settings right: a key in another program's hands would open everything. "
                        "Name a user of its own for it.",
                        user.name,
                    )
                )


class HubSentence(models.AbstractModel):
    _inherit = "hub.sentence"

    def _known(self, params):
        _ = self.env._
        p = params or {}
        return super()._known(params) | {
            "push_no_entity": (
                _("No inbound stream takes “%s” from this system.", p.get("entity", "")),
                _("Switch its stream on."),
            ),
            "push_bad_json": (
                _("The body is not strict JSON in UTF-8 (%s).", p.get("reason", "")),
                "",
            ),
            "push_no_version": (
                _(
                    "Version %(version)s of “%(entity)s” was never published; the newest is %(newest)s.",
                    version=p.get("version", ""),
                    entity=p.get("entity", ""),
                    newest=p.get("newest", ""),
                ),
                _("Read the schema again, and name the version that the records were made for."),
            ),
            "push_shape": (
                _(
                    "The body is an object with a list “items” of at least one item; it may name a “schema_version”."
                ),
                "",
            ),
            "push_too_many": (
                _(
                    "%(count)s items are more than the %(limit)s that one call may hold.",
                    count=p.get("count", ""),
                    limit=p.get("limit", ""),
                ),
                _("Divide them over several calls."),
            ),
            "push_too_large": (
                _("The body is larger than %s bytes.", p.get("limit", "")),
                _("Divide it over several calls."),
            ),
            "push_media_type": (
                _("The body is JSON, sent as application/json and not compressed."),
                "",
            ),
            "no_such_place": (
                _("Nothing takes events at the address of the system (%s).", p.get("status", "")),
                _("Compare the address, then replay."),
            ),
            "push_unauthorized": (
                _("The system, the signature or the key is not known here."),
                "",
            ),
            "unknown_field": (
                _("%s is not taken: no such field is mapped inbound.", p.get("field", "")),
                _("Leave it out, or map the field."),
            ),
        }

    def _expected_words(self):
        return super()._expected_words() | {
            "number as text": self.env._('a number written as text, like "1200.50"'),
            "object": self.env._("an object"),
        }

    def _check_sentence(self, code, params):
        if code == "pushed_only":
            return self.env._("Records are pushed to us: nothing is called")
        if code == "uploaded_only":
            return self.env._("Records come in files that people upload: nothing is called")
        if code == "event":
            text, reason = self.env._("Takes a signed event"), self._check_reason(_Params(params))
            return f"{text}: {reason}" if reason else text
        return super()._check_sentence(code, params)

    def _check_reason(self, p):
        _ = self.env._
        return {
            "bad_secret": _("the secret is no “whsec_…” in base64. Make and store another one."),
            "event_refused": _(
                "it was refused. Compare the signing secret there with the one here."
            ),
            "no_such_place": _("nothing takes events at this address. Compare it."),
        }.get(p["error"]) or super()._check_reason(p)
