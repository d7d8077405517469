"""Features of a control, a row whose family has no network: from the clips, or from the places of the marker."""

import dataclasses
from typing import Any

import msgspec
from msgspec.structs import replace

from trajprobe.backbones.family import family
from trajprobe.errors import UserError
from trajprobe.files.atomic import fresh_folder
from trajprobe.files.content_key import code_hash
from trajprobe.files.feature_shards import CLUTTER, FEATURES, REVERSED, folder, level_of
from trajprobe.files.shards import ShardWriter, encode_shard
from trajprobe.files.video_shards import Batch, open_clips
from trajprobe.params import Parameters, parse, section
from trajprobe.rows import Row, Run, named_row, variants
from trajprobe.stage import Progress


def compute_control(values: dict[str, Any], name: str) -> str:
    """Makes data/features/NAME for a control; returns a line that says what was made.

    Raises:
        UserError: the row is not as its family wants it.
    """
    row = named_row(values, name)
    options = check_control(name, row)
    of, clips = family(row.family), open_clips(row.clips)
    reverses = section(values, Run, "features").reverses(row)
    of_row = variants(name, row, seeds=0, reverses=reverses, levels=clips.levels)
    recipe = {
        "family": row.family,
        "options": msgspec.to_builtins(options),
        "weights": {},
        "code": code_hash(of.module),
    }
    shape: tuple[int, ...] = ()
    total = len(clips) * len(of_row)
    with fresh_folder(FEATURES / name) as temporary, Progress(name, total, "clips") as bar:
        for coordinates in of_row:
            is_reversed = coordinates.input == REVERSED
            level = level_of(coordinates.input)
            of_level = clips if level is None else open_clips(row.clips, level)
            of_input = recipe | {"clips": {key: of_level.meta[key] for key in ("scene", "format")}}
            of_input |= {"perturbation": [REVERSED]} if is_reversed else {}
            place = temporary / folder(coordinates).relative_to(FEATURES / name)
            writer = ShardWriter(place, of_input | {"tracks": clips.meta["tracks"]})
            for batch in of_level:
                features = of.features(backwards(batch) if is_reversed else batch, options)
                writer.add(encode_shard({"features": features}, of_input | {"shard": batch.sha256}), len(features))
                shape = features.shape[1:]
                bar.advance(len(features))
            writer.close()
    count = f"{len(of_row)} x {len(clips)}" if len(of_row) > 1 else str(len(clips))
    return f"{name}: {count} clips to {' x '.join(map(str, shape))} features"


def backwards(batch: Batch) -> Batch:
    """The same clips with their frames, and the marker's places, in reverse order."""
    return dataclasses.replace(batch, video=batch.video[:, ::-1], points=batch.points[:, ::-1])


def check_control(name: str, row: Row) -> Parameters:
    """The options of a control.

    Raises:
        UserError: the family has a network, or the row has keys that only a network has.
    """
    where, of = f"params.yaml: `rows.{name}", family(row.family)
    if of.is_network:
        raise UserError(
            f"{where}.weights`: got none, expected a folder of data/weights or `random`: {of.name} has a network"
        )
    keys = ("architecture", "layer", "pooling", "precision", "perturbations")
    bare = Row(family=row.family, clips=row.clips, weights=row.weights, like=row.like)
    if row.perturbations == (CLUTTER,):
        bare = replace(bare, perturbations=row.perturbations)
    if extra := [key for key in keys if getattr(row, key) != getattr(bare, key)]:
        raise UserError(f"{where}.{extra[0]}`: got it for {of.name}, which has no network; leave it out")
    return parse(row.options, of.Options, f"{where}.options`")
