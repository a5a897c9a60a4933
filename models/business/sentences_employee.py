"""What stands in the way of an employee from the source of HR data."""

EMPLOYEE_SENTENCES = {
    "cost_currency": lambda env, p: (
        env._(
            "The cost rate of %(name)s is in %(theirs)s, but Odoo keeps this person's cost in %(ours)s.",
            name=p["name"],
            theirs=p["theirs"],
            ours=p["ours"],
        ),
        env._(
            "Give the rate in that currency at the source, or leave the rate out of the mapping."
        ),
    ),
    "employee_company": lambda env, p: (
        env._(
            "%(name)s works for %(theirs)s at the source, and for %(ours)s in Odoo.",
            name=p["name"],
            theirs=p["theirs"],
            ours=p["ours"],
        ),
        env._(
            "Change the company of the employee in Odoo, or the word at the source; then replay."
        ),
    ),
    "employee_login": lambda env, p: (
        env._(
            "%(name)s has another e-mail address at the source, and signs in to Odoo.",
            name=p["name"],
        ),
        env._(
            "Ask the person whose address it is; then let an administrator change it in the user, or correct the "
            "source, and replay."
        ),
    ),
}
