"""Webhooks out of a sandbox: truly signed, and sent as messily as products send them."""

from __future__ import annotations

from datetime import timedelta

import requests

SIGNATURES = ("good", "wrong", "old", "future", "missing")


class Sender:
    """Events that happened in a sandbox, and their deliveries."""

    def __init__(self, sandbox):
        self.sandbox = sandbox
        self.clear()

    def clear(self) -> None:
        self.events: list[dict] = []
        self.pending: list[dict] = []

    def add(self, event: dict) -> None:
        """An event happened; it is sent with the next ``deliver``."""
        self.events.append(event)
        self.pending.append(event)

    def deliver(self, options: dict) -> dict:
        """Control plane: send what is pending.

        Body: ``url`` (target), and optionally ``duplicate`` (further deliveries of each body),
        ``shuffle`` (true, or a seed), ``split`` (events a delivery), ``signature`` (good, wrong,
        old, future, missing), ``secret`` (sign with another one), ``again`` (true: all events so
        far, not only the pending ones), ``drop`` (true: forget the pending ones unsent).

        Answers ``{"deliveries": [{"status", "events", "error"}]}``. What is not answered 2xx
        stays pending, as a product's retry would.
        """
        from .base import shuffled

        sandbox = self.sandbox
        with sandbox.lock:
            events = list(self.events if options.get("again") else self.pending)
            self.pending = []
        if options.get("drop"):
            return {"deliveries": [], "dropped": len(events)}
        if options.get("shuffle"):
            events = shuffled(events, options["shuffle"])
        size = options.get("split") or sandbox.batch_size
        deliveries = []
        for start in range(0, len(events), size):
            batch = events[start : start + size]
            for attempt in range(1 + int(options.get("duplicate", 0))):
                deliveries.append(self._send(options, batch))
                if attempt == 0 and not 200 <= (deliveries[-1]["status"] or 0) < 300:
                    with sandbox.lock:
                        self.pending += [event for event in batch if event not in self.pending]
        return {"deliveries": deliveries}

    def _send(self, options: dict, batch: list[dict]) -> dict:
        sandbox, url = self.sandbox, options["url"]
        how = options.get("signature", "good")
        if how not in SIGNATURES:
            raise ValueError(f"unknown signature: {how}")
        moment = sandbox.now() + {
            "old": timedelta(minutes=-10),
            "future": timedelta(minutes=10),
        }.get(how, timedelta())
        secret = options.get("secret") or sandbox.settings["webhook_secret"]
        body = sandbox.webhook_body(batch)
        headers = {"Content-Type": "application/json"}
        if how != "missing":
            secret += "-wrong" if how == "wrong" else ""
            headers.update(sandbox.webhook_headers(url, body, moment, secret))
        session = requests.Session()
        session.trust_env = False
        try:
            response = session.post(
                url, data=body, headers=headers, timeout=10, allow_redirects=False
            )
            return {"status": response.status_code, "events": len(batch), "error": None}
        except requests.RequestException as error:
            return {"status": None, "events": len(batch), "error": type(error).__name__}
        finally:
            session.close()
