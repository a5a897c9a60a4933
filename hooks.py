"""Installing and removing the addon."""


def post_init_hook(env):
    """The technical user works in every company that exists; more are added in its form."""
    env.ref("lead_to_cash_hub.user_hub").company_ids = env["res.company"].search([])


def uninstall_hook(env):
    """Nothing of the hub stays behind but the business records that it made."""
    env["ir.config_parameter"].search([("key", "=like", "lead_to_cash_hub.%")]).unlink()
