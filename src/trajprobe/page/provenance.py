"""Where the numbers come from: only what dvc.lock pins, nothing of the machine."""

import io
from collections.abc import Mapping
from typing import Any

from ruamel.yaml import YAML

from trajprobe.files.feature_shards import PLAIN, folder, networks_of
from trajprobe.files.labelling import Labelling
from trajprobe.files.shards import Shards
from trajprobe.page.run_results import RunResults
from trajprobe.pictures.files import RowPictures, Weights

#: Sections of params.yaml that are shown; of `rows`, `clips` and `pretrain` what the primary row has.
SHOWN = ("dataset", "prepare", "render", "scenes", "probe", "compare")
#: Of a recipe; the rest is of the machine that ran, or hashes of code.
RECIPE = ("family", "architecture", "layer", "pooling", "precision", "options", "weights", "clips", "microbatch")


def facts(
    results: RunResults, rows: Mapping[str, RowPictures], values: dict[str, Any], labelling: Labelling
) -> dict[str, Any]:
    """What the template shows."""
    return {
        "weights": _weights(rows),
        "tracks": labelling.tracks,
        "dataset": results.dataset,
        "recipe": _yaml(_recipe(results)),
        "parameters": _yaml(_parameters(results, values)),
    }


def _weights(rows: Mapping[str, RowPictures]) -> list[tuple[list[str], Weights]]:
    """All weights, with the rows that have them."""
    named = {weights.name: weights for of in rows.values() for weights in of.weights}
    return [([row for row, of in rows.items() if weights in of.weights], weights) for weights in named.values()]


def _recipe(results: RunResults) -> dict[str, Any]:
    """Of the features of the line that the primary row stands for."""
    line = results.main
    held = [of for of in networks_of(line.row) if of.input == PLAIN and of.layer == line.features_layer]
    first = next(of for of in held if of.network.partition("/")[0] == line.network)
    meta = Shards(folder(first)).meta
    return {key: meta[key] for key in RECIPE if meta.get(key)}


def _parameters(results: RunResults, values: dict[str, Any]) -> dict[str, Any]:
    row = values["rows"][results.primary]
    shown = {key: values[key] for key in SHOWN}
    shown["rows"] = {results.primary: row}
    shown["clips"] = {row["clips"]: values["clips"][row["clips"]]}
    if row["weights"] in values["pretrain"]:
        shown["pretrain"] = {row["weights"]: values["pretrain"][row["weights"]]}
    return shown


def _yaml(value: dict[str, Any]) -> str:
    buffer = io.StringIO()
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = None
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    yaml.width = 88
    yaml.dump(value, buffer)
    return buffer.getvalue()
