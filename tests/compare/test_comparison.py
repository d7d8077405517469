"""A comparison of a few hand-made rows, against enumerations, plain loops and numbers worked out by hand."""

from dataclasses import replace

import msgspec
import numpy as np
import oracles
import pytest
from probed import CLIPS, FEW, MANY, compared, key, params, row, scored
from scipy import stats
from sklearn.metrics import balanced_accuracy_score, f1_score

from trajprobe.compare.comparison import Compare, deciding_metric
from trajprobe.compare.metrics import METRICS, Metric
from trajprobe.compare.scored import Variant
from trajprobe.data.guards import classes
from trajprobe.errors import UserError
from trajprobe.files.findings import Finding

#                      0000 1112
TRAINED = row("pretrained", "net", "00001110")  # all right but the last
RANDOM = row("random", "net", "00110000", "00001122", "00000000")
SHUFFLED = row("pretrained", "net-shuffled", "00000000", trained_frames=9)
PIXELS = row("none", "pixels", "01001110")
BARE = row("random", "bare", "00001100", "00001110")
ALL = [TRAINED, RANDOM, SHUFFLED, PIXELS, BARE]
NET, NET_RANDOM, BARE_RANDOM = key("pretrained", "net"), key("random", "net"), key("random", "bare")
LIKE, CONTROL = key("pretrained", "net-shuffled"), key("none", "pixels")
MIDDLE = key("pretrained", "net", "middle-frame")
ACCURACIES = {"net": [2 / 8, 7 / 8, 4 / 8], "bare": [6 / 8, 7 / 8]}
GROUPS, LABELS = FEW.groups[:8], FEW.labels[:8]
#: Wide intervals of few clips would not tell one level from another.
PARAMS = params(confidence=0.8)
#: A row whose random networks differ so much that next to nothing is known of its gain.
SPREAD = [scored("pretrained", "net", 180), scored("random", "net", 100, 180, 90)]


def of_few(*parts, given=PARAMS, **changed):
    return compared(*parts, labelling=FEW, given=given, **changed)


def predictions(part):
    """Of the eight tested clips by each network."""
    return np.array([network.predictions for network in part.variants[0].networks])[:, :8]


def right(part):
    """Which of the eight tested clips each network predicts correctly."""
    return (predictions(part) == LABELS).astype(float)


@pytest.fixture(scope="module")
def found():
    return of_few(*ALL)


def test_accuracies_of_networks_with_weights_have_wilsons_interval(found):
    for variant, part in ((NET, TRAINED), (CONTROL, PIXELS)):
        expected = oracles.accuracy(right(part)[0], GROUPS, 0.8)
        assert found.estimates[variant]["accuracy"] == pytest.approx(expected, abs=1e-9)


def test_accuracies_of_random_networks_have_that_of_a_further_one(found):
    """Over seeds and clips."""
    for variant, part in ((NET_RANDOM, RANDOM), (BARE_RANDOM, BARE)):
        correct = right(part)
        count = len(correct)
        kinds = [(correct.tolist(), 1 + 1 / count)]
        mean, error, freedom = oracles.student(correct.mean(axis=0).tolist(), GROUPS.tolist(), kinds)
        effect = oracles.design_effect(error**2, mean * (1 - mean), GROUPS.tolist())
        expected = oracles.wilson(mean, 8 / effect, freedom, 0.8)
        assert found.estimates[variant]["accuracy"] == pytest.approx((mean, *expected), abs=1e-9)


def test_every_metric_has_its_interval(found):
    scores = {"balanced_accuracy": balanced_accuracy_score}
    scores["macro_f1"] = lambda labels, guess: f1_score(
        labels, guess, average="macro", labels=[0, 1, 2], zero_division=0
    )
    for name, score in scores.items():
        for variant, part in ((CONTROL, PIXELS), (NET_RANDOM, RANDOM)):
            estimate = found.estimates[variant][name]
            assert estimate.mean == pytest.approx(np.mean([score(LABELS, guess) for guess in predictions(part)]))
            assert 0 <= estimate.ci_low < estimate.mean < estimate.ci_high <= 1


