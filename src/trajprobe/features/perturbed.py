"""Features of the row that `compare.primary` names, perturbed: a folder for each perturbation."""

from dataclasses import replace
from typing import Any

from trajprobe.files.atomic import fresh_folder
from trajprobe.files.feature_shards import FEATURES
from trajprobe.params import section
from trajprobe.rows import Backbone, Untrained, perturbations


def perturbed(values: dict[str, Any], part: str, name: str, *options: str) -> str:
    """Writes them for row `name` of `part` of params.yaml (`values`); returns a line that tells what was made.

    The folder of any other row becomes empty, and at once: without torch. A row of `untrained` is its first seed's
    network. With the option --dry nothing is written, and the line is the forecast.

    Raises:
        UserError: as for the features of the row itself.
    """
    row = section(values, Backbone if part == "backbones" else Untrained, part, name)
    folder, names = FEATURES / "perturbed" / name, perturbations(values, part, name)
    if not names:
        with fresh_folder(folder):
            return f"{name} is not `compare.primary`: nothing to do"
    from trajprobe.features.extraction import extract
    from trajprobe.features.networks import Drawn, Pretrained, dry
    from trajprobe.features.perturbing import PERTURBATIONS
    from trajprobe.features.setting import Setting

    setting = Setting.of(values, row, name)
    settings = [replace(setting, perturbation=PERTURBATIONS[each]) for each in names]
    jobs = [
        Pretrained(one, row.weights, folder / each) if isinstance(row, Backbone) else Drawn(one, 0, folder / each)
        for one, each in zip(settings, names, strict=True)
    ]
    return extract(setting, jobs, f"{name} (perturbed)", dry=dry(options))
