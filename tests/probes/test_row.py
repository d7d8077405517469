"""A row is probed fold by fold from its files, or refused."""

from pathlib import Path

import numpy as np
import pytest
from small_probe import FOLDS, GROUPS, LABELS, features, labelled, oracle, params, probed

from trajprobe.errors import UserError
from trajprobe.files import probe_results as files
from trajprobe.files.labelling import LABELLING
from trajprobe.files.shards import ShardWriter, encode_shard
from trajprobe.probes import few_shot
from trajprobe.probes.code_length import blocks, code_lengths
from trajprobe.probes.permutation import permuted_labels
from trajprobe.probes.row import line, probe_row


def test_what_has_not_converged_is_counted_and_not_warned_of(project):
    project(features(0.5, 0.5))
    (network,) = probe_row("pretrained", "row", params(max_iter=1, c=(100.0,))).networks
    assert network.unconverged == 5


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TRAJPROBE_WORKERS", "1")

    def made(x, folds=FOLDS, kind="pretrained/row", tracks="t1", **weights):
        labelled(folds=folds).save(LABELLING)
        clips = {"format": {"frames": 9, "size": 16}}
        writer = ShardWriter(
            Path("data/features") / kind, {"family": "x", "tracks": tracks, "clips": clips, "weights": weights}
        )
        for part in np.split(x.reshape(len(x), 2, -1), [50]):
            writer.add(encode_shard({"features": part}, {}), len(part))
        writer.close()

    return made


def test_separable_classes_are_told_apart_and_permuted_labels_are_not(project):
    project(features(4, 0), trained_frames=17)
    found = probe_row("pretrained", "row", params(permutations=10))
    (network,) = found.networks
    assert np.mean(np.array(network.predictions) == LABELS) == 1
    assert len(network.permuted) == 10
    # Not near 1. It may well be below chance: a label that is more frequent in train is less so in the tested fold.
    assert 0.05 < np.mean(network.permuted) < 1 / 3 + 0.1
    assert (found.row, found.kind, found.tracks, found.shape) == ("row", "pretrained", "t1", [2, 6])
    assert (found.frames, found.trained_frames, found.pca) == (9, 17, 0)


@pytest.mark.parametrize(
    ("changed", "components"),
    [
        ({"pca_above": 12}, 0),
        ({"pca_above": 11}, 3),
        ({"pca_above": 11, "pca_components": 100}, 12),  # dimensions
        ({"pca_above": 100, "pca_components": 100}, 95),  # what the 96 clips of a fold's train span
    ],
)
def test_the_number_of_components_is_the_one_that_was_taken(project, changed, components):
    project(features(4, 0, dimensions=12 if changed["pca_above"] < 100 else 120))
    assert probe_row("pretrained", "row", params(permutations=0, **changed)).pca == components


def test_a_row_is_its_folds_side_by_side(project):
    x, told = features(0.5, 0.5), params()
    project(x)
    (network,) = probe_row("pretrained", "row", told).networks
    permuted = permuted_labels(LABELS, GROUPS, told)
    folds = [probed(x, fold, told, permuted) for fold in range(5)]
    predictions = np.empty(120, dtype=np.int64)
    for fold in folds:
        predictions[fold.tested] = fold.predictions
    assert network.predictions == predictions.tolist()
    assert network.chosen == [fold.chosen for fold in folds]
    np.testing.assert_allclose(network.permuted, np.sum([fold.right_permuted for fold in folds], axis=0) / 120)
    by_chance = np.sum([fold.expected_permuted for fold in folds], axis=0) / 120
    np.testing.assert_allclose(network.permuted_expected, by_chance, atol=1e-6)
    for fold in folds:
        predictions[fold.tested] = fold.equal
    assert network.equal == predictions.tolist()
    assert network.equal != network.predictions
    assert network.at_edge == sum(fold.at_edge for fold in folds)


def test_each_draw_of_few_shots_is_tested_on_its_fold_and_all_networks_have_the_same(project):
    told = params(few_shot={"draws": 7, "c": 1}, pca_above=11)
    xs = [features(0.5, 0.5, seed=seed) for seed in range(2)]
    for seed, x in enumerate(xs):
        project(x, kind=f"random/row/seed-{seed}")
    found = probe_row("random", "row", told)
    assert found.shots == [1, 2, 4, 8, 16, 32]
    drawn = few_shot.samples(labelled(), range(5), told)
    for x, network in zip(xs, found.networks, strict=True):
        expected = [
            probed(x, draw % 5, told, drawn=[clips], counts=found.shots).few_shot[0] for draw, clips in enumerate(drawn)
        ]
        assert network.few_shot == [[round(one, 4) for one in accuracies] for accuracies in expected]
        assert len(network.few_shot) == 7


