"""Several clips of a track: each is fitted to, and scores are averaged over them, against scikit-learn by hand."""

import msgspec
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler
from small_probe import CLASSIFIERS, FOLDS, LABELS, TIGHT, features, labelled, outer, params

from trajprobe.probes.clips_of_tracks import averaged
from trajprobe.probes.code_length import blocks, code_lengths
from trajprobe.probes.cross_validation import probe_fold
from trajprobe.probes.few_shot import correct
from trajprobe.probes.network_probes import VariantFeatures, probe_networks
from trajprobe.probes.views import ProbedFeatures

TRAIN, TEST = np.flatnonzero(FOLDS != 1), np.flatnonzero(FOLDS == 1)
#: The one value of each classifier's grid, so that nothing is chosen.
ONE = {
    "logistic": {"c": [0.03], "max_iter": 2000},
    "ridge": {"alpha": [10]},
    "knn": {"neighbours": [5]},
    "mlp": {"alpha": [0.1], "units": 8, "epochs": 5, "batch": 20, "learning_rate": 0.01},
}


def seen(cameras=3, signal=0.6):
    """Features (n v d): what the track has, its class's part too, is in all of its clips, and as much noise in each."""
    noise = 2 * np.random.default_rng(7).normal(size=(120, cameras, 12)) * np.logspace(-2, 2, 12)
    return (features(signal, 0.3)[:, None] + noise).astype(np.float32)


def settings(classifier="logistic", **changed):
    return msgspec.structs.replace(params(**{classifier: ONE[classifier]} | changed), classifier=classifier)


def by_hand(name, x, labels):
    """scikit-learn's scores (m k) of each row."""
    if name == "logistic":
        fitted = LogisticRegression(C=0.03, **TIGHT).fit(x, labels)
    elif name == "ridge":
        return RidgeClassifier(alpha=10, solver="cholesky").fit(x, labels).decision_function
    elif name == "knn":
        fitted = KNeighborsClassifier(5, algorithm="brute").fit(x, labels)
    else:
        fitted = MLPClassifier(
            (8,), alpha=0.1, batch_size=20, learning_rate_init=0.01, max_iter=5, n_iter_no_change=5, random_state=0
        ).fit(x, labels)
    return fitted.predict_proba


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_a_track_has_the_class_of_the_mean_score_of_its_clips(name):
    x, given = seen(), settings(name)
    found = probe_fold([ProbedFeatures.of(x, given)], LABELS, outer(1, given), False, given)
    scaler = StandardScaler().fit(x[TRAIN].reshape(-1, 12).astype(float))
    scores = by_hand(name, scaler.transform(x[TRAIN].reshape(-1, 12)), np.repeat(LABELS[TRAIN], 3))
    of_clips = np.stack([scores(scaler.transform(x[TEST, camera])) for camera in range(3)])
    np.testing.assert_array_equal(found.chosen.predictions, of_clips.mean(axis=0).argmax(axis=1))
    assert (found.chosen.predictions != of_clips[0].argmax(axis=1)).any()


def test_two_classes_have_scores_for_both():
    x, labels, given = seen(2), (LABELS > 0).astype(np.int64), settings("ridge")
    place = outer(1, given, labelling=labelled(labels))
    found = probe_fold([ProbedFeatures.of(x, given)], labels, place, False, given)
    scaler = StandardScaler().fit(x[TRAIN].reshape(-1, 12).astype(float))
    fitted = RidgeClassifier(alpha=10).fit(scaler.transform(x[TRAIN].reshape(-1, 12)), np.repeat(labels[TRAIN], 2))
    of_clips = np.mean([fitted.decision_function(scaler.transform(x[TEST, camera])) for camera in range(2)], axis=0)
    np.testing.assert_array_equal(found.chosen.predictions, (of_clips > 0).astype(int))


def test_copies_of_a_clip_are_that_clip_with_as_many_times_the_c():
    """All of a row: the loss of three copies at C is that of one clip at 3 C."""
    x, labelling = seen(1, 0.7)[:, 0], labelled()
    given = {"few_shot": {"draws": 5, "c": 0.5}, "code_length": {"draws": 2, "c": [0.1]}}
    one = {"few_shot": {"draws": 5, "c": 1.5}, "code_length": {"draws": 2, "c": [0.3]}}
    copied = params([0.01, 0.1], **given)
    alone = params([0.03, 0.3], **one)
    ((of_copies,), (of_one,)) = (
        probe_networks([VariantFeatures([[features_]], True)], labelling, each, "row")[0].networks
        for features_, each in ((np.stack([x] * 3, axis=1), copied), (x, alone))
    )
    assert of_copies.predictions == of_one.predictions
    assert of_copies.permuted == of_one.permuted
    assert of_copies.few_shot == of_one.few_shot
    np.testing.assert_allclose(of_copies.code_bits, of_one.code_bits, atol=0.01)
    np.testing.assert_allclose(of_copies.chosen, np.array(of_one.chosen) / 3)


def test_few_labels_are_of_tracks():
    x, given = seen().astype(float), params()
    tracks = np.argsort(LABELS[:96], kind="stable").reshape(3, 32)
    found = correct(x[tracks], LABELS[tracks], x[96:].reshape(-1, 12), LABELS[96:], [1, 8], given)
    for k, own in zip((1, 8), found, strict=True):
        few = tracks[:, :k].ravel()
        fitted = LogisticRegression(C=1, **TIGHT).fit(x[few].reshape(-1, 12), np.repeat(LABELS[few], 3))
        mean = averaged(fitted.predict_proba(x[96:].reshape(-1, 12)), 3)
        np.testing.assert_array_equal(own, mean.argmax(axis=1) == LABELS[96:])


def test_a_code_knows_all_clips_of_the_tracks_before():
    """Several cameras that see what one does not code the labels in fewer bits than any of them."""
    x, given = seen(3, 0.8), params()
    draws = blocks(labelled().groups, given)
    together = sum(code_lengths([ProbedFeatures.of(x, given)], LABELS, draws, given))
    each = [sum(code_lengths([ProbedFeatures.of(x[:, camera], given)], LABELS, draws, given)) for camera in range(3)]
    assert together < min(each)


def test_a_wide_row_is_rotated_with_all_its_clips():
    x = np.random.default_rng(0).normal(size=(20, 3, 70)).astype(np.float32)
    of = ProbedFeatures.of(x, params(), [x + 1])
    assert (of.x.shape, of.cameras, of.dimensions) == ((20, 3, 61), 3, 70)
    flat = x.reshape(60, 70) - x.reshape(60, 70).mean(axis=0)
    turned = of.x.reshape(60, 61).astype(float)
    np.testing.assert_allclose(turned @ turned.T, flat @ flat.T, atol=1e-3)
    assert of.at_levels[0].shape == of.x.shape
