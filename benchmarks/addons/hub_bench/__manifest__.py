{
    "name": "Lead-to-Cash Hub: routes to compare with",
    "summary": "Of the benchmarks alone: never installed elsewhere",
    "version": "19.0.1.0.0",
    "author": "Lead-to-Cash Hub contributors",
    "website": "https://github.com/OCA/connector",
    "category": "Hidden",
    "license": "LGPL-3",
    "depends": ["lead_to_cash_hub"],
    "installable": True,
}
