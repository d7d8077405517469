"""Error rates and coverage of the comparison behind real cross-validation, of networks that are equally good."""

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from carry_nothing import CLASSES, labelled
from error_rates import ALPHA, CONFIDENCE, percent
from joblib import Parallel, delayed
from msgspec.structs import replace

from trajprobe.compare.confidence import confidence_interval
from trajprobe.compare.distributions import difference, score
from trajprobe.compare.jackknife import jackknife
from trajprobe.compare.metrics import METRICS, Array, Integers
from trajprobe.compare.sample import Sample, Scores
from trajprobe.files.labelling import Labelling
from trajprobe.params import read, section
from trajprobe.probes.network_probes import VariantFeatures, probe_networks
from trajprobe.probes.settings import CodeLength, FewShot, Probe

SIGNAL_RUNS, LAYER_RUNS = 300, 100
#: How far classes stand apart, and how far groups do, in standard deviations of clips.
SIGNAL, PLACE = 1.2, 0.7


@dataclass(frozen=True)
class Setting:
    """What features are drawn from."""

    name: str  #: as the page calls the clips
    groups: int
    each: int  #: clips of a group
    signal: float = SIGNAL
    dimensions: int = 16
    layers: int = 1  #: of a network, all as good as each other
    cameras: int = 1  #: clips of each track

    @property
    def has_parts(self) -> bool:
        """Whether networks have several layers, or tracks several clips."""
        return self.layers > 1 or self.cameras > 1


SETTINGS = (
    Setting("60", 60, 1),
    Setting("60", 60, 1, signal=0.0),
    Setting("60 in 10 groups", 10, 6),
    Setting("200", 200, 1),
    Setting("200 in 10 groups", 10, 20),
)
#: Of networks of several layers, of which each fold chooses one inside train.
LAYER_SETTINGS = (Setting("60", 60, 1, layers=6), Setting("60", 60, 1, layers=12), Setting("200", 200, 1, layers=6))
#: Of tracks that several cameras see.
CAMERA_SETTINGS = tuple(dataclasses.replace(setting, cameras=3) for setting in SETTINGS)
#: The inverse penalty of their probes: one, so that layers alone are chosen, and a run takes seconds.
LAYER_C = 0.1


def features(setting: Setting, seed: int, networks: int = 2) -> tuple[list[list[Array]], Labelling]:
    """Features (n v d) of the layers of networks that are equally good, and the tracks' labels, groups and folds.

    Half of the variance within a class is shared by a network's layers, and by the clips of a track.
    """
    generator, labelling = np.random.default_rng(seed), labelled(setting.groups, setting.each, seed)
    drawn = []
    for _ in range(networks):
        centres = generator.normal(size=(CLASSES, setting.dimensions))
        centres -= centres.mean(axis=0)
        centres *= setting.signal / np.sqrt((centres**2).sum(axis=1).mean())
        count = setting.groups * setting.each
        x = centres[labelling.labels][:, None]
        if setting.has_parts:
            x = x + np.sqrt(0.5) * generator.normal(size=(count, 1, setting.dimensions))
        share = np.sqrt(0.5) if setting.has_parts else 1.0
        size = count, setting.cameras, setting.dimensions
        xs = [x + share * generator.normal(size=size) for _ in range(setting.layers)]
        if setting.each > 1:
            place = PLACE * generator.normal(size=(setting.groups, setting.dimensions))[labelling.groups]
            xs = [x + place[:, None] for x in xs]
        drawn.append(xs)
    return drawn, labelling


def predictions(setting: Setting, seed: int) -> tuple[Integers, Labelling]:
    """Out-of-fold predictions (2 n) of two networks, by the probe of params.yaml."""
    params = replace(
        section(read(), Probe, "probe"), few_shot=FewShot(0, 1.0), code_length=CodeLength(0, (1.0,)), permutations=0,
        seed=seed,
    )  # fmt: skip
    if setting.has_parts:
        params = replace(params, logistic=replace(params.logistic, c=(LAYER_C,)))
    drawn, labelling = features(setting, seed)
    (probed,) = probe_networks([VariantFeatures(drawn, in_full=False)], labelling, params, "signal")
    return np.array([probe.predictions for probe in probed.networks]), labelling


def outcomes(predicted: Integers, labelling: Labelling, truth: float) -> tuple[bool, bool, bool, bool]:
    """Whether the first network is called better or worse, and whether intervals hold no difference and the truth."""
    sample, metric = Sample.of(labelling), METRICS["accuracy"]
    left_out = jackknife(sample.labels, predicted, sample.groups, {"accuracy": metric})["accuracy"]
    correct = (predicted == sample.labels).astype(np.float64)
    first, second = (Scores(correct[of].mean(axis=1), left_out[of], correct[of]) for of in (slice(1), slice(1, None)))
    weights = sample.weights("accuracy")
    found = difference(first, second, weights, further=True)
    low, high = confidence_interval(found, CONFIDENCE)[1:]
    lowest, highest = confidence_interval(score(second, weights), CONFIDENCE)[1:]
    return found.p_greater(0) <= ALPHA, found.p_less(0) <= ALPHA, low <= 0 <= high, lowest <= truth <= highest


def rates(runs: list[tuple[Integers, Labelling]]) -> tuple[float, list[str]]:
    """The mean accuracy, which is taken as the truth, and in %, how often each outcome is."""
    truth = float(np.mean([np.mean(predicted == labelling.labels) for predicted, labelling in runs]))
    return truth, list(map(percent, np.mean([outcomes(*run, truth) for run in runs], axis=0)))


def cross_validated_rates(settings: Sequence[Setting] = SETTINGS) -> Iterator[list[str]]:
    """Lines of the page's table; of networks of parts, with the number of these in place of the dimensions."""
    for setting in settings:
        runs = range(LAYER_RUNS if setting.has_parts else SIGNAL_RUNS)
        truth, shown = rates(Parallel(n_jobs=-1)(delayed(predictions)(setting, seed) for seed in runs))
        parts = max(setting.layers, setting.cameras) if setting.has_parts else setting.dimensions
        yield [setting.name, str(parts), percent(truth), *shown]
