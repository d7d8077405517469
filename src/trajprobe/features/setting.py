"""A row of params.yaml that is a network, with all that it names, checked."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec
import torch
from torch import Tensor, nn

from trajprobe.backbones.family import (
    DeepFamily,
    LoadingFamily,
    NetworkFamily,
    PoolingFamily,
    architecture,
    check_clips,
    closure_hash,
    network_family,
)
from trajprobe.features import forecast
from trajprobe.features.device import device, device_kind
from trajprobe.features.pooling import pooling
from trajprobe.features.rows import Run, Untrained
from trajprobe.params import Parameters, UserError, section
from trajprobe.stage import Compute
from trajprobe.videos.clips import Clips

CLIPS = Path("data/clips")
#: Clips that a codebook is filled from.
SAMPLE = 8


@dataclass(frozen=True)
class Setting:
    """What is run over what, and how."""

    row: Untrained
    name: str  #: of the row
    family: NetworkFamily
    shape: Parameters  #: the architecture
    clips: Clips
    run: Run
    compute: Compute
    device: torch.device

    @classmethod
    def of(cls, values: dict[str, Any], row: Untrained, name: str) -> "Setting":
        """The setting of `row`, which stands in params.yaml (`values`) as `name`.

        Raises:
            UserError: something that the row names is not there, or does not go together.
        """
        folder = CLIPS / row.clips
        if not folder.is_dir():
            raise UserError(f"{folder}: is not there; `dvc repro render@{row.clips}` renders it, `dvc pull` fetches it")
        family, clips, chosen = network_family(row.family), Clips(folder), device()
        shape = architecture(family, row.architecture, name)
        run, compute = section(values, Run, "features"), section(values, Compute, "compute")
        check_row(row, family, shape, name)
        form = clips.meta["format"]
        check_clips(family, shape, (form["frames"], form["size"], form["size"]), name)
        return cls(row, name, family, shape, clips, run, compute, chosen)

    @property
    def dtype(self) -> torch.dtype:
        """Of weights and activations."""
        return torch.bfloat16 if self.row.precision == "bfloat16" else torch.float32

    def tokens(self, network: nn.Module) -> Callable[[Tensor], Tensor]:
        """Video uint8 [b t h w c] -> pooled features [b t d] of `network`."""
        family, row = self.family, self.row
        if isinstance(family, PoolingFamily) and row.pooling in family.POOLINGS:
            of = partial(family.pooled, network)
            return lambda video: of(self.input(video), row.layer, row.pooling).float()
        pool = pooling(row.pooling, self.name)
        return lambda video: pool(family.layer(network, self.input(video), row.layer).float())

    def input(self, video: Tensor) -> Tensor:
        """Video uint8 [b t h w c] -> what the network takes."""
        return self.family.preprocess(video, self.shape).to(self.dtype)

    @cached_property
    def cost(self) -> forecast.Cost:
        """Of one clip.

        Raises:
            UserError: the network can't take the clips, or nothing is left of them after pooling.
        """
        form = self.clips.meta["format"]
        with torch.device("meta"):
            network = self.family.build(self.shape).to(self.dtype).eval()
        try:
            found = forecast.cost(self.tokens(network), (form["frames"], form["size"], form["size"]))
        except ValueError as error:
            raise UserError(f"{self.name}: the network can't take these clips: {error}") from None
        if 0 in found.shape:
            raise UserError(
                f"{self.name}: nothing is left after pooling {found.shape}; the clip has one token step, use `tmean`"
            )
        return found

    @cached_property
    def sample(self) -> Tensor:
        """`SAMPLE` clips at most, from all over the data set, which may be sorted by class: uint8 [b t h w c]."""
        step = -(-len(self.clips) // SAMPLE)
        # Copies, or else all shards would be kept for the sake of these.
        return torch.cat([torch.from_numpy(batch.video[-batch.start % step :: step].copy()) for batch in self.clips])

    @cached_property
    def microbatch(self) -> int:
        return forecast.microbatch(self.cost, self.run.microbatch, self.run.memory, len(self.clips))

    def recipe(self, weights: dict[str, Any]) -> dict[str, Any]:
        """Everything that determines the features' bytes; `weights` tells where the network's come from."""
        return {
            "family": self.row.family,
            "architecture": msgspec.to_builtins(self.shape),
            "layer": self.row.layer,
            "pooling": self.row.pooling,
            "precision": self.row.precision,
            "weights": weights,
            "clips": self.clips.meta,
            "tracks": self.clips.meta["tracks"],
            "microbatch": self.microbatch,
            "compute": msgspec.to_builtins(self.compute),
            "device": device_kind(self.device),
            "torch": torch.__version__.partition("+")[0],
            "code": closure_hash(self.family.__name__),
        } | self._packages()

    def _packages(self) -> dict[str, str]:
        """The versions of what else the network is made of."""
        return {name: version(name) for name in self.family.PACKAGES} if isinstance(self.family, LoadingFamily) else {}


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
    if row.precision == "tf32" and (chosen := device()).type != "cuda":
        raise UserError(
            f"params.yaml: `{name}.precision`: tf32 is of NVIDIA GPUs, this is {chosen}; use float32, or set "
            "TRAJPROBE_DEVICE=cuda where there is one"
        )
