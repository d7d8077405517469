"""The sample of clips: its weights, its variances and what there is too little of to judge."""

from dataclasses import replace

import numpy as np
import oracles
import pytest
from probed import FEW, MANY
from scipy import stats

from trajprobe.compare.jackknife import jackknife
from trajprobe.compare.metrics import METRICS
from trajprobe.compare.sample import ClipWeights, Sample, Scores, few_label_means
from trajprobe.errors import UserError

SAMPLE = Sample.of(FEW)


def scores_of(sample, predictions, metric):
    predictions = np.atleast_2d(predictions)
    left_out = jackknife(sample.labels, predictions, sample.groups, {metric: METRICS[metric]})[metric]
    values = np.array([METRICS[metric](sample.labels, one) for one in predictions])
    return Scores(values, left_out, (predictions == sample.labels).astype(float))


def drawn(groups, classes=1, seed=0, networks=2):
    """A sample of even classes, and predictions that are right on 70 %."""
    generator, groups = np.random.default_rng(seed), np.asarray(groups)
    labels = np.arange(len(groups)) % classes
    right = generator.random((networks, len(groups))) < 0.7
    return Sample(labels, groups, np.zeros_like(labels)), np.where(right, labels, classes)


def test_the_sample_is_of_tested_clips():
    assert (SAMPLE.labels.tolist(), SAMPLE.group_count) == ([0, 0, 0, 0, 1, 1, 1, 2], 4)
    assert (str(SAMPLE), str(Sample.of(replace(FEW, groups=np.arange(10))))) == (
        "n = 8 clips in 4 groups",
        "n = 8 clips",
    )


def test_tested_clips_of_one_group_are_refused():
    """The clips that are only trained on may be of others."""
    one = replace(FEW, groups=np.array([5, 5, 5, 5, 5, 5, 5, 5, 6, 7]))
    with pytest.raises(UserError, match=r"all tested clips are of one group.*; give more `groups`"):
        Sample.of(one)
    assert Sample.of(replace(FEW, groups=np.array([5, 5, 5, 5, 5, 5, 5, 6, 6, 7]))).group_count == 2


def test_the_training_clips_are_a_mean_over_the_tested_ones():
    """Of ten clips four are in each fold and two are only trained on; or five in one fold and three in another."""
    assert SAMPLE.trained == 6
    uneven = replace(FEW, folds=np.array([0, 0, 0, 0, 0, 1, 1, 1, -1, -1]))
    assert Sample.of(uneven).trained == pytest.approx((5 * 5 + 3 * 7) / 8)


@pytest.mark.parametrize("metric", ["accuracy", "balanced_accuracy"])
def test_variances_are_wider_for_the_choice_of_the_training_clips(monkeypatch, metric):
    scores = scores_of(SAMPLE, FEW.labels[:8][::-1], metric)
    plain, freedom = SAMPLE.weights(metric).variance(scores)
    monkeypatch.setattr("trajprobe.compare.sample.TRAINING", 14.0)
    wider, same = SAMPLE.weights(metric).variance(scores)
    size = {"accuracy": 2, "balanced_accuracy": (2 / 36 + 4 / 81 + (1 / 9 + 1 / 3) ** 2) / (4 / 144 + 3 / 81 + 1 / 9)}
    effect = 1 + 0.1 * (size[metric] - 1)  # of groups of two
    assert (wider, same) == (pytest.approx(plain * (1 + 14 * 8 * effect / 6**2)), freedom)
    without_probes = Sample(SAMPLE.labels, SAMPLE.groups, SAMPLE.folds).weights(metric)
    assert without_probes.variance(scores)[0] == pytest.approx(plain)


def test_variances_of_few_labels_are_wider_for_the_choice_of_the_labelled_clips(monkeypatch):
    values, groups = np.random.default_rng(0).random((2, 12)), np.arange(12) // 2
    plain = few_label_means(values, groups)
    variances, freedom = plain.weights.variance(plain.scores)
    monkeypatch.setattr("trajprobe.compare.sample.FEW_LABELS", 1.8)
    wider = few_label_means(values, groups)
    assert wider.weights.variance(wider.scores) == (pytest.approx(1.8 * variances), freedom)


def test_clips_count_alike_or_classes_do():
    assert SAMPLE.weights("accuracy").of_clip == pytest.approx([1 / 8] * 8)
    by_class = [1 / 12] * 4 + [1 / 9] * 3 + [1 / 3]
    for metric in ("balanced_accuracy", "macro_f1"):
        weights = SAMPLE.weights(metric)
        assert weights.of_clip == pytest.approx(by_class)
        assert weights.groups == pytest.approx([1 / 6, 1 / 6, 2 / 9, 1 / 9 + 1 / 3])


