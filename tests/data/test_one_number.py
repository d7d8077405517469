"""One number alone: the numbers and their test by hand, what gives a class away, and what must raise no alarm."""

from itertools import pairwise
from math import comb
from pathlib import Path

import numpy as np
import pytest

from trajprobe.data import one_number, raw, synthetic
from trajprobe.data.folds import Prepare, prepare
from trajprobe.files.labelling import TRAIN_ONLY, Labelling
from trajprobe.params import read, section
from trajprobe.statistics.multiple_tests import holm

PARAMS = Prepare(folds=5, seed=0, duplicates="keep", shared_runs="keep", guards="stop", pool="auto")


@pytest.fixture
def prepared(tmp_path):
    def write_and_prepare(points, labels, **more):
        np.savez(tmp_path / "set.npz", trajectories=points, labels=labels, **more)
        return prepare(raw.load(tmp_path / "set.npz"), PARAMS, "set")

    return write_and_prepare


def walks(count, steps=8, d=2, seed=0):
    return np.random.default_rng(seed).normal(size=(count, steps, d))


def labelling(labels, folds, groups=None):
    labels = np.asarray(labels)
    groups = np.arange(len(labels)) if groups is None else np.asarray(groups)
    return Labelling(labels, np.unique(labels).astype(str), groups, np.asarray(folds), "t", 0)


def test_of_many_tracks_some_are_looked_at_which_no_pattern_of_the_file_chooses(prepared, monkeypatch):
    labels = np.arange(400) // 2 % 4
    points = walks(400)
    points[:, :, 0] += 20 * labels[:, None]
    tracks, made = prepared(points, labels)
    whole = {one.cue.name: one for one in one_number.tried(tracks, made, 0.25)}
    monkeypatch.setattr(one_number, "SAMPLE", 100)
    looked_at = []
    monkeypatch.setattr(one_number, "accuracy", lambda values, of: looked_at.append((len(values), of)) or 0.5)
    some = one_number.tried(tracks, made, 0.25)
    assert [one.cue.name for one in some] == list(whole)
    for count, of in looked_at:
        assert count == len(of.labels) == len(of.folds) == len(of.groups) == 100
        assert np.bincount(of.labels).min() > 10
    monkeypatch.undo()
    monkeypatch.setattr(one_number, "SAMPLE", 100)
    (finding,) = one_number.findings(tracks, made)
    assert finding.name == "one number: place"
    assert whole["the mean x"].accuracy == 1


def test_tracks_that_are_only_trained_on_are_counted_by_themselves(monkeypatch):
    folds = np.where(np.arange(90) < 80, TRAIN_ONLY, 0)
    assert one_number._sample(folds).tolist() == list(range(90))
    monkeypatch.setattr(one_number, "SAMPLE", 30)
    chosen = one_number._sample(folds)
    assert sorted(set(chosen)) == chosen.tolist()
    assert ((chosen < 80).sum(), (chosen >= 80).sum()) == (30, 10)


def test_the_numbers_are_those_of_each_tracks_own_points(prepared):
    generator = np.random.default_rng(0)
    points, times = walks(30, d=3) + np.array([9, -9, 0]), np.cumsum(generator.uniform(0.1, 1, (30, 8)), axis=1)
    lengths = generator.integers(3, 9, 30)
    tracks, _ = prepared(points, np.arange(30) % 2, times=times, lengths=lengths)
    got = {cue.name: (cue.kind, cue.values) for cue in one_number.cues(tracks)}
    for i, n in enumerate(lengths):
        own, at = points[i, :n].tolist(), times[i, :n].tolist()
        expected = {
            "the number of points": ("recording", n),
            "the duration": ("recording", at[-1] - at[0]),
            "the mean time step": ("recording", sum(b - a for a, b in pairwise(at)) / (n - 1)),
        }
        for axis, letter in enumerate("xyz"):
            along = [point[axis] for point in own]
            expected |= {
                f"the first point's {letter}": ("place", along[0]),
                f"the last point's {letter}": ("place", along[-1]),
                f"the mean {letter}": ("place", sum(along) / n),
                f"the extent along {letter}": ("size", max(along) - min(along)),
            }
        ends = {"the first point": own[0], "the last point": own[-1], "the mean point": np.mean(own, axis=0)}
        expected |= {name: ("place", point) for name, point in ends.items()}
        assert got.keys() == expected.keys()
        for name, (kind, value) in expected.items():
            assert got[name][0] == kind
            assert got[name][1][i] == pytest.approx(np.atleast_1d(value))


