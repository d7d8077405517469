"""The comparison of 40 rows on 50,000 clips, with details and table, beside reading their probe files.

Ten of the rows have five random networks too. The files hold predictions, scores and areas of each network.
"""

from collections.abc import Iterator
from functools import partial

import numpy as np
from measure import ROOT, Row, compared
from msgspec.structs import replace

from trajprobe.compare.comparison import Compare, compare
from trajprobe.files.labelling import Labelling
from trajprobe.files.probe_results import NetworkProbe, RowProbe, VariantProbe, load, save
from trajprobe.params import read, section
from trajprobe.report.details import details
from trajprobe.report.table import table

CLASSES, SEEDS = 10, 5
#: Rows with random networks beside the pretrained one.
GAINS = 10
#: Seconds that it may take.
LIMIT = 60


def network(labels: np.ndarray, generator: np.random.Generator) -> NetworkProbe:
    """One that is right on some 60 % of the clips."""
    wrong = generator.random(len(labels)) < 0.45
    predictions = np.where(wrong, generator.integers(0, CLASSES, len(labels)), labels).tolist()
    areas, bits = (of.round(4).tolist() for of in (generator.random(len(labels)), generator.uniform(0, 4, len(labels))))
    permuted = generator.normal(0.1, 0.002, 20).round(4).tolist()
    return NetworkProbe(predictions, [0.1] * 5, permuted, [0.1] * 20, predictions, [0.3, 0.4, 0.5], areas, bits)


def variant(name: str, networks: list[NetworkProbe]) -> VariantProbe:
    return VariantProbe(name, "plain", "hidden.tmean", [5, 32], 0, 17, 17, 32, networks, [])


def rows(*, quick: bool) -> Iterator[Row]:
    clips, count = (100, 4) if quick else (50_000, 40)
    labels, generator = np.arange(clips) % CLASSES, np.random.default_rng(0)
    draw = partial(network, labels, generator)
    groups = np.arange(clips)
    labelling = Labelling(labels, np.arange(CLASSES).astype(str), groups, groups // CLASSES % 5, "t", 0)
    params = replace(section(read(ROOT / "params.yaml"), Compare, "compare"), primary="row-0")
    names = [f"row-{number}" for number in range(count)]
    for number, name in enumerate(names):
        variants = [variant("pretrained", [draw()])]
        if number < min(GAINS, count):
            variants.append(variant("random", [draw() for _ in range(SEEDS)]))
        save(RowProbe(name, "net", labelling.digest(), "logistic", [1, 2, 4], clips, 3.0 * clips, variants))

    def reading() -> list[RowProbe]:
        return [load(name) for name in names]

    def ours() -> object:
        comparison = compare(
            reading(), dict.fromkeys(names[1:], names[0]), "accuracy", labelling, params, [(0, 1), (2, 3)]
        )
        details(comparison, {})
        return table(comparison, "simulated", params, [], [])

    (row,) = compared("comparison, details and table", ours, {"reading alone": reading}, runs=1 if quick else 2,
                      warm_up=0)  # fmt: skip
    yield row
    yield Row(what="its time", value=row.value, unit="s", at_most=LIMIT)
