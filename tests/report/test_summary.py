"""metrics/summary.json: the few numbers that decide, by the names that `dvc metrics diff` shows."""

import json

import pytest
from probed import FEW, compared, key, params, row, scored

from trajprobe.report.summary import summary

TRAINED = row("pretrained", "net", "00001110")
RANDOM = row("random", "net", "00110000", "00001122", "00000000")
MIDDLE = row("pretrained", "net", "00000000", input="middle-frame")
SHUFFLED = row("pretrained", "net-shuffled", "00000000")
BARE = row("random", "bare", "00001100", "00001110")
PIXELS = row("none", "pixels", "01001110")
ALL = [TRAINED, RANDOM, MIDDLE, SHUFFLED, BARE, PIXELS]
PARAMS = params(confidence=0.8)
SCORE = ["accuracy.mean", "accuracy.ci_low", "accuracy.ci_high"]
GAIN = ["random.mean", "gain.mean", "gain.ci_low", "gain.ci_high", "verdict"]
DIFFERENCE = ["difference.mean", "verdict"]


@pytest.fixture(scope="module")
def found():
    return compared(*ALL, labelling=FEW, given=PARAMS)


def flat(node, name=""):
    """Names joined by points, as `dvc metrics diff` shows them."""
    if not isinstance(node, dict):
        return {name: node}
    return {key: leaf for part, value in node.items() for key, leaf in flat(value, f"{name}.{part}".strip(".")).items()}


def names(row, *parts):
    return {f"{row}.{part}" for part in parts}


def test_its_names_are_these(found):
    expected = names("net", *SCORE, *GAIN) | names("headline", *SCORE, *GAIN)
    for other in ("net-shuffled", "bare"):
        expected |= names(other, *SCORE, *DIFFERENCE)
    expected |= names("pixels", SCORE[0], *DIFFERENCE)
    assert set(flat(summary(found, PARAMS))) == expected


def test_a_network_that_saw_clips_backwards_has_its_arrow_of_time_and_controls_have_it_in_the_details():
    parts = [
        scored("pretrained", "net", 180, arrow_of_time=[2, 1] * 100),
        scored("random", "net", 90, 92, arrow_of_time=[1] * 200),
        scored("none", "pixels", 100, arrow_of_time=[2, 1] * 100),
    ]
    shown = summary(compared(*parts), params())
    assert shown["net"]["arrow_of_time"] == shown["headline"]["arrow_of_time"] == {"mean": 0.75}
    assert "arrow_of_time" not in shown["pixels"]


def test_the_default_run_has_at_most_sixty_numbers():
    """Two rows with a gain, one like each, six controls; their perturbations are in the details alone."""
    parts = []
    for name in ("net", "net-mean"):
        parts += [scored("pretrained", name, 180, trained_frames=17), scored("random", name, 90, 92, 94, 96, 98)]
        parts.append(scored("pretrained", f"{name}-shuffled", 170, trained_frames=17))
    parts += [scored("pretrained", "net", 120, input=name) for name in ("middle-frame", "shuffled-frames")]
    parts.append(scored("permuted-weights", "net", 120))
    parts += [scored("none", f"control-{number}", 100) for number in range(6)]
    found = compared(*parts, against={"net-mean-shuffled": "net-mean"})
    assert len(flat(summary(found, params()))) == 58


def test_it_holds_scalars_only_of_four_decimals(found):
    numbers = summary(found, PARAMS)
    leaves = flat(numbers).values()
    assert all(type(leaf) in (int, float) and leaf == round(leaf, 4) for leaf in leaves)
    assert json.loads(json.dumps(numbers, allow_nan=False)) == numbers
    assert any(leaf != round(leaf, 3) for leaf in leaves)


def test_the_headline_is_the_primary_row(found):
    numbers = summary(found, PARAMS)
    assert numbers["headline"] == numbers["net"]
    changed = params("bare", confidence=0.8)
    bare = summary(compared(*ALL, labelling=FEW, given=changed), changed)
    assert set(flat(bare["headline"])) == set(SCORE)
    assert bare["headline"] == bare["bare"]
    assert {"gain", "random"} <= bare["net"].keys()
    assert "difference" not in bare["net"]


def test_numbers_are_those_of_the_comparison(found):
    numbers = summary(found, PARAMS)
    net, gain = numbers["net"], found.gains[key("pretrained", "net")].verdict
    score = found.estimates[key("pretrained", "net")]["accuracy"]
    assert net["accuracy"] == {"mean": 7 / 8, "ci_low": round(score.ci_low, 4), "ci_high": round(score.ci_high, 4)}
    assert net["random"] == {"mean": round(13 / 24, 4)}
    assert list(net["gain"].values()) == pytest.approx([*gain.difference], abs=5e-5)
    assert net["gain"]["mean"] == round(7 / 8 - 13 / 24, 4)
    assert numbers["bare"]["difference"] == {"mean": round(7 / 8 - 13 / 16, 4)}
    assert numbers["bare"]["accuracy"]["mean"] == round(13 / 16, 4)
    assert numbers["net-shuffled"]["difference"] == {"mean": 3 / 8}


@pytest.mark.parametrize(("mine", "theirs", "sign"), [(200, 0, 1), (0, 200, -1), (200, 200, 0)])
def test_verdicts_are_numbers(mine, theirs, sign):
    parts = [scored("random", "net", mine, mine), scored("none", "pixels", theirs)]
    pixels = summary(compared(*parts), params())["pixels"]
    assert (pixels["difference"]["mean"], pixels["verdict"]) == ((mine - theirs) / 200, sign)
    assert type(pixels["verdict"]) is int
    parts = [scored("pretrained", "net", mine), scored("random", "net", theirs, theirs)]
    assert summary(compared(*parts), params())["net"]["verdict"] == sign


def test_where_verdicts_are_on_balanced_accuracy_all_numbers_are():
    found = compared(*ALL, labelling=FEW, given=PARAMS, metric="balanced_accuracy")
    net = summary(found, PARAMS)["net"]
    assert set(net) == {"balanced_accuracy", "random", "gain", "verdict"}
    assert net["balanced_accuracy"]["mean"] == round(2 / 3, 4)
    assert net["random"]["mean"] == round((1 / 6 + 8 / 9 + 1 / 3) / 3, 4)
    assert net["gain"]["mean"] == round(2 / 3 - (1 / 6 + 8 / 9 + 1 / 3) / 3, 4)
