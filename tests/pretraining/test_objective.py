"""The objective and the figures of pretraining against numpy; which frame a prediction is held against."""

import numpy as np
import pytest
import torch

from trajprobe.backbones.parts import lfq
from trajprobe.pretraining.objective import figures, losses, weighted_error


def random(*shape, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, shape)


def weighted(video, target):
    weight = 1 + 100 * (target + 1) / 2
    return np.average(((video - target) / 2) ** 2, weights=weight)


def blob(frames=5, size=8):
    """Black, but for one white pixel in each frame, and a grey one that is too dark to count."""
    target = -np.ones((1, 3, frames, size, size))
    target[:, :, np.arange(frames), np.arange(frames), 2] = 1
    target[:, :, :, 7, 7] = -1 + 2 * 0.09
    return target


def test_the_error_is_weighted_by_brightness():
    video, target = random(2, 3, 5, 4, 4), random(2, 3, 5, 4, 4, seed=1)
    found = weighted_error(torch.from_numpy(video), torch.from_numpy(target))
    np.testing.assert_allclose(found.item(), weighted(video, target), rtol=1e-9)
    assert weighted_error(torch.from_numpy(target), torch.from_numpy(target)) == 0


def losses_of(prediction, target, latents=None, reconstruction=None, step=4):
    latents = torch.zeros(1, 2, 5, 1, 1, dtype=torch.float64) if latents is None else torch.from_numpy(latents)
    reconstruction = target if reconstruction is None else reconstruction
    return losses(
        latents, torch.from_numpy(reconstruction), torch.from_numpy(prediction), torch.from_numpy(target), step
    )


def shifted(target, by):
    """A prediction that shows frame f + `by` at frame f; what no frame of the target can tell is rubbish."""
    out = np.full_like(target, 7)
    out[:, :, : target.shape[2] - by] = target[:, :, by:]
    return out


@pytest.mark.parametrize("by", [0, 1, 3, 4, 5])
def test_a_prediction_is_right_when_it_is_the_next_tokens_frames(by):
    target = random(2, 3, 17, 4, 4)
    prediction = shifted(target, by)
    prediction[:, :, 0] = 9  # the one frame of the first token has no whole next token
    found = losses_of(prediction, target).prediction.item()
    assert found == 0 if by == 4 else found > 0.01


def test_each_of_the_12_predicted_frames_counts():
    target = random(1, 3, 17, 4, 4)
    counted = []
    for frame in range(17):
        prediction = shifted(target, 4)
        prediction[:, :, frame] += 1
        counted.append(losses_of(prediction, target).prediction.item() > 0)
    assert counted == [False] + 12 * [True] + 4 * [False]


def test_the_total_is_the_sum_of_its_terms():
    latents, target = random(2, 3, 3, 2, 2), random(2, 3, 9, 4, 4, seed=1)
    reconstruction, prediction = random(2, 3, 9, 4, 4, seed=2), random(2, 3, 9, 4, 4, seed=3)
    found = losses_of(prediction, target, latents, reconstruction)
    token, code = (one.item() for one in lfq.entropies(torch.from_numpy(latents)))
    expected = {
        "reconstruction": weighted(reconstruction, target),
        "prediction": weighted(prediction[:, :, 1:5], target[:, :, 5:9]),
        "token_entropy": token,
        "code_entropy": code,
        "commitment": ((np.abs(latents) - 1) ** 2).mean(),
    }
    for name, value in expected.items():
        np.testing.assert_allclose(getattr(found, name).item(), value, rtol=1e-9)
    total = expected["reconstruction"] + 4 * expected["prediction"] + 0.02 * token - 0.1 * code
    np.testing.assert_allclose(found.total.item(), total + 0.1 * expected["commitment"], rtol=1e-9)


def test_the_figures_stand_beside_an_all_black_video():
    target, video = blob(), random(1, 3, 5, 8, 8)
    latents = random(1, 4, 2, 3, 3)
    latents[:, 0], latents[:, 1] = -1, 1
    codes = np.array([3, 3, 5, 1 << 29]).reshape(1, 1, 2, 2)
    found = figures(*(torch.from_numpy(array) for array in (latents, codes, video, target)))
    on_blob = target > -1 + 2 * 0.1
    assert on_blob.sum() == 15
    share = (latents > 0).mean(axis=(0, 2, 3, 4))
    expected = {
        "mse": ((video - target) ** 2).mean() / 4,
        "mse_black": ((target + 1) ** 2).mean() / 4,
        "weighted_mse": weighted(video, target),
        "weighted_mse_black": weighted(-np.ones_like(target), target),
        "blob_mse": ((video - target)[on_blob] ** 2).mean() / 4,
        "blob_mse_black": 1.0,
        "tokens": 4,
        "distinct_codes": 3,
        "dead_bits": 2,
        "rarest_bit": 0,
    }
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-9, err_msg=name)
    alive = figures(torch.from_numpy(latents[:, 2:]), *(torch.from_numpy(array) for array in (codes, video, target)))
    assert alive["dead_bits"] == 0
    np.testing.assert_allclose(alive["rarest_bit"], np.minimum(share, 1 - share)[2:].min())


def test_an_all_black_video_scores_what_black_scores():
    target = blob()
    black = -np.ones_like(target)
    found = figures(
        *(torch.from_numpy(array) for array in (random(1, 2, 2, 1, 1), np.ones((1, 2, 1, 1)), black, target))
    )
    for name in ("mse", "weighted_mse", "blob_mse"):
        assert found[name] == found[f"{name}_black"] > 0