def test_all_right_is_no_certainty():
    found = compared(scored("pretrained", "net", 200), scored("random", "net", 0, 0, 0))
    for name in METRICS:
        (_, low, high), random = found.estimates[NET][name], found.estimates[NET_RANDOM][name]
        assert (0.97 < low < 0.99, high) == (True, 1)
        assert (random.ci_low, 0.02 < random.ci_high < 0.2) == (0, True)


def test_a_further_metric_is_one_entry(monkeypatch):
    """Of the error rate the interval is that of accuracy, turned; a metric may go below 0, and its interval with it."""
    error = Metric("error rate", lambda counts: 1 - METRICS["accuracy"].of_counts(counts), by_class=False)
    monkeypatch.setitem(METRICS, "error_rate", error)
    found = of_few(*ALL)
    mean, low, high = found.estimates[CONTROL]["accuracy"]
    assert found.estimates[CONTROL]["error_rate"] == pytest.approx((1 - mean, 1 - high, 1 - low))
    monkeypatch.setitem(METRICS, "error_rate", replace(error, ends=(-1.0, 1.0)))
    assert -1 < of_few(*ALL).estimates[CONTROL]["error_rate"].ci_low < 0


def test_variants_and_chance_are_of_all_rows_in_their_order(found):
    order = [NET, NET_RANDOM, LIKE, CONTROL, BARE_RANDOM]
    assert list(found.variants) == list(found.estimates) == order
    assert [scored.variant for scored in found.variants.values()] == order
    assert found.main == {"net": NET, "net-shuffled": LIKE, "pixels": CONTROL, "bare": BARE_RANDOM}
    assert found.chance == 4 / 8  # tested clips alone, of all ten half are of class 0 too
    for labels, chance in (([0, 0, 0, 1, 1, 1, 1, 2, 2, 2], 4 / 8), ([0, 0, 0, 1, 1, 2, 1, 2, 2, 2], 3 / 8)):
        assert compared(*ALL, labelling=replace(FEW, labels=np.array(labels))).chance == chance
    assert found.leaks == []
    assert found.labelling is FEW


def test_the_gain_is_over_clips_and_seeds(found):
    mean, error, freedom = oracles.gain(right(TRAINED)[0].tolist(), right(RANDOM).tolist(), GROUPS.tolist())
    assert mean == pytest.approx(7 / 8 - 13 / 24)
    half = stats.t.ppf(0.9, freedom) * error
    assert list(found.gains) == [NET]
    assert found.gains[NET].baseline == NET_RANDOM
    verdict = found.gains[NET].verdict
    assert verdict.difference == pytest.approx((mean, mean - half, mean + half))
    base = 2 * np.arcsin(np.sqrt(13 / 24))
    assert verdict.cohens_h.mean == pytest.approx(2 * np.arcsin(np.sqrt(7 / 8)) - base)
    assert verdict.cohens_h.ci_high == pytest.approx(np.pi - base)  # 100 % at most


def test_what_is_too_little_is_not_judged(found):
    verdicts = [found.gains[NET].verdict, *(difference.verdict for difference in found.differences.values())]
    assert {verdict.words for verdict in verdicts} == {"not judged, too few clips"}
    assert {(verdict.sign, verdict.p_value, verdict.detectable_difference) for verdict in verdicts} == {(0, None, None)}
    few = replace(MANY, groups=np.arange(CLIPS) % 5)
    parts = [scored("pretrained", "net", 200), scored("random", "net", 0, 1), scored("none", "pixels", 200)]
    clear = compared(*parts, labelling=few)
    assert clear.gains[NET].verdict.words == "not judged, too few groups"
    assert clear.differences[CONTROL].verdict.words == "not judged, too few groups"
    assert compared(*parts, labelling=replace(MANY, groups=np.arange(CLIPS) % 6)).gains[NET].verdict.words == "better"


DIFFERENCES = {LIKE: right(TRAINED)[0] - right(SHUFFLED)[0], CONTROL: right(TRAINED)[0] - right(PIXELS)[0]}


