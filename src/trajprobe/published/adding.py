"""Takes weights that others published into data/weights/NAME, under DVC.

Each module of this folder that has `NAMES` is a source of weights under these names. There is no list of them.
"""

import importlib
import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

from safetensors import SafetensorError

from trajprobe.backbones.weights import PROVENANCE, WEIGHTS
from trajprobe.errors import UserError
from trajprobe.files.atomic import fresh_folder, write_json
from trajprobe.published import origin
from trajprobe.published.source import AveragedSource, Origin, Source, Taken
from trajprobe.repository.tracking import check_top, pointer, tracked


def add(name: str, path: Path | None, *, raw: bool, replace: bool, tell: Callable[[str], object]) -> None:
    """Makes data/weights/NAME from what is at `path`, or from the hub; `tell` is called with each line for the user.

    Raises:
        UserError: the name, the file or the download won't do, or DVC refuses. Nothing is left behind.
    """
    source = source_of(name)
    take = _take(source, name, raw=raw)
    check_top()
    folder = WEIGHTS / name
    if folder.exists() and not replace:
        raise UserError(f"{folder}: weights of that name are there; --force makes them anew")
    if pointer(folder).exists() and not replace:
        raise UserError(
            f"{folder}: is not here, but {pointer(folder)} is; `dvc checkout` or `dvc pull` brings what DVC holds, "
            "--force makes them anew, to the same bytes from the same file"
        )
    found = origin.given(source, path) if path is not None else origin.downloaded(source.place(name), folder, tell)
    taken = take(found, name)
    for line in taken.found:
        tell(line)
    known = pointer(folder).read_bytes() if pointer(folder).is_file() else None
    _write(folder, taken, {"made_by": "weights add", "family": source.FAMILY, **taken.facts, **found.told})
    tell(f"{folder}: {taken.use}")
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
    raise UserError(
        f"weights add: got {name!r}, expected one of {names}, or of a row that you add to "
        "src/trajprobe/published/huggingface.yaml for another model of transformers"
    )


def _take(source: Source, name: str, *, raw: bool) -> Callable[[Origin, str], Taken]:
    if not raw:
        return source.take
    if isinstance(source, AveragedSource):
        return source.take_raw
    raise UserError(
        f"weights add {name}: got --raw, but what is published of {source.FAMILY} has no moving average beside its "
        "weights; leave it out"
    )


def _write(folder: Path, taken: Taken, provenance: Mapping[str, Any]) -> None:
    try:
        with tracked(folder), fresh_folder(folder) as temporary:
            sha256 = taken.write(temporary)
            write_json(temporary / PROVENANCE, {**provenance, "sha256": sha256})
            for file in temporary.iterdir():  # safetensors gives 0600, which others can't read
                shutil.copymode(temporary / PROVENANCE, file)
            taken.check(temporary)
    except (OSError, SafetensorError) as error:
        raise UserError(f"{folder}: cannot be written ({error}); is the disk full?") from None
