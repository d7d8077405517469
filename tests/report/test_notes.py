"""Each thing that is off has its sentence, and what is well has none."""

from dataclasses import replace

import numpy as np
import pytest
from probed import CLIPS, MANY, params, row, scored
from scipy import stats

from trajprobe.compare.comparison import compare
from trajprobe.report.notes import notes

TRAINED = scored("pretrained", "net", 180, trained_frames=17)
RANDOM = scored("random", "net", 140, 142, 138)
LEAKY = {"permuted": [0.88, 0.9, 0.92, 0.9, 0.9], "permuted_expected": [0.5, 0.49, 0.5, 0.51, 0.5]}


def noted(*probes, of=None, labelling=MANY, **changed):
    return list(notes(compare([*probes], of or {}, labelling, params(**changed))))


def test_a_clean_run_needs_no_note():
    honest = scored("controls", "noise", 107, permuted=[0.5, 0.55, 0.47], permuted_expected=[0.5, 0.51, 0.49])
    assert noted(TRAINED, RANDOM, honest) == []


@pytest.mark.parametrize(
    ("changed", "note"),
    [
        ({"trained_frames": 16}, "clips of 17 frames; its weights know 16."),
        ({"pca": 100, "shape": [17, 1024]}, "17,408 dimensions, reduced to 100 by PCA within train."),
        (
            {"unconverged": 3},
            "3 of its probes had not converged at the limit of steps in `probe.logistic`; raise it.",
        ),
        (
            {"unconverged": 1, "classifier": "mlp"},
            "1 of its probes had not converged at the limit of steps in `probe.mlp`; raise it.",
        ),
        (
            {"chosen": [1.0, 100.0, 100.0], "at_edge": 2},
            "2 of 3 folds chose an edge of the grid of `probe.logistic`, where it was better; widen it.",
        ),
        (
            {"chosen": [3.0, 1.0], "at_edge": 2, "classifier": "knn"},
            "2 of 2 folds chose an edge of the grid of `probe.knn`, where it was better; widen it.",
        ),
    ],
)
def test_what_is_off_with_a_row_is_noted(changed, note):
    assert noted(scored("pretrained", "net", 180, **changed), RANDOM) == [f"net (pretrained): {note}"]


@pytest.mark.parametrize(
    "probe",
    [
        scored("pretrained", "net", 180, permuted=[0.9], permuted_expected=[0.5]),  # as good a single run is no wonder
        scored("pretrained", "net", 180, chosen=[1.0, 100.0], at_edge=1),
        scored("pretrained", "net", 105, chosen=[0.01, 0.01], at_edge=2),  # at chance no C is better than another
        scored("pretrained", "net", 180, trained_frames=None),
        scored("pretrained", "net", 180, shape=[17, 1024]),
    ],
)
def test_what_is_well_is_not(probe):
    assert noted(probe, RANDOM) == []


def test_folds_of_all_networks_count():
    edges = [{"at_edge": 2, "unconverged": 1}, {"at_edge": 1, "unconverged": 2}, {"at_edge": 1, "unconverged": 0}]
    assert noted(TRAINED, scored("random", "net", 140, 142, 138, each=edges)) == [
        "net (random): 3 of its probes had not converged at the limit of steps in `probe.logistic`; raise it.",
        "net (random): 4 of 6 folds chose an edge of the grid of `probe.logistic`, where it was better; widen it.",
    ]
    half = [{"at_edge": 2}, {"at_edge": 1}, {"at_edge": 0}]
    assert noted(TRAINED, scored("random", "net", 140, 142, 138, each=half)) == []


def test_rows_are_called_by_their_kind():
    probes = [scored(kind, "net", *right, unconverged=1) for kind, right in (("pretrained", [180]), ("random", [9, 8]))]
    pixels = scored("controls", "pixels", 170, unconverged=1)
    perturbed = scored("perturbed", "net/middle-frame", 170, unconverged=1)
    names = [note.partition(":")[0] for note in noted(*probes, pixels, perturbed)]
    assert names == ["net (pretrained)", "net (random)", "pixels (control)", "middle-frame (control)"]


