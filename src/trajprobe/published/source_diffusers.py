"""Autoencoders of diffusers, each a row of diffusers.yaml.

Of the published file the tensors of the encoder are taken, and of `quant_conv` where there is one; those of the decoder
are left out. config.json is copied as it is.
"""

import shutil
from collections.abc import Collection, Mapping
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import torch
from msgspec import to_builtins
from torch import Tensor

from trajprobe.backbones import weights
from trajprobe.backbones.family import family
from trajprobe.errors import UserError, visible_name, visible_names
from trajprobe.files.reading import read_json
from trajprobe.params import parse
from trajprobe.published import single_file
from trajprobe.published.model_table import PublishedAutoencoder, read, shortest
from trajprobe.published.params_lines import USED_BY, params_lines
from trajprobe.published.source import HubRepository, LocalFiles, Selection
from trajprobe.published.state_dict import StateDict

if TYPE_CHECKING:
    from trajprobe.backbones.diffusers import Architecture

CONFIG, MODEL = "config.json", "diffusion_pytorch_model.safetensors"
TABLE = Path(__file__).with_name("diffusers.yaml")
ROWS = read(TABLE, PublishedAutoencoder)
NAMES = tuple(ROWS)
FAMILY = "diffusers"
#: What the names of tensors begin with that make no latents; the last two are no part, but tables of numbers.
REST = ("decoder.", "post_quant_conv.", "latents_mean", "latents_std")


def files_at(path: Path) -> dict[str, Path]:
    """The files of a folder of the user's, or of the folder `vae` in it, by name.

    Raises:
        UserError: `path` is no folder or can't be read, or a file is missing.
    """
    folder = inner if (inner := path / "vae").is_dir() else path
    try:
        names = [file.name for file in folder.iterdir()]
    except OSError as error:
        raise UserError(
            f"{path}: is no folder that can be read ({error.strerror}); expected one with {CONFIG} and {MODEL}; give "
            "its path"
        ) from None
    return {name: folder / name for name in _select_files(names, str(folder))}


def hub_repository(name: str) -> HubRepository:
    """The repository of the autoencoder `name`.

    Raises:
        UserError: its row has none, since it is a user's own.
    """
    row = ROWS[name]
    select_files = partial(_select_files, subfolder=row.subfolder)
    return HubRepository(row.repository_of(name, TABLE), select_files, row.revision, row.licence)


def select(files: LocalFiles, name: str) -> Selection:
    """Selects the encoder's tensors, and suggests the row of params.yaml that uses them.

    Raises:
        UserError: the file is not the pinned one; config.json describes no autoencoder of this class; or a tensor is
            missing, not in the class, of another shape or type, or not finite.
    """
    row, paths = ROWS[name], {PurePosixPath(key).name: path for key, path in files.paths.items()}
    digests = {PurePosixPath(key).name: sha256 for key, sha256 in files.sha256.items()}
    row.check_sha256(name, TABLE, paths[MODEL], digests[MODEL])
    shape, node, unknown = _architecture(row, name, paths[CONFIG])
    file = LocalFiles({MODEL: paths[MODEL]}, {MODEL: digests[MODEL]}, {})
    checkpoint = single_file.checkpoint_of(file)
    state: Mapping[str, Tensor] = checkpoint.content
    published, expected = _tensors(state, paths[MODEL]), _expected_tensors(shape)
    tensors = single_file.widened(published, expected)
    weights.check(tensors, expected, paths[MODEL])
    selection = single_file.selection(
        file,
        checkpoint,
        StateDict(state, wrappers=""),
        tensors,
        types=[published[key].dtype for key in tensors],
        summary=f"{len(state)} tensors, {len(tensors)} of the encoder; the rest is the decoder's and left out",
        provenance={
            "model": shape.model,
            "architecture": to_builtins(shape),
            "licence": files.provenance.get("licence") or row.licence,
            "diffusers": version("diffusers"),
        },
        usage=USED_BY,
        params_lines=params_lines(name, FAMILY, row.frames, row.resolution, node, layer="latents"),
    )
    licence = f", licence: {row.licence}" if row.licence else ""
    summary = [f"{name}: {shape.model}{licence}", *selection.summary]
    if unknown:
        summary.append(f"{CONFIG}: settings that the class does not have were left out: {visible_names(unknown)}")
    return replace(selection, write=partial(_write, selection, paths[CONFIG]), summary=tuple(summary))


def _select_files(names: Collection[str], where: str, subfolder: str = "") -> tuple[str, ...]:
    """The files among `names` that are needed. No other file is read or downloaded.

    Raises:
        UserError: a file is missing; the message begins with `where`.
    """
    wanted = [str(PurePosixPath(subfolder, name)) for name in (CONFIG, MODEL)]
    for name in wanted:
        if name not in names:
            several = ", and has its weights in several files" if f"{name}.index.json" in names else ""
            raise UserError(f"{where}: has no {name}{several}; expected {' and '.join(wanted)}; get it too")
    return tuple(wanted)


def _architecture(row: PublishedAutoencoder, name: str, path: Path) -> tuple["Architecture", dict[str, Any], list[str]]:
    """The architecture that config.json at `path` states, and the shortest `architecture` of params.yaml for it.

    Last come the names of settings that the class does not have.
    """
    from trajprobe.backbones import diffusers
    from trajprobe.backbones.parts import diffusers_network  # slow to import

    node = row.architecture or {"preset": name}
    try:
        stated = family(FAMILY).expand(node)
        if "model" not in stated:
            raise ValueError("missing key `preset` or `model`")
        settings = to_builtins(diffusers_network.defaults(diffusers_network.autoencoder_class(stated["model"])))
    except ValueError as error:
        raise UserError(f"{TABLE}: `{name}.architecture`: {error}") from None
    config = read_json(path, remedy="get it again")
    if not isinstance(config, dict) or config.get("_class_name") != stated["model"]:
        got = visible_name(config.get("_class_name")) if isinstance(config, dict) else "no table"
        raise UserError(f"{path}: got {got} as `_class_name`, expected {stated['model']}; give another folder")
    own = {key: value for key, value in config.items() if key in settings}
    plain = {key for key in config if not key.startswith("_") and key not in diffusers_network.NOT_OF_LATENTS}
    expected = stated.get("config", {})
    changed = {key: own.get(key, settings[key]) for key in expected if key in settings}
    changed |= {key: value for key, value in own.items() if value != settings[key]}
    values = stated | ({"config": changed} if changed or expected else {})
    shape = parse(values, diffusers.Architecture, f"{path}: as `{name}` of {TABLE.name}")
    return shape, shortest(node, stated, values), sorted(plain - own.keys())


def _expected_tensors(architecture: "Architecture") -> dict[str, Tensor]:
    """The tensors of the network: their names, shapes and types, without values."""
    from trajprobe.backbones.diffusers import build

    with torch.device("meta"):
        return build(architecture).state_dict()


def _tensors(state: Mapping[str, Tensor], path: Path) -> dict[str, Tensor]:
    """The tensors of a file that are none of the decoder's; those that no class has are among them."""
    if not isinstance(state, Mapping) or not all(isinstance(value, Tensor) for value in state.values()):
        raise UserError(f"{path}: got no table of tensors by name, expected {MODEL} of an autoencoder; get it again")
    return {key: value for key, value in state.items() if not key.startswith(REST)}


def _write(selection: Selection, config: Path, folder: Path) -> str:
    shutil.copyfile(config, folder / CONFIG)
    return selection.write(folder)
