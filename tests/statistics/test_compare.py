"""Comparison and summary of a few hand-made rows, against numbers worked out by hand."""

import json
from itertools import product

import numpy as np
import pytest
from scipy import stats

from trajprobe.params import UserError
from trajprobe.probes.files import NetworkProbe, RowProbe
from trajprobe.statistics.compare import Compare, compare, summary
from trajprobe.trajectories.labelling import Labelling

#: Ten clips; the last two are only ever trained on. Four groups of two tested clips.
LABELS = np.array([0, 0, 0, 0, 1, 1, 1, 2, 2, 0])
LABELLING = Labelling(
    labels=LABELS,
    names=np.array(["a", "b", "c"]),
    groups=np.array([0, 0, 1, 1, 2, 2, 3, 3, 4, 4]),
    folds=np.array([0, 0, 0, 0, 1, 1, 1, 1, -1, -1]),
    tracks="t1",
    leaked=3,
)
PARAMS = Compare(primary="net", draws=4000, confidence=0.8, seed=0)


def row(kind, name, *guesses, permuted=((),), **changed):
    """A row's networks, each by its guesses on the 8 tested clips."""
    networks = [
        NetworkProbe([int(digit) for digit in guess] + [-1, -1], [1.0, 1.0], list(shares), [], [], [], [])
        for guess, shares in zip(guesses, permuted * len(guesses) if len(permuted) == 1 else permuted, strict=True)
    ]
    told = {"tracks": "t1", "shape": [3, 2], "pca": 0, "frames": 9, "trained_frames": None}
    told |= {"classifier": "logistic", "equal_dimensions": 6, "shots": [], "coded_clips": 10, "uniform_bits": 0.0}
    return RowProbe(row=name, kind=kind, networks=networks, **{"family": name} | told | changed)


#                      0000 1112
TRAINED = row("pretrained", "net", "00001110", permuted=((0.5, 0.25),))  # all right but the last
RANDOM = row("random", "net", "00110000", "00001122", "00000000", permuted=((0.5,), (0.25,), (0.375,)))
SHUFFLED = row("controls", "net-shuffled", "00000000", trained_frames=9)
PIXELS = row("controls", "pixels", "01001110")
BARE = row("random", "bare", "00001100", "00001110")
ALL = [TRAINED, RANDOM, SHUFFLED, PIXELS, BARE]
OF = {"net-shuffled": "net"}
ACCURACIES = {"net": np.array([2 / 8, 7 / 8, 4 / 8]), "bare": np.array([6 / 8, 7 / 8])}


def right(probed):
    guesses = np.array([network.predictions for network in probed.networks])[:, :8]
    return (guesses == LABELS[:8]).mean(axis=0)


def bootstrap(values, confidence=0.8):
    """Interval over all 4^4 samples of the groups."""
    by_group = values.reshape(4, 2).mean(axis=1)
    means = np.array([by_group[list(drawn)].mean() for drawn in product(range(4), repeat=4)])
    tails = np.array([(1 - confidence) / 2, (1 + confidence) / 2])
    near = [np.quantile(means, tails + shift, method="inverted_cdf") for shift in (-0.02, 0, 0.02)]
    np.testing.assert_allclose(near, [near[1]] * 3)  # else chance would decide
    return near[1]


def student(values, confidence=0.8):
    scale = values.std(ddof=1) * np.sqrt(1 + 1 / len(values))
    return stats.t.interval(confidence, len(values) - 1, values.mean(), scale)


@pytest.fixture(scope="module")
def told():
    return summary(compare(ALL, OF, LABELLING, PARAMS), {"w": {"mse": 0.123456, "tokens": 4.0}}, PARAMS)


def estimate(mean, low, high):
    return {"mean": round(mean, 4), "ci_low": pytest.approx(low, abs=1e-4), "ci_high": pytest.approx(high, abs=1e-4)}


def test_accuracies_of_networks_with_weights_have_intervals_over_clips(told):
    assert told["net"]["pretrained"]["accuracy"] == estimate(7 / 8, *bootstrap(right(TRAINED)))
    assert told["controls"]["pixels"]["accuracy"] == estimate(6 / 8, *bootstrap(right(PIXELS)))
    assert bootstrap(right(PIXELS))[0] > 0.5  # else the oracle is too coarse to tell


@pytest.mark.parametrize("name", ["net", "bare"])
def test_random_initialisation_has_an_interval_over_seeds(told, name):
    accuracies = ACCURACIES[name]
    assert told[name]["random"]["accuracy"] == estimate(accuracies.mean(), *np.clip(student(accuracies), 0, 1))


def test_the_gain_has_an_interval_over_clips_and_seeds(told):
    difference = right(TRAINED) - right(RANDOM)
    low, high = bootstrap(difference)
    (seed_low, seed_high), seeds = student(ACCURACIES["net"]), ACCURACIES["net"].mean()
    gain = 7 / 8 - 13 / 24
    assert difference.mean() == pytest.approx(gain)
    expected = estimate(
        gain, gain - np.hypot(gain - low, seed_high - seeds), gain + np.hypot(high - gain, seeds - seed_low)
    )
    assert told["net"]["gain"] == expected
    assert "gain" not in told["bare"]


