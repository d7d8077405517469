"""From clips to features: the arithmetic that a row's features come from, and nothing else.

A recipe hashes the code of this module, so what can't change a feature's bytes stands elsewhere.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from einops import rearrange, reduce
from numpy.typing import NDArray
from torch import Tensor, nn

from trajprobe.errors import UserError

if TYPE_CHECKING:
    from trajprobe.backbones.family import Family
    from trajprobe.params import Parameters
    from trajprobe.rows import View


def tmean(tokens: Tensor) -> Tensor:
    """Mean over space for each token step: [b d t h w] -> [b t d]."""
    return reduce(tokens, "b d t h w -> b t d", "mean")


def tdiff(tokens: Tensor) -> Tensor:
    """Differences of `tmean` from one token step to the next: [b d t h w] -> [b t-1 d]."""
    return tmean(tokens).diff(dim=1)


def mean(tokens: Tensor) -> Tensor:
    """Mean over space and time: [b d t h w] -> [b 1 d]."""
    return reduce(tokens, "b d t h w -> b 1 d", "mean")


def flatten(tokens: Tensor) -> Tensor:
    """All tokens of a step side by side: [b d t h w] -> [b t (h w d)]."""
    return rearrange(tokens, "b d t h w -> b t (h w d)")


def none(tokens: Tensor) -> Tensor:
    """The tokens one by one, for the attentive probe: [b d t h w] -> [b (t h w) d]."""
    return rearrange(tokens, "b d t h w -> b (t h w) d")


POOLINGS: dict[str, Callable[[Tensor], Tensor]] = {f.__name__: f for f in (tmean, tdiff, mean, flatten, none)}


@dataclass(frozen=True)
class Encoding:
    """What is done with a network of a family to make features."""

    family: "Family"
    architecture: "Parameters"
    views: tuple["View", ...]  #: poolings are of `POOLINGS`, or the family's own
    dtype: torch.dtype  #: of weights and activations
    row: str  #: for messages

    def features(self, network: nn.Module, video: Tensor) -> list[Tensor]:
        """Video uint8 [b t h w c] -> features [b t d] of each view; the network runs once."""
        keys = [view if self.is_of_family(view) else view.layer for view in self.views]
        once = list(dict.fromkeys(keys))
        outputs = dict(zip(once, self.family.layers(network, self._input(video), once), strict=True))
        return [
            outputs[key].float() if key is view else pool(_tokens(outputs[key]), view.pooling)
            for key, view in zip(keys, self.views, strict=True)
        ]

    def tokens(self, network: nn.Module, video: Tensor, layers: "Sequence[str | int]") -> list[Tensor]:
        """Video uint8 [b t h w c] -> tokens float32 [b d t h w] of each of `layers`, in one run of the network."""
        return list(map(_tokens, self.family.layers(network, self._input(video), layers)))

    def is_of_family(self, view: "View") -> bool:
        """Whether its pooling is one of the family's own, which needs the network."""
        return view.pooling in self.family.POOLINGS

    def codes(self, network: Any, video: Tensor) -> Tensor:
        """Video uint8 [b t h w c] -> codes int64 [b t h w].

        Raises:
            UserError: latents that are not finite, which a code would hide.
        """
        latents = network.encode(self._input(video))
        if not latents.isfinite().all():
            raise UserError(not_finite(self.row))
        codes: Tensor = network.codes(latents)
        return codes

    def from_codes(self, network: nn.Module, codes: Tensor, layer: str) -> Tensor:
        """Codes int64 [b t h w] -> tokens float32 [b d t h w] of a layer that is made of them, as `tokens` gives it."""
        return _tokens(self.family.from_codes(network, codes, layer))

    def _input(self, video: Tensor) -> Tensor:
        return self.family.preprocess(video, self.architecture).to(self.dtype)


def pool(tokens: Tensor, pooling: str) -> Tensor:
    """Tokens [b d t h w] -> features [b t d]."""
    return POOLINGS[pooling](tokens)


def _tokens(output: Tensor) -> Tensor:
    """Tokens of a family, in float32 and contiguous.

    How a mean is summed depends on the order in memory, and tokens from the store have this one.
    """
    return output.float().contiguous()


def not_finite(row: str) -> str:
    """The message for values that are NaN or infinite."""
    return f"{row}: the network gave values that are not finite; its weights or its input are damaged"


def microbatches(items: NDArray[np.generic], count: int, device: torch.device) -> Iterator[tuple[Tensor, int]]:
    """Items [b ...] on the device, `count` at a time, and how many of these are items: the last ones end in zeros.

    The last bits depend on how many go through a network at once, so all microbatches are of one size.
    """
    tensor = torch.from_numpy(items)
    if device.type == "cuda":
        tensor = tensor.pin_memory()  # a GPU can fetch it while it computes
    for start in range(0, len(tensor), count):
        part = tensor[start : start + count]
        x = part.to(device, non_blocking=True)
        if len(part) < count:
            x = torch.cat([x, x.new_zeros(count - len(part), *x.shape[1:])])
        yield x, len(part)


def pack(codes: NDArray[np.int64], bits: int) -> NDArray[np.uint8]:
    """Codes [b ...] of so many bits each -> bytes [b n], a clip's codes one after another, low bits first."""
    flat = codes.reshape(len(codes), -1, 1)
    return np.packbits(
        (flat >> np.arange(bits) & 1).astype(np.uint8).reshape(len(codes), -1), axis=1, bitorder="little"
    )


def unpack(packed: NDArray[np.uint8], bits: int, shape: tuple[int, ...]) -> NDArray[np.int64]:
    """The codes that `pack` packed; `shape` is that of one clip's codes."""
    flat = np.unpackbits(packed, axis=1, count=bits * int(np.prod(shape)), bitorder="little")
    codes: NDArray[np.int64] = flat.reshape(len(packed), *shape, bits).astype(np.int64) @ (1 << np.arange(bits))
    return codes
