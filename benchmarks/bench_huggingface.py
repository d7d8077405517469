"""python benchmarks/bench_huggingface.py: VideoMAE base and CLIP B/32 at their real size, random weights.

From clips of bytes to features, beside the loop that a user would write: transformers' processor and model, one video
at a time, without gradients. The clips are 128 x 128, so both have to resize them.
"""

import resource

import numpy as np
import torch
from measure import machine, ratio
from torch import Tensor
from transformers import CLIPImageProcessorPil, VideoMAEImageProcessorPil

from trajprobe.backbones import huggingface
from trajprobe.backbones.huggingface import Architecture
from trajprobe.params import parse

THREADS, SIDE = 2, 128
IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
CLIP = {"mean": (0.48145466, 0.4578275, 0.40821073), "std": (0.26862954, 0.26130258, 0.27577711)}
SIZE = {"resize": 224, "crop": 224}
VIDEOMAE = parse(
    {"model": "VideoMAEModel", "config": {"use_mean_pooling": False}, "frames": 16, "resample": "bilinear"}
    | SIZE
    | IMAGENET,
    Architecture,
    "VideoMAE base",
)
CLIP_B32 = parse({"model": "CLIPVisionModel", "resample": "bicubic"} | SIZE | CLIP, Architecture, "CLIP B/32")


def memory() -> float:
    """The most GB that this process had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


def disc(clips: int, frames: int) -> Tensor:
    """A grey disc that crosses a gradient: uint8 [b t h w c], no two frames the same."""
    t = np.arange(clips * frames).reshape(clips, frames, 1, 1)
    y, x = np.mgrid[:SIDE, :SIDE]
    inside = (x - t % SIDE) ** 2 + (y - 64) ** 2 < 400
    return torch.from_numpy(np.where(inside, 200, (x + t) % 160)[..., None].repeat(3, axis=-1).astype(np.uint8))


def compare(name: str, shape: Architecture, frames: int, clips: int, processor: object) -> None:
    network = huggingface.build(shape).eval().requires_grad_(False)
    video = disc(clips, frames)
    images = [[frame.numpy() for frame in clip] for clip in video]

    def ours() -> Tensor:
        return huggingface.layer(network, huggingface.preprocess(video, shape), "last").mean(dim=(3, 4))

    def loop() -> list[Tensor]:
        found = []
        for clip in images:
            if shape.frames:
                x = processor([clip], return_tensors="pt")  # type: ignore[operator]
                found.append(network.model(**x).last_hidden_state[0].unflatten(0, (8, 196)).mean(dim=1))
            else:
                steps = []
                for frame in clip:
                    x = processor(frame, return_tensors="pt")  # type: ignore[operator]
                    steps.append(network.model(**x).last_hidden_state[0, 1:].mean(dim=0))
                found.append(torch.stack(steps))
        return found

    before = memory()
    with torch.inference_mode():
        furthest = float((ours().transpose(1, 2) - torch.stack(loop())).abs().max())
        print(f"{name}: features differ by {furthest:.1e} at most; {clips} clips took {memory() - before:.2f} GB")
        ratio(f"  {name}", ours, {"a user's loop": loop}, clips, runs=3, digits=2)


torch.set_num_threads(THREADS)
torch.manual_seed(0)
print(f"clips of {SIDE} x {SIDE} to features; {THREADS} threads; {machine()}")
told = {key: list(value) for key, value in IMAGENET.items()}
compare(
    "VideoMAE base, 16 frames",
    VIDEOMAE,
    16,
    4,
    VideoMAEImageProcessorPil(image_mean=told["mean"], image_std=told["std"]),
)
compare("CLIP B/32, 5 frames", CLIP_B32, 5, 16, CLIPImageProcessorPil(size={"shortest_edge": 224}, crop_size=224))