def test_rows_are_held_against_their_row_and_paired(found):
    references = {variant: one.reference for variant, one in found.differences.items()}
    assert references == dict.fromkeys((*DIFFERENCES, BARE_RANDOM), NET)
    for variant, values in DIFFERENCES.items():
        mean, p_values = oracles.paired(values, GROUPS.tolist())
        shown, low, high = found.differences[variant].verdict.difference
        assert shown == pytest.approx(mean)
        assert (p_values(low)[0], p_values(high)[1]) == pytest.approx((0.1, 0.1), abs=1e-5)
        base = found.variants[variant].correct.mean()
        ends = np.arcsin(np.sqrt(np.clip([base + mean, base + low, base + high], 0, 1)))
        effects = found.differences[variant].verdict.cohens_h
        assert effects == pytest.approx(2 * ends - 2 * np.arcsin(np.sqrt(base)))
    assert found.differences[CONTROL].verdict.difference.mean == 1 / 8


def test_against_random_networks_of_another_row_seeds_are_a_sample_too(found):
    mean, error, freedom = oracles.gain(right(TRAINED)[0].tolist(), right(BARE).tolist(), GROUPS.tolist())
    half = stats.t.ppf(0.9, freedom) * error
    assert found.differences[BARE_RANDOM].verdict.difference == pytest.approx((mean, mean - half, mean + half))


def test_questions_are_one_family_and_diagnostics_another():
    """Perturbations count among themselves, however many rows there are, and the other way round."""
    rows = [scored("none", "pixels", 172), scored("none", "coordinates", 168)]
    perturbed = [scored("pretrained", "net", 171, input="middle-frame"), scored("permuted-weights", "net", 174)]
    found = compared(*SPREAD, *rows, *perturbed)
    clips = np.arange(CLIPS)

    def alone(count):
        p_greater, p_less = oracles.paired((clips < 180).astype(int) - (clips < count), clips.tolist())[1](0)
        return min(p_greater, p_less)

    correct = [(clips < count).astype(float).tolist() for count in (180, 100, 180, 90)]
    mean, error, freedom = oracles.gain(correct[0], correct[1:], clips.tolist())
    questions = oracles.holm([stats.t.sf(mean / error, freedom), alone(172), alone(168)])
    diagnostics = oracles.holm([alone(171), alone(174)])
    verdicts = [found.gains[NET].verdict, *(found.differences[key("none", row.row)].verdict for row in rows)]
    assert [verdict.p_value for verdict in verdicts] == pytest.approx(questions, abs=1e-6)
    of_net = [MIDDLE, key("permuted-weights", "net")]
    assert [found.differences[variant].verdict.p_value for variant in of_net] == pytest.approx(diagnostics, abs=1e-6)


def test_holm_over_the_family_takes_a_verdict_back():
    """Better by four clips of 200, p = 0.018 alone: too little among six more differences of which nothing is known."""
    weak, others = scored("none", "weak", 176), [scored("none", f"as-good-{number}", 180) for number in range(6)]
    alone = compared(*SPREAD, weak, margin=0.001).differences[key("none", "weak")].verdict
    among = compared(*SPREAD, weak, *others, margin=0.001).differences[key("none", "weak")].verdict
    assert (alone.words, alone.sign) == ("better", 1)
    assert (among.words, among.sign) == ("not distinguishable with n = 200 clips", 0)
    assert among.difference == alone.difference
    assert among.p_value == pytest.approx(alone.p_value * 8 / 2)


def test_as_good_as_the_other_on_every_clip_is_practically_equal():
    found = compared(scored("pretrained", "net", 180), scored("random", "net", 100, 90), scored("none", "same", 180))
    verdict = found.differences[key("none", "same")].verdict
    assert (verdict.words, verdict.sign, verdict.p_value) == ("practically equal", 0, 1)
    mean, low, high = verdict.difference
    assert (mean, high) == (0, pytest.approx(-low))
    assert 0.015 < high < 0.02  # two that never differ on 200 clips may differ by so much
    assert 0.02 < verdict.detectable_difference < 0.04


