"""A row is probed from its feature folders, or refused; its variants are what its folders say."""

import numpy as np
import pytest
from small_probe import FOLDS, LABELS, features, labelled, oracle, params

from trajprobe.errors import UserError
from trajprobe.files import probe_results as files
from trajprobe.files.feature_shards import Coordinates, digest, folder
from trajprobe.files.labelling import LABELLING
from trajprobe.files.shards import ShardWriter, encode_shard
from trajprobe.probes import attentive
from trajprobe.probes.network_probes import VariantFeatures, probe_networks
from trajprobe.probes.probe_row import line, probe_row

#: What is quick to probe.
QUICK = {"permutations": 0, "few_shot": {"draws": 0, "c": 1}, "code_length": {"draws": 0, "c": [1]}, "c": (0.3,)}


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TRAJPROBE_WORKERS", "1")

    def made(x, folds=FOLDS, network="pretrained", source="plain", layer="hidden.tmean", tracks="t1", **weights):
        labelled(folds=folds).save(LABELLING)
        meta = {"family": "x", "tracks": tracks, "clips": {"format": {"frames": 9, "size": 16}}, "weights": weights}
        writer = ShardWriter(folder(Coordinates("row", network, source, layer)), meta)
        for part in np.split(x.reshape(len(x), 2, -1), [50]):
            writer.add(encode_shard({"features": part}, {}), len(part))
        writer.close()

    return made


def only_variant(**changed):
    (variant,) = probe_row("row", params(**changed)).variants
    return variant


def test_classes_far_apart_are_predicted_and_permuted_labels_are_not(project):
    project(features(4, 0), trained_frames=17)
    row = probe_row("row", params(permutations=10))
    (variant,) = row.variants
    (network,) = variant.networks
    assert np.mean(np.array(network.predictions) == LABELS) == 1
    assert len(network.permuted) == 10
    # Not near 1. It may well be below chance: a label that is more frequent in train is less so in the tested fold.
    assert 0.05 < np.mean(network.permuted) < 1 / 3 + 0.1
    assert (row.row, row.family, row.classifier) == ("row", "x", "logistic")
    assert (row.coded_clips, row.uniform_bits, row.shots) == (120, round(120 * np.log2(3), 2), [1, 2, 4, 8, 16, 32])
    assert (variant.network, variant.input, variant.layer) == ("pretrained", "plain", "hidden.tmean")
    assert (variant.shape, variant.frames, variant.trained_frames, variant.pca) == ([2, 6], 9, 17, 0)
    assert line(row).startswith("row: 120 clips; logistic, chosen: ")


def test_random_seeds_are_one_variant_and_each_other_network_and_input_is_its_own(project):
    x = {seed: features(0.5, 0.5, seed=seed) for seed in range(16)}
    for number, seed in enumerate((10, 2, 0)):
        project(x[number], network=f"random/{seed}")
    project(x[4])
    project(x[5], source="shuffled-frames")
    project(x[6], network="permuted-weights")
    row = probe_row("row", params(**QUICK))
    places = [(variant.network, variant.input, variant.layer, len(variant.networks)) for variant in row.variants]
    assert sorted(places) == [
        ("permuted-weights", "plain", "hidden.tmean", 1),
        ("pretrained", "plain", "hidden.tmean", 1),
        ("pretrained", "shuffled-frames", "hidden.tmean", 1),
        ("random", "plain", "hidden.tmean", 3),
    ]
    (seeds,) = [variant for variant in row.variants if len(variant.networks) == 3]
    alone = []
    for number in (2, 1, 0):  # which were of seed 0, 2 and 10
        (probed,) = probe_networks([VariantFeatures([[x[number]]], False)], labelled(), params(**QUICK), "x")
        alone.append(probed.networks[0].predictions)
    assert [network.predictions for network in seeds.networks] == alone
    assert len({tuple(predictions) for predictions in alone}) == 3
    assert line(row).startswith("row: 6 networks, 120 clips; logistic, chosen: 0.3")


