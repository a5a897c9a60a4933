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
    env = records.env
    given = set() if env.su or is_own_code(env) else set(names) & vals.keys()
    if not records:
        # A new record takes values from the context as well. Our own code never puts them there, and a call from
        # outside must not reach through code of ours that creates with sudo.
        given |= {name for name in names if f"default_{name}" in env.context}
    if given:
        labels = [records._fields[name].string for name in sorted(given)]
        raise AccessError(
            env._(
                "%(fields)s: nobody writes this by hand; the hub keeps it.",
                fields=", ".join(labels),
            )
        )
