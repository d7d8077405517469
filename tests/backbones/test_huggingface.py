"""huggingface: what transformers' models make of clips, layer by layer, and what they can't take."""

import logging

import msgspec
import numpy as np
import pytest
import torch
from small_transformers import MODELS, VISION, published, randomise
from transformers import CLIPVisionModel, VideoMAEModel

from trajprobe.backbones import huggingface as hf
from trajprobe.errors import UserError

IMAGES = ("clip", "dinov2", "siglip", "dinov3", "ijepa")
STEPS = (
    {"timesformer": 4} | dict.fromkeys(IMAGES, 4) | dict.fromkeys(("videomae", "videomae-tuned", "vjepa2", "vivit"), 2)
)
GRID = {"siglip": 4}


def architecture(name, **changed):
    return msgspec.convert(MODELS[name][0] | changed, hf.Architecture)


def built(name):
    torch.manual_seed(0)
    network = hf.build(architecture(name))
    randomise(network)
    return network.eval().requires_grad_(False)


@pytest.fixture(autouse=True)
def quiet():
    """What transformers says of tiny vocabularies."""
    logging.getLogger("transformers").setLevel(logging.ERROR)


def video(clips=3, frames=4, size=32, seed=0):
    shape = (clips, frames, size, size, 3)
    return torch.from_numpy(np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8))


def as_input(clips, name):
    side = MODELS[name][0]["crop"]
    cut = (clips.shape[2] - side) // 2
    frames = clips[:, :, cut : cut + side, cut : cut + side]
    return (frames.permute(0, 4, 1, 2, 3) / 255 - 0.5) / 0.25


@pytest.mark.parametrize("name", MODELS)
def test_the_grid_is_the_models_own_tokens_in_their_place(name):
    network, shape = built(name), architecture(name)
    x = hf.preprocess(video(), shape)
    torch.testing.assert_close(x, as_input(video(), name), atol=1e-5, rtol=0)
    side = GRID.get(name, 2)
    _, outside, _, _ = MODELS[name]
    with torch.no_grad():
        found = hf.layer(network, x, "last")
        assert found.shape == (3, network.model.config.hidden_size, STEPS[name], side, side)
        call = {"skip_predictor": True} if name == "vjepa2" else {}
        for b in range(3):
            if shape.frames:
                out = network.model(x[b : b + 1].transpose(1, 2), output_hidden_states=True, **call)
                tokens = out.last_hidden_state if "last_hidden_state" in out else out.hidden_states[-1]
                tokens = tokens[0, outside:]
                order = (side, side, STEPS[name]) if name == "timesformer" else (STEPS[name], side, side)
                grid = tokens.reshape(*order, -1)
                grid = grid.permute(3, 2, 0, 1) if name == "timesformer" else grid.permute(3, 0, 1, 2)
            else:
                frames = [network.model(frame[None]).last_hidden_state[0, outside:] for frame in x[b].transpose(0, 1)]
                grid = torch.stack(frames).reshape(4, side, side, -1).permute(3, 0, 1, 2)
            torch.testing.assert_close(found[b], grid, atol=2e-5, rtol=0)


@pytest.mark.parametrize("name", MODELS)
def test_a_layer_by_number_is_that_hidden_state(name):
    network, shape = built(name), architecture(name)
    _, outside, _, _ = MODELS[name]
    assert hf.depth(shape) == 3
    x = hf.preprocess(video(1), shape)
    call = {"skip_predictor": True} if name == "vjepa2" else {}
    seen = x.transpose(1, 2) if shape.frames else x[0].transpose(0, 1)
    with torch.no_grad():
        states = network.model(seen, output_hidden_states=True, **call).hidden_states
        assert len(states) == 4
        layers = [hf.layer(network, x, number) for number in range(4)]
        for layer, state in zip(layers, states, strict=True):
            flat = layer.permute(0, 2, 3, 4, 1)[0]
            flat = flat.permute(1, 2, 0, 3) if name == "timesformer" else flat
            torch.testing.assert_close(flat.reshape(-1), state[:, outside:].reshape(-1), atol=2e-5, rtol=0)
        assert (layers[1] - layers[3]).abs().max() > 1e-2


