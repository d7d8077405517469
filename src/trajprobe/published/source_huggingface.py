"""Models of transformers, each a row of huggingface.yaml.

Their files are copied as they are, and loaded once before they are accepted.
"""

import os
import shutil
from collections.abc import Collection
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from msgspec import to_builtins

from trajprobe.backbones.family import family
from trajprobe.backbones.weights import MODEL
from trajprobe.errors import UserError
from trajprobe.params import parse
from trajprobe.published.model_table import PublishedModel, read, shortest
from trajprobe.published.params_lines import USED_BY, params_lines
from trajprobe.published.source import HubRepository, LocalFiles, Selection

if TYPE_CHECKING:
    from trajprobe.backbones.huggingface import Architecture

CONFIG = "config.json"
PREPROCESSORS = ("preprocessor_config.json", "video_preprocessor_config.json")
#: Frames of the clips that are suggested for a model of single images.
IMAGES = 5


TABLE = Path(__file__).with_name("huggingface.yaml")
ROWS = read(TABLE, PublishedModel)
NAMES = tuple(ROWS)
FAMILY = "huggingface"


def files_at(path: Path) -> dict[str, Path]:
    """The files of a folder of the user's, by name.

    Raises:
        UserError: `path` is no folder or can't be read, or a file is missing.
    """
    try:
        names = [file.name for file in path.iterdir()]
    except OSError as error:
        raise UserError(
            f"{path}: is no folder that can be read ({error.strerror}); expected one with {CONFIG}, {PREPROCESSORS[0]} "
            f"and {MODEL}; give its path"
        ) from None
    return {name: path / name for name in select_files(names, str(path))}


def select_files(names: Collection[str], where: str) -> tuple[str, ...]:
    """The files among `names` that are needed. No other file is read or downloaded.

    Raises:
        UserError: a file is missing; the message begins with `where`.
    """
    if CONFIG not in names:
        raise UserError(f"{where}: has no {CONFIG}, which states the network's shape; get it too")
    if not any(name in names for name in PREPROCESSORS):
        raise UserError(
            f"{where}: has no {' and no '.join(PREPROCESSORS)}; expected the one that came with the weights, since the "
            "class's defaults are not the model's"
        )
    if MODEL not in names and f"{MODEL}.index.json" in names:
        raise UserError(
            f"{where}: has its weights in several files; load the model there with from_pretrained, and save it with "
            'save_pretrained(DIR, max_shard_size="100GB")'
        )
    if MODEL not in names:
        raise UserError(f"{where}: has no {MODEL}; {_CONVERT if _PICKLE in names else 'get it too'}")
    return tuple(name for name in (CONFIG, *PREPROCESSORS, MODEL) if name in names)


def hub_repository(name: str) -> HubRepository:
    """The repository of the model `name`.

    Raises:
        UserError: its row has none, since it is a user's own.
    """
    row = ROWS[name]
    return HubRepository(row.repository_of(name, TABLE), select_files, row.revision, row.licence)


def select(files: LocalFiles, name: str) -> Selection:
    """Selects the files as they are, and suggests the row of params.yaml that uses them.

    Raises:
        UserError: model.safetensors is not the pinned file, or the JSON files describe no network of this model.
    """
    row, folder = ROWS[name], files.paths[CONFIG].parent
    row.check_sha256(name, TABLE, folder / MODEL, files.sha256[MODEL])
    shape, node = _architecture(row, name, folder)
    provenance: dict[str, Any] = {
        "model": shape.model,
        "unexpected": list(row.unexpected),
        "licence": row.licence,
        "transformers": version("transformers"),
    }
    if shape.frames:
        provenance["trained_frames"] = shape.frames
    licence = f", licence: {row.licence}" if row.licence else ""
    summary = f"{name}: {shape.model}{licence}; {MODEL} has sha256 {files.sha256[MODEL]}"
    usage = f"every tensor was loaded from the file; {USED_BY}"
    # Of the resolution to which the network would resize them.
    lines = params_lines(name, FAMILY, shape.frames or IMAGES, shape.resize, node, layer="last", pooling=row.pooling)
    return Selection(partial(_write, files), (summary,), provenance, usage, lines, partial(_load, shape, folder))


_PICKLE = "pytorch_model.bin"
_CONVERT = (
    f'a {_PICKLE} can run code and is not taken; convert it in its folder with `python -c "import torch as t, '
    f"safetensors.torch as s; s.save_file({{k: v.clone() for k, v in t.load('{_PICKLE}', weights_only=True).items()}}, "
    f"'{MODEL}', {{'format': 'pt'}})\"` and give that with --from; or name a pull request that has {MODEL} (refs/pr/N) "
    f"as its `revision` in {TABLE.name}"
)


def _architecture(row: PublishedModel, name: str, folder: Path) -> tuple["Architecture", dict[str, Any]]:
    """The architecture that the JSON files in `folder` state, and the shortest `architecture` of params.yaml for it.

    The latter is that of the table's row, and what the files state otherwise.
    """
    from trajprobe.backbones import huggingface
    from trajprobe.backbones.parts import preprocessor_files, transformers_classes, transformers_files  # slow to import

    node = row.architecture or {"preset": name}
    try:
        stated = family(FAMILY).expand(node)
        if "model" not in stated:
            raise ValueError("missing key `preset` or `model`")
        model_class = transformers_classes.model_class(stated["model"])
    except ValueError as error:
        raise UserError(f"{TABLE}: `{name}.architecture`: {error}") from None
    config, pixels = transformers_files.config_of(model_class, folder), preprocessor_files.pixels_of(folder)
    defaults: dict[str, Any] = cast(Any, model_class.config_class)().to_dict()
    stated_config = stated.get("config", {})
    config = {key: defaults.get(key) for key in stated_config} | config  # files leave the class's defaults out
    values = stated | {"config": config} | {key: _as_yaml(value) for key, value in to_builtins(pixels).items()}
    shape = parse(values, huggingface.Architecture, f"{folder}: as `{name}` of {TABLE.name}")
    return shape, shortest(node, stated, values)


def _as_yaml(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _write(files: LocalFiles, folder: Path) -> str:
    for name, path in files.paths.items():
        shutil.copyfile(path, folder / name)  # no link, so that nothing here can change the hub's cache
        with (folder / name).open("rb") as file:
            os.fsync(file.fileno())
    return files.sha256[MODEL]


def _load(architecture: "Architecture", original: Path, copy: Path) -> None:
    """Loads the network from the folder `copy`; errors name the folder `original`."""
    from trajprobe.backbones import huggingface

    try:
        huggingface.load(architecture, copy)
    except UserError as error:
        raise UserError(str(error).replace(str(copy), str(original))) from None
