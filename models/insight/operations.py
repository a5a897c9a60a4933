"""The figures of the operations page, in one call and a fixed number of queries."""

from odoo import api, fields, models

from .screens import NEEDS_PERSON, UNFINISHED

OPEN = (*UNFINISHED, *NEEDS_PERSON)
CAUSES = 8  # shown on the page; the list behind it has them all
SILENT_SECONDS = 90  # a drainer is called each minute


class HubOperations(models.AbstractModel):
    """Read by viewers, under their own rights and companies. Nothing is read for each record."""

    _name = "hub.operations"
    _description = "Operations Page"

    @api.model
    def get_data(self):
        """Everything that the operations page shows.

        :return: dict of plain data; amounts carry the id of their currency, times are UTC text.
        """
        systems = self.env["hub.system"].search([])
        streams = self.env["hub.stream"].search([("system_id", "in", systems.ids)])
        load = self._load()
        money = self._money()
        return {
            "systems": self._systems(systems, streams, load),
            "streams": self._streams(streams),
            "queue": self._queue(load),
            "money": money,
            "causes": self._causes(),
            "cause_count": sum(row["count"] for row in money),
            "approvals": self._approvals(),
            "engine": self._engine(),
            "can_connect": self.env["hub.system"].has_access("create"),
        }

    # --- the queue ------------------------------------------------------------------------------

    def _load(self, systems=None):
        """Unfinished messages by system and state, in one query over the index of open ones.

        :return: list of ``(system id, state, count, oldest)``.
        """
        domain = [("state", "in", OPEN)]
        if systems is not None:
            domain.append(("system_id", "in", systems.ids))
        groups = self.env["hub.message"]._read_group(
            domain, ["system_id", "state"], ["__count", "received_at:min"]
        )
        return [(system.id, state, count, oldest) for system, state, count, oldest in groups]

    def _queue(self, load):
        counts = dict.fromkeys(OPEN, 0)
        for _system, state, count, _oldest in load:
            counts[state] += count
        labels = dict(self.env["hub.message"]._fields["state"]._description_selection(self.env))
        return [
            {
                "state": state,
                "label": labels[state],
                "count": count,
                "attention": state in NEEDS_PERSON,
            }
            for state, count in counts.items()
        ]

    # --- systems and streams --------------------------------------------------------------------

    @api.model
    def _system_figures(self, systems, streams=None, load=None):
        """Queue, lag, last success and health of each system.

        :return: ``{system id: {field: value}}`` for the computed fields of ``hub.system``.
        """
        now = fields.Datetime.now()
        figures = {
            system.id: {
                "queue_count": 0,
                "attention_count": 0,
                "lag": 0,
                "last_success_at": False,
                "stream_count": 0,
                "health": "ok",
            }
            for system in systems
        }
        if load is None:
            load = self._load(systems)
        for system_id, state, count, oldest in load:
            found = figures.get(system_id)
            if not found:
                continue
            found["attention_count" if state in NEEDS_PERSON else "queue_count"] += count
            # What is held waits for a person's approval and is no sign of delay.
            if state in UNFINISHED and state != "held" and oldest:
                found["lag"] = max(found["lag"], int((now - oldest).total_seconds()))
        if streams is None:
            streams = self.env["hub.stream"].search([("system_id", "in", systems.ids)])
        for stream in streams:
            found = figures[stream.system_id.id]
            found["stream_count"] += 1
            if stream.last_success_at:
                found["last_success_at"] = max(
                    found["last_success_at"] or stream.last_success_at, stream.last_success_at
                )
        late = {stream.system_id.id for stream in streams if stream.health == "late"}
        for system in systems:
            found = figures[system.id]
            found["health"] = (
                "paused"
                if system.paused
                else "off"
                if system.state == "draft"
                else "attention"
                if found["attention_count"] or system.state == "error"
                else "late"
                if system.id in late
                else "ok"
            )
        return figures

    def _systems(self, systems, streams, load):
        circuits = {
            circuit.system_id.id: circuit
            for circuit in self.env["hub.circuit"].search([("state", "!=", "closed")])
        }
        figures = self._system_figures(systems, streams, load)
        states = dict(self.env["hub.system"]._fields["state"]._description_selection(self.env))
        labels = dict(systems._fields["health"]._description_selection(self.env))
        result = []
        for system in systems:
            found = figures[system.id]
            circuit = circuits.get(system.id)
            result.append(
                {
                    "id": system.id,
                    "name": system.name,
                    "icon": system.product_icon,
                    "product_label": system.product_label,
                    "sandbox": system.environment == "sandbox",
                    "state": system.state,
                    "state_label": states.get(system.state, ""),
                    "health": found["health"],
                    "health_label": labels[found["health"]],
                    "paused": system.paused,
                    "queue": found["queue_count"],
                    "attention": found["attention_count"],
                    "lag": found["lag"],
                    "last_success": _text(found["last_success_at"]),
                    "circuit_retry": _text(circuit.retry_at) if circuit else False,
                    "circuit_open": bool(circuit),
                }
            )
        return result

    def _streams(self, streams):
        labels = dict(streams._fields["health"]._description_selection(self.env))
        return [
            {
                "id": stream.id,
                "system": stream.system_id.name,
                "entity": stream.entity_id.name,
                "direction": stream.direction,
                "process": stream.process_id.name,
                "health": stream.health,
                "health_label": labels.get(stream.health, ""),
                "lag": stream.lag,
                "waiting": stream.waiting_count,
                "attention": stream.attention_count,
                "last_success": _text(stream.last_success_at),
                "error": stream.last_error or "",
            }
            for stream in streams
        ]

    # --- what needs a person --------------------------------------------------------------------

    def _money(self):
        groups = self.env["hub.issue"]._read_group(
            [("state", "=", "open")],
            ["currency_id"],
            ["at_risk:sum", "exception_count:sum", "waiting_count:sum", "__count"],
        )
        return [
            {
                "currency": currency.id,
                "amount": amount or 0.0,
                "records": records or 0,
                "waiting": waiting or 0,
                "count": count,
            }
            for currency, amount, records, waiting, count in groups
        ]

    def _causes(self):
        issues = self.env["hub.issue"].search(
            [("state", "=", "open")], order="at_risk desc, exception_count desc, id", limit=CAUSES
        )
        return [
            {
                "id": issue.id,
                "sentence": issue.sentence,
                "advice": issue.advice,
                "system": issue.system_id.name or "",
                "records": issue.exception_count,
                "waiting": issue.waiting_count,
                "amount": issue.at_risk,
                "currency": issue.currency_id.id,
                "since": _text(issue.opened_at),
                "owner": issue.owner_id.name or "",
                "impact": issue.impact or "normal",
            }
            for issue in issues
        ]

    def _approvals(self):
        """Invoices that wait for a billing approver; None for readers who may not see invoices."""
        moves = self.env["account.move"]
        if not moves.has_access("read"):
            return None
        groups = moves._read_group(
            [("hub_approval", "=", "to_approve"), ("state", "=", "draft")],
            ["currency_id"],
            ["__count", "amount_total_in_currency_signed:sum"],
        )
        return {
            "count": sum(count for _currency, count, _amount in groups),
            "amounts": [
                {"currency": currency.id, "amount": amount or 0.0}
                for currency, _count, amount in groups
            ],
        }

    # --- the engine -----------------------------------------------------------------------------

    def _engine(self):
        health = self.env["hub.engine"]._health()
        silent = health["drainer_silent_seconds"]
        # A flag, readable by all: a neutralized copy talks to nobody.
        parameters = self.env["ir.config_parameter"].sudo()
        return {
            "silent": silent,
            "alive": silent is not None and silent < SILENT_SECONDS,
            "paused": health["paused"],
            "overdue": health["oldest_due_seconds"],
            "neutralized": bool(parameters.get_param("database.is_neutralized")),
        }


def _text(moment):
    return fields.Datetime.to_string(moment) if moment else False
