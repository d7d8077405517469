"""diffusers: what the encoders of its autoencoders make of clips, and what they can't take."""

import contextlib
import logging
import subprocess
import sys

import msgspec
import pytest
import torch
from safetensors.torch import save_file
from small_autoencoders import CONFIGS, autoencoder, node
from torch import nn

from trajprobe.backbones import diffusers as family_module
from trajprobe.backbones import weights
from trajprobe.backbones.family import family
from trajprobe.errors import UserError
from trajprobe.files.atomic import file_sha256
from trajprobe.files.checked_json import write_checked_json

#: Millions of parameters that make latents, the grid of a clip of so many frames of 128 x 128, and its channels.
PUBLISHED = {
    "cosmos-cv8x8x8": (43, 17, (3, 16, 16), 16),
    "wan-2.1": (54, 9, (3, 16, 16), 16),
    "ltx-video": (180, 17, (3, 4, 4), 128),
    "cogvideox-2b": (92, 9, (3, 16, 16), 16),
    "hunyuan-video": (100, 9, (3, 16, 16), 16),
    "mochi-1": (97, 13, (3, 16, 16), 12),
}
#: Lengths of clips up to 26 whose last frame the class itself sees.
SEEN = {
    "cosmos-cv8x8x8": [1, 6, 7, 8, 9, 14, 15, 16, 17, 22, 23, 24, 25],
    "wan-2.1": [1, 5, 9, 13, 17, 21, 25],
    "ltx-video": [1, 9, 17, 25],
    "cogvideox-2b": list(range(1, 27)),
    "hunyuan-video": list(range(1, 27)),
    "mochi-1": [1, 7, 13, 19, 25],
}
NAMES = list(CONFIGS)


def shape(name, **changed):
    return family("diffusers").architecture(node(name) | changed, "rows.mine")


def built(name, seed=0):
    torch.manual_seed(seed)
    return family_module.build(shape(name)).eval().requires_grad_(False)


def side(name):
    return 64 if name == "ltx-video" else 16


def clips(name, frames=None, count=2):
    frames = frames or 1 + 2 * shape(name).frames_per_token
    return torch.rand(count, 3, frames, side(name), side(name), generator=torch.Generator().manual_seed(1)) * 2 - 1


def test_every_preset_is_tried():
    assert NAMES == list(PUBLISHED) == list(family("diffusers").presets())


@pytest.mark.parametrize("name", NAMES)
def test_a_preset_has_the_published_numbers_of_parameters_and_tokens(name):
    preset = family("diffusers").architecture({"preset": name}, "rows.mine")
    millions, frames, grid, channels = PUBLISHED[name]
    with torch.device("meta"):
        network = family_module.build(preset).eval()
        x = torch.empty(1, 3, frames, 128, 128)
    assert round(sum(parameter.numel() for parameter in network.parameters()) / 1e6) == millions
    assert family_module.layer(network, x, "latents").shape == (1, channels, *grid)
    hidden = family_module.layer(network, x, "hidden")
    assert hidden.shape[2:] == grid
    assert hidden.shape[1] >= 384
    family_module.check_clips(preset, (frames, 128, 128))


@pytest.mark.parametrize("name", NAMES)
def test_latents_are_the_means_that_the_whole_autoencoder_gives(name):
    network, whole, x = built(name), autoencoder(name), clips(name)
    with torch.no_grad():
        expected = whole.encode(x).latent_dist.mode()
        assert torch.equal(family_module.layer(network, x, "latents"), expected)
    names = {key for key in whole.state_dict() if key.startswith(("encoder.", "quant_conv."))}
    assert network.state_dict().keys() == names
    (kept,) = network._autoencoder
    assert {key for key, _ in kept.named_children()} == {key.partition(".")[0] for key in names}


