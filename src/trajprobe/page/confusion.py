"""The confusion of classes, and the errors that surprise most: of the line that the primary row stands for."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trajprobe.errors import visible_name
from trajprobe.files import probe_results
from trajprobe.files.labelling import Labelling
from trajprobe.files.probe_results import VariantProbe
from trajprobe.page.graphic import SIZE, SMALL, Graphic, width
from trajprobe.page.run_results import Line

#: Classes of which each cell has its number.
NUMBERED = 20
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
    count, shares = len(of.names), of.shares
    numbered = count <= (NUMBERED if not graphic.is_narrow else 12)
    names = [graphic.name(name) for name in of.names]
    longest = min(max(width(name, SMALL) for name in names) + 12, graphic.wide * 0.3)
    size = min((graphic.wide - longest - 8) / count, 46.0)
    named = size >= SMALL + 1
    top = min(longest, 120.0) if named and not graphic.is_narrow else 28.0
    if not named:
        longest = 24.0
        size = min((graphic.wide - longest - 8) / count, 46.0)
    graphic.rect(longest, top, count * size, count * size, "card")
    _cells(graphic, shares, (longest, top), size)
    for place, name in enumerate(names):
        middle = top + (place + 0.5) * size
        if named:
            graphic.text(longest - 8, middle + 4, name, anchor="end", size=SMALL, room=longest - 10)
            if not graphic.is_narrow:
                x, y = longest + (place + 0.5) * size, top - 8
                turned = f"rotate(-40 {x:.1f} {y:.1f})"
                graphic.text(x, y, name, size=SMALL, room=(top - 12) * 1.25, transform=turned)
            else:
                graphic.text(
                    longest + (place + 0.5) * size, top - 8, str(place + 1), "quiet", anchor="middle", size=SMALL
                )
    if numbered:
        _numbers(graphic, shares, (longest, top), size)
    right, bottom = longest + count * size, top + count * size
    for place in range(count + 1) if named else (0, count):
        graphic.line(longest, top + place * size, right, top + place * size, "paper" if numbered else "grid")
        graphic.line(longest + place * size, top, longest + place * size, bottom, "paper" if numbered else "grid")
    where = "a row is the true class, a column what is predicted" + (
        ", in the same order" if graphic.is_narrow or not named else ""
    )
    for line in textwrap.wrap(where, 46 if graphic.is_narrow else 90):
        bottom += 18
        graphic.text(0 if graphic.is_narrow else longest, bottom, line, "quiet", size=SMALL)
    graphic.high = bottom + 10
    return graphic


def _cells(graphic: Graphic, shares: NDArray[np.float64], corner: tuple[float, float], size: float) -> None:
    """One path for each shade: thousands of cells take few bytes."""
    shades = np.where(shares < LEAST, 0, np.ceil(shares * SHADES)).astype(int)
    for shade in range(1, SHADES + 1):
        places = np.argwhere(shades == shade).tolist()
        if not places:
            continue
        d = "".join(
            f"M{corner[0] + column * size:.1f} {corner[1] + row * size:.1f}h{size:.1f}v{size:.1f}h-{size:.1f}z"
            for row, column in places
        )
        graphic.add("path", "f-pretrained", d=d, fill_opacity=f"{DARKEST * shade / SHADES:.3f}")


def _numbers(graphic: Graphic, shares: NDArray[np.float64], corner: tuple[float, float], size: float) -> None:
    letters = min(SIZE, size * 0.42)
    for row, column in np.argwhere(shares >= LEAST).tolist():
        x, y = corner[0] + (column + 0.5) * size, corner[1] + (row + 0.5) * size + letters * 0.36
        value = f"{100 * shares[row, column]:.0f}"
        graphic.text(x, y, value, anchor="middle", size=round(letters, 1), bold=row == column)


def path_d(points: Sequence[Sequence[float]], side: float) -> str:
    """Places (t 2), as shares of the side, as a path of SVG."""
    return "M" + "L".join(f"{x * side:.1f} {y * side:.1f}" for x, y in points)
