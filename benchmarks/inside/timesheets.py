"""Inside Odoo: a firm with billable projects, time entries of a Harvest account, and the same by Odoo alone."""

from datetime import date, timedelta

from odoo.fields import Command

from . import hub

PEOPLE, PROJECTS, TASKS = 20, 4, 5
JUNE = date(2026, 6, 1)


def connect(env):
    """Make people, projects with orders and tasks, and the Harvest account; ids of all as a dict."""
    system = hub.connect(env, "harvest", "https://api.harvestapp.com")
    company = env["hub.system"].browse(system).company_ids
    product = env["product.product"].create(
        {
            "name": "Consulting",
            "type": "service",
            "uom_id": env.ref("uom.product_uom_hour").id,
            "list_price": 150.0,
            "invoice_policy": "delivery",
            "service_type": "timesheet",
        }
    )
    customer = env["res.partner"].create({"name": "Zumo Panadi Inc", "is_company": True})
    employees = env["hr.employee"].create(
        [
            {"name": f"Consultant {number}", "company_id": company.id, "hourly_cost": 60.0}
            for number in range(PEOPLE)
        ]
    )
    projects, tasks = [], []
    for number in range(PROJECTS):
        order = env["sale.order"].create(
            {
                "partner_id": customer.id,
                "order_line": [
                    Command.create({"product_id": product.id, "product_uom_qty": 100_000})
                ],
            }
        )
        order.action_confirm()
        project = env["project.project"].create(
            {
                "name": f"Rollout {number}",
                "partner_id": customer.id,
                "company_id": company.id,
                "allow_billable": True,
                "allow_timesheets": True,
                "sale_line_id": order.order_line.id,
            }
        )
        projects.append(project.id)
        tasks.append(
            env["project.task"]
            .create(
                [
                    {
                        "name": f"Task {place}",
                        "project_id": project.id,
                        "sale_line_id": order.order_line.id,
                    }
                    for place in range(TASKS)
                ]
            )
            .ids
        )
    links = [("employee", "hr.employee", str(n), one) for n, one in enumerate(employees.ids)]
    links += [("project", "project.project", str(n), one) for n, one in enumerate(projects)]
    links += [
        ("task", "project.task", f"{n}/{place}", one)
        for n, own in enumerate(tasks)
        for place, one in enumerate(own)
    ]
    entities = {entity.code: entity.id for entity in env["hub.entity"].search([])}
    env["hub.link"]._store(
        env.cr,
        [
            {
                "system_id": system,
                "entity_id": entities[entity],
                "entity": entity,
                "external_id": external_id,
                "company_id": company.id,
                "res_model": model,
                "res_id": res_id,
            }
            for entity, model, external_id, res_id in links
        ],
    )
    env.cr.commit()
    return {"system": system, "employees": employees.ids, "projects": projects, "tasks": tasks}


def _parts(number):
    """Who worked when on what: places in the lists, the day, and quarters of an hour."""
    project, task = number % PROJECTS, number // PROJECTS % TASKS
    day = JUNE + timedelta(days=number // 7 % 30)
    return number % PEOPLE, project, task, day, number % 31 + 1


def store(env, facts, first, count):
    """Receive time entries."""
    records = []
    for number in range(first, first + count):
        person, project, task, day, quarters = _parts(number)
        payload = {
            "id": number,
            "spent_date": str(day),
            "hours": quarters / 4,
            "notes": f"Work {number}",
            "user": {"id": person, "name": f"Consultant {person}"},
            "project": {"id": project, "name": f"Rollout {project}"},
            "task": {"id": task, "name": f"Task {task}"},
            "project_task": f"{project}/{task}",
            "approval_status": "approved",
            "billable": True,
            "is_running": False,
            "billable_rate": 150.0,
        }
        records.append((str(number), payload))
    hub.receive(env, facts["system"], "time_entry", records, 1)


def values(facts, first, count):
    """The values of ``account.analytic.line`` for the same entries: what a person would type."""
    result = []
    for number in range(first, first + count):
        person, project, task, day, quarters = _parts(number)
        result.append(
            {
                "employee_id": facts["employees"][person],
                "project_id": facts["projects"][project],
                "task_id": facts["tasks"][project][task],
                "date": day,
                "name": f"Work {number}",
                "unit_amount": quarters / 4,
            }
        )
    return result


def create(env, facts, first, count, batch):
    """Create the entries with Odoo alone; seconds."""
    env = hub.plain_env(env, facts["system"])
    return hub.in_batches(env, "account.analytic.line", values(facts, first, count), batch)[0]


def alike(env, facts, first, count):
    """Fail unless the hub's entries hold what Odoo alone was given, and are billable."""
    wanted = values(facts, first, count)
    env.cr.execute(
        """SELECT external_id::int, res_id FROM hub_link
            WHERE res_model = 'account.analytic.line' AND system_id = %s""",
        [facts["system"]],
    )
    links = dict(env.cr.fetchall())
    lines = env["account.analytic.line"].browse([links[first + place] for place in range(count)])
    for line, entry in zip(lines, wanted, strict=True):
        seen = line.read(list(entry), load=None)[0]
        del seen["id"]
        if seen != entry or not line.so_line or line.hub_approval != "approved":
            raise AssertionError(f"not the same: {seen} and {entry}")
