"""The page's sentences: what was asked, what came out, how sure it is, and what each section shows."""

from collections.abc import Mapping, Sequence

from trajprobe.compare.confidence import Estimate
from trajprobe.compare.estimates import AREA
from trajprobe.compare.robustness import ROBUSTNESS
from trajprobe.compare.verdicts import POWER
from trajprobe.files.feature_shards import level_of
from trajprobe.page.confusion import Predictions, most_confused
from trajprobe.page.forest import against_chance, arrow_lines
from trajprobe.page.run_results import Judged, Line, RunResults
from trajprobe.page.scales import MINUS
from trajprobe.pictures.files import CAMERA
from trajprobe.report.numbers import percent, rounded_percent

#: Rows that a sentence names at most.
NAMED = 6


def question(results: RunResults) -> str:
    classes = f"{results.data['classes']:,} classes of motion"
    if results.gain:
        return f"Does pretraining help {results.primary} to tell {classes} apart?"
    return f"How well do features of {results.primary} tell {classes} apart?"


def answer(results: RunResults) -> str:
    """The verdict in a few words."""
    gain = results.gain
    if gain is None:
        return (
            f"{_percent(results.main)} of clips are classified correctly, where {percent(results.chance)} % is chance"
        )
    by = f"{abs(100 * gain.difference.mean):.1f} points"
    return {
        "better": f"Yes, by {by} of {results.metric_title}",
        "worse": f"No, it does harm: {by} worse than random weights",
        "practically equal": f"No: pretrained and random weights are practically equal, {by} apart",
        "not distinguishable": f"Not shown: {_signed(gain.difference.mean)} points could be chance",
        "not judged": f"Not judged: {by} apart, with too few clips or groups to say more",
    }[gain.verdict]


def evidence(results: RunResults) -> str:
    """What the answer rests on, in sentences."""
    clips = f"{results.data['tested_clips']:,} clips"
    metric = "" if results.metric == "accuracy" else f" ({results.metric_title}, since classes are uneven)"
    sentences = [
        f"A probe of the features of {_network(results.main)} gets {_percent(results.main)} of {clips} right{metric}"
    ]
    if results.gain and results.baseline:
        sentences[0] += f"; of the same network with random weights, {_percent(results.baseline)}"
    sentences[0] += f"; guessing gets {percent(results.chance)} %."
    if results.gain:
        sentences.append(certainty(results, results.gain))
    return " ".join(sentences)


def certainty(results: RunResults, judged: Judged) -> str:
    """How sure a difference is."""
    mean, low, high = (_signed(value) for value in judged.difference)
    level = f"{100 * results.confidence:g} %"
    words = f"The difference is {mean} points, {level} interval {low} to {high}"
    if judged.p_value is None or judged.detectable is None:
        return f"{words}; there are too few clips or groups for a test."
    return (
        f"{words}, {p_words(judged.p_value)}; this run would have detected {100 * judged.detectable:.1f} points "
        f"in {10 * POWER:g} of 10 repeats."
    )


def p_words(p_value: float) -> str:
    return f"p = {p_value:.4f}" if p_value >= 0.0001 else "p < 0.0001"


def against_others(results: RunResults) -> list[str]:
    """How the primary row stands against the other ones, a sentence for each verdict."""
    by_verdict: dict[str, list[str]] = {}
    for judged in results.differences:
        first, _, second = judged.name.partition(" minus ")
        if judged.family == "row" and first == results.primary:
            by_verdict.setdefault(judged.verdict, []).append(f"{second} ({_signed(judged.difference.mean)})")
    words = {
        "better": "better than",
        "worse": "worse than",
        "practically equal": "practically equal to",
        "not distinguishable": "not distinguishable from",
        "not judged": "not judged against",
    }
    return [f"It is {words[verdict]} {_listed(names)}." for verdict, names in sorted(by_verdict.items())]


def shares_of_gain(results: RunResults) -> list[str]:
    """How much of the primary row's gain is left with other weights, or under a perturbation: what it is owed to."""
    parts = []
    for line in results.lines:
        reference, share = line.share_of_gain or ("", None)
        if share and reference == results.primary and (share.ci_low > 0 or not line.is_perturbed):
            parts.append(f"{line.what if line.is_perturbed else line.row} has {rounded_percent(share)}")
    return [f"Of this gain, {_listed(parts)}."] if parts else []


def _listed(names: Sequence[str]) -> str:
    shown = list(names[:NAMED])
    if len(names) > NAMED:
        shown.append(f"{len(names) - NAMED} more rows")
    return ", ".join(shown[:-1]) + (" and " if len(shown) > 1 else "") + shown[-1]


def scores(results: RunResults) -> str:
    parts = ["Each line is what a probe gets right from one kind of features; further right is better"]
    if results.baseline:
        parts.append("the distance from a ring to the filled dot of its row is what pretraining gives")
    return "; ".join(parts) + "."


def differences(results: RunResults) -> str:
    return (
        "A verdict in bold is a test after the correction for all of these differences, so a line that keeps clear of "
        "the dashed zero is not enough. Within the shaded band, "
        f"{100 * results.margin:g} points on either side, rows are practically equal."
    )


