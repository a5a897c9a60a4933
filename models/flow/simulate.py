"""Messages through the real apply path in a transaction that is rolled back. Plain functions."""

import time
import traceback
from collections import defaultdict
from dataclasses import dataclass, field

from odoo import api

from .apply import CONCURRENCY
from .context import HUB_CONTEXT
from .cursors import rolled_back_cursor
from .difference import changes_of
from .effects import Effects

TRIES = 3  # when somebody else holds or changes a record meanwhile
SECONDS = 30  # of one slice at most
# what a message says of itself beside its state and reason
NOTHING = dict.fromkeys(("params", "wait_key", "amount", "company_id", "code", "currency_id"))


@dataclass
class Outcome:
    """What a slice would have done.

    :attr messages: ``{message id: {state, reason, params, wait_key, issue_code, amount, …}}``
    :attr changes: list of :class:`~.difference.Change`
    """

    messages: dict = field(default_factory=dict)
    changes: list = field(default_factory=list)

    def beside(self, today):
        """Leave only what differs from what ``today``'s configuration would do to the same messages.

        Fields that it would write as well are no difference; what it would write and the draft would not
        is one, the other way round. Each message keeps its outcome of today.
        """
        for message_id, row in self.messages.items():
            row["today"] = today.messages.get(message_id)
        others = {_identity(change): change for change in today.changes}
        changes = []
        for change in self.changes:
            other = others.pop(_identity(change), None)
            change = change if other is None else change.against(other)
            if change:
                changes.append(change)
        changes += [other.instead() for other in others.values() if other.kind in ("write", "send")]
        self.changes = changes

    def add(self, other):
        self.messages |= other.messages
        self.changes += other.changes


def simulate(env, message_ids, *, given=(), override=None, anew=False):
    """Apply messages, or compose what would be sent of the records of outgoing ones, and take everything back.

    :param env: environment of whoever wants to know; nothing is written with its cursor.
    :param given: ids of messages that are applied before, and whose changes are not told: those that
        others of the run wait for.
    :param override: function that gets an environment of the transaction (the caller's user) and puts
        a draft configuration in force before anything is applied.
    :param anew: see :class:`~.apply_batch.ApplyBatch`.
    :return: :class:`Outcome`. A batch that fails as a whole is halved until the guilty one stands alone;
        what others hold is ``locked``.
    """
    error = None
    for turn in range(TRIES):
        try:
            return _once(env, message_ids, given, override, anew)
        except CONCURRENCY:
            if turn < TRIES - 1:
                time.sleep(0.05 * (turn + 1))
        except Exception as fault:
            error = fault
            break
    if len(message_ids) == 1:
        return Outcome({message_ids[0]: _failed(error)})
    middle = len(message_ids) // 2
    outcome = Outcome()
    for part in (message_ids[:middle], message_ids[middle:]):
        outcome.add(simulate(env, part, given=given, override=override, anew=anew))
    return outcome


def _once(env, message_ids, given, override, anew):
    with rolled_back_cursor(env, SECONDS) as cr:
        cr.execute(
            """SELECT m.id, m.direction, y.user_id FROM hub_message m JOIN hub_system y ON y.id = m.system_id
                WHERE m.id = ANY(%s)""",
            [list(message_ids)],
        )
        found = {message_id: rest for message_id, *rest in cr.fetchall()}
        outgoing = [one for one in message_ids if found[one][0] == "out"]
        incoming = [one for one in message_ids if found[one][0] == "in"]
        # As in the engine: the technical user is the transaction's own, not a superuser.
        user_id = found[(incoming or outgoing)[0]][1]
        technical = api.Environment(cr, user_id, dict(HUB_CONTEXT))
        caller = api.Environment(cr, env.uid, env.context, env.su)
        if override:
            override(caller)
            technical.flush_all()
            technical.invalidate_all()

        def apply(ids):
            rows = technical["hub.claim"]._read(cr, ids)
            technical["hub.apply"]._apply_rows(cr, rows, Effects(), anew=anew)

        def work():
            apply(incoming)
            return _states(cr, incoming)

        outcome = Outcome()
        if outgoing:
            states, changes = technical["hub.compose"]._would_send(caller, outgoing)
            outcome.add(Outcome({one: NOTHING | row for one, row in states.items()}, changes))
        if incoming:
            outcome.add(
                Outcome(*changes_of(technical, caller, work, given and (lambda: apply(given))))
            )
        return outcome


def _identity(change):
    """A record that both would create has another number each time."""
    if change.kind != "create":
        return change.kind, change.model, change.res_id
    return change.kind, change.model, change.name


def _states(cr, message_ids):
    """What became of the messages, read in the transaction that decided it."""
    cr.execute(
        """
        SELECT m.id, m.state, m.reason, m.params, m.wait_key, m.amount_company AS amount, m.company_id,
               e.code, coalesce(e.company_currency_id, c.currency_id) AS currency_id
          FROM hub_message m
          LEFT JOIN res_company c ON c.id = m.company_id
          LEFT JOIN hub_exception e ON e.message_id = m.id AND e.state = 'open'
         WHERE m.id = ANY(%s)
        """,
        [list(message_ids)],
    )
    return {row["id"]: row for row in cr.dictfetchall()}


def _failed(error):
    """One that cannot be told: why, without the text of the error, which can hold personal data."""
    if error is None:
        return NOTHING | {"state": "locked", "reason": "simulation_locked"}
    place = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{place.name}:{place.lineno}"
    return NOTHING | {
        "state": "failed",
        "reason": "bug",
        "params": {"type": type(error).__name__, "place": where},
    }


def packs(waiting, keys):
    """Which waiting messages to look at again, together with what they wait for.

    :param waiting: ``[(message id, order key waited for, order keys already given)]``.
    :param keys: ``{order key: message ids}`` of the run.
    :return: ``{tuple of order keys to give: message ids}``; what waits for nothing of the run, or for
        what it was given already, is left out.
    """
    found = defaultdict(list)
    for message_id, key, needs in waiting:
        if key in keys and key not in needs:
            found[(*needs, key)].append(message_id)
    return dict(found)
