"""Inside Odoo: customers that it knows, companies that systems send, and who is who."""

import time

from odoo.addons.lead_to_cash_hub.core.item import Item

from .. import companies

SEED = 1


def stock(env, count):
    """Fill Odoo with labelled companies, in SQL as fast as it goes, with the indexes and columns of any other."""
    labelled = companies.make(SEED, count)
    countries = {country.code: country.id for country in env["res.country"].search([])}
    rows = labelled.known[:count]
    env.cr.execute(
        """
        INSERT INTO res_partner (name, complete_name, vat, website, email, email_normalized, phone, phone_sanitized,
                                 street, zip, city, country_id, is_company, active, type, autopost_bills)
        SELECT u.name, u.name, u.vat, u.website, u.email, u.email, u.phone, u.phone, u.street, u.zip, u.city,
               u.country, TRUE, TRUE, 'contact', 'ask'
          FROM unnest(%s::varchar[], %s::varchar[], %s::varchar[], %s::varchar[], %s::varchar[], %s::varchar[],
                      %s::varchar[], %s::varchar[], %s::int[])
               u(name, vat, website, email, phone, street, zip, city, country)
        """,
        [
            *(
                [row[name] for row in rows]
                for name in ("name", "vat", "website", "email", "phone", "street", "zip", "city")
            ),
            [countries[row["country"]] for row in rows],
        ],
    )
    env.cr.execute(
        "UPDATE res_partner SET commercial_partner_id = id WHERE commercial_partner_id IS NULL"
    )
    env.cr.commit()
    env.cr.execute("ANALYZE res_partner")
    env.cr.commit()


_sent = {}


def _incoming(first, count, stock):
    if stock not in _sent:
        _sent[stock] = companies.make(SEED, stock).sent
    return _sent[stock][first : first + count]


def match(env, first, count, stock):
    """Decide about companies a hundred at a time, as apply does; the seconds."""
    sent = _incoming(first, count, stock)
    handler = hub_env(env)["hub.handler.customer"]
    items = [
        Item(number, 0, "customer", str(number), values=dict(one.values))
        for number, one in enumerate(sent)
    ]
    started = time.perf_counter()
    for start in range(0, len(items), 100):
        handler._hub_match(items[start : start + 100])
        handler.env.invalidate_all()
    spent = time.perf_counter() - started
    linked = sum(1 for item in items if item.res_id)
    if not linked * 3 > len(items):
        raise AssertionError(f"{linked} of {len(items)} were linked")
    env.cr.rollback()
    return spent


def look_up(env, first, count, stock):
    """Search each name as Odoo alone would, one by one; the seconds."""
    sent = _incoming(first, count, stock)
    partners = hub_env(env)["res.partner"]
    started = time.perf_counter()
    for one in sent:
        partners.search([("name", "ilike", one.values["name"])], limit=5)
    spent = time.perf_counter() - started
    env.cr.rollback()
    return spent


def hub_env(env):
    """As the technical user, who applies messages."""
    return env(user=env.ref("lead_to_cash_hub.user_hub"))


def search(env, doubled):
    """The nightly search, with some customers doubled on purpose: seconds, groups, the share of those found."""
    env.cr.execute(
        """
        INSERT INTO res_partner (name, complete_name, website, phone, phone_sanitized, street, zip, city, country_id,
                                 is_company, active, type, autopost_bills, commercial_partner_id, ref)
        SELECT upper(name), name, website, phone, phone_sanitized, street, zip, city, country_id,
               TRUE, TRUE, 'contact', 'ask', commercial_partner_id, 'doubled ' || id
          FROM res_partner WHERE website IS NOT NULL AND is_company ORDER BY md5(id::varchar) LIMIT %s
        RETURNING id
        """,
        [doubled],
    )
    doubles = {row[0] for row in env.cr.fetchall()}
    started = time.perf_counter()
    groups = env["hub.duplicate"]._look()
    spent = time.perf_counter() - started
    env.cr.execute(
        "SELECT partner_id FROM hub_duplicate_line WHERE partner_id = ANY(%s)", [list(doubles)]
    )
    found = {row[0] for row in env.cr.fetchall()}
    env.cr.rollback()
    return {"seconds": spent, "groups": groups, "doubled": len(found) / len(doubles)}
