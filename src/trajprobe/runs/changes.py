"""What a change made of each row: two runs on the same clips, row by row.

Both runs predict the same clips, so that differences are paired over clips. Networks that both have, by weights or by
the seed of random ones, are paired too: what they are worth by themselves is no part of the difference.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from trajprobe.compare.comparison import Compare, Comparison
from trajprobe.compare.confidence import Estimate
from trajprobe.compare.hypotheses import difference_hypothesis, sample_in_words
from trajprobe.compare.sample import Sample, Scores
from trajprobe.compare.scored import ScoredVariant, Variant
from trajprobe.compare.seeds import Term, contrast
from trajprobe.compare.verdicts import Hypothesis, Verdict, judge


@dataclass(frozen=True)
class Change:
    """Of one number of a row: its score, or its gain over random weights."""

    row: str
    of_gain: bool
    there: Estimate
    here: Estimate
    verdict: Verdict | None  #: on here minus there; None: all predictions are the same, so that nothing is to be tested
    networks: tuple[str, str]  #: that stand for the row there and here
    same_random: bool = False  #: of a gain: its random networks predict the same, so that its test is the row's


@dataclass(frozen=True)
class BothRuns:
    """A row in both runs, by one kind of its networks."""

    here: ScoredVariant
    there: ScoredVariant
    paired: bool  #: they are the same networks

    def scores(self, metric: str) -> tuple[Scores, Scores]:
        return self.here.scores[metric], self.there.scores[metric]

    @property
    def same(self) -> bool:
        """Whether all predictions are."""
        return np.array_equal(self.here.predictions, self.there.predictions)

    def terms(self, sign: int, metric: str, further: tuple[bool, bool] = (False, False)) -> list[Term]:
        """Of here minus there, times `sign`; `further` as `Term` has it, here and there."""
        here, there = self.scores(metric)
        if self.paired:
            return [Term(sign, here.minus(there), further[0])]
        return [Term(sign, here, further[0]), Term(-sign, there, further[1])]

    def words(self, metric: str) -> list[tuple[Variant, Scores]]:
        here, there = self.scores(metric)
        return [(self.here.variant, here)] + ([] if self.paired else [(self.there.variant, there)])


def changes(
    here: Comparison, there: Comparison, same_networks: Mapping[tuple[str, str], bool], sample: Sample, params: Compare
) -> list[Change]:
    """Of each row that both runs have, its score and then its gain, where both have one. One family of tests.

    Args:
        here: one run; its metric is the one that verdicts are on.
        there: the run that it is held against, of the same tested clips.
        same_networks: by row and kind of network, whether both runs have the same ones.
        sample: the tested clips.
        params: of the verdicts.
    """
    metric = here.metric
    hypotheses: dict[tuple[str, bool], Hypothesis] = {}
    sides: dict[tuple[str, bool], BothRuns] = {}
    for row, of in here.main.items():
        main = _side(here, there, of, there.main[row], same_networks)
        sides[row, False] = main
        if not main.same:
            hypotheses[row, False] = score_difference(main, metric, sample)
        if of in here.gains and there.main[row] in there.gains:
            baselines = here.gains[of].baseline, there.gains[there.main[row]].baseline
            random = _side(here, there, *baselines, same_networks)
            sides[row, True] = random
            if not random.same:
                hypotheses[row, True] = gain_difference(main, random, metric, sample)
    judged = judge(list(hypotheses.values()), params.alpha, params.margin, params.confidence, sample.shortage(metric))
    verdicts = dict(zip(hypotheses, judged, strict=True))
    found = []
    for (row, of_gain), side in sides.items():
        mains = there.main[row], here.main[row]
        runs = ((there, mains[0]), (here, mains[1]))
        one, other = (run.gains[of].verdict.difference if of_gain else run.estimates[of][metric] for run, of in runs)
        same_random = of_gain and side.same
        verdict = verdicts.get((row, of_gain and not same_random))
        found.append(Change(row, of_gain, one, other, verdict, (mains[0].network, mains[1].network), same_random))
    return found


def _side(
    here: Comparison, there: Comparison, of: Variant, other: Variant, same: Mapping[tuple[str, str], bool]
) -> BothRuns:
    first, second = here.variants[of], there.variants[other]
    counts = len(first.predictions) == len(second.predictions)
    return BothRuns(first, second, of.network == other.network and counts and same.get((of.row, of.network), False))


def score_difference(main: BothRuns, metric: str, sample: Sample) -> Hypothesis:
    """A row's score here minus that there.

    The same s networks in both runs are s differences d, a sample of what the change does to a network:

        mean of d +- t * sqrt(sd(d)^2 / s + what d varies over clips beyond that)

    as `contrast` has it of one kind of networks. Other networks are two samples, as those of two rows are.
    """
    here, there = main.scores(metric)
    if main.paired and len(here.values) > 1:
        words = sample_in_words(sample, *main.words(metric))
        return Hypothesis(contrast(main.terms(1, metric), sample.weights(metric)), float(there.values.mean()), words)
    return difference_hypothesis(main.here, main.there, metric, sample)


def gain_difference(main: BothRuns, random: BothRuns, metric: str, sample: Sample) -> Hypothesis:
    """A row's gain over random weights here minus that there.

        (pretrained here - random here) - (pretrained there - random there)

    As a gain is, that of a single network is over a further random one: where training gave it nothing, what the change
    does to it is one more draw of what it does to random ones.
    """
    single = [len(scores.values) == 1 for scores in main.scores(metric)]
    several = [len(scores.values) > 1 for scores in random.scores(metric)]
    further = (single[0] and several[0], single[1] and several[1])
    sides = [(1, main, (False, False)), (-1, random, further)]
    moved = [(sign, side, kinds) for sign, side, kinds in sides if not side.same]
    terms = [term for sign, side, kinds in moved for term in side.terms(sign, metric, kinds)]
    words = sample_in_words(sample, *(word for _, side, _ in moved for word in side.words(metric)))
    there = main.there.scores[metric].values.mean()
    return Hypothesis(contrast(terms, sample.weights(metric)), float(there), words)
