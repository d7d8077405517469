"""metrics/summary.json: the numbers of the comparison by the names that `dvc metrics diff` shows."""

import json

import pytest
from probed import FEW, MANY, params, row, scored

from trajprobe.compare.comparison import compare
from trajprobe.report.summary import summary

RUN = {"few_shot": [[0.5, 0.6, 0.71239]], "code_bits": [5.0], "permuted": [0.5, 0.25], "permuted_expected": [0.4, 0.3]}
TRAINED = row("pretrained", "net", "00001110", equal=[0, 0, 1, 1, 1, 1, 0, 2, 2, 2], **RUN)
EACH = [{"few_shot": [[0.1 * one, 0.2, 0.3]], "code_bits": [8.0 + one]} for one in range(3)]
RANDOM = row("random", "net", "00110000", "00001122", "00000000", each=EACH, **RUN)
SHUFFLED = row("controls", "net-shuffled", "00000000", trained_frames=9)
PERTURBED = row("perturbed", "net/middle-frame", "00000000")
BARE = row("random", "bare", "00001100", "00001110")
ALL = [TRAINED, RANDOM, SHUFFLED, PERTURBED, BARE]
PARAMS = params(confidence=0.8)
SCORES = ["accuracy.mean", "accuracy.ci_low", "accuracy.ci_high", "balanced_accuracy", "macro_f1"]
SCORES += ["equal_dimensions_accuracy"]
VERDICT = ["mean", "ci_low", "ci_high", "effect", "effect_low", "effect_high", "detectable", "p"]
VERDICT += ["verdict", "practically_equal"]
ALSO = ["permuted_labels_accuracy", "few_shot.shots_1", "few_shot.shots_2", "few_shot.shots_4", "few_shot.area"]
ALSO += ["code_length.bits_a_clip", "code_length.compression"]
GAIN = [f"{name}.{end}" for name in ("few_shot_area", "bits_a_clip") for end in ("mean", "ci_low", "ci_high")]


@pytest.fixture(scope="module")
def found():
    return compare(ALL, {"net-shuffled": "net"}, FEW, PARAMS)


@pytest.fixture(scope="module")
def told(found):
    return summary(found, {"w": {"mse": 0.123456, "tokens": 4.0}}, PARAMS)


def flat(node, name=""):
    """Names joined by points, as `dvc metrics diff` shows them."""
    if not isinstance(node, dict):
        return {name: node}
    return {key: leaf for part, value in node.items() for key, leaf in flat(value, f"{name}.{part}".strip(".")).items()}


def below(name, *parts):
    return {f"{name}.{part}" for part in parts}


def test_its_names_are_these(told):
    net = below("pretrained", *SCORES, *ALSO) | below("random", *SCORES, *ALSO) | below("gain", *VERDICT, *GAIN)
    expected = below("net", *net) | below("headline", *net)
    expected |= below("bare.random", *SCORES) | below("bare.gap", *VERDICT)
    for control in ("net-shuffled", "middle-frame"):
        expected |= below(f"controls.{control}", *SCORES) | below(f"controls.{control}.gap", *VERDICT)
    expected |= below("data", "tested_clips", "groups", "classes", "chance", "leaked_duplicates", "away_from_chance")
    expected |= below("pretrain.w", "mse", "tokens")
    assert set(flat(told)) == expected


def test_it_holds_scalars_only_of_four_decimals(told):
    leaves = flat(told).values()
    assert all(type(leaf) in (int, float) and leaf == round(leaf, 4) for leaf in leaves)
    assert json.loads(json.dumps(told, allow_nan=False)) == told
    assert any(leaf != round(leaf, 3) for leaf in leaves)


def test_the_data_are_told(told):
    assert told["data"] == {
        "tested_clips": 8,
        "groups": 4,
        "classes": 3,
        "chance": 0.5,
        "leaked_duplicates": 3,
        "away_from_chance": 0,
    }
    assert told["pretrain"] == {"w": {"mse": 0.1235, "tokens": 4.0}}


