"""Features of a row of `controls`: computed from the clips, or from the places they were drawn at."""

from pathlib import Path
from typing import Any

import msgspec
from tqdm import tqdm

from trajprobe.backbones.family import control_family
from trajprobe.errors import UserError
from trajprobe.files.atomic import fresh_folder
from trajprobe.files.content_key import closure_hash
from trajprobe.files.feature_shards import FEATURES
from trajprobe.files.shards import ShardWriter, shard
from trajprobe.files.video_shards import Clips
from trajprobe.params import parse, section


def control(values: dict[str, Any], name: str) -> str:
    """Writes the features of a control; returns a line that tells what was made.

    Raises:
        UserError: the row's family, clip format or an option is not there.
    """
    row = dict(section(values, dict[str, Any], "controls", name))
    try:
        family, form = control_family(row.pop("family")), row.pop("clips")
    except KeyError as error:
        raise UserError(
            f"params.yaml: `controls.{name}`: missing key {error}; expected family, clips and options"
        ) from None
    options = parse(row, family.Options, f"params.yaml: `controls.{name}`, beside family and clips")
    clips = Clips(Path("data/clips") / form)
    recipe = {
        "family": family.__name__.rpartition(".")[2],
        "options": msgspec.to_builtins(options),
        "clips": {key: clips.meta[key] for key in ("scene", "format")},
        "weights": {},
        "code": closure_hash(family.__name__),
    }
    folder = FEATURES / "controls" / name
    shape: tuple[int, ...] = ()
    with fresh_folder(folder) as temporary, tqdm(total=len(clips), desc=name, unit="clip") as bar:
        writer = ShardWriter(temporary, recipe | {"tracks": clips.meta["tracks"]})
        for batch in clips:
            features = family.features(batch, options)
            writer.add(shard({"features": features}, recipe | {"shard": batch.sha256}), len(features))
            shape = features.shape[1:]
            bar.update(len(features))
        writer.close()
    return f"{name}: {len(clips)} clips to {' x '.join(map(str, shape))} features"
