"""What the camera's sensor does to frames: blur, drift of brightness, noise, dropped frames. Integers throughout."""

import math
from dataclasses import dataclass
from typing import TypeVar

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
#: Bytes of frames that are blurred at once: the buffers then lie in the second cache. With fewer bytes, numpy's calls
#: are so short that threads wait for one another.
BLOCK = 2**18
N = TypeVar("N", bound=np.integer)


def degrade(frames: Bytes, clutter: Clutter, numbers: Integers) -> None:
    """Degrades the frames (n*t h w) of the tracks `numbers` (n) in place."""
    level, times = clutter.level, len(frames) // len(numbers)
    of_blur = kernel(level * clutter.blur * frames.shape[1])
    gains = _gains(level * clutter.drift, clutter, numbers, times).reshape(-1)
    count = max(1, min(BLOCK // frames[0].size, len(frames)))
    buffers = Buffers.of((count, *frames.shape[1:]), len(of_blur) - 1)
    for start in range(0, len(frames), count):
        block = slice(start, start + count)
        is_drifting = (gains[block] != UNIT).any()
        if len(of_blur) > 1 or is_drifting:
            values = blurred(frames[block], of_blur, buffers)
            if is_drifting:
                brighten(values, gains[block])
            np.copyto(frames[block], values[:, :, : frames.shape[2]], casting="unsafe")
    dropped = uniform(clutter.seed, numbers, "drops", times) < level * clutter.drops
    black, white = (_row(value, frames.shape[2], np.int16) for value in (0, 255))
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

    padded: NDArray[np.uint16]  #: (f h + 2 reach, w + 6 reach), frames with their edges
    total: NDArray[np.uint16]  #: (f h w + 6 reach)
    both: NDArray[np.uint16]  #: (f h w + 6 reach)

    @classmethod
    def of(cls, shape: tuple[int, ...], reach: int) -> "Buffers":
        count, height, width = shape
        wide = width + 6 * reach
        shapes = (count, height + 2 * reach, wide), (count, height, wide), (count, height, wide)
        return cls(*(np.empty(each, np.uint16) for each in shapes))


def blurred(frames: Bytes, weights: list[int], buffers: Buffers) -> NDArray[np.uint16]:
    """Frames (f h w) blurred along both axes; their edge goes on for ever. `weights` are those of `kernel`.

    Returns:
        A buffer (f h w + 6 reach): each row is followed by 6 reach values without meaning.
    """
    count, height, width = frames.shape
    reach = len(weights) - 1
    padded, total, both = buffers.padded[:count], buffers.total[:count], buffers.both[:count]
    if not reach:
        total[:] = frames
        return total
    inner = slice(3 * reach, 3 * reach + width)
    padded[:, reach : reach + height, inner] = frames
    padded[:, :reach, inner] = frames[:, :1]
    padded[:, reach + height :, inner] = frames[:, -1:]
    _weigh([padded[:, place : place + height] for place in range(2 * reach + 1)], weights, total, both)
    total >>= 8
    pixels = total.reshape(count, height, -1, 3)
    pixels[:, :, :reach] = pixels[:, :, reach, None]
    pixels[:, :, width // 3 + reach :] = pixels[:, :, width // 3 + reach - 1, None]
    # All rows as one, since numpy takes a moment for each. What mixes the end of one with the next lies behind a frame.
    row, length = total.reshape(-1), total.size - 6 * reach
    shifted = [row[place : place + length] for place in range(0, 6 * reach + 1, 3)]
    values = padded.reshape(-1)[: total.size]
    _weigh(shifted, weights, values[:length], both.reshape(-1)[:length])
    values >>= 8
    return values.reshape(total.shape)


def _weigh(
    shifted: list[NDArray[np.uint16]], weights: list[int], total: NDArray[np.uint16], both: NDArray[np.uint16]
) -> None:
    """Puts 256 times the weighted mean of the values in `total`, and 128 so that it can be rounded down.

    Args:
        shifted: The values, shifted from `reach` places to one side to as many to the other.
        both: A buffer.
    """
    reach = len(weights) - 1
    np.multiply(shifted[reach], np.uint16(weights[0]), out=total)
    total += 128
    for distance, weight in enumerate(weights[1:], 1):
        np.add(shifted[reach - distance], shifted[reach + distance], out=both)
        if weight > 1:
            np.multiply(both, np.uint16(weight), out=both)
        total += both


def brighten(values: NDArray[np.uint16], gains: NDArray[np.uint16]) -> None:
    """Multiplies frames (f h w) of at most 255 by their gains (f), in 1/`UNIT`, in place."""
    flat = values.reshape(len(values), -1)
    flat *= gains[:, None]
    flat += UNIT // 2
    flat >>= SHIFT
    np.minimum(flat, _row(255, flat.shape[1], np.uint16), out=flat)


def _row(value: int, length: int, kind: type[N]) -> NDArray[N]:
    """A row of one number: beside a single number numpy's minimum makes no use of the processor's lanes."""
    return np.full(length, value, kind)
