"""The rows of params.yaml that are networks."""

from typing import Annotated, Any

from msgspec import Meta

from trajprobe.params import Parameters


class Untrained(Parameters, frozen=True):
    """A row of `untrained`: a network with random weights only."""

    family: str  #: the module backbones/FAMILY.py
    architecture: dict[str, Any]  #: as the family's `Architecture` says
    clips: str  #: clip format
    layer: str  #: one of the family's `LAYERS`
    pooling: str  #: one of `pooling.POOLINGS`


class Backbone(Untrained, frozen=True):
    """A row of `backbones`: a network with pretrained weights, and again with random ones."""

    weights: str  #: folder in data/weights


class TrainedControl(Backbone, frozen=True):
    """A row of `trained_controls`: the network of row `of`, pretrained in another way."""

    of: str


class RandomInit(Parameters, frozen=True):
    """How random initialisation is sampled."""

    seeds: Annotated[int, Meta(ge=2)]  #: how many: 0, 1, ...


class Run(Parameters, frozen=True):
    """How networks are run over clips (`features` in params.yaml)."""

    microbatch: Annotated[int, Meta(ge=1)]  #: clips at once, the last ones padded; changes the last bits