def test_numbers_that_are_the_same_for_all_tracks_are_not_tried(prepared):
    points = walks(30)
    points[:, 0, 1] = 2.0
    tracks, _ = prepared(points, np.arange(30) % 2)
    names = [cue.name for cue in one_number.cues(tracks)]
    assert not {"the first point's y", "the first point"} & set(names)
    assert not any("number of points" in name or "time" in name or "duration" in name for name in names)
    assert len(names) == 9


def test_times_that_are_but_the_numbers_of_points_are_not_tried(prepared):
    tracks, _ = prepared(walks(30), np.arange(30) % 2, lengths=np.arange(30) % 4 + 5)
    recording = [cue.name for cue in one_number.cues(tracks) if cue.kind == "recording"]
    assert recording == ["the number of points"]


def test_accuracy_is_out_of_fold():
    """Each fold's clips of class 1 stand elsewhere than the other fold's: within the fold all right, out of it none."""
    labels, folds = np.tile([0, 1], 40), np.repeat([0, 1], 40)
    values = np.where(labels == folds, 1.0, 2.0)
    assert one_number.accuracy(values[:, None], labelling(labels, folds)) == 0
    assert one_number.accuracy(values[:, None], labelling(labels, np.tile([0, 0, 1, 1], 20))) == 1 / 2


def test_accuracy_is_of_tested_clips_alone():
    labels = np.tile([0, 1], 40)
    values = np.where(np.arange(80) < 60, labels, 1 - labels).astype(float)
    folds = np.where(np.arange(80) < 50, TRAIN_ONLY, 0)  # 10 as in train and 20 the other way round
    assert one_number.accuracy(values[:, None], labelling(labels, folds)) == 10 / 30


