"""`trajprobe data import` of a CSV file of a million points, beside pandas reading it.

10,000 tracks, 57 MB. Both are processes of their own, in processor time; that of the commands that the import runs
(`dvc add`) counts too. Memory is the import's own at most.
"""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from measure import Row, paired, run

STEPS = 100
#: Processor time of the import at most, as a multiple of that of pandas.read_csv; and the memory of its process, bytes.
TIMES, MEGABYTES = 8, 1000
READ = "import pandas; pandas.read_csv('points.csv')"
IMPORT = "from trajprobe.cli import main; main(['data', 'import', 'points.csv', '--name', 'points', '--force'])"
#: What either does; then processor time, and memory at most.
MEASURED = """
import contextlib, io, resource
with contextlib.redirect_stdout(io.StringIO()):
    {}
own, others = (resource.getrusage(whose) for whose in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM:"))
print(own.ru_utime + own.ru_stime + others.ru_utime + others.ru_stime, peak.split()[1])
"""


def measured(code: str) -> tuple[float, float]:
    """Processor seconds and MB of memory."""
    seconds, kilobytes = run("python", "-c", MEASURED.format(code)).split()
    return float(seconds), 1024 * float(kilobytes) / 1e6


def rows(*, quick: bool) -> Iterator[Row]:
    points = 2_000 if quick else 1_000_000
    generator = np.random.default_rng(0)
    track, step = np.divmod(np.arange(points), STEPS)
    places = generator.normal(size=(points, 2)).cumsum(0)
    classes = np.array(["walk", "run", "stand"])[track % 3]
    table = pd.DataFrame({"track_id": track, "t": step / 25, "x": places[:, 0], "y": places[:, 1], "label": classes})
    table.to_csv("points.csv", index=False)
    del table
    for command in (["git", "init", "--quiet"], [sys.executable, "-m", "dvc", "init", "--quiet"]):
        subprocess.run(command, check=True)
    pairs = [(measured(IMPORT), measured(READ)) for _ in range(1 if quick else 3)]
    seconds = [[each[0] for each in of] for of in zip(*pairs, strict=True)]
    size = Path("points.csv").stat().st_size / 1e6
    yield paired(f"import of {size:.0f} MB, processor time", seconds[0], "pandas.read_csv", seconds[1], "s",
                 at_most=TIMES)  # fmt: skip
    yield Row(what="its memory", value=max(ours[1] for ours, _ in pairs), unit="MB", at_most=MEGABYTES)
