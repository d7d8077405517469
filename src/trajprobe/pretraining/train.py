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

from trajprobe.backbones.family import Family, family
from trajprobe.backbones.parts import lfq
from trajprobe.backbones.parts.activations import Activations, weights_size
from trajprobe.clips.scene import Places, draw, framing, place
from trajprobe.clips.sections import Format, Rendering
from trajprobe.clips.streams import POOL
from trajprobe.errors import UserError, visible
from trajprobe.files import memory
from trajprobe.files.tracks import Tracks
from trajprobe.params import Parameters
from trajprobe.pretraining.objective import Losses, figures, losses
from trajprobe.stage import progress

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
    clips: str  #: clip format: frames and resolution
    scene: str  #: that the pool is drawn in
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


def pretrain(tracks: Tracks, rendering: Rendering, params: Pretrain, name: str, seed: int) -> Trained:
    """Trains the network of one seed; the same bytes for the same arguments, threads and instruction set.

    Raises:
        UserError: the family can't be trained, the pool is too small for a batch, the clips are too short for a
            prediction, or the loss is not finite.
    """
    torch.use_deterministic_algorithms(True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # costs 5 %, to find bugs
    tokenizer, form = trainable(params.family), rendering.form
    architecture = tokenizer.architecture(params.architecture, f"pretrain.{name}")
    check_format(tokenizer, form, f"pretrain.{name}")
    check_memory(tokenizer, architecture, form, params, name)
    torch.manual_seed(seed)
    network = cast(Any, tokenizer.build(architecture))
    # The predictor is a decoder of its own, thrown away afterwards.
    predictor = type(network.decoder)(network.quantiser.bits)
    held_out = min(HELD_OUT, len(tracks) // 5)  # tracks, with all their clips
    if not held_out or len(tracks) - held_out < params.batch:
        least = params.batch * 5 // 4 + 5
        raise UserError(
            f"params.yaml: `pretrain.{name}.batch`: got {params.batch} with a pool of {len(tracks)} tracks, expected a "
            f"pool of {least}; lower it, or get more tracks"
        )
    places = place(tracks, framing(tracks, rendering.placement), rendering, np.arange(POOL, POOL + len(tracks)))
    held_out *= len(rendering.scene.cameras)
    weights = [*network.parameters(), *predictor.parameters()]
    # Fused: else its square roots are MKL's, whose last bits differ between makers of CPUs.
    optimiser = torch.optim.AdamW(weights, lr=params.learning_rate, weight_decay=params.weight_decay, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, params.learning_rate, total_steps=max(params.steps, SHORTEST), pct_start=WARM_UP
    )
    curve, interval = [], max(params.steps // CURVE_POINTS, 1)
    draws = _batches(places[held_out:], params, form.resolution, seed)
    for step in progress(range(params.steps), f"{name}, seed {seed}", "steps", params.steps):
        x = tokenizer.preprocess(torch.from_numpy(_video(*next(draws), rendering)), architecture)
        latents, video, prediction = _forward(network, predictor, x)
        terms = losses(latents, video, prediction, x, tokenizer.FRAMES_PER_TOKEN)
        if not torch.isfinite(terms.total):
            raise UserError(
                f"params.yaml: `pretrain.{name}.learning_rate`: got {params.learning_rate:g}, expected a rate at which "
                f"the loss stays finite, which it is not at step {step}; lower it"
            )
        optimiser.zero_grad()
        terms.total.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(weights, GRADIENT_NORM)
        optimiser.step()
        schedule.step()
        if step % interval == 0 or step == params.steps - 1:
            curve.append(_point(step, terms))
    network.eval()
    with torch.no_grad():
        x = tokenizer.preprocess(torch.from_numpy(draw(places[:held_out], rendering)), architecture)
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
            f"params.yaml: `{name}.clips`: got clips of {form.frames} frames of {form.resolution} pixels, expected "
            f"{step}k + 1 frames, at least {2 * step + 1}, and a multiple of {side} pixels; choose another "
            "format of `clips`"
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
        raise UserError(
            f"params.yaml: `pretrain.{name}.architecture`: makes no network, or too large a one: {reason}"
        ) from None
    size = 4 * (weights_size(network) + weights_size(predictor)) + 2 * params.batch * activations.peak
    remedy = "lower `batch`, or take a smaller network or smaller clips"
    memory.require(size, f"params.yaml: `pretrain.{name}`", remedy, memory.total())


def provenance(params: Pretrain, seed: int, pool: str, rendering: Rendering) -> dict[str, Any]:
    """Where the weights of a seed come from, for provenance.json; `pool` is the digest of the tracks."""
    facts = {"made_by": "pretrain", "seed": seed, "pool": pool, "trained_frames": rendering.form.frames}
    return facts | {"pretrain": msgspec.to_builtins(params)} | rendering.recipe()


def _forward(network: Any, predictor: nn.Module, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    latents = network.encode(x)
    quantised = lfq.straight_through(latents)
    return latents, network.decoder(quantised), predictor(quantised)


def _batches(
    places: Places, params: Pretrain, resolution: int, seed: int
) -> Iterator[tuple[Places, NDArray[np.int64] | None]]:
    """Batches of places, epoch after epoch, each clip flipped, transposed and reversed at random.

    With each comes the order (b t) that its frames are to be put in, where the recipe shuffles them. What a scene has
    at random is drawn anew each time that a clip is seen.
    """
    generator = np.random.default_rng(seed)
    middle = (resolution - 1) / 2
    order = np.empty(0, dtype=np.int64)
    seen = POOL * (2 + seed)
    while True:
        while len(order) < params.batch:
            order = np.concatenate([order, generator.permutation(len(places))])
        chosen, order = order[: params.batch], order[params.batch :]
        batch = places[chosen]
        signs = generator.choice([-1.0, 1.0], size=(len(batch), 1, 2))
        transposed = generator.random((len(batch), 1, 1)) < 0.5
        backwards = generator.random((len(batch), 1, 1)) < 0.5
        turned = [
            _turned(moved, signs, transposed, backwards)
            for moved in (batch.points - middle, batch.path - middle, batch.shift.astype(np.float64))
        ]
        nearness, looks = (np.where(backwards[..., 0], of[:, ::-1], of) for of in (batch.nearness, batch.looks))
        numbers = np.arange(seen, seen + len(batch))
        seen += len(batch)
        order_in_clip = None
        if params.shuffle_frames:
            shape = batch.points.shape[:2]
            order_in_clip = generator.permuted(np.broadcast_to(np.arange(shape[1]), shape), axis=1)
        points, path, shift = turned[0] + middle, turned[1] + middle, turned[2].astype(np.int64)
        yield Places(points, path, shift, nearness, looks, numbers), order_in_clip


def _turned(
    moved: NDArray[np.float64], signs: NDArray[np.float64], transposed: NDArray[np.bool_], backwards: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Vectors from the middle of the frame (b t 2), of each clip flipped, transposed and reversed or not."""
    flipped = moved * signs
    flipped = np.where(transposed, flipped[..., ::-1], flipped)
    return np.where(backwards, flipped[:, ::-1], flipped)


def _video(places: Places, order: NDArray[np.int64] | None, rendering: Rendering) -> NDArray[np.uint8]:
    """Clips uint8 [b t h w c], their frames in the order (b t) that is given."""
    video = draw(places, rendering)
    # In memory as any other clips: how frames lie there changes the last bits of what a network makes of them.
    return video if order is None else np.ascontiguousarray(video[np.arange(len(video))[:, None], order])


def _point(step: int, terms: Losses) -> dict[str, float]:
    values = {name: round(float(value.detach()), 6) for name, value in vars(terms).items()}
    return {"step": step, **values, "total": round(float(terms.total.detach()), 6)}
