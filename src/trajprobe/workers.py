"""How many processes a stage works in."""

import os

from trajprobe.params import UserError

VARIABLE = "TRAJPROBE_WORKERS"


def workers(default: int) -> int:
    """As the variable TRAJPROBE_WORKERS says; raises UserError for what is no such number."""
    told = os.environ.get(VARIABLE, "")
    if told and (not told.isdecimal() or int(told) < 1):
        raise UserError(f"{VARIABLE}: got {told!r}, expected a number of processes, 1 or more")
    return int(told) if told else default
