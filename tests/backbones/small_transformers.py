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
    Dinov2Config,
    Dinov2Model,
    SiglipConfig,
    SiglipModel,
    TimesformerConfig,
    TimesformerForVideoClassification,
    VideoMAEConfig,
    VideoMAEForPreTraining,
    VideoMAEForVideoClassification,
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
}


def published(name):
    """A model of the class that is published, which may have more than the vision backbone."""
    config = MODELS[name][0]["config"]
    torch.manual_seed(7)
    if name == "videomae":
        return VideoMAEForPreTraining(VideoMAEConfig(**config))
    if name == "clip":
        return CLIPModel(CLIPConfig(text_config=TEXT, vision_config=config, projection_dim=16))
    if name == "siglip":
        return SiglipModel(SiglipConfig(text_config=TEXT | {"max_position_embeddings": 8}, vision_config=config))
    kinds = {
        "videomae-tuned": (VideoMAEForVideoClassification, VideoMAEConfig),
        "dinov2": (Dinov2Model, Dinov2Config),
        "vjepa2": (VJEPA2Model, VJEPA2Config),
        "timesformer": (TimesformerForVideoClassification, TimesformerConfig),
        "vivit": (VivitModel, VivitConfig),
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
    crop = MODELS[name][0]["crop"]
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
