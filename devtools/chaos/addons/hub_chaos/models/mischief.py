"""What other people's modules do at the worst moment, when a record carries the word for it."""

import os
import signal
import time

from odoo import models

HANG_SECONDS = 600
TOO_MUCH = 64 << 30  # bytes, more than a worker may have


class ResPartner(models.Model):
    _inherit = "res.partner"

    def write(self, vals):
        result = super().write(vals)
        word, _space, _rest = str(vals.get("name") or "").partition(" ")
        if word == "chaos-commit":
            self.env.cr.commit()  # pylint: disable=invalid-commit
        elif word == "chaos-hang":
            time.sleep(HANG_SECONDS)
        elif word == "chaos-memory":
            bytearray(TOO_MUCH)
        elif word == "chaos-kill":
            os.kill(os.getpid(), signal.SIGKILL)
        return result
