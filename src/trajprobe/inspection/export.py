"""Features of a row as one file for other programs: a clip a row, with its label, group, fold and prediction."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from trajprobe.errors import UserError
from trajprobe.files import probe_results
from trajprobe.files.atomic import write_npz, writing
from trajprobe.files.feature_shards import (
    FEATURES,
    PLAIN,
    REVERSED,
    Coordinates,
    Features,
    chosen,
    digest,
    folder,
    layer_order,
    load_features,
    networks_of,
)
from trajprobe.inspection.refusals import check_ending, check_one_of


class Table(NamedTuple):
    """What is written, of n clips."""

    loaded: Features
    predictions: NDArray[np.int64]  #: (n), out of fold, of the clip's track, index in the names of the classes; or -1
    provenance: str  #: JSON: the coordinates, and all that determines the bytes of the features


def export(row: str, out: Path, network: str | None = None, input: str = PLAIN, layer: str | None = None) -> str:  # noqa: A002
    """Writes features [b t d] of a row to `out`, in the format of its ending; returns a line that says what it holds.

    Parquet has the columns `clip` (from 0), `label`, `group`, `fold` (-1: only trained on), `prediction` (null where no
    fold tests the clip) and `features`, t x d numbers a clip. npz and safetensors have arrays `features`, `labels`
    (indices of the class names), `groups`, `folds`, `predictions` (-1: none). The provenance is JSON: metadata of
    parquet and safetensors, an array of npz.

    Args:
        row: its name in params.yaml.
        out: a file, replaced where it exists.
        network: as `trajprobe.load_features` has it; likewise the next two.
        input: `plain` or a perturbation.
        layer: LAYER.POOLING.

    Raises:
        UserError: the ending is of no such format; features or predictions do not exist, or are not of one run.
    """
    write = FORMATS[check_ending(out, FORMATS)]
    _check_coordinates(row, network, input, layer)
    of = chosen(row, network, input, layer)
    loaded = load_features(*of)
    predictions = np.repeat(_predictions(of), loaded.cameras)
    provenance = {
        "coordinates": of._asdict(),
        "classifier": probe_results.load(row).classifier,
        "recipe": loaded.recipe,
    }
    write(out, Table(loaded, predictions, json.dumps(provenance, sort_keys=True)))
    clips, steps, dimensions = loaded.features.shape
    return f"{out}: {of}: {clips:,} clips, {steps} x {dimensions} features each, labels, groups, folds, predictions"


def _check_coordinates(row: str, network: str | None, shown: str, layer: str | None) -> None:
    """Refuses each option by itself, with what there is for the row and the options before it."""
    rows = sorted(path.name for path in FEATURES.glob("[!.]*") if path.is_dir())
    check_one_of("ROW", row, rows, "these have features; `dvc repro` makes them, `dvc pull` fetches them")
    held = networks_of(row)
    remedy = f"`dvc repro features@{row}` makes those that params.yaml asks for"
    for option, coordinate, got in (
        ("--network", "network", network),
        ("--input", "input", shown),
        ("--layer", "layer", layer),
    ):
        if got is not None:
            check_one_of(option, got, dict.fromkeys(getattr(of, coordinate) for of in held), remedy)
            held = [of for of in held if getattr(of, coordinate) == got]
    layers = {of.layer for of in held if not of.is_unpooled}
    if layer is None and len(layers) > 1:
        raise UserError(f"--layer: got none, expected one of {', '.join(sorted(layers, key=layer_order))}")


def _predictions(of: Coordinates) -> NDArray[np.int64]:
    """The out-of-fold predictions (n) of the probe of these features."""
    if of.input == REVERSED:
        raise UserError(
            f"--input: got {REVERSED}, expected plain or a perturbation: of reversed clips no class is predicted; "
            f'trajprobe.load_features(..., input="{REVERSED}") loads their features'
        )
    of_features = digest(folder(of))
    for variant in probe_results.load(of.row).variants:
        if of_features in variant.features:
            return np.array(variant.networks[variant.features.index(of_features)].predictions, np.int64)
    raise UserError(
        f"{probe_results.path(of.row)}: has no predictions from {folder(of)}; `dvc repro probe@{of.row}` makes them"
    )


def _arrays(table: Table) -> dict[str, NDArray[Any]]:
    loaded = table.loaded
    return {
        "features": loaded.features,
        "labels": loaded.labels,
        "groups": loaded.groups,
        "folds": loaded.folds,
        "predictions": table.predictions,
    }


def _npz(path: Path, table: Table) -> None:
    texts = {"label_names": table.loaded.names, "provenance": np.array(table.provenance)}
    write_npz(path, _arrays(table) | texts)


def _safetensors(path: Path, table: Table) -> None:
    from safetensors.numpy import save

    names = json.dumps(table.loaded.names.tolist())
    with writing(path) as file:
        file.write(save(_arrays(table), {"label_names": names, "provenance": table.provenance}))


def _parquet(path: Path, table: Table) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    loaded, names = table.loaded, table.loaded.names
    clips, steps, dimensions = loaded.features.shape
    columns = {
        "clip": pa.array(np.arange(clips)),
        "label": pa.array(names[loaded.labels]),
        "group": pa.array(loaded.groups),
        "fold": pa.array(loaded.folds),
        "prediction": pa.array(names[table.predictions], mask=table.predictions < 0),
        "features": pa.FixedSizeListArray.from_arrays(pa.array(loaded.features.ravel()), steps * dimensions),
    }
    metadata = {"trajprobe": table.provenance, "shape": json.dumps([steps, dimensions])}
    with writing(path) as file:
        parquet.write_table(pa.table(columns, metadata=metadata), file)


FORMATS: dict[str, Callable[[Path, Table], None]] = {
    ".parquet": _parquet,
    ".npz": _npz,
    ".safetensors": _safetensors,
}
