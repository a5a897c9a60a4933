"""Fields that only the hub's own code writes, never a call."""

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
    given = _given(records, vals, names)
    if not records:
        # A new record takes values from the context as well. Our own code never puts them there, and a call from
        # outside must not reach through code of ours that creates with sudo.
        given |= {name for name in names if f"default_{name}" in records.env.context}
    _refuse(records, given)


def refuse_kept(records, vals, names):
    """The same of what a call says itself, for models whose defaults nobody else can give: see ``hub.kept``."""
    _refuse(records, _given(records, vals, names))


def _given(records, vals, names):
    own = records.env.su or is_own_code(records.env)
    return set() if own else set(names) & vals.keys()


def _refuse(records, given):
    if given:
        labels = [records._fields[name].string for name in sorted(given)]
        raise AccessError(
            records.env._(
                "%(fields)s: nobody writes this by hand; the hub keeps it.",
                fields=", ".join(labels),
            )
        )
