"""What is away from chance and must not be: against scipy's tests of one sample, and over rows against Holm's."""

from dataclasses import replace

import numpy as np
import oracles
import pytest
from probed import CLIPS, FEW, MANY, compared, row, scored
from scipy import stats

from trajprobe.compare.leaks import STOP, chance_probabilities, leaks, refuse
from trajprobe.compare.scored import scored_variants
from trajprobe.errors import UserError

NET = [scored("pretrained", "net", 180), scored("random", "net", 140, 142, 138)]
#: Runs with permuted labels that are a little above and below what is expected of each.
SHARES = [0.48, 0.55, 0.51, 0.46, 0.53, 0.5]
EXPECTED = [0.5, 0.52, 0.49, 0.5, 0.5, 0.51]


def leaks_of(*probes, labelling=MANY, alpha=0.05):
    clips = labelling.folds >= 0
    variants = [variant for probe in probes for variant in scored_variants(probe, labelling)]
    return leaks(variants, labelling.labels[clips], labelling.folds[clips], alpha)


def permuted(shift, name="pixels", network="none"):
    return scored(network, name, 150, permuted=[share + shift for share in SHARES], permuted_expected=EXPECTED)


def noise(right):
    return scored("none", "noise", right, permuted=SHARES, permuted_expected=EXPECTED)


@pytest.mark.parametrize("shift", [0.0, 0.02, 0.05, 0.2, -0.05])
def test_permuted_labels_are_a_t_test_against_what_is_expected_of_each_run(shift):
    (leak,) = leaks_of(permuted(shift), alpha=1)
    expected = stats.ttest_rel([share + shift for share in SHARES], EXPECTED)
    assert leak.p_value == pytest.approx(expected.pvalue)
    assert (leak.name, leak.condition) == ("pixels", "permuted labels")
    assert (leak.accuracy, leak.expected) == (pytest.approx(0.505 + shift), pytest.approx(3.02 / 6))


PERMUTED = stats.ttest_rel(SHARES, EXPECTED).pvalue


def one_more(difference):
    """P of a difference among those of the runs with permuted labels: a prediction by Student's t, two-sided."""
    away = np.array(SHARES) - EXPECTED
    t = (difference - away.mean()) / (away.std(ddof=1) * np.sqrt(1 + 1 / 6))
    return 2 * stats.t.sf(abs(t), 5)


@pytest.mark.parametrize("right", [60, 85, 100, 113, 114, 115, 130, 200])
def test_noise_is_one_more_run_with_permuted_labels(right):
    labels, leak = leaks_of(noise(right), alpha=1)
    # Either label has half of either fold, so that each guess is right by chance in half of all cases.
    assert [labels.p_value, leak.p_value] == pytest.approx(oracles.holm([PERMUTED, one_more(right / CLIPS - 0.5)]))
    assert (leak.accuracy, leak.expected) == (right / CLIPS, 0.5)
    assert (leak.name, leak.condition) == ("noise", "noise features")
    assert (labels.name, labels.condition) == ("noise", "permuted labels")


def test_noise_without_runs_is_not_judged():
    assert leaks_of(scored("none", "noise", 200), alpha=1) == []


def test_what_is_guessed_counts_not_chance_in_general():
    """Three of four clips are of one class: who always says so is right on all of these, by chance."""
    uneven = replace(MANY, labels=(np.arange(CLIPS) % 4 == 0).astype(np.int64))
    shares = [0.75, 0.72, 0.75, 0.73, 0.75]
    always = row("none", "noise", [0] * CLIPS, permuted=shares, permuted_expected=shares)
    tried = leaks_of(always, labelling=uneven, alpha=1)
    assert [(leak.accuracy, leak.expected, leak.p_value) for leak in tried] == [
        (pytest.approx(0.74), pytest.approx(0.74), 1),
        (0.75, 0.75, 1),
    ]
    assert not leaks_of(always, labelling=uneven)


