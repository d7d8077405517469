"""Error rates and coverage of the arrow of time, behind real cross-validation."""

from collections.abc import Iterator

import numpy as np
from carry_nothing import labelled, row_probe
from cross_validated import PLACE, Setting
from error_rates import ALPHA, CONFIDENCE, MARGIN, percent
from joblib import Parallel, delayed
from msgspec.structs import replace

from trajprobe.compare.arrow_of_time import arrows
from trajprobe.compare.estimates import ARROW, estimates
from trajprobe.compare.sample import Sample
from trajprobe.compare.scored import scored_variants
from trajprobe.files.labelling import Labelling
from trajprobe.files.probe_results import NetworkProbe
from trajprobe.params import read, section
from trajprobe.probes.arrays import Matrix
from trajprobe.probes.cross_validation import probe_fold
from trajprobe.probes.directions import both_ways, correct_directions, directions, fold_of_pairs
from trajprobe.probes.network_probes import outer_folds
from trajprobe.probes.settings import FewShot, Probe
from trajprobe.probes.views import ProbedFeatures

ARROW_RUNS = 100
RANDOM = 3


#: The signal is how far a clip is from its reversal in the mean, in standard deviations of clips.
SETTINGS = (
    Setting("60", 60, 1, signal=0.0),
    Setting("200", 200, 1, signal=0.0),
    Setting("200 in 10 groups", 10, 20, signal=0.0),
    Setting("200", 200, 1, signal=1.2),
)


def features(setting: Setting, of_group: np.ndarray, generator: np.random.Generator) -> tuple[Matrix, Matrix]:
    """Features (n d) of the clips, and of their reversals.

    Of a clip one part stays when it is reversed, and one changes its sign; each differs among clips and groups. Where
    time runs one way, the second part has a mean.
    """
    parts = []
    for _ in range(2):
        part = generator.normal(size=(len(of_group), setting.dimensions))
        if setting.each > 1:
            part += PLACE * generator.normal(size=(setting.groups, setting.dimensions))[of_group]
        parts.append(part)
    stays, turns = parts
    direction = generator.normal(size=setting.dimensions)
    turns += setting.signal / 2 * direction / np.linalg.norm(direction)
    return stays + turns, stays - turns


def told(setting: Setting, seed: int) -> tuple[np.ndarray, Labelling]:
    """How many directions of each clip's pair are told right (networks n), of a network and random ones as good."""
    generator, labelling = np.random.default_rng(seed), labelled(setting.groups, setting.each, seed)
    params = replace(section(read(), Probe, "probe"), permutations=0, few_shot=FewShot(0, 1.0), seed=seed)
    outer, clips = outer_folds(labelling, params), len(labelling.labels)
    counts = []
    for _ in range(1 + RANDOM):
        pairs = ProbedFeatures.of(both_ways(*features(setting, labelling.groups, generator)), params)
        folds = [probe_fold([pairs], directions(clips), fold_of_pairs(fold, clips), False, params) for fold in outer]
        counts.append(correct_directions(outer, folds, clips))
    return np.array(counts), labelling


def outcomes(counts: np.ndarray, labelling: Labelling, truth: float) -> tuple[bool, ...]:
    """What is said of the first network: above chance, below it, of its interval that it holds the truth; its gain."""
    probes = [NetworkProbe([0] * len(one), [], arrow_of_time=one) for one in counts.tolist()]
    row = row_probe("net", labelling, [], pretrained=probes[:1], random=probes[1:])
    variants = {scored.variant: scored for scored in scored_variants(row, labelling)}
    trained, random = variants
    sample = Sample.of(labelling)
    said = []
    for pair in ({}, {trained: random}):  # each question as a family by itself
        of = {trained: variants[trained]} | ({random: variants[random]} if pair else {})
        said.append(arrows(of, pair, sample, ALPHA, MARGIN, 1 - 2 * ALPHA)[trained])
    chance, gain = said[0].from_chance.difference, said[1].gain
    assert gain
    low, high = estimates(variants[trained], sample, CONFIDENCE, ())[ARROW][1:]
    better, worse = gain.difference.ci_low > 0, gain.difference.ci_high < 0
    return chance.ci_low > 0, chance.ci_high < 0, low <= truth <= high, better, worse


def arrow_rates() -> Iterator[list[str]]:
    """Lines of the page's table."""
    for setting in SETTINGS:
        runs = Parallel(n_jobs=-1)(delayed(told)(setting, seed) for seed in range(ARROW_RUNS))
        truth = float(np.mean([counts for counts, _ in runs])) / 2 if setting.signal else 0.5
        rates = np.mean([outcomes(counts, labelling, truth) for counts, labelling in runs], axis=0)
        yield [setting.name, percent(truth), *map(percent, rates)]
