"""The order of the frames alone: of classes that are each other's reversal, by hand and by plain loops."""

import numpy as np
import oracles
import pytest

from trajprobe.compare.distributions import score
from trajprobe.compare.order import labels_of_pairs, order_scores
from trajprobe.compare.sample import Sample
from trajprobe.errors import UserError

NAMES = ["line", "in", "out", "left", "right"]


def sample(labels, groups=None):
    labels = np.asarray(labels)
    return Sample(labels, np.arange(len(labels)) if groups is None else np.asarray(groups), np.zeros_like(labels))


def test_pairs_are_of_labels_by_the_names_of_their_classes():
    assert labels_of_pairs([("out", "in"), ("left", "right")], NAMES, "hands") == [(2, 1), (3, 4)]
    assert labels_of_pairs([], NAMES, "hands") == []


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ([("in", "outwards")], r"`compare\.reversals\.hands`: got outwards, expected a class of line, in"),
        ([("in", "out"), ("left", "out")], "got a class twice, expected each in one pair"),
        ([("in", "in")], "got a class twice"),
    ],
)
def test_pairs_of_no_classes_are_refused(pairs, message):
    with pytest.raises(UserError, match=message):
        labels_of_pairs(pairs, NAMES, "hands")


def test_only_predictions_of_the_class_and_its_reversal_count():
    """Of class 1 two are right, one is called 2 and one 0; of class 2 one is right; of class 0 nothing counts."""
    labels, predictions = [0, 0, 1, 1, 1, 1, 2, 2], np.array([[1, 2, 1, 1, 2, 0, 2, 0], [0, 0, 2, 2, 2, 2, 1, 1]])
    scores, weights = order_scores(predictions, sample(labels), [(2, 1)])
    assert scores.values.tolist() == [3 / 4, 0]
    assert weights.of_clip.tolist() == [1 / 6] * 6
    # Without each of the six clips in turn.
    assert scores.left_out[0] == pytest.approx([2 / 3, 2 / 3, 1, 3 / 4, 2 / 3, 3 / 4])


def test_groups_are_left_out_as_a_whole():
    labels, predictions = [1, 1, 2, 2, 1, 2], np.array([[1, 2, 2, 2, 1, 1]])
    scores, weights = order_scores(predictions, sample(labels, [7, 7, 8, 8, 9, 9]), [(1, 2)])
    assert scores.values.tolist() == [4 / 6]
    assert scores.left_out[0] == pytest.approx([3 / 4, 2 / 4, 3 / 4])
    assert weights.groups == pytest.approx([1 / 3] * 3)


def test_its_interval_is_wilsons_over_the_clips_that_count():
    """All predictions are of the pair: then it is the accuracy of these clips."""
    generator = np.random.default_rng(0)
    labels = np.arange(120) % 2
    predictions = np.where(generator.random(120) < 0.7, labels, 1 - labels)
    groups = np.arange(120) // 4
    found = score(*order_scores(predictions[np.newaxis], sample(labels, groups), [(0, 1)]))
    mean, low, high = oracles.accuracy((predictions == labels).astype(float), groups, 0.95)
    assert (found.mean, found.quantile(0.025), found.quantile(0.975)) == pytest.approx((mean, low, high), abs=1e-9)


def test_where_nothing_is_predicted_of_the_pair_it_is_at_chance():
    scores, _ = order_scores(np.array([[0, 0, 0, 0]]), sample([1, 2, 1, 2]), [(1, 2)])
    assert (scores.values.tolist(), scores.left_out.tolist()) == ([0.5], [[0.5] * 4])


def test_without_clips_of_such_classes_there_is_none():
    assert order_scores(np.array([[0, 0]]), sample([0, 0]), [(1, 2)]) is None
    assert order_scores(np.array([[0, 1]]), sample([0, 1]), []) is None
