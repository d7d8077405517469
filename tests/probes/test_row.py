"""A row is probed fold by fold from its files, or refused."""

from pathlib import Path

import numpy as np
import pytest
from small_probe import FOLDS, GROUPS, LABELS, features, oracle, params, probed
from trajprobe.probes.classifier import permuted_labels

from trajprobe.params import UserError
from trajprobe.probes.row import line, probe_row
from trajprobe.shards import ShardWriter, shard
from trajprobe.trajectories.labelling import LABELLING, Labelling


def test_what_has_not_converged_is_counted_and_not_warned_of(project):
    project(features(0.5, 0.5))
    (network,) = probe_row("pretrained", "row", params(max_iter=1, c=(100.0,))).networks
    assert network.unconverged == 5


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TRAJPROBE_WORKERS", "1")

    def made(x, folds=FOLDS, kind="pretrained/row", tracks="t1", **weights):
        Labelling(LABELS, np.array(["a", "b", "c"]), GROUPS, folds, "t1", 0).save(LABELLING)
        clips = {"format": {"frames": 9, "size": 16}}
        writer = ShardWriter(
            Path("data/features") / kind, {"family": "x", "tracks": tracks, "clips": clips, "weights": weights}
        )
        for part in np.split(x.reshape(len(x), 2, -1), [50]):
            writer.add(shard({"features": part}, {}), len(part))
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
        ({"pca_above": 100, "pca_components": 100}, 96),  # clips of a fold's train
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
    assert network.c == [fold.c for fold in folds]
    np.testing.assert_allclose(network.permuted, np.sum([fold.right_permuted for fold in folds], axis=0) / 120)


def test_an_original_split_trains_on_train_and_tests_test(project):
    folds = np.where(FOLDS == 2, 0, -1)
    x = features(0.5, 0.5)
    project(x, folds)
    found = probe_row("pretrained", "row", params())
    c, predictions = oracle(x, 2, params())
    assert found.networks[0].c == [c]
    expected = np.full(120, -1)
    expected[FOLDS == 2] = predictions
    assert found.networks[0].predictions == expected.tolist()


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
    assert told_line.startswith("row (random): 2 networks, 120 clips; C chosen: ")


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
    assert probe_row("pretrained", "row", params(permutations=0, pca_above=100, pca_components=100)).pca == 72


def test_clips_that_are_only_ever_trained_on_are_no_fold(project):
    folds = np.array([-1, -1, -1, -1, 0])[FOLDS]
    project(features(4, 0, dimensions=120), folds)
    assert probe_row("pretrained", "row", params(permutations=0, pca_above=100, pca_components=100)).pca == 96
