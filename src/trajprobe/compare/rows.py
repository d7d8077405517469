"""Which rows params.yaml names: none may be missing from the comparison, and no other may get into it.

DVC can't list the rows as dependencies of the compare stage, only their folder, which keeps what another branch or a
removed row left there.
"""

from pathlib import Path
from typing import Any

from trajprobe.errors import UserError
from trajprobe.files import probe_results as files
from trajprobe.files.atomic import read_json
from trajprobe.files.feature_shards import Kind
from trajprobe.files.probe_results import RowProbe
from trajprobe.params import check_name, section
from trajprobe.rows import PERTURBATIONS, perturbations

PRETRAIN = Path("data/results/pretrain")
#: Names that summary.json uses beside the rows'.
TAKEN = ("controls", "data", "headline", "pretrain", *PERTURBATIONS["backbones"])


def named(values: dict[str, Any]) -> list[tuple[Kind, str]]:
    """The kinds and names of all rows; the primary one's perturbed features come last, as ROW/PERTURBATION.

    Raises:
        UserError: a name is there twice, or is one that the summary or DVC needs.
    """
    kinds: dict[str, tuple[Kind, ...]] = {
        "backbones": ("pretrained", "random"),
        "untrained": ("random",),
        "trained_controls": ("controls",),
        "controls": ("controls",),
    }
    rows: list[tuple[Kind, str]] = []
    seen: dict[str, str] = {}
    for part, its_kinds in kinds.items():
        for name in section(values, dict[str, dict[str, Any]], part):
            check_name(name, f"params.yaml: `{part}.{name}`", TAKEN)
            if name in seen:
                raise UserError(f"params.yaml: `{part}.{name}`: a row of that name is in `{seen[name]}`; rename one")
            seen[name] = part
            rows += [(kind, name) for kind in its_kinds]
    for part in PERTURBATIONS:
        for name in values[part]:
            rows += [("perturbed", f"{name}/{each}") for each in perturbations(values, part, name)]
    return rows


def references(values: dict[str, Any]) -> dict[str, str]:
    """For each trained control, the backbone it is held against."""
    return {name: row["of"] for name, row in section(values, dict[str, dict[str, Any]], "trained_controls").items()}


def recipe_notes(values: dict[str, Any]) -> list[str]:
    """A note for each trained control whose pretraining differs from its row's in more than one thing."""
    notes = []
    for name, of in references(values).items():
        of_weights = values["backbones"].get(of, {}).get("weights")
        theirs, own = (values["pretrain"].get(key) for key in (of_weights, values["trained_controls"][name]["weights"]))
        keys = [key for key in own or {} if theirs and own[key] != theirs.get(key)]
        if len(keys) > 1:
            notes.append(f"{name} was pretrained otherwise than {of} in {' and '.join(keys)}, not in one thing alone.")
    return notes


def probes(rows: list[tuple[Kind, str]]) -> list[RowProbe]:
    """The probe files of `rows`; those of other rows are removed.

    Raises:
        UserError: one is missing.
    """
    missing = [f"{row} ({kind})" for kind, row in rows if not files.path(kind, row).is_file()]
    if missing:
        raise UserError(
            f"{files.PROBES}: no probe of {', '.join(missing)}; `dvc repro` makes it, `dvc pull` fetches it"
        )
    _remove_others(files.PROBES, {files.path(kind, row) for kind, row in rows})
    return [files.load(kind, row) for kind, row in rows]


def pretraining(values: dict[str, Any]) -> dict[str, dict[str, float]]:
    """The figures of each recipe of `pretrain`; those of other recipes are removed."""
    paths = {name: PRETRAIN / f"{name}.json" for name in section(values, dict[str, Any], "pretrain")}
    _remove_others(PRETRAIN, set(paths.values()))
    return {name: read_json(path) for name, path in paths.items()}


def _remove_others(folder: Path, kept: set[Path]) -> None:
    for path in folder.rglob("*"):
        if path.is_file() and path not in kept:
            path.unlink()
