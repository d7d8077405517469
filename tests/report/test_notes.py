"""Each thing that is off has its sentence, and what is well has none."""

from dataclasses import replace

import numpy as np
import pytest
from probed import CLIPS, MANY, compared, key, row, scored
from scipy import stats

from trajprobe.report.notes import notes, recipe_notes

TRAINED = scored("pretrained", "net", 180, trained_frames=17)
RANDOM = scored("random", "net", 140, 142, 138)
LEAKY = {"permuted": [0.88, 0.9, 0.92, 0.9, 0.9], "permuted_expected": [0.5, 0.49, 0.5, 0.51, 0.5]}


def noted(*parts, **changed):
    return list(notes(compared(*parts, **changed)))


def test_a_clean_run_needs_no_note():
    honest = scored("none", "noise", 107, permuted=[0.5, 0.55, 0.47], permuted_expected=[0.5, 0.51, 0.49])
    assert noted(TRAINED, RANDOM, honest) == []


@pytest.mark.parametrize(
    ("changed", "note"),
    [
        ({"trained_frames": 16}, "clips of 17 frames, but its weights were trained on 16."),
        ({"pca": 100, "shape": [17, 1024]}, "17,408 dimensions, reduced to 100 by PCA within train."),
        (
            {"unconverged": 3},
            "3 of its probes did not converge within the steps of `probe.logistic`; allow more.",
        ),
        (
            {"unconverged": 1, "classifier": "mlp"},
            "1 of its probes did not converge within the steps of `probe.mlp`; allow more.",
        ),
        (
            {"chosen": [1.0, 100.0, 100.0], "at_edge": 2},
            "2 of its 3 probes chose an end of the grid of `probe.logistic`; widen the grid.",
        ),
        (
            {"chosen": [3.0, 1.0], "at_edge": 2, "classifier": "knn"},
            "2 of its 2 probes chose an end of the grid of `probe.knn`; widen the grid.",
        ),
    ],
)
def test_what_is_off_with_a_row_is_noted(changed, note):
    assert noted(scored("pretrained", "net", 180, **changed), RANDOM) == [f"net pretrained hidden.tmean: {note}"]


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
        "net random hidden.tmean: 3 of its probes did not converge within the steps of `probe.logistic`; allow more.",
        "net random hidden.tmean: 4 of its 6 probes chose an end of the grid of `probe.logistic`; widen the grid.",
    ]
    half = [{"at_edge": 2}, {"at_edge": 1}, {"at_edge": 0}]
    assert noted(TRAINED, scored("random", "net", 140, 142, 138, each=half)) == []


def test_variants_are_called_by_their_coordinates():
    parts = [
        scored(network, "net", *right, unconverged=1) for network, right in (("pretrained", [180]), ("random", [9, 8]))
    ]
    pixels = scored("none", "pixels", 170, unconverged=1)
    perturbed = scored("pretrained", "net", 170, input="middle-frame", unconverged=1)
    names = [note.partition(":")[0] for note in noted(*parts, perturbed, pixels)]
    assert names == [
        "net pretrained hidden.tmean",
        "net random hidden.tmean",
        "net pretrained middle-frame hidden.tmean",
        "pixels",
    ]


def test_what_is_away_from_chance_comes_first():
    found = noted(scored("pretrained", "net", 180, unconverged=1, **LEAKY), RANDOM, leaks="warn")
    p = stats.ttest_rel(LEAKY["permuted"], LEAKY["permuted_expected"]).pvalue
    variant = "net pretrained hidden.tmean with permuted labels"
    assert found[0] == f"Away from chance: {variant} 90.0 % (expected 50.0 %, p = {p:.2g} after Holm)."
    assert found[1].startswith("net pretrained hidden.tmean: 1 of its probes")
    runs = [0.48, 0.52, 0.5, 0.49, 0.51]
    noisy = scored("none", "noise", 118, permuted=runs, permuted_expected=[0.5] * 5)
    (weak,) = noted(TRAINED, RANDOM, noisy)
    p = 2 * 2 * stats.t.sf(0.09 / (np.std(runs, ddof=1) * np.sqrt(1 + 1 / 5)), 4)  # two-sided, and the runs are tried
    noise = f"noise with noise features 59.0 % (expected 50.0 %, p = {p:.2g} after Holm)"
    assert weak == f"Away from chance: {noise}."


def test_clips_of_other_formats_are_noted_once():
    pixels, still = scored("none", "pixels", 170), scored("none", "still", 120, frames=5)
    assert noted(TRAINED, RANDOM, pixels, still, scored("none", "other", 110, frames=5)) == [
        "Clips of 5 and 17 frames are compared: a difference between rows of different formats may come from the "
        "format."
    ]


@pytest.mark.parametrize(("told", "noted_so"), [(1, True), (2, False)])
def test_it_is_noted_where_nothing_shows_the_direction_of_time(told, noted_so):
    expected = "No row's arrow of time is above chance: nothing shows that these motions look different backwards."
    pixels = scored("none", "pixels", 170, arrow_of_time=[told] * 200)
    assert noted(TRAINED, RANDOM, pixels) == [expected] * noted_so


