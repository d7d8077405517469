"""huggingface: each parameter takes part in a row's features, and so do its seed and each of its frames."""

import copy
import re

import msgspec
import numpy as np
import pytest
import torch
import transformers
from small_transformers import MODELS, OTHERS, VISION, randomise

from trajprobe.backbones import huggingface as hf
from trajprobe.backbones.family import family

ALL = MODELS | OTHERS
#: Parameters that stand behind the last layer or beside it, by the beginning of their names, and what they are.
BEHIND = {
    "videomae": {},
    "videomae-tuned": {"fc_norm.": "the norm of `pooler`", "classifier.": "its head"},
    "clip": {"post_layernorm.": "the norm of `pooler`"},
    "dinov2": {"embeddings.mask_token": "stands for masked patches in training"},
    "vjepa2": {"predictor.": "guesses the features of masked patches in training"},
    "siglip": {"head.": "makes `pooler`"},
    "timesformer": {},
    "vivit": {"pooler.": "makes `pooler`"},
    "dinov3": {"embeddings.mask_token": "stands for masked patches in training"},
    "ijepa": {},
    "videoprism": {},
    "videoprism-video": {"head.": "makes `pooler`", "head_layernorm.": "its norm"},
    "hiera": {"pooler.": "the norm of `pooler`"},
    "convnext": {"layernorm.": "the norm of `pooler`"},
    "resnet": {},
    "swin": {},
}
#: Softmax takes no notice of what is added to all keys alike, so that their bias has a gradient of 0, or nearly.
BIAS_OF_KEYS = r"\.(key|k_proj)\.bias$"


def architecture(name, **changed):
    return msgspec.convert(ALL[name][0] | changed, hf.Architecture)


def video(name, clips=2, frames=4):
    shape = (clips, frames, 32, 32, 3)
    generator = np.random.default_rng(len(name))
    return torch.from_numpy(generator.integers(0, 256, shape, dtype=np.uint8))


def network(name, seed=0):
    torch.manual_seed(seed)
    return hf.build(architecture(name)).eval()


def gradients(of, output):
    """By name, the gradient of each parameter; None where the output does not depend on it."""
    weights = torch.randn(output.shape, generator=torch.Generator().manual_seed(0))  # a norm's sum would be constant
    names = dict(of.named_parameters())
    return dict(
        zip(names, torch.autograd.grad((output * weights).sum(), names.values(), allow_unused=True), strict=True)
    )


def behind(name, parameter):
    return parameter.removeprefix("model.").startswith(tuple(BEHIND[name]))


def test_every_small_model_is_listed():
    assert BEHIND.keys() == ALL.keys()
    supported = {of["model"] for of, *_ in ALL.values()}
    assert {preset["model"] for preset in family("huggingface").presets().values()} <= supported


@pytest.mark.parametrize("name", ALL)
def test_each_parameter_takes_part_in_the_last_layer(name):
    of = randomise(network(name)).requires_grad_()
    output = hf.layer(of, hf.preprocess(video(name), architecture(name)), "last")
    found = gradients(of, output)
    without = {parameter for parameter, gradient in found.items() if gradient is None}
    assert {parameter for parameter in without if not behind(name, parameter)} == set()
    assert {parameter for parameter in found if behind(name, parameter)} == without  # the list has nothing too much
    for prefix in BEHIND[name]:
        assert any(parameter.startswith(f"model.{prefix}") for parameter in found)
    largest = {parameter: float(g.abs().max()) for parameter, g in found.items() if g is not None}
    idle = {parameter: value for parameter, value in largest.items() if not value > 1e-6}
    assert {parameter for parameter in idle if not re.search(BIAS_OF_KEYS, parameter)} == set()


@pytest.mark.parametrize("name", [name for name, of in ALL.items() if of[2]])
def test_what_stands_behind_the_last_layer_makes_the_pooler(name):
    of = randomise(network(name)).requires_grad_()
    output = hf.pooled(of, hf.preprocess(video(name), architecture(name)), "last", "pooler")
    assert output.shape[:2] == (2, 1 if architecture(name).frames else 4)
    found = gradients(of, output)
    idle = {parameter for parameter, gradient in found.items() if gradient is None}
    assert {parameter.removeprefix("model.") for parameter in idle} <= {
        *(key.removeprefix("model.") for key in found if "mask_token" in key or "classifier." in key)
    }


@pytest.mark.parametrize("name", ALL)
def test_random_networks_differ_by_their_seed_alone(name):
    x = hf.preprocess(video(name), architecture(name))
    with torch.no_grad():
        first, again, other = (hf.layer(network(name, seed), x, "last") for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert (first - other).abs().mean() > 0.01 * first.abs().mean() > 0
    assert first.mean((2, 3, 4)).std(0).max() > 0  # clips differ too


@pytest.mark.parametrize("name", ALL)
def test_each_frame_is_seen_in_its_place(name):
    of, shape = randomise(network(name)), architecture(name)
    clips = video(name)
    with torch.no_grad():
        before = hf.layer(of, hf.preprocess(clips, shape), "last")
        for frame in range(clips.shape[1]):
            changed = clips.clone()
            changed[:, frame] = 255 - changed[:, frame]
            after = hf.layer(of, hf.preprocess(changed, shape), "last")
            step = frame * before.shape[2] // clips.shape[1]
            moved = (after - before).abs().amax((0, 1, 3, 4))
            assert moved[step] > 1e-4
            assert moved.argmax() == step or shape.frames


@pytest.mark.parametrize(
    ("classifier", "backbone", "config"),
    [
        ("IJepaForImageClassification", "IJepaModel", VISION),
        ("SwinForImageClassification", "SwinModel", OTHERS["swin"][0]["config"]),
        ("ResNetForImageClassification", "ResNetModel", OTHERS["resnet"][0]["config"]),
        ("VideoPrismForVideoClassification", "VideoPrismVisionModel", OTHERS["videoprism"][0]["config"]),
    ],
)
def test_a_classifier_gives_what_is_below_its_head(classifier, backbone, config):
    frames = {"frames": 4} if "Video" in classifier else {}
    shape = msgspec.convert(OTHERS["resnet"][0] | {"model": classifier, "config": config} | frames, hf.Architecture)
    torch.manual_seed(0)
    of = randomise(hf.build(shape).eval())
    assert type(of.model) is getattr(transformers, classifier)
    (below,) = [part for part in of.model.children() if type(part).__name__ == backbone]
    x = hf.preprocess(video(classifier), shape)
    seen = x.transpose(1, 2) if frames else x.transpose(1, 2).flatten(0, 1)
    with torch.no_grad():
        expected = copy.deepcopy(below)(seen).last_hidden_state
        tokens = of.tokens(*of(x), "last")
    torch.testing.assert_close(tokens, expected, atol=2e-5, rtol=0)
