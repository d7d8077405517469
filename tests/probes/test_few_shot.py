"""Few-shot draws: nested, balanced, of other folds and of distinct groups; curves and their area by hand."""

import numpy as np
import pytest
from scipy import integrate
from sklearn.linear_model import LogisticRegression
from small_probe import FOLDS, GROUPS, LABELS, features, labelled, params

from trajprobe.probes.few_shot import areas_under_curve, correct, samples, shots


def of_curve(draws=40, **changed):
    return params(few_shot={"draws": draws, "c": 0.5}, **changed)


def test_every_class_has_its_clips_from_other_folds_alone():
    for draw, clips in enumerate(samples(labelled(), range(5), of_curve())):
        assert clips.shape == (3, 32)
        assert (LABELS[clips] == np.arange(3)[:, None]).all()
        assert (FOLDS[clips] != draw % 5).all()
        assert len(np.unique(clips)) == 96


def test_groups_come_once_each_before_any_comes_again():
    for clips in samples(labelled(), range(5), of_curve()):
        for row in GROUPS[clips]:
            # A class has 8 groups of 4 clips in train.
            assert all(sorted(row[start : start + 8]) == sorted(set(row)) for start in (0, 8, 16, 24))


def test_with_groups_of_unequal_size_distinct_ones_come_first_as_long_as_there_are_any():
    groups = np.where(np.arange(120) % 3 == 0, 999 - np.arange(120) % 2, np.arange(120))  # two large, many single
    labels = np.arange(120) // 3 % 2
    folds = np.where(np.arange(120) < 30, 0, -1)
    for clips in samples(labelled(labels, groups, folds), [0], of_curve()):
        assert clips.shape == (2, 32)
        for row in groups[clips]:
            distinct = len(np.unique(groups[(folds < 0) & (labels == labels[clips[0, 0]])]))
            assert len(set(row[:distinct])) == min(distinct, 32)


def test_draws_differ_and_repeat_and_more_of_them_change_none():
    first, more = samples(labelled(), range(5), of_curve(10)), samples(labelled(), range(5), of_curve(20))
    np.testing.assert_array_equal(first, more[:10])
    assert len({clips.tobytes() for clips in more}) == 20
    assert (samples(labelled(), range(5), of_curve(10, seed=1))[0] != first[0]).any()
    firsts = np.concatenate([clips[:, 0] for clips in samples(labelled(), range(5), of_curve(400))])
    assert len(np.unique(firsts)) == 120  # any clip may be the one of its class


@pytest.mark.parametrize(
    ("counts", "expected"), [((3, 9), [1, 2]), ((4, 4), [1, 2, 4]), ((1, 50), [1]), ((17, 16), [1, 2, 4, 8, 16])]
)
def test_shots_double_as_long_as_the_smallest_class_in_train_has_clips(counts, expected):
    labels = np.repeat([0, 1, 0, 1], [*counts, 5, 5])
    folds = np.repeat([-1, -1, 0, 0], [*counts, 5, 5])
    labelling = labelled(labels, np.arange(len(labels)), folds)
    assert shots(labelling, [0]) == expected
    assert samples(labelling, [0], of_curve(1))[0].shape == (2, expected[-1])


def test_shots_are_those_of_the_fold_with_the_least():
    labels, folds = np.tile([0, 1], 10), np.repeat([0, 1], [14, 6])
    assert shots(labelled(labels, np.arange(20), folds), [0]) == [1, 2]
    assert shots(labelled(labels, np.arange(20), folds), [1]) == [1, 2, 4]
    assert shots(labelled(labels, np.arange(20), folds), [0, 1]) == [1, 2]


def test_a_curve_is_fits_to_the_first_clips_of_each_class():
    x = features(0.7, 0.5).astype(float)
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    clips, test = np.arange(96).reshape(8, 3, 4)[:6].swapaxes(0, 1).reshape(3, 24), np.arange(96, 120)
    labels = np.repeat([0, 1, 2], 24).reshape(3, 24)
    accuracies = (
        correct(x[clips][:, :, None], labels, x[test], LABELS[test], [1, 4, 24], of_curve()).mean(axis=1).tolist()
    )
    for k, accuracy in zip([1, 4, 24], accuracies, strict=True):
        few = np.sort(clips[:, :k].ravel())
        fitted = LogisticRegression(C=0.5, max_iter=2000).fit(x[few], GROUPS[few] % 3)
        assert accuracy == pytest.approx(fitted.score(x[test], LABELS[test]), abs=0.05)
    assert accuracies[0] == LogisticRegression(C=0.5, max_iter=2000).fit(x[clips[:, 0]], [0, 1, 2]).score(
        x[test], LABELS[test]
    )
    assert len(set(accuracies)) == 3


@pytest.mark.parametrize("c", [0.001, 1000])
def test_its_c_is_the_one_that_is_told(c):
    x = features(0.7, 0.5).astype(float)
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    clips = np.argsort(LABELS[:96], kind="stable").reshape(3, 32)
    expected = [
        LogisticRegression(C=one, max_iter=2000).fit(x[:96], LABELS[:96]).score(x[96:], LABELS[96:]) for one in (c, 1)
    ]
    assert expected[0] != expected[1]
    changed = params(few_shot={"draws": 1, "c": c})
    found = correct(x[clips][:, :, None], LABELS[clips], x[96:], LABELS[96:], [32], changed)
    assert found.mean(axis=1) == pytest.approx(expected[:1])


@pytest.mark.parametrize(
    ("accuracies", "shots", "expected"),
    [([0.3, 0.3, 0.3], [1, 2, 4], 0.3), ([0, 1], [1, 2], 0.5), ([0.7], [1], 0.7), ([0, 0, 1], [1, 2, 4], 0.25)],
)
def test_the_area_is_a_mean_accuracy(accuracies, shots, expected):
    np.testing.assert_allclose(areas_under_curve(np.transpose([accuracies, accuracies]), shots), [expected] * 2)
    assert areas_under_curve(np.array(accuracies), shots) == pytest.approx(expected)


def test_the_area_is_the_integral_over_log2_of_the_clips():
    accuracies, shots = [0.1, 0.35, 0.4, 0.8], [1, 2, 4, 8]
    line, _ = integrate.quad(lambda place: np.interp(place, range(4), accuracies), 0, 3, points=[1, 2])
    assert areas_under_curve(np.array(accuracies), shots) == pytest.approx(line / 3)
