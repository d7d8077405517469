"""Renders tracks to a folder of clips, a shard at a time, so that memory does not grow with the set."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from trajprobe.clips.scene import Places, check_memory, draw, framing, place
from trajprobe.clips.sections import Rendering
from trajprobe.clips.visibility import Motion, findings
from trajprobe.errors import UserError
from trajprobe.execution.producing import executor, produce
from trajprobe.execution.work import ReportProgress, Task
from trajprobe.files.content_key import code_hash
from trajprobe.files.findings import Finding, save, stop
from trajprobe.files.store import Store
from trajprobe.files.tracks import Tracks
from trajprobe.files.video_shards import Clips, at_level, packed

CLIPS_PER_SHARD = 256


@dataclass(frozen=True)
class ClipWork:
    """The clips of the tracks in a file, as one format."""

    tracks: Path
    rendering: Rendering

    def open(self) -> "ClipMaker":
        return ClipMaker(self, Tracks.load(self.tracks))


class ClipMaker:
    """What draws tracks."""

    def __init__(self, work: ClipWork, tracks: Tracks) -> None:
        self.work, self.tracks = work, tracks
        self.framing = framing(tracks, work.rendering.placement)
        self.tracks_per_shard = CLIPS_PER_SHARD // len(work.rendering.scene.cameras)
        #: Of the clips, and of the same clips at each level of clutter.
        self.renderings = work.rendering.with_levels
        self.recipes = [rendering.recipe() for rendering in self.renderings]
        self.code = [code_hash("trajprobe.clips.scene"), code_hash("trajprobe.files.video_shards")]

    def survey(self, name: str) -> tuple[list[Task], list[Finding]]:
        """A task for each shard, by what is drawn on it; and what the guards find in the clips of format `name`."""
        rendering = self.work.rendering
        tasks, motions = [], []
        for number in range(-(-len(self.tracks) // self.tracks_per_shard)):
            places = self._places(number)
            tasks.append(Task(number, tuple(self._keys(places)), len(places)))
            motions.append(Motion.of(places, rendering))
        return tasks, findings(self.tracks, self.framing, Motion.joined(motions), rendering, name)

    def read(self, task: Task) -> Places:
        """Where the tracks of a shard stand."""
        return self._places(task.number)

    def make(self, task: Task, places: Places, _store: Store, report_progress: ReportProgress) -> list[bytes]:
        """The shards of clips of tracks that stand at `places`, at the levels that the task asks for.

        Raises:
            UserError: another kind of machine, or other code, asked for it.
        """
        of_keys = self._keys(places)
        if not of_keys.keys() >= set(task.keys):
            raise UserError("a worker would draw other clips than this machine; give all the same code and CPUs")
        asked = [of_keys[key] for key in task.keys]
        data = [packed(draw(places, rendering), places.points, recipe) for rendering, recipe in asked]
        report_progress(len(places))
        return data

    def _keys(self, places: Places) -> dict[str, tuple[Rendering, dict[str, Any]]]:
        """Each rendering and its shard's recipe, by the key of the shard."""
        recipes = [
            recipe | {"places": places.digest(rendering.scene)}
            for rendering, recipe in zip(self.renderings, self.recipes, strict=True)
        ]
        return {
            Store.key(recipe, self.code): (rendering, recipe)
            for rendering, recipe in zip(self.renderings, recipes, strict=True)
        }

    def _places(self, number: int) -> Places:
        start = number * self.tracks_per_shard
        tracks = self.tracks[start : start + self.tracks_per_shard]
        return place(tracks, self.framing, self.work.rendering, np.arange(start, start + len(tracks)))


def render(tracks: Path, rendering: Rendering, folder: Path, guards: str, path: Path) -> str:
    """Renders all tracks of a file to shards in `folder`, which has the format's name.

    The same clips at the format's levels of clutter stand in folders in it. What the guards find in the clips is
    written to `path` first, so that who is stopped by it can read all of it.

    Returns:
        What was made, and below it each finding, a line each.

    Raises:
        UserError: a finding is grave, and `guards` is not `warn`; or the clips do not fit into memory.
    """
    renderers, work = executor(), ClipWork(tracks, rendering)
    tasks, found = renderers.ask(work, lambda maker: maker.survey(folder.name))
    where = f"params.yaml: `clips.{folder.name}`"
    save(found, path)
    stop(found, guards, where)
    for each in rendering.with_levels:
        check_memory(each, max(task.clips for task in tasks), where)
    digest = renderers.ask(work, lambda renderer: renderer.tracks.digest())
    levels = {"levels": list(rendering.form.levels)} if rendering.form.levels else {}
    # The folder itself first: it is replaced as a whole, with the levels that stood in it.
    folders = {
        folder: rendering.recipe() | {"tracks": digest} | levels,
        **{
            at_level(folder, level): rendering.at_level(level).recipe() | {"tracks": digest}
            for level in rendering.form.levels
        },
    }
    produce(renderers, work, tasks, folders, folder.name)
    count, form, cameras = len(Clips(folder)), rendering.form, len(rendering.scene.cameras)
    of_each = f" of {count // cameras} tracks by {cameras} cameras" if cameras > 1 else ""
    shape = f"{form.frames} frames of {form.resolution} x {form.resolution}"
    if form.levels:
        shape += f", and at {len(form.levels)} levels of clutter"
    raw = count * len(folders) * form.frames * form.resolution**2 * 3
    stored = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    made = f"{folder}: {count} clips{of_each}, {shape}, {raw / 1e6:.0f} MB in {stored / 1e6:.1f} MB"
    return "\n  ".join([made, *(finding.text for finding in found)])
