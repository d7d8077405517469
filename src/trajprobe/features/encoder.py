"""A network that makes shards of features of shards of clips."""

import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from trajprobe.errors import UserError
from trajprobe.execution.work import Task
from trajprobe.features import forecast
from trajprobe.features.encoding import finite, run
from trajprobe.features.setting import Setting
from trajprobe.features.tokens import unpooled
from trajprobe.files.shards import arrays_of, shard
from trajprobe.files.store import Store
from trajprobe.files.video_shards import Batch

#: 1: what is pooled is kept in the store, so that another pooling of it costs nothing.
KEEP = "TRAJPROBE_KEEP_TOKENS"


class Encoder:
    """A network, whose weights `source` tells, over the clips of a setting.

    Raises:
        UserError: the device here has not the row's precision.
    """

    def __init__(self, setting: Setting, network: nn.Module, source: dict[str, Any]) -> None:
        if setting.row.precision == "tf32" and setting.device.type != "cuda":
            raise UserError(
                f"params.yaml: `{setting.name}.precision`: tf32 is of NVIDIA GPUs, this is {setting.device}; use "
                "float32, or set TRAJPROBE_DEVICE=cuda where there is one"
            )
        torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = setting.row.precision == "tf32"
        torch.backends.cudnn.deterministic = True
        self.setting = setting
        setting.perturbation.network(network)
        self.network = network.to(setting.device, setting.encoding.dtype).eval().requires_grad_(False)
        self.recipe = setting.recipe(source)
        self.unpooled = unpooled(setting.encoding, network)
        self.keep = os.environ.get(KEEP) == "1" and self.unpooled is not None

    def tasks(self) -> list[Task]:
        """One for each shard of clips."""
        told = self.setting.clips.shards
        return [Task(i, self._key(each["sha256"]), each["items"]) for i, each in enumerate(told)]

    def forecast(self, clips: int, networks: int) -> str:
        """What so many clips will cost for each of so many networks, at the speed that is measured here."""
        setting = self.setting
        first = torch.from_numpy(setting.clips[0].video[:1])

        @torch.inference_mode()
        def some(count: int) -> object:
            return self._features(first.expand(count, -1, -1, -1, -1).to(setting.device)).cpu()

        seconds = forecast.seconds_a_clip(some, setting.microbatch)
        told = forecast.told(setting.cost, setting.microbatch, clips, networks, seconds)
        if self.keep and self.unpooled:
            one = self.unpooled.arrays(run(self.unpooled.of, first.numpy(), 1, setting.device))
            size = clips * networks * next(iter(one.values())).nbytes
            told += f"; {size / 1e6:,.1f} MB of tokens to keep"
        return told

    def read(self, task: Task) -> Batch:
        """The clips of a shard, as the network is to see them; named by the sha256 of the shard that they are of."""
        given = self.setting.clips[task.number]
        return replace(given, video=self.setting.perturbation.video(given.video))

    def make(self, task: Task, given: Batch, store: Store, tell: Callable[[int], object]) -> bytes:
        """The shard of features [b t d] of a shard of clips.

        Raises:
            UserError: they are not finite; or another kind of machine asked for them, whose bits would be others.
        """
        setting = self.setting
        if self._key(given.sha256) != task.key:
            kind = f"{self.recipe['device']}, torch {self.recipe['torch']}"
            raise UserError(f"a worker of {kind} would make other bits than were asked for; let all be of one kind")
        tokens = self._tokens(given, store, tell)
        if tokens is None or self.unpooled is None:
            features = run(self._features, given.video, setting.microbatch, setting.device, tell)
        else:
            features = run(self.unpooled.pool, tokens, setting.microbatch, setting.device)
        return shard({"features": finite(features, setting.name)}, self.recipe | {"shard": given.sha256})

    def _features(self, video: Tensor) -> Tensor:
        return self.setting.encoding.features(self.network, video)

    def _key(self, clips: str) -> str:
        return Store.key(self.recipe | {"shard": clips})

    def _tokens(self, given: Batch, store: Store, tell: Callable[[int], object]) -> NDArray[np.generic] | None:
        """What is to be pooled, where the store has it or is to keep it."""
        if self.unpooled is None:
            return None
        recipe = self.recipe | self.unpooled.recipe | {"shard": given.sha256}
        if entry := store.get(Store.key(recipe)):
            tell(len(given.video))
            return self.unpooled.back(arrays_of(entry.path.read_bytes()))
        if not self.keep:
            return None
        setting = self.setting
        tokens = run(self.unpooled.of, given.video, setting.microbatch, setting.device, tell)
        store.put(Store.key(recipe), shard(self.unpooled.arrays(finite(tokens, setting.name)), recipe))
        return tokens
