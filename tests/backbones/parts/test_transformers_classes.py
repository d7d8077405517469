"""transformers_classes: a class that can't make features of frames alone is refused, in a line that says why."""

import msgspec
import pytest
from small_transformers import MODELS, OTHERS, PIXELS, VISION
from transformers import PreTrainedModel

from trajprobe.backbones import huggingface as hf
from trajprobe.backbones.parts import idle_parameters, transformers_classes, transformers_network

REFUSED = {
    "TimmWrapperModel": "is a network of timm, whose version no recipe of features has",
    "TimmBackbone": "is a network of timm",
    "Siglip2VisionModel": "needs spatial_shapes beside the frames, .* for a fixed size, name SiglipVisionModel",
    "Siglip2ForImageClassification": "needs spatial_shapes beside the frames",
    "EfficientNetModel": "gives 0 for every frame with the random weights of its class",
    "ViTMAEModel": "hides and shuffles patches at random",
    "YolosModel": "has tokens of objects behind those of patches",
    "CLIPModel": "needs input_ids, expected one that takes frames alone",
    "VideoPrismClipModel": "needs input_ids, expected one that takes frames alone",
    "BertModel": "needs input_ids",
    "VideoMAEForPreTraining": "expected what is below its head, or a model for classification",
    "DPTForDepthEstimation": "expected what is below its head",
    "ResNetBackbone": "gives maps for detectors; name the class without Backbone",
}
#: Classes that seem to be fit, until they are tried.
TRIED = {
    "XCLIPVisionModel": ({"frames": 8, "config": VISION | {"num_frames": 8}}, "can't run on 8 x 32 x 32: too many val"),
    "VJEPA2Model": ({"config": MODELS["vjepa2"][0]["config"]}, "got frames left out, but VJEPA2Model sees clips"),
    "SwinModel": ({"config": {"image_size": 32}}, r"can't run on 1 x 32 x 32: Attempting to broadcast"),
    "Sam2VisionModel": (
        {"resize": 1024, "crop": 1024},
        r"of whose \d+ parameters 8 take no part in what it makes of frames \(neck\.convs\.0\.weight, .* and 5 more\)",
    ),
}


def architecture(**node):
    return msgspec.convert(PIXELS | node, hf.Architecture)


@pytest.mark.parametrize("name", REFUSED)
def test_a_class_that_is_unfit_is_refused_for_its_reason(name):
    with pytest.raises(msgspec.ValidationError, match=f"^got model {name}, .*{REFUSED[name]}") as caught:
        architecture(model=name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", TRIED)
def test_a_class_that_fails_when_it_is_tried_is_refused_for_its_reason(name):
    node, reason = TRIED[name]
    with pytest.raises(msgspec.ValidationError, match=reason) as caught:
        architecture(model=name, **node)
    assert "\n" not in str(caught.value)


def test_a_name_with_for_in_a_word_is_no_head():
    assert transformers_classes.model_class("PoolFormerModel").__name__ == "PoolFormerModel"


@pytest.mark.parametrize("name", ["dinov3", "videoprism-video"])
def test_a_part_in_place_of_the_model_would_be_refused(name, monkeypatch):
    """What `base_model` gives: the encoder of DINOv3, which takes no frames, and VideoPrism without its last layers."""
    monkeypatch.setattr(transformers_network, "below_head", PreTrainedModel.base_model.fget)
    monkeypatch.setattr(hf, "below_head", lambda model: model)
    monkeypatch.setattr(hf, "_depths", {})
    with pytest.raises(msgspec.ValidationError, match=r"can't run|take no part in what it makes of frames"):
        architecture(**(MODELS | OTHERS)[name][0])


def test_what_only_training_uses_is_named_in_a_list(monkeypatch):
    for unlisted in ("mask_token", "predictor."):
        left = tuple(each for each in idle_parameters.ONLY_TRAINING if each != unlisted)
        monkeypatch.setattr(idle_parameters, "ONLY_TRAINING", left)
        monkeypatch.setattr(hf, "_depths", {})
        name = "dinov3" if unlisted == "mask_token" else "vjepa2"
        with pytest.raises(msgspec.ValidationError, match=f"{unlisted}.*; name the class of the part that sees them"):
            architecture(**MODELS[name][0])


def test_a_model_is_tried_once(monkeypatch):
    monkeypatch.setattr(hf, "_depths", {})
    shape = architecture(**MODELS["ijepa"][0])
    assert hf.depth(shape) == 3
    monkeypatch.setattr(hf, "build", lambda _: pytest.fail("tried again"))
    assert architecture(**MODELS["ijepa"][0]) == shape
