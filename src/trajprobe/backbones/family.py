"""Families are modules, found by name: family NAME is backbones/NAME.py. There is no list of them.

What a family's module offers is what the protocols below say.
"""

import importlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast, runtime_checkable

from trajprobe.errors import UserError
from trajprobe.params import Parameters, parse

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor, nn

    from trajprobe.files.video_shards import Batch


class NetworkFamily(Protocol):
    """The module of a network."""

    __name__: str
    Architecture: type[Parameters]
    LAYERS: tuple[str, ...]
    DISCRETE: tuple[str, ...]  #: those of them that are made in float32 alone
    build: "Callable[[Any], nn.Module]"
    preprocess: "Callable[[Tensor, Any], Tensor]"  #: (video, architecture) -> what the network takes
    layer: "Callable[[Any, Tensor, Any], Tensor]"  #: (network, what it takes, layer) -> [b d t h w]


@runtime_checkable
class ChoosyFamily(Protocol):
    """The module of a network that can't take clips of any shape."""

    check_clips: "Callable[[Any, tuple[int, int, int]], None]"  #: ValueError for clips (t h w) that won't do


@runtime_checkable
class CodebookFamily(Protocol):
    """The module of a network with a learned codebook, which random weights can't have without any data."""

    fill_codebook: "Callable[[Any, Tensor], None]"  #: (network, what it takes), before anything else


@runtime_checkable
class CodesFamily(Protocol):
    """The module of a tokenizer: its network offers `encode` and `codes`, and some layers are made of these alone."""

    code_bits: "Callable[[Any], int]"  #: (network) -> bits of a code
    from_codes: "Callable[[Any, Tensor, str], Tensor]"  #: (network, codes, one of DISCRETE) -> what `layer` gives


@runtime_checkable
class DeepFamily(Protocol):
    """The module of a network any of whose hidden layers can be asked for by its number."""

    depth: "Callable[[Any], int]"  #: (architecture) -> the number of the last one; 0 is what the first one gets


@runtime_checkable
class PoolingFamily(Protocol):
    """The module of a network that has more than a grid of tokens."""

    POOLINGS: tuple[str, ...]
    pooled: "Callable[[Any, Tensor, Any, str], Tensor]"  #: (network, what it takes, layer, pooling) -> [b t d]


@runtime_checkable
class LoadingFamily(Protocol):
    """The module of a network whose weights folders are another library's."""

    PACKAGES: tuple[str, ...]  #: what the features' bytes depend on as well
    load: "Callable[[Any, Path], tuple[nn.Module, str]]"  #: (architecture, folder) -> network, sha256 of its file


class TokenizerFamily(NetworkFamily, Protocol):
    """The module of a tokenizer that the pretrain stage can train: one with `decoder`, `bits` and LFQ codes."""

    FRAMES_PER_TOKEN: int  #: the first token stands for one frame, every other one for this many
    PIXELS_PER_TOKEN: int  #: a token stands for a square of this side


class ControlFamily(Protocol):
    """The module of a control that needs no network."""

    __name__: str

    Options: type[Parameters]
    features: "Callable[[Batch, Any], NDArray[np.float32]]"


def network_family(name: str) -> NetworkFamily:
    """The module of family `name`.

    Raises:
        UserError: there is no such family of networks.
    """
    return cast(NetworkFamily, _family(name, "build"))


def tokenizer_family(name: str) -> TokenizerFamily:
    """The module of family `name`, which the pretrain stage can train.

    Raises:
        UserError: there is no such tokenizer.
    """
    return cast(TokenizerFamily, _family(name, "FRAMES_PER_TOKEN"))


def control_family(name: str) -> ControlFamily:
    """The module of control `name`.

    Raises:
        UserError: there is no such control.
    """
    return cast(ControlFamily, _family(name, "features"))


def architecture(family: NetworkFamily, node: dict[str, Any], row: str) -> Parameters:
    """The architecture that a row of params.yaml gives, checked by its family."""
    return parse(node, family.Architecture, f"params.yaml: `{row}.architecture`")


def check_clips(family: NetworkFamily, shape: Parameters, clip: tuple[int, int, int], row: str) -> None:
    """Refuses clips (t h w) that a network of `family` and `shape` can't take.

    Raises:
        UserError: the family's ValueError, and what to do.
    """
    if isinstance(family, ChoosyFamily):
        try:
            family.check_clips(shape, clip)
        except ValueError as error:
            raise UserError(f"params.yaml: `{row}.clips`: {error}; choose or add another format of `clips`") from None


def _family(name: str, offers: str) -> object:
    folder = Path(__file__).parent
    if (folder / f"{name}.py").is_file() and name.isidentifier():
        module = importlib.import_module(f"trajprobe.backbones.{name}")
        if hasattr(module, offers):
            return module
    # Told by their source, since importing them all would be slow.
    defines = re.compile(rf"^(def {offers}\(|{offers}\b.* = )", re.MULTILINE)
    names = sorted(file.stem for file in folder.glob("*.py") if defines.search(file.read_text(encoding="utf-8")))
    raise UserError(
        f"params.yaml: got family `{name}`, expected one of {', '.join(names)} (each a file in src/trajprobe/backbones)"
    )
