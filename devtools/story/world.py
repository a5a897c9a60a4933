"""The hands of the story: it speaks with Odoo as its users do, and with the sandboxes' control planes."""

import json
import urllib.request
import xmlrpc.client


class World:
    """Odoo and the three products, from outside.

    :param context: the demo's :class:`devtools.context.Context`
    :param ids: what :func:`devtools.story.firm.set_up` returned
    """

    def __init__(self, context, ids):
        self.context = context
        self.ids = ids
        self.users = {}

    # -- Odoo ----------------------------------------------------------------------------------

    def _uid(self, login):
        if login not in self.users:
            password = login
            common = xmlrpc.client.ServerProxy(f"{self.context.odoo_url}/xmlrpc/2/common")
            self.users[login] = (
                common.authenticate(self.context.database, login, password, {}),
                password,
            )
        return self.users[login]

    def call(self, model, method, *args, user="admin", **kwargs):
        """Call a public method as a user; a server that is starting again is asked anew.

        Only calls that may be repeated go through here: each fix and approval of the hub may.
        """

        def once():
            uid, password = self._uid(user)
            proxy = xmlrpc.client.ServerProxy(
                f"{self.context.odoo_url}/xmlrpc/2/object", allow_none=True
            )
            return [
                proxy.execute_kw(
                    self.context.database, uid, password, model, method, list(args), kwargs
                )
            ]

        # A cut connection, a gateway that is not there yet: the same call again.
        def patient():
            try:
                return once()
            except (xmlrpc.client.ProtocolError, xmlrpc.client.ResponseError, EOFError):
                return None
            except ValueError:
                return None
            except OSError:
                return None

        answer = self.context.eventually(patient, timeout=120)
        if not answer:
            raise RuntimeError(f"Odoo does not answer {model}.{method}")
        return answer[0]

    def read(self, model, domain, fields, user="admin", **kwargs):
        return self.call(model, "search_read", domain, fields=fields, user=user, **kwargs)

    def count(self, model, domain, user="admin"):
        return self.call(model, "search_count", domain, user=user)

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
