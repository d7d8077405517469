"""python benchmarks/bench_growth.py: memory and time of the stages that handle tracks, at ten times as many tracks."""

import contextlib
import math
import subprocess
import sys
import tempfile
from pathlib import Path

from measure import machine

TRACKS, POINTS = (10_000, 100_000), 100
#: What a stage may take for each byte of tracks that are added, and how its time may grow, as an exponent.
COPIES, EXPONENT = 3, 1.05
#: Each in a process of its own, which prints its processor time and its memory at most.
MEASURED = """
import resource
from pathlib import Path
{}
used = resource.getrusage(resource.RUSAGE_SELF)
print(used.ru_utime + used.ru_stime, 1024 * used.ru_maxrss)
"""
#: Not in this process: the largest memory of a process counts as that of those which it starts.
DRAW = """
from trajprobe.data.synthetic import Synthetic, arrays
from trajprobe.files.atomic import write_npz
params = Synthetic(clips={count}, pool=1, points={points}, tilt=0.5, noise=0.008, seed=0, pool_seed=1)
write_npz(Path("tracks.npz"), arrays({count}, params, 0))
"""
STAGES = {
    "import": """
from trajprobe.files.atomic import write_npz
from trajprobe.data import raw
from trajprobe.importers.data_set import load
from trajprobe.importers.options import ImportOptions
write_npz(Path("set.npz"), raw.as_arrays(load((Path("tracks.npz"),), ImportOptions())[0]))
""",
    "prepare": """
from trajprobe.data import folds, guards, raw
params = folds.Prepare(5, 0, "keep", "keep", "stop", "auto")
source = raw.load(Path("set.npz"))
tracks, labelling = folds.prepare(source, params, "set")
list(guards.findings(source, tracks, labelling, guards.Drawing(["xy"], "dataset", "normalised"), "set.npz"))
tracks.save(Path("canonical.npz"))
labelling.save(Path("labelling.npz"))
""",
    "render": """
from trajprobe.clips.render import render
from trajprobe.clips.sections import Format, Scene
scene = Scene("perspective", "dataset", "normalised", 0.05, 0.1)
render(Path("canonical.npz"), scene, Format(5, 32), Path("clips/t5"), "warn", Path("t5.json"))
""",
}


def measured(code: str, store: Path) -> tuple[float, float]:
    """Processor seconds and bytes of memory."""
    run = [sys.executable, "-c", MEASURED.format(code)]
    environment = {"TRAJPROBE_STORE": str(store), "TRAJPROBE_WORKERS": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(run, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
    seconds, memory = map(float, done.stdout.split())
    return seconds, memory


def main() -> None:
    print(f"{TRACKS[0]:,} and {TRACKS[1]:,} tracks of {POINTS} points in 3-D, {machine()}")
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in STAGES}
    for count in TRACKS:
        with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
            measured(DRAW.format(count=count, points=POINTS), Path(folder, "store"))
            for name, code in STAGES.items():
                taken[name].append(measured(code, Path(folder, "store")))
    for name, ((seconds, memory), (more_seconds, more_memory)) in taken.items():
        exponent = math.log(more_seconds / seconds) / math.log(TRACKS[1] / TRACKS[0])
        copies = (more_memory - memory) / (8 * 4 * POINTS * (TRACKS[1] - TRACKS[0]))  # three coordinates and a time
        print(
            f"{name}: {seconds:.1f} and {more_seconds:.1f} s of processor time, exponent {exponent:.2f} (limit "
            f"{EXPONENT}); {memory / 1e6:,.0f} and {more_memory / 1e6:,.0f} MB: {copies:.2f} bytes for each byte of "
            f"the tracks that were added (limit {COPIES})"
        )


if __name__ == "__main__":
    main()
