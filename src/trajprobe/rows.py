"""The rows of params.yaml: what a row is, and the variants that it yields. Needs no torch.

A row is a family with its clips, weights, layer and pooling. Where the family has no network, the row is a control.
"""

from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
from msgspec import Meta

from trajprobe.errors import UserError
from trajprobe.files.feature_shards import (
    CLUTTER,
    NO_LAYER,
    NO_NETWORK,
    PERMUTED_WEIGHTS,
    PLAIN,
    PRETRAINED,
    RANDOM,
    REVERSED,
    UNPOOLED,
    Coordinates,
    clutter_input,
)
from trajprobe.params import Parameters, parse, section

#: Where the weights folders are, and what each of them says of its origin.
WEIGHTS, PROVENANCE = Path("data/weights"), "provenance.json"
#: `weights` of a row whose family has no network.
NONE = "none"
#: What a row shares with the row that it is like. It may not have these keys itself.
SHARED = ("architecture", "layer", "pooling", "precision", "keep_tokens")
#: `layer` of a row that has each layer of its network.
ALL = "all"
#: Layers or poolings: each is a probe of every network.
Several = Meta(min_length=1, max_length=200)
#: Names that the summary uses beside those of rows.
RESERVED = ("headline", "data", "pretrain")


class View(NamedTuple):
    """A layer of a network and a pooling of its tokens: what one probe sees."""

    layer: str | int
    pooling: str

    def __str__(self) -> str:
        return f"{self.layer}.{self.pooling}"


class Row(Parameters, frozen=True, kw_only=True):
    """A row of `rows`. DVC reads `family`, `clips`, `weights` and `like`, so every row has them."""

    family: str  #: the module backbones/FAMILY.py
    clips: str  #: a format of `clips`
    weights: str  #: a folder of data/weights; `random`: random weights alone; `none`: the family has no network
    like: str  #: the row whose architecture, layer, pooling and precision this one has; its own name for most rows
    against: str | None = None  #: the row it is held against: by default the row it is like, or `compare.primary`
    architecture: dict[str, Any] = msgspec.field(default_factory=dict)  #: as the family says; {} is its default
    #: One of the family's layers, or the number of a hidden layer where it has such; several of them, or `all`.
    layer: str | int | Annotated[tuple[str | int, ...], Several] | None = None
    pooling: str | Annotated[tuple[str, ...], Several] = (
        "tmean"  #: tmean, tdiff, mean, flatten, or a pooling of the family; or several
    )
    precision: Literal["float32", "tf32", "bfloat16"] = "float32"  #: of the network; codes are made in float32 alone
    #: Whether the features of its one layer are kept token by token as well, for the attentive probe.
    keep_tokens: bool = False
    options: dict[str, Any] = msgspec.field(default_factory=dict)  #: of a family without a network
    #: Inputs of features/perturbations.py, `permuted-weights`, and `clutter`: each level of the format's.
    perturbations: Annotated[tuple[str, ...], Meta(max_length=20)] = ()

    @property
    def is_control(self) -> bool:
        """Whether the family has no network."""
        return self.weights == NONE

    @property
    def views(self) -> list[View]:
        """Each layer with each pooling; of `layer: all`, the family says which layers these are."""
        layers = self.layer if isinstance(self.layer, tuple) else (self.layer or 0,)
        poolings = self.pooling if isinstance(self.pooling, tuple) else (self.pooling,)
        return [View(*view) for view in product(layers, poolings)]

    def views_of(self, network: str, shown: str) -> list[View]:
        """Those that are made of a network and an input: single tokens too, where they are kept and not perturbed."""
        keeps = self.keep_tokens and network != PERMUTED_WEIGHTS and shown == PLAIN
        return self.views + ([View(self.views[0].layer, UNPOOLED)] if keeps else [])


class Run(Parameters, frozen=True):
    """How networks are run over clips (`features` in params.yaml)."""

    seeds: Annotated[int, Meta(ge=2, le=1000)]  #: random networks of each row: seeds 0, 1, ...
    microbatch: Annotated[int, Meta(ge=1, le=10**5)]  #: clips at once, at most; changes the last bits
    memory: Annotated[float, Meta(gt=0.0, le=100_000.0)]  #: GiB for activations: fewer clips at once where it is short
    #: Rows that see all clips backwards too, which takes as long again.
    arrow_of_time: Literal["none", "controls", "all"] = "none"

    def reverses(self, row: Row) -> bool:
        """Whether a row sees all clips backwards too."""
        return self.arrow_of_time == "all" or (self.arrow_of_time == "controls" and row.is_control)


def named_rows(values: dict[str, Any]) -> dict[str, Row]:
    """All rows by name, each with what it shares with the row that it is like.

    Raises:
        UserError: a row is not as `Row` says, has a reserved name, or names a row that is not there.
    """
    return {name: named_row(values, name) for name in section(values, dict[str, Any], "rows")}


