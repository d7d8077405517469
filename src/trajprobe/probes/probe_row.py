"""Probes all features of a row: those of every network, from every input."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from msgspec.structs import replace

from trajprobe.errors import UserError
from trajprobe.files import memory
from trajprobe.files.feature_shards import (
    CHOSEN,
    FEATURES,
    PERMUTED_WEIGHTS,
    PLAIN,
    REVERSED,
    Coordinates,
    cameras_of,
    digest,
    folder,
    level_of,
    networks_of,
    read,
)
from trajprobe.files.labelling import LABELLING, Labelling
from trajprobe.files.probe_results import NetworkProbe, RowProbe, VariantProbe
from trajprobe.probes.arrays import Matrix
from trajprobe.probes.code_length import uniform_bits
from trajprobe.probes.few_shot import shots
from trajprobe.probes.network_probes import ProbedVariant, VariantFeatures, fold_numbers, probe_networks
from trajprobe.probes.settings import Probe
from trajprobe.probes.views import equal_width, own_width

#: Copies of a row's features that are in memory at once, about: shards, and these joined.
COPIES = 2


@dataclass(frozen=True)
class _Stored:
    """The features of a variant, as their folders have them."""

    of: tuple[str, str]  #: network, without a seed, and input
    layers: list[str]  #: LAYER.POOLING of each view
    features: list[list[Matrix]]  #: (n v d), of each view of each network, of v clips of each track
    shapes: list[list[int]]  #: (t d) of a clip's, of each view
    recipe: dict[str, Any]  #: of the first network's
    digests: list[list[str]]  #: of each network's features, by view


def line(probed: RowProbe) -> str:
    """What was made."""
    networks = [network for variant in probed.variants for network in variant.networks]
    count = f"{len(networks)} networks, " if len(networks) > 1 else ""
    cameras = probed.variants[0].cameras
    of_tracks = f"tracks by {cameras} cameras" if cameras > 1 else "clips"
    choices = ", ".join(f"{value:g}" for value in sorted({value for network in networks for value in network.chosen}))
    return f"{probed.row}: {count}{len(networks[0].predictions)} {of_tracks}; {probed.classifier}, chosen: {choices}"


def probe_row(row: str, params: Probe) -> RowProbe:
    """Probes all features of a row. A network's random seeds are one variant.

    Raises:
        UserError: features are missing, damaged, or of other tracks than the labels.
    """
    labelling = Labelling.load(LABELLING)
    sizes = {path: path.stat().st_size for path in (FEATURES / row).rglob("*.safetensors")}
    pairs = 2 * sum(size for path, size in sizes.items() if path.parts[-3] == REVERSED)  # joined with plain ones
    size = COPIES * sum(sizes.values()) + pairs
    memory.require(size, str(FEATURES / row), "take a pooling of fewer dimensions, or fewer seeds")
    held = networks_of(row)
    tokens = [of for of in held if of.is_unpooled]
    variants_of = groupby(sorted((of for of in held if not of.is_unpooled), key=_variant_of), _variant_of)
    every = [_read(of, list(seeds), labelling) for of, seeds in variants_of]
    if not every:
        raise UserError(f"{FEATURES / row}: no features; `dvc repro` makes them, `dvc pull` fetches them")
    backwards = {each.of[0]: each for each in every if each.of[1] == REVERSED}
    stored = [each for each in every if each.of[1] != REVERSED]
    # What is perturbed is probed for its accuracy alone.
    variants = [
        VariantFeatures(
            each.features,
            in_full=_is_plain(each),
            backwards=of_network.features if (of_network := _backwards(each, backwards)) else (),
            at_levels=[level.features for level in _levels(each, stored)],
        )
        for each in stored
    ]
    probed = _with_levels(stored, probe_networks(variants, labelling, params, row))
    folds = fold_numbers(labelling.folds)
    train = min(int((labelling.folds != fold).sum()) for fold in folds)
    return RowProbe(
        row=row,
        family=stored[0].recipe["family"],
        flop=stored[0].recipe.get("flop"),
        labelling=labelling.digest(),
        classifier=params.classifier,
        shots=shots(labelling, folds),
        coded_clips=len(labelling.labels),
        uniform_bits=round(uniform_bits(labelling.labels), 2),
        variants=[
            variant
            for each, networks in zip(stored, probed, strict=True)
            for variant in _variants(each, _backwards(each, backwards), networks, train, params)
        ]
        + (_attentive(row, tokens, labelling, train, params) if tokens else []),
    )


def _attentive(
    row: str, tokens: list[Coordinates], labelling: Labelling, train: int, params: Probe
) -> list[VariantProbe]:
    """The attentive probes of the row's tokens, of its pretrained networks and of its random ones."""
    from trajprobe.probes.attentive import probe_networks  # torch, which no other probe needs

    stored = [_read(of, list(places), labelling) for of, places in groupby(tokens, _variant_of)]
    networks = [network.reshape(*network.shape[:2], *each.shapes[0]) for each in stored for (network,) in each.features]
    probed = probe_networks(networks, labelling, params, row)
    variants = []
    for each in stored:
        own = [probed.pop(0) for _ in each.features]
        variants.append(replace(_variant(each, None, 0, own, train, params), pca=0, equal_dimensions=0))
    return variants


