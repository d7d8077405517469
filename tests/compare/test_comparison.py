"""A comparison of a few hand-made rows, against enumerations, plain loops and numbers worked out by hand."""

from dataclasses import replace

import msgspec
import numpy as np
import oracles
import pytest
from probed import CLIPS, FEW, MANY, params, row, scored
from scipy import stats

from trajprobe.compare.comparison import Compare, compare, main_kind
from trajprobe.errors import UserError

#                      0000 1112
TRAINED = row("pretrained", "net", "00001110")  # all right but the last
RANDOM = row("random", "net", "00110000", "00001122", "00000000")
SHUFFLED = row("controls", "net-shuffled", "00000000", trained_frames=9)
PIXELS = row("controls", "pixels", "01001110")
BARE = row("random", "bare", "00001100", "00001110")
ALL = [TRAINED, RANDOM, SHUFFLED, PIXELS, BARE]
OF = {"net-shuffled": "net"}
ACCURACIES = {"net": [2 / 8, 7 / 8, 4 / 8], "bare": [6 / 8, 7 / 8]}
GROUPS = FEW.groups[:8]
#: Wide intervals of few clips would not tell one level from another.
PARAMS = params(confidence=0.8, draws=20000)


#: A backbone of which next to nothing is known, since its random networks differ so much.
SPREAD = [scored("pretrained", "net", 180), scored("random", "net", 100, 180, 90)]


def right(probed):
    """Which of the eight tested clips each network tells right."""
    guesses = np.array([network.predictions for network in probed.networks])[:, :8]
    return (guesses == FEW.labels[:8]).astype(float)


@pytest.fixture(scope="module")
def found():
    return compare(ALL, OF, FEW, PARAMS)


def test_accuracies_of_networks_with_weights_have_intervals_over_clips(found):
    for key, probed in ((("pretrained", "net"), TRAINED), (("controls", "pixels"), PIXELS)):
        values = right(probed)[0]
        assert found.accuracies[key] == pytest.approx((values.mean(), *oracles.bootstrap(values, GROUPS, 0.8)))
    assert found.accuracies["controls", "pixels"][1:] == pytest.approx((0.5, 1))


@pytest.mark.parametrize("name", ["net", "bare"])
def test_random_initialisation_has_an_interval_over_seeds(found, name):
    accuracies = ACCURACIES[name]
    low, high = oracles.prediction(accuracies, 0.8)
    assert found.accuracies["random", name] == pytest.approx((np.mean(accuracies), max(low, 0), min(high, 1)))
    assert found.accuracies["random", "bare"].ci_high == 1  # no share is above


def test_entries_and_chance_are_of_all_rows_in_their_order(found):
    order = [("pretrained", "net"), ("random", "net"), ("controls", "net-shuffled"), ("controls", "pixels")]
    assert list(found.entries) == list(found.accuracies) == [*order, ("random", "bare")]
    assert [entry.key for entry in found.entries.values()] == list(found.entries)
    assert found.chance == 4 / 8  # tested clips alone, of all ten half are of class 0 too
    assert compare(ALL, OF, replace(FEW, labels=np.array([0, 0, 0, 1, 1, 1, 1, 2, 2, 2])), PARAMS).chance == 4 / 8
    assert compare(ALL, OF, replace(FEW, labels=np.array([0, 0, 0, 1, 1, 2, 1, 2, 2, 2])), PARAMS).chance == 3 / 8
    assert found.leaks == []
    assert found.labelling is FEW


def test_the_gain_is_known_over_clips_and_seeds(found):
    mean, error, freedom = oracles.gain(right(TRAINED)[0].tolist(), right(RANDOM).tolist(), GROUPS)
    assert mean == pytest.approx(7 / 8 - 13 / 24)
    half = stats.t.ppf(0.9, freedom) * error
    assert list(found.gains) == ["net"]
    verdict = found.gains["net"].verdict
    assert verdict.difference == pytest.approx((mean, mean - half, mean + half))
    assert verdict.detectable == pytest.approx((stats.t.ppf(0.95, freedom) + stats.t.ppf(0.8, freedom)) * error)
    base = 2 * np.arcsin(np.sqrt(13 / 24))
    assert verdict.effect.mean == pytest.approx(2 * np.arcsin(np.sqrt(7 / 8)) - base)
    assert verdict.effect.ci_high == pytest.approx(np.pi - base)  # 100 % at most
    assert verdict.words == "not distinguishable with n = 8 clips in 4 groups and 3 random seeds"


