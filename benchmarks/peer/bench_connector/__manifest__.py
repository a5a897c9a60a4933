{
    "name": "Benchmark Connector",
    "summary": "The smallest connector that OCA's framework makes, for ./hub bench",
    "version": "19.0.1.0.0",
    "author": "Lead-to-Cash Hub",
    "website": "https://github.com/OCA/connector",
    "license": "LGPL-3",
    "depends": ["connector", "contacts"],
    "data": ["security/ir.model.access.csv"],
    "installable": True,
}
