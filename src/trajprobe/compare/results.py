"""The results that are compared: those of the rows and recipes of params.yaml, none missing and no other.

The compare stage depends on the folder of all results, since DVC can't list the rows there. What another branch or a
removed row left in it would change dvc.lock, so `remove_leftovers` removes that, and nothing else.
"""

from collections import Counter
from typing import Any

import msgspec

from trajprobe.compare.scored import Variant
from trajprobe.errors import UserError
from trajprobe.files import probe_results
from trajprobe.files.atomic import file_md5
from trajprobe.files.locked_shards import cache_folder
from trajprobe.files.probe_results import RowProbe
from trajprobe.files.reading import read_json
from trajprobe.params import parse, section
from trajprobe.rows import named_rows, variants


def compared_probes(values: dict[str, Any]) -> list[RowProbe]:
    """The probe files of all rows, with their variants, in the order of params.yaml (`values`).

    Raises:
        UserError: one is missing, damaged, or has other variants than params.yaml says.
    """
    rows, seeds = named_rows(values), section(values, int, "features", "seeds")
    if missing := [name for name in rows if not probe_results.path(name).is_file()]:
        raise UserError(
            f"{probe_results.PROBES}: no probe of {', '.join(missing)}; `dvc repro` makes it, `dvc pull` fetches it"
        )
    probes = []
    for name, row in rows.items():
        probe = probe_results.load(name)
        parts = {Variant(name, part.network, part.input, part.layer): part for part in probe.variants}
        expected = Counter(Variant(*of.without_seed) for of in variants(name, row, seeds))
        if expected != {variant: len(part.networks) for variant, part in parts.items()}:
            raise UserError(
                f"{probe_results.path(name)}: got probes of other features than params.yaml; run `dvc repro`"
            )
        probes.append(msgspec.structs.replace(probe, variants=[parts[variant] for variant in expected]))
    return probes


def pretraining_figures(values: dict[str, Any]) -> dict[str, dict[str, float]]:
    """The figures of each recipe of `pretrain`, by its name.

    Raises:
        UserError: they are missing or damaged.
    """
    return {
        name: parse(read_json(path := probe_results.PRETRAINING / f"{name}.json"), dict[str, float], str(path))
        for name in section(values, dict[str, Any], "pretrain")
    }


def remove_leftovers(values: dict[str, Any]) -> None:
    """Deletes results of rows and recipes that params.yaml (`values`) does not name, of another branch or removed.

    Only a file that DVC's cache holds to the byte is deleted: a stage made it, and `dvc checkout` brings it back. Other
    files are the user's.
    """
    objects = cache_folder() / "files/md5"
    of_params = {probe_results.path(name) for name in values["rows"]}
    of_params |= {probe_results.PRETRAINING / f"{name}.json" for name in values["pretrain"]}
    for folder in (probe_results.PROBES, probe_results.PRETRAINING):
        for path in set(folder.glob("*.json")) - of_params:
            md5 = file_md5(path)
            if (objects / md5[:2] / md5[2:]).is_file():
                path.unlink()
