"""The map of features: their two principal components, pretrained beside random, a dot a clip."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trajprobe.errors import visible_name
from trajprobe.files.feature_shards import (
    NO_NETWORK,
    PLAIN,
    PRETRAINED,
    RANDOM,
    Coordinates,
    cameras_of,
    folder,
    networks_of,
)
from trajprobe.files.labelling import Labelling
from trajprobe.files.shards import Shards
from trajprobe.page import theme
from trajprobe.page.graphic import SMALL, Graphic, width
from trajprobe.page.run_results import Line

#: Dots at most: more are a blur, and bytes.
DOTS = 1500
#: Classes that are named below the map.
LEGEND = 30
TITLES = {PRETRAINED: "pretrained", RANDOM: "random weights", NO_NETWORK: "no network"}
Places = NDArray[np.float64]


@dataclass(frozen=True)
class FeatureMap:
    """Places of the same clips in the features of several networks."""

    clips: NDArray[np.int64]  #: (n), their numbers
    labels: NDArray[np.int64]  #: (n)
    names: list[str]  #: of the classes
    panels: dict[str, Places]  #: by title, (n 2), within -1 to 1
    explained: dict[str, float]  #: by title, the share of the variance that the two components have


def feature_map(line: Line, labelling: Labelling) -> FeatureMap:
    """Of the first network of a row, and of its first random one.

    Raises:
        UserError: features are missing or damaged.
    """
    count = len(labelling.labels)
    clips = np.linspace(0, count - 1, min(count, DOTS)).astype(np.int64)
    held = [of for of in networks_of(line.row) if of.input == PLAIN and of.layer == line.features_layer]
    panels, explained = {}, {}
    for kind, title in TITLES.items():
        first = next((of for of in held if of.network.partition("/")[0] == kind), None)
        if first:
            panels[title], explained[title] = principal_plane(_chosen(first, clips))
    names = [visible_name(name) for name in labelling.names.tolist()]
    return FeatureMap(clips, labelling.labels[clips], names, panels, explained)


def _chosen(of: Coordinates, clips: NDArray[np.int64]) -> NDArray[np.float32]:
    """The features (n d) of some tracks, means over their clips; a shard at a time is in memory."""
    parts, start, shards = [], 0, Shards(folder(of))
    cameras = cameras_of(shards.meta)
    for arrays in shards:
        of_clips = arrays["features"].reshape(len(arrays["features"]) // cameras, cameras, -1)
        features = of_clips[:, 0] if cameras == 1 else of_clips.mean(axis=1)
        inside = clips[(clips >= start) & (clips < start + len(features))] - start
        parts.append(features[inside])
        start += len(features)
    return np.concatenate(parts)


def principal_plane(features: NDArray[np.float32]) -> tuple[Places, float]:
    """Places (n 2) of features (n d) on their first two principal components, and the share of variance of these.

    Each dimension is standardised first, as the probe does. A component's sign, which is arbitrary, is such that its
    largest place is positive; places are scaled to -1 to 1 and rounded, so that no last bit moves a dot.
    """
    x = features.astype(np.float64)
    x -= x.mean(axis=0)
    spread = x.std(axis=0)
    x /= np.where(spread > 1e-12, spread, 1.0)
    # Of the two products the smaller one has all that is needed.
    wide = x.shape[1] > x.shape[0]
    values, vectors = np.linalg.eigh(x @ x.T if wide else x.T @ x)
    top = vectors[:, ::-1][:, :2]
    places = top * np.sqrt(np.maximum(values[::-1][:2], 0)) if wide else x @ top
    if places.shape[1] < 2:
        places = np.pad(places, ((0, 0), (0, 2 - places.shape[1])))
    places = np.round(places / max(np.abs(places).max(), 1e-12), 6)
    largest = np.abs(places).argmax(axis=0)
    places = np.where(places[largest, [0, 1]] < 0, -places, places)
    total = max(float(np.trace(x.T @ x) if not wide else np.trace(x @ x.T)), 1e-12)
    return np.round(places, 3) + 0.0, float(values[::-1][:2].sum() / total)


def colour_of(label: int) -> tuple[str, str]:
    """The colour and the mark of a class; both repeat where there are very many."""
    return f"class-{label % len(theme.CLASSES_LIGHT)}", theme.MARKS[label % len(theme.MARKS)]


def draw_map(of: FeatureMap, wide: float, *, alone: bool = False) -> Graphic:
    """The panels side by side, on phones one below the other, and the classes below."""
    graphic = Graphic(wide, alone=alone)
    count = len(of.panels)
    columns = 1 if graphic.is_narrow or count == 1 else 2
    side = min((wide - 24 * (columns - 1)) / columns, 420.0)
    radius = 2.6 if len(of.clips) > 400 else 3.4
    y = 0.0
    for number, (title, places) in enumerate(of.panels.items()):
        column = number % columns
        left = column * (side + 24)
        graphic.text(left, y + 14, title, bold=True)
        share = f"{100 * of.explained[title]:.0f} % of variance"
        graphic.text(left + side, y + 14, share, "quiet", anchor="end", size=SMALL)
        graphic.add("rect", "f-card s-rule", x=left + 0.5, y=y + 24, width=side - 1, height=side - 1)
        _dots(graphic, of, places, (left + side / 2, y + 24 + side / 2), side / 2 - 10, radius)
        if column == columns - 1 or number == count - 1:
            y += side + 44
    graphic.high = _legend(graphic, of, y)
    return graphic


def _dots(
    graphic: Graphic, of: FeatureMap, places: Places, centre: tuple[float, float], half: float, radius: float
) -> None:
    for place, (label, (x, y)) in enumerate(zip(of.labels.tolist(), places.tolist(), strict=True)):
        role, mark = colour_of(label)
        at = centre[0] + x * half, centre[1] - y * half
        more = {} if graphic.alone else {"data_n": str(place)}  # by which the page's script finds its clip
        graphic.mark(*at, mark, role, radius, **more)


def _legend(graphic: Graphic, of: FeatureMap, y: float) -> float:
    """The classes that are shown, in lines as wide as the graphic; returns where it ends."""
    x = 0.0
    labels = np.unique(of.labels).tolist()
    for label in labels[:LEGEND]:
        role, mark = colour_of(label)
        name = graphic.name(of.names[label])
        room = min(width(name) + 4, graphic.wide - 22)
        if x and x + room + 16 > graphic.wide:
            x, y = 0.0, y + 20
        graphic.mark(x + 6, y + 2, mark, role, 4.5)
        graphic.text(x + 16, y + 6, name, room=room)
        x += room + 34
    if len(labels) > LEGEND:
        y += 20
        graphic.text(0, y + 6, f"and {len(labels) - LEGEND} more classes", "quiet", size=SMALL)
    return y + 18


def separations(of: FeatureMap) -> Sequence[tuple[str, float]]:
    """Of each panel, the share of clips whose nearest neighbour on it is of their class."""
    found = []
    for title, places in of.panels.items():
        squares = (places**2).sum(axis=1)
        distances = squares[:, None] + squares - 2 * places @ places.T
        np.fill_diagonal(distances, np.inf)
        found.append((title, float((of.labels[distances.argmin(axis=1)] == of.labels).mean())))
    return found
