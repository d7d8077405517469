"""Differences between runs, against plain loops; how often they are wrong, on simulated networks."""

import numpy as np
import oracles
import pytest
from probed import CLIPS, MANY, compared, key, params, row
from scipy import stats

from trajprobe.compare import sample
from trajprobe.compare.confidence import confidence_interval
from trajprobe.compare.sample import Sample
from trajprobe.compare.scored import scored_variants
from trajprobe.runs.changes import BothRuns, changes, gain_difference, score_difference

SAMPLE = Sample.of(MANY)
NET, RANDOM = ("net", "pretrained"), ("net", "random")
SAME = {NET: True, RANDOM: True}
GROUPS = MANY.groups.tolist()


@pytest.fixture(autouse=True)
def training_adds_nothing(monkeypatch):
    """The oracles are of clips alone."""
    monkeypatch.setattr(sample, "TRAINING", 0.0)


def net(correct, network="pretrained"):
    """A row by what its networks predict correctly (s n), 0 or 1."""
    return row(network, "net", *[np.where(one, MANY.labels, 1 - MANY.labels).tolist() for one in np.asarray(correct)])


def drawn(generator, networks, ability, other, luck=0.6):
    """What networks get right in two runs: the same clips are hard, the same networks are good, in both."""
    hard, worth = generator.normal(size=CLIPS), 0.4 * generator.normal(size=(networks, 1))
    shared = hard + worth + luck * generator.normal(size=(networks, CLIPS))
    uniform = generator.random((2, networks, CLIPS))
    own = 0.2 * generator.normal(size=(2, networks, 1))
    return [uniform[run] < 1 / (1 + np.exp(-shared - own[run] - level)) for run, level in enumerate((ability, other))]


def changed(here, there, same=SAME, **settings):
    """By what it is of: the change between two runs of parts."""
    given = params(**settings)
    found = changes(compared(*here, given=given), compared(*there, given=given), same, SAMPLE, given)
    return {(change.row, change.of_gain): change for change in found}


def interval(values, kinds):
    """Student's, by plain loops."""
    mean, error, freedom = oracles.student(list(values), GROUPS, kinds)
    return (mean, *stats.t.interval(0.95, freedom, mean, error))


@pytest.mark.parametrize("number", range(4))
def test_networks_that_both_runs_have_are_paired(number):
    here, there = drawn(np.random.default_rng(number), 3, 0.5, 0.2)
    away = here.astype(float) - there
    found = changed([net(here)], [net(there)])["net", False]
    expected = interval(away.mean(axis=0), [(away.tolist(), 1 / 3)])
    assert found.verdict.difference == pytest.approx(expected)
    assert (found.there.mean, found.here.mean) == pytest.approx((there.mean(), here.mean()))


def test_other_networks_are_two_samples():
    here, there = drawn(np.random.default_rng(0), 3, 0.5, 0.2)
    found = changed([net(here)], [net(there)], {})["net", False]
    sides = [(one.astype(float).tolist(), 1 / 3) for one in (here, there)]
    assert found.verdict.difference == pytest.approx(interval(here.mean(axis=0) - there.mean(axis=0), sides))


def test_a_single_network_has_the_paired_interval_of_a_row_against_another():
    here, there = drawn(np.random.default_rng(1), 1, 0.5, 0.2)
    found = changed([net(here)], [net(there)])["net", False].verdict
    mean, p_values = oracles.paired(here[0].astype(float) - there[0], GROUPS)
    assert found.difference.mean == pytest.approx(mean)
    assert found.p_value == pytest.approx(min(p_values(0)), rel=1e-4)


@pytest.mark.parametrize("networks", [1, 3])
@pytest.mark.parametrize("paired", [False, True])
def test_a_difference_of_gains_has_seeds_and_clips_of_all_four_kinds(networks, paired):
    """That of a single network is over further random ones, as a gain is."""
    generator = np.random.default_rng(2)
    here, there = drawn(generator, networks, 1.0, 0.2)
    random, other = drawn(generator, 5, 0.0, 0.3)
    found = changed([net(here), net(random, "random")], [net(there), net(other, "random")], SAME if paired else {})
    verdict = found["net", True].verdict
    values = here.mean(axis=0) - random.mean(axis=0) - there.mean(axis=0) + other.mean(axis=0)
    factor = 1 / 5 + (networks == 1)
    if paired:
        kinds = [((random.astype(float) - other).tolist(), factor)]
        kinds += [((here.astype(float) - there).tolist(), 1 / networks)] * (networks > 1)
    else:
        kinds = [(part.astype(float).tolist(), factor) for part in (random, other)]
        kinds += [(part.astype(float).tolist(), 1 / networks) for part in (here, there) if networks > 1]
    assert verdict.difference == pytest.approx(interval(values, kinds))
    gains = [
        compared(*run).gains[key("pretrained", "net")].verdict.difference
        for run in ([net(there), net(other, "random")], [net(here), net(random, "random")])
    ]
    assert (found["net", True].there, found["net", True].here) == tuple(gains)


def test_the_same_predictions_are_no_test():
    """They would take power from the others by Holm's method, and have nothing to say."""
    here, there = drawn(np.random.default_rng(3), 1, 0.5, 0.2)
    random = drawn(np.random.default_rng(4), 5, 0.0, 0.0)[0]
    pixels = row("none", "pixels", MANY.labels.tolist())
    found = changed([net(here), net(random, "random"), pixels], [net(there), net(random, "random"), pixels])
    assert found["pixels", False].verdict is None
    alone = changed([net(here)], [net(there)])["net", False].verdict
    assert found["net", False].verdict == alone
    assert found["net", True].same_random
    assert found["net", True].verdict == alone


