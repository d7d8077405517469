"""Features of a row: each of its networks over each of its inputs, a shard at a time.

From a stage script to a network's forward pass: `extract` -> `produce` -> `serve` -> `FeatureMaker.make` ->
`Encoding.features`, which calls the family's `layer`.
"""

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trajprobe.backbones import weights
from trajprobe.errors import UserError
from trajprobe.execution.producing import executor, missing, produce
from trajprobe.execution.work import ReportProgress, Task
from trajprobe.features import forecast
from trajprobe.features.networks import open_network
from trajprobe.features.perturbations import INPUTS
from trajprobe.features.plan import Plan
from trajprobe.features.tokens import microbatches, not_finite, pack, unpack
from trajprobe.files.atomic import fresh_folder
from trajprobe.files.feature_shards import FEATURES, RANDOM, Coordinates, folder
from trajprobe.files.locked_shards import LockedShards, with_machines
from trajprobe.files.shards import decode_shard, encode_shard
from trajprobe.files.store import Store
from trajprobe.files.video_shards import Batch
from trajprobe.rows import variants
from trajprobe.stage import WORKERS

#: 1: tokens and codes are kept in the store, so that another pooling of them needs no network.
KEEP = "TRAJPROBE_KEEP_TOKENS"
log = logging.getLogger("trajprobe")


def extract(values: dict[str, Any], name: str, *, dry: bool = False) -> str:
    """Makes data/features/NAME for a row with a network; returns a line that says what was made.

    One network is in memory at a time, in each worker. With `dry` nothing is made, and the line is the forecast.

    Raises:
        UserError: something that the row names is missing or does not go together, or values are not finite.
    """
    plan, where = Plan.of(values, name), executor()
    trained = None if plan.row.weights == RANDOM else weights.seeds(weights.WEIGHTS / plan.row.weights)
    of_row = variants(name, plan.row, plan.run.seeds, trained, reverses=plan.run.reverses(plan.row))
    if dry:
        estimate = where.ask(FeatureWork(plan, of_row[0]), lambda maker: maker.forecast(len(plan.clips), len(of_row)))
        return f"{name}, over the clips of {plan.row.clips}: {estimate}"
    locked, has_forecast = LockedShards(FEATURES / name), False
    with fresh_folder(FEATURES / name) as temporary:
        for number, of in enumerate(of_row):
            work = FeatureWork(plan, of)
            tasks = where.ask(work, FeatureMaker.tasks)
            stored, absent = missing(tasks, where.store)
            recipes = where.ask(work, lambda maker: maker.recipes(absent)) if absent else {}  # noqa: B023
            pulled = locked.take(recipes, where.store)
            clips = sum(task.clips for task in absent if task.key not in pulled)
            if clips and not has_forecast:
                log.info("%s: measuring how fast it runs", of)
                estimate = where.ask(work, lambda maker: maker.forecast(clips, len(of_row) - number))  # noqa: B023
                log.info("%s: %s", name, estimate)
                has_forecast = True
            recipe = where.ask(work, lambda maker: maker.recipe) | {"tracks": plan.clips.meta["tracks"]}
            recipe = with_machines(recipe, pulled.values(), len(tasks))
            place = temporary / folder(of).relative_to(FEATURES / name)
            produce(where, work, tasks, place, recipe, str(of), stored | pulled)
    shape = " x ".join(map(str, plan.cost.shape))
    return f"{name}: {len(of_row)} x {len(plan.clips)} clips to {shape} features ({of_row[0].layer})"


@dataclass(frozen=True)
class FeatureWork:
    """A network of a row over an input: small, since it is sent to other processes."""

    plan: Plan
    of: Coordinates

    def open(self) -> "FeatureMaker":
        """Brings the network into memory."""
        return FeatureMaker(self.plan, self.of)


