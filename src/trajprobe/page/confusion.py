"""The confusion of classes, and the errors that surprise most: of the line that the primary row stands for."""

import textwrap
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trajprobe.errors import visible_name
from trajprobe.files import probe_results
from trajprobe.files.labelling import Labelling
from trajprobe.files.probe_results import VariantProbe
from trajprobe.page.graphic import SIZE, SMALL, Graphic, width
from trajprobe.page.run_results import Line

#: Pixels of a cell at most, of one that has room for its number, of a column that has room for a turned name, or for a
#: number.
LARGEST, NUMBERED, TURNED, COUNTED = 46.0, 22.0, 18.0, 15.0
#: Degrees that names of columns are turned by, and how far a letter then goes to the right and up.
TURN, SLOPE = 40, (0.766, 0.643)
#: Shades that cells have, at most this dark, so that numbers can be read on all of them.
SHADES, DARKEST = 20, 0.5
ERRORS = 10
LEAST = 0.005  #: of a cell that is drawn
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Predictions:
    """Of the tested clips."""

    names: list[str]  #: of the classes
    clips: Integers  #: (n), the number of each tested clip
    labels: Integers  #: (n)
    predicted: Integers  #: (s n), by each network
    bits: NDArray[np.float64] | None  #: (n), that the online code spends on each label, the mean over networks

    @classmethod
    def of(cls, line: Line, labelling: Labelling) -> "Predictions":
        """Of a line.

        Raises:
            UserError: the probe's file is missing or damaged.
        """
        probe = _variant(line)
        tested = labelling.folds >= 0
        bits = [network.code_bits for network in probe.networks]
        return cls(
            [visible_name(name) for name in labelling.names.tolist()],
            np.flatnonzero(tested),
            labelling.labels[tested],
            np.array([network.predictions for network in probe.networks], dtype=np.int64)[:, tested],
            np.array(bits, dtype=np.float64).mean(axis=0)[tested] if all(bits) else None,
        )

    @property
    def shares(self) -> NDArray[np.float64]:
        """Of the clips of each class, how many are predicted to be of each: (k k), the mean over networks."""
        classes = len(self.names)
        counts = np.zeros((classes, classes))
        for predicted in self.predicted:
            np.add.at(counts, (self.labels, predicted), 1)
        return np.asarray(counts / np.maximum(1, counts.sum(axis=1, keepdims=True)))

    def worst(self) -> list["Mistake"]:
        """The errors that surprise the probe most: all networks are wrong, and the true class has the longest code.

        The code of a label is -log2 of the probability that a probe of other clips gives it, over several draws.
        """
        if self.bits is None:
            return []
        wrong = (self.predicted != self.labels).all(axis=0)
        order = [place for place in np.argsort(-self.bits, kind="stable").tolist() if wrong[place]][:ERRORS]
        return [self._mistake(place, float(self.bits[place])) for place in order]

    def _mistake(self, place: int, bits: float) -> "Mistake":
        votes = np.bincount(self.predicted[:, place], minlength=len(self.names))
        label = int(self.labels[place])
        return Mistake(int(self.clips[place]), self.names[label], self.names[int(votes.argmax())], bits)


@dataclass(frozen=True)
class Mistake:
    """A clip that is predicted wrong."""

    clip: int
    label: str
    predicted: str
    bits: float


def _variant(line: Line) -> VariantProbe:
    variants = probe_results.load(line.row).variants
    return next(of for of in variants if (of.network, of.input, of.layer) == (line.network, line.input, line.layer))


def most_confused(of: Predictions) -> tuple[str, str, float] | None:
    """The pair of classes that is confused most: the class, what it is taken for, and how often."""
    shares = of.shares - np.diag(np.diag(of.shares))
    label, predicted = np.unravel_index(int(shares.argmax()), shares.shape)
    share = float(shares[label, predicted])
    return (of.names[label], of.names[predicted], share) if share else None


