"""The forecast of a run: arithmetic and memory counted by hand, and what follows from them."""

import pytest
import torch
from torch import nn

from trajprobe.backbones import open_magvit2, transnetv2, videogpt
from trajprobe.errors import UserError
from trajprobe.features import forecast
from trajprobe.features.forecast import GIB, Cost
from trajprobe.files import memory


def of_released_network(frames):
    with torch.device("meta"):
        network = open_magvit2.OpenMagvit2()
    return forecast.cost(lambda video: [network.encode(open_magvit2.preprocess(video))], (frames, 128, 128))


@pytest.mark.parametrize(("frames", "gflop"), [(5, 1039.9 + 0.3), (17, 4154.0 + 0.3)])
def test_the_released_encoder_costs_what_was_counted_for_it(frames, gflop):
    cost = of_released_network(frames)  # 0.3: the first layer's zero frames, which cost less than leaving them out
    assert cost.flop / 1e9 == pytest.approx(gflop, abs=0.05)
    assert cost.shapes == ((18, (frames + 3) // 4, 16, 16),)
    plane = 4 * 128 * frames * 128 * 128  # bytes of one activation of the first level
    assert 4 * plane < cost.memory < 7 * plane


@pytest.mark.parametrize(("layer", "gflop"), [("latents", 96.6), ("codes", 100.9)])
def test_videogpt_costs_what_upstreams_was_counted_for(layer, gflop):
    shape = videogpt.Architecture()
    with torch.device("meta"):
        network = videogpt.build(shape)
    cost = forecast.cost(
        lambda video: [videogpt.layer(network, videogpt.preprocess(video, shape), layer)], (16, 64, 64)
    )
    assert cost.flop / 1e9 == pytest.approx(gflop, abs=0.05)
    assert cost.shapes == ((256, 4, 32, 32),)


@pytest.mark.parametrize(
    ("layer", "gflop", "shape"),
    [
        ("block1", 2.217, (64, 17, 13, 13)),
        ("block2", 5.042, (128, 17, 6, 6)),
        ("block3", 7.448, (256, 17, 3, 3)),
    ],
)
def test_transnet_costs_what_was_counted_by_hand(layer, gflop, shape):
    with torch.device("meta"):
        network = transnetv2.build(transnetv2.Architecture())
    cost = forecast.cost(lambda video: [transnetv2.layer(network, transnetv2.preprocess(video), layer)], (17, 27, 27))
    assert cost.flop / 1e9 == pytest.approx(gflop, abs=0.001)
    assert cost.shapes == (shape,)


def test_arithmetic_and_memory_are_those_of_the_layers():
    with torch.device("meta"):
        layers = nn.Sequential(nn.Linear(3, 10, bias=False), nn.ReLU(inplace=True), nn.Linear(10, 2, bias=False))
    cost = forecast.cost(lambda video: [layers(video.float())], (5, 8, 8))
    positions = 5 * 8 * 8
    assert cost.flop == 2 * positions * (3 * 10 + 10 * 2)
    assert cost.shapes == ((5, 8, 8, 2),)
    # At the second layer its input and its output are there, and the video, as bytes and as numbers.
    video = positions * 3 * (1 + 4)
    assert positions * 4 * (10 + 2) <= cost.memory <= positions * 4 * (10 + 2) + video


def test_a_tensor_that_was_freed_is_not_counted():
    def freed(video):
        return video.float().mul(2).mul(2).mul(2)

    def kept(video):
        parts = [video.float()]
        for _ in range(3):
            parts.append(parts[-1].mul(2))
        return torch.stack(parts)

    size = 4 * 5 * 8 * 8 * 3
    assert forecast.cost(freed, (5, 8, 8)).memory <= 2.5 * size
    assert forecast.cost(kept, (5, 8, 8)).memory >= 8 * size


@pytest.mark.parametrize(
    ("memory_of_a_clip", "most", "gib", "clips", "expected"),
    [
        (1, 16, 4, 1000, 16),
        (GIB // 4, 16, 4, 1000, 16),
        (GIB // 4 + 1, 16, 4, 1000, 8),
        (GIB, 100, 4, 1000, 4),
        (5 * GIB, 16, 4, 1000, 1),
        (1, 16, 4, 7, 7),
        (0, 12, 0.5, 1000, 12),
    ],
)
def test_a_microbatch_fits_into_the_memory(memory_of_a_clip, most, gib, clips, expected):
    assert forecast.microbatch(Cost(1, memory_of_a_clip, ((1,),)), most, gib, clips) == expected


def test_the_time_is_measured_with_whole_microbatches_where_they_are_quick(monkeypatch):
    ran, now = [], iter([0.0, 0.5, 10.0, 12.0])
    monkeypatch.setattr(forecast.time, "perf_counter", lambda: next(now))
    assert forecast.seconds_a_clip(ran.append, 8) == 2 / 8
    assert ran == [1, 8, 8]


def test_the_time_is_measured_with_one_clip_where_that_is_slow(monkeypatch):
    ran, now = [], iter([0.0, 5.0])
    monkeypatch.setattr(forecast.time, "perf_counter", lambda: next(now))
    assert forecast.seconds_a_clip(ran.append, 8) == 5
    assert ran == [1]


def test_the_forecast_names_clips_arithmetic_time_and_bytes():
    summary = forecast.summary(Cost(1040 * 10**9, GIB // 5, ((2, 18),)), 16, 1000, 1, 5.2)
    assert summary == (
        "1,000 clips of 1,040.0 GFLOP, 16 at once (3.20 GiB of activations), at the measured 200 GFLOP/s: 1 h 27 min; "
        "2 x 18 features a clip, 0.1 MB"
    )
    assert forecast.summary(Cost(10**9, 1, ((3,),)), 4, 20, 5, 0.1).startswith("5 x 20 clips of 1.0 GFLOP")
    assert forecast.summary(Cost(10**9, 1, ((3, 10**4),)), 4, 20, 5, 0.1).endswith("3 x 10000 features a clip, 12.0 MB")
    assert "at the measured 10 GFLOP/s: 10 s;" in forecast.summary(Cost(10**9, 1, ((3,),)), 4, 20, 5, 0.1)
    assert "at the measured 0.02 GFLOP/s" in forecast.summary(Cost(10**7, 1, ((3,),)), 4, 20, 5, 0.5)
    assert ": 2 min;" in forecast.summary(Cost(10**9, 1, ((3,),)), 4, 1200, 1, 0.1)


def test_a_network_and_its_clips_that_do_not_fit_are_refused_with_both_numbers(monkeypatch):
    monkeypatch.setattr(memory, "total", lambda: 8 * 10**9)
    cost = Cost(flop=1, memory=10**9, shapes=((1, 1),), weights=4 * 10**9)
    forecast.check_memory(cost, 4, "here", "take less")
    with pytest.raises(
        UserError, match=r"^here: too large: needs 9\.0 GB of memory, the machine has 8\.0 GB; take less$"
    ):
        forecast.check_memory(cost, 5, "here", "take less")
