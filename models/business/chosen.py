"""Which entries and milestones alone are billed, where somebody decided about exactly these."""

_KEY = "hub_chosen"


class Chosen:
    """Ids of what may be billed. An object of ours: a call from outside carries plain JSON and makes none."""

    def __init__(self, entries, milestones):
        self.entries = list(entries)
        self.milestones = list(milestones)


def only(records, chosen):
    """``records`` in a context in which nothing else than ``chosen`` is billable."""
    return records.with_context(**{_KEY: chosen})


def chosen_of(env):
    """What alone is billable in ``env``, or None where everything that is approved is."""
    chosen = env.context.get(_KEY)
    return chosen if isinstance(chosen, Chosen) else None