def test_a_class_on_both_sides_of_another_is_told():
    labels = np.arange(90) % 2
    values = np.where(labels == 0, 0.0, np.where(np.arange(90) % 4 < 2, -1.0, 1.0)) + walks(90)[:, 0, 0] / 50
    assert one_number.accuracy(values[:, None], labelling(labels, np.arange(90) // 2 % 3)) == 1


def binomial_tail(right, trials, chance):
    return sum(comb(trials, k) * chance**k * (1 - chance) ** (trials - k) for k in range(right, trials + 1))


def with_place(count, share, classes=2, seed=0):
    """Walks of which `share` start where their class does, amid the others, so that no other number tells it."""
    points, labels = walks(count, seed=seed), np.arange(count) % classes
    told = np.random.default_rng(seed).random(count) < share
    points[told, 0, 0] = 0.1 + 0.05 * labels[told]
    return points, labels


def test_the_test_is_the_exact_binomials_with_holms_correction(prepared):
    tracks, made = prepared(*with_place(100, 0.3))
    tried = one_number.tried(tracks, made, 0.5)
    plain = np.array([binomial_tail(round(one.accuracy * 100), 100, 0.5) for one in tried])
    np.testing.assert_allclose([one.p for one in tried], holm(plain))
    assert len(tried) == 11
    assert 1e-9 < min(plain) < 0.5


def test_clips_of_a_class_in_a_group_are_one_trial(prepared):
    points, labels = with_place(200, 0.3)
    tracks, made = prepared(points, labels, groups=np.arange(200) // 8)  # 25 groups of both classes: 50 trials
    tried = one_number.tried(tracks, made, 0.5)
    plain = np.array([binomial_tail(int(round(one.accuracy * 200) / 4), 50, 0.5) for one in tried])
    np.testing.assert_allclose([one.p for one in tried], holm(plain))


def test_a_place_that_gives_the_class_away_is_told_with_its_share(prepared):
    tracks, made = prepared(*with_place(200, 0.6))
    tried = {one.cue.name: one.accuracy for one in one_number.tried(tracks, made, 0.5)}
    (found,) = one_number.findings(tracks, made)
    assert found.name == "one number: place"
    share = tried["the first point's x"]
    assert 0.7 < share < 1
    assert found.items == (f"the first point's x {100 * share:.1f} %",)
    assert "(chance 50.0 %): the first point's x " in found.text
    assert "control start-position" in found.text
    assert "`render.scaling: track`" in found.text


def test_a_size_or_length_that_gives_the_class_away_is_told(prepared):
    labels = np.arange(200) % 2
    points = walks(200) * (1 + labels)[:, None, None]
    found = {one.name: one for one in one_number.findings(*prepared(points, labels, lengths=5 + labels * 3))}
    assert "the number of points 100.0 %" in found["one number: recording"].items
    assert "control extent" in found["one number: size"].text
    assert {item.rpartition(" along")[0] for item in found["one number: size"].items} == {"the extent"}


def test_durations_that_give_the_class_away_are_told(prepared):
    labels = np.arange(200) % 2
    times = np.arange(8) * (1.0 + labels)[:, None]
    (found,) = one_number.findings(*prepared(walks(200), labels, times=times))
    assert found.items == ("the duration 100.0 %", "the mean time step 100.0 %")


def test_the_best_number_is_told_first(prepared):
    points, labels = with_place(400, 0.5)
    better = np.random.default_rng(1).random(400) < 0.8
    points[better, -1, 1] = 0.1 + 0.05 * labels[better]
    (found,) = one_number.findings(*prepared(points, labels))
    names = [item.rsplit(" ", 2)[0] for item in found.items]
    assert names.index("the last point's y") < names.index("the first point's x")
    shares = [float(item.split()[-2]) for item in found.items]
    assert shares == sorted(shares, reverse=True)


def test_a_point_gives_classes_away_that_none_of_its_coordinates_does(prepared):
    """Of four corners two opposite ones are a class: exclusive or."""
    generator = np.random.default_rng(0)
    corners = generator.choice([-1.0, 1.0], (200, 2))
    points = walks(200)
    points[:, 0] = corners * 3 + generator.normal(size=(200, 2)) / 5
    (found,) = one_number.findings(*prepared(points, (corners.prod(axis=1) > 0).astype(int)))
    assert found.name == "one number: place"
    assert found.items[0] == "the first point 94.5 %"  # by places in their order, corners touch one another
    assert not any("'s" in item for item in found.items)


@pytest.mark.parametrize("subjects", [10, 12, 40])
def test_a_place_of_few_subjects_is_told_as_too_few_to_be_tested(prepared, subjects):
    """Each subject is of one class, which has a place of its own."""
    groups = np.arange(subjects * 8) // 8
    points = walks(len(groups))
    points[:, 0, 0] = 9 * (groups % 2) + points[:, 0, 0]
    place, *_ = one_number.findings(*prepared(points, groups % 2, groups=groups))
    assert place.name == "one number: place"
    assert place.items[0] == "the first point's x 100.0 %"
    assert ("There are too few groups to test whether that is chance" in place.text) == (subjects < 40)


def test_a_cue_of_few_subjects_that_is_slight_is_not(prepared):
    groups = np.arange(80) // 8
    for seed in range(5):
        found = list(one_number.findings(*prepared(walks(80, seed=seed), np.arange(80) % 2, groups=groups)))
        assert found == []


def test_chance_is_the_share_of_the_largest_class(prepared):
    """Nine of ten clips are of one class: to name it always is no news of any number."""
    labels = (np.arange(300) % 10 == 0).astype(int)
    assert list(one_number.findings(*prepared(walks(300), labels))) == []


@pytest.mark.parametrize("seed", range(10))
def test_noise_raises_no_alarm(prepared, seed):
    count = 120
    points, times = walks(count, seed=seed), np.cumsum(np.random.default_rng(seed).uniform(0.1, 1, (count, 8)), axis=1)
    lengths = np.random.default_rng(seed).integers(3, 9, count)
    found = one_number.findings(*prepared(points, np.arange(count) % 3, times=times, lengths=lengths))
    assert list(found) == []


def test_groups_that_stand_apart_raise_no_alarm_for_their_classes_sake(prepared):
    """Each recording has a place of its own and one class: by luck places go with classes, in forty trials, not 400."""
    groups = np.arange(400) // 10
    much = 0
    for seed in range(12):
        points = walks(400, seed=seed) + 2 * walks(40, 1, seed=seed + 100)[groups]
        tracks, made = prepared(points, groups % 4, groups=groups)
        assert list(one_number.findings(tracks, made)) == []
        much += max(one.accuracy for one in one_number.tried(tracks, made, 0.25)) > 0.25 + one_number.SHARE * 0.75
    assert much > 1  # else the example proves little


def test_what_is_sure_but_slight_raises_no_alarm(prepared):
    tracks, made = prepared(*with_place(4000, 0.1))
    best = min(one_number.tried(tracks, made, 0.5), key=lambda one: one.p)
    assert best.p < one_number.P / 10
    assert best.accuracy < 0.5 + one_number.SHARE * 0.5
    assert list(one_number.findings(tracks, made)) == []


def test_the_default_set_raises_no_alarm(prepared):
    params = section(read(Path(__file__).parents[2] / "params.yaml"), synthetic.Synthetic, "synthetic")
    arrays = synthetic.arrays(params.clips, params, params.seed)
    assert list(one_number.findings(*prepared(arrays.pop("trajectories"), **arrays))) == []
