"""Pure tests: plain Python, no Odoo, no database.

The addon's `__init__` imports Odoo. A stub package of its name stands in for it, so that a test writes
`from lead_to_cash_hub.core import retry`.
"""

import sys
import types
from pathlib import Path

import hypothesis

# How long an example takes says how busy the machine is; no test promises a time.
hypothesis.settings.register_profile("hub", deadline=None)
hypothesis.settings.load_profile("hub")

ROOT = Path(__file__).resolve().parents[2]

if "lead_to_cash_hub" not in sys.modules:
    stub = types.ModuleType("lead_to_cash_hub")
    stub.__path__ = [str(ROOT)]
    sys.modules["lead_to_cash_hub"] = stub
if str(ROOT) not in sys.path:
    sys.path.append(str(ROOT))
