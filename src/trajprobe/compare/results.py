"""The results that are compared: those of the rows and recipes of params.yaml, none missing and no other.

The compare stage depends on the folder of all results, since DVC can't list the rows there. What another branch or a
removed row left in it would change dvc.lock, so `remove_leftovers` removes that, and nothing else.
"""

from collections import Counter
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from trajprobe.compare.scored import Variant
from trajprobe.errors import UserError
from trajprobe.files import findings, probe_results
from trajprobe.files.atomic import file_md5
from trajprobe.files.checked_json import read_checked_json
from trajprobe.files.feature_shards import CHOSEN, REVERSED, digest, folder, networks_of
from trajprobe.files.findings import Finding
from trajprobe.files.labelling import LABELLING, Labelling
from trajprobe.files.locked_shards import cache_folder
from trajprobe.files.probe_results import RowProbe
from trajprobe.params import parse, section
from trajprobe.rows import ALL, Run, levels_of, named_rows, trained_networks, variants


def compared_probes(values: dict[str, Any], labelling: Labelling) -> list[RowProbe]:
    """The probe files of all rows, with their variants, in the order of params.yaml (`values`).

    Raises:
        UserError: one is missing or damaged, or has other variants than params.yaml says, or was made with other
            labels, groups, folds or tracks than `labelling`, or of other features than those that are here.
    """
    rows, run = named_rows(values), section(values, Run, "features")
    if missing := [name for name in rows if not probe_results.path(name).is_file()]:
        raise UserError(
            f"{probe_results.PROBES}: no probe of {', '.join(missing)}; `dvc repro` makes it, `dvc pull` fetches it, "
            "`trajprobe table --without ROW` makes a table of the others"
        )
    probes = []
    for name, row in rows.items():
        probe = probe_results.load(name)
        parts = {Variant(name, part.network, part.input, part.layer): part for part in probe.variants}
        layers = [part.layer for part in probe.variants if part.layer != CHOSEN]
        if row.layer == ALL:  # the features stage asked the family which these are
            row = replace(row, layer=tuple(dict.fromkeys(layer.rpartition(".")[0] for layer in layers)))
        reverses, levels = run.reverses(row), levels_of(values, row)
        of_row = variants(name, row, run.seeds, trained_networks(values, row), reverses=reverses, levels=levels)
        if len(row.views) > 1:
            first = str(row.views[0])
            chosen = [of._replace(layer=CHOSEN) for of in of_row if of.layer == first and of.input != REVERSED]
            of_row = chosen + of_row
        expected = Counter(Variant(*of.without_seed) for of in of_row)
        got = {variant: len(part.networks) for variant, part in parts.items()}
        got |= {
            variant._replace(input=REVERSED): len(part.reversed) for variant, part in parts.items() if part.reversed
        }
        if expected != got:
            raise UserError(
                f"{probe_results.path(name)}: got probes of other features than params.yaml; run `dvc repro`"
            )
        _check_origin(probe, labelling)
        probes.append(replace(probe, variants=[parts[of] for of in expected if of in parts]))
    return probes


def _check_origin(probe: RowProbe, labelling: Labelling) -> None:
    """Raises UserError where the probe is of another labelling, or of other features than are here, if any are."""
    path = probe_results.path(probe.row)
    if probe.labelling != labelling.digest():
        raise UserError(f"{path}: was made of other tracks, labels, groups or folds than {LABELLING}; run `dvc repro`")
    digests = {(part.network, part.input, part.layer): iter(part.features) for part in probe.variants}
    digests |= {(part.network, REVERSED, part.layer): iter(part.reversed) for part in probe.variants if part.reversed}
    for of in networks_of(probe.row):
        if digest(folder(of)) != next(digests.get(of.without_seed[1:], iter(())), None):
            raise UserError(f"{path}: was made of other features than {folder(of)}; run `dvc repro`")


def pretraining_figures(values: dict[str, Any]) -> dict[str, dict[str, float]]:
    """The figures of each recipe of `pretrain`, by its name.

    Raises:
        UserError: they are missing or damaged.
    """
    return {
        name: parse(read_checked_json(path := probe_results.PRETRAINING / f"{name}.json"), dict[str, float], str(path))
        for name in section(values, dict[str, Any], "pretrain")
    }


def clip_findings(values: dict[str, Any]) -> list[Finding]:
    """What the guards found in the clips of all formats that a row names, in the order of params.yaml (`values`).

    Raises:
        UserError: they are missing or damaged.
    """
    formats = {row.clips for row in named_rows(values).values()}
    return [
        finding for form in values["clips"] if form in formats for finding in findings.load(findings.of_clips(form))
    ]


def remove_leftovers(values: dict[str, Any]) -> None:
    """Deletes results of rows, recipes and formats that params.yaml (`values`) does not name, of another branch or old.

    Only a file that DVC's cache holds to the byte is deleted: a stage made it, and `dvc checkout` brings it back. Other
    files are the user's, and so is a copy of a probe's file under another name than its row's.
    """
    of_params = {probe_results.path(name) for name in values["rows"]}
    of_params |= {probe_results.PRETRAINING / f"{name}.json" for name in values["pretrain"]}
    of_params |= set(map(findings.of_clips, values["clips"]))
    for results in (probe_results.PROBES, probe_results.PRETRAINING, findings.CLIP_FINDINGS):
        for path in set(results.glob("*.json")) - of_params:
            if is_cached(path) and (results != probe_results.PROBES or _row(path) == path.stem):
                path.unlink()


def is_cached(path: Path) -> bool:
    """Whether DVC's cache holds a file to the byte: a stage made it, and `dvc checkout` brings it back."""
    md5 = file_md5(path)
    return (cache_folder() / "files/md5" / md5[:2] / md5[2:]).is_file()


def _row(path: Path) -> str | None:
    """The row of a probe file; None for what is none."""
    try:
        return str(read_checked_json(path).get("row"))
    except UserError:
        return None
