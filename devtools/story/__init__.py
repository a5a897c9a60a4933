"""The story of the demo: from a deal that closes in the CRM to a paid invoice that the CRM sees.

Everything travels over HTTP between separate processes: the sandboxes and a prefork Odoo. Each step
says what must be seen, and records what was. Which products play is chosen in :mod:`devtools.story.cast`.
"""

from . import cash, deals, firm, pages, proof, time_and_bill
from .world import World

CHECKPOINTS = 20


def run(context):
    """Tell the story.

    :param context: a :class:`devtools.context.Context`; its steps are the result
    """
    with context.steps.step(
        "The firm sets up Odoo: products, roles, template, journal, systems", True
    ) as step:
        ids = firm.set_up(context)
        step.seen = all(ids["systems"].values())
    world = World(context, ids)
    for chapter in (deals, time_and_bill, cash, proof):
        chapter.tell(world)
    pages.show(world)