def named_row(values: dict[str, Any], name: str) -> Row:
    """One row; raises as `named_rows`."""
    if name in RESERVED:
        raise UserError(f"params.yaml: `rows.{name}`: got a name that the summary uses; rename the row")
    row = section(values, Row, "rows", name)
    where = f"params.yaml: `rows.{name}"
    for key in ("layer", "pooling"):
        several = getattr(row, key)
        if isinstance(several, tuple) and len(set(several)) < len(several):
            raise UserError(f"{where}.{key}`: got {', '.join(map(str, several))}, expected each once")
    if row.keep_tokens and (row.layer == ALL or isinstance(row.layer, tuple)):
        raise UserError(f"{where}.keep_tokens`: got it for several layers, expected one `layer`: leave it out, or both")
    for key in ("like", "against"):
        if getattr(row, key) is not None and getattr(row, key) not in values["rows"]:
            rows = ", ".join(values["rows"])
            raise UserError(f"{where}.{key}`: got `{getattr(row, key)}`, expected a row of `rows`: {rows}")
    if row.like == name:
        return row
    model = section(values, Row, "rows", row.like)
    if model.like != row.like:
        raise UserError(f"{where}.like`: got `{row.like}`, which is like `{model.like}`; expected `{model.like}`")
    for key in ("family", "clips"):
        if getattr(row, key) != getattr(model, key):
            got, expected = getattr(row, key), getattr(model, key)
            raise UserError(
                f"{where}.{key}`: got `{got}`, expected `{expected}`, as in `rows.{row.like}`, which it is like"
            )
    if own := [key for key in SHARED if key in values["rows"][name]]:
        raise UserError(
            f"{where}`: got {' and '.join(f'`{key}`' for key in own)}, expected none: a row has these of "
            f"`rows.{row.like}`, which it is like; leave them out, or write `like: {name}`"
        )
    if RANDOM in (row.weights, model.weights) or NONE in (row.weights, model.weights):
        raise UserError(
            f"{where}.like`: got `{row.like}`, expected `{name}`: only a row with pretrained weights is like another "
            "such row"
        )
    return msgspec.structs.replace(row, **{key: getattr(model, key) for key in SHARED})


def variants(
    name: str,
    row: Row,
    seeds: int,
    trained: int | None = None,
    *,
    reverses: bool = False,
    levels: Sequence[float] = (),
) -> list[Coordinates]:
    """What is made of a row: the networks that it yields, each with its inputs and views; plain inputs first.

    A row with pretrained weights yields these and `seeds` random networks. A row that is like another yields its
    weights alone: the random networks are the other's. Perturbed inputs go through the first network of the row,
    reversed and cluttered ones through each.

    Args:
        name: of the row.
        row: itself.
        seeds: random networks.
        trained: networks that `pretrain` makes of the row's weights, one a seed; None where these are of others.
        reverses: whether the row sees all clips backwards too.
        levels: of clutter, of the row's clips.
    """
    if row.is_control:
        networks = [NO_NETWORK]
    else:
        pretrained = [PRETRAINED] if trained is None else [f"{PRETRAINED}/{seed}" for seed in range(trained)]
        networks = [] if row.weights == RANDOM else pretrained
        networks += [f"{RANDOM}/{seed}" for seed in range(seeds)] if row.like == name else []
    inputs = [PLAIN, REVERSED] if reverses else [PLAIN]
    inputs += map(clutter_input, levels) if CLUTTER in row.perturbations else []
    pairs = [(network, shown) for shown in inputs for network in networks]
    pairs += [
        (PERMUTED_WEIGHTS, PLAIN) if perturbation == PERMUTED_WEIGHTS else (networks[0], perturbation)
        for perturbation in row.perturbations
        if perturbation != CLUTTER
    ]
    return [
        Coordinates(name, *pair, view)
        for pair in pairs
        for view in ([NO_LAYER] if row.is_control else map(str, row.views_of(*pair)))
    ]


def trained_networks(values: dict[str, Any], row: Row) -> int | None:
    """How many networks the recipe of a row's weights trains, one a seed; None where no recipe makes them."""
    return section(values, int, "pretrain", row.weights, "seeds") if row.weights in values["pretrain"] else None


def levels_of(values: dict[str, Any], row: Row) -> tuple[float, ...]:
    """The levels of clutter of a row's clips."""
    of_format = section(values, dict[str, Any], "clips", row.clips)
    return parse(of_format.get("levels", ()), tuple[float, ...], f"params.yaml: `clips.{row.clips}.levels`")


def held_against(values: dict[str, Any]) -> dict[str, str]:
    """For each row but the primary one, the row that it is held against.

    Raises:
        UserError: `compare.primary` is no row.
    """
    rows = named_rows(values)
    primary = section(values, str, "compare", "primary")
    if primary not in rows:
        raise UserError(f"params.yaml: `compare.primary`: got `{primary}`, expected a row of `rows`: {', '.join(rows)}")
    default = {name: row.like if row.like != name else primary for name, row in rows.items()}
    return {name: row.against or default[name] for name, row in rows.items() if name != primary}
