"""Two Odoos that both run a hub must not meet their own records as strangers: what comes of the other's record
carries an external id that names it, whether the other hub has made it here (``connectors/odoo_write.py``) or
this one has read it there. The connector tells of each row which of ours it names so. Without that, hours that both
sides read would go to and fro, each time as new ones. One query a batch, of systems of that product alone."""

from odoo.tools import SQL

from ...connectors.odoo import KINDS, Odoo
from ...connectors.odoo_write import marker_module, marker_name


def made_by(env, system, entity, external_ids):
    """Records here that the system has made of its own: ``{external id: our id}``."""
    if not external_ids or not _speaks(system, entity):
        return {}
    model = KINDS[entity.code].model
    names = {marker_name(model, key): key for key in external_ids}
    rows = _rows(env, system, entity, SQL("name = ANY(%s)", list(names)))
    return {names[name]: res_id for name, res_id in rows}


def leave(env, system, entity, pairs):
    """Name the other's record on what was linked to it just now, as its own hub would have done.

    :param pairs: ``[(external id, our id)]``
    """
    if not pairs or not _speaks(system, entity):
        return
    model = KINDS[entity.code].model
    # As in _rows; a name that stands there already stays as it is.
    env.cr.execute(
        """INSERT INTO ir_model_data (module, name, model, res_id, noupdate, create_date, write_date)
           SELECT %s, u.name, %s, u.res_id, TRUE, now() AT TIME ZONE 'UTC', now() AT TIME ZONE 'UTC'
             FROM unnest(%s::varchar[], %s::int[]) u(name, res_id) ON CONFLICT (module, name) DO NOTHING""",
        [
            marker_module(system.base_url, system.account_ref or ""),
            entity.model_name,
            [marker_name(model, key) for key, _res_id in pairs],
            [res_id for _key, res_id in pairs],
        ],
    )


def own(env, system, entity, told):
    """Which records of ours these are, as the other side says: those that are there and that it has under no
    other id.

    :param told: ``{external id: our id}``; :return: the same, of those.
    """
    if not told or not _speaks(system, entity):
        return {}
    env.cr.execute(
        """SELECT res_id, external_id FROM hub_link
            WHERE system_id = %s AND entity_id = %s AND res_model = %s AND res_id = ANY(%s)""",
        [system.id, entity.id, entity.model_name, list(told.values())],
    )
    taken = dict(env.cr.fetchall())
    there = set(env[entity.model_name].browse(told.values()).exists().ids)
    return {
        key: res_id
        for key, res_id in told.items()
        if res_id in there and taken.get(res_id, key) == key
    }


def adopt(env, system, entity, res_ids):
    """Link records that the system has made here of its own to those: they are not sent as new ones.

    :return: ``{our id: link}`` as ``hub.compose`` reads links.
    """
    if not res_ids or not _speaks(system, entity):
        return {}
    prefix = marker_name(KINDS[entity.code].model, "")
    found = {
        res_id: name.removeprefix(prefix)
        for name, res_id in _rows(env, system, entity, SQL("res_id = ANY(%s)", list(res_ids)))
        if name.removeprefix(prefix).isdecimal()
    }
    env["hub.link"]._store(
        env.cr,
        [
            {
                "system_id": system.id,
                "entity_id": entity.id,
                "entity": entity.code,
                "external_id": external_id,
                "company_id": None,
                "res_model": entity.model_name,
                "res_id": res_id,
            }
            for res_id, external_id in found.items()
        ],
    )
    empty = dict.fromkeys(("base", "held", "unsettled", "sent", "erased"))
    return {
        res_id: {"res_id": res_id, "external_id": external_id, **empty}
        for res_id, external_id in found.items()
    }


def _speaks(system, entity):
    return system.product == Odoo.product and entity.code in KINDS


def _rows(env, system, entity, which):
    """``(name, our id)`` of the system's external ids, of records that are still there."""
    module = marker_module(system.base_url, system.account_ref or "")
    # Read as plain rows: the technical user needs no right on external ids, and sees of them only these.
    env.cr.execute(
        SQL(
            "SELECT name, res_id FROM ir_model_data WHERE module = %s AND model = %s AND %s ORDER BY id",
            module,
            entity.model_name,
            which,
        )
    )
    rows = env.cr.fetchall()
    there = set(env[entity.model_name].browse(res_id for _name, res_id in rows).exists().ids)
    return [(name, res_id) for name, res_id in rows if res_id in there]
