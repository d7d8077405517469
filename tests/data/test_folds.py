"""From raw to canonical tracks and folds: what is dropped, what is a duplicate, and who is tested where."""

from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from trajprobe.data import folds, raw
from trajprobe.data.canonical import canonical, duplicates, merge
from trajprobe.data.folds import Prepare, pool, prepare, used
from trajprobe.errors import UserError
from trajprobe.files.findings import Finding
from trajprobe.files.labelling import TRAIN_ONLY, Labelling
from trajprobe.files.tracks import Tracks

FIVE = Prepare(folds=5, seed=0, duplicates="keep", shared_runs="keep", guards="stop", pool="auto")
DROP = Prepare(folds=5, seed=0, duplicates="drop", shared_runs="keep", guards="stop", pool="auto")


@pytest.fixture
def load(tmp_path):
    def write_and_load(trajectories, labels, **more):
        np.savez(tmp_path / "set.npz", trajectories=trajectories, labels=labels, **more)
        return raw.load(tmp_path / "set.npz")

    return write_and_load


def random_walks(count, steps=6, d=2, seed=0):
    return np.random.default_rng(seed).normal(size=(count, steps, d))


def together(groups):
    """Who is with whom (n n): what a grouping says, whatever its numbers."""
    return groups[:, None] == groups


def test_canonical_drops_what_is_no_point_and_sorts_by_time(load):
    generator = np.random.default_rng(3)
    points, times = generator.normal(size=(20, 9, 3)), generator.permuted(np.tile(np.arange(9.0), (20, 1)), axis=1)
    points[generator.random(points.shape) < 0.1] = np.nan
    times[generator.random(times.shape) < 0.1] = np.nan
    lengths = generator.integers(7, 10, 20)
    tracks = canonical(load(points, np.arange(20) % 2, times=times, lengths=lengths))
    for i in range(20):
        kept = sorted(
            (t, *p)
            for t, p in zip(times[i, : lengths[i]], points[i, : lengths[i]], strict=True)
            if np.isfinite([t, *p]).all()
        )
        assert tracks.lengths[i] == len(kept)
        np.testing.assert_array_equal(tracks.times[i, : len(kept)], [row[0] for row in kept])
        np.testing.assert_array_equal(tracks.points[i, : len(kept)], [row[1:] for row in kept])
        assert not tracks.points[i, len(kept) :].any()
        assert not tracks.times[i, len(kept) :].any()
    assert tracks.points.shape == (20, tracks.lengths.max(), 3)


def test_canonical_keeps_the_order_of_points_at_the_same_time(load):
    times = np.random.default_rng(0).integers(0, 3, (2, 100)).astype(float)
    tracks = canonical(load(np.arange(400.0).reshape(2, 100, 2), [0, 1], times=times))
    for time in range(3):
        assert (np.diff(tracks.points[0, tracks.times[0] == time, 0]) > 0).all()


def test_the_box_goes_around_all_points(load):
    points = random_walks(8, d=3)
    np.testing.assert_array_equal(
        canonical(load(points, np.arange(8) % 2)).box, [points.min((0, 1)), points.max((0, 1))]
    )


@pytest.mark.parametrize("what", ["half a point", "a point without a time"])
def test_the_box_knows_nothing_of_what_is_dropped(load, what):
    points, times = random_walks(8), np.tile(np.arange(6.0), (8, 1))
    points[2, 3] = (100.0, np.nan) if what == "half a point" else 100.0
    times[2, 3] = 3.0 if what == "half a point" else np.nan
    assert canonical(load(points, np.arange(8) % 2, times=times)).box.max() < 100


