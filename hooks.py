"""Installing and removing the addon."""

# Children before parents: what refers to a table is emptied before it.
_EMPTIED = (
    "hub_bundle",
    "hub_change",
    "hub_version",
    "hub_audit_value",
    "hub_audit",
    "hub_grant",
    "hub_ownership_proposal",
    "hub_ownership",
    "hub_edit",
    "hub_attempt",
    "hub_exception",
    "hub_issue",
    "hub_link",
    "hub_record",
    "hub_message",
    "hub_payload",
    "hub_cursor",
    "hub_gap",
    "hub_stream",
    "hub_mapping_line",
    "hub_mapping",
    "hub_vocabulary_word",
    "hub_credential",
    "hub_token",
    "hub_pace",
    "hub_pace_limit",
    "hub_circuit",
    "hub_connector_stream",
    "hub_connector_write",
    "hub_connector_type",
    "hub_connector_error",
    "hub_connector",
    "hub_system",
)


# Shipped once, then the admin's own: an update must not take back what was edited. The presets of
# products (mappings and streams without a system) stay the addon's.
_THE_ADMINS = (
    "hub.entity",
    "hub.entity.field",
    "hub.ownership",
    "hub.vocabulary",
    "hub.vocabulary.term",
    "hub.vocabulary.word",
    "hub.lane",
    "hub.region",
    "hub.retention",
)


def post_init_hook(env):
    """The technical user works in every company that exists; more are added in its form."""
    env.ref("lead_to_cash_hub.user_hub").company_ids = env["res.company"].search([])
    keep_the_admins(env)


def keep_the_admins(env):
    """From now on an update leaves these rows as the admin has them."""
    env["ir.model.data"].search(
        [("module", "=", "lead_to_cash_hub"), ("model", "in", _THE_ADMINS)]
    ).noupdate = True


def uninstall_hook(env):
    """Nothing of the hub stays behind but the business records that it made, and the archived user
    that made them."""
    env["ir.config_parameter"].search([("key", "=like", "lead_to_cash_hub.%")]).unlink()
    for table in _EMPTIED:
        # Odoo deletes shipped records before it drops tables; what refers to them has to go first.
        env.cr.execute(f"DELETE FROM {table}")
    env.cr.execute("DROP FUNCTION IF EXISTS hub_store")
    user = env.ref("lead_to_cash_hub.user_hub", raise_if_not_found=False)
    if user:
        user.active = False
        env["ir.model.data"].search(
            [("module", "=", "lead_to_cash_hub"), ("name", "=like", "user_hub%")]
        ).unlink()
