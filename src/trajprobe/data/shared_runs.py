"""Guard: do tracks share runs of points? Windows of one recording, or copies that were cut differently.

Every run of k points in a row has a hash, a polynomial in the hashes of its points modulo 2^64 (Karp and Rabin 1987,
IBM J. Res. Dev. 31, 249). Runs of two tracks with the same hash are the same points: two of 10^8 different ones have
the same hash with a probability of 0.0003. Sorting the hashes costs n log n; no two tracks are compared.

k is as long as it must be for two of all runs not to be the same by chance. Where coordinates are fine, each step says
log2 of the number of steps in bits, and a few are enough. On a grid of pixels there are few different steps, and lines
repeat them: so a step counts that is none of the `BEFORE` steps before it, with the bits that such steps say on
average, and a run must say `BITS` more than twice log2 of the number of points.
"""

from collections.abc import Iterator
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from trajprobe.data.raw_file import RawFile, equal, several
from trajprobe.files.findings import Finding, first
from trajprobe.files.labelling import Labelling
from trajprobe.files.tracks import Tracks, blocks, padding

Hashes = NDArray[np.uint64]
T = TypeVar("T", np.uint64, np.int64)
#: Points of a run: at least, and at most. A point that stands is counted once.
SHORTEST, LONGEST = 8, 256
#: Steps that a new one is held against, and the bits that make a coincidence of any two runs improbable.
BEFORE, BITS = 4, 10.0
#: Steps are the same that differ by less than this share of the median step, of so many tracks.
SAME, SAMPLE = 1e-3, 2000
#: With at least this share of tested tracks that share a run with a track of train, accuracies mean nothing.
GRAVE = 0.1
#: An odd number without pattern: the base of the polynomial (its bits are those of the golden ratio).
BASE = np.uint64(0x9E3779B97F4A7C15)


class RunLength(NamedTuple):
    """What a run must be to be no coincidence."""

    points: int
    new_steps: int  #: at least
    unit: float  #: steps are compared in it


class Shared(NamedTuple):
    """Runs that several tracks have, one of each set of tracks: a line for each run and track that has it."""

    runs: NDArray[np.int64]  #: (m), the number of the run; rising
    tracks: NDArray[np.int64]  #: (m)


def shared_runs(tracks: Tracks, same: NDArray[np.int64]) -> Shared:
    """Which runs stand in several tracks; exact duplicates, of which `same` (n) has the number of the set, are one."""
    representatives = np.unique(same, return_index=True)[1]
    run = _run(tracks, representatives)
    repeated = _repeated(tracks, representatives, run)
    if not len(repeated):
        return Shared(np.empty(0, np.int64), np.empty(0, np.int64))
    of_blocks = []
    for of_block, track in _blocks(tracks, representatives, run):
        order = np.argsort(of_block)  # what is looked up in order is in the cache
        at = np.minimum(np.searchsorted(repeated, of_block[order]), len(repeated) - 1)
        again = repeated[at] == of_block[order]
        of_blocks.append(_distinct(at[again] * len(tracks) + track[order][again]))  # pairs would be slow to sort
    lines = np.concatenate(of_blocks)
    of_blocks.clear()  # of so many, a copy counts
    lines = _distinct(lines)
    return _of_different_sets(lines, len(tracks))


def _of_different_sets(lines: NDArray[np.int64], count: int) -> Shared:
    """One run of those that the same set of several tracks has; each line (m) is run x `count` + track, rising.

    Overlapping windows share a run at each point. What is asked of runs is who has them, and one in so many answers it.
    """
    runs = lines // count
    lines %= count
    starts = np.flatnonzero(np.r_[True, runs[1:] != runs[:-1]])
    sets = np.add.reduceat(_mixed(np.arange(count, dtype=np.uint64)[:, None])[lines], starts)  # the sum of its hashes
    sizes = np.diff(np.r_[starts, len(runs)])
    kept = np.zeros(len(starts), bool)
    kept[np.unique(sets, return_index=True)[1]] = True
    kept &= sizes > 1  # else a track repeats itself
    chosen = np.repeat(kept, sizes)
    return Shared(runs[chosen], lines[chosen])