def test_duplicates_are_found_exactly_whatever_their_padding(load):
    points = np.full((7, 8, 2), np.nan)
    points[:, :6] = random_walks(7)
    points[3] = points[0]
    points[4, :6], points[4, 6:] = points[0, :6], points[0, 4:6]  # goes on where 0 ends
    points[5] = np.nextafter(points[0], 9)  # all but the same
    points[6] = points[1]
    times = np.tile(np.arange(8.0), (7, 1))
    times[6] += 0.5  # same points, other times
    points[2] = np.nan
    points[2, 2:] = points[0, :6]  # padded before
    times[2, 2:] = times[0, :6]
    assert duplicates(canonical(load(points, np.arange(7) % 2, times=times))).tolist() == [0, 1, 0, 0, 2, 3, 4]


@pytest.mark.parametrize("longest", [6, 9])
def test_tracks_that_take_the_place_of_the_raw_ones_are_the_same(load, longest, monkeypatch):
    monkeypatch.setattr("trajprobe.files.tracks.BLOCK", 30)  # points: three tracks at a time
    generator = np.random.default_rng(4)
    points, times = random_walks(20, 9, 3, seed=5), generator.uniform(0, 1, (20, 9))
    points[np.arange(9) >= generator.integers(3, longest + 1, 20)[:, None]] = np.nan
    points[7], points[7, longest:] = 1.0, np.nan
    data = load(points, np.arange(20) % 2, times=times)
    expected, got = canonical(data), canonical(data, in_place=True)
    assert got.points.shape == (20, longest, 3)
    assert got.digest() == expected.digest()
    np.testing.assert_array_equal(got.box, expected.box)
    for own, of_raw in ((got.points, data.trajectories), (got.times, data.times)):
        assert np.shares_memory(own, of_raw)


def test_zero_is_zero_whatever_its_sign(load):
    points = random_walks(2)
    points[:] = points[0]
    points[:, 0] = [[0.0], [-0.0]]
    assert duplicates(canonical(load(points, [0, 1]))).tolist() == [0, 0]


@pytest.mark.parametrize("seed", range(5))
def test_merged_groups_are_the_finest_that_part_neither(seed):
    generator = np.random.default_rng(seed)
    one, other = generator.integers(0, 15, 25), generator.integers(0, 20, 25)
    linked = together(one) | together(other)
    for _ in range(25):
        linked = (linked.astype(int) @ linked) > 0
    got = merge(one, other)
    np.testing.assert_array_equal(together(got), linked)
    assert sorted(set(got)) == list(range(len(set(got))))
    assert 1 < len(set(got)) < len(set(one))  # else the example proves little


def test_folds_test_each_track_once_and_each_class_alike(load):
    labels = np.random.default_rng(0).permutation(np.repeat([0, 1, 2], [40, 20, 10]))
    _, made = prepare(load(random_walks(70), labels), FIVE, "set")
    for fold in range(5):
        assert np.bincount(made.labels[made.folds == fold]).tolist() == [8, 4, 2]
    assert made.leaked == 0


def test_groups_are_never_parted_and_classes_stay_within_a_group_of_alike(load):
    groups = np.random.default_rng(1).permutation(np.repeat(np.arange(40), 3))
    labels = groups % 2
    _, made = prepare(load(random_walks(120), labels, groups=groups), FIVE, "set")
    assert all(len(set(made.folds[groups == group])) == 1 for group in range(40))
    for fold in range(5):
        assert (np.abs(np.bincount(made.labels[made.folds == fold]) - 12) <= 3).all()


def test_duplicates_and_their_groups_are_never_parted(load):
    points = random_walks(60)
    points[30:45] = points[:15]
    groups = np.arange(60)
    groups[15:30] = groups[:15]  # 15 is with 0 by its group, 30 by its points
    tracks, made = prepare(load(points, np.arange(60) % 15 % 2, groups=groups), FIVE, "set")
    expected = np.where(np.arange(60) < 45, np.arange(60) % 15, np.arange(60))
    np.testing.assert_array_equal(together(made.groups), together(expected))
    assert all(len(set(made.folds[expected == group])) == 1 for group in expected)
    assert made.tracks == tracks.digest()


