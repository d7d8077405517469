"""Writes weights that others published to data/weights/NAME and adds them to DVC.

Each module source_*.py of this folder is a source of the weights in its `NAMES`. There is no list of sources.
"""

import importlib
import re
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import Any, cast

from safetensors import SafetensorError

from trajprobe.backbones.weights import WEIGHTS
from trajprobe.errors import UserError, visible_name
from trajprobe.files.imported import dvc_file
from trajprobe.inspection.refusals import not_here
from trajprobe.published import fetch
from trajprobe.published.source import (
    AveragedSource,
    HubSource,
    LocalFiles,
    PackageSource,
    Selection,
    Source,
    StridedSource,
    Strides,
    written,
)
from trajprobe.repository.dvc_add import added_to_dvc, check_repository_root

#: Names that are guessed at most, for one that there is not.
NEAREST = 3


def add_weights(
    name: str,
    path: Path | None,
    *,
    raw: bool,
    replace: bool,
    report_progress: Callable[[str], object],
    stride: str | None = None,
) -> None:
    """Makes data/weights/NAME from the files at `path`; where it is None, from the hub.

    Args:
        name: one of the names of a source.
        path: a file or folder of the user's.
        raw: selects the raw weights, where a moving average is published too.
        replace: replaces weights of that name.
        report_progress: is called with each line for the user.
        stride: the strides of the network, TxHxW, where the file does not state them.

    Raises:
        UserError: the name, a file or the download is refused, or DVC refuses. data/weights is left as it was.
    """
    source = source_of(name)
    select = _selector(source, name, stride, raw=raw)
    check_repository_root()
    folder = WEIGHTS / name
    if folder.exists() and not replace:
        raise UserError(f"{folder}: weights of that name exist; replace them with --force")
    if dvc_file(folder).exists() and not replace:
        raise UserError(
            f"{folder}: {not_here(folder)}, to get what {dvc_file(folder)} names; or make it again with --force (the "
            "same file gives the same bytes)"
        )
    if path is not None:
        files = fetch.files_from_path(source, path)
    else:
        files = fetch.files_from_hub(source.hub_repository(name), folder, report_progress)
    selection = select(files, name)
    for line in selection.summary:
        report_progress(line)
    before = dvc_file(folder).read_bytes() if dvc_file(folder).is_file() else None
    made_by = {"made_by": "weights add", "family": source.FAMILY}
    _write(folder, selection, {**made_by, **files.provenance})
    report_progress(f"{folder}: {selection.usage}")
    for line in selection.params_lines:
        report_progress(f"  {line}")
    if before not in (None, dvc_file(folder).read_bytes()):
        report_progress(f"{dvc_file(folder)}: has changed, since these weights differ from those before")


def source_of(name: str) -> HubSource:
    """The module that is the source of the weights `name`.

    Raises:
        UserError: no module is, or a package has them.
    """
    modules = sorted(path.stem for path in Path(__file__).parent.glob("source_*.py"))
    imported = [importlib.import_module(f"trajprobe.published.{module}") for module in modules]
    sources = [cast(HubSource | PackageSource, module) for module in imported]
    for source in sources:
        if name in source.NAMES and isinstance(source, HubSource):
            return source
        if name in source.NAMES:
            raise UserError(
                f"weights add: got {name}, whose weights a Python package has; name it under `package_weights` in "
                f"params.yaml instead: `{name}: {{family: {source.FAMILY}}}`"
            )
    names = [valid for source in sources if isinstance(source, HubSource) for valid in source.NAMES]
    near = [valid for valid in names if name and name.lower() in valid]
    near = list(dict.fromkeys([*near, *get_close_matches(name.lower(), names, cutoff=0.75)]))[:NEAREST]
    guess = f" (did you mean {' or '.join(near)}?)" if near else ""
    raise UserError(
        f"weights add: got {name!r}{guess}, expected one of {', '.join(names)}; to use another model of transformers "
        "or of diffusers, add a row to huggingface.yaml or diffusers.yaml of src/trajprobe/published"
    )


def _selector(source: Source, name: str, stride: str | None, *, raw: bool) -> Callable[[LocalFiles, str], Selection]:
    if stride is not None and not isinstance(source, StridedSource):
        raise UserError(
            f"weights add {name}: got --stride, but the files of {source.FAMILY} state all of their network; leave "
            "--stride out"
        )
    if raw and not isinstance(source, AveragedSource):
        raise UserError(
            f"weights add {name}: got --raw, but the published weights of {source.FAMILY} have no moving average; "
            "leave --raw out"
        )
    if raw:
        return cast(AveragedSource, source).select_raw
    if stride is None:
        return source.select
    if not (numbers := re.fullmatch(r"(\d{1,6})x(\d{1,6})x(\d{1,6})", stride, re.ASCII)):
        raise UserError(f"weights add {name}: got --stride {visible_name(stride)}, expected TxHxW, such as 4x4x4")
    t, h, w = map(int, numbers.groups())
    return partial(_strided, cast(StridedSource, source), (t, h, w))


def _strided(source: StridedSource, strides: Strides, files: LocalFiles, name: str) -> Selection:
    return source.select_strided(files, name, strides)


def _write(folder: Path, selection: Selection, provenance: Mapping[str, Any]) -> None:
    try:
        with added_to_dvc(folder) as temporary:
            temporary.mkdir()
            written(temporary, selection, provenance)
    except (OSError, SafetensorError) as error:
        raise UserError(f"{folder}: cannot be written ({error}); is the disk full?") from None
