"""The rows of params.yaml that are networks."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from trajprobe.errors import UserError
from trajprobe.params import Parameters, section

#: How the primary row is perturbed, by the section that it is in: to permute entries that are random means nothing.
PERTURBATIONS = {
    "backbones": ("shuffled-frames", "middle-frame", "permuted-weights"),
    "untrained": ("shuffled-frames", "middle-frame"),
}


class Untrained(Parameters, frozen=True, kw_only=True):
    """A row of `untrained`: a network with random weights only."""

    family: str  #: the module backbones/FAMILY.py
    architecture: dict[str, Any]  #: as the family's `Architecture` says
    clips: str  #: clip format
    layer: str | int  #: one of the family's `LAYERS`, or the number of a hidden layer where it has such
    pooling: str  #: one of `pooling.POOLINGS`
    precision: Literal["float32", "tf32", "bfloat16"] = "float32"  #: what the network runs in; codes: float32 alone


class Backbone(Untrained, frozen=True, kw_only=True):
    """A row of `backbones`: a network with pretrained weights, and again with random ones."""

    weights: str  #: folder in data/weights


class TrainedControl(Parameters, frozen=True):
    """A row of `trained_controls`: row `of` with weights that were pretrained in another way, and else the same."""

    of: str  #: a row of `backbones`
    family: str  #: that row's, repeated since DVC can't look it up there
    clips: str  #: likewise
    weights: str  #: folder in data/weights


def trained_control(values: dict[str, Any], name: str) -> Backbone:
    """The row `name` of `trained_controls`, with what it takes from the row it is held against.

    Raises:
        UserError: that row is not there, or is of another family or clip format.
    """
    where = f"params.yaml: `trained_controls.{name}"
    control = section(values, TrainedControl, "trained_controls", name)
    if control.of not in values["backbones"]:
        rows = ", ".join(values["backbones"]) or "there is none"
        raise UserError(f"{where}.of`: got `{control.of}`, expected a row of `backbones`: {rows}")
    row = section(values, Backbone, "backbones", control.of)
    for key in ("family", "clips"):
        got, expected = getattr(control, key), getattr(row, key)
        if got != expected:
            raise UserError(f"{where}.{key}`: got `{got}`, expected `{expected}`, as in `backbones.{control.of}`")
    return msgspec.structs.replace(row, weights=control.weights)


def perturbations(values: dict[str, Any], part: str, name: str) -> tuple[str, ...]:
    """How the row `name` of `part` is perturbed: in no way unless `compare.primary` names it."""
    return PERTURBATIONS[part] if section(values, str, "compare", "primary") == name else ()


class RandomInit(Parameters, frozen=True):
    """How random initialisation is sampled."""

    seeds: Annotated[int, Meta(ge=2)]  #: how many: 0, 1, ...


class Run(Parameters, frozen=True):
    """How networks are run over clips (`features` in params.yaml)."""

    microbatch: Annotated[int, Meta(ge=1)]  #: clips at once, at most; the last ones are padded. Changes the last bits
    memory: Annotated[
        float, Meta(gt=0.0, le=100_000.0)
    ]  #: GiB that their activations may take: fewer clips where it is short
