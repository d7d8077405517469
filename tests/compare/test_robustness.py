"""Robustness: both curves over levels of clutter, their areas, and the verdict on the gain in area."""

from dataclasses import replace

import numpy as np
import oracles
import pytest
from probed import CLIPS, MANY, compared, key, row, scored
from scipy import stats

from trajprobe.compare.robustness import area, trapezoidal
from trajprobe.compare.sample import Scores

GENERATOR = np.random.default_rng(5)
NET, RANDOM, PIXELS = key("pretrained", "net"), key("random", "net"), key("none", "pixels")
LEVELS = (0.5, 2)
GROUPED = replace(MANY, groups=np.arange(CLIPS) // 10)


def predictions(share):
    """Of all clips, of which about this share is right."""
    return np.where(GENERATOR.random(CLIPS) < share, MANY.labels, 1 - MANY.labels).tolist()


def falling(network, name, seeds, *shares):
    """A row's plain clips, and the same at each level: fitted there, and by the probe of the plain ones, 0.2 below."""
    parts = [row(network, name, *[predictions(shares[0]) for _ in range(seeds)])]
    for level, share in zip(LEVELS, shares[1:], strict=True):
        each = [{"from_plain": predictions(share - 0.2)} for _ in range(seeds)]
        fitted = [predictions(share) for _ in range(seeds)]
        parts.append(row(network, name, *fitted, input=f"clutter-{level:g}", each=each))
    return parts


TRAINED = falling("pretrained", "net", 1, 0.9, 0.8, 0.7)
SEEDS = falling("random", "net", 3, 0.7, 0.6, 0.55)
CONTROL = falling("none", "pixels", 1, 0.8, 0.6, 0.5)


def correct(parts, field):
    """By level, of each network, where its predictions are correct: (levels networks clips)."""
    plain, *cluttered = [part.variants[0].networks for part in parts]
    of_levels = [[network.predictions for network in plain]]
    of_levels += [[getattr(network, field) for network in networks] for networks in cluttered]
    return (np.array(of_levels) == MANY.labels).astype(float)


def areas(parts, field):
    """By numpy's trapezoidal rule, of each network and clip: (networks clips)."""
    return np.trapezoid(correct(parts, field), [0, *LEVELS], axis=0) / LEVELS[-1]


def test_the_mean_of_rising_levels_is_the_trapezoidal_rules():
    levels = [0.0, 0.1, 0.5, 2.0]
    values = np.random.default_rng(0).random((4, 3))
    expected = np.trapezoid(values, levels, axis=0) / 2
    np.testing.assert_allclose(np.array(trapezoidal(levels)) @ values, expected)
    curve = {level: Scores(*[np.array([part])] * 3) for level, part in zip(levels, values, strict=True)}
    for part in area(dict(reversed(curve.items()))):
        np.testing.assert_allclose(part[0], expected)


@pytest.mark.parametrize("labelling", [MANY, GROUPED])
@pytest.mark.parametrize(("kind", "field"), [("fitted", "predictions"), ("from_plain", "from_plain")])
def test_scores_of_levels_and_areas_have_intervals_over_clips(labelling, kind, field):
    results = compared(*TRAINED, *SEEDS, *CONTROL, labelling=labelling)
    for variant, parts in ((NET, TRAINED), (PIXELS, CONTROL)):
        curve = getattr(results.robustness[variant], kind)
        assert list(curve.scores) == [0, *LEVELS]
        for level, values in zip(curve.scores, correct(parts, field), strict=True):
            expected = oracles.accuracy(values[0].tolist(), labelling.groups, 0.95)
            assert curve.scores[level] == pytest.approx(expected, abs=1e-9)
        expected = oracles.accuracy(areas(parts, field)[0].tolist(), labelling.groups, 0.95)
        assert curve.area == pytest.approx(expected, abs=1e-9)
    assert results.robustness[PIXELS].fitted.gain is None


@pytest.mark.parametrize(("kind", "field"), [("fitted", "predictions"), ("from_plain", "from_plain")])
def test_the_gain_in_area_is_against_a_further_random_network_and_the_gains_are_one_family(kind, field):
    results = compared(*TRAINED, *SEEDS, *CONTROL)
    gain = getattr(results.robustness[NET], kind).gain
    trained, random = (areas(parts, field) for parts in (TRAINED, SEEDS))
    mean, error, freedom = oracles.gain(trained[0].tolist(), random.tolist(), list(range(CLIPS)))
    half = stats.t.ppf(0.975, freedom) * error
    assert gain.difference == pytest.approx((mean, mean - half, mean + half), abs=1e-9)
    other = getattr(results.robustness[NET], "from_plain" if kind == "fitted" else "fitted").gain
    smaller = min(stats.t.sf(verdict.difference.mean / error, freedom) for verdict in (gain, other))
    assert min(gain.p_value, other.p_value) >= smaller  # Holm's, over these two
    assert gain.words == "better"


def test_cluttered_clips_are_no_lines_of_their_own_and_decide_nothing_else():
    frames = scored("pretrained", "net", 100, input="middle-frame")
    results = compared(*TRAINED, *SEEDS, *CONTROL, frames)
    bare = compared(*TRAINED[:1], *SEEDS[:1], *CONTROL[:1], frames)
    assert list(results.variants) == list(bare.variants)
    assert results.differences == bare.differences
    assert results.gains == bare.gains
    assert not results.layers
    assert set(results.robustness) == {NET, RANDOM, PIXELS}
    assert not bare.robustness


def test_a_row_without_clutter_has_no_robustness_and_one_without_random_networks_no_gain():
    results = compared(*TRAINED, scored("random", "net", 120, 110), *CONTROL)
    assert set(results.robustness) == {NET, PIXELS}
    assert results.robustness[NET].from_plain.gain is None