def test_all_that_is_away_from_chance_is_counted():
    leaky = {"permuted": [0.88, 0.9, 0.92, 0.9, 0.9], "permuted_expected": [0.5, 0.5, 0.49, 0.5, 0.5]}
    probes = [row("controls", name, "00001112", **leaky) for name in ("pixels", "coordinates")]
    changed = params(leaks="tell")
    found = compare([*ALL, *probes], {}, FEW, changed)
    assert summary(found, {}, changed)["data"]["away_from_chance"] == 2


def test_the_headline_is_the_primary_row(told):
    assert told["headline"] == told["net"]
    changed = params("bare", confidence=0.8)
    bare = summary(compare(ALL, {}, FEW, changed), {}, changed)
    assert bare["headline"] == bare["bare"] == {"random": bare["bare"]["random"]}
    assert "gap" in bare["net"]


def test_scores_are_those_of_the_row(found, told):
    assert told["net"]["pretrained"] == {
        "accuracy": {name: round(value, 4) for name, value in found.accuracies["pretrained", "net"]._asdict().items()},
        "balanced_accuracy": round((1 + 1 + 0) / 3, 4),
        "macro_f1": round((8 / 9 + 1 + 0) / 3, 4),
        "equal_dimensions_accuracy": 5 / 8,
        "permuted_labels_accuracy": 0.375,
        # The area by trapezoids over 0, 1 and 2, the log2 of the clips a class.
        "few_shot": {"shots_1": 0.5, "shots_2": 0.6, "shots_4": 0.7124, "area": round(0.25 / 2 + 0.3 + 0.71239 / 4, 4)},
        "code_length": {"bits_a_clip": 0.5, "compression": 3.0},
    }
    assert told["controls"]["net-shuffled"]["accuracy"]["mean"] == 0.5


def test_differences_are_those_of_the_comparison(found, told):
    pairs = [
        (told["net"]["gain"], found.gains["net"].verdict),
        (told["bare"]["gap"], found.gaps["random", "bare"].verdict),
    ]
    pairs += [(told["controls"][name]["gap"], found.gaps["controls", name].verdict) for name in told["controls"]]
    assert len(pairs) == 4
    for part, verdict in pairs:
        values = [*verdict.difference, *verdict.effect, verdict.detectable, verdict.p]
        assert [part[name] for name in VERDICT[:-2]] == pytest.approx(values, abs=5e-5)
    gain = found.gains["net"]
    for name, estimate in (("few_shot_area", gain.area), ("bits_a_clip", gain.bits)):
        assert list(told["net"]["gain"][name].values()) == pytest.approx([*estimate], abs=5e-5)
    assert told["net"]["gain"]["mean"] == round(7 / 8 - 13 / 24, 4)
    assert told["net"]["gain"]["bits_a_clip"]["mean"] == round(0.5 - 0.9, 4)
    assert told["bare"]["gap"]["mean"] == round(7 / 8 - 13 / 16, 4)


@pytest.mark.parametrize(("mine", "theirs", "sign", "equal"), [(200, 0, 1, 0), (0, 200, -1, 0), (200, 200, 0, 1)])
def test_verdicts_are_numbers(mine, theirs, sign, equal):
    probes = [scored("random", "net", mine, mine), scored("controls", "pixels", theirs)]
    gap = summary(compare(probes, {}, MANY, PARAMS), {}, PARAMS)["controls"]["pixels"]["gap"]
    assert (gap["mean"], gap["verdict"], gap["practically_equal"]) == (sign, sign, equal)
    assert (type(gap["verdict"]), type(gap["practically_equal"])) == (int, int)


def test_a_rank_is_told_where_there_are_seeds_enough():
    random = row("random", "net", *["00110000"] * 19, "00001110")
    told = summary(compare([TRAINED, random], {}, FEW, PARAMS), {}, PARAMS)
    assert told["net"]["gain"]["rank_p"] == round(2 / 21, 4)
