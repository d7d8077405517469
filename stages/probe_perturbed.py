"""python stages/probe_perturbed.py ROW: probes the perturbed features of a row, out of fold, where it has such."""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).parents[1] / "src")

from trajprobe.params import read, section
from trajprobe.stage import run


def main(name: str) -> str:
    from trajprobe.files import probe_results as files
    from trajprobe.files.atomic import fresh_folder
    from trajprobe.files.feature_shards import perturbed
    from trajprobe.probes.row import line, probe_row
    from trajprobe.probes.settings import Probe

    params = section(read(), Probe, "probe")
    probed = [probe_row("perturbed", row, params) for row in perturbed(name)]
    with fresh_folder(files.PROBES / "perturbed" / name):
        pass  # a folder of this run's alone, empty for a row that has none
    for each in probed:
        files.save(each)
    return "; ".join(map(line, probed)) or f"{name} is not perturbed: nothing to do"


if __name__ == "__main__":
    run(main)
