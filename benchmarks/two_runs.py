"""python benchmarks/two_runs.py: error rates of `trajprobe report --against`, of changes that do nothing; some minutes.

Networks: of 200 clips, some hard, each network has a worth of its own; in both runs it is the same but for a change
that is nothing in the mean and of a standard deviation of 0.2 logits among networks. "Apart" takes them as two samples.
A single pretrained network is one more draw of the random ones. Folds: the same features, probed in other folds.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold

from trajprobe.compare.confidence import ConfidenceDistribution, confidence_interval
from trajprobe.compare.distributions import difference
from trajprobe.compare.sample import ClipWeights, Sample, Scores
from trajprobe.compare.scored import ScoredVariant, scored_variants
from trajprobe.files.feature_shards import PRETRAINED, RANDOM
from trajprobe.files.labelling import Labelling
from trajprobe.files.probe_results import NetworkProbe, RowProbe, VariantProbe
from trajprobe.runs.changes import BothRuns, gain_difference, score_difference

ALPHA, CONFIDENCE = 0.05, 0.95
RUNS, CLIPS, SEEDS = 1500, 200, 5
#: Of the folds: clips, how far classes are apart in standard deviations, features.
FOLD_RUNS, FOLD_SETTINGS = 400, ((60, 1.4, 10), (60, 0.6, 10), (200, 1.0, 20))
LABELLING = Labelling(
    np.arange(CLIPS) % 2, np.array(["a", "b"]), np.arange(CLIPS), np.arange(CLIPS) // 40, tracks="", leaked=0
)
SAMPLE = Sample.of(LABELLING)
Correct = NDArray[np.bool_]


def drawn(generator: np.random.Generator, networks: int, level: float) -> Correct:
    """What networks get right in two runs: (2 networks clips)."""
    shared = generator.normal(size=CLIPS) + 0.4 * generator.normal(size=(networks, 1))
    logits = (
        level + shared + 0.6 * generator.normal(size=(networks, CLIPS)) + 0.2 * generator.normal(size=(2, networks, 1))
    )
    return np.asarray(generator.random(logits.shape) < 1 / (1 + np.exp(-logits)))


def variant(kind: str, correct: Correct) -> ScoredVariant:
    """Networks of a kind by what they get right: (networks clips)."""
    predictions = np.where(correct, LABELLING.labels, 1 - LABELLING.labels)
    networks = [NetworkProbe(predictions=row.tolist(), chosen=[]) for row in predictions]
    of = VariantProbe(kind, "plain", "hidden.tmean", [1, 1], 0, 17, None, 1, networks, [])
    return next(scored_variants(RowProbe("net", "net", LABELLING.digest(), "logistic", [], 1, 1.0, [of]), LABELLING))


def both_runs(kind: str, correct: Correct, *, paired: bool) -> BothRuns:
    here, there = (variant(kind, run) for run in correct)
    return BothRuns(here, there, paired=paired)


def outcomes(distribution: ConfidenceDistribution) -> list[bool]:
    """Whether the change is called better, or worse, and whether its interval holds 0."""
    low, high = confidence_interval(distribution, CONFIDENCE)[1:]
    return [distribution.p_greater(0) <= ALPHA, distribution.p_less(0) <= ALPHA, low <= 0 <= high]


def network_rates() -> Iterator[tuple[str, list[list[bool]]]]:
    for count in (1, 3):
        for paired in (True, False):
            found: dict[str, list[list[bool]]] = {"gain": []} if count == 1 else {"score": [], "gain": []}
            for seed in range(RUNS):
                generator = np.random.default_rng(seed)
                trained, random = drawn(generator, count, 0.5), drawn(generator, SEEDS, 0.0)
                if count == 1:
                    every = drawn(generator, 1 + SEEDS, 0.3)
                    trained, random = every[:, :1], every[:, 1:]
                main = both_runs(PRETRAINED, trained, paired=paired)
                others = both_runs(RANDOM, random, paired=paired)
                if "score" in found:
                    found["score"].append(outcomes(score_difference(main, "accuracy", SAMPLE).difference))
                found["gain"].append(outcomes(gain_difference(main, others, "accuracy", SAMPLE).difference))
            for name, rates in found.items():
                yield f"{name} of {count} pretrained, {SEEDS} random, {'paired' if paired else 'apart'}", rates


def fold_rates() -> Iterator[tuple[str, list[list[bool]]]]:
    for clips, apart, features in FOLD_SETTINGS:
        weights = ClipWeights(np.full(clips, 1 / clips), np.arange(clips), trained=0.8 * clips)
        found = []
        for seed in range(FOLD_RUNS):
            labels = np.arange(clips) % 4
            x = np.random.default_rng(seed).normal(size=(clips, features))
            x[np.arange(clips), labels] += apart
            here, there = (right(x, labels, of) for of in (seed, seed + FOLD_RUNS))
            found.append(outcomes(difference(here, there, weights, further=False)))
        yield f"five other folds, {clips} clips, {apart} apart", found


def right(x: NDArray[np.float64], labels: NDArray[np.int64], seed: int) -> Scores:
    """What a logistic probe gets right, out of five folds."""
    correct = np.empty(len(labels))
    for train, test in StratifiedKFold(5, shuffle=True, random_state=seed).split(x, labels):
        correct[test] = LogisticRegression().fit(x[train], labels[train]).predict(x[test]) == labels[test]
    left_out = (correct.sum() - correct) / (len(correct) - 1)
    return Scores(correct.mean(keepdims=True), left_out[np.newaxis], correct[np.newaxis])


if __name__ == "__main__":
    print("in %: called better, called worse, intervals that hold 0")
    for rates in (network_rates(), fold_rates()):
        for name, found in rates:
            better, worse, inside = 100 * np.mean(found, axis=0)
            print(f"{name}: {better:.1f} {worse:.1f} {inside:.1f}", flush=True)
