"""Tracks that share runs of points, against a comparison of each with each; and lines of pixels that coincide."""

import numpy as np
import pytest
from small_sets import file_of, labelling_of, tracks_of, walks

from trajprobe.data import shared_runs
from trajprobe.data.canonical import duplicates
from trajprobe.data.shared_runs import SHORTEST, joined


def found(points, lengths=None, **labels):
    tracks = tracks_of(points, lengths=lengths)
    labelling = labelling_of(len(points), **labels)
    return list(shared_runs.findings(tracks, duplicates(tracks), labelling, file_of(len(points))))


def by_hand(points, lengths):
    """Pairs of tracks that share a run of `SHORTEST` points, each track held against each."""
    runs = [
        {track[i : i + SHORTEST].tobytes() for i in range(length - SHORTEST + 1)}
        for track, length in zip(points, lengths, strict=True)
    ]
    return {(i, j) for i in range(len(runs)) for j in range(i) if runs[i] & runs[j]}


def windows(count=6, length=20, stride=7, steps=62):
    recordings = walks(count, steps)
    starts = range(0, steps - length + 1, stride)
    return np.concatenate([[one[start : start + length] for start in starts] for one in recordings]), len(starts)


@pytest.mark.parametrize("d", [2, 3])
def test_independent_tracks_are_silent(d):
    assert found(walks(100, d=d)) == []


def test_windows_of_recordings_are_grave_and_their_recordings_are_found():
    points, each = windows()
    (finding,) = found(points)
    assert finding.grave
    assert finding.items == tuple(tuple(range(100 + i, 100 + i + each)) for i in range(0, 6 * each, each))
    assert f"{6 * each} tracks of {6 * each} share runs" in finding.text
    assert "6 sets, by rows of data/raw/set.npz, from 0: 100 = 101 = 102 = 103 = ..." in finding.text
    assert "`prepare.shared_runs: group`" in finding.text
    assert "--group KEY" in finding.text


def test_windows_of_one_group_are_silent():
    points, each = windows()
    assert found(points, groups=np.arange(len(points)) // each) == []


@pytest.mark.parametrize("seed", range(3))
def test_who_shares_with_whom_is_as_by_hand(seed):
    generator = np.random.default_rng(seed)
    points, lengths = walks(30, 25, seed=seed), generator.integers(10, 26, 30)
    for _ in range(20):
        one, other = generator.choice(30, 2, replace=False)
        at, there, run = generator.integers(0, 12, 3)
        run += 4
        points[one, at : at + run] = points[other, there : there + run]
    tracks = tracks_of(points, lengths=lengths)
    expected = by_hand(points, lengths)
    shared = shared_runs.shared_runs(tracks, np.arange(30))
    pairs = {
        (i, j) for run in np.unique(shared.runs) for i in shared.tracks[shared.runs == run]
        for j in shared.tracks[shared.runs == run] if j < i
    }  # fmt: skip
    assert pairs == expected
    assert 2 <= len(expected) < 20


def test_of_the_runs_that_a_set_of_tracks_has_one_is_kept():
    points, _ = windows(2)
    shared = shared_runs.shared_runs(tracks_of(points), np.arange(len(points)))
    sets = [tuple(shared.tracks[shared.runs == run].tolist()) for run in np.unique(shared.runs)]
    assert len(sets) == len(set(sets)) > 1
    assert min(map(len, sets)) > 1


def test_tracks_are_joined_over_others():
    points, _ = windows(2)
    tracks = tracks_of(np.concatenate([points, walks(3, 20, seed=9)]))
    sets = joined(shared_runs.shared_runs(tracks, duplicates(tracks)), len(tracks))
    half = len(points) // 2
    assert len(set(sets[:half])) == len(set(sets[half : 2 * half])) == 1
    assert len(set(sets)) == 5


def test_a_few_shared_runs_are_told_and_not_grave():
    points = walks(100)
    points[3, 5:20] = points[60, :15]
    (finding,) = found(points)
    assert finding.items == ((103, 160),)
    assert not finding.grave
    assert "2 of 100 tested tracks share points with one in train" in finding.text


def test_runs_that_no_fold_parts_leak_nothing():
    points = walks(100)
    points[3, 5:20] = points[8, :15]  # of one fold
    (finding,) = found(points)
    assert "0 of 100 tested tracks" in finding.text


def test_exact_duplicates_are_left_to_their_own_guard():
    points = walks(60)
    points[30:40] = points[:10]
    assert found(points) == []


def test_no_run_goes_from_one_track_to_the_next():
    points = walks(60)
    points[[10, 20], -5:], points[[11, 21], :5] = points[0, -5:], points[1, :5]
    assert found(points) == []


def test_a_point_that_stands_is_one_point_of_a_run():
    points = walks(40)
    points[:, 10:] = points[:, 9:10]  # the same place at the end of two
    points[1, 4:] = points[0, -1]
    assert found(points) == []


def test_lines_of_pixels_that_coincide_are_silent_and_long_curves_of_pixels_are_not():
    generator = np.random.default_rng(0)
    turns = np.repeat(generator.integers(-1, 2, (200, 12, 2)), 10, axis=1)
    points = generator.integers(0, 40, (200, 1, 2)) + turns.cumsum(axis=1)
    assert by_hand(points.astype(float), np.full(200, 120))
    assert found(points) == []
    noisy = generator.integers(-3, 4, (200, 120, 2)).cumsum(axis=1)
    assert found(noisy) == []
    noisy[5, :90] = noisy[80, 30:]
    (finding,) = found(noisy)
    assert finding.items == ((105, 180),)


def test_with_a_split_the_split_is_to_be_corrected():
    points = walks(60)
    points[:10, 5:] = points[30:40, :-5]
    (finding,) = found(points, folds=np.where(np.arange(60) < 30, 0, -1))
    assert "10 of 30 tested tracks" in finding.text
    assert finding.text.endswith("which a probe remembers: correct `split`.")