def joined(shared: Shared, count: int) -> NDArray[np.int64]:
    """For each of `count` tracks the number of its set of tracks that shared runs join, directly or by others."""
    first_of_run = np.r_[True, shared.runs[1:] != shared.runs[:-1]] if len(shared.runs) else np.empty(0, bool)
    hubs = shared.tracks[first_of_run][np.cumsum(first_of_run) - 1] if len(shared.runs) else shared.tracks
    graph = coo_array((np.ones(len(hubs)), (hubs, shared.tracks)), shape=(count, count))
    component: NDArray[np.int64] = connected_components(graph, directed=False)[1].astype(np.int64)
    return component


def findings(tracks: Tracks, same: NDArray[np.int64], labelling: Labelling, file: RawFile) -> Iterator[Finding]:
    """At most one finding: tracks of different groups that share runs.

    Args:
        tracks: n of them.
        same: (n), the number of each track's set of exact duplicates, of which another guard tells.
        labelling: their groups and folds.
        file: names the tracks.
    """
    shared = shared_runs(tracks, same)
    across = Shared(*(part[_differ(shared.runs, labelling.groups[shared.tracks])] for part in shared))
    if not len(across.runs):
        return
    component = joined(across, len(tracks))
    chosen = np.unique(across.tracks)
    order = chosen[np.argsort(component[chosen], kind="stable")]
    sets = file.sets(np.split(order, np.flatnonzero(np.diff(component[order])) + 1))
    folds = labelling.folds[across.tracks]
    of_several_folds = across.tracks[_differ(across.runs, folds) & (folds >= 0)]
    tested, leaked = int((labelling.folds >= 0).sum()), len(np.unique(of_several_folds))
    remedy = (
        "correct `split`"
        if (labelling.folds < 0).any()
        else "`prepare.shared_runs: group` makes each such set one group, all in one fold; better, name each "
        f"track's recording ({file.imported_with('--group KEY')}), or import whole recordings and cut them by --window"
    )
    yield Finding(
        "shared runs",
        f"{several(len(chosen), 'track')} of {len(tracks):,} share runs of points with tracks of other groups, "
        f"as windows of one recording do ({several(len(sets), 'set')}, by rows of {file.path}, from 0: "
        f"{first([equal(rows) for rows in sets])}). {leaked:,} of {tested:,} tested tracks share points with one in "
        f"train, which a probe remembers: {remedy}.",
        sets,
        leaked >= GRAVE * tested,
    )


