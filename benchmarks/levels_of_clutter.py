"""Error rates and coverage of areas under levels of clutter, behind real cross-validation."""

from collections.abc import Iterator

import numpy as np
from carry_nothing import row_probe
from cross_validated import LAYER_C, Setting, features
from error_rates import ALPHA, CONFIDENCE, MARGIN, percent
from joblib import Parallel, delayed
from msgspec.structs import replace

from trajprobe.compare.confidence import Estimate
from trajprobe.compare.robustness import robustness
from trajprobe.compare.sample import Sample
from trajprobe.compare.scored import scored_variants
from trajprobe.files.feature_shards import clutter_input, level_of
from trajprobe.files.labelling import Labelling
from trajprobe.files.probe_results import RowProbe
from trajprobe.params import read, section
from trajprobe.probes.network_probes import VariantFeatures, probe_networks
from trajprobe.probes.settings import CodeLength, FewShot, Probe

LEVEL_RUNS, RANDOM, LEVELS = 200, 3, (0.5, 1.0, 2.0)
SETTINGS = (Setting("60", 60, 1), Setting("200", 200, 1), Setting("200 in 10 groups", 10, 20))


def probed(setting: Setting, seed: int) -> tuple[RowProbe, Labelling]:
    """A network and random ones that are as good, over plain clips and at levels, with one penalty.

    Clutter adds noise to the features, as strong as its level; half of its variance is the clip's, and the same for all
    networks. What a level has, a higher one has too.
    """
    params = replace(
        section(read(), Probe, "probe"), few_shot=FewShot(0, 1.0), code_length=CodeLength(0, (1.0,)), permutations=0,
        seed=seed,
    )  # fmt: skip
    params = replace(params, logistic=replace(params.logistic, c=(LAYER_C,)))
    drawn, labelling = features(setting, seed, 1 + RANDOM)
    generator = np.random.default_rng([seed, 1])
    of_clip = generator.normal(size=drawn[0][0].shape)
    noise = [(of_clip + generator.normal(size=of_clip.shape)) / np.sqrt(2) for _ in drawn]
    levels = [[[x + level * own] for (x,), own in zip(drawn, noise, strict=True)] for level in LEVELS]
    variants = [VariantFeatures(drawn, in_full=False, at_levels=levels)]
    variants += [VariantFeatures(level, in_full=False) for level in levels]
    plain, *fitted = probe_networks(variants, labelling, params, "levels")
    row = row_probe("net", labelling, [], pretrained=plain.networks[:1], random=plain.networks[1:])
    parts = list(row.variants)
    for level, of_level, from_plain in zip(LEVELS, fitted, plain.at_levels, strict=True):
        networks = [
            replace(network, from_plain=own) for network, own in zip(of_level.networks, from_plain, strict=True)
        ]
        for part, own in zip(row.variants, (networks[:1], networks[1:]), strict=True):
            parts.append(replace(part, input=clutter_input(level), networks=own))
    return replace(row, variants=parts), labelling


def said(setting: Setting, seed: int) -> list[tuple[Estimate, Estimate, Estimate]]:
    """Of both curves: the area of the first network, its gain, and its gain with the interval of one-sided tests."""
    row, labelling = probed(setting, seed)
    variants = {scored.variant: scored for scored in scored_variants(row, labelling)}
    plain = {of: scored for of, scored in variants.items() if level_of(of.input) is None}
    trained, random = plain
    cluttered = {of: scored for of, scored in variants.items() if of not in plain}
    arguments = (plain, cluttered, {trained: random}, "accuracy", Sample.of(labelling), ALPHA, MARGIN)
    wide, narrow = (robustness(*arguments, confidence)[trained] for confidence in (CONFIDENCE, 1 - 2 * ALPHA))
    results = []
    for of, tested in ((wide.from_plain, narrow.from_plain), (wide.fitted, narrow.fitted)):
        assert of.gain
        assert tested.gain
        results.append((of.area, of.gain.difference, tested.gain.difference))
    return results


def level_rates() -> Iterator[list[str]]:
    """Lines of the page's table."""
    for setting in SETTINGS:
        runs = Parallel(n_jobs=-1)(delayed(said)(setting, seed) for seed in range(LEVEL_RUNS))
        for number, title in enumerate(("of plain clips", "at each level")):
            areas, gains, tested = (np.array([run[number][part] for run in runs]) for part in range(3))
            truth = float(areas[:, 0].mean())
            outcomes = (
                tested[:, 1] > 0,
                tested[:, 2] < 0,
                (gains[:, 1] <= 0) & (gains[:, 2] >= 0),
                (areas[:, 1] <= truth) & (areas[:, 2] >= truth),
            )
            yield [title, setting.name, percent(truth), *(percent(float(each.mean())) for each in outcomes)]
