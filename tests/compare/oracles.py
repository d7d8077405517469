"""The statistics again, by plain loops and enumeration: nothing of the code under test."""

from itertools import product
from math import sqrt

import numpy as np
from scipy import stats


def all_samples(values, groups):
    """Means over the clips of all samples of the g groups with replacement, g^g of them, sorted."""
    members = [np.asarray(values)[groups == group] for group in sorted(set(groups.tolist()))]
    return np.sort([np.concatenate(drawn).mean() for drawn in product(members, repeat=len(members))])


def expanded(level, count):
    """The level of a plain percentile interval that Hesterberg (2015) takes for `level`, with `count` groups."""
    return stats.norm.cdf(stats.t.ppf(level, count - 1) * sqrt(count / (count - 1)))


def bootstrap(values, groups, confidence):
    """The interval over all samples; an end that a slightly other level would move is refused: chance would decide."""
    means, count = all_samples(values, groups), len(set(groups.tolist()))
    ends = []
    for level in ((1 - confidence) / 2, (1 + confidence) / 2):
        near = [
            np.quantile(means, expanded(level, count) + shift, method="inverted_cdf") for shift in (-0.004, 0, 0.004)
        ]
        np.testing.assert_allclose(near, [near[1]] * 3)
        ends.append(near[1])
    return ends


def bootstrap_p(values, groups):
    """One-sided p-values of the mean being 0 or less, and 0 or more, over all samples."""
    means, count = all_samples(values, groups), len(set(groups.tolist()))
    shares = (np.mean(means <= 1e-12), np.mean(means >= -1e-12))
    return [stats.t.cdf(stats.norm.ppf(share) * sqrt((count - 1) / count), count - 1) for share in shares]


def prediction(values, confidence):
    """Student's prediction interval of one more value."""
    count = len(values)
    mean = sum(values) / count
    spread = sqrt(sum((value - mean) ** 2 for value in values) / (count - 1))
    return stats.t.interval(confidence, count - 1, mean, spread * sqrt(1 + 1 / count))


def stratified_mean(values, strata):
    """The mean over strata of the mean in each."""
    names = sorted(set(strata.tolist()))
    means = []
    for name in names:
        inside = [value for value, stratum in zip(values, strata, strict=True) if stratum == name]
        means.append(sum(inside) / len(inside))
    return sum(means) / len(names)


def variance_of_mean(values, groups, strata):
    """Of clips in groups: the sums of what each group is away from the mean, squared.

    Of several strata, a clip is away from its stratum's mean, and weighs what it does in the mean over strata; each
    stratum has the factor g / (g - 1) of the groups that it has clips of.
    """
    clips = range(len(values))
    names, total = sorted(set(strata.tolist())), 0.0
    sums = dict.fromkeys(groups.tolist(), 0.0)
    for name in names:
        inside = [clip for clip in clips if strata[clip] == name]
        mean = sum(values[clip] for clip in inside) / len(inside)
        count = len({int(groups[clip]) for clip in inside})
        for clip in inside:
            sums[int(groups[clip])] += (values[clip] - mean) / len(inside) / len(names) * sqrt(count / (count - 1))
    for value in sums.values():
        total += value**2
    return total


def gain_parts(trained, random, groups, strata):
    """Mean, the two parts of its variance before the second is cut off at 0, and their degrees of freedom."""
    seeds, clips = len(random), len(trained)
    scores = [stratified_mean(one, strata) for one in random]
    mean = sum(scores) / seeds
    between = sum((one - mean) ** 2 for one in scores) / (seeds - 1) * (1 + 1 / seeds)
    typical = [sum(one[clip] for one in random) / seeds for clip in range(clips)]
    theirs = 0.0
    for one in random:
        theirs += variance_of_mean([one[clip] - typical[clip] for clip in range(clips)], groups, strata) / seeds
    total = variance_of_mean([trained[clip] - typical[clip] for clip in range(clips)], groups, strata)
    over = total - theirs * seeds / (seeds - 1) * (1 + 1 / seeds)
    return stratified_mean(trained, strata) - mean, between, over, (seeds - 1, len(set(groups.tolist())) - 1)


def gain(trained, random, groups, strata):
    """Mean, standard error and degrees of freedom."""
    mean, between, over, (of_seeds, of_groups) = gain_parts(trained, random, groups, strata)
    over = max(over, 0)
    freedom = (between + over) ** 2 / (between**2 / of_seeds + over**2 / of_groups)
    return mean, sqrt(between + over), freedom


def holm(p):
    """By closed testing: each is as large as the largest Bonferroni p of any subset of tests that it is in."""
    subsets = [[place for place in range(len(p)) if chosen[place]] for chosen in product((False, True), repeat=len(p))]
    return [
        max(min(1, len(subset) * min(p[place] for place in subset)) for subset in subsets if one in subset)
        for one in range(len(p))
    ]
