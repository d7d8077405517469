"""From clips to pooled features: the arithmetic alone, in microbatches of one size, on which the last bits depend."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from trajprobe.backbones.family import NetworkFamily, PoolingFamily
from trajprobe.errors import UserError
from trajprobe.features.pooling import pooling
from trajprobe.params import Parameters

NOT_FINITE = "the network gave values that are not finite; its weights or its input are damaged"


@dataclass(frozen=True)
class Encoding:
    """What is done with a network of a family."""

    family: NetworkFamily
    shape: Parameters  #: its architecture
    layer: str | int
    pooling: str
    dtype: torch.dtype  #: of weights and activations
    name: str  #: of the row

    def input(self, video: Tensor) -> Tensor:
        """Video uint8 [b t h w c] -> what the network takes."""
        return self.family.preprocess(video, self.shape).to(self.dtype)

    def tokens(self, network: nn.Module, video: Tensor) -> Tensor:
        """Video uint8 [b t h w c] -> tokens float32 [b d t h w], in that order in memory.

        How a mean is summed depends on it, and tokens that were kept in between have the same.
        """
        return self.family.layer(network, self.input(video), self.layer).float().contiguous()

    def pooled(self, tokens: Tensor) -> Tensor:
        """Tokens [b d t h w] -> features [b t d]."""
        return pooling(self.pooling, self.name)(tokens)

    def features(self, network: nn.Module, video: Tensor) -> Tensor:
        """Video uint8 [b t h w c] -> features [b t d]."""
        if self.own is None:
            return self.pooled(self.tokens(network, video))
        return self.own.pooled(network, self.input(video), self.layer, self.pooling).float()

    @property
    def own(self) -> PoolingFamily | None:
        """The family, where the pooling is one of its own."""
        family = self.family
        return family if isinstance(family, PoolingFamily) and self.pooling in family.POOLINGS else None


@torch.inference_mode()
def run(
    of: Callable[[Tensor], Tensor],
    items: NDArray[np.generic],
    size: int,
    device: torch.device,
    tell: Callable[[int], object] = lambda _: None,
) -> NDArray[np.generic]:
    """What `of` makes of items [b ...], `size` at a time, the last ones padded with zeros; tells how many are done."""
    out = []
    for part, count in _parts(torch.from_numpy(items), size, device):
        out.append(of(part)[:count])
        tell(count)
    joined: NDArray[np.generic] = torch.cat(out).cpu().numpy()  # the one place where a GPU is waited for
    return joined


def _parts(items: Tensor, size: int, device: torch.device) -> Iterator[tuple[Tensor, int]]:
    if device.type == "cuda":
        items = items.pin_memory()  # a GPU can fetch it while it computes
    for start in range(0, len(items), size):
        part = items[start : start + size]
        count = len(part)
        x = part.to(device, non_blocking=True)
        if count < size:
            x = torch.cat([x, x.new_zeros(size - count, *x.shape[1:])])
        yield x, count


def finite(values: NDArray[np.generic], name: str) -> NDArray[np.generic]:
    """The same values.

    Raises:
        UserError: some are not finite.
    """
    if not np.isfinite(values).all():
        raise UserError(f"{name}: {NOT_FINITE}")
    return values


def pack(codes: NDArray[np.int64], bits: int) -> NDArray[np.uint8]:
    """Codes [b ...] of so many bits each -> bytes [b n], a clip's codes one after another, low bits first."""
    flat = codes.reshape(len(codes), -1, 1)
    return np.packbits(
        (flat >> np.arange(bits) & 1).astype(np.uint8).reshape(len(codes), -1), axis=1, bitorder="little"
    )


def unpack(packed: NDArray[np.uint8], bits: int, shape: tuple[int, ...]) -> NDArray[np.int64]:
    """What `pack` was given; `shape` is of one clip's codes."""
    each = np.unpackbits(packed, axis=1, count=bits * int(np.prod(shape)), bitorder="little")
    found: NDArray[np.int64] = each.reshape(len(packed), *shape, bits).astype(np.int64) @ (1 << np.arange(bits))
    return found
