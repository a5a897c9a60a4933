"""Inside a peer's Odoo: companies as jobs of queue_job."""

from ..payloads import company


def connect(env):
    """Make the backend; its id."""
    backend = env["bench.backend"].create({"name": "CRM"})
    env.cr.commit()
    return backend.id


def enqueue(env, backend, numbers, changed=0, edition=0):
    """One job a company, committed 250 at a time.

    :param changed: each so many-th comes with other values, none if 0
    """
    backend = env["bench.backend"].browse(backend)
    for place, number in enumerate(numbers, 1):
        anew = edition if changed and number % changed == 0 else 0
        env["bench.res.partner"].with_delay().import_payload(backend, company(number, edition=anew))
        if place % 250 == 0:
            env.cr.commit()
    env.cr.commit()


def left(env):
    """How many jobs are not done; fails when one failed."""
    env.cr.execute("SELECT state, count(*) FROM queue_job WHERE state <> 'done' GROUP BY 1")
    states = dict(env.cr.fetchall())
    if "failed" in states:
        raise AssertionError(f"jobs failed: {states}")
    return sum(states.values())


def proof(env, count):
    """Fail unless so many companies are bound."""
    env.cr.execute("SELECT count(*), count(DISTINCT odoo_id) FROM bench_res_partner")
    if env.cr.fetchone() != (count, count):
        raise AssertionError("not every company is bound")