def _variant_of(of: Coordinates) -> tuple[str, str]:
    """What all seeds and views of a variant share."""
    return of.without_seed.network, of.input


def _backwards(stored: _Stored, backwards: Mapping[str, _Stored]) -> _Stored | None:
    """The same networks' features of the clips played backwards, where there are such."""
    return backwards.get(stored.of[0]) if stored.of[1] == PLAIN else None


def _is_plain(stored: _Stored) -> bool:
    """Whether neither the input nor the weights are perturbed."""
    return stored.of[1] == PLAIN and stored.of[0] != PERMUTED_WEIGHTS


def _levels(plain: _Stored, stored: Sequence[_Stored]) -> list[_Stored]:
    """The same networks' features of the clips at each level of clutter, where there are such."""
    same = [each for each in stored if each.of[0] == plain.of[0]] if _is_plain(plain) else []
    return [each for each in same if level_of(each.of[1]) is not None]


def _with_levels(stored: Sequence[_Stored], probed: Sequence[ProbedVariant]) -> list[ProbedVariant]:
    """The probes, with what those of plain clips predict of cluttered ones beside what their own probes do."""
    by_variant = {each.of: of for each, of in zip(stored, probed, strict=True)}
    for each in stored:
        for level, predictions in zip(_levels(each, stored), by_variant[each.of].at_levels, strict=True):
            of_level = by_variant[level.of]
            networks = [
                replace(network, from_plain=own) for network, own in zip(of_level.networks, predictions, strict=True)
            ]
            by_variant[level.of] = of_level._replace(networks=networks)
    return list(by_variant.values())


def _read(of: tuple[str, str], places: list[Coordinates], labelling: Labelling) -> _Stored:
    """The features of a variant; `places` are in the order of its networks, and of each one's views."""
    layers = [each.layer for each in places if each.network == places[0].network]
    networks: list[list[Matrix]] = []
    recipes, shapes, digests = [], [], [list[str]() for _ in layers]
    for number, place in enumerate(map(folder, places)):
        view = number % len(layers)
        if places[number].layer != layers[view]:
            raise UserError(f"{place}: got it, expected {', '.join(layers)}, as of the first network; run `dvc repro`")
        values, recipe = read(place)
        labelling.check_tracks(recipe["tracks"], place)
        if not view:
            networks.append([])
        cameras = cameras_of(recipe)
        networks[-1].append(values.reshape(len(values) // cameras, cameras, -1))
        recipes.append(recipe)
        shapes.append(list(values.shape[1:]))
        digests[view].append(digest(place))
    return _Stored(of, layers, networks, shapes[: len(layers)], recipes[0], digests)


def _variants(
    stored: _Stored, backwards: _Stored | None, probed: ProbedVariant, train: int, params: Probe
) -> Iterator[VariantProbe]:
    """Of each view; where there are several, first of the chosen one. `train`: as of `_variant`."""
    of_views = [
        _variant(stored, backwards, number, [network[number] for network in probed.views], train, params)
        for number in range(len(stored.layers))
    ]
    if len(of_views) == 1:
        yield replace(of_views[0], networks=probed.networks)
        return
    networks = [
        replace(network, chosen_layers=[stored.layers[number] for number in numbers])
        for network, numbers in zip(probed.networks, probed.numbers, strict=True)
    ]
    widest = max(view.equal_dimensions for view in of_views)
    yield replace(
        of_views[0],
        layer=CHOSEN,
        shape=[],
        pca=0,
        equal_dimensions=widest,
        networks=networks,
        features=[],
        reversed=[],
    )
    yield from of_views


def _variant(
    stored: _Stored, backwards: _Stored | None, view: int, networks: list[NetworkProbe], train: int, params: Probe
) -> VariantProbe:
    """`train`: tracks to train on, in the fold that has the fewest."""
    _, cameras, dimensions = stored.features[0][view].shape
    train *= cameras
    own, equal = own_width(train, dimensions, params), equal_width(train, dimensions, params)
    return VariantProbe(
        network=stored.of[0],
        input=stored.of[1],
        layer=stored.layers[view],
        shape=stored.shapes[view],
        pca=own if dimensions > params.pca_above else 0,
        frames=stored.recipe["clips"]["format"]["frames"],
        cameras=cameras,
        trained_frames=stored.recipe["weights"].get("trained_frames"),
        equal_dimensions=own if equal is None else equal,
        networks=networks,
        features=stored.digests[view],
        reversed=backwards.digests[view] if backwards else [],
    )
