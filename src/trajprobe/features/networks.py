"""Features of a row of params.yaml that is a network: with pretrained weights, or with random ones."""

from pathlib import Path
from typing import Any

import torch

from trajprobe.backbones import weights
from trajprobe.features.extraction import Job, extract
from trajprobe.features.files import FEATURES, Kind
from trajprobe.features.rows import Backbone, RandomInit, Untrained
from trajprobe.features.setting import Setting
from trajprobe.params import UserError, section

WEIGHTS = Path("data/weights")


def pretrained(values: dict[str, Any], row: Backbone, kind: Kind, name: str, *options: str) -> str:
    """Writes the features of `row` with the weights it names; returns a line that tells what was made.

    With the option --dry nothing is written, and the line is the forecast.
    """
    setting = Setting.of(values, row, name)
    with torch.device("meta"):
        network = setting.family.build(setting.shape)
    source = {
        "name": row.weights,
        "sha256": weights.load(WEIGHTS / row.weights, network),
        "trained_frames": weights.provenance(WEIGHTS / row.weights).get("trained_frames"),
    }
    job = Job(network, FEATURES / kind / name, source)
    return extract(setting, [job], 1, name, dry=_dry(options))


def random(values: dict[str, Any], row: Untrained, name: str, *options: str) -> str:
    """As `pretrained`, with random weights: one folder a seed."""
    setting = Setting.of(values, row, name)
    seeds = section(values, RandomInit, "random_init").seeds
    jobs = (drawn(setting, seed) for seed in range(seeds))
    return extract(setting, jobs, seeds, f"{name} (random)", dry=_dry(options))


def drawn(setting: Setting, seed: int) -> Job:
    """The job of one random initialisation."""
    torch.manual_seed(seed)
    network = setting.family.build(setting.shape)
    source = {"seed": seed, "digest": weights.digest(network)}
    return Job(network, FEATURES / "random" / setting.name / f"seed-{seed}", source)


def _dry(options: tuple[str, ...]) -> bool:
    if options not in ((), ("--dry",)):
        raise UserError(f"got {' '.join(options)}, expected nothing more, or --dry for a forecast alone")
    return bool(options)
