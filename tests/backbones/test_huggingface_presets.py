"""huggingface: presets are the published networks, and a row may change a key of one."""

import msgspec
import pytest
import torch

from trajprobe.backbones import huggingface as hf
from trajprobe.backbones.family import family
from trajprobe.errors import UserError

#: Of the published models: tokens of a clip or frame with those outside the grid, the grid, and channels.
PRESETS = {
    "videomae-base": (1568, (8, 14, 14), 768),
    "clip-vit-b32": (50, (1, 7, 7), 768),
    "clip-vit-b16": (197, (1, 14, 14), 768),
    "dinov2-base": (257, (1, 16, 16), 768),
    "vjepa2-vitl": (8192, (32, 16, 16), 1024),
    "dinov3-vits16": (201, (1, 14, 14), 384),
    "dinov3-vitb16": (201, (1, 14, 14), 768),
    "siglip2-base": (196, (1, 14, 14), 768),
    "ijepa-vith14": (256, (1, 16, 16), 1280),
    "videoprism-base": (4096, (16, 16, 16), 768),
    "hiera-base": (49, (1, 7, 7), 768),
    "resnet-50": (49, (1, 7, 7), 2048),
    "convnext-tiny": (49, (1, 7, 7), 768),
    "swin-tiny": (49, (1, 7, 7), 768),
}
#: Parameters that were published; how many of them are not the backbone's (a head of 1,000 classes, a projection, the
#: other tower); and to how many the published number is rounded.
PARAMETERS = {
    "videomae-base": (87_000_000, 0, 1_000_000),  # arXiv 2203.12602, table 6
    "clip-vit-b32": (87_849_216, 768 * 512, 0),  # the image tower as open_clip counts it
    "clip-vit-b16": (86_192_640, 768 * 512, 0),
    "dinov2-base": (86_600_000, 0, 50_000),  # the hub's page: 86.6M
    "vjepa2-vitl": (326_000_000, 0, 500_000),  # with the predictor
    "dinov3-vits16": (21_600_000, 0, 50_000),
    "dinov3-vitb16": (85_700_000, 0, 50_000),
    "siglip2-base": (375_187_970, 282_303_744 + 2, 0),  # both towers, the scale and the bias
    "ijepa-vith14": (631_000_000, 0, 500_000),
    "videoprism-base": (114_365_184, 0, 0),  # as mteb has it
    "hiera-base": (52_000_000, 769_000, 500_000),  # arXiv 2306.00989, table 5
    "resnet-50": (25_557_032, 2_049_000, 0),  # these three as torchvision counts them
    "convnext-tiny": (28_589_128, 769_000, 0),
    "swin-tiny": (28_288_354, 769_000, 0),
}
PYRAMIDS = ("hiera-base", "resnet-50", "convnext-tiny", "swin-tiny")


def preset(node):
    return family("huggingface").architecture(node, "rows.mine")


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_has_the_published_numbers_of_tokens_and_parameters(name):
    shape = preset({"preset": name})
    tokens, grid, channels = PRESETS[name]
    with torch.device("meta"):
        network = hf.build(shape).eval()
    assert network.grid == (None if name in PYRAMIDS else grid)
    x = torch.empty(1, 3, shape.frames or 1, shape.crop, shape.crop, device="meta")
    last = network.tokens(*network(x), "last")
    assert (last.flatten(2).mT if last.ndim == 4 else last).shape == (1, tokens, channels)
    assert hf.layer(network, x, "last").shape == (1, channels, *grid)
    published, elsewhere, rounding = PARAMETERS[name]
    ours = sum(parameter.numel() for parameter in network.parameters())
    assert abs(ours + elsewhere - published) <= rounding


def test_each_preset_of_the_table_is_tested():
    assert list(family("huggingface").presets()) == list(PRESETS) == list(PARAMETERS)


def test_the_default_is_videomae_with_its_last_norm():
    shape = preset({})
    assert shape == preset({"preset": "videomae-base"})
    assert (shape.model, shape.frames, shape.resize, shape.crop) == ("VideoMAEModel", 16, 224, 224)
    with torch.device("meta"):
        assert hf.build(shape).model.layernorm is not None  # class's default: none, which is for fine-tuned models


def test_a_key_beside_a_preset_replaces_its_own_and_within_config_each_key_does():
    shape = preset({"preset": "clip-vit-b16", "resample": "bilinear", "config": {"num_hidden_layers": 2}})
    assert shape == preset(
        msgspec.to_builtins(preset({"preset": "clip-vit-b16"}))
        | {"resample": "bilinear", "config": {"patch_size": 16, "num_hidden_layers": 2}}
    )
    assert preset({"preset": "clip-vit-b16"}).config == {"patch_size": 16}  # unchanged for the next row


@pytest.mark.parametrize(
    ("node", "message"),
    [
        (
            {"preset": "clip-vit-b8"},
            "`rows.mine.architecture`: got preset `clip-vit-b8`, expected one of videomae-base, ",
        ),
        ({"preset": ["clip-vit-b16"]}, "got preset `.'clip-vit-b16'.`, expected one of videomae-base"),
        ({"prest": "clip-vit-b16"}, "unknown key `prest`; the valid keys are preset, resize, .*model, config, frames"),
        ({"preset": "clip-vit-b16", "crp": 3}, "unknown key `crp`; the valid keys are preset"),
        ({"preset": "clip-vit-b16", "crop": 192}, "`rows.mine.architecture`: got crop 192, expected 224"),
        ({"preset": "videomae-base", "frames": 8}, "got frames 8, expected 16, the model's num_frames"),
        ({"crop": 224}, "missing key `"),
    ],
)
def test_a_preset_that_does_not_exist_or_keys_that_contradict_it_are_refused(node, message):
    with pytest.raises(UserError, match=message):
        preset(node)


def test_weights_that_were_trained_with_another_configuration_than_the_presets_are_refused(recorded):
    with pytest.raises(UserError, match=r"config\.json: got a row whose `architecture.config` has"):
        hf.load(preset({"preset": "clip-vit-b32"}), recorded("clip"))