def test_another_network_has_a_gain_and_is_held_against_the_primary_row():
    other = [scored("pretrained", "other", 120), scored("random", "other", 118, 121, 122, 119)]
    mine = [scored("pretrained", "net", 180), scored("random", "net", 150, 90, 120)]
    found, theirs = compared(*other, *mine), key("pretrained", "other")
    assert list(found.gains) == [theirs, NET]
    assert found.gains[theirs].verdict.difference.mean == pytest.approx(0)
    assert found.gains[NET].verdict.difference.mean == pytest.approx(0.3)
    assert found.gains[NET].verdict.words.endswith("with n = 200 clips and 3 random seeds")
    assert found.gains[theirs].verdict.words.startswith(("practically equal", "not distinguishable"))
    # Pretrained against pretrained: its random networks are in its gain alone.
    assert list(found.differences) == [theirs]
    difference = found.differences[theirs]
    assert (difference.reference, difference.verdict.words) == (NET, "better")
    assert difference.verdict.difference.mean == pytest.approx(0.3)
    turned = compared(*other, *mine, primary="other").differences[NET]
    assert (turned.reference, turned.verdict.words, turned.verdict.sign) == (theirs, "worse", -1)


def test_a_row_of_several_layers_is_compared_by_those_that_were_chosen_inside_train():
    """The best layer of all would be chosen by the tested clips."""
    rights = {"chosen": 150, "1.tmean": 120, "2.tmean": 190}
    layers = [scored("pretrained", "net", right, layer=layer) for layer, right in rights.items()]
    layers += [
        scored("random", "net", *(right - 20, right - 30, right - 25), layer=layer) for layer, right in rights.items()
    ]
    pixels = scored("none", "pixels", 100)
    with_layers, without = compared(*layers, pixels), compared(layers[0], layers[3], pixels)
    trained, random = (Variant("net", network, "plain", "chosen") for network in ("pretrained", "random"))
    assert set(with_layers.variants) == {trained, random, key("none", "pixels")}
    for part in ("main", "estimates", "gains", "differences", "chance"):
        assert getattr(with_layers, part) == getattr(without, part)
    assert [str(of) for of in with_layers.layers] == [
        f"net {network} {layer}" for network in ("pretrained", "random") for layer in ("1.tmean", "2.tmean")
    ]
    alone = compared(scored("pretrained", "net", 190), scored("random", "net", 170, 160, 165)).estimates
    for network in ("pretrained", "random"):
        layer = with_layers.layers[Variant("net", network, "plain", "2.tmean")]
        assert layer == alone[key(network, "net")]["accuracy"]


def test_attentive_probes_are_a_question_of_their_own():
    """Their gains are corrected among themselves, and change no other verdict."""
    pooled = [scored("pretrained", "net", 150), scored("random", "net", 120, 125, 122), scored("none", "pixels", 100)]
    tokens = [
        scored("pretrained", "net", 180, layer="hidden.none"),
        scored("random", "net", 140, 145, 142, layer="hidden.none"),
        scored("random", "bare", 130, 131, layer="hidden.none"),
    ]
    found = compared(*pooled, scored("random", "bare", 99, 98), *tokens)
    without = compared(*pooled, scored("random", "bare", 99, 98))
    assert found.variants.keys() == without.variants.keys()
    for part in ("main", "estimates", "gains", "differences", "layers"):
        assert getattr(found, part) == getattr(without, part)
    trained, *others = found.attentive.items()
    assert [str(of) for of in found.attentive] == [
        "net pretrained hidden.none",
        "net random hidden.none",
        "bare random hidden.none",
    ]
    alone = compared(scored("pretrained", "net", 180), scored("random", "net", 140, 145, 142))
    assert trained[1].gain == alone.gains[key("pretrained", "net")].verdict
    assert trained[1].score == alone.estimates[key("pretrained", "net")]["accuracy"]
    assert [probe.gain for _, probe in others] == [None, None]
    assert not without.attentive


