{
    "name": "Lead-to-Cash Hub: Mischief",
    "summary": "Breaks the hub on purpose; never install it on a database that matters",
    "version": "19.0.1.0.0",
    "author": "Lead-to-Cash Hub contributors",
    "license": "LGPL-3",
    "category": "Hidden",
    "depends": ["lead_to_cash_hub"],
    "installable": True,
}
