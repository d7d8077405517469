"""python stages/probe.py ROW: probes all features of a row, out of fold."""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).parents[1] / "src")

from trajprobe.params import read, section
from trajprobe.stage import run


def main(row: str) -> str:
    from trajprobe.files import probe_results as files
    from trajprobe.probes.probe_row import line, probe_row
    from trajprobe.probes.settings import Probe

    probed = probe_row(row, section(read(), Probe, "probe"))
    files.save(probed)
    return line(probed)


if __name__ == "__main__":
    run(main)
