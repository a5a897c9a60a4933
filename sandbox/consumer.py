"""A partner that takes our events: a local server that checks each as a good consumer does.

It answers 204 to an event that is well signed, and 401 to any other; what comes again under an id that it
knows is taken once. ``events`` holds what it took, ``deliveries`` how often each id came.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections import Counter

from werkzeug.wrappers import Response

from .base import Refusal, Sandbox, answer

SECRET = "whsec_" + base64.b64encode(b"what the consumer knows, 32 byte").decode()


class ConsumerSandbox(Sandbox):
    """The consumer. Settings: ``secret`` (what it expects), ``path`` (where it listens)."""

    name = "consumer"
    default_settings = {"secret": SECRET, "path": "/events"}

    def __init__(self, **settings):
        super().__init__(**settings)
        self.route("POST", "/.*", self._take)

    def reset(self):
        super().reset()
        self.events: dict[str, dict] = {}
        self.deliveries: Counter = Counter()

    def authorize(self, request):
        key, stamp = (request.headers.get(f"webhook-{name}", "") for name in ("id", "timestamp"))
        secret = base64.b64decode(self.settings["secret"].removeprefix("whsec_"))
        message = f"{key}.{stamp}.".encode() + request.get_data(cache=True)
        wanted = base64.b64encode(hmac.new(secret, message, hashlib.sha256).digest()).decode()
        given = request.headers.get("webhook-signature", "").split()
        fresh = stamp.isdigit() and abs(time.time() - int(stamp)) <= 300
        if not fresh or not any(hmac.compare_digest(one, f"v1,{wanted}") for one in given):
            raise Refusal(401, {"error": "signature"})

    def _take(self, request):
        if request.path != self.settings["path"]:
            return answer({"error": "nothing here"}, 404)
        if request.mimetype != "application/cloudevents+json":
            return answer({"error": "media type"}, 415)
        event = json.loads(request.get_data(cache=True))
        needed = {"specversion", "id", "source", "type"}
        if event.get("specversion") != "1.0" or not all(event.get(name) for name in needed):
            return answer({"error": "no CloudEvent"}, 400)
        if event["id"] != request.headers["webhook-id"]:
            return answer({"error": "two ids"}, 400)
        if event["type"] != "hub.ping":
            self.deliveries[event["id"]] += 1
            self.events.setdefault(event["id"], event)
        return Response(status=204)
