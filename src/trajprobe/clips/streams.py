"""Random numbers of a clip, from a seed, the track's number and a purpose alone.

Neither the label, nor the shard, nor the clips beside it have a say. The numbers are SplitMix64's (Steele, Lea and
Flood 2014, OOPSLA 49, 453): integer arithmetic, so alike on every machine, and the n-th without those before it.
"""

import zlib

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Integers = NDArray[np.int64]
GOLDEN = np.uint64(0x9E3779B97F4A7C15)
#: Added to the numbers of clips of the pool to pretrain on, so that they share none with the clips to be told apart.
POOL = 2**40
#: Added once for each further camera of a scene: a clip of one shares none with the same track's clip of another.
CAMERA = 2**56


def uniform(seed: int, numbers: Integers, purpose: str, count: int) -> Array:
    """Numbers from 0 up to, and without, 1 for each of the tracks `numbers` (n): (n count)."""
    purposes = np.array([seed + (zlib.crc32(purpose.encode()) << 32)], np.uint64)
    keys = _mixed(_mixed(purposes) ^ numbers.astype(np.uint64))
    bits = _mixed(keys[:, None] + np.arange(1, count + 1, dtype=np.uint64) * GOLDEN)
    return (bits >> np.uint64(11)).astype(np.float64) / 2.0**53


def words(seed: int, number: int, purpose: str) -> np.random.SFC64:
    """A generator of 64 random bits at a time, for what needs millions of them."""
    return np.random.SFC64(np.random.SeedSequence([seed, number, zlib.crc32(purpose.encode())]))


def _mixed(bits: NDArray[np.uint64]) -> NDArray[np.uint64]:
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))
