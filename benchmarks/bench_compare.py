"""python benchmarks/bench_compare.py: the comparison of 40 rows on 50,000 clips, against reading their probe files."""

import os
import time
from contextlib import chdir
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from msgspec.structs import replace

from trajprobe.compare.comparison import Compare, compare
from trajprobe.files.labelling import Labelling
from trajprobe.files.probe_results import NetworkProbe, RowProbe, VariantProbe, load, save
from trajprobe.params import read, section
from trajprobe.report.details import details
from trajprobe.report.table import table

CLIPS, ROWS, CLASSES, SEEDS = 50_000, 40, 10, 5
#: Rows with random networks beside the pretrained one.
GAINS = 10
#: Seconds that it may take.
LIMIT = 60

generator = np.random.default_rng(0)
labels = np.arange(CLIPS) % CLASSES
labelling = Labelling(labels, np.arange(CLASSES).astype(str), np.arange(CLIPS), np.arange(CLIPS) // CLASSES % 5, "t", 0)


def network() -> NetworkProbe:
    """One that is right on some 60 % of the clips."""
    wrong = generator.random(CLIPS) < 0.45
    predictions = np.where(wrong, generator.integers(0, CLASSES, CLIPS), labels).tolist()
    areas, bits = generator.random(CLIPS).round(4).tolist(), generator.uniform(0, 4, CLIPS).round(4).tolist()
    permuted = generator.normal(0.1, 0.002, 20).round(4).tolist()
    return NetworkProbe(predictions, [0.1] * 5, permuted, [0.1] * 20, predictions, [0.3, 0.4, 0.5], areas, bits)


def variant(name: str, count: int) -> VariantProbe:
    networks = [network() for _ in range(count)]
    return VariantProbe(name, "plain", "hidden.tmean", [5, 32], 0, 17, 17, 32, networks, [])


with TemporaryDirectory() as folder, chdir(folder):
    values = read(Path(__file__).parents[1] / "params.yaml")
    params = replace(section(values, Compare, "compare"), primary="row-0")
    names = [f"row-{number}" for number in range(ROWS)]
    for number, name in enumerate(names):
        variants = [variant("pretrained", 1)] + ([variant("random", SEEDS)] if number < GAINS else [])
        save(RowProbe(name, "net", labelling.digest(), "logistic", [1, 2, 4], CLIPS, 3.0 * CLIPS, variants))
    size = sum(path.stat().st_size for path in Path().rglob("*.json"))
    start = time.perf_counter()
    probes = [load(name) for name in names]
    reading = time.perf_counter() - start
    found = compare(probes, dict.fromkeys(names[1:], names[0]), "accuracy", labelling, params, [(0, 1), (2, 3)])
    details(found, {})
    text = table(found, "simulated", params, [], [])
    seconds = time.perf_counter() - start
    print(f"{ROWS} rows, {ROWS + SEEDS * GAINS} networks, {CLIPS:,} clips, {size / 1e6:.0f} MB of probe files")
    print(f"read {reading:.1f} s; with comparison, details and table {seconds:.1f} s ({seconds / reading:.2f} times)")
    print(f"{seconds / LIMIT:.2f} of the limit of {LIMIT} s, on {os.cpu_count()} processors; {len(text):,} characters")
    if seconds > LIMIT:
        raise SystemExit(f"over the limit of {LIMIT} s")