class FeatureMaker:
    """A network in memory, which makes shards of features of shards of clips.

    Raises:
        UserError: the weights or the device won't do.
    """

    def __init__(self, plan: Plan, of: Coordinates) -> None:
        self.plan, self.encoding, self.device = plan, plan.encoding, plan.device
        torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = plan.row.precision == "tf32"
        torch.backends.cudnn.deterministic = True
        network, source = open_network(plan, of.network)
        with self._gpu_memory():
            self.network = network.to(self.device, self.encoding.dtype).eval().requires_grad_(False)
        self.perturb = INPUTS[of.input]
        self.recipe = plan.recipe(of, source)
        family = plan.family
        #: Bits of a code, where the layer is made of codes: these are kept in place of tokens.
        self.bits = family.code_bits(network) if plan.row.layer in family.DISCRETE else 0
        self.pooled_by_us = plan.row.pooling not in family.POOLINGS
        self.keeps_tokens = self.pooled_by_us and os.environ.get(KEEP) == "1"

    def tasks(self) -> list[Task]:
        """One for each shard of clips."""
        shards = self.plan.clips.shards
        return [Task(number, self._key(shard["sha256"]), shard["items"]) for number, shard in enumerate(shards)]

    def recipes(self, tasks: Sequence[Task]) -> dict[str, dict[str, Any]]:
        """The recipe of each task's shard, by its key."""
        shards = self.plan.clips.shards
        return {task.key: self.recipe | {"shard": shards[task.number]["sha256"]} for task in tasks}

    def read(self, task: Task) -> Batch:
        """The clips of a shard, as the network is to see them, with the sha256 of the shard that they come from."""
        clips = self.plan.clips[task.number]
        return replace(clips, video=self.perturb(clips.video))

    @torch.inference_mode()
    def make(self, task: Task, clips: Batch, store: Store, report_progress: ReportProgress) -> bytes:
        """The shard of features [b t d] of a shard of clips.

        Raises:
            UserError: the features are not finite; the GPU's memory is too small; or another kind of machine asked for
                them, whose bits differ.
        """
        if self._key(clips.sha256) != task.key:
            kind = f"{self.recipe['device']}, torch {self.recipe['torch']}"
            raise UserError(f"a worker of {kind} would make other bits than were asked for; use machines of one kind")
        with self._gpu_memory():
            items, function = self._source(clips, store)
            parts = []
            for x, count in microbatches(items, self.plan.microbatch, self.device):
                parts.append(function(x)[:count])
                report_progress(count)
            features: NDArray[np.float32] = torch.cat(parts).cpu().numpy()  # the one place where a GPU is waited for
        if not np.isfinite(features).all():
            raise UserError(not_finite(self.plan.name))
        return encode_shard({"features": features}, self.recipe | {"shard": clips.sha256})

    def _source(self, clips: Batch, store: Store) -> tuple[NDArray[np.generic], Callable[[Tensor], Tensor]]:
        """What the features of clips are made of, and the function that makes them: the video, or tokens of the store.

        With TRAJPROBE_KEEP_TOKENS=1 tokens are put into the store first.
        """
        recipe = self._tokens_recipe(clips)
        stored = store.get(Store.key(recipe)) if self.pooled_by_us else None
        if not stored and not self.keeps_tokens:
            return clips.video, partial(self.encoding.features, self.network)
        if not stored:
            stored = store.put(Store.key(recipe), encode_shard(self._tokens(clips.video), recipe))
        arrays = decode_shard(stored.path.read_bytes())
        if self.bits:
            codes = unpack(arrays["codes"], self.bits, tuple(arrays["shape"].tolist()))
            return codes, partial(self.encoding.pool_codes, self.network)
        return arrays["tokens"], self.encoding.pool

    def _tokens(self, video: NDArray[np.uint8]) -> dict[str, NDArray[Any]]:
        """Tokens [b d t h w] of video [b t h w c], or codes [b t h w], as a shard holds them.

        Raises:
            UserError: they are not finite.
        """
        function = self.encoding.codes if self.bits else self.encoding.tokens
        parts = microbatches(video, self.plan.microbatch, self.device)
        tokens = torch.cat([function(self.network, x)[:count] for x, count in parts]).cpu().numpy()
        if not np.isfinite(tokens).all():
            raise UserError(not_finite(self.plan.name))
        if self.bits:
            return {"codes": pack(tokens, self.bits), "shape": np.array(tokens.shape[1:])}
        return {"tokens": tokens}

    def _tokens_recipe(self, clips: Batch) -> dict[str, Any]:
        """Of a shard of tokens; all layers that are made of codes share the codes."""
        layer = {"layer": "codes", "bits": self.bits} if self.bits else {}
        return self.recipe | {"pooling": None, "shard": clips.sha256} | layer

    def _key(self, clips: str) -> str:
        return Store.key(self.recipe | {"shard": clips})

    @contextmanager
    def _gpu_memory(self) -> Iterator[None]:
        """Turns a GPU's want of memory into a message.

        Fewer clips at once would fit, but their last bits differ: how many there are is the user's to say, for all
        machines.
        """
        try:
            yield
        except torch.OutOfMemoryError:
            of, at_once = self.plan.cost, self.plan.microbatch
            needed = (of.weights + at_once * of.memory) / forecast.GIB
            raise UserError(
                f"params.yaml: `features.memory`: {self.plan.name} needs about {needed:.2f} GiB on {self.device} for "
                f"its weights and {at_once} clips at once, and the GPU ran out of memory; lower it, use a smaller "
                f"{WORKERS}, or end what else runs on the GPU"
            ) from None

    @torch.inference_mode()
    def forecast(self, clips: int, networks: int) -> str:
        """What so many clips will cost for so many networks, at the speed that is measured here."""
        first = self.plan.clips[0].video[:1]
        video = torch.from_numpy(first)

        def run(count: int) -> object:
            return self.encoding.features(self.network, video.expand(count, -1, -1, -1, -1).to(self.device)).cpu()

        with self._gpu_memory():
            seconds = forecast.seconds_a_clip(run, self.plan.microbatch)
        summary = forecast.summary(self.plan.cost, self.plan.microbatch, clips, networks, seconds)
        if self.keeps_tokens:
            kept = next(iter(self._tokens(first).values())).nbytes * clips * networks
            summary += f"; {kept / 1e6:,.1f} MB of tokens in the store"
        return summary