def test_a_seed_gives_the_same_folds_and_another_seed_others(load):
    data = load(random_walks(60), np.arange(60) % 3)
    first, again, other = (prepare(data, replace(FIVE, seed=seed), "s")[1].folds for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


@pytest.mark.parametrize(("shared", "unit"), [("group", "groups"), ("points", "independent tracks")])
def test_a_class_of_fewer_independent_tracks_than_folds_is_refused(load, shared, unit):
    points, labels, groups = random_walks(30), np.repeat([0, 1], [25, 5]), np.arange(30)
    prepare(load(points, labels, label_names=np.array(["walk", "bike"])), FIVE, "set")  # 5 will do
    if shared == "group":
        groups[29] = groups[28]
    else:
        points[29] = points[28]
    data = load(points, labels, groups=groups, label_names=np.array(["walk", "bike"]))
    with pytest.raises(UserError, match=rf"set: class bike has 4 {unit}, fewer than `prepare.folds`, 5"):
        prepare(data, FIVE, "set")


@pytest.fixture
def with_split(load):
    """Twelve tracks with a split of their own; 0, 1 and 2 are tested, and 0 and 1 are in train again."""
    points = random_walks(12)
    points[5] = points[6] = points[0]
    points[7] = points[1]
    split = np.array(["test"] * 3 + ["train"] * 9)
    return load(points, np.arange(12) % 2, split=split)


def test_a_split_of_the_sets_own_is_kept(with_split):
    _, made = prepare(with_split, FIVE, "set")
    assert made.folds.tolist() == [0] * 3 + [TRAIN_ONLY] * 9
    assert TRAIN_ONLY == -1


def test_tested_tracks_that_are_trained_on_too_are_counted(with_split):
    assert prepare(with_split, FIVE, "set")[1].leaked == 2


def test_dropping_leaves_the_train_copies_of_tested_tracks_out_and_nothing_else(with_split):
    kept = used(with_split, DROP, Path("set.npz"))
    assert kept.rows.tolist() == [0, 1, 2, 3, 4, 8, 9, 10, 11]
    np.testing.assert_array_equal(kept.trajectories, with_split.trajectories[kept.rows])
    np.testing.assert_array_equal(kept.labels, with_split.labels[kept.rows])
    assert kept.split.tolist() == ["test"] * 3 + ["train"] * 6
    assert kept.notes == (
        "3 of 12 tracks left out: exact duplicates, in train, of tested tracks (`prepare.duplicates: drop`)",
    )
    tracks, made = prepare(kept, DROP, "set")
    assert made.leaked == 0
    assert len(pool(kept, tracks, with_split, DROP)) == 6


def test_dropping_spares_copies_within_a_half(load):
    points = random_walks(8)
    points[1], points[7] = points[0], points[6]
    data = load(points, np.arange(8) % 4 // 2, split=np.array(["test"] * 4 + ["train"] * 4))
    assert used(data, DROP, Path("set.npz")).rows.tolist() == list(range(8))
    assert used(data, DROP, Path("set.npz")).notes == ()


def test_nothing_is_dropped_unless_it_is_asked_for_and_there_is_a_split(with_split, load):
    assert used(with_split, FIVE, Path("set.npz")) is with_split
    points = random_walks(12)
    points[1] = points[0]
    folded = load(points, np.arange(12) % 2)
    assert used(folded, DROP, Path("set.npz")) is folded


def test_dropping_all_that_a_class_could_be_trained_on_is_refused(load):
    points = random_walks(6)
    points[5] = points[1]
    split = np.array(["test", "test", "train", "train", "train", "train"])
    data = load(points, np.array([0, 1, 0, 0, 0, 1]), split=split, label_names=np.array(["walk", "bike"]))
    with pytest.raises(
        UserError, match=r"set\.npz: class bike has test tracks but no train .*`prepare.duplicates: keep`"
    ):
        used(data, DROP, Path("set.npz"))


def test_the_line_counts_tracks_classes_groups_and_pool_and_passes_findings_on(load):
    data = load(random_walks(20), np.arange(20) % 2, groups=np.arange(20) // 2 * 2 + np.arange(20) % 2)
    tracks, made = prepare(data, FIVE, "set")
    made_of = "set: 20 tracks, 2 classes, 20 groups, 20 tested in 5 folds; 7 tracks in the pool"
    assert folds.summary("set", made, tracks[:7], []) == made_of
    found = [Finding("a", "Copies."), Finding("b", "Uneven.")]
    assert folds.summary("set", made, tracks[:7], found) == f"{made_of}\n  Copies.\n  Uneven."


def test_the_line_counts_what_a_split_tests(with_split):
    tracks, made = prepare(with_split, FIVE, "set")
    assert "3 tested in 1 fold; 12 tracks" in folds.summary("set", made, tracks, [])


@pytest.fixture
def synthetic(tmp_path):
    np.savez(tmp_path / "pool.npz", trajectories=random_walks(4, seed=9), labels=np.arange(4) % 2)
    return raw.load(tmp_path / "pool.npz")


def test_the_pool_is_the_train_half_where_there_is_a_split(with_split, synthetic):
    tracks = canonical(with_split)
    got = pool(with_split, tracks, synthetic, FIVE)
    np.testing.assert_array_equal(got.points, tracks.points[3:])
    np.testing.assert_array_equal(got.times, tracks.times[3:])
    np.testing.assert_array_equal(got.lengths, tracks.lengths[3:])
    np.testing.assert_array_equal(got.box, tracks.box)


def test_the_pool_is_synthetic_where_there_is_no_split_or_it_is_asked_for(with_split, synthetic, load):
    expected = canonical(synthetic).digest()
    asked = replace(FIVE, pool="synthetic")
    assert pool(with_split, canonical(with_split), synthetic, asked).digest() == expected
    whole = load(random_walks(6), np.arange(6) % 2)
    assert pool(whole, canonical(whole), synthetic, FIVE).digest() == expected


def test_tracks_come_back_as_they_were_saved(load, tmp_path):
    points = random_walks(6, d=3)
    points[2, 4:] = np.nan
    tracks = canonical(load(points, np.arange(6) % 2))
    tracks.save(tmp_path / "tracks.npz")
    back = Tracks.load(tmp_path / "tracks.npz")
    for name in ("points", "times", "lengths", "box"):
        assert getattr(back, name).dtype == getattr(tracks, name).dtype
        np.testing.assert_array_equal(getattr(back, name), getattr(tracks, name))
    assert back.digest() == tracks.digest()


@pytest.mark.parametrize("name", ["points", "times", "lengths"])
def test_a_digest_tells_tracks_apart(load, name):
    tracks = canonical(load(random_walks(6), np.arange(6) % 2))
    parts = {key: getattr(tracks, key).copy() for key in ("points", "times", "lengths", "box")}
    assert Tracks(**parts).digest() == tracks.digest()
    parts[name].flat[0] -= 1
    assert Tracks(**parts).digest() != tracks.digest()


def test_a_labelling_comes_back_as_it_was_saved(with_split, tmp_path):
    _, made = prepare(with_split, FIVE, "set")
    made.save(tmp_path / "labelling.npz")
    back = Labelling.load(tmp_path / "labelling.npz")
    for name in ("labels", "names", "groups", "folds"):
        assert getattr(back, name).dtype == getattr(made, name).dtype
        np.testing.assert_array_equal(getattr(back, name), getattr(made, name))
    assert (back.tracks, back.leaked) == (made.tracks, 2)


def test_a_missing_labelling_is_refused_with_what_to_do(tmp_path):
    with pytest.raises(UserError, match=r"labelling\.npz: is not there; `dvc repro` makes it"):
        Labelling.load(tmp_path / "labelling.npz")
