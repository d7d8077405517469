"""Checks all of params.yaml before anything runs, so that a typo in the last stage shows before the first one runs."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from trajprobe.backbones import weights
from trajprobe.backbones.family import family
from trajprobe.clips.scene import check_memory
from trajprobe.clips.sections import Format, Placement, rendering_in, rendering_of, scenes
from trajprobe.compare.comparison import Compare
from trajprobe.compare.order import labels_of_pairs
from trajprobe.data import raw, synthetic
from trajprobe.data.folds import Prepare
from trajprobe.errors import UserError
from trajprobe.features.controls import check_control
from trajprobe.features.networks import check_weights
from trajprobe.features.plan import check_row
from trajprobe.files import imported
from trajprobe.files.feature_shards import CLUTTER, RANDOM
from trajprobe.files.reading import read_npz
from trajprobe.importers.destination import RESERVED
from trajprobe.inspection.measures import RAW, SYNTHETIC
from trajprobe.inspection.refusals import not_here
from trajprobe.params import Parameters, check_name, section
from trajprobe.pretraining.train import Pretrain, check_format, trainable
from trajprobe.pretraining.train import check_memory as check_training_memory
from trajprobe.probes.settings import Probe
from trajprobe.published.package_weights import PackageWeights, package_source
from trajprobe.repository.held_data import deleted_files, way_back
from trajprobe.rows import NONE, Row, Run, held_against, named_rows
from trajprobe.stage import Compute


def check(values: dict[str, Any]) -> None:
    """Raises UserError for the first thing in `values` (all of params.yaml) that a stage would refuse."""
    structs: dict[str, type[Parameters]] = {
        "compute": Compute,
        "synthetic": synthetic.Synthetic,
        "prepare": Prepare,
        "render": Placement,
        "features": Run,
        "probe": Probe,
        "compare": Compare,
    }
    for name, struct in structs.items():
        section(values, struct, name)
    synthetic.check_memory(section(values, synthetic.Synthetic, "synthetic"))
    formats = {name: section(values, Format, "clips", name) for name in section(values, dict[str, Any], "clips")}
    scenes(values)
    for name in formats:
        for rendering in rendering_of(values, name).with_levels:
            check_memory(rendering, 1, f"params.yaml: `clips.{name}`")
    for name in section(values, dict[str, Any], "package_weights"):
        _check_package_weights(name, section(values, PackageWeights, "package_weights", name), values)
    for name in section(values, dict[str, Any], "pretrain"):
        _check_pretrain(name, section(values, Pretrain, "pretrain", name), formats, values)
    for name, row in named_rows(values).items():
        _check_row(name, row, formats, values)
    held_against(values)
    dataset = section(values, str, "dataset")
    _check_dataset(dataset)
    _check_reversals(dataset, section(values, Compare, "compare"))


def _check_package_weights(name: str, entry: PackageWeights, values: dict[str, Any]) -> None:
    where = f"params.yaml: `package_weights.{name}`"
    package_source(name, entry)
    if name in section(values, dict[str, Any], "pretrain"):
        raise UserError(f"{where}: got a name of `pretrain` too; rename one")
    if (added := weights.WEIGHTS / f"{name}.dvc").is_file():
        raise UserError(f"{where}: got weights that {added} holds too; take one of the two away")


def _check_pretrain(name: str, recipe: Pretrain, formats: dict[str, Format], values: dict[str, Any]) -> None:
    if name in (NONE, RANDOM):
        raise UserError(f"params.yaml: `pretrain.{name}`: got a name that `weights` uses for no weights; rename it")
    with _naming_family(f"pretrain.{name}"):
        of = trainable(recipe.family)
    architecture = of.architecture(recipe.architecture, f"pretrain.{name}")
    _check_one_of(f"pretrain.{name}.clips", recipe.clips, formats)
    check_format(of, formats[recipe.clips], f"pretrain.{name}")
    rendering_in(values, formats[recipe.clips], recipe.scene, f"pretrain.{name}.scene")
    check_training_memory(of, architecture, formats[recipe.clips], recipe, name)


def _check_row(name: str, row: Row, formats: dict[str, Format], values: dict[str, Any]) -> None:
    _check_one_of(f"rows.{name}.clips", row.clips, formats, "; or add that format to `clips`")
    if CLUTTER in row.perturbations and not formats[row.clips].levels:
        raise UserError(
            f"params.yaml: `rows.{name}.perturbations`: got {CLUTTER}, but `clips.{row.clips}` has no `levels` of it; "
            "write there which, as `levels: [0.5, 1, 2]`"
        )
    with _naming_family(f"rows.{name}"):
        family(row.family)
    if row.is_control:
        check_control(name, row)
        return
    form = formats[row.clips]
    architecture = check_row(name, row, {"frames": form.frames, "resolution": form.resolution})
    if row.weights == RANDOM:
        return
    added = [path.name.removesuffix(".dvc") for path in weights.WEIGHTS.glob("*.dvc")]
    remedy = "; `trajprobe weights add` brings published ones, `random` stands for a file that you lack"
    made = [*values["pretrain"], *values["package_weights"]]
    if row.weights not in made:
        _check_git_has_not_more(f"rows.{name}.weights", weights.WEIGHTS / f"{row.weights}.dvc")
    _check_one_of(f"rows.{name}.weights", row.weights, [*made, *added, RANDOM], remedy)
    folder = weights.WEIGHTS / row.weights
    if row.weights not in added:
        return
    if not folder.is_dir():
        raise UserError(
            f"params.yaml: `rows.{name}.weights`: {folder} {not_here(folder)}, or "
            f"`trajprobe weights add {row.weights} --force`"
        )
    check_weights(name, row, architecture, weights.provenance(folder), folder)


@contextmanager
def _naming_family(where: str) -> Iterator[None]:
    """Has the refusal of a family begin with its key: the family does not know where it is named."""
    try:
        yield
    except UserError as error:
        raise UserError(f"params.yaml: `{where}.family`: {str(error).removeprefix('params.yaml: ')}") from None


def _check_one_of(key: str, got: str, expected: Collection[str], remedy: str = "") -> None:
    if got not in expected:
        names = ", ".join(expected) or "none, for now"
        raise UserError(f"params.yaml: `{key}`: got `{got}`, expected one of {names}{remedy}")


def _check_dataset(name: str) -> None:
    if name == SYNTHETIC:
        return
    check_name(name, "params.yaml: `dataset`", RESERVED)
    if (RAW / f"{name}.npz").is_file():
        return
    if (RAW / f"{name}.npz.dvc").is_file():
        path = RAW / f"{name}.npz"
        raise UserError(f"params.yaml: `dataset`: {path} {not_here(path)}")
    _check_git_has_not_more("dataset", RAW / f"{name}.npz.dvc")
    sets = sorted({SYNTHETIC, *(path.name.removesuffix(".npz.dvc") for path in RAW.glob("*.npz.dvc"))})
    raise UserError(
        f"params.yaml: `dataset`: got `{name}`, expected one of {', '.join(sets)}; "
        f"`trajprobe data import FILE --name {name}` brings one in"
    )


def _check_git_has_not_more(key: str, pointer: Path) -> None:
    """Refuses data whose .dvc file was deleted, and git tracks it: to import it again would be the wrong advice."""
    if not pointer.is_file() and pointer in deleted_files():
        raise UserError(f"params.yaml: `{key}`: {pointer}, which git tracks, is gone; run `{way_back([pointer])}`")


def _check_reversals(dataset: str, params: Compare) -> None:
    """As the last stage does; of an imported set, its classes alone are read."""
    pairs = params.reversals.get(dataset, ())
    if not pairs:
        return
    if dataset == SYNTHETIC:
        labels_of_pairs(pairs, synthetic.NAMES, dataset)
        return
    path = RAW / f"{dataset}.npz"
    arrays, _ = read_npz(path, ("labels",), ("label_names",), remedy=imported.remedy(path))
    _, names = raw.classes(path, arrays["labels"], arrays.get("label_names"))
    labels_of_pairs(pairs, names.tolist(), dataset)
