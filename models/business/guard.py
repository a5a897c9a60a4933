"""Fields that guard billing and approval are written by the hub's own code, never by a call."""

from odoo.exceptions import AccessError

_KEY = "hub_own_code"


class _OwnCode:
    """What only our code can put into a context: a call from outside carries plain JSON."""


_OWN = _OwnCode()


def own_code(records):
    """``records`` in a context in which the hub's own code may write guarded fields."""
    return records.with_context(**{_KEY: _OWN})


def called_by_people(records):
    """``records`` without that permission, before they are given to anybody else."""
    context = {key: value for key, value in records.env.context.items() if key != _KEY}
    return records.with_env(records.env(context=context))


def is_own_code(env):
    """Whether the hub's own code made this environment (identity, so it cannot be forged)."""
    return env.context.get(_KEY) is _OWN


def refuse_guarded(records, vals, names):
    """Raise when somebody else than the hub's own code writes one of the fields ``names``."""
    if records.env.su or is_own_code(records.env):
        return
    given = sorted(set(names) & vals.keys())
    if given:
        labels = [records._fields[name].string for name in given]
        raise AccessError(
            records.env._(
                "%(fields)s: nobody writes this by hand; the hub keeps it.",
                fields=", ".join(labels),
            )
        )