def test_the_primary_row_may_have_random_weights_alone():
    found = of_few(*ALL, against={"net-shuffled": "net"}, given=params("bare", confidence=0.8))
    assert {variant: one.reference for variant, one in found.differences.items()} == {
        NET: BARE_RANDOM,
        LIKE: NET,
        CONTROL: BARE_RANDOM,
    }
    mean, error, freedom = oracles.gain(right(PIXELS)[0].tolist(), right(BARE).tolist(), GROUPS.tolist())
    half = stats.t.ppf(0.9, freedom) * error
    assert found.differences[CONTROL].verdict.difference == pytest.approx((-mean, -mean - half, -mean + half))
    assert list(found.gains) == [NET]


def test_the_primary_row_may_be_a_control():
    found = of_few(*ALL, given=params("pixels"))
    assert {variant: one.reference for variant, one in found.differences.items()} == dict.fromkeys(
        (NET, LIKE, BARE_RANDOM), CONTROL
    )


def test_a_perturbed_variant_is_held_against_its_own_row():
    parts = [row("pretrained", "other", "00000010"), row("pretrained", "other", "00000000", input="middle-frame")]
    mine = [row("pretrained", "net", "00000000", input="middle-frame"), row("permuted-weights", "net", "00111000")]
    found = of_few(TRAINED, RANDOM, *mine, *parts)
    theirs = key("pretrained", "other")
    assert {variant: one.reference for variant, one in found.differences.items()} == {
        MIDDLE: NET,
        key("permuted-weights", "net"): NET,
        theirs: NET,
        key("pretrained", "other", "middle-frame"): theirs,
    }
    assert found.differences[MIDDLE].verdict.difference.mean == 3 / 8
    assert found.differences[key("pretrained", "other", "middle-frame")].verdict.difference.mean == 1 / 8
    expected = oracles.accuracy(right(mine[0])[0], GROUPS, 0.8)
    assert found.estimates[MIDDLE]["accuracy"] == pytest.approx(expected, abs=1e-9)


def test_a_perturbation_of_random_weights_is_of_their_first_seed_and_has_its_interval_over_clips():
    perturbed, variant = row("random", "bare", "00000000", input="middle-frame"), key("random", "bare", "middle-frame")
    found = of_few(BARE, perturbed, given=params("bare", confidence=0.8))
    assert found.differences[variant].verdict.difference.mean == right(BARE)[0].mean() - 4 / 8
    assert right(BARE)[0].mean() != right(BARE).mean()
    expected = oracles.accuracy(right(perturbed)[0], GROUPS, 0.8)
    assert found.estimates[variant]["accuracy"] == pytest.approx(expected, abs=1e-9)


def test_random_weights_alone_have_nothing_to_be_held_against():
    found = of_few(BARE, given=params("bare"))
    assert (found.gains, found.differences, found.leaks) == ({}, {}, [])
    assert found.estimates[BARE_RANDOM]["accuracy"].mean == 13 / 16


def test_few_labels_are_held_against_a_further_random_network_over_seeds_and_clips():
    """Areas are of the tested clips that a draw tests, code lengths of all clips."""
    generator = np.random.default_rng(0)
    areas, bits = generator.random((4, 10)).round(4), generator.uniform(1, 4, (4, 10)).round(4)
    own = [
        {"few_shot": [0.5] * 3, "few_shot_areas": [*area[:7], None, None, None], "code_bits": code.tolist()}
        for area, code in zip(areas.tolist(), bits, strict=True)
    ]
    parts = [row("pretrained", "net", "00001110", **own[0]), row("random", "net", *3 * ["00110000"], each=own[1:])]
    found = of_few(*parts)
    for shown, values, groups in (
        (found.gains[NET].area, areas[:, :7], FEW.groups[:7]),
        (found.gains[NET].code_length, bits, FEW.groups),
    ):
        mean, error, freedom = oracles.gain(values[0].tolist(), values[1:].tolist(), groups.tolist())
        half = stats.t.ppf(0.9, freedom) * error
        assert shown == pytest.approx((mean, mean - half, mean + half))
    for name, values in (("few_shot_area", areas[:, :7]), ("bits_per_clip", bits)):
        for variant, own_values in ((NET, values[:1]), (NET_RANDOM, values[1:])):
            estimate = found.estimates[variant][name]
            assert estimate.mean == pytest.approx(own_values.mean())
            assert estimate.ci_low < estimate.mean < estimate.ci_high