def clips(inputs: Sequence[str]) -> str:
    cameras = 1 + sum(shown.startswith(CAMERA) for shown in inputs)
    if cameras > 1:
        words = f"One track of each class, as each of the {cameras} cameras shows it."
        if len(inputs) > cameras:
            words += " The clips beside these are the first camera's: what changes is all that the perturbed rows lack."
    elif len(inputs) == 1:
        words = "One clip of each class, as the networks see it."
    else:
        words = "One clip of each class: what changes from left to right is all that the perturbed rows lack."
    if level_of(inputs[-1]) is not None:
        words += " The last one has the most clutter in its way."
    return words


def few_labels(results: RunResults) -> str:
    area, baseline = results.main.estimate(AREA), results.baseline
    words = "The further left a curve rises, the fewer labels its features need"
    if area and baseline and (random := baseline.estimate(AREA)):
        words += (
            f"; over all numbers of labels, pretrained has {percent(area.mean)} % and random {percent(random.mean)} %"
        )
    return words + ". Bands reach over the seeds."


def confused(results: RunResults, of: Predictions) -> str:
    pair, name = most_confused(of), results.main.name
    if pair is None:
        return (
            f"{name}, in % of each class: every clip is classified correctly, and all of the weight is on the diagonal."
        )
    label, predicted, share = pair
    return (
        f"{name}, in % of each class: off the diagonal is what goes wrong, most often {label}, of which "
        f"{100 * share:.0f} % are taken for {predicted}."
    )


def mistakes(count: int) -> str:
    return (
        f"The {count} most confident errors: every network is wrong, and the true class has the lowest probability "
        "(bits: its code length)."
    )


def layers(rows: Sequence[str]) -> str:
    return (
        f"What each layer of {_listed(rows)} gives with each pooling, in %. A frame marks those that folds chose "
        "inside train, which make the row's own numbers. Do not report the best cell: the tested clips would have "
        "chosen it."
    )


def attentive() -> str:
    return (
        "A probe that learns which tokens to look at, of pretrained and of random networks alike; the verdict is on "
        "pretrained minus random."
    )


def arrow(results: RunResults) -> str:
    above = [line.row for line, judged in arrow_lines(results) if against_chance(judged) == "above chance"]
    words = "Above 50 %, features tell a clip from the same clip played backwards"
    if not above:
        words += ": no row does, so nothing shows that these motions have a direction of time."
    else:
        words += f": {_listed(sorted(set(above)))} {'do' if len(set(above)) > 1 else 'does'}."
    return words + " Within the shaded band a row is at chance."


def robustness(results: RunResults) -> str:
    words = "The further right, the more is in the way. Solid curves are of probes that saw plain clips alone"
    main, baseline = results.main.numbers.get(ROBUSTNESS), results.baseline
    if main and baseline and (random := baseline.numbers.get(ROBUSTNESS)):
        area, base = (percent(each["from_plain"]["area"]["mean"]) for each in (main, random))
        words += f": over all levels, pretrained keeps {area} % and random {base} %"
    return words + ". Dashed ones are of probes that were fitted at each level. Bands are intervals."


def cost() -> str:
    return "Up is better and left is cheaper: a row is worth its arithmetic if none is above it to its left."


def feature_map(separations: Sequence[tuple[str, float]]) -> str:
    parts = [f"{title}: {percent(share)} %" for title, share in separations]
    return (
        "Classes that lie in separate clusters can be told apart even in two dimensions. Clips whose nearest neighbour "
        f"here is of their class: {', '.join(parts)}."
    )


def pretraining() -> str:
    return "The loss has to fall and level off: a curve that still falls at its end was stopped early."


def tokens(figures: Mapping[str, float] | None) -> str:
    """`figures` are those of the recipe that trained the tokenizer, where one did."""
    words = "The clip, what the tokenizer decodes from its codes, and the codes, a colour each."
    if figures and "weighted_mse" in figures:
        error, black = figures["weighted_mse"], figures["weighted_mse_black"]
        words += f" The error of what it decodes, weighted towards the blob, is {error:.3f}"
        words += f"; that of a black clip is {black:.3f}."
    return words


def _network(line: Line) -> str:
    kinds = {"pretrained": "the pretrained network", "random": "the network with random weights"}
    return kinds.get(line.kind, line.row)


def _percent(line: Line) -> str:
    return f"{percent(line.score.mean)} %"


def _signed(value: float) -> str:
    return f"{100 * value:+z.1f}".replace("-", MINUS)


def title(results: RunResults) -> str:
    """Of the page."""
    return f"{results.primary}: {answer(results)}"


def tiles(results: RunResults) -> list[tuple[str, str, str]]:
    """The few numbers that decide: of each its name, itself, and what it is."""
    main, baseline, gain = results.main, results.baseline, results.gain
    shown = [(_kind(main), _percent(main), _range(main.score))]
    if baseline:
        shown.append((_kind(baseline), _percent(baseline), _range(baseline.score)))
    if gain:
        mean, low, high = (_signed(value) for value in gain.difference)
        shown.append(("difference", mean, f"points, {low} to {high}"))
        if gain.p_value is not None and gain.detectable is not None:
            p_value = p_words(gain.p_value).removeprefix("p ").removeprefix("= ")
            shown.append(("p", p_value, f"one-sided, corrected; {100 * gain.detectable:.1f} points were detectable"))
    else:
        shown.append(("chance", f"{percent(results.chance)} %", "the most frequent class"))
    return shown


def _kind(line: Line) -> str:
    return {"pretrained": "pretrained", "random": "random weights"}.get(line.kind, line.row)


def _range(interval: Estimate) -> str:
    return f"{percent(interval.ci_low)} to {percent(interval.ci_high)}"
