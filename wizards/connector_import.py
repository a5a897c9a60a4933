import base64

from odoo import fields, models
from odoo.exceptions import UserError, ValidationError

from ..connectors import declaration, documents, openapi
from ..models.config.connector_words import document_sentence, fault_sentence, note_sentence
from ..models.guard import called_by_people, own_code

MOST_UNUSED = 40  # lists of a large file that are kept for choosing


class HubConnectorImport(models.TransientModel):
    """A connector out of a file: its own declaration, or an OpenAPI 3 description that pre-fills one."""

    _name = "hub.connector.import"
    _description = "Connector from a File"

    file = fields.Binary(required=True, attachment=False)
    file_name = fields.Char()
    base_url = fields.Char(
        string="Address", help="Only where the file does not say where the product is."
    )

    def action_read(self):
        """Make the connector and open it, with what is left to do."""
        self.ensure_one()
        self.env["hub.connector"]._require_settings()
        try:
            document = documents.read(base64.b64decode(self.file))
            if "openapi" in document or "swagger" in document:
                connector, change = self._from_openapi(document), None
            else:
                connector, change = self._from_declaration(document)
        except documents.BadDocument as error:
            raise UserError(document_sentence(self.env, error.code, error.line)) from None
        except openapi.BadOpenApi as error:
            raise UserError(document_sentence(self.env, error.code)) from None
        if change:
            return change._open()
        return {
            "type": "ir.actions.act_window",
            "res_model": "hub.connector",
            "res_id": connector.id,
            "views": [[False, "form"]],
        }

    def _from_declaration(self, document):
        """A new connector, or a new state of the one with that code.

        :return: ``(hub.connector, hub.change)``: the latter where its systems are under change control.
        """
        if "hub_connector" not in document:
            raise documents.BadDocument("not_object")
        faults = declaration.faults(document)
        if faults:
            nowhere = self.env["hub.connector"]
            sentences = [f"• {fault_sentence(self.env, nowhere, fault)}" for fault in faults]
            raise ValidationError("\n".join(sentences))
        presets = document.get("presets") or {}
        vals = self.env["hub.connector"]._vals_of(document)
        found = self.env["hub.connector"]._named(document["code"]).with_env(self.env)
        if not found:
            connector = self.env["hub.connector"].create(vals)
            connector._take_presets(presets)
            return connector, None
        for name in ("stream_ids", "write_ids", "type_ids", "error_ids"):
            vals[name] = [fields.Command.clear(), *vals[name]]
        vals = {name: value for name, value in vals.items() if name != "code"}

        def act(env):
            found.with_env(env).write(vals)
            found.with_env(env)._take_presets(presets)

        change = self.env["hub.change"]._carry_out(act, self.env._("Connector: %s", found.name))
        return found, change

    def _from_openapi(self, document):
        entities = self.env["hub.entity"].search([])
        base_url = (self.base_url or "").strip().rstrip("/")
        if base_url and declaration.bad_address(base_url):
            raise UserError(self.env._("“%s” is no address of an API (https://host/…).", base_url))
        codes = {entity.code for entity in entities if entity.handler}
        draft = openapi.draft(document, codes, base_url)
        if not draft.declaration["base_url"]:
            raise UserError(
                self.env._("The file does not say where the product is: enter its address here.")
            )
        vals = self.env["hub.connector"]._vals_of(draft.declaration)
        taken = self.env["hub.connector"]._named(vals["code"])
        if taken:
            raise UserError(
                self.env._(
                    "“%s” is declared already. An OpenAPI file begins a new connector: rename that one's "
                    "product, or change it in its form.",
                    taken.name,
                )
            )
        notes = [f"• {note_sentence(self.env, note)}" for note in draft.notes]
        vals["note"] = "\n".join(notes)
        for command, part in zip(
            vals["stream_ids"], draft.declaration.get("streams") or (), strict=True
        ):
            command[2]["sample"] = draft.samples.get(part["entity"])
        for name, field in (("streams", "stream_ids"), ("writes", "write_ids")):
            parts = self.env[f"hub.connector.{name[:-1]}"]
            for part in draft.unused[name][:MOST_UNUSED]:
                sample = draft.samples.get(part["entity"] or part.get("path"))
                one = parts._vals_of({**part, "entity": ""}, {}) | {"active": False}
                if name == "streams":
                    one["sample"] = sample
                vals[field].append(fields.Command.create(one))
        # The samples of the file come with it: nobody types them.
        connector = called_by_people(own_code(self.env["hub.connector"]).create(vals))
        connector._propose_mappings()
        return connector
