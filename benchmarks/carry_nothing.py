"""The whole chain of probes and comparison, over features that carry nothing."""

from collections.abc import Iterator

import numpy as np
from error_rates import percent
from joblib import Parallel, delayed
from msgspec.structs import replace
from scipy import stats
from sklearn.model_selection import StratifiedGroupKFold

from trajprobe.compare.comparison import Compare, compare
from trajprobe.compare.leaks import STOP
from trajprobe.compare.scored import Variant
from trajprobe.files.labelling import Labelling
from trajprobe.files.probe_results import NetworkProbe, RowProbe, VariantProbe
from trajprobe.params import read, section
from trajprobe.probes.arrays import Matrix
from trajprobe.probes.network_probes import VariantFeatures, probe_networks
from trajprobe.probes.settings import CodeLength, FewShot, Probe

RUNS = 400
CLASSES, DIMENSIONS, LAYER = 5, 16, "features"
#: Groups, and clips of each, by how the page calls them.
SHAPES = {"60": (60, 1), "200": (200, 1), "200 in 10 groups": (10, 20)}
#: Networks of each kind: a pretrained one and random ones of a row, and the one of the row of noise.
NETWORKS = {"pretrained": 1, "random": 5, "none": 1}


def labelled(groups: int, each: int, seed: int) -> Labelling:
    """Clips of `CLASSES` classes, which each group has if it has several clips, in five folds."""
    of_group = np.repeat(np.arange(groups), each)
    labels = np.arange(len(of_group)) % CLASSES
    folds = np.empty(len(labels), dtype=np.int64)
    splitter = StratifiedGroupKFold(5, shuffle=True, random_state=seed)
    for fold, (_, tested) in enumerate(splitter.split(labels, labels, of_group)):
        folds[tested] = fold
    return Labelling(labels, np.arange(CLASSES).astype(str), of_group, folds, "nothing", 0)


def row_probe(name: str, labelling: Labelling, shots: list[int], **variants: list[NetworkProbe]) -> RowProbe:
    """A probe file: variants by the kind of their networks."""
    parts = [
        VariantProbe(
            network=network,
            input="plain",
            layer=LAYER,
            shape=[1, DIMENSIONS],
            pca=0,
            frames=1,
            trained_frames=None,
            equal_dimensions=DIMENSIONS,
            networks=probes,
            features=[],
        )
        for network, probes in variants.items()
    ]
    return RowProbe(
        row=name, family=name, labelling="nothing", classifier="logistic", shots=shots,
        coded_clips=len(labelling.labels), uniform_bits=1.0, variants=parts,
    )  # fmt: skip


def probed(seed: int, groups: int, each: int) -> tuple[list[RowProbe], Labelling]:
    """Features that carry nothing, probed as the stages do it: a row of networks, and noise.

    The clips of a group have a place of their own in feature space, so that a probe which saw the group would know it.
    """
    generator, labelling = np.random.default_rng(seed), labelled(groups, each, seed)
    params = replace(
        section(read(), Probe, "probe"), few_shot=FewShot(0, 1.0), code_length=CodeLength(0, (1.0,)), seed=seed
    )

    def nothing() -> Matrix:
        place = generator.normal(size=(groups, DIMENSIONS))[labelling.groups]
        return np.asarray(place + generator.normal(size=(groups * each, DIMENSIONS)))

    variants = [VariantFeatures([[nothing()] for _ in range(count)], in_full=True) for count in NETWORKS.values()]
    pretrained, random, none = (each.networks for each in probe_networks(variants, labelling, params, "nothing"))
    net = row_probe("net", labelling, [], pretrained=pretrained, random=random)
    return [net, row_probe("noise", labelling, [], none=none)], labelling


def judged(rows: list[RowProbe], labelling: Labelling) -> tuple[bool, bool, bool, bool, bool]:
    """What the comparison says of nothing.

    Returns whether the gain is better by its test alone, whether anything is called better once Holm's method holds
    both differences to 5 % together, whether the gain's interval holds no difference, whether a row is away from
    chance, and whether one is far from it.
    """
    settings = replace(section(read(), Compare, "compare"), primary="net", leaks="warn")
    pair = Variant("net", "pretrained", "plain", LAYER)
    found = compare(rows, {"noise": "net"}, "accuracy", labelling, settings)
    one_sided = replace(settings, confidence=1 - 2 * settings.alpha)  # the test at alpha is this interval's lower end
    alone = compare(rows, {"noise": "net"}, "accuracy", labelling, one_sided).gains[pair].verdict.difference.ci_low > 0
    verdicts = [found.gains[pair].verdict, *(difference.verdict for difference in found.differences.values())]
    low, high = verdicts[0].difference[1:]
    away = [test.p_value for test in found.leaks]
    return alone, any(one.sign > 0 for one in verdicts), low <= 0 <= high, bool(away), any(p < STOP for p in away)


def run(seed: int, groups: int, each: int) -> tuple[bool, bool, bool, bool, bool]:
    """The outcomes of `judged`, of one run."""
    return judged(*probed(seed, groups, each))


def shares() -> Iterator[tuple[str, list[str]]]:
    """By the clips, the shares of runs with each outcome, in %; after that of the first, its exact interval."""
    for name, (groups, each) in SHAPES.items():
        yield name, in_percent(Parallel(n_jobs=-1)(delayed(run)(seed, groups, each) for seed in range(RUNS)))


def in_percent(runs: list[tuple[bool, bool, bool, bool, bool]]) -> list[str]:
    """The shares of outcomes; the interval is Clopper and Pearson's."""
    better, *rest = np.array(runs).sum(axis=0).tolist()
    ends = stats.binomtest(better, len(runs)).proportion_ci(0.95)
    shown = [percent(count / len(runs)) for count in (better, *rest)]
    return [shown[0], f"{percent(ends.low)} to {percent(ends.high)}", *shown[1:]]
