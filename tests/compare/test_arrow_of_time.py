"""Directions told right: intervals, verdicts against chance and gains, against closed forms and plain loops."""

from dataclasses import replace

import numpy as np
import oracles
import pytest
from probed import CLIPS, FEW, MANY, compared, key, row
from scipy import stats

from trajprobe.compare import arrow_of_time

GENERATOR = np.random.default_rng(4)
NET, RANDOM, PIXELS, BARE = key("pretrained", "net"), key("random", "net"), key("none", "pixels"), key("random", "bare")
GROUPED = replace(MANY, groups=np.arange(CLIPS) // 10)


def told(share, clips=CLIPS):
    """Counts of 0, 1 or 2, of this mean share of two."""
    return GENERATOR.binomial(2, share, clips).tolist()


def directions(network, name, *counts, **changed):
    """A row whose networks tell so many directions of each clip's pair, and no class."""
    each = [{"arrow_of_time": one} for one in counts]
    return row(network, name, *[[0] * CLIPS for _ in counts], each=each, **changed)


TRAINED = directions("pretrained", "net", told(0.7))
SEEDS = directions("random", "net", *(told(share) for share in (0.55, 0.6, 0.52)))
CONTROL = directions("none", "pixels", told(0.5))
OTHERS = directions("random", "bare", told(0.6), told(0.45))
BELOW = directions("none", "coordinates", told(0.3))
ALL = [TRAINED, SEEDS, CONTROL, OTHERS]


def shares(part):
    return [[count / 2 for count in network.arrow_of_time] for network in part.variants[0].networks]


def against_chance(part, labelling):
    """The distance from chance in standard errors, and their degrees of freedom: of one network."""
    (values,) = shares(part)
    variance, freedom = oracles.variance_of_mean(values, labelling.groups.tolist())
    share = sum(values) / CLIPS
    effect = oracles.design_effect(variance, share * (1 - share), labelling.groups)
    return (share - 0.5) / np.sqrt(0.25 / CLIPS * effect), freedom


@pytest.mark.parametrize("labelling", [MANY, GROUPED])
def test_shares_have_wilsons_interval_over_pairs(labelling):
    found = compared(*ALL, labelling=labelling)
    for variant, part in ((NET, TRAINED), (PIXELS, CONTROL)):
        expected = oracles.accuracy(shares(part)[0], labelling.groups, 0.95)
        assert found.estimates[variant]["arrow_of_time"] == pytest.approx(expected, abs=1e-9)
        away = found.arrows[variant].from_chance.difference
        assert away == pytest.approx([end - 0.5 for end in expected], abs=1e-9)


def test_of_several_seeds_it_is_that_of_a_further_one():
    found = compared(*ALL)
    for variant, part in ((RANDOM, SEEDS), (BARE, OTHERS)):
        networks = shares(part)
        kinds = [(networks, 1 + 1 / len(networks))]
        mean, error, freedom = oracles.student(np.mean(networks, axis=0).tolist(), list(range(CLIPS)), kinds)
        effect = oracles.design_effect(error**2, mean * (1 - mean), list(range(CLIPS)))
        expected = (mean, *oracles.wilson(mean, CLIPS / effect, freedom, 0.95))
        assert found.estimates[variant]["arrow_of_time"] == pytest.approx(expected, abs=1e-9)


def test_verdicts_are_of_one_family_with_the_gains():
    found = compared(*ALL, BELOW, labelling=GROUPED)
    tests = []
    for part in (TRAINED, CONTROL, BELOW):
        statistic, freedom = against_chance(part, GROUPED)
        tests.append(stats.t.sf(abs(statistic), freedom))
    verdicts = [arrow.from_chance for arrow in found.arrows.values()]
    gains = [arrow.gain for arrow in found.arrows.values() if arrow.gain]
    assert (len(verdicts), len(gains)) == (5, 1)
    mean, error, freedom = oracles.gain(shares(TRAINED)[0], shares(SEEDS), GROUPED.groups.tolist())
    assert gains[0].difference.mean == pytest.approx(mean)
    assert gains[0].difference.ci_low == pytest.approx(stats.t.ppf(0.025, freedom, mean, error))
    own = dict(zip((NET, PIXELS, key("none", "coordinates")), tests, strict=True))
    smallest = min(own, key=own.get)
    assert found.arrows[smallest].from_chance.p_value == pytest.approx(6 * own[smallest])
    assert found.arrows[NET].from_chance.words == "better"
    assert found.arrows[key("none", "coordinates")].from_chance.words == "worse"
    assert found.arrows[PIXELS].from_chance.words.startswith("not distinguishable with n = 200 clips in 20 groups")


def test_words_name_the_clips_and_the_seeds():
    parts = [directions("pretrained", "net", told(0.5)), directions("random", "net", told(0.5), told(0.5))]
    arrow = compared(*parts).arrows[NET]
    assert arrow.gain.words == "not distinguishable with n = 200 clips and 2 random seeds"
    assert compared(*parts).arrows[RANDOM].from_chance.words == arrow.gain.words


def test_features_that_are_the_same_both_ways_are_at_chance_for_certain():
    arrow = compared(directions("none", "extent", [1] * CLIPS), primary="extent").arrows[key("none", "extent")]
    assert arrow.from_chance.difference.mean == 0
    assert -0.02 < arrow.from_chance.difference.ci_low < 0 < arrow.from_chance.difference.ci_high < 0.02
    assert (arrow.from_chance.sign, arrow.from_chance.practically_equal, arrow.gain) == (0, True, None)


def test_it_changes_no_other_verdict_and_is_there_for_those_that_saw_clips_backwards():
    plain = [row(part.variants[0].network, part.row, *[[0] * CLIPS] * len(shares(part))) for part in ALL]
    without, found = compared(*plain), compared(*ALL)
    assert without.arrows == {}
    assert (found.gains, found.differences) == (without.gains, without.differences)
    some = compared(TRAINED, plain[1], CONTROL)
    assert list(some.arrows) == [NET, PIXELS]
    assert "arrow_of_time" not in some.estimates[RANDOM]
    assert some.arrows[NET].gain is None


def test_clips_that_no_fold_tests_do_not_count_and_few_are_not_judged():
    part = row("none", "pixels", "00000000", each=[{"arrow_of_time": [2, 1, 2, 0, 2, 2, 1, 1, -1, -1]}])
    found = compared(part, labelling=FEW, primary="pixels")
    assert found.estimates[PIXELS]["arrow_of_time"].mean == 11 / 16
    assert found.arrows[PIXELS].from_chance.words == "not judged, too few clips"


def test_variances_are_larger_by_what_folds_share(monkeypatch):
    def variance():
        """At chance, over that of independent pairs."""
        low = compared(CONTROL, primary="pixels", alpha=0.05).estimates[PIXELS]["arrow_of_time"].ci_low
        mean = np.mean(shares(CONTROL))
        return (mean - low) ** 2 / (low * (1 - low) / CLIPS)

    before = variance()
    monkeypatch.setattr(arrow_of_time, "DIRECTIONS", 2.0)
    assert variance() == pytest.approx(2 * before, rel=0.02)
