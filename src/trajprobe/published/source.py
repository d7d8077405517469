"""What the module of a source of weights offers."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor


@dataclass(frozen=True)
class Place:
    """A file on the Hugging Face hub."""

    repository: str
    file: str


@dataclass(frozen=True)
class Taken:
    """What a source takes of a checkpoint."""

    tensors: dict[str, Tensor]  #: under the family's names
    found: str  #: what the checkpoint holds, for the user
    facts: dict[str, Any]  #: for provenance.json; `trained_frames`, the clip length that the weights know, among them
    use: str  #: what was taken and how it is used, for the user
    rows: tuple[str, ...] = ()  #: lines to paste into params.yaml


class Source(Protocol):
    """A module of this folder with `NAMES`."""

    NAMES: tuple[str, ...]  #: of the weights, as `weights add` and the folders in data/weights know them
    FAMILY: str  #: of the backbones that take them
    place: Callable[[str], Place]  #: of the weights of a name; UserError where none is known
    take: Callable[..., Taken]  #: (checkpoint, name, *, raw); UserError where it is another's, or damaged