def confusion(of: Predictions, wide: float, *, alone: bool = False) -> Graphic:
    """A row a class, a column what it is predicted to be; darker is more."""
    graphic = Graphic(wide, alone=alone)
    names, shares = [graphic.name(name) for name in of.names], of.shares
    grid = _Grid.of(names, graphic)
    graphic.rect(*grid.corner, grid.side, grid.side, "card")
    _cells(graphic, shares, grid)
    left, top = grid.corner
    for place in range(grid.count + 1) if grid.names else (0, grid.count):
        at = place * grid.size
        graphic.line(left, top + at, left + grid.side, top + at, "paper")
        graphic.line(left + at, top, left + at, top + grid.side, "paper")
    if grid.size >= NUMBERED:
        _numbers(graphic, shares, grid)
    if grid.names:
        _names(graphic, names, grid)
    where = "a row is the true class, a column what is predicted" + ("" if grid.turns else ", in the same order")
    y = top + grid.side + 2
    for line in textwrap.wrap(where, 46 if graphic.is_narrow else 90):
        y += 18
        graphic.text(0 if graphic.is_narrow else left, y, line, "quiet", size=SMALL)
    graphic.high = y + 10
    return graphic


@dataclass(frozen=True)
class _Grid:
    """The cells: as large as there is room, with names of the rows where these are high enough for letters."""

    count: int
    size: float  #: of a cell
    corner: tuple[float, float]
    names: bool  #: whether rows are named
    turns: bool  #: whether columns are named, in turned letters

    @classmethod
    def of(cls, names: list[str], graphic: Graphic) -> "_Grid":
        count, longest = len(names), max(width(name, SMALL) for name in names)
        left = min(longest + 12, graphic.wide * 0.3)
        above = 0.0 if graphic.is_narrow else min(longest * SLOPE[1] + 16, 110.0)
        beside = above / SLOPE[1] * SLOPE[0]  # what the last turned name needs
        turned = min((graphic.wide - left - beside) / count, LARGEST)
        if above and turned >= TURNED:
            return cls(count, turned, (left, above), names=True, turns=True)
        size = min((graphic.wide - left - 1) / count, LARGEST)
        if size > SMALL:
            return cls(count, size, (left, 22.0), names=True, turns=False)
        return cls(count, (graphic.wide - 1) / count, (0.0, 4.0), names=False, turns=False)

    @property
    def side(self) -> float:
        return self.count * self.size

    def middle(self, place: int) -> float:
        return (place + 0.5) * self.size


def _names(graphic: Graphic, names: list[str], grid: _Grid) -> None:
    left, top = grid.corner
    for place, name in enumerate(names):
        graphic.text(left - 8, top + grid.middle(place) + 4, name, anchor="end", size=SMALL, room=left - 8)
        x, y = left + grid.middle(place), top - 8
        if grid.turns:
            turn = f"rotate(-{TURN} {x:.1f} {y:.1f})"
            graphic.text(x, y, name, size=SMALL, room=(top - 14) / SLOPE[1], transform=turn)
        elif grid.size >= COUNTED:
            graphic.text(x, y, str(place + 1), "quiet", anchor="middle", size=SMALL)


def _cells(graphic: Graphic, shares: NDArray[np.float64], grid: _Grid) -> None:
    shade_cells(graphic, shares, grid.corner, (grid.size, grid.size))


def shade_cells(
    graphic: Graphic, shares: NDArray[np.float64], corner: tuple[float, float], size: tuple[float, float]
) -> None:
    """Cells of shares (rows columns), 0 to 1; NaN is no cell. One path for each shade: thousands take few bytes."""
    shades = np.where(shares >= LEAST, np.ceil(np.nan_to_num(shares) * SHADES), 0).astype(int)
    (left, top), (wide, high) = corner, size
    for shade in range(1, SHADES + 1):
        places = np.argwhere(shades == shade).tolist()
        corners = [(left + column * wide, top + row * high) for row, column in places]
        d = "".join(f"M{x:.1f} {y:.1f}h{wide:.1f}v{high:.1f}h-{wide:.1f}z" for x, y in corners)
        if d:
            graphic.add("path", "f-pretrained", d=d, fill_opacity=f"{DARKEST * shade / SHADES:.3f}")


def _numbers(graphic: Graphic, shares: NDArray[np.float64], grid: _Grid) -> None:
    (left, top), letters = grid.corner, min(SIZE, grid.size * 0.42)
    for row, column in np.argwhere(shares >= LEAST).tolist():
        x, y = left + grid.middle(column), top + grid.middle(row) + letters * 0.36
        value = f"{100 * shares[row, column]:.0f}"
        graphic.text(x, y, value, anchor="middle", size=round(letters, 1), bold=row == column)