def test_the_code_length_is_that_of_all_clips(project):
    x, told = features(0.5, 0.5), params()
    project(x)
    found = probe_row("pretrained", "row", told)
    expected = code_lengths(x, LABELS, blocks(GROUPS, told), told)
    assert found.networks[0].code_bits == [round(bits, 2) for bits in expected]
    assert (found.coded_clips, found.uniform_bits) == (120, round(120 * np.log2(3), 2))


@pytest.mark.parametrize(("wanted", "there"), [(4, 4), (12, 12), (32, 12)])
def test_the_row_tells_at_how_many_dimensions_it_was_equal(project, wanted, there):
    project(features(4, 0))
    found = probe_row("pretrained", "row", params(equal_dimensions=wanted, permutations=0))
    assert (found.equal_dimensions, found.classifier) == (there, "logistic")


def test_a_probe_file_gives_back_what_was_probed(project):
    project(features(0.2, 0.5))
    found = probe_row("pretrained", "row", params(classifier="knn"))
    files.save(found)
    assert files.load("pretrained", "row") == found


def test_without_draws_and_permutations_there_are_none(project):
    project(features(4, 0))
    told = params(permutations=0, few_shot={"draws": 0, "c": 1}, code_length={"draws": 0, "c": [1]})
    (network,) = probe_row("pretrained", "row", told).networks
    assert (network.permuted, network.permuted_expected, network.few_shot, network.code_bits) == ([], [], [], [])


def test_an_original_split_trains_on_train_and_tests_test(project):
    folds = np.where(FOLDS == 2, 0, -1)
    x = features(0.5, 0.5)
    project(x, folds)
    found = probe_row("pretrained", "row", params())
    c, predictions = oracle(x, 2, params())
    assert found.networks[0].chosen == [c]
    expected = np.full(120, -1)
    expected[FOLDS == 2] = predictions
    assert found.networks[0].predictions == expected.tolist()
    assert [one == -1 for one in found.networks[0].equal] == (FOLDS != 2).tolist()
    assert found.coded_clips == 120


def test_permutations_are_dealt_out_among_the_seeds(project):
    told = params(permutations=5, pca_above=11)
    xs = [features(0.5, 0.5, seed=seed) for seed in range(2)]
    for seed, x in enumerate(xs):
        project(x, kind=f"random/row/seed-{seed}")
    found = probe_row("random", "row", told)
    assert [len(network.permuted) for network in found.networks] == [3, 2]
    assert found.pca == 3
    assert found.trained_frames is None
    permuted = permuted_labels(LABELS, GROUPS, told)
    for seed, x in enumerate(xs):
        right = [probed(x, fold, told, permuted[seed::2]).right_permuted for fold in range(5)]
        np.testing.assert_allclose(found.networks[seed].permuted, np.sum(right, axis=0) / 120)
    told_line = line(found)
    assert told_line.startswith("row (random): 2 networks, 120 clips; logistic, chosen: ")


def test_features_that_are_missing_or_of_other_tracks_are_refused(project):
    project(features(0, 0), tracks="t2")
    with pytest.raises(UserError, match="data/features/pretrained/row: features of other tracks"):
        probe_row("pretrained", "row", params())
    with pytest.raises(UserError, match="data/features/random/row: no features"):
        probe_row("random", "row", params())


@pytest.mark.parametrize("workers", ["none", "-1", "0", "1.5"])
def test_a_wrong_number_of_workers_is_refused(project, monkeypatch, workers):
    project(features(0, 0))
    monkeypatch.setenv("TRAJPROBE_WORKERS", workers)
    with pytest.raises(UserError, match=f"TRAJPROBE_WORKERS: got '{workers}', expected a number of processes"):
        probe_row("pretrained", "row", params())


def test_the_number_of_components_is_that_of_the_fold_with_the_shortest_train(project):
    """Folds of 24 and 48 clips, and 24 that are only ever trained on: 96 clips to train on, or 72."""
    folds = np.array([0, 1, 1, 2, -1])[FOLDS]
    project(features(4, 0, dimensions=120), folds)
    assert probe_row("pretrained", "row", params(permutations=0, pca_above=100, pca_components=100)).pca == 71


def test_clips_that_are_only_ever_trained_on_are_no_fold(project):
    folds = np.array([-1, -1, -1, -1, 0])[FOLDS]
    project(features(4, 0, dimensions=120), folds)
    assert probe_row("pretrained", "row", params(permutations=0, pca_above=100, pca_components=100)).pca == 95
