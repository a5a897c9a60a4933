"""The hands of the story: it speaks with Odoo as its users do, and with the sandboxes' control planes."""

import http.client
import json
import urllib.error
import urllib.request


class Refused(Exception):
    """Odoo refused a call, with its sentence."""


class World:
    """Odoo and the three products, from outside.

    :param context: the demo's :class:`devtools.context.Context`
    :param ids: what :func:`devtools.story.firm.set_up` returned
    """

    def __init__(self, context, ids):
        self.context = context
        self.ids = ids

    # -- Odoo ----------------------------------------------------------------------------------

    def call(self, model, method, ids=None, user="admin", **kwargs):
        """Call a public method as a user, over Odoo's JSON-2 API.

        A server that is starting again is asked anew, so only what may be repeated goes through here.

        :raise Refused: Odoo answered that it will not
        """
        body = dict(kwargs) if ids is None else {"ids": ids, **kwargs}
        request = urllib.request.Request(
            f"{self.context.odoo_url}/json/2/{model}/{method}",
            json.dumps(body).encode(),
            {
                "Content-Type": "application/json",
                "Authorization": f"bearer {self.ids['keys'][user]}",
                "X-Odoo-Database": self.context.database,
            },
        )

        def once():
            try:
                with urllib.request.urlopen(request, timeout=120) as answer:
                    return [json.load(answer)]
            except urllib.error.HTTPError as error:
                if error.code in (502, 503):
                    return None
                raise Refused(json.load(error).get("message", str(error))) from error
            except http.client.HTTPException:
                return None

        answer = self.context.eventually(once, timeout=120)
        if not answer:
            raise RuntimeError(f"Odoo does not answer {model}.{method}")
        return answer[0]

    def read(self, model, domain, fields, user="admin", **kwargs):
        """Rows of a model, as dicts."""
        return self.call(model, "search_read", domain=domain, fields=fields, user=user, **kwargs)

    def count(self, model, domain, user="admin"):
        """How many records a user sees."""
        return self.call(model, "search_count", domain=domain, user=user)

    def create(self, model, values, user="admin"):
        """Create one record; answers its id."""
        return self.call(model, "create", vals_list=[values], user=user)[0]

    def sql(self, query, parameters=()):
        return self.context.running.sql(query, parameters)

    # -- products ------------------------------------------------------------------------------

    def control(self, product, name, body=None, method=None):
        """Use a sandbox's control plane."""
        url = f"{self.context.sandboxes[product]}/__sandbox__/{name}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            url,
            data,
            {"Content-Type": "application/json"},
            method=method or ("POST" if data else "GET"),
        )
        with urllib.request.urlopen(request, timeout=120) as answer:
            return json.load(answer)

    def deliver(self, product, **options):
        """Send a product's pending webhooks to Odoo, until Odoo has taken them (products retry too)."""
        options["url"] = self.ids[f"{product}_url"]

        def sent():
            answer = self.control(product, "deliver", options)
            refused = [d for d in answer["deliveries"] if not 200 <= (d["status"] or 0) < 300]
            return None if refused else [answer]

        return (self.context.eventually(sent, timeout=90, pause=1) or [None])[0]

    # -- waiting -------------------------------------------------------------------------------

    def quiet(self, timeout=150):
        """Wait until the hub has nothing left to do by itself.

        :return: whether it came to rest
        """
        query = """
            SELECT (SELECT count(*) FROM hub_message WHERE state IN ('received', 'pending', 'sending'))
                 + (SELECT count(*) FROM hub_outbox)
                 + (SELECT count(*) FROM hub_message w WHERE w.state = 'waiting' AND NOT EXISTS (
                        SELECT 1 FROM hub_message f WHERE f.order_key = w.wait_key AND f.state IN ('failed', 'dead')))
        """
        return bool(self.context.eventually(lambda: self.sql(query)[0][0] == 0, timeout=timeout))

    def until(self, query, value, parameters=(), timeout=90):
        """Wait until a one-value query gives ``value``; answers what it gave last."""
        seen = [None]

        def check():
            seen[0] = self.sql(query, parameters)[0][0]
            return seen[0] == value

        self.context.eventually(check, timeout=timeout)
        return seen[0]
