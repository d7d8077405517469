"""What a source of weights, a module source_*.py, offers to `trajprobe weights add`, and the data that it passes on."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

#: Of a network, in frames, rows and columns.
Strides = tuple[int, int, int]


@dataclass(frozen=True)
class HubRepository:
    """A repository on the Hugging Face hub, and which of its files are downloaded."""

    repo_id: str
    #: (names of all files, where they are) -> names of the files to download; UserError where one is missing
    select_files: Callable[[Collection[str], str], tuple[str, ...]]
    revision: str = "main"  #: a commit, or a branch that the first download resolves to a commit
    licence: str | None = None  #: shown where the hub names none


@dataclass(frozen=True)
class PackageFile:
    """A file in a Python package, which is not imported for it."""

    package: str  #: its name in the package index
    version: str  #: the one to install where there is none; another one may be installed
    file: str  #: where the package puts it


@dataclass(frozen=True)
class LocalFiles:
    """Published files on this disk."""

    paths: Mapping[str, Path]  #: by file name; several files are in one folder
    sha256: Mapping[str, str]  #: by file name
    provenance: Mapping[str, Any]  #: where the files come from, for provenance.json


@dataclass(frozen=True)
class Selection:
    """The weights that a source selects from published files."""

    write: Callable[[Path], str]  #: writes model.safetensors and what belongs to it to a folder; returns its sha256
    summary: tuple[str, ...]  #: lines for the user: what the files contain
    provenance: Mapping[str, Any]  #: for provenance.json; `trained_frames` is the clip length in training
    usage: str  #: for the user: what was selected, and how a row uses it
    params_lines: tuple[str, ...] = ()  #: lines to paste into params.yaml
    check: Callable[[Path], object] = lambda _: None  #: checks the folder once it is written; UserError


class Source(Protocol):
    """A module source_*.py of this folder; it is a `HubSource` or a `PackageSource`, too."""

    NAMES: tuple[str, ...]  #: of weights, for `weights add` and for the folders in data/weights
    FAMILY: str  #: the family of networks that these weights are for
    files_at: Callable[[Path], dict[str, Path]]  #: the files at a user's path, by name; UserError where they don't fit
    select: Callable[[LocalFiles, str], Selection]  #: the weights of a name; UserError for damaged or other files


@runtime_checkable
class HubSource(Source, Protocol):
    """A source of weights that are on the Hugging Face hub."""

    hub_repository: Callable[[str], HubRepository]  #: of the weights of a name; UserError where there is none


@runtime_checkable
class PackageSource(Source, Protocol):
    """A source of weights that are in a Python package."""

    package_file: Callable[[str], PackageFile]  #: of the weights of a name


@runtime_checkable
class AveragedSource(Protocol):
    """A source of weights that also have a moving average: `select` selects the average, `select_raw` the weights."""

    select_raw: Callable[[LocalFiles, str], Selection]


@runtime_checkable
class StridedSource(Protocol):
    """A source of weights whose files need not state the strides of their network: a user can."""

    select_strided: Callable[[LocalFiles, str, Strides], Selection]
