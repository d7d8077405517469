"""python benchmarks/guard_rates.py [SETS]: how often the guards on tracks speak on honest sets, and on faulty ones.

Prints two tables in Markdown: of SETS simulated honest sets of each kind (20 by default), and of as many sets with each
fault, the share on which each guard speaks. Takes some four minutes for 20.
"""

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trajprobe.data import guards, raw, synthetic
from trajprobe.data.folds import Prepare, prepare
from trajprobe.errors import UserError

Array = NDArray[np.float64]
Arrays = dict[str, NDArray[Any]]
PARAMS = Prepare(folds=5, seed=0, duplicates="keep", shared_runs="keep", guards="stop", pool="auto")
#: Guards that say what a set is like rather than that it is faulty.
LEFT_OUT = ("one number", "class", "few groups", "note", "duplicates")


def labels_of(points: Array, generator: np.random.Generator) -> Arrays:
    return {"trajectories": points, "labels": generator.integers(0, 4, len(points))}


def labelled(of: Callable[[np.random.Generator], Array], generator: np.random.Generator) -> Arrays:
    return labels_of(of(generator), generator)


def walks(generator: np.random.Generator, d: int = 2) -> Array:
    """Random walks from random places."""
    count, steps = generator.integers(80, 600), generator.integers(15, 60)
    return generator.normal(size=(count, steps, d)).cumsum(axis=1) + generator.normal(0, 5, (count, 1, d))


def curves(generator: np.random.Generator) -> Array:
    """Smooth curves: sums of three sines a coordinate."""
    count, time = generator.integers(80, 600), np.linspace(0, 1, generator.integers(20, 60))
    phases, sizes = generator.uniform(0, 2 * np.pi, (2, count, 3, 2, 1)) / [[[[[1]]]], [[[[6]]]]]
    waves = sizes * np.sin(2 * np.pi * np.arange(1, 4)[:, None, None] * time + phases)
    return np.moveaxis(waves.sum(axis=1), 1, 2) + generator.normal(size=(count, 1, 2))


def lines(generator: np.random.Generator) -> Array:
    """Straight lines at constant speed, without noise."""
    ends = generator.uniform(0, 10, (2, generator.integers(80, 600), 1, 2))
    return ends[0] + (ends[1] - ends[0]) * np.linspace(0, 1, generator.integers(10, 40))[:, None]


def gates(generator: np.random.Generator) -> Array:
    """Pedestrians between four gates, with a little noise: many go nearly the same way."""
    count, time = generator.integers(80, 600), np.linspace(0, 1, 30)[:, None]
    places = np.array([[0, 0], [20, 0], [20, 12], [0, 12]])
    ends = [places[generator.integers(0, 4, count)] + generator.normal(0, 0.8, (count, 2)) for _ in range(2)]
    noise = generator.normal(0, 0.05, (count, 30, 2)).cumsum(axis=1)
    return ends[0][:, None] + (ends[1] - ends[0])[:, None] * time + noise


def standing(generator: np.random.Generator) -> Array:
    """Half of them stand, with a jitter."""
    points = walks(generator)
    points[::2] = points[::2, :1] + generator.normal(0, 0.02, points[::2].shape)
    return points


def heavy(generator: np.random.Generator) -> Array:
    """Walks of lognormal size, from places far apart: a few are much longer than most."""
    points = walks(generator)
    return (points - points[:, :1]) * generator.lognormal(0, 0.7, (len(points), 1, 1)) + points[:, :1]


def circles(generator: np.random.Generator) -> Array:
    count, time = generator.integers(80, 600), np.linspace(0, 1, 40)
    angle = 2 * np.pi * (generator.uniform(0.5, 2, (count, 1)) * time + generator.uniform(0, 1, (count, 1)))
    turned = generator.uniform(0.5, 2, (count, 1, 1)) * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    return turned + generator.uniform(-3, 3, (count, 1, 2)) + generator.normal(0, 0.01, turned.shape)


def strokes(generator: np.random.Generator) -> Array:
    """Pen strokes on a grid of 100 x 100 pixels, a pixel a step."""
    count, steps = generator.integers(80, 400), 80
    turn = generator.normal(0, 0.15, (count, steps)).cumsum(axis=1)
    angle = np.round((generator.uniform(0, 2 * np.pi, (count, 1)) + turn) / (np.pi / 4)) * np.pi / 4
    steps_of_pixels = np.round(np.stack([np.cos(angle), np.sin(angle)], axis=-1))
    return generator.integers(20, 80, (count, 1, 2)) + steps_of_pixels.cumsum(axis=1)