def test_chances_are_those_of_all_orders_of_a_folds_labels():
    """A guess that has nothing to do with its clip might as well have met any other clip of the fold."""
    generator = np.random.default_rng(0)
    labels, folds = generator.integers(0, 3, 30), generator.integers(0, 4, 30)
    guesses = generator.integers(0, 4, 30)  # of which label 3 is never right
    expected = [
        np.mean([labels[other] == guesses[clip] for other in range(30) if folds[other] == folds[clip]])
        for clip in range(30)
    ]
    np.testing.assert_allclose(chance_probabilities(guesses, labels, folds), expected)
    one_class_a_fold = chance_probabilities(np.array([0, 0, 1, 1]), np.array([0, 0, 1, 1]), np.array([0, 0, 1, 1]))
    assert one_class_a_fold.tolist() == [1, 1, 1, 1]


def test_guesses_that_follow_the_folds_shares_are_chance():
    """Labels of the first fold are mostly 0, of the second mostly 1, and so are the guesses, in another order."""
    generator = np.random.default_rng(1)
    labels = (generator.random(CLIPS) < np.where(MANY.folds, 0.9, 0.1)).astype(np.int64)
    guesses = (generator.random(CLIPS) < np.where(MANY.folds, 0.9, 0.1)).astype(np.int64)
    uneven = replace(MANY, labels=labels)
    probe = row("none", "noise", guesses.tolist(), permuted=SHARES, permuted_expected=EXPECTED)
    _, leak = leaks_of(probe, labelling=uneven, alpha=1)
    assert leak.accuracy > 0.75
    assert leak.p_value > 0.2
    folds = [slice(0, 100), slice(100, 200)]
    chance = np.concatenate([[np.mean(labels[fold] == guess) for guess in guesses[fold]] for fold in folds])
    assert leak.p_value == pytest.approx(
        oracles.holm([PERMUTED, one_more(np.mean(guesses == labels) - chance.mean())])[1]
    )
    assert leak.expected == pytest.approx(chance.mean())


def test_runs_of_all_networks_count():
    each = [{"permuted": SHARES[:3], "permuted_expected": EXPECTED[:3]}]
    each += [{"permuted": SHARES[3:], "permuted_expected": EXPECTED[3:]}, {"permuted": [], "permuted_expected": []}]
    (leak,) = leaks_of(scored("random", "net", 140, 142, 138, each=each), alpha=1)
    assert leak.p_value == pytest.approx(stats.ttest_rel(SHARES, EXPECTED).pvalue)
    assert leak.name == "net random hidden.tmean"


@pytest.mark.parametrize(("runs", "tried"), [(0, 0), (1, 0), (4, 0), (5, 1)])
def test_fewer_than_five_runs_are_not_judged(runs, tried):
    shares, expected = [0.9, 0.91, 0.92, 0.9, 0.9][:runs], [0.5] * runs
    given = scored("pretrained", "net", 150, permuted=shares, permuted_expected=expected)
    assert len(leaks_of(given, NET[1], alpha=1)) == tried


def test_what_was_run_without_permuted_labels_is_not_judged():
    perturbed = scored("pretrained", "net", 200, input="middle-frame")
    (leak,) = leaks_of(permuted(0.2, "net", "pretrained"), perturbed, alpha=1)
    assert leak.name == "net pretrained hidden.tmean"


def test_of_all_families_noise_alone_must_be_at_chance():
    runs = {"permuted": SHARES, "permuted_expected": EXPECTED}
    probes = [scored("none", "pixels", 170, **runs), scored("none", "still", 190, family="noise", **runs)]
    assert [leak.name for leak in leaks_of(*probes)] == ["still"]


def test_holm_over_all_that_is_tried():
    shifts = [0.0, 0.02, 0.07]
    probes = [permuted(shift, f"row-{number}") for number, shift in enumerate(shifts)]
    tried = leaks_of(*probes, noise(122), alpha=1)
    alone = [stats.ttest_rel([share + shift for share in SHARES], EXPECTED).pvalue for shift in shifts]
    alone += [PERMUTED, one_more(122 / CLIPS - 0.5)]
    assert [leak.p_value for leak in tried] == pytest.approx(oracles.holm(alone))
    # Alone, noise would be away from chance at 5 %.
    assert [leak.name for leak in leaks_of(noise(122))] == ["noise"]
    assert alone[4] < 0.05 < tried[4].p_value
    assert [leak.name for leak in leaks_of(*probes, noise(122))] == ["row-2"]


