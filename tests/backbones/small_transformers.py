"""Tiny models of transformers, random, saved in the layouts in which the real ones are published.

python tests/backbones/small_transformers.py FOLDER NAME
"""

import json
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from transformers import (
    CLIPConfig,
    CLIPModel,
    ConvNextConfig,
    ConvNextForImageClassification,
    Dinov2Config,
    Dinov2Model,
    DINOv3ViTConfig,
    DINOv3ViTModel,
    HieraConfig,
    HieraModel,
    IJepaConfig,
    IJepaModel,
    ResNetConfig,
    ResNetForImageClassification,
    SiglipConfig,
    SiglipModel,
    SwinConfig,
    SwinForImageClassification,
    TimesformerConfig,
    TimesformerForVideoClassification,
    VideoMAEConfig,
    VideoMAEForPreTraining,
    VideoMAEForVideoClassification,
    VideoPrismClipModel,
    VideoPrismConfig,
    VideoPrismVisionConfig,
    VideoPrismVisionModel,
    VivitConfig,
    VivitModel,
    VJEPA2Config,
    VJEPA2Model,
)

SMALL = {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 64}
VISION = SMALL | {"image_size": 32, "patch_size": 16}
TEXT = SMALL | {"vocab_size": 50, "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 1}
DECODER = {
    "decoder_hidden_size": 32,
    "decoder_num_hidden_layers": 1,
    "decoder_num_attention_heads": 2,
    "decoder_intermediate_size": 64,
}
PREDICTOR = {"pred_hidden_size": 48, "pred_num_hidden_layers": 1, "pred_num_attention_heads": 2}
VIDEO = SMALL | {"image_size": 32, "num_frames": 4}
PRISM = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_attention_heads": 2,
    "image_size": 32,
    "num_frames": 4,
    "tubelet_size": [1, 16, 16],
    "num_spatial_layers": 2,
    "num_temporal_layers": 1,
}
WINDOWS = {"image_size": [32, 32], "embed_dim": 8, "depths": [1, 2, 1, 1], "num_heads": [1, 1, 2, 2]}
SHIFTED = {"image_size": 32, "embed_dim": 8, "depths": [1, 2], "num_heads": [1, 2], "window_size": 2}
HALF = {"mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25]}
PIXELS = {"resize": 32, "resample": "bilinear", "crop": 32} | HALF

#: name: (architecture of a row, tokens outside the grid, whether there is a pooler, what of the file is not used)
MODELS = {
    "videomae": (
        {"model": "VideoMAEModel", "frames": 4, "config": VIDEO | DECODER | {"use_mean_pooling": False}} | PIXELS,
        0,
        False,
        ["decoder.", "mask_token", "encoder_to_decoder."],
    ),
    "videomae-tuned": (
        {"model": "VideoMAEForVideoClassification", "frames": 4, "config": VIDEO | DECODER} | PIXELS,
        0,
        True,
        [],
    ),
    "clip": (
        {"model": "CLIPVisionModel", "config": VISION} | PIXELS,
        1,
        True,
        ["text_model.", "text_projection.", "visual_projection.", "logit_scale"],
    ),
    "dinov2": (
        {
            "model": "Dinov2Model",
            "config": {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 2, "image_size": 28},
        }
        | PIXELS
        | {"crop": 28},
        1,
        True,
        [],
    ),
    "vjepa2": (
        {
            "model": "VJEPA2Model",
            "frames": 4,
            "config": {"hidden_size": 48, "num_hidden_layers": 3, "num_attention_heads": 2, "crop_size": 32}
            | PREDICTOR
            | {"frames_per_clip": 4},
        }
        | PIXELS,
        0,
        False,
        [],
    ),
    "siglip": (
        {"model": "SiglipVisionModel", "config": VISION | {"patch_size": 8}} | PIXELS,
        0,
        True,
        ["text_model.", "logit_scale", "logit_bias"],
    ),
    "timesformer": (
        {"model": "TimesformerModel", "frames": 4, "order": "h w t", "config": VIDEO} | PIXELS,
        1,
        False,
        ["classifier."],
    ),
    "vivit": ({"model": "VivitModel", "frames": 4, "config": VIDEO} | PIXELS, 1, True, []),
    "dinov3": ({"model": "DINOv3ViTModel", "config": VISION | {"num_register_tokens": 2}} | PIXELS, 3, True, []),
    "ijepa": ({"model": "IJepaModel", "config": VISION} | PIXELS, 0, False, []),
}
#: Models whose hidden layers are no grids of one size; in the same form.
OTHERS = {
    "videoprism": ({"model": "VideoPrismVisionModel", "frames": 4, "config": PRISM} | PIXELS, 0, False, []),
    "videoprism-video": (
        {"model": "VideoPrismVideoModel", "frames": 4, "config": PRISM | {"num_auxiliary_layers": 1}} | PIXELS,
        0,
        True,
        ["text_model."],
    ),
    "hiera": ({"model": "HieraModel", "config": WINDOWS} | PIXELS, 0, True, []),
    "convnext": (
        {
            "model": "ConvNextModel",
            "config": {"image_size": 32, "num_stages": 3, "hidden_sizes": [8, 16, 24], "depths": [1, 2, 1]},
        }
        | PIXELS,
        0,
        True,
        ["classifier."],
    ),
    "resnet": (
        {"model": "ResNetModel", "config": {"embedding_size": 8, "hidden_sizes": [16, 32], "depths": [1, 2]}} | PIXELS,
        0,
        True,
        ["classifier."],
    ),
    "swin": ({"model": "SwinModel", "config": SHIFTED} | PIXELS, 0, True, ["classifier."]),
}


def published(name):
    """A model of the class that is published, which may have more than the vision backbone."""
    config = (MODELS | OTHERS)[name][0]["config"]
    torch.manual_seed(7)
    if name == "videomae":
        return VideoMAEForPreTraining(VideoMAEConfig(**config))
    if name == "clip":
        return CLIPModel(CLIPConfig(text_config=TEXT, vision_config=config, projection_dim=16))
    if name == "siglip":
        return SiglipModel(SiglipConfig(text_config=TEXT | {"max_position_embeddings": 8}, vision_config=config))
    if name == "videoprism-video":
        text = {key: value for key, value in TEXT.items() if key != "image_size"}
        return VideoPrismClipModel(VideoPrismConfig(text_config=text, vision_config=config))
    kinds = {
        "videomae-tuned": (VideoMAEForVideoClassification, VideoMAEConfig),
        "dinov2": (Dinov2Model, Dinov2Config),
        "vjepa2": (VJEPA2Model, VJEPA2Config),
        "timesformer": (TimesformerForVideoClassification, TimesformerConfig),
        "vivit": (VivitModel, VivitConfig),
        "dinov3": (DINOv3ViTModel, DINOv3ViTConfig),
        "ijepa": (IJepaModel, IJepaConfig),
        "videoprism": (VideoPrismVisionModel, VideoPrismVisionConfig),
        "hiera": (HieraModel, HieraConfig),
        "convnext": (ConvNextForImageClassification, ConvNextConfig),
        "resnet": (ResNetForImageClassification, ResNetConfig),
        "swin": (SwinForImageClassification, SwinConfig),
    }
    model, of = kinds[name]
    return model(of(**config))


def randomise(model):
    """Gives every tensor values of its own: some are all zeros or ones when they are made."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for tensor in model.state_dict().values():
            if tensor.is_floating_point():
                tensor.add_(0.05 * torch.randn(tensor.shape, generator=generator))
    return model


def save(folder, name):
    """Writes model `name` to `folder` as it is published, without a provenance.json."""
    randomise(published(name)).save_pretrained(folder)
    path = folder / "model.safetensors"
    if name.startswith("videomae"):  # the names that the published file has for the biases
        renamed = {"query.bias": "q_bias", "value.bias": "v_bias"}
        tensors = {}
        for key, tensor in load_file(path).items():
            for ours, theirs in renamed.items():
                if key.endswith(f"attention.attention.{ours}"):
                    key = key.removesuffix(ours) + theirs
            tensors[key] = tensor
        save_file(tensors, path, metadata={"format": "pt"})
    crop = (MODELS | OTHERS)[name][0]["crop"]
    told = {
        "do_resize": True,
        "size": {"shortest_edge": 32},
        "resample": 2,
        "do_center_crop": True,
        "crop_size": {"height": crop, "width": crop},
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": HALF["mean"],
        "image_std": HALF["std"],
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(told))
    return folder


if __name__ == "__main__":
    save(Path(sys.argv[1]), sys.argv[2])
