"""Features of a row of params.yaml that is a network: with pretrained weights, or with random ones."""

from pathlib import Path
from typing import Any

import torch

from trajprobe.backbones import weights
from trajprobe.backbones.family import architecture, network_family
from trajprobe.features.extraction import Job, extract
from trajprobe.features.files import FEATURES, Kind
from trajprobe.features.recipe import device, recipe
from trajprobe.features.rows import Backbone, RandomInit, Run, Untrained
from trajprobe.params import section
from trajprobe.stage import Compute
from trajprobe.videos.clips import Clips

CLIPS, WEIGHTS = Path("data/clips"), Path("data/weights")


def pretrained(values: dict[str, Any], row: Backbone, kind: Kind, name: str) -> str:
    """Writes the features of `row` with the weights it names; returns a line that tells what was made."""
    family, clips, chosen = network_family(row.family), Clips(CLIPS / row.clips), device()
    network = family.build(architecture(family, row.architecture, name))
    source = {
        "name": row.weights,
        "sha256": weights.load(WEIGHTS / row.weights, network),
        "trained_frames": weights.provenance(WEIGHTS / row.weights).get("trained_frames"),
    }
    run, compute = section(values, Run, "features"), section(values, Compute, "compute")
    job = Job(network, FEATURES / kind / name, recipe(row, family, source, clips, run, compute, chosen))
    return extract([job], family, row, clips, run, chosen, name)


def random(values: dict[str, Any], row: Untrained, name: str) -> str:
    """Writes the features of `row` with random weights, one folder a seed, reading the clips once."""
    family, clips, chosen = network_family(row.family), Clips(CLIPS / row.clips), device()
    shape = architecture(family, row.architecture, name)
    run, compute = section(values, Run, "features"), section(values, Compute, "compute")
    jobs = []
    for seed in range(section(values, RandomInit, "random_init").seeds):
        torch.manual_seed(seed)
        network = family.build(shape)
        source = {"seed": seed, "sha256": weights.digest(network)}
        folder = FEATURES / "random" / name / f"seed-{seed}"
        jobs.append(Job(network, folder, recipe(row, family, source, clips, run, compute, chosen)))
    return extract(jobs, family, row, clips, run, chosen, f"{name} (random)")
