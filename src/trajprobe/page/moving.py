"""What moves on the page: strips of frames, and tracks that are drawn from the places of the marker."""

import base64
import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trajprobe.page.feature_map import FeatureMap

#: Classes that are shown at once; the others are one click away.
SHOWN = 20
#: Side of a drawn track, pixels; frames of a track at most; seconds of a frame.
SIDE, FRAMES, SECONDS = 96.0, 32, 0.14
#: A place of the map's tracks is kept in a byte: this many parts of the frame's side, from so far outside of it on.
PARTS, OUTSIDE = 200, 28
TITLES = {"plain": "clip", "codes": "codes"}


@dataclass(frozen=True)
class Strip:
    """Frames side by side, which a window of one frame's width shows one after the other."""

    title: str
    source: str  #: the picture


def strip(picture: bytes, shown: str) -> Strip:
    """A strip of data/pictures; `shown` names what it shows."""
    data = base64.b64encode(picture).decode("ascii")
    return Strip(TITLES.get(shown, shown.replace("-", " ")), f"data:image/webp;base64,{data}")


@dataclass(frozen=True)
class Track:
    """A drawn track, with the style that moves its marker."""

    number: int
    path: str
    start: tuple[float, float]
    end: tuple[float, float]
    radius: float
    style: str


def track(places: NDArray[np.float64], number: int, radius: float) -> Track:
    """Of places (t 2), as shares of the side; the marker has a radius of `radius` sides."""
    points = [(float(x), float(y)) for x, y in np.clip(thinned(places), -1, 2) * SIDE]
    last = max(1, len(points) - 1)
    frames = "".join(
        f"{100 * at / last:.4g}%{{transform:translate({x:.1f}px,{y:.1f}px)}}" for at, (x, y) in enumerate(points)
    )
    seconds = SECONDS * len(points)
    style = f"@keyframes t{number}{{{frames}}}.t{number}{{animation:t{number} {seconds:.2f}s linear infinite}}"
    path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    return Track(number, path, points[0], points[-1], round(max(2.5, radius * SIDE), 1), style)


def thinned(places: NDArray[np.float64]) -> NDArray[np.float64]:
    """At most `FRAMES` of the places (t 2)."""
    if len(places) <= FRAMES:
        return places
    return places[np.linspace(0, len(places) - 1, FRAMES).round().astype(int)]


def hover_data(of: FeatureMap, places: NDArray[np.float64]) -> str:
    """The clips of the map as JSON for the page's script: class names, labels, numbers, and tracks in bytes."""
    tracks = np.stack([thinned(places[clip]) for clip in of.clips])  # (n t 2)
    packed = np.clip(np.rint(tracks * PARTS) + OUTSIDE, 0, 255).astype(np.uint8)
    used = sorted(set(of.labels.tolist()))
    value: dict[str, Any] = {
        "names": [of.names[label] for label in used],
        "labels": [used.index(label) for label in of.labels.tolist()],
        "clips": of.clips.tolist(),
        "frames": tracks.shape[1],
        "parts": PARTS,
        "outside": OUTSIDE,
        "tracks": base64.b64encode(packed.tobytes()).decode("ascii"),
    }
    return safe_json(value)


def safe_json(value: Any) -> str:
    """JSON that may stand in a <script>: nothing in it ends the element."""
    text = json.dumps(value, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
