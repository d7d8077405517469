"""A row of params.yaml that is a network, with all that it names, checked."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property, partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec
import torch
from torch import Tensor

from trajprobe.backbones.family import (
    DeepFamily,
    LoadingFamily,
    NetworkFamily,
    PoolingFamily,
    architecture,
    check_clips,
    network_family,
)
from trajprobe.errors import UserError
from trajprobe.features import forecast
from trajprobe.features.device import device, device_kind
from trajprobe.features.encoding import Encoding
from trajprobe.features.perturbing import UNPERTURBED, Perturbation
from trajprobe.features.pooling import pooling
from trajprobe.files.content_key import closure_hash
from trajprobe.files.video_shards import Clips
from trajprobe.params import Parameters, section
from trajprobe.rows import Run, Untrained
from trajprobe.stage import Compute

CLIPS = Path("data/clips")
#: Clips that a codebook is filled from.
SAMPLE = 8


@dataclass(frozen=True)
class Setting:
    """What is run over what, and how."""

    row: Untrained
    name: str  #: of the row
    shape: Parameters  #: the architecture
    clips: Clips
    run: Run
    compute: Compute
    perturbation: Perturbation = UNPERTURBED

    @classmethod
    def of(cls, values: dict[str, Any], row: Untrained, name: str) -> "Setting":
        """The setting of `row`, which stands in params.yaml (`values`) as `name`.

        Raises:
            UserError: something that the row names is not there, or does not go together.
        """
        folder = CLIPS / row.clips
        if not folder.is_dir():
            raise UserError(f"{folder}: is not there; `dvc repro render@{row.clips}` renders it, `dvc pull` fetches it")
        family, clips = network_family(row.family), Clips(folder)
        shape = architecture(family, row.architecture, name)
        run, compute = section(values, Run, "features"), section(values, Compute, "compute")
        check_row(row, family, shape, name)
        form = clips.meta["format"]
        check_clips(family, shape, (form["frames"], form["size"], form["size"]), name)
        return cls(row, name, shape, clips, run, compute)

    def __getstate__(self) -> dict[str, Any]:
        """What is sent to another process, which has its own device."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @cached_property
    def device(self) -> torch.device:
        """Where the network runs: of the process that asks."""
        return device()

    @property
    def family(self) -> NetworkFamily:
        """The module of the network."""
        return network_family(self.row.family)

    @property
    def encoding(self) -> Encoding:
        """From clips to features."""
        return encoding_of(self.row, self.family, self.shape, self.name)

    @cached_property
    def cost(self) -> forecast.Cost:
        """Of one clip; raises as `cost_of` does."""
        return cost_of(self.encoding, self.clips.meta["format"])

    @cached_property
    def sample(self) -> Tensor:
        """`SAMPLE` clips at most, from all over the data set, which may be sorted by class: uint8 [b t h w c]."""
        step, found, start = -(-len(self.clips) // SAMPLE), [], 0
        for number, told in enumerate(self.clips.shards):
            if range(-start % step, told["items"], step):
                # Copies, or else all shards would be kept for the sake of these.
                found.append(torch.from_numpy(self.clips[number].video[-start % step :: step].copy()))
            start += told["items"]
        return torch.cat(found)

    @cached_property
    def microbatch(self) -> int:
        return forecast.microbatch(self.cost, self.run.microbatch, self.run.memory, len(self.clips))

    def recipe(self, weights: dict[str, Any]) -> dict[str, Any]:
        """All that determines a shard's bytes beside its own clips; `weights` tells where the network's come from.

        What the set as a whole is made of is not in it: more tracks change nothing in the shards that were there.
        """
        told = {
            "family": self.row.family,
            "architecture": msgspec.to_builtins(self.shape),
            "layer": self.row.layer,
            "pooling": self.row.pooling,
            "precision": self.row.precision,
            "weights": weights,
            "clips": {key: self.clips.meta[key] for key in ("scene", "format")},
            "microbatch": self.microbatch,
            "compute": msgspec.to_builtins(self.compute),
            "device": device_kind(self.device),
            "torch": torch.__version__.partition("+")[0],
            "code": [closure_hash(self.family.__name__), closure_hash("trajprobe.features.tokens")],
        }
        return told | self.perturbation.recipe | self._packages()

    def _packages(self) -> dict[str, str]:
        """The versions of what else the network is made of."""
        return {name: version(name) for name in self.family.PACKAGES} if isinstance(self.family, LoadingFamily) else {}


def cost_of(encoding: Encoding, form: Mapping[str, int]) -> forecast.Cost:
    """What one clip of a format costs.

    Raises:
        UserError: the network can't take such clips or the pooling, or nothing is left after it.
    """
    with torch.device("meta"):
        network = encoding.family.build(encoding.shape).to(encoding.dtype).eval()
    try:
        found = forecast.cost(partial(encoding.features, network), (form["frames"], form["size"], form["size"]))
    except ValueError as error:
        raise UserError(f"params.yaml: `{encoding.name}`: {error}") from None
    if 0 in found.shape:
        raise UserError(
            f"{encoding.name}: nothing is left after pooling {found.shape}; the clip has one token step, use `tmean`"
        )
    return found


def encoding_of(row: Untrained, family: NetworkFamily, shape: Parameters, name: str) -> Encoding:
    """What a row does with its network."""
    dtype = torch.bfloat16 if row.precision == "bfloat16" else torch.float32
    return Encoding(family, shape, row.layer, row.pooling, dtype, name)


def check_row(row: Untrained, family: NetworkFamily, shape: Parameters, name: str) -> None:
    """Raises UserError for a layer, a pooling or a precision that is not there, or codes in less than float32."""
    deepest = family.depth(shape) if isinstance(family, DeepFamily) else -1
    if row.layer not in (*family.LAYERS, *range(deepest + 1)):
        layers = ", ".join(family.LAYERS) + (f", or a number from 0 to {deepest}" if deepest >= 0 else "")
        raise UserError(f"params.yaml: `{name}.layer`: got `{row.layer}`, expected one of {layers}")
    own = family.POOLINGS if isinstance(family, PoolingFamily) else ()
    if row.pooling not in own:
        pooling(row.pooling, name, own)
    if row.layer in family.DISCRETE and row.precision != "float32":
        raise UserError(
            f"params.yaml: `{name}.precision`: got `{row.precision}`, expected float32: `{row.layer}` is made of "
            "codes, whose bits flip in less"
        )
