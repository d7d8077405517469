"""Probes all features of a row: those of every network, from every input."""

from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import Any

from trajprobe.errors import UserError
from trajprobe.files import memory
from trajprobe.files.feature_shards import (
    FEATURES,
    PLAIN,
    REVERSED,
    Coordinates,
    digest,
    folder,
    networks_of,
    read,
)
from trajprobe.files.labelling import LABELLING, Labelling
from trajprobe.files.probe_results import NetworkProbe, RowProbe, VariantProbe
from trajprobe.probes.arrays import Matrix
from trajprobe.probes.code_length import uniform_bits
from trajprobe.probes.few_shot import shots
from trajprobe.probes.network_probes import VariantFeatures, fold_numbers, probe_networks
from trajprobe.probes.settings import Probe
from trajprobe.probes.views import equal_width, own_width

#: Copies of a row's features that are in memory at once, about: shards, and these joined.
COPIES = 2


@dataclass(frozen=True)
class _Stored:
    """The features of a variant, as their folders have them."""

    of: Coordinates  #: without a seed
    features: list[Matrix]  #: (n d), of each network
    shape: list[int]  #: (t d) of a clip's
    recipe: dict[str, Any]  #: of the first network's
    digests: list[str]  #: of each network's features


def line(probed: RowProbe) -> str:
    """What was made."""
    networks = [network for variant in probed.variants for network in variant.networks]
    count = f"{len(networks)} networks, " if len(networks) > 1 else ""
    choices = ", ".join(f"{value:g}" for value in sorted({value for network in networks for value in network.chosen}))
    return f"{probed.row}: {count}{len(networks[0].predictions)} clips; {probed.classifier}, chosen: {choices}"


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
    without_seed = attrgetter("without_seed")
    variants_of = groupby(sorted(networks_of(row), key=without_seed), without_seed)
    every = [_read(list(seeds), labelling) for _, seeds in variants_of]
    if not every:
        raise UserError(f"{FEATURES / row}: no features; `dvc repro` makes them, `dvc pull` fetches them")
    backwards = {each.of._replace(input=PLAIN): each for each in every if each.of.input == REVERSED}
    stored = [each for each in every if each.of.input != REVERSED]
    # What is perturbed is probed for its accuracy alone.
    variants = [
        VariantFeatures(
            each.features,
            in_full=not each.of.is_perturbed,
            backwards=backwards[each.of].features if each.of in backwards else (),
        )
        for each in stored
    ]
    probed = probe_networks(variants, labelling, params, row)
    folds = fold_numbers(labelling.folds)
    train = min(int((labelling.folds != fold).sum()) for fold in folds)
    return RowProbe(
        row=row,
        family=stored[0].recipe["family"],
        labelling=labelling.digest(),
        classifier=params.classifier,
        shots=shots(labelling, folds),
        coded_clips=len(labelling.labels),
        uniform_bits=round(uniform_bits(labelling.labels), 2),
        variants=[
            _variant(each, backwards.get(each.of), networks, train, params)
            for each, networks in zip(stored, probed, strict=True)
        ],
    )


def _read(seeds: list[Coordinates], labelling: Labelling) -> _Stored:
    features, recipes = [], []
    for of in seeds:
        values, recipe = read(folder(of))
        labelling.check_tracks(recipe["tracks"], folder(of))
        features.append(values.reshape(len(values), -1))
        recipes.append(recipe)
    digests = [digest(folder(of)) for of in seeds]
    return _Stored(seeds[0].without_seed, features, list(values.shape[1:]), recipes[0], digests)


def _variant(
    stored: _Stored, backwards: _Stored | None, networks: list[NetworkProbe], train: int, params: Probe
) -> VariantProbe:
    """`train`: clips to train on, in the fold that has the fewest."""
    dimensions = stored.features[0].shape[1]
    own, equal = own_width(train, dimensions, params), equal_width(train, dimensions, params)
    return VariantProbe(
        network=stored.of.network,
        input=stored.of.input,
        layer=stored.of.layer,
        shape=stored.shape,
        pca=own if dimensions > params.pca_above else 0,
        frames=stored.recipe["clips"]["format"]["frames"],
        trained_frames=stored.recipe["weights"].get("trained_frames"),
        equal_dimensions=own if equal is None else equal,
        networks=networks,
        features=stored.digests,
        reversed=backwards.digests if backwards else [],
    )
