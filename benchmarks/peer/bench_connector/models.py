"""A connector as OCA's framework wants it: a backend, a binding, a binder, a mapper, an importer; a job a payload."""

import json
from hashlib import sha256

from odoo import api, fields, models
from odoo.addons.component.core import Component
from odoo.addons.connector.components.mapper import mapping

# As the other references: without the mails and the chatter that an import does not want.
QUIET = {
    "tracking_disable": True,
    "mail_auto_subscribe_no_notify": True,
    "mail_create_nosubscribe": True,
    "mail_create_nolog": True,
    "mail_notrack": True,
}


class BenchBackend(models.Model):
    _name = "bench.backend"
    _inherit = "connector.backend"
    _description = "Benchmark Backend"

    name = fields.Char(required=True)


class BenchResPartner(models.Model):
    _name = "bench.res.partner"
    _inherit = "external.binding"
    _inherits = {"res.partner": "odoo_id"}
    _description = "Benchmark Binding of a Partner"

    odoo_id = fields.Many2one("res.partner", required=True, ondelete="cascade")
    backend_id = fields.Many2one("bench.backend", required=True)
    external_id = fields.Char()
    digest = fields.Char(help="Of the payload that was imported last.")

    _binding_unique = models.Constraint(
        "unique(backend_id, external_id)", "A record is bound once a backend."
    )

    @api.model
    def import_payload(self, backend, payload):
        """The job: import one company."""
        with backend.with_context(**QUIET).work_on(self._name) as work:
            work.component(usage="record.importer").run(payload)


class BenchBinder(Component):
    _name = "bench.binder"
    _inherit = "base.binder"
    _collection = "bench.backend"
    _apply_on = ["bench.res.partner"]


class BenchMapper(Component):
    _name = "bench.import.mapper"
    _inherit = "base.import.mapper"
    _collection = "bench.backend"
    _apply_on = ["bench.res.partner"]

    direct = [
        ("name", "name"),
        ("phone", "phone"),
        ("website", "website"),
        ("address", "street"),
        ("city", "city"),
        ("zip", "zip"),
    ]

    @mapping
    def fixed(self, _record):
        return {"backend_id": self.backend_record.id, "is_company": True}


class BenchImporter(Component):
    _name = "bench.importer"
    _inherit = "base.importer"
    _collection = "bench.backend"
    _apply_on = ["bench.res.partner"]
    _usage = "record.importer"

    def run(self, payload):
        """Create or write the partner of one company, and bind it; one that comes as it was is skipped."""
        binding = self.binder.to_internal(payload["id"])
        digest = sha256(json.dumps(payload, sort_keys=True).encode()).hexdigest()
        if binding.digest == digest:
            return
        record = self.mapper.map_record(payload["properties"])
        if binding:
            binding.write({**record.values(), "digest": digest})
        else:
            binding = self.model.create({**record.values(for_create=True), "digest": digest})
        self.binder.bind(payload["id"], binding)
