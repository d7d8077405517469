"""Where networks run, and what kind of arithmetic that is."""

import os

import torch

from trajprobe.errors import UserError


def device() -> torch.device:
    """Where networks run: `TRAJPROBE_DEVICE` (cpu, cuda, cuda:1, ...), the CPU where it is not set.

    Raises:
        UserError: there is no such device here.
    """
    name = os.environ.get("TRAJPROBE_DEVICE", "cpu")
    try:
        chosen = torch.device(name)
        torch.empty(0, device=chosen)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(
            f"TRAJPROBE_DEVICE: got {name!r}, expected cpu or a device of this machine ({reason})"
        ) from None
    return chosen


def device_kind(chosen: torch.device) -> str:
    """What kind of arithmetic really runs: cpu-avx2, cuda-sm_90, ..."""
    if chosen.type == "cuda":
        major, minor = torch.cuda.get_device_capability(chosen)
        return f"cuda-sm_{major}{minor}"
    return f"{chosen.type}-{torch.backends.cpu.get_cpu_capability().lower()}"
