"""Who plays in the story: one product of each kind. The story itself knows kinds only."""

from ...steps import Stop
from .books import QuickBooks, Xero
from .crm import HubSpot, Salesforce
from .provider import Stripe
from .tracker import Clockify, Harvest

KINDS = {
    "crm": "CRM",
    "tracker": "time tracker",
    "provider": "payment provider",
    "books": "accounting ledger",
}
PLAYERS = {
    player.name: player
    for player in (HubSpot, Salesforce, Harvest, Clockify, Stripe, QuickBooks, Xero)
}
USUAL = "hubspot,harvest,stripe"  # a ledger is only there when it is named


def choose(text=USUAL):
    """Read which products play.

    :param text: names divided by commas, at most one of each kind; a kind that is not named is played by the
        usual product
    :return: names in the order of the kinds
    :raise Stop: a name is unknown, or a kind is named twice
    """
    chosen = {}
    for name in filter(None, (part.strip().lower() for part in text.split(","))):
        player = PLAYERS.get(name)
        if player is None:
            raise Stop(f"The demo has no product “{name}”.", f"It has {offered()}.")
        if player.kind in chosen:
            raise Stop(
                f"“{chosen[player.kind]}” and “{name}” both name the {KINDS[player.kind]}.",
                "Name one product of each kind.",
            )
        chosen[player.kind] = name
    if not chosen:
        raise Stop("--with names no product.", f"The demo has {offered()}.")
    usual = {PLAYERS[name].kind: name for name in USUAL.split(",")}
    return tuple(name for kind in KINDS if (name := chosen.get(kind) or usual.get(kind)))


def join(world):
    """The players of a running story, by kind: those whose sandboxes run."""
    return {PLAYERS[name].kind: PLAYERS[name](world) for name in world.context.sandboxes}


def listed(labels):
    """Labels in a sentence: `HubSpot, Harvest and Stripe`."""
    *first, last = labels
    return f"{', '.join(first)} and {last}"


def offered():
    """Which products there are, as what."""
    return ", ".join(
        f"{' or '.join(name for name, player in PLAYERS.items() if player.kind == kind)} as {words}"
        for kind, words in KINDS.items()
    )
