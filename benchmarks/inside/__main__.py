"""The inside of a :class:`~benchmarks.worker.Worker`: reads calls from stdin, answers on stdout.

Started as ``python -m benchmarks.inside <database>`` in Odoo's environment.
"""

import importlib
import json
import os
import sys
import traceback


def serve(database):
    """Run one function after the other until stdin ends, each on a cursor of its own."""
    # Whatever Odoo or a module prints must not come between the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    from odoo import SUPERUSER_ID, api
    from odoo.modules.registry import Registry
    from odoo.tools import config

    config.parse_config(["-c", os.environ["ODOO_RC"], "-d", database], setup_logging=True)
    registry = Registry(database)
    for line in sys.stdin:
        place, arguments = json.loads(line)
        module, name = place.split(":")
        try:
            function = getattr(importlib.import_module(f"{__package__}.{module}"), name)
            registry = registry.check_signaling()
            with registry.cursor() as cr:
                # The benchmark prepares and looks as an administrator; what is measured names its own user.
                result = function(api.Environment(cr, SUPERUSER_ID, {}), **arguments)
            answer = (None, result)
        except BaseException:
            answer = (traceback.format_exc(), None)
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    serve(sys.argv[1])
