"""Time and memory as the clips grow: 1, 2, 4, 8 and 16 times as many, to 100,000 tracks.

Tracks of 100 points in 3-D, clips of 5 x 32 x 32, features and probe of the control *kinematics*; one process, one
thread. The probe is ridge, which is there for sets so large, with five permutations, and one draw of few labels and of
the order in which clips are coded. A stage runs on a few tracks first, so that its imports are no part of it, and what
the same few take then is subtracted. *exponent* is k of time ~ clips^k in processor time, fitted by least squares of
the logarithms; so is that of the memory which a process grows by at most. *bytes for each byte of tracks* is how memory
grows from the fewest clips to the most, over how the tracks grow in memory (three coordinates and a time, eight bytes
each).
"""

import json
import os
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path
from typing import Any

from measure import ROOT, Row, exponent, run
from ruamel.yaml import YAML

from trajprobe.params import read

TIMES, POINTS = (1, 2, 4, 8, 16), 100
#: Runs of which the quickest counts: a machine's speed is not the same for minutes.
ROUNDS = 3
#: Clips of the smallest run, and of the one that warms up.
FEWEST, FEW = 6_250, 60
#: The highest exponent of time, and the most bytes for each byte of tracks that is added.
EXPONENT, COPIES = 1.05, 3
#: The stages, in order: the code that has one done in the current folder. A stage is its own script's `main`.
STAGE = """
import runpy, sys
main = runpy.run_path({script!r}, run_name="stage")["main"]
def do():
    main(*{arguments!r})
"""
IMPORT = """
from pathlib import Path
from trajprobe.data import raw
from trajprobe.files.atomic import write_npz
from trajprobe.importers.data_set import load
from trajprobe.importers.options import ImportOptions
def do():
    write_npz(Path("data/raw/grown.npz"), raw.as_arrays(load((Path("tracks.npz"),), ImportOptions())[0]))
"""
#: Prints processor seconds and the bytes by which memory grows, of the work in each of the folders but the first.
MEASURED = """
import json, os, resource, sys
import psutil
{code}
def seconds():
    of = [resource.getrusage(whose) for whose in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in of)
few, *others = sys.argv[1:]
os.chdir(few)
do()
begun = seconds()
do()
least = seconds() - begun
for many in others:
    os.chdir(many)
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")
    before, begun = psutil.Process().memory_info().rss, seconds()
    do()
    taken = seconds() - begun
    peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM:"))
    print("measured", json.dumps([taken - least, 1024 * int(peak.split()[1]) - before]))
"""
#: Not in this process: the largest memory of a process counts as that of those which it starts.
DRAW = """
from pathlib import Path
from trajprobe.data.synthetic import Synthetic, arrays
from trajprobe.files.atomic import write_npz
for name, count, seed in (("tracks.npz", {count}, 0), ("data/raw/synthetic_pool.npz", 20, 1)):
    params = Synthetic(clips=count, pool=1, points={points}, tilt=0.5, noise=0.008, seed=0, pool_seed=1)
    write_npz(Path(name), arrays(count, params, seed))
"""


def stage(name: str, *arguments: str) -> str:
    return STAGE.format(script=str(ROOT / f"stages/{name}.py"), arguments=arguments)


STAGES = {
    "import": IMPORT,
    "prepare": stage("prepare"),
    "render": stage("render", "t5"),
    "features of kinematics": stage("features", "kinematics"),
    "probe, ridge": stage("probe", "kinematics"),
}


def write(folder: Path, count: int, points: int) -> None:
    """A repository's params.yaml and raw tracks, for so many clips."""
    values = read(ROOT / "params.yaml")
    values |= {"dataset": "grown", "clips": {"t5": {"frames": 5, "resolution": 32}}, "pretrain": {}}
    values["rows"] = {"kinematics": values["rows"]["kinematics"] | {"clips": "t5"}}
    values["probe"] |= {"classifier": "ridge", "permutations": 5, "few_shot": {"draws": 1, "c": 1}}
    values["probe"] |= {"code_length": {"draws": 1, "c": [0.1]}}
    values["features"] |= {"arrow_of_time": "none"}
    (folder / "data/raw").mkdir(parents=True)
    with (folder / "params.yaml").open("w") as file:
        YAML(typ="safe").dump(values, file)
    with chdir(folder):
        run("python", "-c", DRAW.format(count=count, points=points))


def measured(code: str, few: Path, *many: Path) -> list[tuple[float, float]]:
    """Processor seconds and bytes of memory, in each of the folders `many`."""
    variables = {
        "TRAJPROBE_WORKERS": "1",
        "OMP_NUM_THREADS": "1",
        "TRAJPROBE_STORE": str(many[0] / f"store-{time.time_ns()}"),
    }
    told = run("python", "-c", MEASURED.format(code=code), few, *many, env=os.environ | variables).splitlines()
    found = [json.loads(line.removeprefix("measured ")) for line in told if line.startswith("measured ")]
    return [(max(seconds, 1e-3), max(memory, 1.0)) for seconds, memory in found]


def rows(*, quick: bool) -> Iterator[Row]:
    fewest, times, points = (60, (1, 2), 20) if quick else (FEWEST, TIMES, POINTS)
    counts = [fewest * each for each in times]
    top = Path.cwd()
    write(top / "few", FEW, points)
    for count in counts:
        write(top / str(count), count, points)
    folders = [top / str(count) for count in counts]
    # A process for each, since one may use memory again that it has freed; `quick` measures nothing.
    processes = [folders] if quick else [[folder] for folder in folders]
    rounds: dict[str, list[list[tuple[float, float]]]] = defaultdict(list)
    for _ in range(1 if quick else ROUNDS):  # of all stages, so that the runs of one are minutes apart
        for name, code in STAGES.items():
            rounds[name].append([pair for many in processes for pair in measured(code, top / "few", *many)])
    taken = {name: [min(of_count) for of_count in zip(*of_stage, strict=True)] for name, of_stage in rounds.items()}
    size: Any = [32 * points * count for count in counts]
    for name, found in taken.items():
        seconds, memory = (list(of) for of in zip(*found, strict=True))
        told = " to ".join(f"{each:.3g}" for each in (seconds[0], seconds[-1]))
        yield Row(what=f"{name}: exponent of time", value=exponent(counts, seconds), unit="", at_most=EXPONENT,
                  note=f"{told} s for {counts[0]:,} to {counts[-1]:,} clips")  # fmt: skip
        told = " to ".join(f"{each / 1e6:,.0f}" for each in (memory[0], memory[-1]))
        yield Row(what=f"{name}: exponent of memory", value=exponent(counts, memory), unit="", note=f"{told} MB")
        copies = (memory[-1] - memory[0]) / (size[-1] - size[0])
        yield Row(what=f"{name}: bytes for each byte of tracks", value=copies, unit="", at_most=COPIES)
