"""Runs networks over clips, a shard at a time, and writes their pooled features."""

import logging
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from tqdm import tqdm

from trajprobe.features import forecast
from trajprobe.features.setting import CLIPS, Setting
from trajprobe.params import UserError
from trajprobe.storage import ShardWriter, fresh_folder
from trajprobe.videos.clips import Batch

T = TypeVar("T")
log = logging.getLogger("trajprobe")


@dataclass(frozen=True)
class Job:
    """One network, the folder its features go to, and where its weights come from."""

    network: nn.Module
    folder: Path
    weights: dict[str, Any]


def extract(setting: Setting, jobs: Iterable[Job], networks: int, name: str, *, dry: bool = False) -> str:
    """Features of all clips for each of the jobs, which are `networks`; returns a line that tells what was made.

    One network is in memory at a time. With `dry` nothing is made, and the line is the forecast.

    Raises:
        UserError: the network can't take the clips, or gives what is no feature.
    """
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = setting.row.precision == "tf32"
    torch.backends.cudnn.deterministic = True
    size, told = setting.microbatch, ""
    for job in jobs:
        job.network.to(setting.device, setting.dtype).eval().requires_grad_(False)
        tokens = setting.tokens(job.network)
        if not told:
            log.info("%s: measuring how fast it runs here", name)
            told = _forecast(setting, tokens, networks)
            if dry:
                return f"{name}, over the clips that are in {CLIPS / setting.row.clips}: {told}"
            log.info("%s: %s", name, told)
        with (
            fresh_folder(job.folder) as temporary,
            tqdm(total=len(setting.clips), desc=name, unit="clip") as bar,
        ):
            writer = ShardWriter(temporary, setting.recipe(job.weights))
            for batch, video in ahead((batch, _pinned(batch, setting.device)) for batch in setting.clips):
                features = _microbatches(video, tokens, size, setting.device, bar)
                writer.add({"features": features}, len(features), clips=batch.sha256)
            writer.close()
        del job, tokens  # before the next one is drawn: a big network is not held twice
    each = f"{networks} networks, each " if networks > 1 else ""
    shape = " x ".join(map(str, setting.cost.shape))
    row = setting.row
    return f"{name}: {each}{len(setting.clips)} clips to {shape} features ({row.layer}, {row.pooling})"


def ahead(items: Iterator[T]) -> Iterator[T]:
    """The same items, each made in a thread while the one before it is in use."""
    with ThreadPoolExecutor(1) as thread:
        following = thread.submit(next, items, None)
        while (item := following.result()) is not None:
            following = thread.submit(next, items, None)
            yield item


def _pinned(batch: Batch, device: torch.device) -> Tensor:
    """The video [b t h w c], where a GPU can fetch it while it computes."""
    video = torch.from_numpy(batch.video)
    return video.pin_memory() if device.type == "cuda" else video


def _forecast(setting: Setting, tokens: Callable[[Tensor], Tensor], networks: int) -> str:
    first = torch.from_numpy(next(iter(setting.clips)).video[:1])

    @torch.inference_mode()
    def run(count: int) -> object:
        return tokens(first.expand(count, -1, -1, -1, -1).to(setting.device)).cpu()

    seconds = forecast.seconds_a_clip(run, setting.microbatch)
    return forecast.told(setting.cost, setting.microbatch, len(setting.clips), networks, seconds)


@torch.inference_mode()
def _microbatches(
    video: Tensor, tokens: Callable[[Tensor], Tensor], size: int, device: torch.device, bar: "tqdm[Any]"
) -> NDArray[np.float32]:
    """Video [b t h w c] -> float32 [b t d], in microbatches of one size: the last bits depend on it."""
    out = []
    for start in range(0, len(video), size):
        part = video[start : start + size]
        count = len(part)
        x = part.to(device, non_blocking=True)
        if count < size:
            x = torch.cat([x, x.new_zeros(size - count, *x.shape[1:])])
        out.append(tokens(x)[:count].float())
        bar.update(count)
    joined: NDArray[np.float32] = torch.cat(out).cpu().numpy()  # the one place where a GPU is waited for
    if not np.isfinite(joined).all():
        raise UserError(
            f"{bar.desc}: the network gave values that are not finite; its weights or its input are damaged"
        )
    return joined