@pytest.mark.parametrize("shift", [0.3, -0.3])
def test_labels_that_leak_stop_the_run_above_chance_and_below(shift):
    leaky = permuted(shift)
    p = 3 * stats.ttest_rel([share + shift for share in SHARES], EXPECTED).pvalue  # noise is tried too, twice
    with pytest.raises(UserError) as refusal:
        compared(*NET, leaky, noise(101))
    message = str(refusal.value)
    assert message.startswith(
        f"compare: pixels with permuted labels {50.5 + 100 * shift:.1f} % (expected 50.3 %, "
        f"p = {p:.2g} after Holm). Noise and permuted labels carry no information"
    )
    for remedy in (
        "`prepare.duplicates: drop`",
        "With `compare.leaks: warn` the table is made",
    ):
        assert remedy in message
    assert "noise" not in message


def test_all_that_stops_the_run_is_named():
    with pytest.raises(UserError, match=r"compare: noise with noise .*; pixels with permuted"):
        compared(*NET, noise(190), permuted(0.3))


def test_of_many_rows_that_stop_the_run_three_are_named():
    with pytest.raises(UserError) as refusal:
        compared(*NET, *(permuted(0.3, f"row-{number}") for number in range(5)))
    assert "row-2" in str(refusal.value)
    assert "; and 2 more. " in str(refusal.value)
    assert "row-3" not in str(refusal.value)


def test_with_a_warning_the_run_goes_on():
    found = compared(*NET, permuted(0.3), noise(150), leaks="warn")
    assert [leak.name for leak in found.leaks] == ["pixels", "noise"]


def test_what_is_a_little_away_does_not_stop_the_run():
    weak = compared(*NET, noise(125))
    assert [leak.name for leak in weak.leaks] == ["noise"]
    assert STOP < weak.leaks[0].p_value < 0.05


@pytest.mark.parametrize("right", [80, 100, 112])
def test_noise_at_chance_is_no_leak(right):
    assert (compared(*NET, noise(right)).leaks == []) == (right != 80)


def test_p_of_one_in_a_thousand_is_where_it_stops():
    """Two things are tried of noise, so that its own p counts twice."""
    refuse(leaks_of(noise(150)))
    with pytest.raises(UserError):
        refuse(leaks_of(noise(152)))
    for right, side in ((150, 1), (152, -1)):
        assert np.sign(2 * one_more(right / CLIPS - 0.5) - 0.001) == side


def test_clips_that_are_only_trained_on_do_not_count():
    """Noise tells eight of ten clips; by chance, each guess is right with the share of its label in its fold."""
    probe = row("none", "noise", "00001112", permuted=SHARES, permuted_expected=EXPECTED)
    _, leak = leaks_of(probe, labelling=FEW, alpha=1)
    assert (leak.accuracy, leak.expected) == (1, (4 * 1 + 3 * 3 / 4 + 1 / 4) / 8)


def test_honest_noise_is_a_leak_in_one_of_twenty_runs_and_stops_one_of_a_thousand():
    """Of 2,000 runs three errors of 5 % are 1.5 points, and 7 are above 1 in 1,000 in one case of 200."""
    generator = np.random.default_rng(0)
    p = []
    for _ in range(2000):
        guesses, runs = generator.integers(0, 2, CLIPS), generator.binomial(CLIPS, 0.5, 20) / CLIPS
        probe = row("none", "noise", guesses.tolist(), permuted=runs.tolist(), permuted_expected=[0.5] * 20)
        p.append(min(leak.p_value for leak in leaks_of(probe, alpha=1)))
    assert np.mean(np.array(p) <= 0.05) == pytest.approx(0.05, abs=0.015)
    assert np.sum(np.array(p) < STOP) <= 6
