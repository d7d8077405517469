"""What the camera's sensor does to frames: blur, drift of brightness, noise, dropped frames. Integers throughout."""

import math
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


def degrade(frames: Bytes, clutter: Clutter, numbers: Integers) -> None:
    """Degrades the frames (n*t h w) of the tracks `numbers` (n) in place."""
    level, times = clutter.level, len(frames) // len(numbers)
    of_blur = kernel(level * clutter.blur * frames.shape[1])
    gains = _gains(level * clutter.drift, clutter, numbers, times)
    dropped = uniform(clutter.seed, numbers, "drops", times) < level * clutter.drops
    for clip, number in enumerate(numbers.tolist()):
        generator = words(clutter.seed, number, "noise") if level * clutter.noise else None
        for time in range(times):
            frame = frames[clip * times + time]
            if time and dropped[clip, time]:
                frame[:] = frames[clip * times + time - 1]
                continue
            if len(of_blur) > 1:
                frame[:] = blurred(frame, of_blur)
            if gains[clip, time] != UNIT:
                brighter = frame * gains[clip, time]
                brighter += UNIT // 2
                brighter >>= SHIFT
                frame[:] = np.minimum(brighter, 255, out=brighter)
            if generator is not None:
                shaken = noise(generator, frame.size, 255 * level * clutter.noise).reshape(frame.shape)
                shaken += frame
                np.maximum(shaken, 0, out=shaken)
                frame[:] = np.minimum(shaken, 255, out=shaken)


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


def blurred(frame: Bytes, weights: list[int]) -> Bytes:
    """A frame (h w), w = 3 x its width, blurred along both axes; its edge goes on for ever."""
    reach = len(weights) - 1
    for axis, step in ((0, 1), (1, 3)):
        length = frame.shape[axis]
        first, last = _along(frame, axis, 0, step), _along(frame, axis, length - step, step)
        padded = np.concatenate([*[first] * reach, frame, *[last] * reach], axis=axis, dtype=np.uint16)
        total = _along(padded, axis, reach * step, length) * np.uint16(weights[0])
        both = np.empty_like(total)
        for distance in range(1, reach + 1):
            before, after = (_along(padded, axis, (reach + side) * step, length) for side in (-distance, distance))
            np.add(before, after, out=both)
            both *= np.uint16(weights[distance])
            total += both
        total += 128
        total >>= 8
        frame = total.astype(np.uint8)
    return frame


def _along(values: NDArray[Any], axis: int, start: int, length: int) -> NDArray[Any]:
    return values[start : start + length] if axis == 0 else values[:, start : start + length]
