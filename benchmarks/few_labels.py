"""Coverage of few-shot areas and code lengths behind real probes, of networks that are equally good."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from cross_validated import SETTINGS, Setting, features
from error_rates import ALPHA, CONFIDENCE, percent
from joblib import Parallel, delayed
from msgspec.structs import replace

from trajprobe.compare.confidence import confidence_interval
from trajprobe.compare.distributions import difference, score
from trajprobe.compare.metrics import Array
from trajprobe.compare.sample import ClipMeans, Scores, few_label_means
from trajprobe.compare.seeds import Term, contrast
from trajprobe.params import read, section
from trajprobe.probes.network_probes import VariantFeatures, probe_networks
from trajprobe.probes.settings import Probe

RUNS = 200


class Measured(NamedTuple):
    """What few labels give, of two networks on n clips."""

    areas: ClipMeans
    bits: ClipMeans


def measured(setting: Setting, seed: int) -> Measured:
    """By the probe of params.yaml, as the comparison takes it."""
    params = replace(section(read(), Probe, "probe"), permutations=0, seed=seed)
    drawn, labelling = features(setting, seed)
    (probed,) = probe_networks([VariantFeatures(drawn, in_full=True)], labelling, params, "few labels")
    areas = np.array([probe.few_shot_areas for probe in probed.networks], dtype=np.float64)  # None becomes nan
    tested = np.isfinite(areas).all(axis=0)
    return Measured(
        few_label_means(areas[:, tested], labelling.groups[tested]),
        few_label_means(np.array([probe.code_bits for probe in probed.networks]), labelling.groups),
    )


def parts(means: ClipMeans) -> tuple[Scores, Scores]:
    """The first network, and the second."""
    first, second = (Scores(*(part[of] for part in means.scores)) for of in (slice(1), slice(1, None)))
    return first, second


def outcomes(means: ClipMeans, truth: float, *, share: bool) -> tuple[bool, bool, bool, bool]:
    """Whether the first network has more or less, and whether intervals hold no difference and the truth."""
    first, second = parts(means)
    away = difference(first, second, means.weights, further=True)
    low, high = confidence_interval(away, CONFIDENCE)[1:]
    alone = score(second, means.weights) if share else contrast([Term(1, second)], means.weights)
    lowest, highest = confidence_interval(alone, CONFIDENCE)[1:]
    return away.p_greater(0) <= ALPHA, away.p_less(0) <= ALPHA, low <= 0 <= high, lowest <= truth <= highest


def values(runs: list[Measured], name: str) -> Array:
    """The area, or the bits, of both networks of each run: (runs 2)."""
    return np.array([getattr(run, name).scores.values for run in runs])


def few_label_rates() -> Iterator[list[str]]:
    """Lines of the page's table."""
    for setting in (one for one in SETTINGS if one.signal):
        runs = Parallel(n_jobs=-1)(delayed(measured)(setting, seed) for seed in range(RUNS))
        for name, title in (("areas", "few-shot area"), ("bits", "bits a clip")):
            truth = float(values(runs, name).mean())
            shown = [outcomes(getattr(run, name), truth, share=name == "areas") for run in runs]
            yield [title, setting.name, f"{truth:.2f}", *map(percent, np.mean(shown, axis=0))]