def test_what_is_away_from_chance_comes_first():
    found = noted(scored("pretrained", "net", 180, unconverged=1, **LEAKY), RANDOM, leaks="tell")
    p = stats.ttest_rel(LEAKY["permuted"], LEAKY["permuted_expected"]).pvalue
    assert found[0] == f"Away from chance: net with permuted labels 90.0 % (expected 50.0 %, p = {p:.2g} after Holm)."
    assert found[1].startswith("net (pretrained): 1 of its probes")
    runs = [0.48, 0.52, 0.5, 0.49, 0.51]
    told = scored("controls", "noise", 118, permuted=runs, permuted_expected=[0.5] * 5)
    (weak,) = noted(TRAINED, RANDOM, told)
    p = 2 * 2 * stats.t.sf(0.09 / (np.std(runs, ddof=1) * np.sqrt(1 + 1 / 5)), 4)  # two-sided, and the runs are tried
    noise = f"noise (controls) with noise features 59.0 % (expected 50.0 %, p = {p:.2g} after Holm)"
    assert weak == f"Away from chance: {noise}."


def test_clips_of_other_formats_are_noted_once():
    pixels, still = scored("controls", "pixels", 170), scored("controls", "still", 120, frames=5)
    assert noted(TRAINED, RANDOM, pixels, still, scored("controls", "other", 110, frames=5)) == [
        "Clips of 5 and 17 frames are compared: a difference between rows of different formats is one of formats too."
    ]


@pytest.mark.parametrize(("seeds", "there"), [(18, False), (19, True)])
def test_the_rank_is_noted_from_19_seeds_on(seeds, there):
    found = noted(TRAINED, scored("random", "net", *range(101, 101 + seeds)))
    expected = "net: its rank among 19 random networks has p = 0.050, whatever their distribution."
    assert found == ([expected] if there else [])


def shuffled(right, **changed):
    return scored("controls", "net-shuffled", right, trained_frames=17, **changed)


def test_the_share_of_the_gain_that_a_trained_control_has_is_noted():
    """180 - 140 is the gain, and 170 - 140 is there in the control."""
    found = noted(TRAINED, RANDOM, shuffled(170), of={"net-shuffled": "net"})
    assert found == ["75 % of the gain of net over random is there in net-shuffled as well."]
    perturbed = scored("perturbed", "net/shuffled-frames", 150, trained_frames=17)
    (note,) = noted(TRAINED, RANDOM, perturbed)
    assert note == "25 % of the gain of net over random is there in shuffled-frames as well."


@pytest.mark.parametrize(
    ("trained", "control"),
    [(TRAINED, 142), (TRAINED, 140), (TRAINED, 120), (scored("pretrained", "net", 141, trained_frames=17), 141)],
)
def test_a_share_of_no_gain_is_not(trained, control):
    assert noted(trained, RANDOM, shuffled(control), of={"net-shuffled": "net"}) == []


def test_a_share_is_of_trained_controls_and_of_rows_with_a_gain():
    assert noted(TRAINED, RANDOM, scored("controls", "pixels", 170)) == []
    assert noted(scored("random", "net", 170, 172), shuffled(160)) == []
    other = [scored("pretrained", "other", 170, trained_frames=17), scored("random", "other", 141, 139)]
    assert noted(TRAINED, RANDOM, *other) == []


def test_a_gain_of_exactly_nothing_is_no_error():
    nothing = scored("pretrained", "net", 140, trained_frames=17)
    assert noted(nothing, scored("random", "net", 140, 140), shuffled(170), of={"net-shuffled": "net"}) == []


@pytest.mark.parametrize(("right", "there"), [(150, False), (180, True)])
def test_an_edge_matters_where_a_row_is_above_the_most_frequent_class(right, there):
    """Three of four clips are of one class, so that 150 right is what anyone could have."""
    labels = (np.arange(CLIPS) % 4 == 0).astype(np.int64)
    guesses = np.where(np.arange(CLIPS) < right, labels, 1 - labels)
    probe = row("pretrained", "net", guesses.tolist(), at_edge=2)
    assert bool(noted(probe, RANDOM, labelling=replace(MANY, labels=labels))) == there