def test_without_draws_there_are_no_few_labels(found):
    assert (found.gains[NET].area, found.gains[NET].code_length) == (None, None)
    assert found.estimates[NET].keys() == METRICS.keys()


# Several pretrained networks


def test_networks_trained_from_several_seeds_are_a_sample_as_random_ones_are():
    """The gain is of means, by Welch's t over clips as well; a control is held against the mean of the trained ones."""
    trained = row("pretrained", "net", "00001110", "00011111", "00001122")
    random = row("random", "net", "00110000", "00001120", "00000000")
    found = of_few(trained, random, PIXELS)
    mine, theirs = right(trained).tolist(), right(random).tolist()
    mean, error, freedom = oracles.mean_difference(mine, theirs, GROUPS.tolist())
    half = stats.t.ppf(0.9, freedom) * error
    gain = found.gains[NET]
    assert gain.verdict.difference == pytest.approx((mean, mean - half, mean + half))
    assert gain.rank_p_value is None
    values = right(trained).mean(axis=0) - right(PIXELS)[0]
    mean, error, freedom = oracles.student(values.tolist(), GROUPS.tolist(), [(mine, 1 / 3)])
    half = stats.t.ppf(0.9, freedom) * error
    assert found.differences[CONTROL].verdict.difference == pytest.approx((mean, mean - half, mean + half))


def test_the_words_say_which_seeds_are_which():
    parts = [scored("pretrained", "net", 101, 99, 103), scored("random", "net", 90, 112)]
    words = compared(*parts).gains[NET].verdict.words
    assert words == "not distinguishable with n = 200 clips and 3 pretraining and 2 random seeds"


# Shares of a gain


def test_the_share_of_a_gain_is_fiellers():
    parts = [scored("pretrained", "net", 180, 176, 184, trained_frames=17), scored("random", "net", 90, 100, 110)]
    shuffled = scored("pretrained", "net-shuffled", 150, 140, 160, trained_frames=17)
    found = compared(*parts, shuffled)
    mean, low, high = found.differences[LIKE].share_of_gain
    assert mean == pytest.approx(5 / 8)
    correct = [[(np.arange(CLIPS) < count).astype(float) for count in counts]
               for counts in ((150, 140, 160), (180, 176, 184), (90, 100, 110))]  # fmt: skip
    for value in (low, high):
        kinds = [(of.tolist() if isinstance(of, np.ndarray) else [one.tolist() for one in of], factor**2 / 3)
                 for of, factor in zip(correct, (1, value, 1 - value), strict=True)]  # fmt: skip
        of_clip = np.mean(correct[0], axis=0) - value * np.mean(correct[1], axis=0)
        of_clip -= (1 - value) * np.mean(correct[2], axis=0)
        away, error, freedom = oracles.student(of_clip.tolist(), list(range(CLIPS)), kinds)
        assert abs(away) == pytest.approx(stats.t.ppf(0.975, freedom) * error, rel=1e-4)


def test_a_gain_that_may_be_nothing_has_no_shares():
    parts = [scored("pretrained", "net", 110, trained_frames=17), scored("random", "net", 90, 130, 80)]
    found = compared(*parts, scored("pretrained", "net-shuffled", 150, trained_frames=17))
    assert found.differences[LIKE].share_of_gain is None


# Classes that are each other's reversal


def test_the_order_of_the_frames_alone_has_its_score_where_classes_are_reversals():
    found = of_few(*ALL, reversals=[(1, 2)])
    assert found.estimates[NET]["order"].mean == 1  # of classes 1 and 2 all are called 1 but one, which is called 0
    assert found.estimates[NET_RANDOM]["order"].mean == pytest.approx((0.5 + 3 / 4 + 0.5) / 3)


# All pairs


