"""Processes have an identity that survives renaming: bundles find them by it."""


def migrate(cr, version):
    """The shipped ones are the same in every database; each of the others is one of its own."""
    cr.execute(
        """UPDATE hub_process p SET identity = coalesce(
                  (SELECT d.module || '.' || d.name FROM ir_model_data d
                    WHERE d.model = 'hub.process' AND d.res_id = p.id AND d.module = 'lead_to_cash_hub' LIMIT 1),
                  replace(gen_random_uuid()::text, '-', ''))
            WHERE identity IS NULL"""
    )
