"""The tested clips as a sample of groups: how a metric weighs them, and how it varies over them."""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from trajprobe.compare.confidence import ROUNDING, Sampling
from trajprobe.compare.group_variance import GroupVariance, group_variance, intraclass_correlation
from trajprobe.compare.metrics import METRICS, Array, Integers
from trajprobe.errors import UserError
from trajprobe.files.labelling import Labelling

#: Fewer groups, fewer clips or a larger group and nothing is judged: `make calibrate` measures no error rate there.
FEWEST_GROUPS, FEWEST_CLIPS, LARGEST_SHARE = 6, 30, 0.5
#: What the choice of training clips adds to the variance of a score over n tested clips, in shares of it: this times
#: n / (training clips)^2, and times the design effect that is expected of groups. Measured by
#: benchmarks/cross_validated.py: without it standard errors are too small by 1.20 for 60 clips, by 1.23 for 60 in 10
#: groups and by 1.14 for 200 in 10 groups.
TRAINING = 14.0
#: By how much variances of few-shot areas and code lengths are larger than those over clips: few labelled clips decide
#: all of them, which is luck that falls like the clips' own. Measured by benchmarks/few_labels.py: without it standard
#: errors are too small by 1.22 to 1.46, for 60 and 200 clips, in groups or not.
FEW_LABELS = 1.9
#: Likewise of how well directions are told, an upper bound. Where features say nothing of them, one clip helps or harms
#: the prediction of another one of another fold just as that one does its own, and each such pair of clips counts twice
#: (the covariance of folds: Bengio and Grandvalet 2004, Journal of Machine Learning Research 5, 1089-1105). Measured on
#: features of benchmarks/arrow_of_time.py, 200 clips: 1.9 at chance, 1.4 where 65 % are told. Without it 10 % of runs
#: were called above chance, and 11 % below.
DIRECTIONS = 2.0
#: Of two clips of a group, as far as the data say nothing of it.
PRIOR_CORRELATION = 0.1


class Scores(NamedTuple):
    """A metric of s networks on n clips of g groups."""

    values: Array  #: (s)
    left_out: Array  #: (s g), without each group
    correct: Array  #: (s n), 1 where the prediction is correct; of another mean over clips, the values

    @property
    def first(self) -> "Scores":
        """The first network: s is 1."""
        return Scores(*(part[:1] for part in self))

    @property
    def mean(self) -> "Scores":
        """The mean network: s is 1."""
        return Scores(*(part.mean(axis=0, keepdims=True) for part in self))

    def minus(self, other: "Scores") -> "Scores":
        """The differences."""
        return Scores(*(mine - theirs for mine, theirs in zip(self, other, strict=True)))


@dataclass(frozen=True)
class ClipWeights:
    """How n clips of g groups count in a metric."""

    of_clip: Array  #: (n), they sum to 1
    of_group: Integers  #: (n), the place of each clip's group
    trained: float = float("inf")  #: clips that the probe of a clip was fitted to
    luck: float = 1.0  #: how much larger variances are for other choices than that of the training clips

    @property
    def widening(self) -> float:
        """How much larger variances are than over clips alone: for `luck`, and the choice of the training clips.

        Clips that one probe predicts share its luck, which no variance over clips shows (Bates, Hastie and Tibshirani
        2024, Journal of the American Statistical Association 119, 1434-1445). Near its optimum a probe's accuracy
        varies with the square of its error, so that the luck's variance falls with the square of the training clips.
        """
        return self.luck + TRAINING * len(self.of_clip) * self.expected_effect / self.trained**2

    @property
    def expected_effect(self) -> float:
        """The design effect of the groups that is expected before the data are seen."""
        return 1 + PRIOR_CORRELATION * (float(self.groups @ self.groups) / float(self.squares.sum()) - 1)

    @cached_property
    def groups(self) -> Array:
        """Weights (g) of the groups."""
        return np.asarray(np.bincount(self.of_group, weights=self.of_clip), dtype=np.float64)

    @cached_property
    def squares(self) -> Array:
        """Sums (g) of the squared weights of the groups' clips."""
        return np.asarray(np.bincount(self.of_group, weights=self.of_clip**2), dtype=np.float64)

    def variance(self, scores: Scores) -> GroupVariance:
        """Variances (s) of the scores over clips that come in groups.

        What a group is away from the mean follows from the metric without it, whatever the metric (the jackknife's
        pseudo-values, Tukey 1958, Annals of Mathematical Statistics 29, 614).
        """
        residuals = (scores.values[:, np.newaxis] - scores.left_out) * (1 - self.groups) / self.groups
        correlation = float(np.mean([intraclass_correlation(row, self.of_group) for row in scores.correct]))
        spread = correlation + (1 - correlation) * self.squares / self.groups**2
        variances, freedom = group_variance(residuals, self.groups, spread)
        return GroupVariance(variances * self.widening, freedom)

    def sampling(self, variance: float, degrees_of_freedom: float) -> Sampling:
        """What the clips say of a mean over them that has this variance."""
        return Sampling(variance, degrees_of_freedom, 1 / float(self.squares.sum()), self.expected_effect)


