"""Probes the networks of a row: their folds and their code lengths, side by side."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from trajprobe.files.labelling import Labelling
from trajprobe.files.probe_results import NetworkProbe
from trajprobe.probes import few_shot, pool
from trajprobe.probes.arrays import Integers, Matrix
from trajprobe.probes.code_length import blocks, code_lengths
from trajprobe.probes.cross_validation import FoldProbe, OuterFold, ViewProbe, probe_fold
from trajprobe.probes.directions import NOT_TESTED, both_ways, correct_directions, directions, fold_of_pairs
from trajprobe.probes.permutation import permuted_labels
from trajprobe.probes.selection import inner_splits
from trajprobe.probes.settings import Probe
from trajprobe.probes.views import ProbedFeatures


class VariantFeatures(NamedTuple):
    """The features of a variant."""

    #: (n v d), of each view of each network, of v clips of each track; or (n d), of one.
    networks: Sequence[Sequence[Matrix]]
    in_full: bool  #: else for the accuracy alone: no permuted labels, few shots, code length, or equal dimension
    #: Likewise, of each view of each network from the clips played backwards, where there are such.
    backwards: Sequence[Sequence[Matrix]] = ()
    #: Likewise, at each level of clutter.
    at_levels: Sequence[Sequence[Sequence[Matrix]]] = ()


class ProbedVariant(NamedTuple):
    """The probes of a variant's networks."""

    networks: list[NetworkProbe]  #: by the view that each fold chose
    views: list[list[NetworkProbe]]  #: by each view of each network, for the accuracy alone
    numbers: list[list[int]]  #: of the view that each fold chose, for each network
    #: (n), of each level of clutter and network, predictions by the probe of the plain clips.
    at_levels: list[list[list[int]]]


def probe_networks(
    variants: Sequence[VariantFeatures], labelling: Labelling, params: Probe, name: str
) -> list[ProbedVariant]:
    """Probes the networks of each of `variants`, all in one pool of processes and under one bar, which bears `name`.

    A variant's permutations are dealt out among its networks, a network's few-shot draws among its folds.

    Raises:
        UserError: there are too few clips or groups for what `params` asks for.
    """
    views = max(len(network) for variant in variants for network in variant.networks)
    outer, coded = outer_folds(labelling, params, choices=views), blocks(labelling.groups, params)
    clips = len(labelling.labels)
    pairs = [fold_of_pairs(fold, clips) for fold in outer]
    calls: list[Callable[[], Any]] = []
    for variant in variants:
        for number, network in enumerate(variant.networks):
            features = [
                ProbedFeatures.of(x, params, [level[number][view] for level in variant.at_levels])
                for view, x in enumerate(network)
            ]
            share = slice(number, None, len(variant.networks)) if variant.in_full else slice(0)
            draws = slice(None) if variant.in_full else slice(0)
            for fold in outer:
                own = replace(fold, permuted=fold.permuted[share], labelled=fold.labelled[draws])
                calls.append(partial(probe_fold, features, labelling.labels, own, variant.in_full, params))
            calls.append(partial(code_lengths, features, labelling.labels, coded[draws], params))
        for forwards, backwards in zip(variant.networks, variant.backwards, strict=bool(variant.backwards)):
            both = zip(forwards, backwards, strict=True)
            features = [ProbedFeatures.of(both_ways(*pair), params) for pair in both]
            calls += [partial(probe_fold, features, directions(clips), fold, False, params) for fold in pairs]
    results = iter(pool.run(calls, name))
    probed = []
    for variant in variants:
        of_clips = [([next(results) for _ in outer], next(results)) for _ in variant.networks]
        of_pairs = [[next(results) for _ in pairs] for _ in variant.backwards] or [[]] * len(variant.networks)
        networks = [_probe(outer, *one, arrow, clips) for one, arrow in zip(of_clips, of_pairs, strict=True)]
        of_views = [_of_views(outer, folds, clips) for folds, _ in of_clips]
        numbers = [[fold.number for fold in folds] for folds, _ in of_clips]
        at_levels = [
            [_out_of_fold(outer, [fold.at_levels[level] for fold in folds], clips) for folds, _ in of_clips]
            for level in range(len(variant.at_levels))
        ]
        probed.append(ProbedVariant(networks, of_views, numbers, at_levels))
    return probed


