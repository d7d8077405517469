"""Trains a tokenizer on the unlabelled pool: reconstruct each clip, and predict the next token's frames.

The clips are rendered as they are needed, so memory does not grow with the pool. The budget is in steps, never in
seconds: the weights must not depend on how busy the machine is.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, cast

import msgspec
import numpy as np
import torch
from msgspec import Meta
from numpy.typing import NDArray
from torch import Tensor, nn
from tqdm import tqdm

from trajprobe.backbones.family import Family, family
from trajprobe.backbones.parts import lfq
from trajprobe.backbones.parts.activations import Activations, weights_size
from trajprobe.clips.scene import Format, Scene, draw, framing, place
from trajprobe.errors import UserError, visible
from trajprobe.files import memory
from trajprobe.files.tracks import Tracks
from trajprobe.params import Parameters
from trajprobe.pretraining.objective import Losses, figures, losses

GRADIENT_NORM = 1.0
WARM_UP = 0.1
#: Steps of the shortest schedule; a shorter training breaks it off.
SHORTEST = 20
#: The learning curve has about this many points.
CURVE_POINTS = 60
HELD_OUT = 256


class Pretrain(Parameters, frozen=True):
    """One row of `pretrain` in params.yaml: the recipe of one weights folder."""

    family: str
    architecture: dict[str, Any]
    clips: str  #: clip format
    shuffle_frames: bool  #: the control: each clip's frames in a random order, so that there is no motion
    steps: Annotated[int, Meta(ge=1, le=10**7)]  #: more would take months even at a hundredth of a second each
    batch: Annotated[int, Meta(ge=1, le=10**5)]  #: clips; `check_memory` says how many fit
    learning_rate: Annotated[float, Meta(ge=1e-12, le=100.0)]  #: below, float32 weights do not change
    weight_decay: Annotated[float, Meta(ge=0.0, le=100.0)]
    seeds: Annotated[int, Meta(ge=1, le=1000)]  #: networks: seeds 0, 1, ...


@dataclass(frozen=True)
class Trained:
    """The result of a training."""

    network: nn.Module
    curve: list[dict[str, float]]  #: the learning curve: step and the terms of the loss at each point
    figures: dict[str, float]  #: on clips held out from the pool


def pretrain(tracks: Tracks, scene: Scene, form: Format, params: Pretrain, name: str, seed: int) -> Trained:
    """Trains the network of one seed; the same bytes for the same arguments, threads and instruction set.

    Raises:
        UserError: the family can't be trained, the pool is too small for a batch, the clips are too short for a
            prediction, or the loss is not finite.
    """
    torch.use_deterministic_algorithms(True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # costs 5 %, to find bugs
    tokenizer = trainable(params.family)
    architecture = tokenizer.architecture(params.architecture, f"pretrain.{name}")
    check_format(tokenizer, form, f"pretrain.{name}")
    check_memory(tokenizer, architecture, form, params, name)
    torch.manual_seed(seed)
    network = cast(Any, tokenizer.build(architecture))
    # The predictor is a decoder of its own, thrown away afterwards.
    predictor = type(network.decoder)(network.quantiser.bits)
    held_out = min(HELD_OUT, len(tracks) // 5)
    if not held_out or len(tracks) - held_out < params.batch:
        least = params.batch * 5 // 4 + 5
        raise UserError(f"pretrain.{name}: got a pool of {len(tracks)} tracks, expected {least} for its `batch`")
    points = place(tracks, framing(tracks, scene), scene, form)
    weights = [*network.parameters(), *predictor.parameters()]
    optimiser = torch.optim.AdamW(weights, lr=params.learning_rate, weight_decay=params.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, params.learning_rate, total_steps=max(params.steps, SHORTEST), pct_start=WARM_UP
    )
    curve, interval = [], max(params.steps // CURVE_POINTS, 1)
    draws = _batches(points[held_out:], params, form.resolution, seed)
    for step in tqdm(range(params.steps), desc=f"{name}, seed {seed}", unit="step"):
        x = tokenizer.preprocess(torch.from_numpy(draw(next(draws), scene, form)), architecture)
        latents, video, prediction = _forward(network, predictor, x)
        terms = losses(latents, video, prediction, x, tokenizer.FRAMES_PER_TOKEN)
        if not torch.isfinite(terms.total):
            raise UserError(f"pretrain.{name}: the loss is not finite at step {step}; lower `learning_rate`")
        optimiser.zero_grad()
        terms.total.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(weights, GRADIENT_NORM)
        optimiser.step()
        schedule.step()
        if step % interval == 0 or step == params.steps - 1:
            curve.append(_point(step, terms))
    network.eval()
    with torch.no_grad():
        x = tokenizer.preprocess(torch.from_numpy(draw(points[:held_out], scene, form)), architecture)
        latents = network.encode(x)
        codes = network.codes(latents)
        held_out_figures = figures(latents, codes, network.decode(codes), x)
    return Trained(network, curve, held_out_figures)


def mean_over_seeds(figures: Sequence[dict[str, float]]) -> dict[str, float]:
    """The mean of each figure over some networks."""
    return {key: float(np.mean([of_seed[key] for of_seed in figures])) for key in figures[0]}


def trainable(name: str) -> Family:
    """The family of that name, a tokenizer that can be trained.

    Raises:
        UserError: it does not exist, or can't be trained.
    """
    return family(name, "FRAMES_PER_TOKEN")


def check_format(tokenizer: Family, form: Format, name: str) -> None:
    """Raises UserError where clips of `form` can't be trained on: tokens must stand for whole frames and squares."""
    step, side = tokenizer.FRAMES_PER_TOKEN, tokenizer.PIXELS_PER_TOKEN
    if form.frames < 2 * step + 1 or form.frames % step != 1 or form.resolution % side:
        raise UserError(
            f"{name}: got clips of {form.frames} frames of {form.resolution} pixels, expected {step}k + 1 frames, at "
            f"least {2 * step + 1}, and a multiple of {side} pixels; choose another format of `clips`"
        )


