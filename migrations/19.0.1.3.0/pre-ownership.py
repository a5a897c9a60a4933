"""More fields are shipped with a rule of ownership: terms, dates, bill-to and cost rates are a person's question."""

FIELDS = {
    "opportunity": ("payment_terms",),
    "agreement": ("bill_to", "payment_terms", "start_date", "end_date"),
    "employee": ("cost_rate", "currency", "cost_from"),
}


def migrate(cr, version):
    """Where somebody chose a rule already, that row is the shipped one from now on, and stays as it is."""
    names = [(entity, name) for entity, fields in FIELDS.items() for name in fields]
    cr.execute(
        """INSERT INTO ir_model_data (module, name, model, res_id, noupdate)
           SELECT 'lead_to_cash_hub', 'ownership_' || e.code || '_' || f.name, 'hub.ownership', o.id, true
             FROM hub_ownership o
             JOIN hub_entity_field f ON f.id = o.field_id
             JOIN hub_entity e ON e.id = f.entity_id
             JOIN unnest(%s, %s) wanted(entity, name) ON wanted.entity = e.code AND wanted.name = f.name
            WHERE o.company_id IS NULL
           ON CONFLICT DO NOTHING""",
        [[entity for entity, _name in names], [name for _entity, name in names]],
    )
