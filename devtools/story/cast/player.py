"""What all products of the story have in common: how the firm connects them, and their control plane."""

import json
import urllib.request


def control(url, name, body=None):
    """Use the control plane of a sandbox."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(
        f"{url}/__sandbox__/{name}", data, {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=120) as answer:
        return json.load(answer)


class Player:
    """A product in the story, seen from its own side of the connection.

    :param world: the story's :class:`devtools.story.world.World`
    """

    name = label = kind = ""
    path = ""  # of its API, behind the sandbox's address
    account = ""
    settings: dict = {}  # more values of its system in Odoo
    # terms that the firm enters for it: (vocabulary, code, which record of the firm: "income" or "tax")
    terms = ()

    def __init__(self, world):
        self.world = world
        self.system = world.ids["systems"][self.kind]

    @classmethod
    def connection(cls, url):
        """What the firm's admin enters to connect it, as plain data."""
        return {
            "values": {
                "name": cls.label,
                "product": cls.name,
                "base_url": url + cls.path,
                "account_ref": cls.account,
                **cls.settings,
            },
            "secrets": cls.secrets(url),
            "terms": cls.terms,
        }

    @classmethod
    def secrets(cls, url):
        """Its secrets by the names that the connector gives them."""
        raise NotImplementedError

    def control(self, name, body=None):
        """Use its control plane."""
        return control(self.world.context.sandboxes[self.name], name, body)

    def seed(self, **rows):
        """Rows that appear there, as its sandbox takes them; answers what it answers."""
        return self.control("objects", rows)

    def deliver(self, **options):
        """Send its pending webhooks to Odoo, until Odoo has taken them (products retry too)."""
        options["url"] = self.world.ids["webhooks"][self.kind]

        def sent():
            answer = self.control("deliver", options)
            refused = [d for d in answer["deliveries"] if not 200 <= (d["status"] or 0) < 300]
            return None if refused else [answer]

        return (self.world.context.eventually(sent, timeout=90, pause=1) or [None])[0]


def renamed(names, values):
    """Values under a product's own names; what it has no name for is left out."""
    return {names[name]: value for name, value in values.items() if name in names}