@pytest.mark.parametrize("name", MODELS)
def test_what_stands_outside_the_grid_is_pooled_by_name(name):
    network, shape = built(name), architecture(name)
    _, outside, pooler, _ = MODELS[name]
    x = hf.preprocess(video(2), shape)
    with torch.no_grad():
        if outside:
            found = hf.pooled(network, x, "last", "cls")
            assert found.shape[:2] == (2, 1 if shape.frames else 4)
            assert torch.equal(found, network.tokens(*network(x), "last")[:, 0].view(found.shape))
            assert (found - hf.pooled(network, x, 1, "cls")).abs().max() > 1e-3
        else:
            with pytest.raises(ValueError, match="has no such token; use tmean"):
                hf.pooled(network, x, "last", "cls")
        if pooler:
            found = hf.pooled(network, x, "last", "pooler")
            seen = x.transpose(1, 2) if shape.frames else x.transpose(1, 2).flatten(0, 1)
            if name == "videomae-tuned":  # fc_norm is applied: the classifier makes its classes of what is found
                found, expected = network.model.classifier(found), network.model(seen).logits
            else:
                expected = network.model(seen).pooler_output
            torch.testing.assert_close(found.flatten(0, 1), expected, atol=2e-5, rtol=0)
            with pytest.raises(ValueError, match="got pooling pooler of layer 1, expected `last`"):
                hf.pooled(network, x, 1, "pooler")
        else:
            with pytest.raises(ValueError, match=r"got pooling pooler, but \w+ has none; use tmean"):
                hf.pooled(network, x, "last", "pooler")


@pytest.mark.parametrize("name", [name for name in IMAGES if MODELS[name][2]])
def test_identical_frames_are_encoded_once(name, monkeypatch):
    network, clips = built(name), video(3)
    clips[0, 1:] = clips[0, :1]  # a clip that stands still
    clips[2, 3] = clips[1, 2]  # and a frame that comes again in another clip
    x = hf.preprocess(clips, architecture(name))
    expected = hf.layer(network, x, "last")
    sizes = []
    forward = network.model.forward
    monkeypatch.setattr(
        network.model, "forward", lambda *a, **k: sizes.append(len(k["pixel_values"])) or forward(*a, **k)
    )
    with torch.no_grad():
        found = hf.layer(network, x, "last")
        assert sizes == [8]
        assert torch.equal(found, expected)
        assert torch.equal(found[0, :, 0], found[0, :, 3])
        assert torch.equal(found[2, :, 3], found[1, :, 2])
        assert hf.pooled(network, x, "last", "pooler").shape[:2] == (3, 4)
        assert sizes == [8, 8]


def test_random_weights_are_the_class_s_own_and_depend_on_the_seed_alone():
    shape = architecture("videomae")
    states = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        states.append(hf.build(shape).state_dict())
    torch.manual_seed(0)
    own = VideoMAEModel(hf.configuration(shape)).state_dict()
    assert all(torch.equal(states[0][f"model.{key}"], tensor) for key, tensor in own.items())
    assert all(torch.equal(states[0][key], tensor) for key, tensor in states[1].items())
    assert not all(torch.equal(states[0][key], tensor) for key, tensor in states[2].items())


def test_each_network_has_a_configuration_of_its_own():
    shape = architecture("clip")
    first, second = hf.build(shape), hf.build(shape)
    assert first.model.config is not second.model.config


@pytest.mark.parametrize(
    ("name", "changed", "message"),
    [
        ("clip", {"model": "CLIPVision"}, "got model CLIPVision, expected a model class of transformers"),
        ("clip", {"model": "CLIPVisionConfig"}, "got model CLIPVisionConfig, expected a model class"),
        ("clip", {"model": "os.path"}, "expected a model class"),
        (
            "clip",
            {"config": VISION | {"hiden_size": 3}},
            "got config hiden_size, which a CLIPVisionC",
        ),
        ("clip", {"config": VISION | {"num_attention_heads": 5}}, "got config .*32.* is not a multiple of .*heads .5."),
        ("clip", {"crop": 16}, "got crop 16, expected 32, the model's image_size"),
        (
            "vivit",
            {"config": {"image_size": 32, "num_frames": 4, "tubelet_size": [2, 0, 16]}},
            "got patches of .*0",
        ),
        ("videomae", {"frames": 16}, "got frames 16, expected 4, the model's num_frames"),
        ("videomae", {"frames": None}, "got frames left out, expected 4, the model's num_frames"),
        ("clip", {"frames": 4}, "got frames 4, but CLIPVisionModel sees images; leave `frames` out"),
        ("vjepa2", {"frames": 5}, "got 5 x 32 x 32, expected multiples of 2 x 16 x 16, the size of a token"),
        ("vjepa2", {"crop": 24}, "got 4 x 24 x 24, expected multiples"),
        ("videomae", {"crop": 33, "resize": 33}, "got crop 33"),
        ("clip", {"resample": "nearest"}, "Invalid enum value 'nearest'"),
        ("clip", {"order": "w h t"}, "Invalid enum value"),
    ],
)
def test_an_architecture_that_does_not_go_together_is_refused(name, changed, message):
    with pytest.raises(msgspec.ValidationError, match=message):
        architecture(name, **changed)


