"""Features of a row: each of its networks over each of its inputs, a shard at a time.

From a stage script to a network's forward pass: `extract` -> `produce` -> `serve` -> `FeatureMaker.make` ->
`Encoding.features`, which calls the family's `layers`. A run gives all views, the layers and poolings of the row.
"""

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from operator import attrgetter
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trajprobe.backbones import weights
from trajprobe.errors import UserError
from trajprobe.execution.producing import executor, left, missing, produce
from trajprobe.execution.work import ReportProgress, Task
from trajprobe.features import forecast
from trajprobe.features.networks import open_network
from trajprobe.features.perturbations import INPUTS
from trajprobe.features.plan import Plan
from trajprobe.features.tokens import microbatches, not_finite, pack, pool, unpack
from trajprobe.files.atomic import fresh_folder
from trajprobe.files.feature_shards import FEATURES, NO_LAYER, PLAIN, RANDOM, folder
from trajprobe.files.locked_shards import LockedShards, with_machines
from trajprobe.files.shards import decode_shard, encode_shard
from trajprobe.files.store import Store
from trajprobe.files.video_shards import Batch
from trajprobe.rows import View, variants
from trajprobe.stage import WORKERS

#: 1: tokens and codes are kept in the store, so that another pooling of them needs no network.
KEEP = "TRAJPROBE_KEEP_TOKENS"
#: In place of a layer's name: the codes that some layers are made of.
CODES = "codes"
log = logging.getLogger("trajprobe")


def extract(values: dict[str, Any], name: str, *, dry: bool = False) -> str:
    """Makes data/features/NAME for a row with a network; returns a line that says what was made.

    One network is in memory at a time, in each worker. With `dry` nothing is made, and the line is the forecast.

    Raises:
        UserError: something that the row names is missing or does not go together, or values are not finite.
    """
    plan, where = Plan.of(values, name), executor()
    trained = None if plan.row.weights == RANDOM else weights.seeds(weights.WEIGHTS / plan.row.weights)
    reverses, levels = plan.run.reverses(plan.row), plan.clips.levels
    of_row = variants(name, plan.row, plan.run.seeds, trained, reverses=reverses, levels=levels)
    runs = {of: list(views) for of, views in groupby(of_row, attrgetter("network", "input"))}
    if dry:
        first = FeatureWork(plan, *next(iter(runs)))
        estimate = where.ask(first, lambda maker: maker.forecast(len(plan.clips), len(runs)))
        return f"{name}, over the clips of {plan.row.clips}: {estimate}"
    locked, has_forecast = LockedShards(FEATURES / name), False
    with fresh_folder(FEATURES / name) as temporary:
        for number, (of, views) in enumerate(runs.items()):
            work = FeatureWork(plan, *of)
            title = str(views[0] if len(views) == 1 else views[0]._replace(layer=NO_LAYER))
            tasks = where.ask(work, FeatureMaker.tasks)
            stored, absent = missing(tasks, where.store)
            recipes = where.ask(work, lambda maker: maker.recipes(absent)) if absent else {}  # noqa: B023
            pulled = locked.take(recipes, where.store)
            clips = sum(task.clips for task in left(absent, pulled))
            if clips and not has_forecast:
                log.info("%s: measuring how fast it runs", title)
                estimate = where.ask(work, lambda maker: maker.forecast(clips, len(runs) - number))  # noqa: B023
                log.info("%s: %s", name, estimate)
                has_forecast = True
            folders = {}
            for view, recipe in enumerate(where.ask(work, lambda maker: maker.view_recipes)):
                of_view = [pulled[task.keys[view]] for task in tasks if task.keys[view] in pulled]
                place = temporary / folder(views[view]).relative_to(FEATURES / name)
                facts = {"tracks": plan.clips.meta["tracks"], "flop": plan.cost.flop}
                folders[place] = with_machines(recipe | facts, of_view, len(tasks))
            produce(where, work, tasks, folders, title, stored | pulled)
    layers = " ".join(map(str, plan.encoding.views))
    return f"{name}: {len(runs)} x {len(plan.clips)} clips to {forecast.shapes(plan.cost)} features ({layers})"


@dataclass(frozen=True)
class FeatureWork:
    """A network of a row over an input: small, since it is sent to other processes."""

    plan: Plan
    network: str  #: a coordinate; so is the input
    input: str

    def open(self) -> "FeatureMaker":
        """Brings the network into memory."""
        return FeatureMaker(self.plan, self.network, self.input)