@pytest.mark.parametrize("name", NAMES)
def test_latents_are_made_of_the_hidden_layer_by_what_comes_behind_it(name):
    network, x = built(name), clips(name)
    *_, last = network.encoder.children()
    with torch.no_grad():
        hidden = family_module.layer(network, x, "hidden")
        behind = last(hidden.movedim(1, -1)).movedim(-1, 1) if isinstance(last, nn.Linear) else last(hidden)
        behind = behind[0] if isinstance(behind, tuple) else behind
        if hasattr(network, "quant_conv"):
            behind = network.quant_conv(behind)
        latents = family_module.layer(network, x, "latents")
    torch.testing.assert_close(behind[:, : latents.shape[1]], latents, atol=1e-5, rtol=0)
    assert not last._forward_pre_hooks
    with pytest.raises(ValueError, match="got layer 'last', expected one of hidden, latents"):
        family_module.layer(network, x, "last")


@pytest.mark.parametrize("name", NAMES)
def test_random_weights_are_the_class_s_own_and_depend_on_the_seed_alone(name):
    own = autoencoder(name).state_dict()
    first, again, other = (built(name, seed).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(first[key], own[key]) and torch.equal(first[key], again[key]) for key in first)
    differing = sum(not torch.equal(first[key], other[key]) for key in first)
    assert differing >= len(first) / 3  # the rest are norms and biases that begin at 1 or 0
    with torch.no_grad():
        x = clips(name)
        assert not torch.equal(built(name, 0)(x), built(name, 1)(x))


@pytest.mark.parametrize("name", NAMES)
def test_every_parameter_takes_part_in_latents(name):
    network = built(name)
    for parameter in network.parameters():
        parameter.data += torch.rand(parameter.shape) * 0.2  # where the class begins at 0
        parameter.requires_grad_()
    family_module.layer(network, clips(name, count=1), "latents").square().sum().backward()
    unused = [key for key, parameter in network.named_parameters() if not parameter.grad.abs().max() > 0]
    # A constant that is added to all keys of an attention changes nothing: softmax takes no notice of it.
    assert [key for key in unused if not key.endswith(("to_k.bias", "k_proj.bias"))] == []


@pytest.mark.parametrize("name", NAMES)
def test_each_frame_of_a_clip_that_is_taken_changes_latents(name):
    network, architecture = built(name), shape(name)
    for k in (1, 2, 3):
        frames = 1 + k * architecture.frames_per_token
        family_module.check_clips(architecture, (frames, side(name), side(name)))
        x = clips(name, frames, count=1)
        with torch.no_grad():
            latents = network(x)
            assert latents.shape[2] == k + 1
            for frame in range(frames) if k == 1 else (frames - 1,):
                changed = x.clone()
                changed[:, :, frame] *= -1
                assert not torch.equal(network(changed), latents), (frames, frame)


@pytest.mark.parametrize("name", NAMES)
def test_lengths_of_which_a_class_drops_the_last_frame_are_refused(name):
    network, architecture = built(name), shape(name)
    seen, taken = [], []
    for frames in range(1, 27):
        x = clips(name, frames, count=1)
        changed = x.clone()
        changed[:, :, -1] *= -1
        with torch.no_grad():
            if not torch.equal(network(changed), network(x)):
                seen.append(frames)
        with contextlib.suppress(ValueError):
            family_module.check_clips(architecture, (frames, side(name), side(name)))
            taken.append(frames)
    assert seen == SEEN[name]
    assert taken == list(range(1 + architecture.frames_per_token, 27, architecture.frames_per_token))
    assert set(taken) <= set(seen)
    with pytest.raises(
        ValueError, match=r"got clips of 2 frames, expected \dk \+ 1 for Autoencoder\w+: \d+, \d+, \d+, "
    ):
        family_module.check_clips(architecture, (2, side(name), side(name)))


@pytest.mark.parametrize("name", NAMES)
@torch.no_grad()
def test_both_layers_are_of_one_run(name, monkeypatch):
    network, x = built(name), clips(name, count=1)
    of = family("diffusers")
    alone = [of.layer(network, x, layer) for layer in ("latents", "hidden")]
    runs = []
    forward = type(network).forward
    monkeypatch.setattr(type(network), "forward", lambda self, x: runs.append(1) or forward(self, x))
    for tokens, expected in zip(of.layers(network, x, ["latents", "hidden"]), alone, strict=True):
        assert torch.equal(tokens, expected)
    assert len(runs) == 1


