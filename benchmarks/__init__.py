"""`./hub bench`: how fast the hub is, beside what it is measured against.

Each module here may hold ``LINES``: the lines of the table that it measures, by name. A line gets a
:class:`~benchmarks.frame.Bench` and returns a :class:`~benchmarks.frame.Figure`; nothing else is registered.
"""

import importlib
import pkgutil


def lines():
    """Return all lines: ``{name: Line}``, module by module."""
    found = {}
    for module in sorted(info.name for info in pkgutil.iter_modules(__path__) if not info.ispkg):
        found |= getattr(importlib.import_module(f"{__name__}.{module}"), "LINES", {})
    return found