def fold_numbers(folds: Integers) -> list[int]:
    """The numbers of the folds that are tested."""
    return [int(fold) for fold in np.unique(folds) if fold >= 0]


def outer_folds(labelling: Labelling, params: Probe, *, choices: int = 1) -> list[OuterFold]:
    """Each tested fold, with all permutations and its share of the few-shot draws; `choices` as of `inner_splits`."""
    numbers, labels, groups = fold_numbers(labelling.folds), labelling.labels, labelling.groups
    permuted = permuted_labels(labels, groups, labelling.folds, params)
    drawn, counts = few_shot.samples(labelling, numbers, params), few_shot.shots(labelling, numbers)
    outer = []
    for place, number in enumerate(numbers):
        train, test = np.flatnonzero(labelling.folds != number), np.flatnonzero(labelling.folds == number)
        splits = inner_splits(train, labels, groups, params, choices=choices)
        outer.append(OuterFold(train, test, splits, permuted, drawn[place :: len(numbers)], counts))
    return outer


def _probe(
    outer: Sequence[OuterFold],
    folds: Sequence[FoldProbe],
    code_bits: list[float],
    pairs: Sequence[FoldProbe],
    clips: int,
) -> NetworkProbe:
    tested = sum(len(place.test) for place in outer)
    expected = np.sum([fold.expected_permuted for fold in folds], axis=0) / tested
    curve, areas = _few_shot(outer, folds, clips)
    return NetworkProbe(
        predictions=_out_of_fold(outer, [fold.chosen.predictions for fold in folds], clips),
        chosen=[fold.chosen.value for fold in folds],
        permuted=(np.sum([fold.right_permuted for fold in folds], axis=0) / tested).tolist(),
        permuted_expected=[round(share, 6) for share in expected.tolist()],
        equal=_out_of_fold(outer, [fold.equal for fold in folds if fold.equal is not None], clips),
        few_shot=curve,
        few_shot_areas=areas,
        code_bits=[round(bits, 4) for bits in code_bits],
        at_edge=sum(fold.chosen.at_edge for fold in folds),
        unconverged=sum(not fold.converged for fold in [*folds, *pairs]),
        arrow_of_time=correct_directions(outer, pairs, clips) if pairs else [],
    )


def _of_views(outer: Sequence[OuterFold], folds: Sequence[FoldProbe], clips: int) -> list[NetworkProbe]:
    """By each view of a network."""
    return [joined(outer, view, clips) for view in zip(*(fold.views for fold in folds), strict=True)]


def joined(outer: Sequence[OuterFold], folds: Sequence[ViewProbe], clips: int) -> NetworkProbe:
    """The probes of the folds of one view, of a network on n `clips`."""
    return NetworkProbe(
        predictions=_out_of_fold(outer, [fold.predictions for fold in folds], clips),
        chosen=[fold.value for fold in folds],
        at_edge=sum(fold.at_edge for fold in folds),
        unconverged=sum(not fold.converged for fold in folds),
    )


def _few_shot(
    outer: Sequence[OuterFold], folds: Sequence[FoldProbe], clips: int
) -> tuple[list[float], list[float | None]]:
    """Accuracy for each number of clips a class, and each clip's area under that curve, over the draws that test it."""
    if not any(fold.few_shot for fold in folds):
        return [], []
    counts = outer[0].shots
    accuracies = np.full((len(counts), clips), np.nan)
    for place, fold in zip(outer, folds, strict=True):
        if fold.few_shot:
            accuracies[:, place.test] = np.mean(fold.few_shot, axis=0)
    areas = few_shot.areas_under_curve(accuracies, counts)
    return (
        [round(accuracy, 4) for accuracy in np.nanmean(accuracies, axis=1).tolist()],
        [None if np.isnan(area) else round(area, 4) for area in areas.tolist()],
    )


def _out_of_fold(outer: Sequence[OuterFold], predictions: Sequence[Integers], clips: int) -> list[int]:
    """The folds' predictions in the order of the clips; none where the folds have none."""
    if not predictions:
        return []
    joined = np.full(clips, NOT_TESTED)
    for place, own in zip(outer, predictions, strict=True):
        joined[place.test] = own
    return joined.tolist()
