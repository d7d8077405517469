"""Renderings for tests: the default scene, and what differs from it."""

import msgspec

from trajprobe.clips.sections import Format, Placement, Rendering, Scene


def rendering(
    frames=5, resolution=16, *, scaling="dataset", time="normalised", margin=0.1, view="xy", radius=0.05, **scene
):
    """Formats of any size; `scene` has sections of a row of `scenes`, as YAML has them."""
    scene = {"camera": {}, "marker": {}} | scene
    if isinstance(scene["camera"], dict):  # not several of them
        scene["camera"] = {"view": view} | scene["camera"]
    scene["marker"] = {"radius": radius} | scene["marker"]
    placement = Placement(scaling=scaling, time=time, margin=margin)
    return Rendering(placement, msgspec.convert(scene, Scene), Format(frames=frames, resolution=resolution))


DISC, CLEAN = {"marker": {"shape": "disc", "radius": 0.06}}, {"objects": 5, "distractors": 3, "flashes": 3}
#: One of each kind: each section is a row of `scenes` as YAML has it.
SCENES = {
    "blob": {},
    "coloured ring": {"marker": {"shape": "ring", "colour": [250, 90, 10]}, "background": {"colour": [9, 60, 30]}},
    "trail": DISC | {"trail": {"width": 0.04}},
    "fading trail": DISC | {"trail": {"width": 0.02, "length": 0.5, "fading": True}},
    "depth": {
        "marker": {"shape": "square", "radius_by": "depth", "colour_by": "depth"},
        "camera": {"view": "perspective", "position": [2, -1, 1], "target": [0, 0.2, 0], "field_of_view": 50},
    },
    "time on noise": {"marker": {"colour_by": "time"}, "background": {"kind": "noise"}},
    "moving camera": DISC
    | {
        "camera": {"pan": 0.3, "shake": 0.05},
        "background": {"kind": "texture"},
        "trail": {"width": 0.04},
        "clutter": {"level": 1} | CLEAN,
    },
    "clutter": DISC
    | {"background": {"kind": "gradient"}}
    | {"clutter": {"level": 1, "motion": "walk", "occluders": 2, "blur": 0.02, "drift": 0.4, "noise": 0.05} | CLEAN},
    "loops": {"clutter": {"level": 2, "motion": "loop", "distractors": 4, "drops": 0.3}},
}