DIFFERENCES = {
    ("controls", "net-shuffled"): right(TRAINED)[0] - right(SHUFFLED)[0],
    ("controls", "pixels"): right(TRAINED)[0] - right(PIXELS)[0],
    ("random", "bare"): right(TRAINED)[0] - right(BARE).mean(axis=0),
}


def test_rows_are_held_against_their_backbone_or_the_primary_one_and_paired(found):
    assert {key: gap.row for key, gap in found.gaps.items()} == dict.fromkeys(DIFFERENCES, "net")
    for key, values in DIFFERENCES.items():
        low, high = oracles.bootstrap(values, GROUPS, 0.8)
        verdict = found.gaps[key].verdict
        assert verdict.difference == pytest.approx((values.mean(), low, high))
        base = found.entries[key].right.mean()
        ends = np.arcsin(np.sqrt(np.clip([base + values.mean(), base + low, base + high], 0, 1)))
        assert verdict.effect == pytest.approx(2 * ends - 2 * np.arcsin(np.sqrt(base)))
        assert verdict.words == "not distinguishable with n = 8 clips in 4 groups"
    assert found.gaps["controls", "pixels"].verdict.difference.mean == 1 / 8


def test_all_differences_are_one_family(found):
    mean, error, freedom = oracles.gain(right(TRAINED)[0].tolist(), right(RANDOM).tolist(), GROUPS)
    alone = [stats.t.sf(mean / error, freedom)]
    alone += [min(oracles.bootstrap_p(values, GROUPS)) for values in DIFFERENCES.values()]
    verdicts = [found.gains["net"].verdict, *(gap.verdict for gap in found.gaps.values())]
    assert [verdict.p for verdict in verdicts] == pytest.approx(oracles.holm(alone), abs=0.02)


def test_holm_over_the_family_takes_a_verdict_back():
    """Better by four clips of 200, p = 0.018 alone: too little among six more differences of which nothing is known."""
    primary, seeds = SPREAD
    weak = scored("controls", "weak", 176)
    others = [scored("controls", f"as-good-{number}", 180) for number in range(6)]
    alone = compare([primary, seeds, weak], {}, MANY, params(margin=0.001)).gaps["controls", "weak"].verdict
    among = compare([primary, seeds, weak, *others], {}, MANY, params(margin=0.001)).gaps["controls", "weak"].verdict
    assert (alone.words, alone.sign) == ("better", 1)
    assert (among.words, among.sign) == ("not distinguishable with n = 200 clips", 0)
    assert among.difference == alone.difference
    assert among.p == pytest.approx(alone.p * 8 / 2)


def test_as_good_as_the_other_on_every_clip_is_practically_equal():
    same = scored("controls", "same", 180)
    found = compare([scored("pretrained", "net", 180), scored("random", "net", 100, 90), same], {}, MANY, params())
    verdict = found.gaps["controls", "same"].verdict
    assert (verdict.words, verdict.sign, verdict.p) == ("practically equal", 0, 1)
    assert verdict.difference == (0, 0, 0)
    assert verdict.detectable == 0


