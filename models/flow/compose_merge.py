"""What of a record may leave: what is mapped, granted and allowed by ownership, and what the other
side does not have already."""

from collections import defaultdict
from dataclasses import replace

from odoo import models

from ...core.merge import UNKNOWN, blank, plain, same
from ...core.problem import Problem
from .apply_merge import _comparable


class HubCompose(models.AbstractModel):
    _inherit = "hub.compose"

    def _sendable(self, env, stream, mapping):
        """What one stream may send; nothing if no field of its mapping was granted."""
        granted = env["hub.grant"]._granted(stream.system_id, stream.entity_id) & mapping.fields
        if not granted:
            return None
        return Sendable(env, stream.system_id, stream.entity_id, mapping, granted)

    def _refuse_region(self, stream):
        """Nothing of a stream leaves while a granted field may not go where the system keeps its data.

        :raise Problem: the record stands before a person; what waits is composed anew once it is mended.
        """
        refused = stream.system_id._refused_fields(stream._sent_fields())
        if refused:
            raise Problem(
                "region_forbidden",
                kind="permission",
                cause=stream.system_id.region_id.code or "none",
                text=stream.system_id._refused_text(refused),
            )

    def _values_today(self, handler, entity, records, system, sendable):
        """Canonical values of today.

        :return: ``({id: {field: value to send}}, {id: {two-way field: value to compare}})``
        """
        today = handler._hub_current(records, sendable.two_way)
        values = self._values(handler, entity, records, system)
        for res_id, compared in today.items():
            values[res_id] = compared | values.get(res_id, {})
        return values, today

    def _in_doubt(self, env, keys):
        """What the other side may have got, and nobody knows yet: one query.

        :param keys: order keys of records.
        :return: ``{key: [(external content, {two-way field: value}), …]}``.
        """
        env.cr.execute(
            """
            SELECT m.order_key, convert_from(q.body, 'UTF8')::jsonb, m.offers
              FROM hub_message m JOIN hub_payload q ON q.id = m.payload_id
             WHERE m.order_key = ANY(%s) AND m.direction = 'out'
               AND (m.state = 'sending' OR m.maybe_sent AND m.state IN ('pending', 'failed', 'dead'))
            """,
            [list(keys)],
        )
        found = defaultdict(list)
        for key, body, offers in env.cr.fetchall():
            found[key].append((body, offers or {}))
        return found


class Sendable:
    """The fields of one stream that a person granted; the engine refuses the rest.

    :param mapping: the outbound ``CompiledMapping``.
    """

    def __init__(self, env, system, entity, mapping, granted):
        self._system, self._mapping, self._granted = system, mapping, granted
        self._book = env["hub.ownership"]._book(entity)
        both = {f.name for f in entity.field_ids if f.direction == "both"} & granted
        compared = env[entity.handler]._hub_compared(entity)
        self.two_way = {name: compared[name] for name in both if name in compared}
        self._whole = system._connector_class().whole

    def content(self, company, values, today, link, in_doubt=()):
        """What is to be sent of one record.

        :param values: canonical values to send; ``today``: those of two-way fields, to compare.
        :param link: dict with held, unsettled, base and sent, or None where the system has no record yet.
        :param in_doubt: pairs of content and two-way values that it may have got since.
        :return: ``(external content, {two-way field: value})``; no content means nothing to send.
        """
        allowed = self._allowed(company, values)
        # Decimals and dates stay exact, as text; the connector's product decides their form.
        content = self._external(values, allowed - self.two_way.keys())
        sent = (link or {}).get("sent")
        if sent is not None and all(
            sent.get(key, UNKNOWN) == value
            and all(body.get(key, value) == value for body, _offers in in_doubt)
            for key, value in content.items()
        ):
            content = {}
        changed = {
            name: value
            for name in allowed & self.two_way.keys()
            if _is_news(name, value := _comparable(today.get(name)), link, in_doubt)
        }
        if self._whole and (content or changed):
            content = self._external(values, allowed - _disputed(link).keys())
        elif changed:
            content = _joined(content, self._external(values, changed.keys()))
        return content, changed

    def everything(self, company, values):
        """What the system gets of one record that it knows nothing of.

        :return: ``(external content, {canonical field: (its part, path)})``
        """
        content = self._external(values, self._allowed(company, values))
        return content, self._mapping.parts(content)

    def explain(self, company, values, hidden):
        """What each line makes of one record that the system knows nothing of, whether the others hold or not.

        :param hidden: fields whose values who asks may not see: no other line is made of them, and of theirs
            no more is told than its problem.
        :return: ``(list of Explained in plain values, names of the fields that would leave, external content)``
        """
        shown = {name: value for name, value in values.items() if name not in hidden}
        allowed = self._allowed(company, values)
        leaving, content = self._mapping.explain_external(
            {name: value for name, value in shown.items() if name in allowed}
        )
        others, _content = self._mapping.explain_external(shown)
        every, _content = self._mapping.explain_external(values)
        explained = []
        for one, other, whole in zip(leaving, others, every, strict=True):
            if whole.field in hidden:
                explained.append(replace(whole, raw=None, value=None))
            else:
                found = one if one.field in allowed else other
                explained.append(replace(found, raw=plain(found.raw), value=plain(found.value)))
        return explained, allowed, plain(content)

    def _allowed(self, company, values):
        return {
            name
            for name in self._granted & values.keys()
            if self._book.of(name, company).sends_to(self._system.id)
        }

    def _external(self, values, names):
        return plain(self._mapping.external({name: values[name] for name in names}))


def _is_news(name, value, link, in_doubt):
    """Whether the other side does not have this value of a two-way field yet."""
    if link is None:
        return not blank(value)
    unsettled = link["unsettled"] or {}
    if name in _disputed(link):
        return False  # a person is being asked
    if name in (unsettled.get("owed") or ()):
        return True
    if any(name in offers and not same(value, offers[name]) for _body, offers in in_doubt):
        return True
    known = (link["held"] or {}).get(name, (link["base"] or {}).get(name))
    return not same(value, known)


def _disputed(link):
    """Fields of which a person is being asked."""
    return ((link or {}).get("unsettled") or {}).get("disputed") or {}


def _joined(one, other):
    """Two nested dicts as one."""
    result = dict(one)
    for key, value in other.items():
        if isinstance(value, dict) and isinstance(result.get(key), dict):
            value = _joined(result[key], value)
        result[key] = value
    return result
