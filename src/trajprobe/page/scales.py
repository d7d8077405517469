"""Scales: from values to pixels, with ticks at round numbers."""

import math
from collections.abc import Callable
from typing import NamedTuple

MINUS = "\N{MINUS SIGN}"


class Scale(NamedTuple):
    """From values `low` to `high` to pixels `start` to `end`."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)

    def within(self, value: float) -> float:
        """The pixel of the value, or of the end that is nearer."""
        return self(min(max(value, self.low), self.high))

    def ticks(self, most: int) -> list[float]:
        """At most about so many round values."""
        step = round_step((self.high - self.low) / most)
        first = math.ceil(self.low / step - 1e-9)
        return [number * step for number in range(first, math.floor(self.high / step + 1e-9) + 1)]


def round_step(least: float) -> float:
    """The smallest of ..., 1, 2, 5, 10, ... that is not below `least`."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(step * power for step in (1.0, 2.0, 5.0, 10.0) if step * power >= least * (1 - 1e-9))


def outward(low: float, high: float) -> tuple[float, float]:
    """Round ends around an interval."""
    step = round_step((high - low) / 8 or 0.01)
    return math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step


def spread(places: list[float], apart: float, low: float, high: float) -> list[float]:
    """Places moved as little as it takes to be `apart`, in their order, between `low` and `high` where these have room.

    Neighbours that would overlap are joined, and stand around the middle of their places.
    """
    order = sorted(range(len(places)), key=places.__getitem__)
    blocks: list[tuple[list[int], float]] = []  # who, and where the first stands
    for who in order:
        members, start = [who], places[who]
        while blocks and blocks[-1][1] + len(blocks[-1][0]) * apart > start:
            members = blocks.pop()[0] + members
            middle = sum(places[one] for one in members) / len(members)
            start = middle - (len(members) - 1) * apart / 2
        start = min(max(start, low), max(low, high - (len(members) - 1) * apart))
        blocks.append((members, start))
    moved = [0.0] * len(places)
    for members, start in blocks:
        for number, who in enumerate(members):
            moved[who] = start + number * apart
    return moved


def percent(value: float) -> str:
    return f"{100 * value:z.0f} %"


def point(value: float) -> str:
    """A difference, in points."""
    return f"{100 * value:+z.0f}".replace("-", MINUS) if round(100 * value) else "0"


Label = Callable[[float], str]