def test_a_class_that_is_first_asked_for_on_the_meta_device_can_be_built_on_another():
    """Its module would keep tables of constants without values."""
    code = """
import torch
from trajprobe.backbones.parts.diffusers_network import autoencoder_class
with torch.device("meta"):
    kind = autoencoder_class("AutoencoderKLCosmos")
from diffusers.models.autoencoders import autoencoder_kl_cosmos
print({constant.device.type for constant in autoencoder_kl_cosmos._WAVELETS.values()})
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "{'cpu'}\n"


def test_sides_that_fill_no_token_are_refused():
    for clip in ((9, 32, 48), (9, 48, 32)):
        with pytest.raises(ValueError, match=r"got clips of \d+ x \d+ pixels, expected multiples of 32 for Auto"):
            family_module.check_clips(shape("ltx-video"), clip)
    family_module.check_clips(shape("wan-2.1"), (9, 24, 40))


def test_long_clips_and_large_frames_are_encoded_whole():
    """HunyuanVideo's class would cut clips of more than 16 frames into pieces that overlap, and mix their latents."""
    network, whole = built("hunyuan-video"), autoencoder("hunyuan-video")
    x = clips("hunyuan-video", frames=21, count=1)
    with torch.no_grad():
        expected = whole.quant_conv(whole.encoder(x))[:, :2]
        assert torch.equal(network(x), expected)
        assert not torch.equal(whole.encode(x).latent_dist.mode(), expected)


@pytest.mark.parametrize("name", NAMES)
def test_bfloat16_gives_about_the_same(name, caplog):
    network, x = built(name), clips(name, count=1).bfloat16().float()  # Mochi's waves make much of what is rounded off
    with torch.no_grad(), caplog.at_level(logging.WARNING):
        expected = network(x)
        found = network.to(torch.bfloat16)(x.to(torch.bfloat16))
    assert found.dtype == torch.bfloat16
    assert (found.float() - expected).abs().max() < 0.1 * expected.abs().max().clamp(min=1)
    assert caplog.text == ""


def test_an_input_that_can_not_be_taken_is_refused():
    network = built("wan-2.1")
    for x in (torch.zeros(1, 1, 5, 16, 16), torch.zeros(3, 5, 16, 16), torch.zeros(1, 3, 0, 16, 16)):
        with pytest.raises(ValueError, match="got an input of shape"):
            network(x)
    with pytest.raises(ValueError, match=r"got an input of torch.float64, expected torch.float32"):
        network(torch.zeros(1, 3, 5, 16, 16, dtype=torch.float64))


def test_pixels_go_from_minus_1_to_1():
    video = torch.tensor([0, 255], dtype=torch.uint8).view(1, 1, 2, 1, 1).expand(2, 5, 2, 8, 3)
    x = family_module.preprocess(video)
    assert x.shape == (2, 3, 5, 2, 8)
    assert x[:, :, :, 0].unique().tolist() == [-1]
    assert x[:, :, :, 1].unique().tolist() == [1]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"frames_per_token": 3}, "which makes 4 x 9 x 9 tokens of 13 x 72 x 72, expected 5 x 9 x 9; set frames_per_t"),
        ({"frames_per_token": 5}, "expected 7 x 9 x 9"),
        ({"frames_per_token": 8}, "expected 10 x 9 x 9"),
        ({"pixels_per_token": 16}, "expected 6 x 17 x 17"),
        ({"config": {"z_dims": 2}}, "got config z_dims, which an AutoencoderKLWan does not have; leave it out"),
        ({"config": {"latents_std": [1.0]}}, "got config latents_std, which changes no latent; leave it out"),
        ({"config": {"dim_mult": 3}}, "got model AutoencoderKLWan, which can't be made of this: "),
        ({"config": {"num_res_blocks": 10**6}}, "got `num_res_blocks` 1000000, expected at most 128"),
        ({"config": {"dim_mult": [10**7, 1, 1, 1]}}, "got `dim_mult` 10000000, expected at most 1,048,576"),
        ({"config": {"in_channels": 4}}, "got model AutoencoderKLWan, which can't run on 21 x 72 x 72: "),
        ({"model": "AutoencoderKL"}, "got model AutoencoderKL, which can't "),
        ({"model": "AutoencoderKLKVAEVideo"}, "which has a wrong variance"),
        ({"model": "AutoencoderKLWans"}, "expected an autoencoder of diffusers, such as AutoencoderKLWan"),
        ({"model": "DiffusionPipeline"}, "expected an autoencoder of diffusers"),
    ],
)
def test_an_architecture_that_does_not_go_together_is_refused(changed, words):
    config = {} if "model" in changed else CONFIGS["wan-2.1"] | changed.get("config", {})
    values = {"model": "AutoencoderKLWan", "frames_per_token": 4, "pixels_per_token": 8, **changed, "config": config}
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.convert(values, family_module.Architecture)
    assert words in str(caught.value)


