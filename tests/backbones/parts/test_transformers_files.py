"""transformers_files: every broken folder that transformers itself would load with a line in its log, or without."""

import json

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file
from small_transformers import MODELS
from transformers import CLIPVisionModel, VideoMAEModel, conversion_mapping

from trajprobe.backbones.parts import preprocessor_files
from trajprobe.backbones.parts import transformers_files as tf
from trajprobe.errors import UserError
from trajprobe.files.atomic import file_sha256
from trajprobe.files.checked_json import read_checked_json, write_checked_json

KINDS = {"videomae": VideoMAEModel, "clip": CLIPVisionModel}
LAST = {"videomae": "videomae.layernorm.weight", "clip": "vision_model.post_layernorm.weight"}


def rewritten(folder, change, record=True):
    """The folder with other tensors in its file, and the new hash in its provenance."""
    path = folder / "model.safetensors"
    tensors = load_file(path)
    tensors = change(tensors) or tensors
    save_file({key: tensor.contiguous() for key, tensor in tensors.items()}, path, metadata={"format": "pt"})
    told = read_checked_json(folder / "provenance.json")
    if record:
        write_checked_json(folder / "provenance.json", told | {"sha256": file_sha256(path)})
    return folder


def with_value(value):
    def change(tensors):
        for key in LAST.values():
            if key in tensors:
                tensors[key][3] = value

    return change


def other_prefix(tensors):
    return {f"module.{key}": tensor for key, tensor in tensors.items()}


BROKEN = {
    "missing": (lambda t: {k: v for k, v in t.items() if k not in LAST.values()}, "1 tensor missing"),
    "unexpected": (
        lambda t: t | {"head.weight": torch.zeros(2)},
        r"1 tensor of no use to the class \(head.weight\); it was saved as a \w+: name that class, or else drop them "
        r"with `unexpected: \[head\.\]` in its row",
    ),
    "prefix": (other_prefix, "the class has no tensor of any of these names: another prefix, or another model"),
    "NaN": (with_value(float("nan")), "layernorm.weight has a value that is not finite"),
    "infinity": (with_value(-float("inf")), "layernorm.weight has a value that is not finite"),
    "shape": (
        lambda t: {k: torch.ones(33) if k in LAST.values() else v for k, v in t.items()},
        r"1 tensor of another shape: got \S*layernorm.weight \(33,\), expected \(32,\)",
    ),
    "empty": (lambda t: {"x": torch.zeros(1)}, r"\d+ tensors missing .* and 1 of no use to it \(x\)"),
}


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_file_is_refused_by_what_is_wrong_with_it(recorded, name, case):
    change, message = BROKEN[case]
    folder = rewritten(recorded(name), change)
    with pytest.raises(UserError, match=message) as told:
        tf.load(KINDS[name], folder)
    assert str(told.value).startswith(f"{folder / 'model.safetensors'}: ")
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("name", KINDS)
def test_a_file_that_is_not_the_recorded_one_is_refused_first(recorded, name):
    folder = rewritten(recorded(name), with_value(0.25), record=False)
    with pytest.raises(UserError, match=r"got sha256 \w{64}, expected \w{64} as .*provenance.json has recorded"):
        tf.load(KINDS[name], folder)


@pytest.mark.parametrize("cut", [10, 10_000])
def test_a_truncated_file_is_refused(recorded, cut):
    folder = recorded("clip")
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-cut])
    told = read_checked_json(folder / "provenance.json")
    write_checked_json(folder / "provenance.json", told | {"sha256": file_sha256(path)})
    with pytest.raises(UserError, match="is no safetensors file"):
        tf.load(CLIPVisionModel, folder)


def test_a_transformers_that_lacks_the_mapping_is_refused(recorded, monkeypatch):
    """The published names of VideoMAE's biases, read by a version that does not know them."""
    folder = recorded("videomae")
    assert any(key.endswith("q_bias") for key in load_file(folder / "model.safetensors"))
    tf.load(VideoMAEModel, folder)
    mapping = conversion_mapping._build_checkpoint_conversion_mapping()
    del mapping["videomae"]
    monkeypatch.setattr(conversion_mapping, "_checkpoint_conversion_mapping_cache", mapping)
    with pytest.raises(UserError) as told:
        tf.load(VideoMAEModel, folder)
    assert "6 tensors missing (encoder.layer.0.attention.attention.query.bias" in str(told.value)
    assert "6 of no use to it (encoder.layer.0.attention.attention.q_bias" in str(told.value).replace("videomae.", "")
    assert f"transformers {transformers.__version__} does not know these names" in str(told.value)


def test_a_tensor_that_is_not_from_the_file_is_refused(recorded, monkeypatch):
    """Whatever the loading says of itself: here it says nothing, and fills a bias with its own numbers."""
    folder, real = recorded("clip"), CLIPVisionModel.from_pretrained

    def careless(*arguments, **options):
        model, info = real(*arguments, **options)
        with torch.no_grad():
            model.state_dict()["encoder.layers.1.mlp.fc2.bias"].normal_()
        return model, info

    monkeypatch.setattr(CLIPVisionModel, "from_pretrained", careless)
    with pytest.raises(UserError, match=r"layers.1.mlp.fc2.bias \(32,\) was loaded, but no tensor of the file has"):
        tf.load(CLIPVisionModel, folder)


