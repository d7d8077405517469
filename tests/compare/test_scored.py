"""The variants of a probe file, scored on the tested clips: against numbers worked out by hand."""

from dataclasses import replace

import numpy as np
import pytest
from probed import FEW, merged, row

from trajprobe.compare.scored import Variant, scored_variants

#                      0000 1112
TRAINED = row("pretrained", "net", "00001110")  # all right but the last
RANDOM = row("random", "net", "00110000", "00001122", "00000000")


def scored(part, labelling=FEW):
    (variant,) = scored_variants(part, labelling)
    return variant


def means(part):
    return {name: float(scores.values.mean()) for name, scores in scored(part).scores.items()}


def test_clips_that_no_fold_tests_do_not_count():
    found = scored(row("pretrained", "net", "0000111020"))  # right on both of them
    assert found.correct.tolist() == [[1] * 7 + [0]]
    assert found.predictions.tolist() == [[0, 0, 0, 0, 1, 1, 1, 0]]


def test_the_tested_clips_may_stand_anywhere():
    labelling = replace(FEW, folds=np.array([0, -1, 0, 0, 1, -1, 1, 1, 1, 0]))
    found = scored(row("pretrained", "net", "0110101120", equal=[0, 1, 2, 0, 1, 0, 1, 2, 2, 1]), labelling)
    assert found.predictions.tolist() == [[0, 1, 0, 1, 1, 1, 2, 0]]
    assert found.correct.tolist() == [[1, 0, 1, 1, 1, 0, 1, 1]]
    assert found.equal_dimensions == 6 / 8


def test_variants_are_those_of_the_file_in_its_order_by_their_coordinates():
    parts = [RANDOM, TRAINED, row("pretrained", "net", "00000000", input="middle-frame")]
    (file,) = merged(parts)
    found = list(scored_variants(file, FEW))
    assert [one.variant for one in found] == [
        ("net", "random", "plain", "hidden.tmean"),
        ("net", "pretrained", "plain", "hidden.tmean"),
        ("net", "pretrained", "middle-frame", "hidden.tmean"),
    ]
    assert [one.probe for one in found] == file.variants
    assert all(one.row is file for one in found)
    assert found[2].correct.tolist() == [[1] * 4 + [0] * 4]


@pytest.mark.parametrize(
    ("variant", "name", "perturbed"),
    [
        (Variant("net", "pretrained", "plain", "hidden.tmean"), "net pretrained hidden.tmean", False),
        (Variant("net", "random", "plain", "codes.mean"), "net random codes.mean", False),
        (Variant("net", "pretrained", "middle-frame", "x.y"), "net pretrained middle-frame x.y", True),
        (Variant("net", "random", "middle-frame", "x.y"), "net random middle-frame x.y", True),
        (Variant("net", "permuted-weights", "plain", "x.y"), "net permuted-weights x.y", True),
        (Variant("pixels", "none", "plain", "features"), "pixels", False),
        (Variant("pixels", "none", "middle-frame", "features"), "pixels middle-frame", True),
    ],
)
def test_a_variant_is_called_by_its_coordinates(variant, name, perturbed):
    assert (str(variant), variant.is_perturbed) == (name, perturbed)


def test_each_network_has_its_own_line():
    found = scored(RANDOM)
    assert found.correct.tolist() == [[1, 1, 0, 0, 0, 0, 0, 0], [1, 1, 1, 1, 1, 1, 0, 1], [1, 1, 1, 1, 0, 0, 0, 0]]
    assert found.scores["accuracy"].values.tolist() == [2 / 8, 7 / 8, 4 / 8]


def test_scores_are_of_each_network():
    assert means(TRAINED) == pytest.approx(
        {"accuracy": 7 / 8, "balanced_accuracy": 2 / 3, "macro_f1": (8 / 9 + 1 + 0) / 3}
    )
    # Recalls of the three seeds: 1/2, 0, 0; 1, 2/3, 1; 1, 0, 0.
    found = scored(RANDOM).scores
    assert found["balanced_accuracy"].values == pytest.approx([1 / 6, 8 / 9, 1 / 3])
    assert found["macro_f1"].values == pytest.approx(
        [(4 / 10 + 0 + 0) / 3, (1 + 4 / 5 + 2 / 3) / 3, (8 / 12 + 0 + 0) / 3]
    )


def test_scores_are_there_without_each_group():
    """Of four groups of two clips the last one holds the only wrong one."""
    found = scored(TRAINED).scores
    assert found["accuracy"].left_out.tolist() == [[5 / 6, 5 / 6, 5 / 6, 1]]
    assert found["balanced_accuracy"].left_out == pytest.approx(np.array([[2 / 3, 2 / 3, 2 / 3, 1]]))
    assert found["accuracy"].correct.tolist() == [[1] * 7 + [0]]


def test_at_equal_dimension_it_has_predictions_of_their_own():
    equal = [{"equal": [0, 0, 1, 1, 1, 1, 0, 2, 2, 2]}, {"equal": [2] * 10}, {"equal": [1] * 8 + [-1, -1]}]
    found = scored(row("random", "net", "00110000", "00001122", "00000000", each=equal))
    assert found.equal_dimensions == pytest.approx((5 / 8 + 1 / 8 + 3 / 8) / 3)


def test_permuted_labels_are_a_mean_over_all_runs():
    each = [{"permuted": shares, "permuted_expected": shares} for shares in ([0.5, 0.25], [0.6], [])]
    found = scored(row("random", "net", "00110000", "00001122", "00000000", each=each))
    assert found.permuted_labels == pytest.approx((0.5 + 0.25 + 0.6) / 3)


def test_few_shot_curves_are_means_over_networks_and_areas_are_of_the_clips_that_are_tested():
    areas = [[0.2, 0.4, 0.6, 0.8, 0.1, 0.3, 0.5, None, None, None], [0.4] * 7 + [None] * 3]
    each = [{"few_shot": [0.3, 0.5, 0.7], "few_shot_areas": areas[0]}]
    each += [{"few_shot": [0.2, 0.2, 0.3], "few_shot_areas": areas[1]}]
    found = scored(row("random", "net", "00110000", "00001122", each=each))
    assert found.few_shot == pytest.approx([0.25, 0.35, 0.5])
    assert found.area.scores.values == pytest.approx([2.9 / 7, 0.4])
    # Groups 0 0 1 1 2 2 3: the mean without each.
    assert found.area.scores.left_out[0] == pytest.approx([2.3 / 5, 1.5 / 5, 2.5 / 5, 2.4 / 6])
    assert found.area.weights.groups == pytest.approx([2 / 7, 2 / 7, 2 / 7, 1 / 7])


def test_code_length_is_in_bits_per_clip():
    """15 bits for 10 clips without features; 8 in the mean with those of the networks. All clips are coded."""
    each = [{"code_bits": [0.4, 1.4] * 5}, {"code_bits": [0.7] * 10}]
    found = scored(row("random", "net", "00110000", "00001122", each=each))
    assert found.code_length.scores.values == pytest.approx([0.9, 0.7])
    assert found.code_length.weights.groups == pytest.approx([0.2] * 5)
    assert found.uniform_code_length == 1.5
    assert found.compression == pytest.approx(15 / 8)


def test_what_was_not_run_is_empty():
    found = scored(row("pretrained", "net", "00001110", input="middle-frame", equal=[]))
    assert (len(found.few_shot), found.area, found.code_length) == (0, None, None)
    assert np.isnan([found.equal_dimensions, found.permuted_labels]).all()
    assert found.scores["accuracy"].values == 7 / 8
