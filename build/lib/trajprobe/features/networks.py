"""The networks of a row: with pretrained weights, with random ones, or with permuted ones."""

import json
from pathlib import Path
from typing import Any

import torch
from torch import nn

from trajprobe.backbones import weights
from trajprobe.errors import UserError
from trajprobe.features.perturbations import permute_weights
from trajprobe.features.plan import Plan
from trajprobe.files.feature_shards import PERMUTED_WEIGHTS, RANDOM
from trajprobe.params import Parameters, parse
from trajprobe.rows import Row


def open_network(plan: Plan, network: str) -> tuple[nn.Module, dict[str, Any]]:
    """A network of a row by its coordinate (`pretrained[/SEED]`, `random/SEED`, `permuted-weights`), and its source.

    The weights that are permuted are those of the first seed.

    Raises:
        UserError: the weights are missing, damaged or of another network.
    """
    kind, _, seed = network.partition("/")
    if kind == RANDOM:
        return _random(plan, int(seed))
    folder = weights.WEIGHTS / plan.row.weights
    module, source = _pretrained(plan, folder if weights.seeds(folder) is None else folder / (seed or "0"))
    if kind == PERMUTED_WEIGHTS:
        permute_weights(module)
    return module, source


def _pretrained(plan: Plan, folder: Path) -> tuple[nn.Module, dict[str, Any]]:
    family = plan.family
    provenance = weights.provenance(folder)
    check_weights(plan.name, plan.row, plan.architecture, provenance, folder)
    network, digest = family.load(plan.architecture, folder)
    return network, {"name": plan.row.weights, "sha256": digest, "trained_frames": provenance.get("trained_frames")}


def _random(plan: Plan, seed: int) -> tuple[nn.Module, dict[str, Any]]:
    torch.manual_seed(seed)
    network = plan.family.build(plan.architecture)
    if plan.family.fill_codebook is not None:
        x = plan.family.preprocess(plan.sample, plan.architecture)
        plan.family.fill_codebook(network.to(plan.device), x.to(plan.device))
        network.cpu()
    return network, {"seed": seed, "digest": weights.digest(network)}


def check_weights(name: str, row: Row, architecture: Parameters, provenance: dict[str, Any], folder: Path) -> None:
    """Refuses weights of another family or architecture than the row's, where their provenance records theirs.

    The tensors alone do not show it: strides leave no trace in them.
    """
    where = f"params.yaml: `rows.{name}"
    if (recorded := provenance.get("family", row.family)) != row.family:
        raise UserError(f"{where}.weights`: got {folder} of family {recorded}, expected {row.family}")
    if not (values := provenance.get("architecture")):
        return
    theirs = parse(values, type(architecture), f"{folder / weights.PROVENANCE}: `architecture`")
    differing = [key for key in values if getattr(architecture, key) != getattr(theirs, key)]
    if differing:
        got, expected = (
            ", ".join(f"{key} {json.dumps(getattr(of, key))}" for key in differing) for of in (architecture, theirs)
        )
        raise UserError(
            f"{where}.architecture`: got {got}, expected {expected}, which the weights of {folder} were trained with"
        )
