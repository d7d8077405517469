"""What params.yaml says of clips: `render` where tracks stand, `scenes` how they look, `clips` in what format."""

from dataclasses import dataclass, replace
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from trajprobe.clips import camera, clutter, images, marker
from trajprobe.clips.background import Background
from trajprobe.clips.camera import Camera
from trajprobe.clips.clutter import Clutter
from trajprobe.clips.marker import Marker
from trajprobe.clips.trail import Trail
from trajprobe.errors import UserError
from trajprobe.params import Parameters, section

#: The scene of a format that names none.
DEFAULT = "default"
Cameras = Annotated[tuple[Camera, ...], Meta(min_length=1, max_length=8)]


class Placement(Parameters, frozen=True):
    """Where tracks stand in the frames, in all formats (`render` in params.yaml)."""

    #: `track`: each fills the frame. Else all have one scale, so that size and speed remain: the frame shows all tracks
    #: (`dataset`), all but what reaches furthest (`robust`), or the unit square (`none`).
    scaling: camera.Scaling
    #: `normalised`: each track fills the clip. `duration`: frames at fixed times. `arc_length`: equal steps of a path.
    time: camera.Time
    margin: camera.Fraction  #: left free on each side, as a share of the frame's side


class Scene(Parameters, frozen=True):
    """How clips look (a row of `scenes` in params.yaml): by default a white blob on black."""

    camera: Camera | Cameras = Camera()  #: several of them make a clip each of every track
    marker: Marker = Marker()
    trail: Trail = Trail()
    background: Background = Background()
    clutter: Clutter = Clutter()

    def check(self, where: str) -> None:
        """Raises UserError where keys contradict, or an image will not do."""
        for number, one in enumerate(self.cameras):
            at = f"camera.{number}" if len(self.cameras) > 1 else "camera"
            one.check(f"{where}, at `{at}`")
            if one in self.cameras[:number]:
                raise UserError(
                    f"{where}, at `{at}`: got the same camera as an earlier one; change it, or leave it out"
                )
        self.marker.check(f"{where}, at `marker`")
        self.background.check(f"{where}, at `background`")

    @property
    def cameras(self) -> tuple[Camera, ...]:
        """All of them, in the order of a track's clips."""
        return (self.camera,) if isinstance(self.camera, Camera) else self.camera

    @property
    def is_plain(self) -> bool:
        """Whether frames are one patch on one colour."""
        one = self.marker.radius_by == self.marker.colour_by == "none" and self.marker.shape != "sprite"
        return one and not self.trail.width and not self.clutter.level and self.background.kind == "flat"

    def recipe(self) -> dict[str, Any]:
        """What determines how clips look: all that differs from the default scene, and has a say."""
        cameras = [_changed(camera) for camera in self.cameras]
        changed: dict[str, Any] = {"camera": cameras if len(cameras) > 1 else cameras[0]}
        parts = ("marker", "trail", "background", *(["clutter"] if self.clutter.level else []))
        changed |= {name: _changed(getattr(self, name)) for name in parts}
        values = {name: of_part for name, of_part in changed.items() if of_part}
        pictures = {name: images.digest(name) for name in (self.marker.image, self.background.image) if name}
        return values | ({"images": pictures} if pictures else {})


def _changed(part: Parameters) -> dict[str, Any]:
    """The keys that differ from the default's."""
    usual = msgspec.to_builtins(type(part)())
    return {key: value for key, value in msgspec.to_builtins(part).items() if value != usual[key]}


class Format(Parameters, frozen=True):
    """One clip format (a row of `clips` in params.yaml)."""

    # No video network takes more. What fits into memory is less; `check_memory` says how much.
    frames: Annotated[int, Meta(ge=1, le=10_000)]
    resolution: Annotated[int, Meta(ge=8, le=4096)]  #: height and width, pixels
    scene: str = DEFAULT  #: a row of `scenes`
    #: Of the scene's clutter: the same clips are drawn at each of them too, for rows that see `clutter`.
    levels: Annotated[tuple[clutter.Level, ...], Meta(max_length=20)] = ()


