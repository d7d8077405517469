"""Makes the pictures of a row, of its clips and weights: one clip a class.

The page shows the primary row alone by its perturbed inputs and tokens, which need torch: of other rows plain clips do.
"""

import colorsys
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray
from PIL import Image

from trajprobe.files.atomic import fresh_folder, write_bytes
from trajprobe.files.checked_json import read_checked_json
from trajprobe.files.feature_shards import (
    CLUTTER,
    PERMUTED_WEIGHTS,
    PLAIN,
    PRETRAINED,
    RANDOM,
    clutter_input,
    level_of,
)
from trajprobe.files.labelling import LABELLING, Labelling
from trajprobe.files.shards import Shards
from trajprobe.files.video_shards import CLIPS, Clips, open_clips
from trajprobe.params import section
from trajprobe.pictures.files import CODES, PICTURES, RECONSTRUCTION, Pictures, RowPictures, Weights, camera_input
from trajprobe.rows import NONE, PROVENANCE, WEIGHTS, named_row

if TYPE_CHECKING:
    from trajprobe.features.plan import Plan

Video = NDArray[np.uint8]
#: Frames of a strip at most, and pixels of their side: longer and larger clips are thinned and shrunk.
FRAMES, SIDE = 32, 64
#: Clips that tokens are shown of.
TOKENS = 4
#: Sides of a frame beyond which a place is of no use; 16 bits hold it.
FAR = 7.0
#: Of the default marker, which a scene's recipe leaves out.
USUAL_RADIUS = 0.05


def make_pictures(values: dict[str, Any], name: str) -> str:
    """Makes data/pictures/NAME for a row of params.yaml (`values`); returns a line that says what was made.

    Raises:
        UserError: clips or weights are missing, or the row is not as its family wants it.
    """
    row = named_row(values, name)
    clips, labelling = open_clips(row.clips), Labelling.load(LABELLING)
    labelling.check_tracks(clips.meta["tracks"], CLIPS / row.clips)
    form, scene = clips.meta["format"], clips.meta["scene"]
    labels, first = np.unique(labelling.labels, return_index=True)
    examples = dict(zip(map(str, labels.tolist()), first.tolist(), strict=True))
    by_camera = [PLAIN, *(camera_input(number) for number in range(2, clips.cameras + 1))]
    inputs, is_primary = [PLAIN], name == section(values, str, "compare", "primary")
    if is_primary:
        inputs = [*by_camera]
        inputs += [shown for shown in row.perturbations if shown not in (PERMUTED_WEIGHTS, CLUTTER)]
        inputs += [clutter_input(max(clips.levels))] if CLUTTER in row.perturbations else []
    facts = RowPictures(
        frames=form["frames"],
        resolution=form["resolution"],
        radius=scene.get("marker", {}).get("radius", USUAL_RADIUS),
        shown=np.linspace(0, form["frames"] - 1, min(form["frames"], FRAMES)).round().astype(int).tolist(),
        examples=examples,
        inputs=inputs,
        weights=_weights(WEIGHTS / row.weights) if row.weights not in (NONE, RANDOM) else [],
    )
    shards = Shards(CLIPS / row.clips)
    places = np.concatenate([shards.read(number)["points"] for number in range(len(shards.shards))])
    # A pixel's centre stands at its number: the frame reaches from -1/2 on.
    places = np.clip((places[:: clips.cameras] + 0.5) / form["resolution"], -FAR, FAR)
    first *= clips.cameras
    video = _clips_of(clips, first)
    with fresh_folder(PICTURES / name) as temporary:
        pictures = Pictures(temporary)
        for shown in inputs:
            level = level_of(shown)
            if shown in by_camera:
                of_input = _clips_of(clips, first + by_camera.index(shown))
            else:
                of_input = _perturbed(video, shown) if level is None else _clips_of(open_clips(row.clips, level), first)
            for label, clip in zip(examples, of_input, strict=True):
                write_bytes(pictures.clip(shown, label), strip(clip[facts.shown]))
        if is_primary and facts.weights:
            facts = _with_tokens(pictures, facts, name, values, video)
        pictures.save(facts, places)
    tokens = f", and tokens of {len(facts.tokens)}" if facts.tokens else ""
    return f"{PICTURES / name}: a clip of each of {len(examples)} classes as {', '.join(inputs)}{tokens}"


def _clips_of(clips: Clips, numbers: NDArray[np.int64]) -> Video:
    """Some clips, uint8 [b t h w c], in the order of their `numbers` (b); a shard is read once."""
    order = np.argsort(numbers)
    starts = np.cumsum([0, *(entry["items"] for entry in clips.shards)])
    shards = np.searchsorted(starts, numbers[order], side="right") - 1
    parts = [
        clips[shard].video[numbers[order][shards == shard] - starts[shard]] for shard in np.unique(shards).tolist()
    ]
    return np.concatenate(parts)[np.argsort(order)]


