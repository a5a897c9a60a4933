"""A light load generator: signed webhooks made beforehand, sent by some threads over plain sockets.

It shares the cores with the server, so it does as little as HTTP allows: one connection a request, as
products' senders do, and no more of the answer is read than its status.
"""

import itertools
import json
import socket
import threading
import time
from datetime import datetime, timezone

from sandbox.hubspot import HubSpotSandbox

ACCOUNT = 49648261
SECRET = "sandbox-client-secret"


class Sender:
    """Sends to one address.

    :param url: the whole address of a webhook, or of a route to compare with
    """

    def __init__(self, url):
        self.url = url
        host, _slash, self.path = url.removeprefix("http://").partition("/")
        self.host = host
        name, _colon, port = host.partition(":")
        self.address = (name, int(port))
        self._sandbox = HubSpotSandbox()

    def request(self, body):
        """The bytes of one signed request, as HubSpot sends it."""
        headers = self._sandbox.webhook_headers(self.url, body, datetime.now(timezone.utc), SECRET)
        lines = [
            f"POST /{self.path} HTTP/1.1",
            f"Host: {self.host}",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
            "Connection: close",
            *(f"{name}: {value}" for name, value in headers.items()),
        ]
        return "\r\n".join([*lines, "", ""]).encode() + body

    def post(self, request):
        """Send one request; its status."""
        with socket.create_connection(self.address, timeout=30) as connection:
            connection.sendall(request)
            answer = b""
            while part := connection.recv(4096):
                answer += part
        return int(answer.split(b" ", 2)[1])

    def rate(self, requests, threads=4):
        """Send them all, from some threads at once.

        :return: requests a second
        :raise RuntimeError: one was not answered 200
        """
        left, statuses, lock = iter(requests), [], threading.Lock()

        def work():
            while True:
                with lock:
                    request = next(left, None)
                if request is None:
                    return
                statuses.append(self.post(request))

        workers = [threading.Thread(target=work) for _number in range(threads)]
        started = time.perf_counter()
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        seconds = time.perf_counter() - started
        if statuses != [200] * len(requests):
            raise RuntimeError(f"not all were answered 200: {sorted(set(statuses))}")
        return len(requests) / seconds


_numbers = itertools.count(1)


def events(count, first=None):
    """A body with so many new events; ``first`` names the company of the first, by its id."""
    found = []
    for index in range(count):
        number = next(_numbers)
        found.append(
            {
                "eventId": number,
                "subscriptionId": 3442089,
                "portalId": ACCOUNT,
                "appId": 1,
                "occurredAt": 1772323200000 + number,
                "subscriptionType": "company.propertyChange",
                "attemptNumber": 0,
                "objectId": number if first is None else first + index,
                "propertyName": "name",
                "propertyValue": "Acme",
                "changeSource": "CRM",
            }
        )
    return json.dumps(found).encode()
