"""Feature folders: shards of float32 [b t d], in the order of the tracks, with their recipe. Needs no torch.

Four coordinates name a folder: data/features/ROW/NETWORK/INPUT/LAYER.POOLING. They are the words of params.yaml, of
`load_features` and of the table.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from trajprobe.errors import UserError
from trajprobe.files.atomic import sha256
from trajprobe.files.labelling import LABELLING, Labelling
from trajprobe.files.shards import MANIFEST, Shards

FEATURES = Path("data/features")
#: Networks; of random ones, and of those that were trained from several seeds, the part before the seed.
PRETRAINED, RANDOM, PERMUTED_WEIGHTS = "pretrained", "random", "permuted-weights"
#: The network of a row whose family has none, and the layer of its features.
NO_NETWORK, NO_LAYER = "none", "features"
#: In place of LAYER.POOLING, of a row that has several: the one that a probe chose inside train.
CHOSEN = "chosen"
#: The pooling that keeps the tokens of a layer one by one, for the attentive probe.
UNPOOLED = "none"
#: The input that is not perturbed, and that of the same clips played backwards.
PLAIN, REVERSED = "plain", "reversed"
#: The perturbation that stands for all levels of clutter of a row's clips. Its inputs are `clutter-LEVEL`.
CLUTTER = "clutter"


class Coordinates(NamedTuple):
    """What features are of."""

    row: str  #: of params.yaml
    network: str  #: `pretrained[/SEED]`, `random/SEED`, `permuted-weights`, or `none`: the row's family has no network
    input: str  #: `plain`, `reversed`, or the name of a perturbation
    layer: str  #: LAYER.POOLING; `features` for a row whose family has no network

    def __str__(self) -> str:
        return " ".join(word for word in self if word not in (PLAIN, NO_NETWORK, NO_LAYER))

    @property
    def is_perturbed(self) -> bool:
        """Whether the input or the weights are."""
        return self.input != PLAIN or self.network == PERMUTED_WEIGHTS

    @property
    def is_unpooled(self) -> bool:
        """Whether they are single tokens."""
        return self.layer.endswith(f".{UNPOOLED}")

    @property
    def without_seed(self) -> "Coordinates":
        """The same for all seeds of a network."""
        return self._replace(network=self.network.partition("/")[0])


@dataclass(frozen=True)
class Features:
    """The features of one network on n clips, and what a probe needs beside them.

    A scene with v cameras has v clips of each track, one behind the other, in one group.
    """

    features: NDArray[np.float32]  #: [b t d], b = n
    labels: NDArray[np.int64]  #: (n), index in `names`
    names: NDArray[np.str_]  #: (k)
    groups: NDArray[np.int64]  #: (n), clips of one group stand in one fold
    folds: NDArray[np.int64]  #: (n), the fold that tests the clip; -1: a clip that is only trained on
    recipe: dict[str, Any]  #: all that determines the features' bytes

    @property
    def cameras(self) -> int:
        """v, clips of each track."""
        return cameras_of(self.recipe)


def clutter_input(level: float) -> str:
    """The input of clips at a level of clutter."""
    return f"{CLUTTER}-{level:g}"


def level_of(shown: str) -> float | None:
    """The level of clutter of an input; None where it has none of its own."""
    name, _, level = shown.partition("-")
    return float(level) if name == CLUTTER else None


def cameras_of(recipe: Mapping[str, Any]) -> int:
    """How many clips of each track, one by each camera, follow one another in features of this recipe."""
    cameras: int = recipe["clips"]["format"].get("cameras", 1)
    return cameras


def folder(of: Coordinates, root: Path = Path()) -> Path:
    """Where the features of these coordinates stand."""
    return root.joinpath(FEATURES, *of)


def networks_of(row: str, root: Path = Path()) -> list[Coordinates]:
    """The coordinates of all features that data/features/ROW holds, random seeds in the order of their numbers."""
    top = root / FEATURES / row
    names = [path.parent.relative_to(top).as_posix() for path in top.glob(f"**/{MANIFEST}")]
    coordinates = [Coordinates(row, *name.rsplit("/", 2)) for name in names]
    return sorted(
        coordinates, key=lambda of: (of.without_seed.network, _seed(of.network), of.input, *layer_order(of.layer))
    )


def read(place: Path) -> tuple[NDArray[np.float32], dict[str, Any]]:
    """Features [b t d] and recipe of a feature folder.

    Raises:
        UserError: the folder is missing or damaged.
    """
    shards = Shards(place)
    return np.concatenate([arrays["features"] for arrays in shards]), shards.meta


def digest(place: Path) -> str:
    """sha256 over the bytes of all features of a feature folder; the manifest alone is read.

    Raises:
        UserError: the folder is missing, or its manifest is damaged.
    """
    return sha256("".join(shard["sha256"] for shard in Shards(place).shards).encode())


def load_features(
    row: str,
    network: str | None = None,
    input: str = PLAIN,  # noqa: A002 (the coordinate's name)
    layer: str | None = None,
    root: Path | str = Path(),
) -> Features:
    """The features of a row of params.yaml, with labels, folds and groups, for a probe of your own.

    Args:
        row: its name.
        network: `pretrained`, or `pretrained/SEED` where `pretrain` made it; `random/SEED`, `permuted-weights`, or
            `none` for a row without a network; by default the first of these that the row has: `pretrained`,
            `pretrained/0`, `none`, `random/0`.
        input: `plain`, `reversed`, or a perturbation: `shuffled-frames`, `middle-frame`.
        layer: LAYER.POOLING, as `hidden.tmean`; needed only where the row has several. LAYER.none: the tokens one by
            one [b n d], where the row keeps them.
        root: the top of the repository.

    Raises:
        UserError: such features do not exist, or they are of other tracks than the labels.
    """
    root = Path(root)
    place = folder(chosen(row, network, input, layer, root), root)
    features, recipe = read(place)
    labelling = Labelling.load(root / LABELLING)
    labelling.check_tracks(recipe["tracks"], place)
    of_clips = (np.repeat(of, cameras_of(recipe)) for of in (labelling.labels, labelling.groups, labelling.folds))
    labels, groups, folds = of_clips
    return Features(features, labels, labelling.names, groups, folds, recipe)


def chosen(
    row: str,
    network: str | None = None,
    input: str = PLAIN,  # noqa: A002
    layer: str | None = None,
    root: Path = Path(),
) -> Coordinates:
    """The coordinates of the features that `load_features` loads; raises as it does."""
    held = networks_of(row, root)
    defaults = (PRETRAINED, f"{PRETRAINED}/0", NO_NETWORK, f"{RANDOM}/0")
    networks = [network] if network else [name for name in defaults if _has(held, name)]
    layers = {of.layer for of in held if not of.is_unpooled} if layer is None else {layer}
    matching = [of for of in held if of.network in networks[:1] and of.input == input and of.layer in layers]
    if len(matching) != 1:
        raise UserError(_no_features(row, network, input, layer, held, root))
    return matching[0]


def _has(held: list[Coordinates], network: str) -> bool:
    return any(of.network == network for of in held)


def layer_order(layer: str) -> tuple[int, str]:
    """By which LAYER.POOLING are sorted: numbers in their order, behind them names."""
    number = layer.partition(".")[0]
    return (int(number) if number.isdecimal() else sys.maxsize), layer


def _seed(network: str) -> int:
    seed = network.partition("/")[2]
    return int(seed) if seed.isdecimal() else -1


def _no_features(
    row: str, network: str | None, shown: str, layer: str | None, held: list[Coordinates], root: Path
) -> str:
    asked = ", ".join(
        f"{name} {value!r}"
        for name, value in {"row": row, "network": network, "input": shown, "layer": layer}.items()
        if value
    )
    if held:
        expected = f"one of {'; '.join(', '.join(of[1:]) for of in held)} (network, input, layer)"
    else:
        rows = sorted(path.name for path in (root / FEATURES).glob("[!.]*") if path.is_dir())
        expected = f"a row of {', '.join(rows) or 'none'}"
    return (
        f"{root / FEATURES}: got {asked}, expected {expected}; `dvc repro` makes features, `dvc pull` fetches them, "
        "`root` is the top of the repository"
    )