def test_all_pairs_of_rows_are_one_family_on_request():
    parts = [scored("pretrained", "net", 180), scored("random", "net", 100, 90, 110)]
    parts += [scored("none", "pixels", 172), scored("none", "coordinates", 160)]
    plain, found = compared(*parts), compared(*parts, pairs="all")
    pixels, coordinates = key("none", "pixels"), key("none", "coordinates")
    assert plain.pairs == {}
    assert list(found.pairs) == [(NET, pixels), (NET, coordinates), (pixels, coordinates)]
    assert found.differences[pixels].verdict is found.pairs[NET, pixels]
    assert found.pairs[pixels, coordinates].difference.mean == pytest.approx(12 / 200)
    clips = np.arange(CLIPS)

    def alone(first, second):
        p_values = oracles.paired((clips < first).astype(int) - (clips < second), clips.tolist())[1](0)
        return min(p_values)

    correct = [(clips < count).astype(float).tolist() for count in (180, 100, 90, 110)]
    mean, error, freedom = oracles.gain(correct[0], correct[1:], clips.tolist())
    expected = oracles.holm([stats.t.sf(mean / error, freedom), alone(180, 172), alone(180, 160), alone(172, 160)])
    verdicts = [found.gains[NET].verdict, *found.pairs.values()]
    assert [verdict.p_value for verdict in verdicts] == pytest.approx(expected, abs=1e-6)


def test_a_pair_has_the_reference_in_front():
    parts = [scored("none", "pixels", 172), scored("pretrained", "net", 180)]
    assert list(compared(*parts, pairs="all").pairs) == [(NET, key("none", "pixels"))]


@pytest.mark.parametrize(
    ("seeds", "alpha", "enough"),
    [(18, 0.05, False), (19, 0.05, True), (9, 0.05, False), (9, 0.1, True), (99, 0.01, True), (98, 0.01, False)],
)
def test_a_rank_is_judged_where_it_can_reach_alpha(seeds, alpha, enough):
    random = scored("random", "net", *np.linspace(90, 118, seeds - 1).astype(int).tolist(), 119)
    found = compared(scored("pretrained", "net", 119), random, alpha=alpha).gains[NET]
    assert found.rank_p_value == (pytest.approx(2 / (seeds + 1)) if enough else None)


def test_it_repeats():
    """Nothing is drawn at random."""
    once, again = of_few(*ALL), of_few(*ALL)
    assert (once.gains, once.differences, once.estimates) == (again.gains, again.differences, again.estimates)


def test_tested_clips_of_one_group_are_refused():
    with pytest.raises(UserError, match=r"all tested clips are of one group"):
        compared(*ALL, labelling=replace(FEW, groups=np.array([5, 5, 5, 5, 5, 5, 5, 5, 6, 7])))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("alpha", 0.0), ("alpha", 0.5), ("margin", 0.0), ("margin", 1.0)),
        *(("confidence", 0.5), ("confidence", 1.0), ("leaks", "tell"), ("pairs", "some")),
    ],
)
def test_parameters_out_of_their_range_are_refused(name, value):
    given = msgspec.to_builtins(params())
    assert msgspec.convert(given, Compare) == params()
    with pytest.raises(msgspec.ValidationError, match=name):
        msgspec.convert(given | {name: value}, Compare)


