"""What is pooled to features, as it is kept in the store: tokens, or of codes their bits alone."""

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from trajprobe.backbones.family import CodesFamily
from trajprobe.errors import UserError
from trajprobe.features.encoding import NOT_FINITE, Encoding, pack, unpack

Array = NDArray[np.generic]


class Unpooled(Protocol):
    """A form that features take before they are pooled."""

    recipe: dict[str, Any]  #: in place of the features' own

    def of(self, video: Tensor) -> Tensor:
        """Video uint8 [b t h w c] -> what is kept."""

    def pool(self, kept: Tensor) -> Tensor:
        """What was kept -> features [b t d]."""

    def arrays(self, kept: Array) -> dict[str, Array]:
        """What was kept, as a shard holds it."""

    def back(self, arrays: dict[str, Array]) -> Array:
        """What `arrays` was given."""


def unpooled(encoding: Encoding, network: nn.Module) -> Unpooled | None:
    """What can be kept of a row; None where its pooling is one of the network's own."""
    if encoding.own:
        return None
    if encoding.layer in encoding.family.DISCRETE and isinstance(encoding.family, CodesFamily):
        return Codes(encoding, encoding.family, network)
    return Tokens(encoding, network)


class Tokens:
    """Of a layer, float32 [b d t h w]."""

    def __init__(self, encoding: Encoding, network: nn.Module) -> None:
        self.encoding, self.network = encoding, network
        self.pool = encoding.pooled
        self.recipe: dict[str, Any] = {"pooling": None}

    def of(self, video: Tensor) -> Tensor:
        return self.encoding.tokens(self.network, video)

    def arrays(self, kept: Array) -> dict[str, Array]:
        return {"tokens": kept}

    def back(self, arrays: dict[str, Array]) -> Array:
        return arrays["tokens"]


class Codes:
    """int64 [b t h w], in as many bits each as the codebook needs; all layers that are made of codes share them."""

    def __init__(self, encoding: Encoding, family: CodesFamily, network: Any) -> None:
        self.encoding, self.family, self.network = encoding, family, network
        self.bits = family.code_bits(network)
        self.recipe: dict[str, Any] = {"pooling": None, "layer": "codes", "bits": self.bits}

    def of(self, video: Tensor) -> Tensor:
        latents = self.network.encode(self.encoding.input(video))
        if not latents.isfinite().all():  # a code would not tell
            raise UserError(f"{self.encoding.name}: {NOT_FINITE}")
        codes: Tensor = self.network.codes(latents)
        return codes

    def pool(self, kept: Tensor) -> Tensor:
        tokens = self.family.from_codes(self.network, kept, str(self.encoding.layer))
        return self.encoding.pooled(tokens.float().contiguous())

    def arrays(self, kept: Array) -> dict[str, Array]:
        return {"codes": pack(kept.astype(np.int64), self.bits), "shape": np.array(kept.shape[1:])}

    def back(self, arrays: dict[str, Array]) -> Array:
        return unpack(arrays["codes"].astype(np.uint8), self.bits, tuple(int(n) for n in arrays["shape"]))