def _perturbed(video: Video, shown: str) -> Video:
    """Clips uint8 [b t h w c] as a perturbed input."""
    from trajprobe.features.perturbations import INPUTS  # torch, which no control needs

    return INPUTS[shown](video)


def strip(video: Video) -> bytes:
    """A clip [t h w c] as a picture, its frames side by side, without loss; the same clip gives the same bytes."""
    frames = [Image.fromarray(frame) for frame in video]
    side = min(SIDE, frames[0].width)
    picture = Image.new("RGB", (side * len(frames), side))
    for number, frame in enumerate(frames):
        shrunk = frame if frame.width == side else frame.resize((side, side), Image.Resampling.BOX)
        picture.paste(shrunk, (side * number, 0))
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", lossless=True, quality=80, method=4)
    return buffer.getvalue()


def _weights(folder: Path) -> list[Weights]:
    """What the page says of a folder of weights, of one network or of a recipe's seeds."""
    seeds = sorted((path.parent for path in folder.glob(f"*/{PROVENANCE}")), key=lambda seed: int(seed.name))
    return [_of_weights(place, read_checked_json(place / PROVENANCE)) for place in seeds or [folder]]


def _with_tokens(
    pictures: Pictures, facts: RowPictures, name: str, values: dict[str, Any], video: Video
) -> RowPictures:
    """The facts with those of tokens; writes strips of these where the network is a tokenizer that decodes."""
    from trajprobe.features.networks import open_network
    from trajprobe.features.plan import Plan

    plan = Plan.of(values, name)
    network = open_network(plan, PRETRAINED)[0].eval() if plan.family.DISCRETE else None
    if not hasattr(network, "decode"):
        return facts
    labels = list(facts.examples)[:TOKENS]
    for kind, clips in _tokens(plan, network, video[: len(labels)]).items():
        for label, clip in zip(labels, clips, strict=True):
            write_bytes(pictures.token(kind, label), strip(clip[facts.shown]))
    return replace(facts, tokens=labels)


def _of_weights(folder: Path, provenance: dict[str, Any]) -> Weights:
    source = provenance.get("source", {})
    if "pretrain" in provenance:
        origin = f"trained by the recipe `pretrain.{folder.parent.name}`, seed {provenance['seed']}"
    elif "package" in source:
        origin = f"Python package {source['package']} {source['version']}"
    elif "repository" in source:
        origin = f"huggingface.co/{source['repository']}, revision {source['revision']}"
    else:
        origin = str(provenance.get("made_by", ""))
    name = "/".join(folder.parts[2:])
    return Weights(name=name, sha256=provenance["sha256"], licence=provenance.get("licence"), origin=origin)


def _tokens(plan: "Plan", network: Any, video: Video) -> dict[str, Video]:
    """What a tokenizer makes of clips uint8 [b t h w c], by kind, each of the same shape."""
    import torch

    with torch.inference_mode():
        codes = plan.encoding.codes(network, torch.from_numpy(video))
        decoded = network.decode(codes).clamp(-1, 1).permute(0, 2, 3, 4, 1).numpy()
    frames = np.rint((decoded + 1) * 127.5).astype(np.uint8)
    return {RECONSTRUCTION: frames, CODES: code_maps(codes.numpy(), video.shape[1:4])}


def code_maps(codes: NDArray[np.int64], shape: tuple[int, ...]) -> Video:
    """Codes [b t h w] as clips uint8 [b t h w c] of `shape` (t h w): a code has the same colour wherever it stands.

    The most frequent code is dark, as the ground that it mostly stands for; the next ones are a golden angle of hue
    apart, so that neighbours differ. A token is shown over the frames and pixels that it stands for.
    """
    found, inverse, counts = np.unique(codes, return_inverse=True, return_counts=True)
    rank = np.empty(len(found), dtype=np.int64)
    rank[np.argsort(-counts, kind="stable")] = np.arange(len(found))
    colours = np.array([_colour(number) for number in range(len(found))], dtype=np.uint8)
    picture = colours[rank[inverse.reshape(codes.shape)]]
    picture = picture.take(_token_of(shape[0], codes.shape[1]), axis=1)
    for axis in (2, 3):
        picture = picture.take(np.arange(shape[axis - 1]) * codes.shape[axis] // shape[axis - 1], axis=axis)
    return picture


def _token_of(length: int, count: int) -> NDArray[np.int64]:
    """Which of `count` steps of tokens each of `length` frames belongs to: (length).

    The first step of a causal tokenizer stands for one frame, every other one for a power of 2 of them; the steps of
    others all stand for as many.
    """
    each = (length - 1) / max(1, count - 1)
    if count > 1 and each.is_integer() and int(each).bit_count() == 1:
        return (np.arange(length) + int(each) - 1) // int(each)
    return np.arange(length) * count // length


def _colour(rank: int) -> list[int]:
    hue, value = rank * 0.618034 % 1, 0.95 - 0.35 * (rank % 3) / 2
    return [24, 28, 36] if rank == 0 else [round(255 * part) for part in colorsys.hsv_to_rgb(hue, 0.55, value)]
