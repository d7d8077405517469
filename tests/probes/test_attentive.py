"""The attentive probe: its attention against torch's own, what it finds, and that it sees no tested clip."""

from dataclasses import replace

import msgspec
import numpy as np
import pytest
import torch
from small_probe import FOLDS, LABELS, labelled, outer, params
from torch.nn import functional
from vector_maths import NoVectorMaths

from trajprobe.probes import attentive
from trajprobe.probes.attentive import AttentiveNetwork, fitted_predictions, probe_fold, standardised, trained

TRAIN, TEST = np.flatnonzero(FOLDS != 1), np.flatnonzero(FOLDS == 1)


@pytest.fixture(autouse=True)
def in_this_process(monkeypatch):
    monkeypatch.setenv("TRAJPROBE_WORKERS", "1")


def settings(**changed):
    return params(attentive={
        "heads": 2, "width": 4, "steps": 60, "batch": 16, "learning_rate": [0.03], "weight_decay": 0.01
    } | changed)  # fmt: skip


def noise(seed=0, tokens=5, dimensions=6):
    """Of a clip of each track (tracks v n d)."""
    return np.random.default_rng(seed).normal(size=(120, 1, tokens, dimensions)).astype(np.float32)


def needle(seed=0):
    """Only the token that is marked by channel 0 has the class, in channels 1 to 3; it is anywhere among nine."""
    generator, tokens = np.random.default_rng(seed), noise(seed, 9)[:, 0]
    places = generator.integers(9, size=120)
    tokens[np.arange(120), places, 0] = 6
    others = np.ones((120, 9), dtype=bool)
    others[np.arange(120), places] = False
    tokens[..., 1:4] += 3 * np.eye(3)[generator.integers(3, size=(120, 9))] * others[..., None]
    tokens[np.arange(120), places, 1:4] = 3 * np.eye(3)[LABELS]
    return tokens[:, None]


def test_attention_is_torchs_own_and_so_are_its_gradients():
    """Of keys and values that are computed in full."""
    torch.manual_seed(0)
    network = AttentiveNetwork(5, 6, 3, heads=2, width=4).double()
    torch.nn.init.normal_(network.places)
    x = torch.randn(7, 5, 6, dtype=torch.float64)
    placed = x + network.places
    keys, values = (torch.einsum("b n d, h w d -> b h n w", placed, each) for each in (network.keys, network.values))
    queries = network.queries[None, :, None].expand(7, -1, -1, -1)
    gathered = functional.scaled_dot_product_attention(queries, keys, values)[:, :, 0]
    expected, got = network.classifier(gathered.flatten(1)), network(x)
    torch.testing.assert_close(got, expected, atol=1e-12, rtol=0)
    parameters = list(network.parameters())
    weights = torch.randn_like(got)
    for ours, theirs in zip(
        torch.autograd.grad((got * weights).sum(), parameters),
        torch.autograd.grad((expected * weights).sum(), parameters),
        strict=True,
    ):
        assert theirs.abs().max() > 0
        torch.testing.assert_close(ours, theirs, atol=1e-10, rtol=0)


def test_it_finds_the_token_that_matters_where_a_mean_over_tokens_does_not():
    tokens = needle()
    (guess,) = fitted_predictions(tokens, LABELS, TRAIN, TEST, [0.03], settings(steps=400))
    mean = tokens.mean(axis=2, keepdims=True)
    (pooled,) = fitted_predictions(mean, LABELS, TRAIN, TEST, [0.03], settings(steps=400))
    assert (guess == LABELS[TEST]).mean() > 0.9
    assert (pooled == LABELS[TEST]).mean() < 0.7


def test_the_order_of_tokens_is_seen():
    """The class is which token comes first; the bag of tokens is the same for all."""
    tokens = noise(tokens=3) * 0.1
    for clip, label in enumerate(LABELS):
        tokens[clip, 0, label, 0] += 3
    (guess,) = fitted_predictions(tokens, LABELS, TRAIN, TEST, [0.1], settings(steps=300))
    assert (guess == LABELS[TEST]).all()


def test_training_repeats_whatever_was_drawn_before_and_seeds_differ():
    x, codes = torch.from_numpy(noise()[:, 0]), torch.from_numpy(LABELS)

    def weights(seed, rate=0.01):
        return trained(x, codes, 3, rate, settings().attentive, seed).values

    first = weights(0)
    torch.rand(5)
    assert torch.equal(first, weights(0))
    assert not torch.equal(first, weights(1))
    assert not torch.equal(first, weights(0, 0.02))


def test_training_calls_no_function_whose_bits_differ_between_makers_of_cpus():
    with NoVectorMaths():
        trained(torch.from_numpy(noise()[:, 0]), torch.from_numpy(LABELS), 3, 0.01, settings(steps=3).attentive, 0)


