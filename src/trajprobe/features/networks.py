"""Features of a row of params.yaml that is a network: with pretrained weights, or with random ones."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from trajprobe.backbones import weights
from trajprobe.backbones.family import CodebookFamily, LoadingFamily
from trajprobe.errors import UserError
from trajprobe.features.encoder import Encoder
from trajprobe.features.extraction import extract
from trajprobe.features.setting import Setting
from trajprobe.files.feature_shards import FEATURES, Kind
from trajprobe.params import Parameters, parse, section
from trajprobe.rows import Backbone, RandomInit, Untrained


@dataclass(frozen=True)
class Pretrained:
    """The network of a setting with the weights of data/weights/`weights`."""

    setting: Setting
    weights: str
    folder: Path

    def open(self) -> Encoder:
        setting, folder = self.setting, weights.WEIGHTS / self.weights
        told = weights.provenance(folder)
        check_weights(setting.row, setting.shape, told, folder, setting.name)
        if isinstance(setting.family, LoadingFamily):
            network, digest = setting.family.load(setting.shape, folder)
        else:
            with torch.device("meta"):
                network = setting.family.build(setting.shape)
            digest = weights.load(folder, network)
        source = {"name": self.weights, "sha256": digest, "trained_frames": told.get("trained_frames")}
        return Encoder(setting, network, source)


@dataclass(frozen=True)
class Drawn:
    """The network of a setting with random weights."""

    setting: Setting
    seed: int
    folder: Path

    def open(self) -> Encoder:
        setting = self.setting
        torch.manual_seed(self.seed)
        network = setting.family.build(setting.shape)
        if isinstance(setting.family, CodebookFamily):
            x = setting.family.preprocess(setting.sample, setting.shape)
            setting.family.fill_codebook(network.to(setting.device), x.to(setting.device))
            network.cpu()
        return Encoder(setting, network, {"seed": self.seed, "digest": weights.digest(network)})


def pretrained(values: dict[str, Any], row: Backbone, kind: Kind, name: str, *options: str) -> str:
    """Writes the features of `row` with the weights it names; returns a line that tells what was made.

    With the option --dry nothing is written, and the line is the forecast.
    """
    setting = Setting.of(values, row, name)
    return extract(setting, [Pretrained(setting, row.weights, FEATURES / kind / name)], name, dry=dry(options))


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
    folder = FEATURES / "random" / name
    jobs = [Drawn(setting, seed, folder / f"seed-{seed}") for seed in range(seeds)]
    return extract(setting, jobs, f"{name} (random)", dry=dry(options))


def dry(options: tuple[str, ...]) -> bool:
    """Whether a stage's options ask for a forecast alone."""
    if options not in ((), ("--dry",)):
        raise UserError(f"got {' '.join(options)}, expected nothing more, or --dry for a forecast alone")
    return bool(options)