def check_memory(tokenizer: Family, architecture: Parameters, form: Format, params: Pretrain, name: str) -> None:
    """Refuses a batch with which training does not fit into the memory of this machine.

    Counted on torch's meta device, for one clip: what the backward pass needs stays alive after the forward one. In
    training there is as much again of gradients; and beside the weights these, and AdamW's two moments.

    Raises:
        UserError: what it needs, and what the machine has.
    """
    try:
        with torch.device("meta"):
            network = cast(Any, tokenizer.build(architecture))
            predictor = type(network.decoder)(network.quantiser.bits)
            video = torch.empty(1, form.frames, form.resolution, form.resolution, 3, dtype=torch.uint8)
        with Activations() as activations:
            kept = _forward(network, predictor, tokenizer.preprocess(video, architecture))
            del kept
    except RuntimeError as error:  # torch's, for tensors too large to be counted
        reason = visible(str(error).partition("\n")[0], 200)
        raise UserError(f"pretrain.{name}: makes no network, or too large a one: {reason}") from None
    size = 4 * (weights_size(network) + weights_size(predictor)) + 2 * params.batch * activations.peak
    remedy = "lower `batch`, or take a smaller network or smaller clips"
    memory.require(size, f"params.yaml: `pretrain.{name}`", remedy, memory.total())


def provenance(params: Pretrain, seed: int, pool: str, scene: Scene, form: Format) -> dict[str, Any]:
    """Where the weights of a seed come from, for provenance.json; `pool` is the digest of the tracks."""
    recipe = {"pretrain": params, "render": scene.recipe(), "clips": form}
    facts = {"made_by": "pretrain", "seed": seed, "pool": pool, "trained_frames": form.frames}
    return facts | {key: msgspec.to_builtins(value) for key, value in recipe.items()}


def _forward(network: Any, predictor: nn.Module, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    latents = network.encode(x)
    quantised = lfq.straight_through(latents)
    return latents, network.decoder(quantised), predictor(quantised)


def _batches(
    points: NDArray[np.float64], params: Pretrain, resolution: int, seed: int
) -> Iterator[NDArray[np.float64]]:
    """Places of the blob (b t 2), epoch after epoch, each clip flipped, transposed and reversed at random."""
    generator = np.random.default_rng(seed)
    middle = (resolution - 1) / 2
    order = np.empty(0, dtype=np.int64)
    while True:
        while len(order) < params.batch:
            order = np.concatenate([order, generator.permutation(len(points))])
        chosen, order = order[: params.batch], order[params.batch :]
        batch = points[chosen] - middle
        batch *= generator.choice([-1.0, 1.0], size=(len(batch), 1, 2))
        transposed = generator.random((len(batch), 1, 1)) < 0.5
        batch = np.where(transposed, batch[..., ::-1], batch)
        backwards = generator.random((len(batch), 1, 1)) < 0.5
        batch = np.where(backwards, batch[:, ::-1], batch)
        if params.shuffle_frames:
            order_in_clip = generator.permuted(np.broadcast_to(np.arange(batch.shape[1]), batch.shape[:2]), axis=1)
            batch = np.take_along_axis(batch, order_in_clip[..., None], axis=1)
        yield batch + middle


def _point(step: int, terms: Losses) -> dict[str, float]:
    values = {name: round(float(value.detach()), 6) for name, value in vars(terms).items()}
    return {"step": step, **values, "total": round(float(terms.total.detach()), 6)}