@pytest.mark.parametrize(("seeds", "there"), [(18, False), (19, True)])
def test_the_rank_is_noted_from_19_seeds_on(seeds, there):
    found = noted(TRAINED, scored("random", "net", *range(101, 101 + seeds)))
    expected = "net: its rank among 19 random networks has p = 0.050, whatever their distribution."
    assert found == ([expected] if there else [])


def shuffled(right, **changed):
    return scored("none", "net-shuffled", right, trained_frames=17, **changed)


def test_the_share_of_the_gain_that_other_weights_have_is_noted():
    """180 - 140 is the gain, and 170 - 140 is there with the other weights as well."""
    found = compared(TRAINED, RANDOM, shuffled(170))
    mean, low, high = (100 * end for end in found.differences[key("none", "net-shuffled")].share_of_gain)
    (note,) = notes(found)
    assert note == f"net-shuffled has {mean:.0f} % ({low:.0f} to {high:.0f}) of the gain of net over random weights."
    assert (round(mean), 50 < low < 70, 80 < high < 100) == (75, True, True)
    perturbed = scored("pretrained", "net", 160, input="shuffled-frames", trained_frames=17)
    (note,) = noted(TRAINED, RANDOM, perturbed)
    assert note.startswith("net pretrained shuffled-frames hidden.tmean has 50 % (")


def test_no_share_of_the_gain_is_noted_with_other_weights_and_not_under_a_perturbation():
    (note,) = noted(TRAINED, RANDOM, shuffled(140))
    assert note.startswith("net-shuffled has 0 % (-")
    assert noted(TRAINED, RANDOM, scored("pretrained", "net", 140, input="middle-frame", trained_frames=17)) == []


def test_a_share_of_a_gain_that_is_not_judged_is_not():
    few = replace(MANY, groups=np.arange(CLIPS) % 5)
    assert noted(TRAINED, RANDOM, shuffled(170), labelling=few) == []


def test_a_share_of_no_gain_is_not():
    assert noted(scored("pretrained", "net", 141, trained_frames=17), RANDOM, shuffled(141)) == []


def test_a_share_is_of_pretrained_weights_without_a_gain_of_their_own_and_of_rows_with_a_gain():
    assert noted(TRAINED, RANDOM, scored("none", "pixels", 170)) == []
    assert noted(scored("random", "net", 170, 172), shuffled(160)) == []
    other = [scored("pretrained", "other", 170, trained_frames=17), scored("random", "other", 141, 139)]
    assert noted(TRAINED, RANDOM, *other) == []


def test_a_gain_of_exactly_nothing_is_no_error():
    nothing = scored("pretrained", "net", 140, trained_frames=17)
    assert noted(nothing, scored("random", "net", 140, 140), shuffled(170)) == []


@pytest.mark.parametrize(("right", "there"), [(150, False), (180, True)])
def test_an_end_of_the_grid_matters_where_a_row_is_above_the_most_frequent_class(right, there):
    """Three of four clips are of one class, so that 150 right is what anyone could have."""
    labels = (np.arange(CLIPS) % 4 == 0).astype(np.int64)
    guesses = np.where(np.arange(CLIPS) < right, labels, 1 - labels)
    probe = row("pretrained", "net", guesses.tolist(), at_edge=2)
    assert bool(noted(probe, RANDOM, labelling=replace(MANY, labels=labels))) == there


ROW = {"family": "x", "clips": "c", "layer": "hidden"}
LIKE = {"family": "x", "clips": "c", "weights": "other", "like": "net"}


def test_recipes_that_differ_in_more_than_one_setting_are_noted():
    values = {
        "dataset": "hands",
        "rows": {"net": ROW | {"weights": "net", "like": "net"}, "net-shuffled": LIKE},
        "pretrain": {"net": {"steps": 9, "shuffle_frames": False}, "other": {"steps": 9, "shuffle_frames": True}},
    }
    assert list(recipe_notes(values)) == []
    values["pretrain"]["other"]["steps"] = 8
    assert list(recipe_notes(values)) == [
        "net-shuffled and net were pretrained with different steps and shuffle_frames: their difference may come from "
        "any of them."
    ]
    # Of weights that were not made here, nothing is known.
    for name in ("net", "other"):
        assert list(recipe_notes(values | {"pretrain": {name: values["pretrain"][name]}})) == []


def test_a_pool_of_the_same_generators_as_the_clips_is_noted():
    values = {"dataset": "synthetic", "rows": {"net": ROW | {"weights": "net", "like": "net"}}}
    (note,) = recipe_notes(values | {"pretrain": {"net": {"steps": 9}}})
    assert note.startswith("net: pretrained on other tracks of the same ten generators as these clips.")
    assert list(recipe_notes(values | {"pretrain": {}})) == []
