"""Features of a row of params.yaml that is a network: with pretrained weights, or with random ones."""

import json
from pathlib import Path
from typing import Any

import torch

from trajprobe.backbones import weights
from trajprobe.backbones.family import CodebookFamily, LoadingFamily
from trajprobe.features.extraction import Job, extract
from trajprobe.features.files import FEATURES, Kind
from trajprobe.features.rows import Backbone, RandomInit, Untrained
from trajprobe.features.setting import Setting
from trajprobe.params import Parameters, UserError, parse, section


def pretrained(values: dict[str, Any], row: Backbone, kind: Kind, name: str, *options: str) -> str:
    """Writes the features of `row` with the weights it names; returns a line that tells what was made.

    With the option --dry nothing is written, and the line is the forecast.
    """
    setting = Setting.of(values, row, name)
    folder = weights.WEIGHTS / row.weights
    told = weights.provenance(folder)
    check_weights(row, setting.shape, told, folder, name)
    if isinstance(setting.family, LoadingFamily):
        network, digest = setting.family.load(setting.shape, folder)
    else:
        with torch.device("meta"):
            network = setting.family.build(setting.shape)
        digest = weights.load(folder, network)
    source = {"name": row.weights, "sha256": digest, "trained_frames": told.get("trained_frames")}
    job = Job(network, FEATURES / kind / name, source)
    return extract(setting, [job], 1, name, dry=_dry(options))


def check_weights(row: Untrained, shape: Parameters, told: dict[str, Any], folder: Path, name: str) -> None:
    """Refuses weights of another family or `shape` than the row's, where their provenance (`told`) records theirs.

    The tensors don't tell it all: strides leave no trace in them.
    """
    if (family := told.get("family", row.family)) != row.family:
        raise UserError(f"params.yaml: `{name}.weights`: got {folder} of family {family}, expected {row.family}")
    recorded = told.get("architecture", {})
    theirs = parse(recorded, type(shape), f"{folder / weights.PROVENANCE}: `architecture`") if recorded else shape
    differing = [key for key in recorded if getattr(shape, key) != getattr(theirs, key)]
    if differing:
        got, expected = (
            ", ".join(f"{key} {json.dumps(getattr(of, key))}" for key in differing) for of in (shape, theirs)
        )
        raise UserError(
            f"params.yaml: `{name}.architecture`: got {got}, expected {expected}, which the weights of {folder} were "
            "trained with"
        )


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
    if isinstance(setting.family, CodebookFamily):
        x = setting.family.preprocess(setting.sample, setting.shape)
        setting.family.fill_codebook(network.to(setting.device), x.to(setting.device))
        network.cpu()
    source = {"seed": seed, "digest": weights.digest(network)}
    return Job(network, FEATURES / "random" / setting.name / f"seed-{seed}", source)


def _dry(options: tuple[str, ...]) -> bool:
    if options not in ((), ("--dry",)):
        raise UserError(f"got {' '.join(options)}, expected nothing more, or --dry for a forecast alone")
    return bool(options)