def test_dinov2_sees_another_size_than_its_configuration_names():
    shape = architecture("dinov2", config=MODELS["dinov2"][0]["config"] | {"image_size": 70})
    torch.manual_seed(0)
    network = hf.build(shape).eval().requires_grad_(False)
    assert hf.layer(network, hf.preprocess(video(1), shape), "last").shape == (1, 32, 4, 2, 2)


def test_inputs_and_clips_of_another_size_are_refused():
    network = built("videomae")
    for shape in ((1, 3, 5, 32, 32), (1, 3, 4, 16, 32), (1, 1, 4, 32, 32)):
        with pytest.raises(ValueError, match=r"expected \[b c t h w\] with c t h w = \(3, 4, 32, 32\)"):
            hf.layer(network, torch.zeros(shape), "last")
    hf.check_clips(architecture("videomae"), (4, 100, 100))
    hf.check_clips(architecture("clip"), (5, 100, 100))
    with pytest.raises(ValueError, match="got clips of 5 frames, expected 4, which VideoMAEModel takes"):
        hf.check_clips(architecture("videomae"), (5, 32, 32))


def test_too_few_tokens_are_refused():
    network = built("clip")
    network.grid = (1, 9, 9)
    with pytest.raises(ValueError, match="got 5 tokens, expected at least 1 x 9 x 9"):
        hf.layer(network, hf.preprocess(video(1), architecture("clip")), "last")


@pytest.mark.parametrize("name", MODELS)
def test_a_published_folder_loads_bit_equal(name, recorded):
    network, _ = hf.load(architecture(name), recorded(name))
    whole = randomise(published(name))
    vision = {
        "clip": "vision_model.",
        "videomae": "videomae.",
        "timesformer": "timesformer.",
        "siglip": "vision_model.",
    }
    theirs, prefix = whole.state_dict(), vision.get(name, "")
    for key, tensor in network.model.state_dict().items():
        source = theirs.get(prefix + key, theirs.get(prefix + key.removeprefix("vision_model.")))
        assert torch.equal(tensor, source), key
    assert not network.training
    assert not any(parameter.requires_grad for parameter in network.parameters())
    with torch.no_grad():
        x = hf.preprocess(video(1), architecture(name))
        assert hf.layer(network, x, "last").isfinite().all()


def test_a_folder_of_another_architecture_is_refused(recorded):
    folder = recorded("clip")
    changed = VISION | {"num_hidden_layers": 2}
    with pytest.raises(UserError, match=r"config\.json: got a row .* has {'num_hidden_layers': 2}, expected {"):
        hf.load(architecture("clip", config=changed), folder)
    with pytest.raises(UserError, match="got a row with resample bicubic, expected bilinear"):
        hf.load(architecture("clip", resample="bicubic"), folder)
    with pytest.raises(UserError, match=r"got a row with mean \(0.4, 0.5, 0.5\), expected \(0.5, 0.5, 0.5\)"):
        hf.load(architecture("clip", mean=[0.4, 0.5, 0.5]), folder)


def test_a_clip_model_s_vision_tower_is_what_the_vision_class_is(recorded):
    """The whole model's file, read by the class of the tower alone."""
    folder = recorded("clip")
    network, _ = hf.load(architecture("clip"), folder)
    assert isinstance(network.model, CLIPVisionModel)
    assert not any("text" in key for key in network.state_dict())
