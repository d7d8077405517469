"""Features of a control, a row whose family has no network: from the clips, or from the places of the marker."""

from typing import Any

import msgspec
from tqdm import tqdm

from trajprobe.backbones.family import family
from trajprobe.errors import UserError
from trajprobe.files.atomic import fresh_folder
from trajprobe.files.content_key import code_hash
from trajprobe.files.feature_shards import FEATURES, folder
from trajprobe.files.shards import ShardWriter, encode_shard
from trajprobe.files.video_shards import open_clips
from trajprobe.params import Parameters, parse
from trajprobe.rows import Row, named_row, variants


def compute_control(values: dict[str, Any], name: str) -> str:
    """Makes data/features/NAME for a control; returns a line that says what was made.

    Raises:
        UserError: the row is not as its family wants it.
    """
    row = named_row(values, name)
    options = check_control(name, row)
    of, clips = family(row.family), open_clips(row.clips)
    (coordinates,) = variants(name, row, seeds=0)
    recipe = {
        "family": row.family,
        "options": msgspec.to_builtins(options),
        "clips": {key: clips.meta[key] for key in ("scene", "format")},
        "weights": {},
        "code": code_hash(of.module),
    }
    shape: tuple[int, ...] = ()
    with fresh_folder(FEATURES / name) as temporary, tqdm(total=len(clips), desc=name, unit="clip") as bar:
        place = temporary / folder(coordinates).relative_to(FEATURES / name)
        writer = ShardWriter(place, recipe | {"tracks": clips.meta["tracks"]})
        for batch in clips:
            features = of.features(batch, options)
            writer.add(encode_shard({"features": features}, recipe | {"shard": batch.sha256}), len(features))
            shape = features.shape[1:]
            bar.update(len(features))
        writer.close()
    return f"{name}: {len(clips)} clips to {' x '.join(map(str, shape))} features"


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
    if extra := [key for key in keys if getattr(row, key) != getattr(bare, key)]:
        raise UserError(f"{where}.{extra[0]}`: got it for {of.name}, which has no network; leave it out")
    return parse(row.options, of.Options, f"{where}.options`")