class ClipMeans(NamedTuple):
    """Means over clips of s networks, all clips alike."""

    scores: Scores
    weights: ClipWeights


def sums_without_groups(values: Array, of_group: Integers) -> Array:
    """Sums of values (s n) over the clips, without each group in turn: (s g); `of_group` (n) from 0."""
    sums = np.stack([np.bincount(of_group, weights=row) for row in values])
    return np.asarray(sums.sum(axis=1, keepdims=True) - sums)


def few_label_means(values: Array, groups: Integers) -> ClipMeans:
    """Of few-shot areas or code lengths (s n) of s networks on n clips of these groups (n)."""
    of_group = np.unique(groups, return_inverse=True)[1]
    left_out = sums_without_groups(values, of_group) / (len(groups) - np.bincount(of_group))
    alike = np.full(len(groups), 1 / len(groups))
    return ClipMeans(Scores(values.mean(axis=1), left_out, values), ClipWeights(alike, of_group, luck=FEW_LABELS))


@dataclass(frozen=True)
class Sample:
    """The n tested clips."""

    labels: Integers  #: (n)
    groups: Integers  #: (n)
    folds: Integers  #: (n), the fold that tests each
    trained: float = float("inf")  #: clips that the probe of a tested clip was fitted to, in the mean

    @classmethod
    def of(cls, labelling: Labelling) -> "Sample":
        """The tested clips of a data set.

        Raises:
            UserError: all are of one group.
        """
        tested = labelling.folds >= 0
        trained = len(labelling.folds) - np.bincount(labelling.folds[tested])
        sample = cls(
            labelling.labels[tested],
            labelling.groups[tested],
            labelling.folds[tested],
            float(trained[labelling.folds[tested]].mean()),
        )
        if sample.group_count < 2:
            raise UserError(
                "compare: all tested clips are of one group, so nothing has an interval; give more `groups`"
            )
        return sample

    @property
    def group_count(self) -> int:
        return int(self._of_group.max()) + 1

    def weights(self, metric: str) -> ClipWeights:
        """All clips alike, or all classes alike, as the metric has it."""
        counts = np.bincount(self.labels)
        by_class = 1 / counts[self.labels] / np.count_nonzero(counts)
        alike = np.full(len(self.labels), 1 / len(self.labels))
        return ClipWeights(by_class if METRICS[metric].by_class else alike, self._of_group, self.trained)

    @cached_property
    def _of_group(self) -> Integers:
        return np.unique(self.groups, return_inverse=True)[1]

    def shortage(self, metric: str) -> str | None:
        """What there is too little of to judge a difference, or None."""
        if len(self.labels) < FEWEST_CLIPS:
            return "too few clips"
        few = self.group_count < FEWEST_GROUPS or self.weights(metric).groups.max() > LARGEST_SHARE - ROUNDING
        return "too few groups" if few else None

    def __str__(self) -> str:
        clips = f"n = {len(self.groups):,} clips"
        return clips + (f" in {self.group_count:,} groups" if self.group_count < len(self.groups) else "")
