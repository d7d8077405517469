"""What a configuration may not ask for: code of others, and networks that no machine holds."""

import json

import pytest
import small_transformers
import torch
import transformers

from trajprobe.backbones import huggingface
from trajprobe.backbones.parts import model_settings, transformers_files
from trajprobe.errors import UserError
from trajprobe.files import memory
from trajprobe.params import parse

REFUSED = [
    ({"_attn_implementation": "evil/kernel"}, "got `_attn_implementation` evil/kernel, expected eager or sdpa"),
    ({"attn_implementation": {"": "sdpa", "vision_config": "kernels-community/x"}}, "kernels-community/x, expected"),
    ({"text_config": {"_attn_implementation": "flash_attention_2"}}, "flash_attention_2, expected eager or sdpa"),
    ({"auto_map": {"AutoModel": "evil--modeling.Evil"}}, "got `auto_map`, which asks for code"),
    ({"vision_config": {"trust_remote_code": True}}, "got `trust_remote_code`, which asks for code"),
    ({"custom_pipelines": {"a": {}}}, "got `custom_pipelines`, which asks for code"),
    ({"quantization_config": {"quant_method": "evil"}}, "got `quantization_config`, which asks for code"),
    ({"kernel_config": [1]}, "got `kernel_config`, which asks for code"),
    ({"backbone": "evil/network"}, "got `backbone`, which asks for code"),
    ({"hidden_size": 10**9}, "got `hidden_size` 1000000000, expected at most 1,048,576"),
    ({"num_hidden_layers": 10**6}, "got `num_hidden_layers` 1000000, expected at most 128"),
    ({"depths": [2, 2, 10**5]}, "got `depths` 100000, expected at most 128"),
    ({"patch_size": -(10**9)}, "expected at most 1,048,576"),
    ({"num_channels": 10**5}, "got `num_channels` 100000, expected at most 64"),
    ({"in_channels": [16, 2**21]}, "got `channels` 2097152, expected at most 1,048,576"),
    ({"hidden_size": 0}, "got `hidden_size` 0, expected 1 or more"),
    ({"layer_norm_eps": float("nan")}, "got `layer_norm_eps` nan, expected a finite number"),
]


@pytest.mark.parametrize(("settings", "message"), REFUSED)
def test_settings_that_ask_for_code_or_for_too_much_are_refused(settings, message):
    with pytest.raises(ValueError, match=r"^got `") as caught:
        model_settings.check_settings(settings)
    assert message in str(caught.value)


def test_what_published_configurations_have_is_taken():
    model_settings.check_settings(
        {
            "_commit_hash": "0" * 40,
            "_name_or_path": "org/name",
            "_attn_implementation": "sdpa",
            "attn_implementation": None,
            "backbone": None,
            "use_timm_backbone": False,
            "in_channels": [32, 16, 24, 192],  # of blocks, not of frames
            "block_out_channels": [128, 256, 512, 512],  # numbers of channels, not of blocks
            "architectures": ["VideoMAEModel"],
            "vocab_size": 250_000,
            "text_config": {"max_position_embeddings": 131_072, "num_hidden_layers": 128},
        }
    )


@pytest.mark.parametrize(("settings", "message"), [
    ({"hidden_size": 10**6, "intermediate_size": 10**6}, "12 layers of 1,000,000 channels, which need 288,000.0 GB"),
    ({"num_hidden_layers": 1000, "hidden_size": 1000}, "1,000 layers of 1,000 channels, which need 40.6 GB of memory"),
    ({"image_size": 4096, "num_frames": 64}, "64 frames of 4,096 pixels in patches of 16 and 768 channels, expected"),
])  # fmt: skip
def test_a_network_that_does_not_fit_is_refused_before_it_is_made(monkeypatch, settings, message):
    monkeypatch.setattr(memory, "total", lambda: 25_000_000_000)
    with pytest.raises(ValueError, match=r"^got ") as caught:
        model_settings.check_extent(transformers.VideoMAEConfig(**settings))
    assert message in str(caught.value)


@pytest.mark.parametrize("settings", [settings for settings, _ in REFUSED[:3]])
def test_a_folder_whose_configuration_names_a_kernel_is_refused_without_a_look_at_the_hub(
    recorded, settings, monkeypatch
):
    monkeypatch.setattr("socket.socket.connect", lambda *_: pytest.fail("asked the network"))
    folder = recorded("clip")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | settings))
    for call in (transformers_files.config_of, transformers_files.load):
        with pytest.raises(UserError, match=r"config\.json: got `.*expected eager or sdpa; leave it out$"):
            call(transformers.CLIPVisionModel, folder)


@pytest.mark.parametrize("name", ["videomae", "clip"])
@pytest.mark.parametrize("saved", ["eager", "sdpa", None])
def test_all_networks_of_a_row_have_torchs_attention_whatever_its_file_says(recorded, name, saved):
    architecture = parse(small_transformers.MODELS[name][0], huggingface.Architecture, name)
    folder = recorded(name)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | ({"_attn_implementation": saved} if saved else {})))
    with torch.device("meta"):
        random = huggingface.build(architecture)
    loaded, _ = transformers_files.load(huggingface.model_class(architecture.model), folder)
    assert random.model.config._attn_implementation == loaded.config._attn_implementation == "sdpa"