def test_a_control_is_held_against_its_backbone_and_paired(told):
    for name, control in (("pixels", PIXELS), ("net-shuffled", SHUFFLED)):
        difference = right(TRAINED) - right(control)
        assert told["controls"][name]["gap"] == estimate(difference.mean(), *bootstrap(difference))


def test_other_scores_are_means_over_the_networks(told):
    assert told["net"]["pretrained"]["balanced_accuracy"] == round((1 + 1 + 0) / 3, 4)
    assert told["net"]["pretrained"]["macro_f1"] == round((8 / 9 + 1 + 0) / 3, 4)
    # Recalls of the three seeds: 1/2, 0, 0; 1, 2/3, 1; 1, 0, 0.
    assert told["net"]["random"]["balanced_accuracy"] == round((1 / 6 + 8 / 9 + 1 / 3) / 3, 4)
    f1 = ((4 / 10 + 0 + 0) / 3, (1 + 4 / 5 + 2 / 3) / 3, (8 / 12 + 0 + 0) / 3)
    assert told["net"]["random"]["macro_f1"] == round(float(np.mean(f1)), 4)


def test_permuted_labels_are_told_where_they_were_run(told):
    assert told["net"]["pretrained"]["permuted_labels_accuracy"] == 0.375
    assert told["net"]["random"]["permuted_labels_accuracy"] == 0.375
    assert "permuted_labels_accuracy" not in told["controls"]["pixels"]


def test_the_data_are_told(told):
    data = {"tested_clips": 8, "groups": 5, "classes": 3, "chance": 0.5, "leaked_duplicates": 3}
    assert told["data"] == data
    assert told["pretrain"] == {"w": {"mse": 0.1235, "tokens": 4.0}}


def test_the_headline_is_the_primary_row(told):
    assert told["headline"] == told["net"]
    assert told.keys() == {"controls", "net", "bare", "headline", "data", "pretrain"}


def scalars(node):
    return [leaf for value in node.values() for leaf in scalars(value)] if isinstance(node, dict) else [node]


def test_it_holds_scalars_only_of_four_decimals(told):
    leaves = scalars(told)
    assert len(leaves) > 40
    assert all(type(leaf) in (int, float) and leaf == round(leaf, 4) for leaf in leaves)
    assert json.loads(json.dumps(told, allow_nan=False)) == told


def test_it_repeats_and_its_seed_is_of_the_bootstrap_alone():
    wide = Compare(primary="net", draws=100, confidence=0.8, seed=1)
    once, again = (summary(compare(ALL, OF, LABELLING, wide), {}, wide) for _ in range(2))
    assert once == again


def test_the_primary_may_be_an_untrained_row():
    params = Compare(primary="bare", draws=1000, confidence=0.8, seed=0)
    found = summary(compare(ALL, OF, LABELLING, params), {}, params)
    assert found["headline"] == found["bare"]
    assert found["controls"]["pixels"]["gap"]["mean"] == round((right(BARE) - right(PIXELS)).mean(), 4)
    # A trained control stays with its backbone.
    assert found["controls"]["net-shuffled"]["gap"]["mean"] == round((right(TRAINED) - right(SHUFFLED)).mean(), 4)


@pytest.mark.parametrize(("primary", "true"), [("net", TRAINED), ("bare", BARE)])
def test_a_perturbed_row_is_a_control_of_the_primary_row(primary, true):
    params = Compare(primary=primary, draws=1000, confidence=0.8, seed=0)
    shuffled = row("perturbed", f"{primary}/shuffled-frames", "00110011")
    found = summary(compare([*ALL, shuffled], OF, LABELLING, params), {}, params)
    assert found["controls"].keys() == {"net-shuffled", "pixels", "shuffled-frames"}
    told = found["controls"]["shuffled-frames"]
    assert told["accuracy"]["mean"] == 3 / 8
    assert told["gap"]["mean"] == round((right(true) - right(shuffled)).mean(), 4)
    assert found["headline"].keys() == found[primary].keys()


@pytest.mark.parametrize("primary", ["nett", "pixels"])
def test_a_primary_that_is_no_network_is_refused(primary):
    params = Compare(primary=primary, draws=100, confidence=0.8, seed=0)
    with pytest.raises(UserError, match=f"got row `{primary}` to compare with, expected one of bare, net"):
        compare(ALL, OF, LABELLING, params)


def test_a_primary_that_is_not_there_is_refused_without_controls_too():
    params = Compare(primary="nett", draws=100, confidence=0.8, seed=0)
    with pytest.raises(UserError, match="got row `nett`"):
        summary(compare([TRAINED, RANDOM], {}, LABELLING, params), {}, params)


def test_rows_probed_on_other_tracks_are_refused():
    other = row("controls", "pixels", "01001110", tracks="t2")
    with pytest.raises(UserError, match="controls row pixels was probed on other tracks"):
        compare([TRAINED, RANDOM, other], {}, LABELLING, PARAMS)