def test_another_backbone_has_a_gain_and_is_held_against_the_primary_one():
    other = [scored("pretrained", "other", 120), scored("random", "other", 118, 121, 122, 119)]
    mine = [scored("pretrained", "net", 180), scored("random", "net", 150, 90, 120)]
    found = compare([*other, *mine], {}, MANY, params())
    assert list(found.gains) == ["other", "net"]
    assert found.gains["other"].verdict.difference.mean == pytest.approx(0)
    assert found.gains["net"].verdict.difference.mean == pytest.approx(0.3)
    assert found.gains["net"].verdict.words.endswith("with n = 200 clips and 3 random seeds")
    assert found.gains["other"].verdict.words.startswith(("practically equal", "not distinguishable"))
    # Pretrained against pretrained: its random networks are in its gain alone.
    assert list(found.gaps) == [("pretrained", "other")]
    gap = found.gaps["pretrained", "other"]
    assert (gap.row, gap.verdict.words) == ("net", "better")
    assert gap.verdict.difference.mean == pytest.approx(0.3)
    turned = compare([*other, *mine], {}, MANY, params("other")).gaps["pretrained", "net"]
    assert (turned.row, turned.verdict.words, turned.verdict.sign) == ("other", "worse", -1)


def test_the_primary_may_be_an_untrained_row():
    found = compare(ALL, OF, FEW, params("bare", confidence=0.8, draws=20000))
    assert {key: gap.row for key, gap in found.gaps.items()} == {
        ("pretrained", "net"): "bare",
        ("controls", "net-shuffled"): "net",  # a trained control stays with its backbone
        ("controls", "pixels"): "bare",
    }
    values = right(BARE).mean(axis=0) - right(PIXELS)[0]
    low, high = oracles.bootstrap(values, GROUPS, 0.8)
    assert found.gaps["controls", "pixels"].verdict.difference == pytest.approx((values.mean(), low, high))
    assert list(found.gains) == ["net"]


def test_a_perturbed_row_is_a_control_of_the_primary_one():
    perturbed = row("perturbed", "net/shuffled-frames", "00000000", trained_frames=17)
    found = compare([TRAINED, RANDOM, perturbed], {}, FEW, PARAMS)
    assert list(found.gaps) == [("controls", "shuffled-frames")]
    assert found.gaps["controls", "shuffled-frames"].row == "net"
    assert found.gaps["controls", "shuffled-frames"].verdict.difference.mean == 3 / 8


def test_a_perturbed_row_of_random_weights_is_held_against_the_seed_that_it_has():
    found = compare([BARE, row("perturbed", "bare/middle-frame", "00000000")], {}, FEW, params("bare"))
    assert found.gaps["controls", "middle-frame"].verdict.difference.mean == right(BARE)[0].mean() - 4 / 8
    assert right(BARE)[0].mean() != right(BARE).mean()


def test_an_untrained_row_alone_has_nothing_to_be_held_against():
    found = compare([BARE], {}, FEW, params("bare"))
    assert (found.gains, found.gaps, found.leaks) == ({}, {}, [])


def test_few_labels_are_held_against_the_next_random_network():
    curves, bits = [[0.2, 0.4, 0.4], [0.1, 0.1, 0.3], [0.3, 0.3, 0.3]], [9.0, 8.0, 10.0]
    each = [{"few_shot": [curve], "code_bits": [code]} for curve, code in zip(curves, bits, strict=True)]
    trained = row("pretrained", "net", "00001110", few_shot=[[0.5, 0.6, 0.7]], code_bits=[5.0])
    gain = compare([trained, row("random", "net", *3 * ["00110000"], each=each)], {}, FEW, PARAMS).gains["net"]
    # Areas by trapezoids over 0, 1, 2, halved: 0.35, 0.15, 0.3.
    for got, mine, theirs in ((gain.area, 0.6, [0.35, 0.15, 0.3]), (gain.bits, 0.5, [0.9, 0.8, 1.0])):
        low, high = oracles.prediction([mine - one for one in theirs], 0.8)
        assert got == pytest.approx((mine - np.mean(theirs), low, high))


def test_without_draws_there_are_no_few_labels(found):
    assert (found.gains["net"].area, found.gains["net"].bits) == (None, None)


