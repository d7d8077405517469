"""The causal convolution against zero-padding and convolving in float64, each way by itself and by the choice."""

import pytest
import torch
import torch.nn.functional as F

from trajprobe.backbones.parts import causal

LAST = torch.channels_last_3d


def drawn(b, c, t, h, w, o, size=(3, 3, 3), seed=0):
    generator = torch.Generator().manual_seed(seed)
    weight = torch.randn(o, c, *size, generator=generator) / (c * 27) ** 0.5
    return torch.randn(b, c, t, h, w, generator=generator), weight


def expected(x, weight, bias=None, stride=(1, 1, 1)):
    taps, high, wide = weight.shape[2:]
    padded = F.pad(x.double(), (wide // 2, wide // 2, high // 2, high // 2, taps - 1, 0))
    return F.conv3d(padded, weight.double(), None if bias is None else bias.double(), stride).float()


def close(found, right):
    torch.testing.assert_close(found, right, atol=2e-5, rtol=0)


@pytest.mark.parametrize("stride", [(1, 1, 1), (1, 2, 2), (2, 2, 2)])
@pytest.mark.parametrize("frames", [1, 2, 3, 4, 5, 8])
@pytest.mark.parametrize("layout", [torch.contiguous_format, LAST])
def test_leaving_out_the_zero_frames_changes_no_value(stride, frames, layout):
    x, weight = drawn(2, 3, frames, 5, 6, o=4)
    bias = torch.randn(4)
    x = x.contiguous(memory_format=layout)
    close(causal.without_zeros(x, weight, bias, stride), expected(x, weight, bias, stride))
    close(causal.causal_conv(x, weight, bias, stride), expected(x, weight, bias, stride))


@pytest.mark.parametrize("frames", [1, 2, 3, 5])
@pytest.mark.parametrize(("height", "width"), [(1, 1), (2, 2), (3, 5), (8, 8), (9, 6), (13, 4)])
def test_minimal_filtering_changes_no_value(frames, height, width):
    x, weight = drawn(2, 3, frames, height, width, o=4)
    close(causal.winograd(x, weight), expected(x, weight))


@pytest.mark.parametrize("strip", [1, 2000, 5000, 10**9])
def test_a_strip_may_be_of_any_height(monkeypatch, strip):
    monkeypatch.setattr(causal, "STRIP", strip)
    x, weight = drawn(2, 3, 3, 15, 10, o=4)
    close(causal.winograd(x.contiguous(memory_format=LAST), weight), expected(x, weight))


@pytest.mark.parametrize(
    ("shape", "o", "way"),
    [
        ((1, 128, 2, 17, 17), 128, "winograd"),
        ((1, 128, 2, 16, 16), 128, "without_zeros"),  # frames too small
        ((1, 64, 2, 17, 17), 128, None),  # too few channels
        ((1, 128, 2, 17, 17), 64, None),
        ((1, 128, 2, 23, 23), 256, "winograd"),
        ((1, 128, 2, 22, 22), 256, "without_zeros"),
    ],
)
def test_the_way_is_chosen_by_size(monkeypatch, shape, o, way):
    x, weight = drawn(*shape, o=o)
    taken = spied(monkeypatch)
    with torch.inference_mode():
        close(causal.causal_conv(x, weight, None, (1, 1, 1)), expected(x, weight))
    assert taken == ([way] if way else [])


@pytest.mark.parametrize("case", ["gradients", "bias", "stride", "double", "taps", "autocast"])
def test_minimal_filtering_is_for_inference_without_stride_or_bias(monkeypatch, case):
    x, weight = drawn(1, 128, 2, 17, 17, o=128, size=(3, 3, 1) if case == "taps" else (3, 3, 3))
    if case == "double":
        x, weight = x.double(), weight.double()
    bias = torch.zeros(128) if case == "bias" else None
    stride = (1, 2, 2) if case == "stride" else (1, 1, 1)
    taken = spied(monkeypatch)
    with torch.set_grad_enabled(case == "gradients"), torch.autocast("cpu", enabled=case == "autocast"):
        found = causal.causal_conv(x, weight, bias, stride).float()
    if case != "autocast":
        close(found, expected(x, weight, bias, stride))
    assert taken == ["without_zeros"]


def test_a_single_tap_in_time_is_a_plain_convolution():
    x, weight = drawn(2, 3, 4, 5, 6, o=4, size=(1, 1, 1))
    close(causal.causal_conv(x, weight, None, (1, 1, 1)), expected(x, weight))


def spied(monkeypatch):
    taken = []
    for name in ("winograd", "without_zeros"):
        real = getattr(causal, name)
        monkeypatch.setattr(causal, name, lambda *a, name=name, real=real: (taken.append(name), real(*a))[1])
    return taken
