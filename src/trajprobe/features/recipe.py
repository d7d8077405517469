"""The recipe: everything that determines a feature's bytes. It stands in the metadata of every feature file."""

import os
from typing import Any

import msgspec
import torch

from trajprobe.backbones.family import NetworkFamily, closure_hash
from trajprobe.features.rows import Run, Untrained
from trajprobe.params import UserError
from trajprobe.stage import Compute
from trajprobe.videos.clips import Clips


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


def recipe(
    row: Untrained,
    family: NetworkFamily,
    weights: dict[str, Any],
    clips: Clips,
    run: Run,
    compute: Compute,
    chosen: torch.device,
) -> dict[str, Any]:
    """The recipe of one network's features; `weights` tells where its weights come from (sha256, or a seed)."""
    return {
        "family": row.family,
        "architecture": row.architecture,
        "layer": row.layer,
        "pooling": row.pooling,
        "weights": weights,
        "clips": clips.meta,
        "tracks": clips.meta["tracks"],
        "dtype": "float32",
        "microbatch": run.microbatch,
        "compute": msgspec.to_builtins(compute),
        "device": device_kind(chosen),
        "torch": torch.__version__.partition("+")[0],
        "code": closure_hash(family.__name__),
    }
