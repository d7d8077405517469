"""What a source of weights, a module source_*.py, offers, and the data that it passes on."""

import shutil
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from trajprobe.backbones.weights import PROVENANCE
from trajprobe.files.checked_json import write_checked_json

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
    licence: str | None = None  #: that a file of it states, shown where its metadata name none


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


def written(folder: Path, selection: Selection, provenance: Mapping[str, Any]) -> None:
    """Writes the selected weights and their provenance.json to a folder that exists, and checks it.

    Raises:
        UserError: what was written is refused.
    """
    sha256 = selection.write(folder)
    write_checked_json(folder / PROVENANCE, {**provenance, **selection.provenance, "sha256": sha256})
    for file in folder.iterdir():  # safetensors writes mode 0600, which others can't read
        shutil.copymode(folder / PROVENANCE, file)
    selection.check(folder)


class Source(Protocol):
    """A module source_*.py of this folder; it is a `HubSource` or a `PackageSource`, too."""

    NAMES: tuple[str, ...]  #: of weights, and of the folders in data/weights
    FAMILY: str  #: the family of networks that these weights are for
    select: Callable[[LocalFiles, str], Selection]  #: the weights of a name; UserError for damaged or other files


@runtime_checkable
class HubSource(Source, Protocol):
    """A source of weights that are on the Hugging Face hub, for `trajprobe weights add`."""

    files_at: Callable[[Path], dict[str, Path]]  #: the files at a user's path, by name; UserError where they don't fit
    hub_repository: Callable[[str], HubRepository]  #: of the weights of a name; UserError where there is none


@runtime_checkable
class PackageSource(Source, Protocol):
    """A source of weights that are in a Python package, for `package_weights` in params.yaml."""

    package_file: Callable[[str], PackageFile]  #: of the weights of a name


@runtime_checkable
class AveragedSource(Protocol):
    """A source of weights that also have a moving average: `select` selects the average, `select_raw` the weights."""

    select_raw: Callable[[LocalFiles, str], Selection]


@runtime_checkable
class StridedSource(Protocol):
    """A source of weights whose files need not state the strides of their network: a user can."""

    select_strided: Callable[[LocalFiles, str, Strides], Selection]