def test_a_row_of_several_layers_has_a_probe_of_each_and_one_of_the_chosen_ones(project):
    layers = ["2.tmean", "10.tmean", "last.tmean"]  # in the order of their numbers
    signals = {("random/0", "10.tmean"): 1.5, ("random/1", "last.tmean"): 1.5}
    x = {}
    for number, network in enumerate(("random/0", "random/1")):
        for place, layer in enumerate(layers):
            x[network, layer] = features(signals.get((network, layer), 0), 0, seed=10 * number + place)
            project(x[network, layer], network=network, layer=layer)
            project(x[network, layer], network=network, layer=layer, source="reversed")
    chosen, *views = probe_row("row", params(**QUICK | {"permutations": 2})).variants
    assert [variant.layer for variant in (chosen, *views)] == ["chosen", *layers]
    assert [network.chosen_layers for network in chosen.networks] == [["10.tmean"] * 5, ["last.tmean"] * 5]
    assert (chosen.shape, chosen.features, chosen.reversed, views[0].shape) == ([], [], [], [2, 6])
    for number, network in enumerate(("random/0", "random/1")):
        best = views[number + 1].networks[number]
        assert chosen.networks[number].predictions == best.predictions
        assert [len(part) for part in (chosen.networks[number].permuted, best.permuted)] == [1, 0]
        for view, layer in zip(views, layers, strict=True):
            (alone,) = probe_networks([VariantFeatures([[x[network, layer]]], False)], labelled(), params(**QUICK), "x")
            assert view.networks[number].predictions == alone.networks[0].predictions
            assert view.features[number] == digest(folder(Coordinates("row", network, "plain", layer)))
            assert view.reversed[number] == digest(folder(Coordinates("row", network, "reversed", layer)))


def test_networks_of_a_row_have_the_same_layers(project):
    project(features(0, 0), network="random/0", layer="1.tmean")
    project(features(0, 0), network="random/0", layer="2.tmean")
    project(features(0, 0), network="random/1", layer="1.tmean")
    project(features(0, 0), network="random/1", layer="3.tmean")
    with pytest.raises(UserError, match=r"random/1/plain/3.tmean: got it, expected 1.tmean, 2.tmean, as of the first"):
        probe_row("row", params(**QUICK))


@pytest.mark.parametrize(
    ("network", "source", "in_full"),
    [
        ("pretrained", "plain", True),
        ("random/3", "plain", True),
        ("none", "plain", True),
        ("permuted-weights", "plain", False),
        ("pretrained", "middle-frame", False),
        ("random/3", "first-frame", False),
        ("none", "shuffled-frames", False),
    ],
)
def test_perturbed_features_are_probed_for_their_accuracy_alone(project, network, source, in_full):
    project(features(0.5, 0.5), network=network, source=source)
    (probed,) = only_variant(permutations=5).networks
    assert len(probed.predictions) == 120
    parts = (probed.permuted, probed.permuted_expected, probed.equal, probed.few_shot, probed.code_bits)
    assert [len(part) for part in parts] == ([5, 5, 120, 6, 120] if in_full else [0] * 5)


def test_reversed_features_are_probed_with_the_plain_ones_of_their_network_and_for_nothing_else(project):
    x = [features(0.5, 0.5, seed=seed) for seed in range(4)]
    for seed in (1, 0):
        project(x[seed], network=f"random/{seed}")
        project(x[seed + 2], network=f"random/{seed}", source="reversed")
    project(x[0])
    pretrained, random = sorted(probe_row("row", params(**QUICK)).variants, key=lambda variant: variant.network)
    assert [(variant.network, variant.input) for variant in (pretrained, random)] == [
        ("pretrained", "plain"),
        ("random", "plain"),
    ]
    assert (pretrained.reversed, pretrained.networks[0].arrow_of_time) == ([], [])
    assert random.reversed == [
        digest(folder(Coordinates("row", f"random/{seed}", "reversed", "hidden.tmean"))) for seed in (0, 1)
    ]
    pairs = [VariantFeatures([[x[seed]]], False, [[x[seed + 2]]]) for seed in (0, 1)]
    for network, ((alone,), *_) in zip(
        random.networks, probe_networks(pairs, labelled(), params(**QUICK), "x"), strict=True
    ):
        assert network.arrow_of_time == alone.arrow_of_time
        assert network.predictions == alone.predictions


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
    assert only_variant(**QUICK, **changed).pca == components


