"""Ledgers that are held against each other: what each kind of reconciliation reads on both sides."""

from datetime import datetime, time, timedelta, timezone

from odoo import api, fields, models

from ...core import strict_json
from ...core.billing import exact
from ...core.problem import Term
from ...core.reconcile import Terms
from ...core.schema import Word

BEFORE, AFTER = (
    timedelta(days=3),
    timedelta(days=4),
)  # so far beside the window a record's other half is looked for


class HubLedger(models.AbstractModel):
    """One kind of reconciliation. Kinds inherit it and are named in ``hub.reconciliation.kind``."""

    _name = "hub.ledger"
    _description = "Ledgers"

    _entity = None  # canonical entity whose records the other side lists; None where both sides are Odoo's
    _days = False  # whether days have to agree
    _late = False  # whether what was changed there long after the window may belong into it
    _sends = None  # model whose records are sent to the other side; None where they come from there

    @api.model
    def _systems(self, company):
        """Connected systems of the company that can be held against Odoo."""
        if not self._entity:
            return self.env["hub.system"]
        systems = self.env["hub.system"].search(
            [("state", "=", "connected"), ("company_ids", "in", company.ids)]
        )
        streams = self.env["hub.stream"].search(
            [
                ("system_id", "in", systems.ids),
                ("direction", "=", "in"),
                ("entity_id.code", "=", self._entity),
            ]
        )
        return streams.system_id.filtered(
            lambda system: self._entity in system._connector_class().lists
        )

    @api.model
    def _terms(self, run):
        """:return: :class:`Terms` of the comparison."""
        return Terms(
            since=run.date_from.isoformat(), until=run.date_to.isoformat(), days=self._days
        )

    @api.model
    def _there(self, run):
        """What the other side says, read before anything of Odoo is.

        :return: list of :class:`Entry`.
        """
        raise NotImplementedError

    @api.model
    def _here(self, run, there):
        """What Odoo says of the window, and of what the other side named whatever its day.

        :return: list of :class:`Entry`.
        """
        raise NotImplementedError

    @api.model
    def _records(self, run, entries):
        """Odoo records behind entries: ``{key: (model, id)}``, in one query."""
        return {}

    @api.model
    def _source_id(self, key):
        """Entity and external id of an entry's key; None where it has none."""
        return (self._entity, key) if self._entity and not key.startswith("odoo:") else None

    @api.model
    def _sent_id(self, key):
        """Id of the record here that the other side should have got; None if it is not sent there."""
        return int(key[5:]) if self._sends and key.startswith("odoo:") else None

    @api.model
    def _own_cause(self, difference):
        """A cause that lies in the kind itself, None if it has to be looked for."""
        return None

    # -- reading the other side --------------------------------------------------------------------

    @api.model
    def _listed(self, run, entity=None):
        """All that the source lists for the window and some days beside it, as canonical values.

        :return: list of ``(external id, values)``; words of vocabularies are codes of terms, None where a word
            is unknown.
        :raise ConnectorError, UserError: the source could not be read.
        """
        entity = entity or self._entity
        return self._canonical(run, entity, self._read(run, entity))

    @api.model
    def _listed_ids(self, run):
        """The ids of all that the source lists for the window and some days beside it."""
        return list(self._read(run, self._entity))

    @api.model
    def _read(self, run, entity):
        since = datetime.combine(run.date_from, time.min, timezone.utc) - BEFORE
        now = datetime.now(timezone.utc)
        until = datetime.combine(run.date_to, time.max, timezone.utc) + AFTER
        # An hour more: the other side's clock counts, and its last second is a whole one.
        until = now + timedelta(hours=1) if self._late else min(until, now)
        found = {}
        for records in run.system_id._connector().listing(entity, since, until):
            found.update((record.external_id, record) for record in records)
        return found

    @api.model
    def _fetched(self, run, ids, entity=None):
        """Records of the source by id, a batch a call, as canonical values."""
        entity, ids = entity or self._entity, list(ids)
        connector, found = run.system_id._connector(), {}
        for start in range(0, len(ids), 100):
            found.update(connector.fetch(entity, ids[start : start + 100]))
        return self._canonical(run, entity, found)

    @api.model
    def _canonical(self, run, entity, records):
        system = run.system_id
        mapping = self.env["hub.mapping"]._compiled_of(system, "in").get(entity, (None, 0))[0]
        if mapping is None:
            return []
        Vocabulary = self.env["hub.vocabulary.word"]
        words, overlays = Vocabulary._words_of(system)

        def term(value):
            if isinstance(value, Word):
                key = (value.vocabulary, Vocabulary._key(value.text))
                found = overlays.get((*key, run.company_id.id)) or words.get(key)
                return found and found[1]
            return value.code if isinstance(value, Term) else value

        result = []
        for key, record in records.items():
            if record.deleted:
                continue
            values, _problems = mapping.canonical(strict_json.loads(record.payload))
            result.append((key, {name: term(value) for name, value in values.items()}))
        return result

    @api.model
    def _companies(self, run, entity, ids):
        """Companies of linked records: ``{external id: company id}``, in one query."""
        self.env.cr.execute(
            """SELECT l.external_id, l.company_id FROM hub_link l JOIN hub_entity e ON e.id = l.entity_id
                WHERE l.system_id = %s AND e.code = %s AND l.external_id = ANY(%s)""",
            [run.system_id.id, entity, list(ids)],
        )
        return dict(self.env.cr.fetchall())

    @api.model
    def _is_ours(self, run, company_id):
        """Whether a record of the source belongs into this company's books. What nothing tells of is looked at in the
        first company that the system serves: somewhere it must be seen."""
        return (company_id or run.system_id.company_ids[:1].id) == run.company_id.id

    # -- amounts and days --------------------------------------------------------------------------

    @api.model
    def _steps(self, amount, currency):
        """An amount in whole steps of its currency."""
        return int((exact(amount or 0) / exact(currency.rounding)).to_integral_value())

    @api.model
    def _currencies(self):
        """Currencies by code, archived ones too, in one query."""
        found = self.env["res.currency"].with_context(active_test=False).search([])
        return {currency.name: currency for currency in found}

    @api.model
    def _day(self, run, moment):
        """The company's own day of a moment in UTC, as ISO date."""
        if moment is None:
            return None
        if not isinstance(moment, datetime):
            return fields.Date.to_string(moment)
        zone = run.company_id._hub_zone()
        if moment.tzinfo:
            moment = moment.astimezone(timezone.utc).replace(tzinfo=None)
        local = fields.Datetime.context_timestamp(self.with_context(tz=zone), moment)
        return local.date().isoformat()