def _differ(runs: NDArray[np.int64], values: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Where (m) the tracks of a run, which stand side by side, have different `values` (m)."""
    if not len(runs):
        return np.empty(0, bool)
    starts = np.flatnonzero(np.r_[True, runs[1:] != runs[:-1]])
    differs = np.minimum.reduceat(values, starts) != np.maximum.reduceat(values, starts)
    return np.repeat(differs, np.diff(np.r_[starts, len(runs)]))


def _run(tracks: Tracks, chosen: NDArray[np.int64]) -> RunLength:
    """How long the runs of these tracks must be."""
    sample = chosen[np.unique(np.linspace(0, len(chosen) - 1, min(SAMPLE, len(chosen))).astype(np.int64))]
    points, owner = _moves(tracks, sample)
    within = owner[1:] == owner[:-1]
    steps = np.diff(points, axis=0)[within]
    length = np.sqrt((steps**2).sum(axis=1))
    unit = SAME * float(np.median(length)) if len(length) else 1.0
    new = _new_steps(points, owner, unit)[within]
    if not new.any():
        return RunLength(LONGEST, LONGEST, unit)
    # Of windows that overlap, each step counts once: it is another one only at another place.
    places = np.unique(np.concatenate([points[:-1][within], _in_units(steps, unit)], axis=1)[new], axis=0)
    frequencies = np.unique(places[:, points.shape[1] :], axis=0, return_counts=True)[1] / len(places)
    bits = -np.log2(new.mean()) - (frequencies * np.log2(frequencies)).sum()
    needed = 2 * np.log2(tracks.lengths[chosen].sum()) + BITS
    new_steps = int(np.ceil(needed / max(bits, 0.1)))
    length_of_run = int(np.clip(np.ceil(new_steps / new.mean()) + 1, SHORTEST, LONGEST))
    return RunLength(length_of_run, new_steps, unit)


def _moves(tracks: Tracks, chosen: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The points (m d) of some tracks, but for those that equal the one before; and whose each is (m)."""
    points = tracks.points[chosen] + 0.0  # -0.0 is 0.0
    moves = ~padding(tracks.lengths[chosen], points.shape[1])
    moves[:, 1:] &= (points[:, 1:] != points[:, :-1]).any(axis=2)
    return points[moves], np.repeat(chosen, moves.sum(axis=1))


def _new_steps(points: NDArray[np.float64], owner: NDArray[np.int64], unit: float) -> NDArray[np.bool_]:
    """Whether each step (m - 1) between `points` (m d) is none of those before it in its track."""
    steps = _mixed(_in_units(np.diff(points, axis=0), unit).view(np.uint64))
    new = owner[1:] == owner[:-1]
    for before in range(1, min(BEFORE, len(steps) - 1) + 1):
        new[before:] &= (steps[before:] != steps[:-before]) | (owner[before:-1] != owner[: -before - 1])
    return new


def _in_units(steps: NDArray[np.float64], unit: float) -> NDArray[np.float64]:
    return np.round(steps / unit) + 0.0


def _blocks(tracks: Tracks, chosen: NDArray[np.int64], run: RunLength) -> Iterator[tuple[Hashes, NDArray[np.int64]]]:
    """The hashes of all runs (m) of some tracks at a time, and the track of each."""
    for block in blocks(len(chosen), tracks.points.shape[1]):
        points, owner = _moves(tracks, chosen[block])
        runs = len(owner) - run.points + 1
        if runs < 1:
            yield np.empty(0, np.uint64), owner[:0]
            continue
        hashes = _mixed(points.view(np.uint64))
        of_run = np.zeros(runs, np.uint64)
        for step in range(run.points):
            of_run = of_run * BASE + hashes[step : step + runs]
        new = np.r_[0, np.cumsum(_new_steps(points, owner, run.unit))]
        kept = owner[:runs] == owner[run.points - 1 :]
        kept &= new[run.points - 1 :] - new[:runs] >= run.new_steps
        yield of_run[kept], owner[:runs][kept]


def _repeated(tracks: Tracks, chosen: NDArray[np.int64], run: RunLength) -> Hashes:
    """The hashes (m) that several runs have, rising."""
    hashes = np.empty(tracks.lengths[chosen].sum(), np.uint64)
    count = 0
    for of_block, _ in _blocks(tracks, chosen, run):
        hashes[count : count + len(of_block)] = of_block
        count += len(of_block)
    hashes = hashes[:count]
    hashes.sort()
    return _distinct(hashes[1:][hashes[1:] == hashes[:-1]])


def _distinct(values: NDArray[T]) -> NDArray[T]:
    """Those of the values (m), which it sorts in place, that differ, rising.

    np.unique puts all integers into a hash table, which for millions takes ten times as long, and more memory.
    """
    values.sort()
    return values[np.r_[True, values[1:] != values[:-1]]] if len(values) else values


def _mixed(bits: Hashes) -> Hashes:
    """A hash of each point (m), of the bits of its coordinates (m d): the finaliser of splitmix64 after each.

    Steele, Lea and Flood 2014, Fast splittable pseudorandom number generators, OOPSLA, 453-472.
    """
    hashes = np.zeros(len(bits), np.uint64)
    for axis in range(bits.shape[1]):
        hashes = (hashes ^ bits[:, axis]) + BASE
        hashes = (hashes ^ (hashes >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        hashes = (hashes ^ (hashes >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        hashes ^= hashes >> np.uint64(31)
    return hashes