def test_tokens_are_standardised_by_channel_as_numpy_does_and_a_constant_one_stays():
    tokens = noise() * [1, 10, 100, 1, 1, 0] + 5
    mean, deviation = (of(tokens[TRAIN], axis=(0, 1, 2)) for of in (np.mean, np.std))
    expected = (tokens - mean) / np.where(deviation > 0, deviation, 1)
    got = standardised(tokens.astype(np.float32), TRAIN)
    assert got.dtype == torch.float32
    np.testing.assert_allclose(got, expected, atol=1e-5)
    assert not got[..., 5].any()


def test_tested_clips_have_no_part_in_their_probe():
    tokens, place = needle(), outer(1, params(inner_folds=3))
    before = probe_fold(tokens, LABELS, place, settings(learning_rate=[0.003, 0.03]))
    labels, changed = LABELS.copy(), tokens.copy()
    labels[TEST] = 0
    changed[TEST[6:]] = 1e3
    after = probe_fold(changed, labels, place, settings(learning_rate=[0.003, 0.03]))
    assert after.value == before.value
    np.testing.assert_array_equal(after.predictions[:6], before.predictions[:6])
    assert len(after.predictions) == 24


def test_the_learning_rate_is_the_best_one_inside_train():
    rates, tokens, place = (0.0001, 0.03), needle(1), outer(0, params())
    correct = np.zeros(2)
    for split in place.splits:
        guesses = fitted_predictions(tokens, LABELS, split.train, split.test, rates, settings())
        correct += [np.sum(guess == LABELS[split.test]) for guess in guesses]
    assert correct[0] < correct[1]  # or the first would be taken for being the first
    found = probe_fold(tokens, LABELS, place, settings(learning_rate=rates[::-1]))
    assert (found.value, found.at_edge) == (0.03, True)
    alone = probe_fold(tokens, LABELS, replace(place, splits=[]), settings(learning_rate=[0.03]))
    np.testing.assert_array_equal(found.predictions, alone.predictions)
    assert (alone.value, alone.at_edge) == (0.03, False)


def test_clips_of_several_cameras_are_examples_each_and_their_probabilities_are_averaged():
    """Two of three cameras see nothing of the class: a vote would be lost, a mean of probabilities is not."""
    tokens = np.concatenate([noise(1, 9), needle(), noise(2, 9)], axis=1)
    given = settings(steps=400)
    (guess,) = fitted_predictions(tokens, LABELS, TRAIN, TEST, [0.03], given)
    x = standardised(tokens, TRAIN)
    of_clips = torch.from_numpy(np.repeat(LABELS[TRAIN], 3))
    network = trained(x[TRAIN].reshape(-1, 9, 6), of_clips, 3, 0.03, given.attentive, given.seed)
    with torch.no_grad():
        chances = np.stack([network(x[TEST, camera]).softmax(dim=1).numpy() for camera in range(3)])
    np.testing.assert_array_equal(guess, chances.mean(axis=0).argmax(axis=1))
    assert (guess == LABELS[TEST]).mean() > 0.6


def test_classes_are_those_of_the_labels_whatever_their_numbers():
    labels = np.array([3, 7, 20])[LABELS]
    (guess,) = fitted_predictions(needle(), labels, TRAIN, TEST, [0.03], settings(steps=200))
    assert set(guess) <= {3, 7, 20}
    assert (guess == labels[TEST]).mean() > 0.6


def test_networks_are_probed_side_by_side_and_the_cost_is_said_before(caplog):
    tokens = [needle(seed) for seed in range(2)]
    with caplog.at_level("INFO", "trajprobe"):
        probes = attentive.probe_networks(tokens, labelled(), settings(learning_rate=[0.003, 0.03]), "net")
    # Of two networks, five folds, four inner folds of two learning rates and a last one.
    assert "net, attentive probe: 90 trainings of 60 steps, about " in caplog.text
    for own, probe in zip(tokens, probes, strict=True):
        assert len(probe.chosen) == 5
        place = outer(2, params())
        alone = probe_fold(own, LABELS, place, settings(learning_rate=[0.003, 0.03]))
        np.testing.assert_array_equal(np.array(probe.predictions)[FOLDS == 2], alone.predictions)
        assert probe.permuted == probe.equal == probe.code_bits == []


def test_one_learning_rate_leaves_nothing_to_train_for_a_choice(caplog):
    with caplog.at_level("INFO", "trajprobe"):
        attentive.probe_networks([noise()], labelled(), settings(steps=2, learning_rate=[0.03, 0.03]), "net")
    assert "net, attentive probe: 5 trainings of 2 steps" in caplog.text


@pytest.mark.parametrize("changed", [{"heads": 0}, {"steps": 1}, {"learning_rate": []}, {"weight_decay": -1}])
def test_parameters_out_of_their_range_are_refused(changed):
    with pytest.raises(msgspec.ValidationError):
        settings(**changed)
