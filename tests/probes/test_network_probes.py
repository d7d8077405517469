"""Networks are their folds put together; what is drawn is dealt out among them."""

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from small_probe import FOLDS, GROUPS, LABELS, features, labelled, params, probed

from trajprobe.errors import UserError
from trajprobe.probes import few_shot
from trajprobe.probes.code_length import blocks, code_lengths
from trajprobe.probes.network_probes import VariantFeatures, fold_numbers, outer_folds, probe_networks
from trajprobe.probes.permutation import permuted_labels
from trajprobe.probes.views import ProbedFeatures


@pytest.fixture(autouse=True)
def in_this_process(monkeypatch):
    monkeypatch.setenv("TRAJPROBE_WORKERS", "1")


def one_variant(xs, settings, in_full=True):
    (probed,) = probe_networks([VariantFeatures([[x] for x in xs], in_full)], labelled(), settings, "row")
    return probed.networks


def test_a_network_is_its_folds_side_by_side():
    x, settings = features(0.5, 0.5), params()
    (network,) = one_variant([x], settings)
    permuted = permuted_labels(LABELS, GROUPS, FOLDS, settings)
    folds = [probed(x, fold, settings, permuted) for fold in range(5)]
    predictions, equal = np.empty((2, 120), dtype=np.int64)
    for number, fold in enumerate(folds):
        predictions[number == FOLDS], equal[number == FOLDS] = fold.chosen.predictions, fold.equal
    assert network.predictions == predictions.tolist()
    assert network.equal == equal.tolist()
    assert network.equal != network.predictions
    assert network.chosen == [fold.chosen.value for fold in folds]
    np.testing.assert_allclose(network.permuted, np.sum([fold.right_permuted for fold in folds], axis=0) / 120)
    by_chance = np.sum([fold.expected_permuted for fold in folds], axis=0) / 120
    np.testing.assert_allclose(network.permuted_expected, by_chance, atol=1e-6)
    assert network.at_edge == sum(fold.chosen.at_edge for fold in folds)


def test_variants_keep_their_order_and_what_each_is_probed_for():
    settings = params(c=(0.3,))
    xs = [features(0.5, 0.5, seed=seed) for seed in range(4)]
    variants = probe_networks(
        [
            VariantFeatures([[x] for x in part], full)
            for part, full in ((xs[:1], True), (xs[1:2], False), (xs[2:], True))
        ],
        labelled(),
        settings,
        "row",
    )
    assert [len(variant.networks) for variant in variants] == [1, 1, 2]
    alone = [one_variant([x], settings, in_full=False)[0].predictions for x in xs]
    assert [network.predictions for variant in variants for network in variant.networks] == alone
    assert [bool(network.code_bits) for variant in variants for network in variant.networks] == [
        True,
        False,
        True,
        True,
    ]


def test_permutations_are_dealt_out_among_the_networks_of_a_variant():
    settings = params(permutations=5, pca_above=11)
    xs = [features(0.5, 0.5, seed=seed) for seed in range(2)]
    networks = one_variant(xs, settings)
    assert [len(network.permuted) for network in networks] == [3, 2]
    permuted = permuted_labels(LABELS, GROUPS, FOLDS, settings)
    for seed, x in enumerate(xs):
        right = [probed(x, fold, settings, permuted[seed::2]).right_permuted for fold in range(5)]
        np.testing.assert_allclose(networks[seed].permuted, np.sum(right, axis=0) / 120)


def test_each_draw_of_few_shots_is_tested_on_its_fold_and_all_networks_have_the_same():
    settings = params(few_shot={"draws": 7, "c": 1}, pca_above=11)
    xs = [features(0.5, 0.5, seed=seed) for seed in range(2)]
    drawn, counts = few_shot.samples(labelled(), range(5), settings), few_shot.shots(labelled(), range(5))
    for x, network in zip(xs, one_variant(xs, settings), strict=True):
        tests: list[list] = [[] for _ in LABELS]  # of each clip, which draws predict it correctly: (shots)
        for draw, clips in enumerate(drawn):
            (right,) = probed(x, draw % 5, settings, drawn=[clips], shots=counts).few_shot
            for place, clip in enumerate(np.flatnonzero(draw % 5 == FOLDS)):
                tests[clip].append(right[:, place])
        assert {len(of_clip) for of_clip in tests} == {1, 2}
        accuracies = np.array([np.mean(of_clip, axis=0) for of_clip in tests])
        assert network.few_shot == pytest.approx(accuracies.mean(axis=0), abs=1e-4)
        areas = [np.trapezoid(of_clip, np.log2(counts)) / np.log2(counts[-1]) for of_clip in accuracies]
        assert network.few_shot_areas == pytest.approx(areas, abs=1e-4)


def test_a_clip_that_no_draw_tests_has_no_area():
    (network,) = one_variant([features(0.5, 0.5)], params(few_shot={"draws": 2, "c": 1}))
    assert [area is None for area in network.few_shot_areas] == (FOLDS > 1).tolist()