@pytest.mark.parametrize(
    ("seeds", "alpha", "there"),
    [(18, 0.05, False), (19, 0.05, True), (9, 0.05, False), (9, 0.1, True), (99, 0.01, True), (98, 0.01, False)],
)
def test_a_rank_is_told_where_it_can_reach_alpha(seeds, alpha, there):
    random = scored("random", "net", *np.linspace(90, 118, seeds - 1).astype(int).tolist(), 119)
    trained = scored("pretrained", "net", 119, equal=[0] * CLIPS)
    found = compare([trained, random], {}, MANY, params(alpha=alpha)).gains["net"]
    assert found.rank == (pytest.approx(2 / (seeds + 1)) if there else None)


def test_it_repeats_and_the_seed_is_the_bootstraps():
    once, again, other = (compare(ALL, OF, FEW, params(confidence=0.8, draws=1000, seed=seed)) for seed in (0, 0, 1))
    assert once.gaps == again.gaps
    assert once.accuracies == again.accuracies
    assert once.gaps != other.gaps
    many = [compare(SPREAD, {}, MANY, params(draws=1000, seed=seed)).accuracies for seed in range(8)]
    assert len({accuracies["pretrained", "net"] for accuracies in many}) > 1
    assert len({accuracies["random", "net"] for accuracies in many}) == 1
    assert once.gains["net"].verdict.difference == other.gains["net"].verdict.difference


@pytest.mark.parametrize("primary", ["nett", "pixels", "shuffled-frames"])
def test_a_primary_that_is_no_network_is_refused(primary):
    with pytest.raises(UserError, match=f"got row `{primary}` to compare with, expected one of bare, net$"):
        compare(ALL, OF, FEW, params(primary))


def test_a_primary_that_is_not_there_is_refused_without_controls_too():
    with pytest.raises(UserError, match="got row `nett`"):
        compare([TRAINED, RANDOM], {}, FEW, params("nett"))
    with pytest.raises(UserError, match="got row `nett`"):  # before anything is said of what was found
        compare([*SPREAD, scored("controls", "noise", 200)], {}, MANY, params("nett"))


def test_pretrained_features_stand_for_a_row_where_it_has_them():
    there = [("random", "net"), ("pretrained", "net"), ("random", "bare"), ("controls", "pixels")]
    assert (main_kind("net", there), main_kind("bare", there)) == ("pretrained", "random")


def test_rows_probed_on_other_tracks_are_refused():
    other = row("controls", "pixels", "01001110", tracks="t2")
    with pytest.raises(UserError, match="controls row pixels was probed on other tracks"):
        compare([TRAINED, RANDOM, other], {}, FEW, PARAMS)


def test_tested_clips_of_one_group_are_refused():
    """The clips that are only trained on may be of others."""
    one = replace(FEW, groups=np.array([5, 5, 5, 5, 5, 5, 5, 5, 6, 7]))
    with pytest.raises(UserError, match=r"all tested clips are of one group.*; give more `groups`"):
        compare(ALL, OF, one, PARAMS)
    compare(ALL, OF, replace(FEW, groups=np.array([5, 5, 5, 5, 5, 5, 5, 6, 6, 7])), PARAMS)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(("alpha", 0.0), ("alpha", 0.5), ("margin", 0.0), ("margin", 1.0), ("draws", 999)),
        *(("confidence", 0.5), ("confidence", 1.0), ("leaks", "warn"), ("seed", -1)),
    ],
)
def test_parameters_out_of_their_range_are_refused(key, value):
    given = msgspec.to_builtins(params())
    assert msgspec.convert(given, Compare) == params()
    with pytest.raises(msgspec.ValidationError, match=key):
        msgspec.convert(given | {key: value}, Compare)


def test_clips_in_groups_are_told_in_the_words():
    alone = compare([scored("pretrained", "net", 101), scored("random", "net", 90, 112)], {}, MANY, params())
    assert alone.gains["net"].verdict.words == "not distinguishable with n = 200 clips and 2 random seeds"
    pairs = replace(MANY, groups=np.arange(CLIPS) // 2)
    found = compare([scored("pretrained", "net", 101), scored("random", "net", 90, 112)], {}, pairs, params())
    assert found.gains["net"].verdict.words.endswith("with n = 200 clips in 100 groups and 2 random seeds")