def test_a_class_with_a_parameter_that_takes_no_part_is_refused(monkeypatch):
    import diffusers

    class WithMore(diffusers.AutoencoderKLWan):
        def __init__(self, **settings):
            super().__init__(**settings)
            self.encoder.idle = nn.Linear(2, 2)
            self.encoder._modules["conv_out"] = self.encoder._modules.pop("conv_out")  # still the last

    monkeypatch.setattr(family_module, "autoencoder_class", lambda _: WithMore)
    monkeypatch.setattr(family_module, "defaults", lambda _: CONFIGS["wan-2.1"])
    monkeypatch.setattr(family_module, "_tried", set())
    with pytest.raises(UserError, match=r"2 take no part in latents \(encoder.idle.weight, encoder.idle.bias\)"):
        shape("wan-2.1")


def test_without_the_package_a_row_is_refused(monkeypatch):
    monkeypatch.setitem(sys.modules, "diffusers", None)
    with pytest.raises(UserError, match=r"needs the package diffusers; `pip install 'trajprobe\[diffusers\]'`"):
        family_module.build(shape("wan-2.1"))


def test_the_package_is_imported_where_a_class_is_asked_for_and_not_before():
    code = (
        "import sys; from trajprobe.backbones.family import family; from trajprobe.published import source_diffusers; "
        "of = family('diffusers'); of.presets(); assert 'diffusers' not in sys.modules; "
        "of.architecture({'preset': 'ltx-video'}, 'row'); assert 'diffusers' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("name", NAMES)
def test_weights_are_loaded_bit_equal(name, tmp_path):
    trained = built(name, seed=5)
    weights.save(tmp_path / "w", trained, {})
    network, _ = family("diffusers").load(shape(name), tmp_path / "w")
    assert all(torch.equal(value, trained.state_dict()[key]) for key, value in network.state_dict().items())
    with torch.no_grad():
        torch.testing.assert_close(network.eval()(clips(name)), trained(clips(name)), atol=1e-5, rtol=0)


def without(state):
    return dict(list(state.items())[1:])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (without, "1 of 62 tensors missing"),
        (lambda state: state | {"decoder.conv_in.weight": torch.zeros(1)}, "of no use to this architecture (decoder"),
        (lambda state: state | {"quant_conv.bias": torch.zeros(5)}, "got quant_conv.bias (5,)"),
        (lambda state: state | {"quant_conv.bias": state["quant_conv.bias"].half()}, "of torch.float16, expected"),
        (lambda state: state | {"quant_conv.bias": torch.full((4,), torch.nan)}, "quant_conv.bias has a value that is"),
    ],
)
def test_weights_that_are_not_the_network_s_own_are_refused(change, words, tmp_path):
    save_file(change(built("wan-2.1").state_dict()), tmp_path / "model.safetensors")
    write_checked_json(tmp_path / "provenance.json", {"sha256": file_sha256(tmp_path / "model.safetensors")})
    with pytest.raises(UserError) as caught:
        family_module.load(shape("wan-2.1"), tmp_path)
    assert words in str(caught.value)
