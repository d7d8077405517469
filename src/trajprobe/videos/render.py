"""Renders tracks to a folder of clips, a shard at a time, so that memory does not grow with the set."""

from pathlib import Path

import msgspec
from tqdm import tqdm

from trajprobe.storage import ShardWriter, fresh_folder
from trajprobe.trajectories.tracks import Tracks
from trajprobe.videos import clips
from trajprobe.videos.scene import Format, Scene, draw, place

CLIPS_PER_SHARD = 256


def render(tracks: Tracks, scene: Scene, form: Format, folder: Path) -> str:
    """Renders all tracks to shards in `folder`; returns a line that tells what was made."""
    meta = {"tracks": tracks.digest(), "scene": msgspec.to_builtins(scene), "format": msgspec.to_builtins(form)}
    raw = packed = 0
    with fresh_folder(folder) as temporary, tqdm(total=len(tracks), desc=folder.name, unit="clip") as bar:
        writer = ShardWriter(temporary, meta)
        for start in range(0, len(tracks), CLIPS_PER_SHARD):
            points = place(tracks[start : start + CLIPS_PER_SHARD], scene, form)
            video = draw(points, scene, form)
            raw, packed = raw + video.nbytes, packed + clips.add(writer, video, points)
            bar.update(len(video))
        writer.close()
    size = f"{form.frames} frames of {form.size} x {form.size}"
    return f"{folder}: {len(tracks)} clips, {size}, {raw / 1e6:.0f} MB in {packed / 1e6:.1f} MB"
