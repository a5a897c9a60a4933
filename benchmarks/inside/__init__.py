"""Functions that run in Odoo, in the process of a :class:`~benchmarks.worker.Worker`."""
