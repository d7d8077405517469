"""Runs networks over clips, a shard at a time, and writes their pooled features."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from tqdm import tqdm

from trajprobe.backbones.family import NetworkFamily
from trajprobe.features.pooling import pooling
from trajprobe.features.rows import Run, Untrained
from trajprobe.params import UserError
from trajprobe.storage import ShardWriter, fresh_folder
from trajprobe.videos.clips import Clips


@dataclass(frozen=True)
class Job:
    """One network, the folder its features go to, and their recipe."""

    network: nn.Module
    folder: Path
    recipe: dict[str, Any]


def extract(
    jobs: Sequence[Job], family: NetworkFamily, row: Untrained, clips: Clips, run: Run, device: torch.device, name: str
) -> str:
    """Features of all clips for each job, the clips being read once; returns a line that tells what was made.

    Raises:
        UserError: the row names a layer or pooling that is not there, or the network can't take the clips.
    """
    if row.layer not in family.LAYERS:
        raise UserError(f"params.yaml: `{name}.layer`: got `{row.layer}`, expected one of {', '.join(family.LAYERS)}")
    pool = pooling(row.pooling, name)
    torch.backends.cudnn.allow_tf32 = False  # the recipe says float32
    for job in jobs:
        job.network.to(device).eval().requires_grad_(False)
    shape: tuple[int, ...] = ()
    with ExitStack() as stack, tqdm(total=len(jobs) * len(clips), desc=name, unit="clip") as bar:
        writers = [ShardWriter(stack.enter_context(fresh_folder(job.folder)), job.recipe) for job in jobs]
        for batch in clips:
            for job, writer in zip(jobs, writers, strict=True):

                def tokens(x: Tensor, network: nn.Module = job.network) -> Tensor:
                    return pool(family.layer(network, family.preprocess(x), row.layer))

                features = _microbatches(batch.video, tokens, run.microbatch, device, name)
                writer.add({"features": features}, len(features), clips=batch.sha256)
                shape = features.shape[1:]
                bar.update(len(features))
        for writer in writers:
            writer.close()
    networks = f"{len(jobs)} networks, each " if len(jobs) > 1 else ""
    return (
        f"{name}: {networks}{len(clips)} clips to {' x '.join(map(str, shape))} features ({row.layer}, {row.pooling})"
    )


@torch.inference_mode()
def _microbatches(
    video: NDArray[np.uint8], tokens: "Any", size: int, device: torch.device, name: str
) -> NDArray[np.float32]:
    """Video [b t h w c] -> float32 [b t d], in microbatches of one size: the last bits depend on it."""
    out = []
    for start in range(0, len(video), size):
        part = torch.from_numpy(video[start : start + size])
        count = len(part)
        if count < size:
            part = torch.cat([part, part.new_zeros(size - count, *part.shape[1:])])
        try:
            features: Tensor = tokens(part.to(device))
        except ValueError as error:
            raise UserError(f"{name}: the network can't take these clips: {error}") from None
        out.append(features[:count].float().cpu().numpy())
    joined = np.concatenate(out)
    if not np.isfinite(joined).all():
        raise UserError(f"{name}: the network gave values that are not finite; its weights or its input are damaged")
    if 0 in joined.shape[1:]:
        raise UserError(
            f"{name}: nothing is left after pooling ({joined.shape}); the clip has one token step, use `tmean`"
        )
    return joined
