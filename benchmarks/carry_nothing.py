"""The whole chain of probes and comparison, over features that carry nothing."""

from collections.abc import Iterator

import numpy as np
from joblib import Parallel, delayed
from msgspec.structs import replace
from sklearn.model_selection import StratifiedGroupKFold

from trajprobe.compare.comparison import Compare, compare
from trajprobe.compare.leaks import STOP
from trajprobe.compare.scored import Variant
from trajprobe.files.labelling import Labelling
from trajprobe.files.probe_results import RowProbe, VariantProbe
from trajprobe.params import read, section
from trajprobe.probes.network_probes import VariantFeatures, probe_networks
from trajprobe.probes.settings import CodeLength, FewShot, Probe

RUNS = 100
CLASSES, DIMENSIONS, LAYER = 5, 16, "features"
#: Groups, and clips of each, by how the page calls them.
SHAPES = {"200": (200, 1), "200 in 40 groups": (40, 5)}


def nothing(seed: int, groups: int, each: int) -> tuple[bool, bool, bool, bool]:
    """Features that carry nothing, probed and compared as the stages do it.

    Every clip of a group has its group's label and place in feature space, so that a probe which saw the group would
    know the label. Returns whether the gain is called better, whether its interval holds no difference at all, whether
    there is a warning of a row away from chance, and whether one is so far from it that the run would stop.
    """
    generator = np.random.default_rng(seed)
    values = read()
    params = replace(
        section(values, Probe, "probe"),
        few_shot=FewShot(0, 1.0),
        code_length=CodeLength(0, (1.0,)),
        seed=seed,
    )
    of_group = np.repeat(np.arange(groups), each)
    labels = (np.arange(groups) % CLASSES)[of_group]
    folds = np.empty(len(labels), dtype=np.int64)
    splitter = StratifiedGroupKFold(5, shuffle=True, random_state=seed)
    for fold, (_, tested) in enumerate(splitter.split(labels, labels, of_group)):
        folds[tested] = fold
    labelling = Labelling(labels, np.arange(CLASSES).astype(str), of_group, folds, "nothing", 0)

    def variant(network: str, networks: int) -> VariantProbe:
        features = [
            generator.normal(size=(groups, DIMENSIONS))[of_group] + generator.normal(size=(len(labels), DIMENSIONS))
            for _ in range(networks)
        ]
        (probes,) = probe_networks([VariantFeatures(features, in_full=True)], labelling, params, network)
        return VariantProbe(
            network=network, input="plain", layer=LAYER, shape=[1, DIMENSIONS], pca=0, frames=1, trained_frames=None,
            equal_dimensions=DIMENSIONS, networks=probes, features=[],
        )  # fmt: skip

    def probed(name: str, *variants: VariantProbe) -> RowProbe:
        return RowProbe(
            row=name, family=name, labelling="nothing", classifier=params.classifier, shots=[], coded_clips=len(labels),
            uniform_bits=1.0, variants=list(variants),
        )  # fmt: skip

    rows = [probed("net", variant("pretrained", 1), variant("random", 5)), probed("noise", variant("none", 1))]
    settings = replace(section(values, Compare, "compare"), primary="net", leaks="warn")
    found = compare(rows, {"noise": "net"}, "accuracy", labelling, settings)
    gained = found.gains[Variant("net", "pretrained", "plain", LAYER)].verdict
    low, high = gained.difference[1:]
    away = [test.p_value for test in found.leaks]
    return gained.sign > 0, low <= 0 <= high, bool(away), any(p < STOP for p in away)


def shares() -> Iterator[tuple[str, list[float]]]:
    """By the clips, the shares of runs with each outcome of `nothing`."""
    for name, (groups, each) in SHAPES.items():
        runs = Parallel(n_jobs=-1)(delayed(nothing)(seed, groups, each) for seed in range(RUNS))
        yield name, np.array(runs).mean(axis=0).tolist()
