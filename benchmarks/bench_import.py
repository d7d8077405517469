"""python benchmarks/bench_import.py: a table of a million points, imported, beside pandas alone reading it."""

import contextlib
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from measure import machine

POINTS, STEPS = 1_000_000, 100
#: Processor time of the import at most, as a multiple of that of pandas.read_csv; and the memory of its process, bytes.
TIMES, BYTES = 8, 1e9
READ = "import pandas; pandas.read_csv('points.csv')"
IMPORT = "from trajprobe.cli import main; main(['data', 'import', 'points.csv', '--name', 'points', '--force'])"
#: Both in a process of their own, which says its processor time, that of the commands it ran, and its memory at most.
MEASURED = """
import contextlib, io, resource
with contextlib.redirect_stdout(io.StringIO()):
    {}
own, others = (resource.getrusage(whose) for whose in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
print(own.ru_utime + own.ru_stime + others.ru_utime + others.ru_stime, 1024 * own.ru_maxrss)
"""


def measured(code: str) -> tuple[float, float]:
    """Processor seconds and bytes of memory, the least of three runs."""
    run = [sys.executable, "-c", MEASURED.format(code)]
    printed = [subprocess.run(run, capture_output=True, text=True, check=True).stdout for _ in range(3)]
    seconds, memory = np.array([line.split() for line in printed], float).min(0)
    return float(seconds), float(memory)


def main() -> None:
    generator = np.random.default_rng(0)
    track, step = np.divmod(np.arange(POINTS), STEPS)
    points = generator.normal(size=(POINTS, 2)).cumsum(0)
    classes = np.array(["walk", "run", "stand"])[track % 3]
    table = pd.DataFrame({"track_id": track, "t": step / 25, "x": points[:, 0], "y": points[:, 1], "label": classes})
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        table.to_csv("points.csv", index=False)
        del table
        for command in (["git", "init", "--quiet"], [sys.executable, "-m", "dvc", "init", "--quiet"]):
            subprocess.run(command, check=True)
        size = Path("points.csv").stat().st_size
        (read, _), (imported, memory) = measured(READ), measured(IMPORT)
    print(f"import of {POINTS:,} points in {POINTS // STEPS:,} tracks, {size / 1e6:.0f} MB of CSV, {machine()}")
    print(
        f"{imported:.1f} s of processor time, {imported / read:.1f} times the {read:.1f} s of read_csv; the limit "
        f"is {TIMES}; {memory / 1e9:.2f} GB; the limit is {BYTES / 1e9:.0f}"
    )


if __name__ == "__main__":
    main()
