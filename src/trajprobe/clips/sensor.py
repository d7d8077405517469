"""What the camera's sensor does to frames: blur, drift of brightness, noise, dropped frames. Integers throughout."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trajprobe.clips.canvas import Bytes, Integers
from trajprobe.clips.clutter import Clutter
from trajprobe.clips.streams import uniform, words

#: Four random bytes have a sum of this mean and standard deviation: 4 (256^2 - 1) / 12 is its square.
MEAN, DEVIATION = 510, math.sqrt(4 * (256**2 - 1) / 12)
#: Every second byte of a word of 64 bits.
BYTES = np.uint64(0x00FF00FF00FF00FF)
#: Of brightness: twice as much is within 16 bits.
SHIFT = 7
UNIT = 2**SHIFT
#: Bytes of frames that are blurred at once. Fewer stay in a nearer cache, but threads then wait for one another.
BLOCK = 2**20


def degrade(frames: Bytes, clutter: Clutter, numbers: Integers) -> None:
    """Degrades the frames (n*t h w) of the tracks `numbers` (n) in place."""
    level, times = clutter.level, len(frames) // len(numbers)
    of_blur = kernel(level * clutter.blur * frames.shape[1])
    gains = _gains(level * clutter.drift, clutter, numbers, times).reshape(-1)
    count = max(1, min(BLOCK // frames[0].size, len(frames)))
    buffers = Buffers.of((count, *frames.shape[1:]), len(of_blur) - 1)
    for start in range(0, len(frames), count):
        block = slice(start, start + count)
        if len(of_blur) > 1:
            blur(frames[block], of_blur, buffers)
        if (gains[block] != UNIT).any():
            brighten(frames[block], gains[block], buffers)
    dropped = uniform(clutter.seed, numbers, "drops", times) < level * clutter.drops
    # Rows: beside a single number numpy's minimum makes no use of the processor's lanes.
    black, white = (np.full(frames.shape[2], value, np.int16) for value in (0, 255))
    for clip, number in enumerate(numbers.tolist()):
        generator = words(clutter.seed, number, "noise") if level * clutter.noise else None
        for time in range(times):
            frame = frames[clip * times + time]
            if time and dropped[clip, time]:
                frame[:] = frames[clip * times + time - 1]
            elif generator is not None:
                shaken = noise(generator, frame.size, 255 * level * clutter.noise).reshape(frame.shape)
                shaken += frame
                np.maximum(shaken, black, out=shaken)
                frame[:] = np.minimum(shaken, white, out=shaken)


def _gains(share: float, clutter: Clutter, numbers: Integers, times: int) -> NDArray[np.uint16]:
    """By what each frame's brightness is multiplied, in 1/`UNIT`: (n t), from one random share to another."""
    ends = 1 + min(share, 1.0) * (2 * uniform(clutter.seed, numbers, "drift", 2) - 1)
    moment = np.arange(times) / max(times - 1, 1)
    return np.floor(UNIT * (ends[:, :1] + (ends[:, 1:] - ends[:, :1]) * moment) + 0.5).astype(np.uint16)


def noise(generator: np.random.SFC64, count: int, deviation: float) -> NDArray[np.int16]:
    """Random numbers of mean 0 and standard deviation `deviation`: sums of four random bytes, scaled: (count)."""
    factor, shift = min(deviation, 255.0) / DEVIATION, 10
    while factor * 2**shift >= 63.5:  # 510 times it is within 16 bits
        shift -= 1
    lanes = -(-count // 4)  # four numbers a word
    raw = generator.random_raw(2 * lanes)
    pairs = raw & BYTES
    raw >>= np.uint64(8)
    raw &= BYTES
    pairs += raw
    sums: NDArray[np.int16] = (pairs[:lanes] + pairs[lanes:]).view(np.int16)[:count]
    sums -= MEAN
    sums *= round(factor * 2**shift)
    sums += 2**shift // 2
    sums >>= shift
    return sums


def kernel(sigma: float) -> list[int]:
    """A Gaussian's weights from its middle outwards, in 1/256: those on both sides add up to 256."""
    reach = math.ceil(3 * sigma)
    weights = [math.exp(-((x / sigma) ** 2) / 2) for x in range(1, reach + 1)] if sigma > 0 else []
    total = 1 + 2 * sum(weights)
    rounded = [math.floor(256 * weight / total + 0.5) for weight in weights]
    rounded = [weight for weight in rounded if weight]
    return [256 - 2 * sum(rounded), *rounded]


@dataclass(frozen=True)
class Buffers:
    """Memory for f frames (h w) at a time, w = 3 x their width: fresh memory for each step would take longer to get."""

    tall: NDArray[np.uint16]  #: (f h + 2 reach, w), frames with their edges
    wide: NDArray[np.uint16]  #: (f h, w + 6 reach), likewise
    total: NDArray[np.uint16]  #: (f h w)
    both: NDArray[np.uint16]  #: (f h w)

    @classmethod
    def of(cls, shape: tuple[int, ...], reach: int) -> "Buffers":
        count, height, width = shape
        shapes = (count, height + 2 * reach, width), (count, height, width + 6 * reach), shape, shape
        return cls(*(np.empty(each, np.uint16) for each in shapes))


def blur(frames: Bytes, weights: list[int], buffers: Buffers) -> None:
    """Blurs frames (f h w) along both axes in place; their edge goes on for ever. `weights` are those of `kernel`."""
    reach, count = len(weights) - 1, len(frames)
    total, both = buffers.total[:count], buffers.both[:count]
    for axis, step, padded in ((1, 1, buffers.tall[:count]), (2, 3, buffers.wide[:count])):
        length = frames.shape[axis]
        _along(padded, axis, reach * step, length)[:] = frames
        for place in range(reach):
            _along(padded, axis, place * step, step)[:] = _along(frames, axis, 0, step)
            behind = _along(padded, axis, (reach + place) * step + length, step)
            behind[:] = _along(frames, axis, length - step, step)
        np.multiply(_along(padded, axis, reach * step, length), np.uint16(weights[0]), out=total)
        for distance in range(1, reach + 1):
            before, after = (_along(padded, axis, (reach + side) * step, length) for side in (-distance, distance))
            np.add(before, after, out=both)
            np.multiply(both, np.uint16(weights[distance]), out=both)
            total += both
        total += 128
        total >>= 8
        np.copyto(frames, total, casting="unsafe")


def brighten(frames: Bytes, gains: NDArray[np.uint16], buffers: Buffers) -> None:
    """Multiplies frames (f h w) by their gains (f), in 1/`UNIT`, in place."""
    total = buffers.total[: len(frames)]
    np.multiply(frames, gains[:, None, None], out=total)
    total += UNIT // 2
    total >>= SHIFT
    np.minimum(total, np.full(frames.shape[2], 255, np.uint16), out=total)
    np.copyto(frames, total, casting="unsafe")


def _along(values: NDArray[Any], axis: int, start: int, length: int) -> NDArray[Any]:
    return values[:, start : start + length] if axis == 1 else values[:, :, start : start + length]
