"""Small local servers that answer like the real products: for the demo, for tests, for a trial.

They listen on this machine only, keep everything in memory, and are no part of the addon's own
code. Start one with ``python -m sandbox.hubspot --port 8101`` (or ``salesforce``, ``harvest``, ``clockify``,
``toggl``, ``tempo``, ``stripe``, ``quickbooks``, ``xero``).
"""