def test_the_number_of_components_is_that_of_the_fold_with_the_shortest_train(project):
    """Folds of 24 and 48 clips, and 24 that are only ever trained on: 96 clips to train on, or 72."""
    folds = np.array([0, 1, 1, 2, -1])[FOLDS]
    project(features(4, 0, dimensions=120), folds)
    assert only_variant(**QUICK, pca_above=100, pca_components=100).pca == 71


def test_clips_that_are_only_ever_trained_on_are_no_fold(project):
    folds = np.array([-1, -1, -1, -1, 0])[FOLDS]
    project(features(4, 0, dimensions=120), folds)
    assert only_variant(**QUICK, pca_above=100, pca_components=100).pca == 95


@pytest.mark.parametrize(("asked", "expected"), [(4, 4), (12, 12), (32, 12)])
def test_the_row_says_at_how_many_dimensions_it_was_equal(project, asked, expected):
    project(features(4, 0))
    assert only_variant(**QUICK, equal_dimensions=asked).equal_dimensions == expected


def test_a_probe_file_gives_back_what_was_probed(project):
    project(features(0.2, 0.5))
    project(features(0.2, 0.5), source="middle-frame")
    row = probe_row("row", params(classifier="knn"))
    files.save(row)
    assert files.path("row").as_posix() == "data/results/probes/row.json"
    assert files.load("row") == row


def test_an_original_split_trains_on_train_and_tests_test(project):
    folds = np.where(FOLDS == 2, 0, -1)
    x = features(0.5, 0.5)
    project(x, folds)
    row = probe_row("row", params())
    (network,) = row.variants[0].networks
    c, predictions = oracle(x, 2, params())
    assert network.chosen == [c]
    expected = np.full(120, -1)
    expected[FOLDS == 2] = predictions
    assert network.predictions == expected.tolist()
    assert [guess == -1 for guess in network.equal] == (FOLDS != 2).tolist()
    assert row.coded_clips == 120


def test_features_that_are_missing_or_of_other_tracks_are_refused(project):
    project(features(0, 0))
    project(features(0, 0), network="random/3", tracks="t2")
    with pytest.raises(UserError, match=r"random/3/plain/hidden\.tmean: was made of other tracks"):
        probe_row("row", params())
    with pytest.raises(UserError, match="data/features/other: no features"):
        probe_row("other", params())


def test_tokens_that_were_kept_have_an_attentive_probe(project, caplog):
    tokens = {network: features(1, 0, seed=seed) for seed, network in enumerate(("pretrained", "random/1", "random/0"))}
    for network, x in tokens.items():
        project(x, network=network)
        project(x, network=network, layer="hidden.none")
    settings = params(**QUICK)
    with caplog.at_level("INFO", "trajprobe"):
        row = probe_row("row", settings)
    assert [(variant.network, variant.layer, len(variant.networks)) for variant in row.variants] == [
        ("pretrained", "hidden.tmean", 1),
        ("random", "hidden.tmean", 2),
        ("pretrained", "hidden.none", 1),
        ("random", "hidden.none", 2),
    ]
    pretrained, random = row.variants[2:]
    for variant, networks in ((pretrained, ["pretrained"]), (random, ["random/0", "random/1"])):
        x = [tokens[network].reshape(120, 1, 2, 6).astype(np.float32) for network in networks]
        assert variant.networks == attentive.probe_networks(x, labelled(), settings, "alone")
        assert variant.features == [
            digest(folder(Coordinates("row", network, "plain", "hidden.none"))) for network in networks
        ]
        assert (variant.shape, variant.pca, variant.equal_dimensions) == ([2, 6], 0, 0)
    assert "row, attentive probe: 135 trainings of 30 steps" in caplog.text
