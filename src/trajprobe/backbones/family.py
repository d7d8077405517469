"""Families: family NAME is the module backbones/NAME.py, found by its name. There is no list of them.

A family is a network or a control, which needs no network. `family(NAME)` gives what its module offers as a `Family`,
whose fields have the names that the module gives them:

    network    Architecture  LAYERS  build  preprocess  layer          all five
      codes      DISCRETE  code_bits  from_codes                       all three or none: parts/tokenizer.py has them
      poolings   POOLINGS  pooled                                      both or neither
      one pass   layers                                                several layers in the time of the deepest
      training   FRAMES_PER_TOKEN  PIXELS_PER_TOKEN                    both or neither: the pretrain stage can train it
      others     check_clips  fill_codebook  depth  PACKAGES  load  PRESET
    control    Options  features                                       both; no torch

An optional part that a module lacks has a default. Callers ask `is_network`; `layer in DISCRETE`, which says that there
are `code_bits` and `from_codes`; `pooling in POOLINGS`, which says that there is `pooled`; `FRAMES_PER_TOKEN > 0`; and
`fill_codebook is not None`. Of a network, `depth`, `load`, `layers` and `check_clips` can always be
called. Any other function
that the module lacks raises TypeError.
"""

import importlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from trajprobe.errors import UserError
from trajprobe.params import Parameters, parse

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor, nn

    from trajprobe.files.video_shards import Batch

FOLDER = Path(__file__).parent
NETWORK, CONTROL = ("Architecture", "LAYERS", "build", "preprocess", "layer"), ("Options", "features")
#: Parts that a module has all of, or none.
GROUPS = (
    NETWORK,
    CONTROL,
    ("DISCRETE", "code_bits", "from_codes"),
    ("POOLINGS", "pooled"),
    ("FRAMES_PER_TOKEN", "PIXELS_PER_TOKEN"),
)
Clip = tuple[int, int, int]


def _absent(*_: Any) -> Any:
    raise TypeError("the family does not have this part")


def _takes_all_clips(_architecture: Any, _clip: Clip) -> None:
    """The default of `check_clips`."""


def _no_numbers(_architecture: Any) -> int:
    return -1


@dataclass(frozen=True)
class Family:
    """What the module backbones/NAME.py offers. b: clips, d: channels, t h w: the grid of tokens."""

    name: str  #: NAME
    module: str  #: the module's dotted name; a hash of its code stands for what a network or control computes

    # A network.
    Architecture: type[Parameters] = Parameters  #: its shape; all fields have defaults, or there is a PRESET
    LAYERS: tuple[str, ...] = ()
    build: "Callable[[Any], nn.Module]" = _absent  #: (architecture) -> network with random weights of torch's seed
    preprocess: "Callable[[Tensor, Any], Tensor]" = _absent  #: (uint8 [b t h w c], architecture) -> x [b c t h w]
    layer: "Callable[[Any, Tensor, Any], Tensor]" = _absent  #: (network, x, name or number) -> tokens [b d t h w]

    # Layers that are made of codes; the network has `encode` (x -> latents) and `codes` (latents -> int64 [b t h w]).
    DISCRETE: tuple[str, ...] = ()  #: names of these layers, which are made in float32 alone
    code_bits: "Callable[[Any], int]" = _absent  #: (network) -> bits that a code needs
    from_codes: "Callable[[Any, Tensor, str], Tensor]" = _absent  #: (network, codes, one of DISCRETE) -> as `layer`

    # Poolings of its own, beside those that all families have.
    POOLINGS: tuple[str, ...] = ()
    pooled: "Callable[[Any, Tensor, Any, str], Tensor]" = _absent  #: (network, x, layer, pooling) -> [b t d]

    #: (network, x, keys) -> for each key what `layer` gives of it, or `pooled` where it is a pair (layer, pooling).
    layers: "Callable[[Any, Tensor, Sequence[Any]], list[Tensor]]" = _absent

    # A tokenizer that the pretrain stage can train; the network has `decoder` and an LFQ `quantiser`.
    FRAMES_PER_TOKEN: int = 0  #: the first token stands for one frame, the others for so many
    PIXELS_PER_TOKEN: int = 0  #: a token stands for a square of this side

    fill_codebook: "Callable[[Any, Tensor], None] | None" = None  #: (network with random weights, x), before its use
    depth: Callable[[Any], int] = _no_numbers  #: (architecture) -> number of the last hidden layer; -1: names alone
    PACKAGES: tuple[str, ...] = ()  #: other packages, on whose versions the features' bytes depend
    #: (architecture, folder) -> (network, sha256 of its file), or UserError; by default `weights.build_and_load`.
    load: "Callable[[Any, Path], tuple[nn.Module, str]]" = _absent
    PRESET: str = ""  #: of parts/presets/NAME.yaml, which `architecture: {}` stands for; empty: there are no presets
    _check_clips: Callable[[Any, Clip], None] = _takes_all_clips  #: (architecture, (t h w)) -> ValueError if unfit

    # A control.
    Options: type[Parameters] = Parameters
    features: "Callable[[Batch, Any], NDArray[np.float32]]" = _absent  #: (clips, options) -> float32 [b t d]

    @property
    def is_network(self) -> bool:
        """Whether it is a network."""
        return self.build is not _absent

    @property
    def is_control(self) -> bool:
        """Whether it is a control."""
        return not self.is_network

    def architecture(self, node: dict[str, Any], where: str) -> Parameters:
        """The architecture of a row or recipe, `where` in params.yaml (rows.NAME), from its key `architecture`.

        Raises:
            UserError: it does not fit the family's `Architecture`, or names a preset that does not exist.
        """
        key = f"params.yaml: `{where}.architecture`"
        try:
            values = self.expand(node)
        except ValueError as error:
            raise UserError(f"{key}: {error}") from None
        return parse(values, self.Architecture, key)

    def expand(self, node: dict[str, Any]) -> dict[str, Any]:
        """`architecture` of params.yaml, with all keys of the preset that it names; `{}` names `PRESET`.

        A key beside `preset` replaces the preset's; within a mapping (`config`), each key does. The result, without the
        preset's name, is what features record as their architecture and what weights are compared with.

        Raises:
            ValueError: the preset does not exist, or the family has no such key.
        """
        if not self.PRESET:
            return node
        keys = ("preset", *self.Architecture.__struct_fields__)
        if unknown := [key for key in node if key not in keys]:
            raise ValueError(f"unknown key `{unknown[0]}`; the valid keys are {', '.join(keys)}")
        own = dict(node) or {"preset": self.PRESET}
        if (name := own.pop("preset", None)) is None:
            return own
        presets = self.presets()
        if not isinstance(name, str) or name not in presets:
            raise ValueError(f"got preset `{name}`, expected one of {', '.join(presets)}; {self._table} has them")
        values = dict(presets[name])
        for key, value in own.items():
            is_mapping = isinstance(value, dict) and isinstance(values.get(key), dict)
            values[key] = values[key] | value if is_mapping else value
        return values

    def presets(self) -> dict[str, dict[str, Any]]:
        """Architectures by name, from parts/presets/NAME.yaml.

        Raises:
            UserError: it is no YAML.
        """
        try:
            text = (FOLDER.parents[2] / self._table).read_text(encoding="utf-8")
            presets: dict[str, dict[str, Any]] = YAML(typ="safe").load(text)
        except YAMLError as error:
            raise UserError(f"{self._table}: is no valid YAML: {' '.join(str(error).split())}") from None
        return presets

    @property
    def _table(self) -> Path:
        return FOLDER.relative_to(FOLDER.parents[2]) / "parts" / "presets" / f"{self.name}.yaml"

    def check_clips(self, architecture: Parameters, clip: Clip, where: str) -> None:
        """Refuses clips (t h w) that a network of this architecture can't take.

        Raises:
            UserError: the family's reason, and what to do.
        """
        try:
            self._check_clips(architecture, clip)
        except ValueError as error:
            raise UserError(f"params.yaml: `{where}.clips`: {error}; choose or add another format of `clips`") from None