def test_the_code_length_is_that_of_all_clips():
    x, settings = features(0.5, 0.5), params()
    (network,) = one_variant([x], settings)
    expected = code_lengths([ProbedFeatures.of(x, settings)], LABELS, blocks(GROUPS, settings), settings)
    assert network.code_bits == [round(bits, 4) for bits in expected]


def test_without_draws_and_permutations_there_are_none():
    settings = params(permutations=0, few_shot={"draws": 0, "c": 1}, code_length={"draws": 0, "c": [1]})
    (network,) = one_variant([features(4, 0)], settings)
    assert (network.permuted, network.permuted_expected, network.few_shot, network.code_bits) == ([], [], [], [])
    assert network.few_shot_areas == []


def test_what_has_not_converged_is_counted_and_not_warned_of():
    (network,) = one_variant([features(0.5, 0.5)], params(max_iter=1, c=(100.0,)))
    assert network.unconverged == 5


def test_what_is_drawn_depends_on_no_features_and_holds_for_every_fold():
    settings = params(few_shot={"draws": 7, "c": 1})
    outer = outer_folds(labelled(), settings)
    for number, fold in enumerate(outer):
        assert fold.test.tolist() == np.flatnonzero(number == FOLDS).tolist()
        assert np.sort(np.concatenate([fold.train, fold.test])).tolist() == list(range(120))
        assert {clip for split in fold.splits for clip in split.test.tolist()} == set(fold.train.tolist())
        np.testing.assert_array_equal(fold.permuted, permuted_labels(LABELS, GROUPS, FOLDS, settings))
    assert [len(fold.labelled) for fold in outer] == [2, 2, 1, 1, 1]


@pytest.mark.parametrize(
    ("folds", "expected"), [([0, 1, 2, 1], [0, 1, 2]), ([-1, 0, -1, 0], [0]), ([2, -1, 0, 2], [0, 2])]
)
def test_a_negative_fold_is_not_tested(folds, expected):
    assert fold_numbers(np.array(folds)) == expected


def test_too_few_clips_for_the_inner_folds_are_refused_before_anything_is_fitted():
    with pytest.raises(UserError, match=r"trains on 24 groups, fewer than `probe\.inner_folds`, 25"):
        one_variant([features(0, 0)], params(inner_folds=25))


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # of the threads of other tests
def test_several_processes_give_what_one_gives(monkeypatch):
    settings, xs = params(), [features(0.5, 0.5, seed=seed) for seed in range(2)]
    alone = one_variant(xs, settings)
    monkeypatch.setenv("TRAJPROBE_WORKERS", "2")
    assert one_variant(xs, settings) == alone


@pytest.mark.parametrize("pca_above", [1000, 11])
def test_the_probe_of_plain_clips_sees_the_same_clips_at_each_level_for_the_first_time(pca_above):
    """By scikit-learn's own steps, fitted to the plain clips of train; with PCA, of a rotated row as of a plain one."""
    settings = params(c=(0.3,), pca_above=pca_above, pca_components=10)
    for dimensions in (20, 200):  # of 120 clips: the wider one is rotated before PCA
        generator = np.random.default_rng(0)
        plain = generator.normal(size=(120, dimensions)) + 3 * LABELS[:, None] * (np.arange(dimensions) < 5)
        levels = [plain + generator.normal(size=plain.shape) * level for level in (0.0, 0.5, 5.0)]
        variant = VariantFeatures([[plain]], in_full=False, at_levels=[[[level]] for level in levels])
        (probed,) = probe_networks([variant], labelled(), settings, "row")
        assert probed.at_levels[0] == [probed.networks[0].predictions]
        for level, predictions in zip(levels, probed.at_levels, strict=True):
            expected = np.empty(120, dtype=np.int64)
            for fold in range(5):
                steps = [PCA(10, random_state=settings.seed)] * (dimensions > pca_above) + [StandardScaler()]
                steps = make_pipeline(*steps, LogisticRegression(C=0.3, max_iter=1000))
                train, test = fold != FOLDS, fold == FOLDS
                expected[test] = steps.fit(plain[train], LABELS[train]).predict(level[test])
            assert np.mean(np.array(predictions[0]) == expected) > 0.98
        right = [np.mean(np.array(predictions[0]) == LABELS) for predictions in probed.at_levels]
        assert right[0] > right[2] + 0.2


def test_levels_of_several_views_are_seen_by_the_view_that_the_fold_chose():
    settings = params(c=(0.3,))
    told, noise = features(4, 0), features(0, 0)
    variant = VariantFeatures([[noise, told]], in_full=False, at_levels=[[[told, told]], [[told, noise]]])
    (probed,) = probe_networks([variant], labelled(), settings, "row")
    assert set(probed.numbers[0]) == {1}
    right = [np.mean(np.array(predictions[0]) == LABELS) for predictions in probed.at_levels]
    assert right[0] == 1
    assert right[1] < 0.6
