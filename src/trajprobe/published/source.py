"""What the module of a source of weights offers."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable


@dataclass(frozen=True)
class Place:
    """A repository on the Hugging Face hub, and what is wanted of it."""

    repository: str
    choose: Callable[[Collection[str], str], tuple[str, ...]]  #: (names there, where): those to take, or UserError
    revision: str = "main"  #: a commit, or what the first download resolves to one
    licence: str | None = None  #: to be shown where the hub names none


@dataclass(frozen=True)
class Origin:
    """Files on this disk, and where they come from."""

    files: Mapping[str, Path]  #: by name; several stand in one folder
    sha256: Mapping[str, str]  #: of each of `files`
    told: Mapping[str, Any]  #: for provenance.json


@dataclass(frozen=True)
class Taken:
    """What a source takes of an origin."""

    write: Callable[[Path], str]  #: puts model.safetensors and what goes with it in a folder; returns its sha256
    found: tuple[str, ...]  #: what there is, line by line, for the user
    facts: Mapping[str, Any]  #: for provenance.json; `trained_frames`: the clip length that the weights know
    use: str  #: what was taken and how it is used, for the user
    rows: tuple[str, ...] = ()  #: lines to paste into params.yaml
    check: Callable[[Path], object] = lambda _: None  #: of what is made, with its provenance.json; UserError


class Source(Protocol):
    """A module of this folder with `NAMES`."""

    NAMES: tuple[str, ...]  #: of the weights, as `weights add` and the folders in data/weights know them
    FAMILY: str  #: of the backbones that take them
    given: Callable[[Path], dict[str, Path]]  #: the files, by name, at what the user gives; UserError where it won't do
    place: Callable[[str], Place]  #: of the weights of a name; UserError where none is known
    take: Callable[[Origin, str], Taken]  #: what goes by a name; UserError where it is another's, or damaged


@runtime_checkable
class AveragedSource(Protocol):
    """A source of weights and of their moving average, which is what `take` takes."""

    take_raw: Callable[[Origin, str], Taken]
