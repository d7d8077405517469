"""Takes weights that others published into data/weights/NAME, under DVC.

Each module of this folder that has `NAMES` is a source of weights under these names. There is no list of them.
"""

import importlib
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from trajprobe.backbones.weights import MODEL, PROVENANCE, WEIGHTS
from trajprobe.params import UserError
from trajprobe.published.checkpoint import digest, load, some
from trajprobe.published.source import Place, Source
from trajprobe.storage import fresh_folder, read_json, write_json
from trajprobe.tracking import check_top, pointer, tracked


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
    source = source_of(name)
    check_top()
    folder = WEIGHTS / name
    if (folder.exists() or pointer(folder).exists()) and not replace:
        raise UserError(
            f"{folder}: weights of that name are there (`dvc checkout` or `dvc pull` brings what DVC holds); "
            "--force makes them anew"
        )
    origin = _given(file) if file is not None else _downloaded(source.place(name), folder, tell)
    checkpoint = load(origin.path)
    taken = source.take(checkpoint, name, raw=raw)
    tell(f"{origin.path.name}: {taken.found}; sha256 {origin.sha256}")
    provenance = origin.told | taken.facts
    if checkpoint.foreign:
        names = some(checkpoint.foreign, most=len(checkpoint.foreign))
        tell(f"{origin.path.name}: names classes or functions that were neither imported nor run: {names}")
        provenance["not_run"] = checkpoint.foreign
    provenance |= {"made_by": "weights add", "family": source.FAMILY, "source_sha256": origin.sha256}
    known = pointer(folder).read_bytes() if pointer(folder).is_file() else None
    _write(folder, taken.tensors, provenance)
    tell(f"{folder}: {len(taken.tensors)} tensors, {taken.use}")
    for row in taken.rows:
        tell(f"  {row}")
    if known not in (None, pointer(folder).read_bytes()):
        tell(f"{pointer(folder)}: is not what it was; these are other weights than before")


def source_of(name: str) -> Source:
    """The module that knows weights `name`.

    Raises:
        UserError: there is none.
    """
    modules = [
        file.stem
        for file in sorted(Path(__file__).parent.glob("*.py"))
        if re.search(r"^NAMES\b", file.read_text(encoding="utf-8"), re.MULTILINE)
    ]
    sources = [cast(Source, importlib.import_module(f"trajprobe.published.{module}")) for module in modules]
    for source in sources:
        if name in source.NAMES:
            return source
    names = ", ".join(known for source in sources for known in source.NAMES)
    raise UserError(f"weights add: got {name!r}, expected one of {names}")


def _given(file: Path) -> Origin:
    return Origin(file, digest(file), {"source": {"file": file.name}})


def _downloaded(place: Place, folder: Path, tell: Callable[[str], object]) -> Origin:
    from trajprobe.published import hub  # not needed for a file that the user has

    revision, recorded = _recorded(place, folder)
    release = hub.look_up(place.repository, place.file, revision or "main")
    tell(release.terms)
    expected, says = (recorded, f"{folder / PROVENANCE} has recorded") if recorded else (release.sha256, "the hub says")
    wrong = f"{place.repository}/{place.file} at {release.revision}: got sha256 {{}}, expected {expected} as {says}; "
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


def _recorded(place: Place, folder: Path) -> tuple[str | None, str | None]:
    """The commit and the sha256 of an earlier download, to which a later one is held; None where there was none."""
    path = folder / PROVENANCE
    told: Any = read_json(path) if path.is_file() else {}
    origin = told.get("source") if isinstance(told, dict) else None
    if not isinstance(origin, dict) or origin.get("repository") != place.repository:
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
