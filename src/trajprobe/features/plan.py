"""The plan of a row: its clips, how networks run over them, and the recipe of each shard of features."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property, partial
from importlib.metadata import version
from typing import Any

import msgspec
import torch
from msgspec.structs import replace as replaced
from torch import Tensor

from trajprobe.backbones.family import Family, family
from trajprobe.backbones.parts.activations import weights_size
from trajprobe.errors import UserError, visible
from trajprobe.execution.producing import EXECUTOR
from trajprobe.features import forecast
from trajprobe.features.perturbations import INPUTS
from trajprobe.features.tokens import POOLINGS, Encoding
from trajprobe.files.content_key import code_hash
from trajprobe.files.feature_shards import (
    CLUTTER,
    PERMUTED_WEIGHTS,
    PLAIN,
    PRETRAINED,
    RANDOM,
    REVERSED,
    UNPOOLED,
    level_of,
)
from trajprobe.files.video_shards import Clips, open_clips
from trajprobe.params import Parameters, section
from trajprobe.rows import ALL, Row, Run, View, named_row
from trajprobe.stage import WORKER, WORKERS, Compute, workers

DEVICE = "TRAJPROBE_DEVICE"
#: Clips that a codebook is filled from.
SAMPLE = 8


@dataclass(frozen=True)
class Plan:
    """A row of params.yaml that has a network, checked, with its clips."""

    name: str
    row: Row
    architecture: Parameters
    clips: Clips
    run: Run
    compute: Compute

    @classmethod
    def of(cls, values: dict[str, Any], name: str) -> "Plan":
        """The plan of row `name` of params.yaml (`values`).

        Raises:
            UserError: something that the row names is missing, or does not go together.
        """
        row = named_row(values, name)
        clips = open_clips(row.clips)
        architecture = check_row(name, row, clips.meta["format"])
        row = replaced(row, layer=layers_of(family(row.family), architecture, row))
        run, compute = section(values, Run, "features"), section(values, Compute, "compute")
        plan = cls(name, row, architecture, clips, run, compute)
        if runs_here():
            where = "params.yaml: `features.memory`"
            processes = min(workers(1), len(clips.shards))
            forecast.check_memory(plan.cost, plan.microbatch, where, f"lower it, or {WORKERS}", processes)
        return plan

    def __getstate__(self) -> dict[str, Any]:
        """What is sent to another process, which has its own device."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @property
    def family(self) -> Family:
        return family(self.row.family)

    @property
    def encoding(self) -> Encoding:
        return encoding_of(self.name, self.row, self.architecture)

    @cached_property
    def device(self) -> torch.device:
        """Where the network runs, in the process that asks: TRAJPROBE_DEVICE (cpu, cuda, cuda:1, ...), or the CPU.

        Raises:
            UserError: this machine has no such device, or the device does not have the row's precision.
        """
        name = os.environ.get(DEVICE, "cpu")
        if name == "cuda" and WORKER in os.environ:  # a GPU of its own, as long as there are as many
            name = f"cuda:{int(os.environ[WORKER]) % max(1, torch.cuda.device_count())}"
        try:
            device = torch.device(name)
            torch.empty(0, device=device)
        except (RuntimeError, AssertionError) as error:
            reason = str(error).splitlines()[0]
            raise UserError(f"{DEVICE}: got {name!r}, expected cpu or a device of this machine ({reason})") from None
        if self.row.precision == "tf32" and device.type != "cuda":
            raise UserError(
                f"params.yaml: `rows.{self.name}.precision`: got tf32 on {device}, expected an NVIDIA GPU; use float32 "
                f"or set {DEVICE}=cuda where there is one"
            )
        return device

    @cached_property
    def cost(self) -> forecast.Cost:
        """Of one clip."""
        return cost_of(self.encoding, self.clips.meta["format"])

    @cached_property
    def microbatch(self) -> int:
        """Clips that go through the network at once."""
        return forecast.microbatch(self.cost, self.run.microbatch, self.run.memory, len(self.clips))

    @cached_property
    def sample(self) -> Tensor:
        """At most `SAMPLE` clips from all over the data set, which may be sorted by class: uint8 [b t h w c]."""
        step, sample, start = -(-len(self.clips) // SAMPLE), [], 0
        for number, shard in enumerate(self.clips.shards):
            if range(-start % step, shard["items"], step):
                # Copies, or else all shards would stay in memory for the sake of these.
                sample.append(torch.from_numpy(self.clips[number].video[-start % step :: step].copy()))
            start += shard["items"]
        return torch.cat(sample)

    def clips_of(self, shown: str) -> Clips:
        """The clips that an input is made of.

        Raises:
            UserError: they are missing or damaged.
        """
        level = level_of(shown)
        return self.clips if level is None else open_clips(self.row.clips, level)

    def recipe(self, network: str, shown: str, view: View, weights: dict[str, Any]) -> dict[str, Any]:
        """All that determines the bytes of a view's shard beside its own clips; `weights` says where those come from.

        The number of clips in the set is no part of it: more tracks change nothing in the shards that exist.
        """
        meta = self.clips_of(shown).meta
        recipe = {
            "family": self.row.family,
            "architecture": msgspec.to_builtins(self.architecture),
            "layer": view.layer,
            "pooling": view.pooling,
            "precision": self.row.precision,
            "weights": weights,
            "clips": {key: meta[key] for key in ("scene", "format")},
            "microbatch": self.microbatch,
            "compute": msgspec.to_builtins(self.compute),
            "device": device_kind(self.device),
            "torch": torch.__version__.partition("+")[0],
            "packages": {package: version(package) for package in self.family.PACKAGES},
            "code": [code_hash(self.family.module), code_hash("trajprobe.features.tokens")],
        }
        # Cluttered clips are clips as any: what a network makes of them is the same in a row that has them as plain.
        if shown in INPUTS and (shown != PLAIN or network == PERMUTED_WEIGHTS):
            perturbation = network if shown == PLAIN else shown
            recipe["perturbation"] = [perturbation, code_hash(INPUTS[PLAIN].__module__)]
        return recipe


def check_row(name: str, row: Row, form: Mapping[str, int]) -> Parameters:
    """The architecture of a row that has a network, once all of the row is checked against clips of a format.

    Raises:
        UserError: the family has no network; a layer, pooling, precision or perturbation does not exist, or the network
            can't take such clips.
    """
    of, where = family(row.family), f"rows.{name}"
    if not of.is_network:
        raise UserError(f"params.yaml: `{where}.weights`: got {row.weights}, expected none: {of.name} has no network")
    if row.options:
        raise UserError(f"params.yaml: `{where}.options`: got it for {of.name}, which has a network; leave it out")
    architecture = of.architecture(row.architecture, where)
    row = replaced(row, layer=layers_of(of, architecture, row))
    deepest = of.depth(architecture)
    for layer, pooling in row.views:
        if row.layer is None or layer not in (*of.LAYERS, *range(deepest + 1)):
            layers = ", ".join(of.LAYERS) + (f", or a number from 0 to {deepest}" if deepest >= 0 else "")
            got = "nothing" if row.layer is None else layer
            raise UserError(f"params.yaml: `{where}.layer`: got `{got}`, expected one of {layers}, several, or `{ALL}`")
        if pooling not in (poolings := [each for each in (*POOLINGS, *of.POOLINGS) if each != UNPOOLED]):
            expected = f"{', '.join(poolings)}, or several"
            raise UserError(f"params.yaml: `{where}.pooling`: got `{pooling}`, expected one of {expected}")
        if layer in of.DISCRETE and row.precision != "float32":
            raise UserError(
                f"params.yaml: `{where}.precision`: got `{row.precision}`, expected float32: `{layer}` is made of "
                "codes, whose bits flip in lower precision"
            )
    perturbations = [each for each in INPUTS if each not in (PLAIN, REVERSED)]
    perturbations += [CLUTTER]
    perturbations += [] if row.weights == RANDOM else [PERMUTED_WEIGHTS]  # random ones are in no order
    for perturbation in row.perturbations:
        if perturbation not in perturbations:
            expected = ", ".join(perturbations)
            remedy = "; `features.arrow_of_time: all` plays clips backwards" if perturbation == REVERSED else ""
            raise UserError(
                f"params.yaml: `{where}.perturbations`: got `{perturbation}`, expected some of {expected}{remedy}"
            )
    of.check_clips(architecture, (form["frames"], form["resolution"], form["resolution"]), where)
    cost = cost_of(encoding_of(name, row, architecture), form)
    if runs_here():
        forecast.check_memory(cost, 1, f"params.yaml: `{where}`", "a smaller network or smaller clips fit")
    return architecture


def layers_of(of: Family, architecture: Parameters, row: Row) -> str | int | tuple[str | int, ...] | None:
    """`layer` of a row, with the layers that `all` stands for: those without a name first, the shallowest first."""
    return (*range(of.depth(architecture) + 1), *of.LAYERS) if row.layer == ALL else row.layer


def runs_here() -> bool:
    """Whether networks run on the CPU of this machine, whose memory can be asked for."""
    return os.environ.get(DEVICE, "cpu") == "cpu" and os.environ.get(EXECUTOR, "local") in ("", "local")


def encoding_of(name: str, row: Row, architecture: Parameters) -> Encoding:
    """What a row does with its network; `row` was checked."""
    dtype = torch.bfloat16 if row.precision == "bfloat16" else torch.float32
    return Encoding(family(row.family), architecture, tuple(row.views_of(PRETRAINED, PLAIN)), dtype, name)


def cost_of(encoding: Encoding, form: Mapping[str, int]) -> forecast.Cost:
    """What one clip of a format costs.

    Raises:
        UserError: the network can't take such clips or the pooling, or nothing is left after it.
    """
    clip = (form["frames"], form["resolution"], form["resolution"])
    try:
        with torch.device("meta"):
            network = encoding.family.build(encoding.architecture).to(encoding.dtype).eval()
        cost = forecast.cost(partial(encoding.features, network), clip)
    except ValueError as error:
        raise UserError(f"params.yaml: `rows.{encoding.row}`: {error}") from None
    except RuntimeError as error:  # torch's, for tensors too large to be counted
        reason = visible(str(error).partition("\n")[0], 200)
        raise UserError(f"params.yaml: `rows.{encoding.row}`: makes no network, or too large a one: {reason}") from None
    cost = replace(cost, weights=weights_size(network))
    for view, shape in zip(encoding.views, cost.shapes, strict=True):
        if 0 in shape:
            raise UserError(
                f"params.yaml: `rows.{encoding.row}.pooling`: got {view.pooling}, which leaves features of shape "
                f"{shape} of layer {view.layer}: the clip has one token step; use `tmean`"
            )
    return cost


def device_kind(device: torch.device) -> str:
    """The kind of arithmetic that really runs: cpu-avx2, cuda-sm_90, ..."""
    if device.type == "cuda":
        major, minor = torch.cuda.get_device_capability(device)
        return f"cuda-sm_{major}{minor}"
    return f"{device.type}-{torch.backends.cpu.get_cpu_capability().lower()}"
