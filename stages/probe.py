"""python stages/probe.py KIND ROW: probes a row's features, out of fold. KIND is pretrained, random or controls."""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).parents[1] / "src")

from trajprobe.params import read, section
from trajprobe.stage import run


def main(kind: str, row: str) -> str:
    import msgspec

    from trajprobe.files import probe_results as files
    from trajprobe.files.feature_shards import Kind
    from trajprobe.probes.row import line, probe_row
    from trajprobe.probes.settings import Probe

    probed = probe_row(msgspec.convert(kind, Kind), row, section(read(), Probe, "probe"))
    files.save(probed)
    return line(probed)


if __name__ == "__main__":
    run(main)
