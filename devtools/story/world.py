"""The hands of the story: it speaks with Odoo as its users do, and its players with their sandboxes."""

import http.client
import json
import urllib.error
import urllib.request

from . import cast


class Refused(Exception):
    """Odoo refused a call, with its sentence."""


class World:
    """Odoo and the products that play, from outside.

    `crm`, `tracker`, `provider` and `books` are those of :mod:`devtools.story.cast`; `books` may be None.

    :param context: the demo's :class:`devtools.context.Context`
    :param ids: what :func:`devtools.story.firm.set_up` returned
    """

    def __init__(self, context, ids):
        self.context = context
        self.ids = ids
        self.players = cast.join(self)
        self.crm, self.tracker, self.provider, self.books = (
            self.players.get(kind) for kind in cast.KINDS
        )

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

    def until(self, query, value, parameters=(), timeout=240):
        """Wait until a one-value query gives ``value``; answers what it gave last.

        A poll that was killed (`--kill`) is taken up again when its lease of three minutes is over.
        """
        seen = [None]

        def check():
            seen[0] = self.sql(query, parameters)[0][0]
            return seen[0] == value

        self.context.eventually(check, timeout=timeout)
        return seen[0]
