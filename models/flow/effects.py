"""What one batch leaves to be done: plain data, gone when its transaction is."""

import json

from ...core.merge import plain


class Effects:
    """What a batch leaves to be done."""

    def __init__(self):
        self.clear()

    def clear(self):
        self.states = []
        self.finished = []
        self.parked = []
        self.wake = set()
        self.touched = set()  # messages whose exceptions were opened or closed
        self.working = []  # messages at work when something fails
        self.dirty = False
        self.count = 0


def state_row(
    row,
    state,
    reason,
    *,
    params=None,
    wait_key=None,
    seconds=0.0,
    res_model=None,
    res_id=None,
    company_id=None,
    amount=None,
):
    """One row of the state update."""
    tried = 0 if state == "waiting" else 1
    return (
        row["id"],
        state,
        reason,
        json.dumps(plain(params), default=str) if params else None,
        wait_key,
        seconds,
        tried,
        res_model,
        res_id,
        company_id,
        (amount or {}).get("amount"),
        (amount or {}).get("amount_company"),
    )