def test_clips_in_groups_are_counted_in_the_words():
    parts = [scored("pretrained", "net", 101), scored("random", "net", 90, 112)]
    assert compared(*parts).gains[NET].verdict.words == "not distinguishable with n = 200 clips and 2 random seeds"
    found = compared(*parts, labelling=replace(MANY, groups=np.arange(CLIPS) // 2))
    assert found.gains[NET].verdict.words.endswith("with n = 200 clips in 100 groups and 2 random seeds")


# Balanced accuracy


@pytest.fixture(scope="module")
def uneven():
    """Of 200 clips 180 are of one class: who always says so is right on 90 %, and balanced on 50 %."""
    labels = (np.arange(CLIPS) % 10 == 0).astype(np.int64)
    return replace(MANY, labels=labels), labels


def test_verdicts_are_on_balanced_accuracy_where_the_guards_found_uneven_classes(uneven):
    """The guards' own finding; an even data set has none."""
    assert deciding_metric(classes(uneven[0])) == "balanced_accuracy"
    assert deciding_metric(classes(MANY)) == "accuracy"
    assert (
        deciding_metric([Finding("few groups", "Few."), Finding("class imbalance", "Uneven.")]) == "balanced_accuracy"
    )


def test_a_verdict_on_balanced_accuracy_may_be_another_one(uneven):
    """The net is right on 150 + 15 clips, the constant on 180 + 0."""
    labelling, labels = uneven
    place = np.cumsum(labels == 0)
    skilled = np.where(labels == 1, np.cumsum(labels) <= 15, place > 150).astype(np.int64)
    parts = [row("pretrained", "net", skilled), row("none", "constant", np.zeros(CLIPS, dtype=int))]
    constant = key("none", "constant")
    by_accuracy = compared(*parts, labelling=labelling).differences[constant].verdict
    found = compared(*parts, labelling=labelling, metric="balanced_accuracy")
    verdict = found.differences[constant].verdict
    assert found.metric == "balanced_accuracy"
    assert (by_accuracy.words, verdict.words) == ("worse", "better")
    assert by_accuracy.difference.mean == pytest.approx((165 - 180) / 200)
    assert verdict.difference.mean == pytest.approx((150 / 180 + 15 / 20) / 2 - 1 / 2)
    # Its classes are independent samples; a group is a clip.
    error = np.sqrt((150 * 30 / 180**2 / 180 + 15 * 5 / 20**2 / 20) / 4)
    half = stats.norm.ppf(0.975) * error
    assert verdict.difference[1:] == pytest.approx(
        (verdict.difference.mean - half, verdict.difference.mean + half), abs=0.02
    )
    assert verdict.cohens_h.mean == pytest.approx(2 * np.arcsin(np.sqrt(0.5 + verdict.difference.mean)) - np.pi / 2)


def test_a_gain_in_balanced_accuracy_and_its_rank_are_those_of_balanced_accuracy(uneven):
    labelling, labels = uneven
    generator = np.random.default_rng(0)
    # Random networks are right on about 80 % of the large class and 40 % of the small one.
    guesses = np.where(generator.random((20, CLIPS)) < np.where(labels, 0.4, 0.8), labels, 1 - labels)
    guesses[0, labels == 1] = 1
    parts = [row("pretrained", "net", guesses[0]), row("random", "net", *guesses[1:])]
    found = compared(*parts, labelling=labelling, metric="balanced_accuracy")
    correct = (guesses == labels).astype(float)
    gain = found.gains[NET]
    # The classes are independent: each adds what its clips vary, and a quarter of it counts.
    away = correct[0] - correct[1:].mean(axis=0)
    clips = sum(stats.sem(away[labels == label]) ** 2 for label in (0, 1)) / 4
    random = np.array([balanced_accuracy_score(labels, guess) for guess in guesses[1:]])
    mean = balanced_accuracy_score(labels, guesses[0]) - random.mean()
    low, high = gain.verdict.difference[1:]
    assert (low + high) / 2 == pytest.approx(mean)
    among_seeds = stats.t.ppf(0.975, 18) * random.std(ddof=1) * np.sqrt(1 + 1 / 19)
    assert among_seeds * 0.9 < (high - low) / 2 < 2.1 * np.sqrt(random.var(ddof=1) + clips)
    scores = [balanced_accuracy_score(labels, guess) for guess in guesses]
    assert mean == pytest.approx(scores[0] - np.mean(scores[1:]))
    assert gain.rank_p_value == 1 / 20 < compared(*parts, labelling=labelling).gains[NET].rank_p_value


def test_on_even_classes_both_metrics_agree_on_the_differences():
    parts = [*SPREAD, scored("none", "pixels", 150)]
    by_accuracy, balanced = (compared(*parts, metric=metric) for metric in ("accuracy", "balanced_accuracy"))
    pixels = key("none", "pixels")
    for mine, theirs in (
        (by_accuracy.gains[NET].verdict, balanced.gains[NET].verdict),
        (by_accuracy.differences[pixels].verdict, balanced.differences[pixels].verdict),
    ):
        assert mine.difference.mean == pytest.approx(theirs.difference.mean)
        assert mine.difference == pytest.approx(theirs.difference, abs=0.01)
        assert mine.words == theirs.words
