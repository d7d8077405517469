"""A row's probe file, scored on the tested clips: against numbers worked out by hand."""

from dataclasses import replace

import numpy as np
import pytest
from probed import FEW, row

from trajprobe.compare.entries import entry
from trajprobe.errors import UserError

#                      0000 1112
TRAINED = row("pretrained", "net", "00001110")  # all right but the last
RANDOM = row("random", "net", "00110000", "00001122", "00000000")


def test_clips_that_no_fold_tests_do_not_count():
    found = entry(row("pretrained", "net", "0000111020"), FEW)  # right on both of them
    assert found.right.tolist() == [[1] * 7 + [0]]
    assert found.guesses.tolist() == [[0, 0, 0, 0, 1, 1, 1, 0]]
    assert found.key == ("pretrained", "net")


def test_each_network_has_its_own_line():
    found = entry(RANDOM, FEW)
    assert found.right.tolist() == [[1, 1, 0, 0, 0, 0, 0, 0], [1, 1, 1, 1, 1, 1, 0, 1], [1, 1, 1, 1, 0, 0, 0, 0]]


def test_scores_are_means_over_the_networks():
    found = entry(TRAINED, FEW).scores
    assert found == pytest.approx({"accuracy": 7 / 8, "balanced_accuracy": 2 / 3, "macro_f1": (8 / 9 + 1 + 0) / 3})
    # Recalls of the three seeds: 1/2, 0, 0; 1, 2/3, 1; 1, 0, 0.
    f1 = ((4 / 10 + 0 + 0) / 3, (1 + 4 / 5 + 2 / 3) / 3, (8 / 12 + 0 + 0) / 3)
    assert entry(RANDOM, FEW).scores == pytest.approx(
        {
            "accuracy": (2 / 8 + 7 / 8 + 4 / 8) / 3,
            "balanced_accuracy": (1 / 6 + 8 / 9 + 1 / 3) / 3,
            "macro_f1": float(np.mean(f1)),
        }
    )


def test_at_equal_dimension_it_has_guesses_of_their_own():
    equal = [{"equal": [0, 0, 1, 1, 1, 1, 0, 2, 2, 2]}, {"equal": [2] * 10}, {"equal": [1] * 8 + [-1, -1]}]
    found = entry(row("random", "net", "00110000", "00001122", "00000000", each=equal), FEW)
    assert found.equal == pytest.approx((5 / 8 + 1 / 8 + 3 / 8) / 3)


def test_permuted_labels_are_a_mean_over_all_runs():
    each = [{"permuted": shares, "permuted_expected": shares} for shares in ([0.5, 0.25], [0.6], [])]
    found = entry(row("random", "net", "00110000", "00001122", "00000000", each=each), FEW)
    assert found.permuted == pytest.approx((0.5 + 0.25 + 0.6) / 3)
    assert np.isnan(entry(TRAINED, FEW).permuted)


def test_few_shot_curves_are_means_over_draws_and_networks():
    """Area: trapezoids over 0, 1 and 2, the log2 of 1, 2 and 4 clips a class."""
    each = [{"few_shot": [[0.2, 0.4, 0.8], [0.4, 0.6, 0.6]]}, {"few_shot": [[0.1, 0.1, 0.1], [0.3, 0.3, 0.5]]}]
    found = entry(row("random", "net", "00110000", "00001122", each=each), FEW)
    assert found.few_shot == pytest.approx([0.25, 0.35, 0.5])
    assert found.areas == pytest.approx([(0.3 / 2 + 0.5 + 0.7 / 2) / 2, (0.2 / 2 + 0.2 + 0.3 / 2) / 2])


def test_code_length_is_in_bits_a_clip():
    """15 bits for 10 clips without features; 8 in the mean with those of the networks."""
    each = [{"code_bits": [9.0, 7.0, 11.0]}, {"code_bits": [6.0, 7.0, 8.0]}]
    found = entry(row("random", "net", "00110000", "00001122", each=each), FEW)
    assert found.bits == pytest.approx([0.9, 0.7])
    assert found.compression == pytest.approx(15 / 8)


def test_what_was_not_run_is_empty():
    found = entry(TRAINED, FEW)
    assert [len(part) for part in (found.few_shot, found.areas, found.bits)] == [0, 0, 0]


@pytest.mark.parametrize("name", ["shuffled-frames", "middle-frame"])
def test_a_perturbed_row_becomes_a_control(name):
    found = entry(row("perturbed", f"net/{name}", "00001110"), FEW)
    assert found.key == ("controls", name)
    assert found.probe.family == f"net/{name}"
    assert entry(row("controls", "pixels", "00001110"), FEW).key == ("controls", "pixels")


def test_a_row_of_other_tracks_is_refused():
    with pytest.raises(UserError, match=r"controls row pixels was probed on other tracks.*; run `dvc repro`"):
        entry(row("controls", "pixels", "01001110", tracks="t2"), FEW)
    with pytest.raises(UserError, match="perturbed row net/middle-frame was probed on other tracks"):
        entry(row("perturbed", "net/middle-frame", "01001110"), replace(FEW, tracks="t2"))
