"""The variants of a row, scored on the tested clips."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from trajprobe.compare.jackknife import jackknife
from trajprobe.compare.metrics import METRICS, Array, Integers
from trajprobe.compare.sample import ClipMeans, Scores, few_label_means
from trajprobe.files.feature_shards import Coordinates
from trajprobe.files.labelling import Labelling
from trajprobe.files.probe_results import RowProbe, VariantProbe


class Variant(Coordinates):
    """The coordinates of what is scored, without a seed: all seeds of a network are one variant."""


@dataclass(frozen=True)
class ScoredVariant:
    """The scores of a variant, over its networks: one, or a random one for each seed.

    What the probe did not run is empty, or nan.
    """

    variant: Variant
    row: RowProbe
    probe: VariantProbe
    predictions: Integers  #: (networks n), of the n tested clips
    correct: Array  #: (networks n), 1 where the prediction is correct
    scores: dict[str, Scores]  #: of the networks, by the name of the metric
    from_plain: dict[str, Scores]  #: likewise, of the probe of plain clips where the input is cluttered; else empty
    equal_dimensions: float  #: accuracy at equal dimension
    permuted_labels: float  #: accuracy with permuted labels
    few_shot: Array  #: (shots), accuracy
    area: ClipMeans | None  #: of the areas under the few-shot curve, over the clips that its draws test
    code_length: ClipMeans | None  #: of the bits that the online code spends on each clip
    #: (networks n), the share of a tested clip and its reversal that is told right; empty where there are none.
    directions: Array

    @property
    def chosen_layers(self) -> Counter[str]:
        """Of a row of several layers, how many folds of its networks chose each of them inside train."""
        return Counter(layer for network in self.probe.networks for layer in network.chosen_layers)

    @property
    def uniform_code_length(self) -> float:
        """Bits per clip of the labels' code without features."""
        return self.row.uniform_bits / self.row.coded_clips

    @property
    def compression(self) -> float:
        """How many times shorter the labels' code is with the features than without."""
        if self.code_length is None:
            return float("nan")
        return float(self.uniform_code_length / self.code_length.scores.values.mean())


def scored_variants(row: RowProbe, labelling: Labelling) -> Iterator[ScoredVariant]:
    """All variants of a probe file, in its order."""
    for probe in row.variants:
        yield _scored(row, probe, labelling)


def _scored(row: RowProbe, probe: VariantProbe, labelling: Labelling) -> ScoredVariant:
    tested, networks = labelling.folds >= 0, probe.networks
    labels = labelling.labels[tested]
    predictions = np.array([network.predictions for network in networks], dtype=np.int64)[:, tested]
    correct = (predictions == labels).astype(np.float64)
    from_plain = np.array([network.from_plain for network in networks if network.from_plain], dtype=np.int64)
    equal = [np.mean(np.array(network.equal)[tested] == labels) for network in networks if network.equal]
    permuted = [accuracy for network in networks for accuracy in network.permuted]
    curves = np.array([network.few_shot for network in networks if network.few_shot])  # (networks shots)
    areas = np.array([network.few_shot_areas for network in networks], dtype=np.float64)  # None becomes nan
    bits = np.array([network.code_bits for network in networks], dtype=np.float64)
    directions = (
        np.array([network.arrow_of_time for network in networks if network.arrow_of_time], dtype=np.float64) / 2
    )
    drawn = np.isfinite(areas).all(axis=0)
    return ScoredVariant(
        variant=Variant(row.row, probe.network, probe.input, probe.layer),
        row=row,
        probe=probe,
        predictions=predictions,
        correct=correct,
        scores=_scores(predictions, labels, labelling.groups[tested]),
        from_plain=_scores(from_plain[:, tested], labels, labelling.groups[tested]) if from_plain.size else {},
        equal_dimensions=_mean(equal),
        permuted_labels=_mean(permuted),
        few_shot=curves.mean(axis=0) if len(curves) else np.empty(0),
        area=few_label_means(areas[:, drawn], labelling.groups[drawn]) if areas.size else None,
        code_length=few_label_means(bits, labelling.groups) if bits.size else None,
        directions=directions[:, tested] if directions.size else directions,
    )


def _scores(predictions: Integers, labels: Integers, groups: Integers) -> dict[str, Scores]:
    """The scores of predictions (networks n) of clips with these labels (n) and groups (n), by the metric's name."""
    left_out, correct = jackknife(labels, predictions, groups, METRICS), (predictions == labels).astype(np.float64)
    return {
        name: Scores(np.array([metric(labels, predicted) for predicted in predictions]), left_out[name], correct)
        for name, metric in METRICS.items()
    }


def _mean(values: list[float] | list[np.floating]) -> float:
    return float(np.mean(values)) if values else float("nan")
