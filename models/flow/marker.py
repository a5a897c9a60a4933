"""Two Odoos that both run a hub must not meet their own records as strangers: what the other hub has made here
carries an external id that names its own record (``connectors/odoo_write.py``). One query a batch, of systems
of that product alone."""

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