@dataclass(frozen=True)
class Rendering:
    """All that decides how clips of some tracks are drawn."""

    placement: Placement
    scene: Scene
    form: Format

    def at_level(self, level: float) -> "Rendering":
        """The same with the scene's clutter at another level; 0 has none."""
        changed = msgspec.structs.replace(self.scene.clutter, level=level)
        return replace(self, scene=msgspec.structs.replace(self.scene, clutter=changed))

    @property
    def by_first_camera(self) -> "Rendering":
        """The same as the first camera of the scene sees it."""
        return replace(self, scene=msgspec.structs.replace(self.scene, camera=self.scene.cameras[0]))

    @property
    def with_levels(self) -> "list[Rendering]":
        """Itself, and the same at each level of the format."""
        return [self, *map(self.at_level, self.form.levels)]

    @property
    def radius(self) -> float:
        """The marker's, in pixels."""
        return self.scene.marker.radius * self.form.resolution

    @property
    def thing(self) -> float:
        """The radius of things in the way: the marker's, as it looks."""
        return self.radius * (2 if self.scene.marker.shape == "gaussian" else 1)

    @property
    def reach(self) -> int:
        """Pixels from the marker's middle to the edge of its patch."""
        return marker.reach(self.scene.marker, self.radius)

    def recipe(self) -> dict[str, Any]:
        """What clips record of it."""
        form = {"frames": self.form.frames, "resolution": self.form.resolution}
        if len(self.scene.cameras) > 1:
            form["cameras"] = len(self.scene.cameras)
        return {"scene": msgspec.to_builtins(self.placement) | self.scene.recipe(), "format": form}


def scenes(values: dict[str, Any]) -> dict[str, Scene]:
    """The scenes of params.yaml, by name.

    Raises:
        UserError: one of them has an unknown key, keys that contradict, or an image that will not do.
    """
    named = {name: section(values, Scene, "scenes", name) for name in section(values, dict[str, Any], "scenes")}
    for name, scene in named.items():
        scene.check(f"params.yaml: `scenes.{name}`")
    return named


def rendering_of(values: dict[str, Any], name: str) -> Rendering:
    """How clips of format `name` are drawn, as params.yaml says.

    Raises:
        UserError: there is no such format, it names no scene that there is, or a key does not fit.
    """
    form = section(values, Format, "clips", name)
    rendering = rendering_in(values, form, form.scene, f"clips.{name}.scene")
    _check_levels(rendering, f"params.yaml: `clips.{name}.levels`")
    return rendering


def rendering_in(values: dict[str, Any], form: Format, name: str, key: str) -> Rendering:
    """How clips of a format are drawn in the scene `name`, which stands at `key` of params.yaml; raises as above."""
    named, placement = scenes(values), section(values, Placement, "render")
    if name not in named:
        raise UserError(f"params.yaml: `{key}`: got `{name}`, expected one of {', '.join(named) or 'none, for now'}")
    if any(camera.field_of_view for camera in named[name].cameras) and placement.scaling == "track":
        raise UserError(
            f"params.yaml: `scenes.{name}`, at `camera`: got a `field_of_view` and render.scaling: track, which fits "
            "each track to the frame; take one of them out"
        )
    return Rendering(placement, named[name], form)


def _check_levels(rendering: Rendering, where: str) -> None:
    """Raises UserError where the levels of a format are not of use in its scene."""
    form, of_scene = rendering.form, rendering.scene.clutter
    levels = [f"{level:g}" for level in form.levels]
    if len(set(levels)) < len(levels) or 0 in form.levels:
        raise UserError(f"{where}: got {', '.join(levels)}, expected each once, and not 0, which the plain clips have")
    if form.levels and of_scene.level:
        raise UserError(
            f"{where}: got levels of clutter and `scenes.{form.scene}.clutter.level`: {of_scene.level:g}, expected 0 "
            "there: the plain clips, with which levels are compared, have no clutter"
        )
    if form.levels and not of_scene.has_any:
        raise UserError(
            f"{where}: got levels of clutter, expected a scene with some; say what it is in "
            f"`scenes.{form.scene}.clutter`, or name another `scene`"
        )
