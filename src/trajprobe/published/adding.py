"""Takes weights that others published into data/weights/NAME, under DVC.

Source NAME is the module published/NAME.py, with _ for -, found by its name. There is no list of them.
"""

import importlib
import os
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from trajprobe.backbones.weights import MODEL, PROVENANCE
from trajprobe.params import UserError
from trajprobe.published.checkpoint import digest, entries, load
from trajprobe.storage import fresh_folder, read_json, write_json
from trajprobe.tracking import check_top, pointer, tracked

WEIGHTS = Path("data/weights")


class Published(Protocol):
    """What the module of a source offers."""

    REPOSITORY: str  #: on the Hugging Face hub
    FILE: str
    FAMILY: str  #: of the backbones that take these weights
    TRAINED_FRAMES: int  #: the clip length that they know
    select: Callable[..., dict[str, Tensor]]  #: (state, path, *, raw) -> tensors under the family's names
    describe: Callable[[Mapping[str, Any]], str]


@dataclass(frozen=True)
class Origin:
    """A checkpoint on this disk, and where it comes from."""

    path: Path
    sha256: str
    told: dict[str, Any]  #: for provenance.json


def add(name: str, file: Path | None, *, raw: bool, replace: bool, tell: Callable[[str], object]) -> None:
    """Makes data/weights/NAME from `file`, or from the hub; `tell` is called with each line for the user.

    Raises:
        UserError: the name, the file or the download won't do, or DVC refuses. Nothing is left behind.
    """
    source = published(name)
    check_top()
    folder = WEIGHTS / name
    if (folder.exists() or pointer(folder).exists()) and not replace:
        raise UserError(
            f"{folder}: weights of that name are there (`dvc checkout` or `dvc pull` brings what DVC holds); "
            "--force makes them anew"
        )
    origin = _given(file) if file is not None else _downloaded(source, folder, tell)
    state = entries(load(origin.path), origin.path)
    tensors = source.select(state, origin.path, raw=raw)
    tell(f"{origin.path.name}: {source.describe(state)}; sha256 {origin.sha256}")
    provenance = origin.told | {
        "made_by": "weights add",
        "family": source.FAMILY,
        "weights": "raw" if raw else "ema",
        "entries": len(state),
        "trained_frames": source.TRAINED_FRAMES,
        "source_sha256": origin.sha256,
    }
    known = pointer(folder).read_bytes() if pointer(folder).is_file() else None
    _write(folder, tensors, provenance)
    taken = "raw weights" if raw else "moving average"
    tell(f"{folder}: {len(tensors)} tensors, the {taken}; a row of family {source.FAMILY} takes `weights: {name}`")
    if known not in (None, pointer(folder).read_bytes()):
        tell(f"{pointer(folder)}: is not what it was; these are other weights than before")


def published(name: str) -> Published:
    """The module of source `name`.

    Raises:
        UserError: there is no such source.
    """
    folder = Path(__file__).parent
    names = [
        file.stem.replace("_", "-")
        for file in sorted(folder.glob("*.py"))
        if re.search(r"^def select\(", file.read_text(encoding="utf-8"), re.MULTILINE)
    ]
    if name not in names:
        raise UserError(f"weights add: got {name!r}, expected one of {', '.join(names)}")
    return cast(Published, importlib.import_module(f"trajprobe.published.{name.replace('-', '_')}"))


def _given(file: Path) -> Origin:
    return Origin(file, digest(file), {"source": {"file": file.name}})


def _downloaded(source: Published, folder: Path, tell: Callable[[str], object]) -> Origin:
    from trajprobe.published import hub  # not needed for a file that the user has

    revision, recorded = _recorded(source, folder)
    release = hub.look_up(source.REPOSITORY, source.FILE, revision or "main")
    tell(release.terms)
    expected, says = (recorded, f"{folder / PROVENANCE} has recorded") if recorded else (release.sha256, "the hub says")
    wrong = f"{source.REPOSITORY}/{source.FILE} at {release.revision}: got sha256 {{}}, expected {expected} as {says}; "
    remedy = f"give the recorded file with --from FILE, or delete {folder} to take what is there now"
    if recorded and release.sha256 not in (None, recorded):  # before three gigabytes are downloaded for nothing
        raise UserError(wrong.format(release.sha256) + remedy)
    path = hub.download(release)
    got = digest(path)
    if expected not in (None, got):
        again = f"delete {path.resolve()} and try again"
        raise UserError(wrong.format(got) + (f"{again}; else {remedy}" if recorded else again))
    told = {"repository": release.repository, "file": release.file, "revision": release.revision}
    return Origin(path, got, {"source": told, "licence": release.licence})


def _recorded(source: Published, folder: Path) -> tuple[str | None, str | None]:
    """The commit and the sha256 of an earlier download, to which a later one is held; None where there was none."""
    path = folder / PROVENANCE
    told: Any = read_json(path) if path.is_file() else {}
    origin = told.get("source") if isinstance(told, dict) else None
    if not isinstance(origin, dict) or origin.get("repository") != source.REPOSITORY:
        return None, None
    return origin.get("revision"), told.get("source_sha256")


def _write(folder: Path, tensors: dict[str, Tensor], provenance: dict[str, Any]) -> None:
    try:
        with tracked(folder), fresh_folder(folder) as temporary:
            path = temporary / MODEL
            save_file(_apart(tensors), path)
            with path.open("rb") as file:
                os.fsync(file.fileno())
            write_json(temporary / PROVENANCE, provenance | {"sha256": digest(path)})
            shutil.copymode(temporary / PROVENANCE, path)  # safetensors gives 0600, which others can't read
    except (OSError, SafetensorError) as error:
        raise UserError(f"{folder}: cannot be written ({error}); is the disk full?") from None


def _apart(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The same tensors as safetensors takes them, in order and no two in one storage; copies only where not so."""
    seen: set[int] = set()
    out = {}
    for name, tensor in tensors.items():
        storage = tensor.untyped_storage().data_ptr()
        fits = tensor.is_contiguous() and storage not in seen
        out[name] = tensor.detach() if fits else tensor.detach().clone(memory_format=torch.contiguous_format)
        seen.add(storage)
    return out