class FeatureMaker:
    """A network in memory, which makes a shard of features for each view of each shard of clips.

    Raises:
        UserError: the weights or the device won't do.
    """

    def __init__(self, plan: Plan, network: str, shown: str = PLAIN) -> None:
        """`network` and `shown`, an input, are coordinates."""
        self.plan, self.device = plan, plan.device
        self.encoding = replace(plan.encoding, views=tuple(plan.row.views_of(network, shown)))
        torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = plan.row.precision == "tf32"
        torch.backends.cudnn.deterministic = True
        module, source = open_network(plan, network)
        with self._gpu_memory():
            self.network = module.to(self.device, self.encoding.dtype).eval().requires_grad_(False)
        self.clips, self.perturb = plan.clips_of(shown), INPUTS.get(shown, INPUTS[PLAIN])
        self.view_recipes = [plan.recipe(network, shown, view, source) for view in self.encoding.views]
        family = plan.family
        #: Bits of a code, where layers are made of codes: these are kept in place of their tokens.
        self.bits = family.code_bits(module) if family.DISCRETE else 0
        self.keeps_tokens = os.environ.get(KEEP) == "1"

    def tasks(self) -> list[Task]:
        """One for each shard of clips, with a key for each view."""
        shards = self.clips.shards
        return [Task(number, tuple(self._keys(shard["sha256"])), shard["items"]) for number, shard in enumerate(shards)]

    def recipes(self, tasks: Sequence[Task]) -> dict[str, dict[str, Any]]:
        """The recipes of the tasks' shards, by key."""
        shards = self.clips.shards
        return {
            key: recipe | {"shard": sha256}
            for task in tasks
            for sha256 in [shards[task.number]["sha256"]]
            for key, (_, recipe) in self._keys(sha256).items()
            if key in task.keys
        }

    def read(self, task: Task) -> Batch:
        """The clips of a shard, as the network is to see them, with the sha256 of the shard that they come from."""
        clips = self.clips[task.number]
        return replace(clips, video=self.perturb(clips.video))

    @torch.inference_mode()
    def make(self, task: Task, clips: Batch, store: Store, report_progress: ReportProgress) -> list[bytes]:
        """The shards of features [b t d] of a shard of clips, of the views that the task asks for.

        Raises:
            UserError: the features are not finite; the GPU's memory is too small; or another kind of machine asked for
                them, whose bits differ.
        """
        views = self._keys(clips.sha256)
        if not views.keys() >= set(task.keys):
            kind = f"{self.view_recipes[0]['device']}, torch {self.view_recipes[0]['torch']}"
            raise UserError(f"a worker of {kind} would give other features than this machine; use machines of one kind")
        asked = [views[key] for key in task.keys]
        with self._gpu_memory():
            made = self._features([view for view, _ in asked], clips, store, report_progress)
        if not all(np.isfinite(features).all() for features in made.values()):
            raise UserError(not_finite(self.plan.name))
        return [encode_shard({"features": made[view]}, recipe | {"shard": clips.sha256}) for view, recipe in asked]

    def _features(
        self, views: Sequence[View], clips: Batch, store: Store, report_progress: ReportProgress
    ) -> dict[View, NDArray[np.float32]]:
        """Features [b t d] of each view: of tokens where the store has them, of the others in one run.

        With TRAJPROBE_KEEP_TOKENS=1 tokens are put into the store first.
        """
        sources = {view: self._source(view.layer) for view in views if not self.encoding.is_of_family(view)}
        tokens = self._stored_tokens(list(dict.fromkeys(sources.values())), clips, store)
        made = {view: self._pooled(view, tokens[source]) for view, source in sources.items() if source in tokens}
        rest = tuple(view for view in views if view not in made)
        if rest:
            run = partial(replace(self.encoding, views=rest).features, self.network)
            made |= zip(rest, self._run(run, clips.video, report_progress), strict=True)
        else:
            report_progress(len(clips.video))
        return made

    def _source(self, layer: str | int) -> str | int:
        """The tokens that a layer is made of: its own, or the codes."""
        return CODES if layer in self.plan.family.DISCRETE else layer

    def _stored_tokens(
        self, sources: Sequence[str | int], clips: Batch, store: Store
    ) -> dict[str | int, NDArray[np.generic]]:
        """Tokens [b d t h w] or codes [b t h w] that the store has, of `sources`; where they are to be kept, of all."""
        recipes = {source: self._tokens_recipe(source, clips) for source in sources}
        stored = {source: shard for source, recipe in recipes.items() if (shard := store.get(Store.key(recipe)))}
        if self.keeps_tokens and len(stored) < len(sources):
            made = self._tokens([source for source in sources if source not in stored], clips.video)
            stored |= {
                source: store.put(Store.key(recipes[source]), encode_shard(arrays, recipes[source]))
                for source, arrays in made.items()
            }
        return {source: self._decoded(shard.path.read_bytes()) for source, shard in stored.items()}

    def _decoded(self, shard: bytes) -> NDArray[np.generic]:
        arrays = decode_shard(shard)
        if "codes" in arrays:
            return unpack(arrays["codes"], self.bits, tuple(arrays["shape"].tolist()))
        return arrays["tokens"]

    def _pooled(self, view: View, tokens: NDArray[np.generic]) -> NDArray[np.float32]:
        """Features [b t d] of tokens [b d t h w], or of codes [b t h w]."""

        def function(x: Tensor) -> list[Tensor]:
            is_codes = self._source(view.layer) == CODES
            of_layer = self.encoding.from_codes(self.network, x, str(view.layer)) if is_codes else x
            return [pool(of_layer, view.pooling)]

        return self._run(function, tokens)[0]

    def _run(
        self,
        function: Callable[[Tensor], list[Tensor]],
        items: NDArray[np.generic],
        report_progress: ReportProgress = lambda _: None,
    ) -> list[NDArray[Any]]:
        """What `function` gives of items [b ...], a microbatch at a time, joined."""
        parts = []
        for x, count in microbatches(items, self.plan.microbatch, self.device):
            parts.append([output[:count] for output in function(x)])
            report_progress(count)
        return [
            torch.cat(column).cpu().numpy() for column in zip(*parts, strict=True)
        ]  # a GPU is waited for here alone

    def _tokens(
        self, sources: Sequence[str | int], video: NDArray[np.uint8]
    ) -> dict[str | int, dict[str, NDArray[Any]]]:
        """Tokens [b d t h w] of video [b t h w c], or codes [b t h w], of each of `sources` as a shard holds them.

        Raises:
            UserError: they are not finite.
        """
        layers, made = [source for source in sources if source != CODES], {}
        if layers:
            columns = self._run(partial(self.encoding.tokens, self.network, layers=layers), video)
            if not all(np.isfinite(column).all() for column in columns):
                raise UserError(not_finite(self.plan.name))
            made = {layer: {"tokens": column} for layer, column in zip(layers, columns, strict=True)}
        if CODES in sources:
            (codes,) = self._run(lambda x: [self.encoding.codes(self.network, x)], video)
            made |= {CODES: {"codes": pack(codes, self.bits), "shape": np.array(codes.shape[1:])}}
        return made

    def _tokens_recipe(self, source: str | int, clips: Batch) -> dict[str, Any]:
        """Of a shard of tokens; all layers that are made of codes share the codes."""
        of = {"layer": source} | ({"bits": self.bits} if source == CODES else {})
        return self.view_recipes[0] | {"pooling": None, "shard": clips.sha256} | of

    def _keys(self, clips: str) -> dict[str, tuple[View, dict[str, Any]]]:
        """Each view and its recipe, by the key of its shard of features of a shard of clips."""
        views = zip(self.encoding.views, self.view_recipes, strict=True)
        return {Store.key(recipe | {"shard": clips}): (view, recipe) for view, recipe in views}

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
            outputs = self.encoding.features(self.network, video.expand(count, -1, -1, -1, -1).to(self.device))
            return [output.cpu() for output in outputs]

        with self._gpu_memory():
            seconds = forecast.seconds_a_clip(run, self.plan.microbatch)
        summary = forecast.summary(self.plan.cost, self.plan.microbatch, clips, networks, seconds)
        if self.keeps_tokens:
            pooled_here = [view.layer for view in self.encoding.views if not self.encoding.is_of_family(view)]
            made = self._tokens(list(dict.fromkeys(map(self._source, pooled_here))), first)
            kept = sum(next(iter(arrays.values())).nbytes for arrays in made.values()) * clips * networks
            summary += f"; {kept / 1e6:,.1f} MB of tokens in the store"
        return summary
