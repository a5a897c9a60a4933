"""The canonical API: a partner that pushes canonical records to us, and gets what changes in Odoo as events.

Nothing is read from it: what it pushes is stored at the door (``controllers/canonical.py``). What goes out is
one CloudEvent a record, signed, to the one address that the system names. The event's id is the message's
idempotency key: a repeated event is the same bytes under the same id.

Settings: ``hub_url`` (our own address, the source of the events).
Secrets: ``webhook_secret`` proves what is pushed, where no API key of Odoo does; ``event_secret`` signs events.

Source: the Standard Webhooks specification; CloudEvents 1.0.2, "Required Attributes", "JSON Event Format",
HTTP Protocol Binding, "Structured Content Mode".
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar

from ..core import strict_json
from .base import Connector
from .declared_webhook import STANDARD, prove, signature
from .errors import BadSignature, ConnectorError
from .parts import CheckItem, Outcome, SecretField, WebhookRequest
from .probe import clock_item, probe
from .times import to_epoch

NOWHERE = "https://nowhere.invalid"  # RFC 2606: a name that never leads anywhere
NO_SUCH_PLACE = (404, 405, 410)


class Canonical(Connector):
    """One partner that pushes canonical records, and may be told of changes."""

    product = "canonical"
    label = "Canonical API"
    default_base_url = NOWHERE
    auth = (
        SecretField("webhook_secret", "Signing secret of what is pushed"),
        SecretField("event_secret", "Signing secret of events that are sent"),
    )
    asks: ClassVar = False
    whole: ClassVar = True
    pace: ClassVar = {"default": (20, 1.0)}
    renews_with = ()
    webhook_secret_field = "webhook_secret"

    @classmethod
    def prove(cls, request: WebhookRequest, secrets: Sequence[str], now: datetime) -> str:
        """Prove a push by its signature.

        :return: its ``webhook-id``, which stays the same over repeats.
        :raise BadSignature: it is not proved.
        """
        prove(STANDARD, request, secrets, now)
        return request.header("webhook-id")

    def check(self) -> list[CheckItem]:
        """A signed event that says nothing, if there is an address to send events to."""
        if self.base_url == NOWHERE:
            return [CheckItem("pushed_only", True)]
        items: list[CheckItem] = []
        key = uuid.uuid4().hex
        answer = probe(
            items, "event", lambda: self._send(key, self._event(key, "hub.ping", "ping", {}))
        )
        if answer is not None:
            items.append(clock_item(answer, self.clock()))
        return items

    def account_id(self) -> str:
        """A partner has no account of ours."""
        return ""

    def fetch(self, entity, ids):
        """Nothing can be read: what is not known yet has to be pushed."""
        return {}

    def deliver(self, entity, writes) -> list[Outcome]:
        """One event a record. A record that the partner did not push itself is called by its id here."""
        outcomes = []
        for write in writes:
            subject = write.external_id or f"odoo-{write.record}"
            outcome = Outcome(write.key, True, subject)
            event = self._event(write.key, f"hub.{entity}.changed", subject, write.values)
            event["dataschema"] = f"{self.settings.get('hub_url', '')}/hub/v1/schema/{entity}"
            try:
                self._send(write.key, event)
            except ConnectorError as error:
                outcome.ok, outcome.error = False, error
            outcomes.append(outcome)
        return outcomes

    def _event(self, key, kind, subject, data):
        return {
            "specversion": "1.0",
            "id": key,
            "source": f"{self.settings.get('hub_url', '')}/hub",
            "type": kind,
            "subject": subject,
            "datacontenttype": "application/json",
            "data": data,
        }

    def _send(self, key, event):
        """:raise ConnectorError: it was not taken."""
        secret = self._secret("event_secret")
        stamp = str(to_epoch(self.clock()))
        body = strict_json.dumps(event)  # what the session makes of it, too
        try:
            signed = signature(STANDARD, secret, f"{key}.{stamp}.".encode() + body)
        except BadSignature:
            raise ConnectorError("sign_in", "bad_secret") from None
        headers = {
            "Content-Type": "application/cloudevents+json; charset=utf-8",
            "webhook-id": key,
            "webhook-timestamp": stamp,
            "webhook-signature": f"v1,{signed}",
        }
        # the very address: not one below it
        return self._call("POST", self.base_url, json=event, headers=headers)

    def _error_from(self, answer, write):
        """What the partner says of its address concerns every event, and none more than another."""
        error = super()._error_from(answer, write)
        if error is not None and answer.status in (401, 403):
            return ConnectorError("sign_in", "event_refused", status=answer.status)
        if error is not None and answer.status in NO_SUCH_PLACE:
            return ConnectorError("schema", "no_such_place", status=answer.status)
        return error