def test_with_a_group_a_clip_a_variance_of_accuracy_is_that_of_a_mean():
    sample, predictions = drawn(np.arange(200))
    scores = scores_of(sample, predictions, "accuracy")
    variances, freedom = sample.weights("accuracy").variance(scores)
    assert variances == pytest.approx(stats.sem(scores.correct, axis=1) ** 2)
    assert freedom == pytest.approx(199)


def test_of_groups_of_one_size_it_is_the_variance_of_the_mean_of_their_means():
    sample, predictions = drawn(np.arange(200) // 5)
    scores = scores_of(sample, predictions, "accuracy")
    variances, freedom = sample.weights("accuracy").variance(scores)
    assert variances == pytest.approx(stats.sem(scores.correct.reshape(2, 40, 5).mean(axis=2), axis=1) ** 2)
    assert freedom == pytest.approx(39)


@pytest.mark.parametrize("seed", range(4))
def test_of_uneven_groups_it_is_that_of_plain_loops(seed):
    sample, predictions = drawn(np.sort(np.random.default_rng(seed).integers(0, 7, 60)), seed=seed)
    weights = sample.weights("accuracy")
    for row in predictions:
        scores = scores_of(sample, row, "accuracy")
        (variance,), freedom = weights.variance(scores)
        expected = oracles.variance_of_mean(scores.correct[0].tolist(), sample.groups.tolist())
        assert (variance, freedom) == pytest.approx(expected)


def test_with_a_group_a_clip_classes_are_independent():
    """A recall's variance, with each clip left out in turn, is p (1 - p) n / (n - 1)^2."""
    labels = np.repeat([0, 1, 2], [150, 40, 10])
    right = np.random.default_rng(0).random(200) < 0.7
    sample = Sample(labels, np.arange(200), np.zeros(200, dtype=int))
    scores = scores_of(sample, np.where(right, labels, 3), "balanced_accuracy")
    (variance,), freedom = sample.weights("balanced_accuracy").variance(scores)
    recalls = [(right[labels == one].mean(), np.sum(labels == one)) for one in range(3)]
    expected = sum(share * (1 - share) * count / (count - 1) ** 2 for share, count in recalls) / 9
    assert variance == pytest.approx(expected, rel=0.03)
    assert freedom == pytest.approx(9 / (1 / 150 + 1 / 40 + 1 / 10) - 1)


@pytest.mark.parametrize("metric", METRICS)
def test_it_is_near_the_bootstraps_for_uneven_groups(metric):
    generator = np.random.default_rng(0)
    groups, labels = generator.integers(0, 60, 400), generator.choice(3, 400, p=[0.6, 0.25, 0.15])
    right = generator.random(400) < 1 / (1 + np.exp(-generator.normal(size=60)[groups] - labels))
    predictions = np.where(right, labels, (labels + 1) % 3)
    sample = Sample(labels, groups, np.zeros_like(labels))
    members = [np.flatnonzero(groups == group) for group in np.unique(groups)]
    values = []
    for _ in range(1500):
        clips = np.concatenate([members[one] for one in generator.integers(0, len(members), len(members))])
        values.append(METRICS[metric](labels[clips], predictions[clips]))
    variance = sample.weights(metric).variance(scores_of(sample, predictions, metric)).variances[0]
    assert np.sqrt(variance) == pytest.approx(np.std(values), rel=0.08)


def test_what_the_clips_say_counts_independent_ones():
    weights = ClipWeights(np.full(60, 1 / 60), np.repeat(np.arange(10), 6))
    sampling = weights.sampling(0.01, 9.0)
    assert (sampling.variance, sampling.degrees_of_freedom, sampling.clips) == (0.01, 9, pytest.approx(60))
    assert sampling.expected_effect == pytest.approx(1 + 0.1 * 5)
    assert SAMPLE.weights("balanced_accuracy").sampling(0, 1).clips == pytest.approx(1 / (1 / 36 + 1 / 27 + 1 / 9))


@pytest.mark.parametrize(
    ("sizes", "shortage"),
    [
        ([1] * 30, None),
        ([1] * 29, "too few clips"),
        ([10] * 6, None),
        ([20] * 5, "too few groups"),
        ([9, *[1] * 21], None),
        ([29, *[1] * 30], None),
        ([30, *[1] * 30], "too few groups"),  # of which one has half of the clips
    ],
)
def test_too_few_clips_and_groups_are_not_judged(sizes, shortage):
    groups = np.repeat(np.arange(len(sizes)), sizes)
    assert Sample(np.zeros_like(groups), groups, groups).shortage("accuracy") == shortage


def test_many_clips_are_judged():
    assert Sample.of(MANY).shortage("accuracy") is None