def family(name: str, part: str = "") -> Family:
    """The family of that name.

    Args:
        part: a part that it must have, such as `build` (a network), `features` (a control) or `FRAMES_PER_TOKEN` (a
            tokenizer that can be trained). Empty: the family is a network or a control.

    Raises:
        UserError: it does not exist, lacks `part`, or its module has some parts of a group in `GROUPS` but not all.
    """
    path = FOLDER / f"{name}.py"
    exists = name.isidentifier() and path.name in {file.name for file in FOLDER.glob("*.py")}  # of any length
    module = importlib.import_module(f"trajprobe.backbones.{name}") if exists else None
    expected = (part,) if part else ("build", "features")
    if module is None or not any(hasattr(module, attribute) for attribute in expected):
        lack = f", which has no {' and no '.join(f'`{attribute}`' for attribute in expected)}" if exists else ""
        raise UserError(
            f"params.yaml: got family `{name}`{lack}, expected one of {', '.join(_names(expected))} (each a file in "
            "src/trajprobe/backbones)"
        )
    attributes = {field.name: field.name.removeprefix("_") for field in fields(Family)[2:]}
    parts = {key: getattr(module, attribute) for key, attribute in attributes.items() if hasattr(module, attribute)}
    _check_groups(parts, path)
    if "build" in parts:
        from trajprobe.backbones.weights import build_and_load  # torch, which no control needs

        parts.setdefault("load", partial(build_and_load, parts["build"]))
        parts.setdefault("layers", partial(_one_by_one, parts))
    return Family(name, module.__name__, **parts)


def _one_by_one(parts: dict[str, Any], network: Any, x: "Tensor", keys: Sequence[Any]) -> "list[Tensor]":
    """The default of `layers`: the network runs once for each."""
    return [
        parts["pooled"](network, x, *key) if isinstance(key, tuple) else parts["layer"](network, x, key) for key in keys
    ]


def _names(parts: tuple[str, ...]) -> list[str]:
    """Families with one of `parts`, by their source: to import them all would be slow."""
    defines = re.compile(rf"^(def ({'|'.join(parts)})\(|({'|'.join(parts)})\b.* = )", re.MULTILINE)
    return sorted(file.stem for file in FOLDER.glob("*.py") if defines.search(file.read_text(encoding="utf-8")))


def _check_groups(parts: dict[str, Any], path: Path) -> None:
    for group in GROUPS:
        missing = [part for part in group if part not in parts]
        if missing and len(missing) < len(group):
            present = ", ".join(part for part in group if part in parts)
            raise UserError(
                f"{path}: has {present} but no {', '.join(missing)}; expected all of {', '.join(group)}, or none"
            )
    if "build" in parts and "features" in parts:
        raise UserError(f"{path}: has `build` and `features`; expected a network or a control, not both")
