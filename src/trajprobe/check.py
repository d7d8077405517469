"""Checks all of params.yaml before anything runs, so that a typo in the last stage is told before the first."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

from trajprobe.backbones import weights
from trajprobe.backbones.family import architecture, check_clips, control_family, network_family, tokenizer_family
from trajprobe.clips.scene import Format, Scene
from trajprobe.compare import rows
from trajprobe.compare.comparison import Compare
from trajprobe.data.folds import Prepare
from trajprobe.data.synthetic import Synthetic
from trajprobe.errors import UserError
from trajprobe.features.networks import check_weights
from trajprobe.features.setting import check_row, cost_of, encoding_of
from trajprobe.importers.npz import TAKEN
from trajprobe.params import Parameters, check_name, parse, section
from trajprobe.pretraining.train import Pretrain, check_format
from trajprobe.probes.settings import Probe
from trajprobe.rows import Backbone, RandomInit, Run, Untrained, trained_control
from trajprobe.stage import Compute


def check(values: dict[str, Any]) -> None:
    """Raises UserError for the first thing in `values` (all of params.yaml) that a stage would refuse."""
    structs: dict[str, type[Parameters]] = {
        "compute": Compute,
        "synthetic": Synthetic,
        "prepare": Prepare,
        "render": Scene,
        "features": Run,
        "random_init": RandomInit,
        "probe": Probe,
        "compare": Compare,
    }
    for name, struct in structs.items():
        section(values, struct, name)
    formats = {name: section(values, Format, "clips", name) for name in section(values, dict[str, Any], "clips")}
    for name in formats:
        check_name(name, f"params.yaml: `clips.{name}`")
    for name in section(values, dict[str, Any], "pretrain"):
        recipe = section(values, Pretrain, "pretrain", name)
        check_name(name, f"params.yaml: `pretrain.{name}`")
        family = tokenizer_family(recipe.family)
        architecture(family, recipe.architecture, f"pretrain.{name}")
        _known(f"pretrain.{name}.clips", recipe.clips, formats)
        check_format(family, formats[recipe.clips], f"pretrain.{name}")
    rows.named(values)
    for name in values["backbones"]:
        _backbone(name, section(values, Backbone, "backbones", name), values, formats)
    for name in values["untrained"]:
        _network_row("untrained", name, section(values, Untrained, "untrained", name), formats)
    for name in values["trained_controls"]:
        _backbone(name, trained_control(values, name), values, formats, "trained_controls")
    for name in values["controls"]:
        row = dict(section(values, dict[str, Any], "controls", name))
        for key in ("family", "clips"):
            if not isinstance(row.get(key), str):
                raise UserError(
                    f"params.yaml: `controls.{name}`: missing key `{key}`; expected family, clips and options"
                )
        control = control_family(row.pop("family"))
        _known(f"controls.{name}.clips", row.pop("clips"), formats)
        parse(row, control.Options, f"params.yaml: `controls.{name}`, beside family and clips")
    _known("compare.primary", values["compare"]["primary"], [*values["backbones"], *values["untrained"]])
    _dataset(section(values, str, "dataset"))


def _backbone(
    name: str, row: Backbone, values: dict[str, Any], formats: dict[str, Format], part: str = "backbones"
) -> None:
    _network_row(part, name, row, formats)
    added = [path.name.removesuffix(".dvc") for path in weights.WEIGHTS.glob("*.dvc")]
    remedy = "; `trajprobe weights add` brings published ones, `untrained` is for rows without"
    _known(f"{part}.{name}.weights", row.weights, [*values["pretrain"], *added], remedy)
    if row.weights not in added:
        return
    folder = weights.WEIGHTS / row.weights
    if not folder.is_dir():
        raise UserError(
            f"params.yaml: `{part}.{name}.weights`: {folder} is not here, only {folder}.dvc; run `dvc checkout`, or "
            f"`dvc pull`, or `trajprobe weights add {row.weights} --force`"
        )
    shape = architecture(network_family(row.family), row.architecture, f"{part}.{name}")
    check_weights(row, shape, weights.provenance(folder), folder, f"{part}.{name}")


def _network_row(part: str, name: str, row: Untrained, formats: dict[str, Format]) -> None:
    family = network_family(row.family)
    shape = architecture(family, row.architecture, f"{part}.{name}")
    check_row(row, family, shape, f"{part}.{name}")
    _known(f"{part}.{name}.clips", row.clips, formats, "; or add that format to `clips`")
    form = formats[row.clips]
    check_clips(family, shape, (form.frames, form.size, form.size), f"{part}.{name}")
    cost_of(encoding_of(row, family, shape, f"{part}.{name}"), {"frames": form.frames, "size": form.size})


def _known(key: str, got: str, there: Collection[str], remedy: str = "") -> None:
    if got not in there:
        names = ", ".join(there) or "none, for now"
        raise UserError(f"params.yaml: `{key}`: got `{got}`, expected one of {names}{remedy}")


def _dataset(name: str) -> None:
    raw = Path("data/raw")
    if name != "synthetic":
        check_name(name, "params.yaml: `dataset`", TAKEN)
    if name == "synthetic" or (raw / f"{name}.npz").is_file():
        return
    if (raw / f"{name}.npz.dvc").is_file():
        raise UserError(f"params.yaml: `dataset`: {raw / name}.npz is not here; run `dvc checkout`, or `dvc pull`")
    there = sorted({"synthetic", *(path.name.removesuffix(".npz.dvc") for path in raw.glob("*.npz.dvc"))})
    raise UserError(
        f"params.yaml: `dataset`: got `{name}`, expected one of {', '.join(there)}; "
        f"`trajprobe data import FILE --name {name}` brings one in"
    )