def honest() -> dict[str, Callable[[np.random.Generator], Arrays]]:
    """A data set of each kind, whose tracks are independent."""
    plain = {of.__name__: of for of in (walks, curves, lines, gates, standing, heavy, circles, strokes)}
    kinds: dict[str, Callable[[np.random.Generator], Arrays]] = {
        name: partial(labelled, of) for name, of in plain.items()
    }
    kinds["walks in 3-D"] = lambda generator: labels_of(walks(generator, 3), generator)
    kinds["pixels"] = lambda generator: labels_of(np.round(0.7 * walks(generator) + 200), generator)

    def default(generator: np.random.Generator) -> Arrays:
        params = synthetic.Synthetic(clips=300, pool=1, points=100, tilt=0.5, noise=0.008, seed=0, pool_seed=1)
        return synthetic.arrays(300, params, int(generator.integers(2**31)))

    def irregular(generator: np.random.Generator) -> Arrays:
        arrays = labels_of(walks(generator), generator)
        points = arrays["trajectories"]
        times = generator.exponential(size=points.shape[:2]).cumsum(axis=1)
        return arrays | {"times": times, "lengths": generator.integers(8, points.shape[1] + 1, len(points))}

    return kinds | {"default set": default, "irregular times": irregular}


def faults() -> dict[str, Callable[[np.random.Generator], Arrays]]:
    """A data set with each fault, but for that honest walks or curves."""

    def windows(generator: np.random.Generator, length: int = 40, stride: int = 8) -> Arrays:
        recordings = generator.normal(size=(24, 240, 2)).cumsum(axis=1)
        starts = range(0, 240 - length + 1, stride)
        points = np.concatenate([[one[start : start + length] for start in starts] for one in recordings])
        return {"trajectories": points, "labels": np.repeat(np.arange(24) % 4, len(starts))}

    def cut(generator: np.random.Generator) -> Arrays:
        points = walks(generator)
        points[:10, :-3] = points[10:20, 3:]
        return labels_of(points, generator)

    def near(generator: np.random.Generator, pairs: int = 5) -> Arrays:
        points = curves(generator)
        points[:pairs] = points[pairs : 2 * pairs] + generator.normal(0, 0.01, points[:pairs].shape)
        return labels_of(points, generator)

    def persons(generator: np.random.Generator) -> Arrays:
        points = curves(generator)
        of = np.arange(len(points)) // 10
        return labels_of(points + generator.normal(0, 3, (of.max() + 1, 1, 2))[of], generator)

    def wild(generator: np.random.Generator) -> Arrays:
        points = walks(generator)
        points[3, 5] = 1e4
        return labels_of(points, generator)

    def padded(generator: np.random.Generator, mark: float = 0.0) -> Arrays:
        points = curves(generator) + 4
        for track, length in zip(points, generator.integers(8, points.shape[1] - 1, len(points)), strict=True):
            track[length:] = mark
        return labels_of(points, generator)

    def timed(generator: np.random.Generator, times: Callable[[Array], Array]) -> Arrays:
        arrays = labels_of(walks(generator), generator)
        shape = arrays["trajectories"].shape[:2]
        return arrays | {"times": times(np.broadcast_to(np.arange(float(shape[1])), shape).copy())}

    def late(times: Array) -> Array:
        times[:, -1] = 1e6
        return times

    return {
        "windows, 4 in 5 shared": windows,
        "windows, 1 in 4 shared": lambda generator: windows(generator, 40, 30),
        "copies cut differently": cut,
        "5 near copies": near,
        "1 near copy": lambda generator: near(generator, 1),
        "ten tracks a person": persons,
        "a wild fix": wild,
        "padded with 0": padded,
        "padded with -999": lambda generator: padded(generator, -999.0),
        "all times equal": lambda generator: timed(generator, np.zeros_like),
        "seconds since 1970 in float32": lambda generator: timed(
            generator, lambda times: (times + 1.7e9).astype(np.float32)
        ),
        "one late stamp": lambda generator: timed(generator, late),
        "metres in float32, far away": lambda generator: labels_of(
            (0.05 * walks(generator) + [691_000, 5_334_000]).astype(np.float32), generator
        ),
    }


def spoken(arrays: Arrays, path: Path) -> Iterator[str]:
    """The names of the guards that speak; those of grave findings with a mark."""
    np.savez(path, **arrays)  # type: ignore[arg-type]
    data = raw.load(path)
    try:
        tracks, labelling = prepare(data, PARAMS, "set")
    except UserError:
        return
    drawing = guards.Drawing(["xy"], "dataset", "normalised")
    for finding in guards.findings(data, tracks, labelling, drawing, str(path)):
        if not finding.name.startswith(LEFT_OUT):
            yield finding.name
            if finding.grave:
                yield f"{finding.name}, grave"


def main(sets: int) -> None:
    with TemporaryDirectory() as folder:
        for title, kinds in (("honest sets", honest()), ("fault", faults())):
            sys.stdout.write(f"\n| {title} | sets | guards that speak |\n|---|---|---|\n")
            total: Counter[str] = Counter()
            for kind, make in kinds.items():
                counts: Counter[str] = Counter()
                for seed in range(sets):
                    counts.update(spoken(make(np.random.default_rng(seed)), Path(folder) / "set.npz"))
                total += counts
                sys.stdout.write(f"| {kind} | {sets} | {shares(counts, sets)} |\n")
                sys.stdout.flush()
            sys.stdout.write(f"| all | {sets * len(kinds)} | {shares(total, sets * len(kinds))} |\n")


def shares(counts: Counter[str], sets: int) -> str:
    return ", ".join(f"{name} {100 * count / sets:.1f} %" for name, count in counts.items()) or "none"


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 20)