def test_a_gain_changes_though_the_row_does_not():
    """As with more random seeds."""
    (trained, _), (random, other) = drawn(np.random.default_rng(5), 1, 1, 1), drawn(np.random.default_rng(6), 5, 0, 1)
    found = changed([net(trained), net(random, "random")], [net(trained), net(other, "random")])
    assert found["net", False].verdict is None
    away = other.astype(float) - random
    verdict = found["net", True].verdict
    assert verdict.difference == pytest.approx(interval(away.mean(axis=0), [(away.tolist(), 1 + 1 / 5)]))
    assert "5 random seeds" in verdict.words or verdict.sign


def test_networks_that_predict_the_same_add_nothing_to_a_gain_s_variance():
    """Weights that were trained anew, and happened to change no prediction."""
    (trained, _), (random, other) = drawn(np.random.default_rng(5), 3, 1, 1), drawn(np.random.default_rng(6), 5, 0, 1)
    found = changed([net(trained), net(random, "random")], [net(trained), net(other, "random")], {RANDOM: True})
    away = other.astype(float) - random
    verdict = found["net", True].verdict
    assert verdict.difference == pytest.approx(interval(away.mean(axis=0), [(away.tolist(), 1 / 5)]))


def test_pretrained_networks_are_never_paired_with_random_ones():
    here, there = drawn(np.random.default_rng(8), 5, 0.5, 0.2)
    found = changed([net(here)], [net(there, "random")])["net", False]
    sides = [(one.astype(float).tolist(), 1 / 5) for one in (here, there)]
    assert found.verdict.difference == pytest.approx(interval(here.mean(axis=0) - there.mean(axis=0), sides))


def test_all_differences_are_one_family():
    """By Holm's method, over two rows and a gain."""
    generator = np.random.default_rng(7)
    (here, there), (random, other) = drawn(generator, 3, 0.4, 0.2), drawn(generator, 5, 0.0, 0.1)
    pixels = [
        row("none", "pixels", np.where(one[0], MANY.labels, 1 - MANY.labels).tolist())
        for one in drawn(generator, 1, 0.5, 0.2)
    ]
    found = changed([net(here), net(random, "random"), pixels[0]], [net(there), net(other, "random"), pixels[1]])
    alone = {
        ("net", False): changed([net(here)], [net(there)])["net", False],
        ("pixels", False): changed([pixels[0]], [pixels[1]], primary="pixels")["pixels", False],
    }
    p_values = {of: change.verdict.p_value for of, change in alone.items()}
    mean, error, freedom = oracles.student(
        list(here.mean(axis=0) - random.mean(axis=0) - there.mean(axis=0) + other.mean(axis=0)),
        GROUPS,
        [((here.astype(float) - there).tolist(), 1 / 3), ((random.astype(float) - other).tolist(), 1 / 5)],
    )
    p_values["net", True] = stats.t.sf(abs(mean) / error, freedom)
    corrected = dict(zip(p_values, oracles.holm(list(p_values.values())), strict=True))
    assert {of: change.verdict.p_value for of, change in found.items()} == pytest.approx(corrected)


def test_a_row_that_got_its_weights_is_held_against_its_random_networks():
    here, there = drawn(np.random.default_rng(8), 5, 0.5, 0.2)
    found = changed([net(here[:1])], [net(there, "random")])
    assert found["net", False].networks == ("random", "pretrained")
    mean, error, freedom = oracles.gain(here[0].astype(float).tolist(), there.astype(float).tolist(), GROUPS)
    expected = (mean, *stats.t.interval(0.95, freedom, mean, error))
    assert found["net", False].verdict.difference == pytest.approx(expected)


def test_too_few_clips_are_not_judged(monkeypatch):
    monkeypatch.setattr(sample, "FEWEST_CLIPS", CLIPS + 1)
    here, there = drawn(np.random.default_rng(9), 1, 0.5, 0.2)
    verdict = changed([net(here)], [net(there)])["net", False].verdict
    assert (verdict.p_value, verdict.words) == (None, "not judged, too few clips")


RUNS = 400


def test_intervals_and_verdicts_are_right_as_often_as_they_say():
    """Where a change does nothing in the mean: 95 % of intervals hold 0, and 2.5 % lie above it."""
    found = []
    for number in range(RUNS):
        generator = np.random.default_rng(number)
        main = in_both_runs("pretrained", *drawn(generator, 3, 0.5, 0.5))
        random = in_both_runs("random", *drawn(generator, 5, 0.0, 0.0))
        hypotheses = score_difference(main, "accuracy", SAMPLE), gain_difference(main, random, "accuracy", SAMPLE)
        found.append([confidence_interval(hypothesis.difference, 0.95)[1:] for hypothesis in hypotheses])
    low, high = np.moveaxis(found, 2, 0)
    inside, above = ((low <= 0) & (high >= 0)).mean(axis=0), (low > 0).mean(axis=0)
    assert inside == pytest.approx([0.95, 0.95], abs=3 * np.sqrt(0.05 * 0.95 / RUNS))
    assert above == pytest.approx([0.025, 0.025], abs=3 * np.sqrt(0.025 * 0.975 / RUNS))


def in_both_runs(network, here, there):
    ours, theirs = (next(scored_variants(net(correct, network), MANY)) for correct in (here, there))
    return BothRuns(ours, theirs, paired=True)


def test_pairing_networks_narrows_an_interval():
    here, there = drawn(np.random.default_rng(10), 5, 0.5, 0.2)
    paired, apart = (confidence_width(changed([net(here)], [net(there)], same)["net", False]) for same in (SAME, {}))
    assert paired < apart


def confidence_width(change):
    _, low, high = change.verdict.difference
    return high - low
