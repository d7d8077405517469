"""Folders of tiny models, random, as their authors published the large ones: names, layouts and preprocessing."""

import contextlib
import io
import json

import torch
import transformers
from safetensors.torch import load_file, save_file

from trajprobe.backbones.weights import MODEL

NETWORK = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
IMAGENET = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}
CLIP = {
    "image_mean": [0.48145466, 0.4578275, 0.40821073],
    "image_std": [0.26862954, 0.26130258, 0.27577711],
}
HALF = {"image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]}
TEXT = NETWORK | {"vocab_size": 50, "max_position_embeddings": 8, "bos_token_id": 0, "eos_token_id": 1}


def preprocessing(resize, crop, resample, colours):
    return colours | {
        "do_resize": True,
        "size": {"shortest_edge": resize},
        "resample": resample,
        "do_center_crop": True,
        "crop_size": {"height": crop, "width": crop},
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
    }


def videomae(folder):
    """With its decoder, the names of its biases, and the key of its configuration that are published."""
    config = transformers.VideoMAEConfig(
        **NETWORK,
        image_size=32,
        num_frames=16,
        decoder_hidden_size=8,
        decoder_intermediate_size=16,
        decoder_num_attention_heads=2,
        decoder_num_hidden_layers=1,
        use_mean_pooling=False,
    )
    save(transformers.VideoMAEForPreTraining(config), folder)
    config = json.loads((folder / "config.json").read_text())
    config["qkv_bias"] = config.pop("qv_bias")
    put(folder / "config.json", config)
    put(folder / "preprocessor_config.json", preprocessing(32, 32, 2, IMAGENET))


def clip(folder):
    """Both towers, and the indices that old versions of transformers wrote with them."""
    parts = {"text_config": TEXT | {"projection_dim": 8}, "vision_config": NETWORK | VISION | {"projection_dim": 8}}
    save(transformers.CLIPModel(transformers.CLIPConfig(**parts, projection_dim=8)), folder)
    indices = {"vision_model.embeddings.position_ids": torch.arange(5)[None]}
    save_file(load_file(folder / MODEL) | indices, folder / MODEL, {"format": "pt"})
    put(folder / "preprocessor_config.json", preprocessing(32, 32, 3, CLIP))


def siglip(folder):
    """Both towers; frames are squeezed to a square, not cropped."""
    parts = {"text_config": TEXT | {"projection_size": 16}, "vision_config": NETWORK | VISION}
    save(transformers.SiglipModel(transformers.SiglipConfig(**parts)), folder)
    put(folder / "preprocessor_config.json", HALF | {"size": {"height": 32, "width": 32}, "resample": 3})


def dinov2(folder):
    """Trained on larger images than it is used with."""
    shape = {key: value for key, value in NETWORK.items() if key != "intermediate_size"}
    save(transformers.Dinov2Model(transformers.Dinov2Config(**shape, image_size=70, patch_size=14)), folder)
    put(folder / "preprocessor_config.json", preprocessing(48, 42, 3, IMAGENET))


def vjepa2(folder):
    """With its predictor, and the preprocessing of videos alone."""
    config = transformers.VJEPA2Config(
        crop_size=32,
        frames_per_clip=64,
        hidden_size=24,
        num_attention_heads=2,
        num_hidden_layers=2,
        mlp_ratio=2,
        pred_hidden_size=24,
        pred_num_attention_heads=2,
        pred_num_hidden_layers=1,
        pred_num_mask_tokens=2,
    )
    save(transformers.VJEPA2Model(config), folder)
    put(folder / "video_preprocessor_config.json", preprocessing(36, 32, 2, IMAGENET))


def dinov3(folder):
    """As it was published: other names for its layers, and the keys of a processor that it does not use."""
    save(transformers.DINOv3ViTModel(transformers.DINOv3ViTConfig(**NETWORK, **VISION, num_register_tokens=4)), folder)
    tensors = {name.replace("model.layer.", "layer."): value for name, value in load_file(folder / MODEL).items()}
    assert any(name.startswith("layer.0.") for name in tensors)
    save_file(tensors, folder / MODEL, {"format": "pt"})
    unused = dict.fromkeys(("do_center_crop", "crop_size", "do_pad", "do_convert_rgb", "device"))
    put(folder / "preprocessor_config.json", IMAGENET | unused | {"size": SQUARE, "resample": 2, "do_resize": True})


def ijepa(folder):
    """As it was published: the names of layers that other models of its kind had then."""
    save(transformers.IJepaModel(transformers.IJepaConfig(**NETWORK, image_size=28, patch_size=14)), folder)
    tensors = load_file(folder / MODEL)
    for old, new in (
        ("encoder.layer.", "layers."),
        ("attention.attention.query", "attention.q_proj"),
        ("attention.attention.key", "attention.k_proj"),
        ("attention.attention.value", "attention.v_proj"),
        ("attention.output.dense", "attention.o_proj"),
        ("intermediate.dense", "mlp.fc1"),
        ("output.dense", "mlp.fc2"),
    ):
        tensors = {name.replace(new, old): value for name, value in tensors.items()}
    assert "encoder.layer.1.attention.attention.query.weight" in tensors
    save_file(tensors, folder / MODEL, {"format": "pt"})
    put(folder / "preprocessor_config.json", HALF | {"size": {"height": 28, "width": 28}, "resample": 2})


def videoprism(folder):
    """Grey levels as they are."""
    config = transformers.VideoPrismVisionConfig(
        hidden_size=16,
        intermediate_size=32,
        num_attention_heads=2,
        image_size=36,
        num_spatial_layers=1,
        num_temporal_layers=1,
    )
    save(transformers.VideoPrismVisionModel(config), folder)
    steps = {"do_normalize": False, "do_sample_frames": True, "num_frames": 16, "do_center_crop": None}
    put(folder / "video_preprocessor_config.json", CLIP | steps | {"size": {"height": 36, "width": 36}, "resample": 3})


def resnet(folder):
    """With its head, and a crop that is a share of the frame."""
    config = transformers.ResNetConfig(embedding_size=8, hidden_sizes=[16, 32], depths=[1, 1])
    save(transformers.ResNetForImageClassification(config), folder)
    put(folder / "preprocessor_config.json", IMAGENET | {"size": 32, "crop_pct": 0.875, "resample": 3})


SQUARE = {"height": 32, "width": 32}
VISION = {"image_size": 32, "patch_size": 16}
#: By the name of the row that takes them; siglip's is a user's own.
MAKERS = {
    "videomae-base": videomae,
    "clip-vit-b32": clip,
    "clip-vit-b16": clip,
    "dinov2-base": dinov2,
    "vjepa2-vitl": vjepa2,
    "siglip": siglip,
    "dinov3-vits16": dinov3,
    "ijepa-vith14": ijepa,
    "videoprism-base": videoprism,
    "resnet-50": resnet,
}


def make(name, folder):
    """A folder for the row `name`."""
    torch.manual_seed(0)
    with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
        MAKERS[name](folder)
    return folder


def save(model, folder):
    model.save_pretrained(folder)
    # As older versions of transformers wrote it beside the model.
    put(folder / "processor_config.json", {})
    (folder / "README.md").write_text("a model card")


def put(path, value):
    path.write_text(json.dumps(value))
