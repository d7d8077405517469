"""The statistics again, by plain loops and enumeration: nothing of the code under test."""

from itertools import product
from math import sqrt

import numpy as np
from scipy import optimize, stats


def prediction(values, confidence):
    """Student's prediction interval of one more value."""
    count = len(values)
    mean = sum(values) / count
    spread = sqrt(sum((value - mean) ** 2 for value in values) / (count - 1))
    return stats.t.interval(confidence, count - 1, mean, spread * sqrt(1 + 1 / count))


def correlation_in_groups(values, groups):
    """The intraclass correlation by analysis of variance, from 0 to 1."""
    names, clips = sorted(set(groups)), len(values)
    if len(names) == clips:
        return 0
    mean, members = sum(values) / clips, {name: [] for name in names}
    for value, group in zip(values, groups, strict=True):
        members[group].append(value)
    between = sum(len(inside) * (sum(inside) / len(inside) - mean) ** 2 for inside in members.values())
    within = sum((value - sum(inside) / len(inside)) ** 2 for inside in members.values() for value in inside)
    between, within = between / (len(names) - 1), within / (clips - len(names))
    size = (clips - sum(len(inside) ** 2 for inside in members.values()) / clips) / (len(names) - 1)
    total = between + (size - 1) * within
    return min(1, max(0, (between - within) / total)) if total else 0


def variance_of_mean(values, groups, correlation=None):
    """Of clips in groups, and its degrees of freedom: by a matrix of what each group is away from the mean."""
    names, clips = sorted(set(groups)), len(values)
    members = [[value for value, group in zip(values, groups, strict=True) if group == name] for name in names]
    rho = correlation_in_groups(values, groups) if correlation is None else correlation
    share = np.array([len(inside) / clips for inside in members])
    spread = np.array([rho + (1 - rho) / len(inside) for inside in members])
    away = np.array([sum(inside) / len(inside) for inside in members]) - sum(values) / clips
    maker = np.eye(len(names)) - np.outer(np.ones(len(names)), share)
    expected = np.diag(maker @ np.diag(spread) @ maker.T)
    return float(np.sum(share**2 * away**2 * spread / expected)), 1 / sum(share**2) - 1


def seeds(random, groups):
    """The variance of accuracies among seeds, and how much of it each network's luck on these clips makes."""
    count, clips = len(random), len(random[0])
    scores = [sum(one) / clips for one in random]
    mean = sum(scores) / count
    variance = sum((score - mean) ** 2 for score in scores) / (count - 1)
    typical = [sum(one[clip] for one in random) / count for clip in range(clips)]
    rows = [[one[clip] - typical[clip] for clip in range(clips)] for one in random]
    correlation = sum(correlation_in_groups(row, groups) for row in rows) / count
    luck = sum(variance_of_mean(row, groups, correlation)[0] for row in rows) / count * count / (count - 1)
    return (variance if variance > 1e-20 else max(luck, 1 / clips**2)), luck


def over_seeds_and_clips(values, groups, kinds):
    """The parts of a variance and their degrees of freedom: `kinds` of (random networks, factor)."""
    parts, freedoms, twice = [], [], 0
    for random, factor in kinds:
        variance, luck = seeds(random, groups)
        parts.append(factor * variance)
        freedoms.append(len(random) - 1)
        twice += factor * luck
    total, freedom = variance_of_mean(values, groups)
    return [*parts, total - twice], [*freedoms, freedom]


def student(values, groups, kinds):
    """Mean, standard error and degrees of freedom."""
    parts, freedoms = over_seeds_and_clips(values, groups, kinds)
    parts[-1] = max(parts[-1], 0)
    freedom = sum(parts) ** 2 / sum(part**2 / of for part, of in zip(parts, freedoms, strict=True))
    return sum(values) / len(values), sqrt(sum(parts)), freedom


def gain(trained, random, groups):
    """Of a network over a further random one."""
    count, groups = len(random), list(groups)
    values = [mine - sum(one[clip] for one in random) / count for clip, mine in enumerate(trained)]
    return student(values, groups, [(random, 1 + 1 / count)])


def mean_difference(first, second, groups):
    """Of random networks of one kind over those of another."""
    means = [[sum(clip) / len(random) for clip in zip(*random, strict=True)] for random in (first, second)]
    values = [mine - theirs for mine, theirs in zip(*means, strict=True)]
    return student(values, list(groups), [(random, 1 / len(random)) for random in (first, second)])


def wilson(share, clips, freedom, confidence):
    """The ends of Wilson's interval, by its closed form, with Student's quantile."""
    z = stats.t.ppf((1 + confidence) / 2, freedom)
    middle = (share + z**2 / 2 / clips) / (1 + z**2 / clips)
    half = z / (1 + z**2 / clips) * sqrt(share * (1 - share) / clips + z**2 / 4 / clips**2)
    return middle - half, middle + half


def paired_score(better, worse, clips, difference):
    """Tango's statistic of a difference, the likelihood maximised by scipy: counts of clips, `better` and `worse`."""

    def unlikely(alone):
        cells = ((better, alone + difference), (worse, alone), (clips - better - worse, 1 - 2 * alone - difference))
        return -sum(count * np.log(max(share, 1e-300)) for count, share in cells if count)

    bounds = (max(0, -difference), (1 - difference) / 2)
    alone = optimize.minimize_scalar(unlikely, bounds=bounds, method="bounded", options={"xatol": 1e-12}).x
    variance = clips * (2 * alone + difference - difference**2)
    return (better - worse - clips * difference) / sqrt(variance)


def design_effect(variance, of_a_clip, groups):
    """Of n clips: what is expected, 0.1 between clips of a group, counts as a single clip that differs."""
    clips, sizes = len(groups), [list(groups).count(name) for name in set(groups)]
    expected = 1 + 0.1 * (sum(size**2 for size in sizes) / clips - 1)
    return (variance + expected / clips**2) / (of_a_clip / clips + 1 / clips**2)


def accuracy(correct, groups, confidence):
    """The mean, and Wilson's ends."""
    correct, groups = list(correct), list(groups)
    share = sum(correct) / len(correct)
    variance, freedom = variance_of_mean(correct, groups)
    effect = design_effect(variance, share * (1 - share), groups)
    return share, *wilson(share, len(correct) / effect, freedom, confidence)


def paired(values, groups):
    """Mean, and of a null the one-sided p-values against greater and less, by Tango's test."""
    values, groups = list(values), list(groups)
    better, worse = (sum(1 for value in values if value == sign) for sign in (1, -1))
    mean, clips = sum(values) / len(values), len(values)
    variance, freedom = variance_of_mean(values, groups)
    effect = design_effect(variance, (better + worse) / clips - mean**2, groups)

    def p_values(null):
        statistic = paired_score(better, worse, clips, null) / sqrt(effect)
        return stats.t.sf(statistic, freedom), stats.t.cdf(statistic, freedom)

    return mean, p_values


def holm(p):
    """By closed testing: each is as large as the largest Bonferroni p of any subset of tests that it is in."""
    subsets = [[place for place in range(len(p)) if chosen[place]] for chosen in product((False, True), repeat=len(p))]
    return [
        max(min(1, len(subset) * min(p[place] for place in subset)) for subset in subsets if one in subset)
        for one in range(len(p))
    ]