def test_a_tensor_that_is_taken_twice_is_refused(recorded, monkeypatch):
    folder, real = recorded("clip"), CLIPVisionModel.from_pretrained

    def careless(*arguments, **options):
        model, info = real(*arguments, **options)
        state = model.state_dict()
        with torch.no_grad():
            state["encoder.layers.1.mlp.fc2.bias"].copy_(state["encoder.layers.0.mlp.fc2.bias"])
        return model, info

    monkeypatch.setattr(CLIPVisionModel, "from_pretrained", careless)
    with pytest.raises(UserError, match="was loaded, but no tensor of the file has its values"):
        tf.load(CLIPVisionModel, folder)


@pytest.mark.parametrize("name", MODELS)
def test_what_is_left_over_is_allowed_by_name_alone(recorded, name):
    if not MODELS[name][3]:
        return
    folder = recorded(name)
    told = read_checked_json(folder / "provenance.json")
    first, *others = told["unexpected"]
    write_checked_json(folder / "provenance.json", told | {"unexpected": others})
    kind = getattr(transformers, MODELS[name][0]["model"])
    with pytest.raises(UserError, match=r"\d+ tensors of no use to the class"):
        tf.load(kind, folder)
    assert first


def test_half_precision_is_loaded_as_float32(recorded):
    folder = rewritten(recorded("clip"), lambda t: {k: v.half() if v.ndim else v for k, v in t.items()})
    model, _ = tf.load(CLIPVisionModel, folder)
    assert {tensor.dtype for tensor in model.state_dict().values() if tensor.is_floating_point()} == {torch.float32}


def test_transformers_is_silent_and_left_as_it_was(recorded, capfd):
    before = transformers.utils.logging.get_verbosity(), transformers.utils.logging.is_progress_bar_enabled()
    folder = recorded("videomae")
    capfd.readouterr()
    tf.load(VideoMAEModel, folder)
    assert capfd.readouterr() == ("", "")
    assert before == (transformers.utils.logging.get_verbosity(), transformers.utils.logging.is_progress_bar_enabled())


@pytest.mark.parametrize("name", MODELS)
def test_settings_are_what_is_not_the_classs_default(recorded, name):
    kind = getattr(transformers, MODELS[name][0]["model"])
    expected = MODELS[name][0]["config"]
    default = kind.config_class().to_dict()
    assert tf.config_of(kind, recorded(name)) == {k: v for k, v in expected.items() if v != default[k]}


def test_a_folder_without_its_tables_is_refused(recorded):
    folder = recorded("clip")
    (folder / "preprocessor_config.json").unlink()
    with pytest.raises(UserError, match=r"has no preprocessor_config\.json; expected one"):
        preprocessor_files.pixels_of(folder)
    (folder / "config.json").write_text("[]")
    with pytest.raises(UserError, match=r"config\.json: is no JSON table"):
        tf.config_of(CLIPVisionModel, folder)
    (folder / "config.json").write_text(json.dumps({"model_type": "clip_vision_model", "hidden_size": "wide"}))
    with pytest.raises(UserError, match=r"config\.json: is no configuration of a CLIPVisionModel"):
        tf.config_of(CLIPVisionModel, folder)


@pytest.mark.parametrize("changed", [{"num_attention_heads": 3}, {"hidden_act": "none"}, {"hidden_size": 31}])
def test_a_configuration_that_makes_no_network_is_refused(recorded, changed):
    folder = recorded("clip")
    whole = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(whole | {"vision_config": whole["vision_config"] | changed}))
    with pytest.raises(UserError, match=r"(is no configuration of a|transformers could not load it)") as told:
        tf.load(CLIPVisionModel, folder)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("model_type", [["clip"], {"a": 1}, "g|0\n\x1b[2J"])
def test_a_type_that_is_no_type_is_refused_in_one_printable_line(recorded, model_type):
    folder = recorded("clip")
    whole = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(whole | {"model_type": model_type}))
    with pytest.raises(UserError, match="got a model of type ") as told:
        tf.config_of(CLIPVisionModel, folder)
    assert str(told.value).isprintable()


@pytest.mark.parametrize("unexpected", [[""], "", "visual", [1], {"a": 1}, None])
def test_prefixes_that_would_allow_any_tensor_are_refused(recorded, unexpected):
    folder = recorded("clip")
    path = folder / "provenance.json"
    write_checked_json(path, read_checked_json(path) | {"unexpected": unexpected})
    with pytest.raises(UserError, match=r"provenance\.json: `unexpected`.*Expected `"):
        tf.load(CLIPVisionModel, folder)


def test_whole_numbers_are_no_weights(recorded):
    folder = rewritten(recorded("clip"), lambda t: {k: v.to(torch.int32) for k, v in t.items()})
    with pytest.raises(UserError, match=r"(no tensor of the file has its values|could not load it)"):
        tf.load(CLIPVisionModel, folder)


def test_a_configuration_of_another_type_is_refused_by_its_type(recorded):
    with pytest.raises(
        UserError, match=r"config\.json: got a model of type clip, expected videomae, which a VideoMAEM"
    ):
        tf.load(VideoMAEModel, recorded("clip"))
    folder = recorded("videomae")
    told = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(told | {"model_type": "of my own"}))
    with pytest.raises(UserError, match="got a model of type of my own, expected videomae"):
        tf.config_of(VideoMAEModel, folder)


@pytest.mark.parametrize("data", [b"{", b"[]", b"\xff"])
def test_a_damaged_configuration_is_not_to_be_deleted(recorded, data):
    """It may be the user's own: no pipeline makes it again."""
    folder = recorded("videomae")
    (folder / "config.json").write_bytes(data)
    with pytest.raises(UserError, match=r"config\.json: is no (JSON table|valid JSON \(.*\)); get it again$"):
        tf.config_of(VideoMAEModel, folder)
